"""Batches: who fails with whom, and what the order says (contract 3.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_calls import Caller, link


def _new(name: str, trace: str | None = None, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"properties": {"name": name, **more}}
    return given if trace is None else {**given, "objectWriteTraceId": trace}


def _by_erp_id(key: str, trace: str | None = None, **more: Any) -> dict[str, Any]:
    given = {"id": key, "idProperty": "erp_id", "properties": {"erp_id": key, **more}}
    return given if trace is None else {**given, "objectWriteTraceId": trace}


@pytest.fixture
def keyed(portal: Caller) -> Caller:
    portal.define("companies", "erp_id", hasUniqueValue=True)
    return portal


@pytest.mark.parametrize("traces", [(None, None), ("a", None), ("a", "a")])
def test_without_a_trace_id_of_its_own_for_each_one_bad_row_fails_the_call(
    portal: Caller, traces: tuple[str | None, str | None]
) -> None:
    answer = portal.batch("companies", "create", _new("Acme", traces[0]), _new("Beta", traces[1], foo="x"))
    assert answer.refused == (400, "VALIDATION_ERROR")
    assert "context" not in answer.json
    assert portal.get("companies").json["results"] == []


@pytest.mark.parametrize("verb", ["update", "upsert"])
def test_trace_ids_tell_rows_apart_for_creates_alone_unless_switched(keyed: Caller, verb: str) -> None:
    keyed.make("companies", name="Acme", erp_id="1")
    keyed.make("companies", name="Beta", erp_id="2")
    rows = [_by_erp_id("1", "t1", city="Bonn"), _by_erp_id("2", "t2", foo="x")]
    assert keyed.batch("companies", verb, *rows).status == 400
    assert keyed.fields("companies", "91", "city")["city"] is None
    keyed.switch(row_results=["create", "update", "upsert"])
    answer = keyed.batch("companies", verb, *rows)
    assert answer.status == 207
    assert [error["context"]["objectWriteTraceId"] for error in answer.json["errors"]] == [["t2"]]
    assert keyed.fields("companies", "91", "city")["city"] == "Bonn"


def test_a_conflict_in_a_batch_fails_it_with_400_or_409(portal: Caller) -> None:
    key = portal.make("contacts", email="ann@acme.com")
    row = {"properties": {"email": "ann@acme.com"}}
    answer = portal.batch("contacts", "create", row)
    assert answer.refused == (400, "CONFLICT")
    assert answer.json["message"].endswith(f"Existing ID: {key}")
    portal.switch(conflict_status=409)
    assert portal.batch("contacts", "create", row).refused == (409, "CONFLICT")


def test_two_rows_of_a_batch_cannot_take_the_same_address(portal: Caller) -> None:
    rows = [{"properties": {"email": "a@b.de"}, "objectWriteTraceId": trace} for trace in ("t1", "t2")]
    answer = portal.batch("contacts", "create", *rows)
    assert answer.status == 207
    assert [record["objectWriteTraceId"] for record in answer.json["results"]] == ["t1"]
    assert answer.json["errors"][0]["category"] == "CONFLICT"


def test_results_do_not_stand_in_the_order_of_the_inputs(portal: Caller) -> None:
    names = [
        record["properties"]["name"]
        for record in portal.batch("companies", "create", *map(_new, "abc")).json["results"]
    ]
    assert names == ["c", "b", "a"]
    portal.switch(result_order="given")
    results = portal.batch("companies", "read", {"id": "91"}, {"id": "93"}).json["results"]
    assert [record["id"] for record in results] == ["91", "93"]


@pytest.mark.parametrize("count", [0, 101])
@pytest.mark.parametrize("verb", ["create", "update", "upsert", "read", "archive"])
def test_a_batch_has_from_one_to_a_hundred_inputs(keyed: Caller, verb: str, count: int) -> None:
    rows: list[Any] = [_by_erp_id(str(n)) for n in range(count)]
    if verb == "create":
        rows = [_new(str(n)) for n in range(count)]
    if verb in ("read", "archive"):
        rows = [{"id": str(n)} for n in range(count)]
    assert keyed.batch("companies", verb, *rows).codes == ["INVALID_BATCH_SIZE"]


@pytest.mark.parametrize("verb", ["update", "upsert", "read", "archive"])
def test_one_record_cannot_stand_twice_in_a_batch(keyed: Caller, verb: str) -> None:
    keyed.make("companies", name="Acme", erp_id="1")
    rows: list[Any] = [_by_erp_id("1", "t1"), _by_erp_id("1", "t2")]
    if verb in ("read", "archive"):
        rows = [{"id": "91"}, {"id": "91"}]
    assert keyed.batch("companies", verb, *rows).codes == ["DUPLICATE_IDS"]
    assert keyed.get("companies/91").status == 200


def test_an_update_by_id_and_one_by_property_of_the_same_record_are_refused(keyed: Caller) -> None:
    key = keyed.make("companies", name="Acme", erp_id="1")
    answer = keyed.batch("companies", "update", {"id": key, "properties": {}}, _by_erp_id("1"))
    assert answer.codes == ["DUPLICATE_IDS"]


def test_what_is_there_is_updated_and_what_is_not_is_made(keyed: Caller) -> None:
    key = keyed.make("companies", name="Acme", erp_id="1")
    answer = keyed.batch("companies", "upsert", _by_erp_id("1", city="Bonn"), _by_erp_id("2", "t", name="Beta"))
    assert answer.status == 200
    shown = {record["properties"]["erp_id"]: record for record in answer.json["results"]}
    assert (shown["1"]["id"], shown["1"]["new"]) == (key, False)
    assert (shown["2"]["new"], shown["2"]["objectWriteTraceId"]) == (True, "t")
    assert keyed.fields("companies", key, "city", "name")["name"] == "Acme"


def test_the_key_of_a_new_record_need_not_stand_among_its_properties(keyed: Caller) -> None:
    row = {"id": "7", "idProperty": "erp_id", "properties": {"name": "Acme"}}
    assert keyed.batch("companies", "upsert", row).status == 200
    assert keyed.get("companies/7", idProperty="erp_id").status == 200


@pytest.mark.parametrize(
    ("kind", "id_property"), [("contacts", "email"), ("contacts", None), ("companies", "name"), ("companies", "foo")]
)
def test_a_batch_goes_by_a_custom_unique_property_only(portal: Caller, kind: str, id_property: str | None) -> None:
    row: dict[str, Any] = {"id": "a@b.de", "properties": {"phone": "1"}}
    if id_property is not None:
        row["idProperty"] = id_property
    assert portal.batch(kind, "upsert", row).codes == ["INVALID_ID_PROPERTY"]


def test_an_update_of_what_is_not_there_fails(portal: Caller) -> None:
    row = {"id": "999", "properties": {"name": "Acme"}, "objectWriteTraceId": "t"}
    assert portal.batch("companies", "update", row).refused == (400, "OBJECT_NOT_FOUND")


def test_unknown_ids_of_a_read_are_told_or_left_out(portal: Caller) -> None:
    key, gone = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    portal.delete(f"companies/{gone}")
    refs = [{"id": key}, {"id": "999"}, {"id": gone}, {"id": "x"}]
    answer = portal.batch("companies", "read", *refs, properties=["name"])
    assert answer.status == 207
    assert [record["id"] for record in answer.json["results"]] == [key]
    assert answer.json["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert answer.json["errors"][0]["context"]["ids"] == ["999", gone, "x"]
    portal.switch(unknown_ids="left_out")
    answer = portal.batch("companies", "read", *refs)
    assert (answer.status, len(answer.json["results"]), "errors" in answer.json) == (200, 1, False)


def test_a_read_goes_by_a_unique_property_and_into_the_recycle_bin(keyed: Caller) -> None:
    key = keyed.make("companies", name="Acme", erp_id="1")
    answer = keyed.batch("companies", "read", {"id": "1"}, idProperty="erp_id", properties=["name", "foo"])
    assert answer.json["results"][0]["properties"]["name"] == "Acme"
    keyed.delete(f"companies/{key}")
    target = keyed.objects("companies/batch/read", archived="true")
    assert keyed.call("POST", target, {"inputs": [{"id": int(key)}]}).json["results"][0]["archived"] is True


def test_a_batch_to_the_recycle_bin_passes_over_what_is_not_there(portal: Caller) -> None:
    keys = [portal.make("companies", name=name) for name in "ab"]
    answer = portal.batch("companies", "archive", *({"id": key} for key in [*keys, "999"]))
    assert (answer.status, answer.body) == (204, b"")
    assert portal.get("companies").json["results"] == []


def test_a_created_row_brings_its_associations(portal: Caller) -> None:
    order = portal.make("orders", hs_order_name="O")
    row = {"properties": {"name": "Nut"}, "associations": [link(order, 514)], "objectWriteTraceId": "t"}
    assert portal.batch("line_items", "create", row).status == 201
    assert "associations" not in portal.batch("orders", "read", {"id": order}).json["results"][0]
    found = portal.get(f"orders/{order}", associations="line_items").json["associations"]
    assert found == {"line_items": {"results": [{"id": "91", "type": "order_to_line_item"}]}}


def test_a_row_whose_association_fails_leaves_nothing(portal: Caller) -> None:
    rows = [
        {"properties": {"name": "a"}, "associations": [link("999", 514)], "objectWriteTraceId": "t1"},
        {"properties": {"name": "b"}, "objectWriteTraceId": "t2"},
    ]
    answer = portal.batch("line_items", "create", *rows)
    assert (answer.status, answer.json["numErrors"]) == (207, 1)
    names = [record["properties"]["name"] for record in portal.get("line_items", properties="name").json["results"]]
    assert names == ["b"]


def test_a_row_that_fails_halfway_leaves_nothing(portal: Caller) -> None:
    order, invoice = portal.make("orders", hs_order_name="O"), portal.make("invoices", hs_currency="EUR")
    both = [link(order, 514), link(invoice, 410)]
    rows = [
        {"properties": {"name": "a"}, "associations": both, "objectWriteTraceId": "t1"},
        {"properties": {"name": "b"}, "objectWriteTraceId": "t2"},
    ]
    answer = portal.batch("line_items", "create", *rows)
    assert answer.status == 207
    assert answer.json["errors"][0]["errors"][0]["code"] == "LINE_ITEM_ALREADY_ASSOCIATED"
    names = [record["properties"]["name"] for record in portal.get("line_items", properties="name").json["results"]]
    assert names == ["b"]


@pytest.mark.parametrize("types", [[], [999], [514, 410]])
def test_a_type_id_has_to_lead_somewhere(portal: Caller, types: list[int]) -> None:
    order = portal.make("orders", hs_order_name="O")
    named = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id} for type_id in types]
    body = {"properties": {"name": "Nut"}, "associations": [{"to": {"id": order}, "types": named}]}
    assert portal.post("line_items", body).codes == ["INVALID_ASSOCIATION_TYPE"]
