"""Records one by one: versions, validation, conditions, deletes, merges."""

from __future__ import annotations

from typing import Any

import pytest
from reference_calls import Caller


def test_a_new_record_has_version_one_and_all_fields(crm: Caller) -> None:
    answer = crm.post("/api/companies", {"name": "Acme", "phone": "0049 30 1"})
    record = answer.json
    assert answer.status == 201
    assert answer.headers["etag"] == '"1"'
    assert (record["version"], record["created"], record["created_by"]) == (1, "2026-03-10T09:00:00.000Z", "connector")
    assert (record["deleted"], record["merged_into"]) == (False, None)
    assert record["fields"]["phone"] == "0049 30 1"
    assert record["fields"]["fax"] is None


def test_versions_count_by_one_and_a_missing_field_is_left_alone(crm: Caller) -> None:
    key = crm.make("companies", name="Acme", phone="1")
    crm.clock.advance(seconds=1)
    record = crm.patch(f"/api/companies/{key}", {"fax": "2"}).json
    assert (record["version"], record["modified"]) == (2, "2026-03-10T09:00:01.000Z")
    assert (record["fields"]["phone"], record["fields"]["fax"]) == ("1", "2")
    assert crm.patch(f"/api/companies/{key}", {"fax": None}).json["fields"]["fax"] is None
    assert crm.get(f"/api/companies/{key}").json["version"] == 3


@pytest.mark.parametrize(
    "same",
    [{}, {"name": "Acme"}, {"credit_limit": "100"}, {"credit_limit": "0100.000"}, {"fax": None}, {"fax": ""}],
)
def test_a_write_that_changes_no_value_moves_nothing(crm: Caller, same: dict[str, Any]) -> None:
    key = crm.make("companies", name="Acme", credit_limit="100.00", currency="EUR")
    _, cursor = crm.feed("companies")
    crm.clock.advance(seconds=1)
    answer = crm.patch(f"/api/companies/{key}", same)
    assert (answer.status, answer.json["version"]) == (200, 1)
    assert answer.json["modified"] == "2026-03-10T09:00:00.000Z"
    assert crm.feed("companies", cursor) == ([], cursor)


@pytest.mark.parametrize(
    ("name", "fields", "field", "code"),
    [
        ("companies", {}, "name", "required"),
        ("companies", {"name": None}, "name", "required"),
        ("companies", {"name": ""}, "name", "required"),
        ("companies", {"name": 3}, "name", "invalid"),
        ("companies", {"name": "A" * 256}, "name", "too_long"),
        ("companies", {"name": "A", "colour": "red"}, "colour", "unknown_field"),
        ("companies", {"name": "A", "status": "bad"}, "status", "invalid"),
        ("companies", {"name": "A", "credit_limit": 5}, "credit_limit", "invalid"),
        ("companies", {"name": "A", "credit_limit": "1e5"}, "credit_limit", "invalid"),
        ("companies", {"name": "A", "credit_limit": "1.005"}, "credit_limit", "too_precise"),
        ("companies", {"name": "A", "currency": "JPY", "credit_limit": "1.5"}, "credit_limit", "too_precise"),
        ("companies", {"name": "A", "currency": "eur"}, "currency", "invalid"),
        ("companies", {"name": "A", "parent_id": "C-99"}, "parent_id", "unknown_reference"),
        ("companies", {"name": "A", "parent_id": "CT-1"}, "parent_id", "unknown_reference"),
        ("companies", {"name": "A", "balance_as_of": "2026-02-30"}, "balance_as_of", "invalid"),
        ("companies", {"name": "A", "balance_as_of": "20260201"}, "balance_as_of", "invalid"),
        ("deals", {"name": "D", "company_id": "C-1", "amount": "5"}, "amount", "read_only"),
        ("deals", {"name": "D", "company_id": "C-1", "lines": {}}, "lines", "invalid"),
        ("deals", {"name": "D", "company_id": "C-1", "lines": [1]}, "lines[0]", "invalid"),
        ("deals", {"name": "D", "company_id": "C-1", "lines": [{"quantity": "1"}]}, "lines[0].unit_price", "required"),
        (
            "deals",
            {"name": "D", "company_id": "C-1", "lines": [{"quantity": "1", "unit_price": "1", "x": 1}]},
            "lines[0].x",
            "unknown_field",
        ),
        (
            "deals",
            {"name": "D", "company_id": "C-1", "lines": [{"quantity": "1", "unit_price": "1", "product_id": "PR-9"}]},
            "lines[0].product_id",
            "unknown_reference",
        ),
        (
            "deals",
            {"name": "D", "company_id": "C-1", "lines": [{"quantity": "1", "unit_price": "1", "id": "L-1"}]},
            "lines[0].id",
            "unknown_line",
        ),
        (
            "deals",
            {"name": "D", "company_id": "C-1", "lines": [{"quantity": "9" * 15, "unit_price": "9" * 15}]},
            "lines",
            "too_large",
        ),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(
    crm: Caller, name: str, fields: dict[str, Any], field: str, code: str
) -> None:
    crm.make("companies", name="First")
    answer = crm.post(f"/api/{name}", fields)
    assert (answer.status, answer.json["error"]["field"], answer.code) == (422, field, code)
    assert len(crm.feed("companies")[0]) == 1


def test_a_condition_that_no_longer_holds_is_answered_with_the_current_record(crm: Caller) -> None:
    key = crm.make("companies", name="Acme")
    assert crm.patch(f"/api/companies/{key}", {"fax": "1"}, if_match='"1"').status == 200
    late = crm.patch(f"/api/companies/{key}", {"fax": "2"}, if_match='"1"')
    assert (late.status, late.code, late.json["record"]["version"]) == (412, "version", 2)
    assert crm.call("DELETE", f"/api/companies/{key}", if_match='"1"').status == 412
    assert crm.patch(f"/api/companies/{key}", {"fax": "2"}, if_match="2").status == 400
    crm.switch(conditional="off")
    assert crm.patch(f"/api/companies/{key}", {"fax": "2"}, if_match='"1"').status == 200


def test_a_deleted_record_is_gone_but_known(crm: Caller) -> None:
    key = crm.make("companies", name="Acme", external_id="X")
    assert crm.call("DELETE", f"/api/companies/{key}").status == 204
    gone = crm.get(f"/api/companies/{key}")
    assert (gone.status, gone.json["record"]["deleted"], gone.json["record"]["fields"]) == (410, True, None)
    assert gone.json["record"]["version"] == 2
    assert crm.patch(f"/api/companies/{key}", {"name": "B"}).status == 410
    assert crm.get("/api/companies/C-99").status == 404
    assert crm.make("companies", name="New", external_id="X") == "C-2"


def test_a_required_child_holds_its_parent_and_another_is_let_go(crm: Caller) -> None:
    company = crm.make("companies", name="Acme")
    contact = crm.make("contacts", last_name="Doe", company_id=company)
    deal = crm.make("deals", name="D", company_id=company)
    assert crm.call("DELETE", f"/api/companies/{company}").code == "has_children"
    crm.call("DELETE", f"/api/deals/{deal}")
    assert crm.call("DELETE", f"/api/companies/{company}").status == 204
    record = crm.get(f"/api/contacts/{contact}").json
    assert (record["fields"]["company_id"], record["version"]) == (None, 2)


def test_a_product_used_in_a_line_cannot_be_deleted(crm: Caller) -> None:
    company, product = crm.make("companies", name="Acme"), crm.make("products", sku="P", name="Pen")
    deal = crm.make(
        "deals",
        name="D",
        company_id=company,
        lines=[{"product_id": product, "quantity": "1", "unit_price": "1"}],
    )
    assert crm.call("DELETE", f"/api/products/{product}").code == "has_children"
    crm.patch(f"/api/deals/{deal}", {"lines": []})
    assert crm.call("DELETE", f"/api/products/{product}").status == 204


def test_a_merge_moves_the_children_and_leaves_a_sign(crm: Caller) -> None:
    winner, loser = crm.make("companies", name="A"), crm.make("companies", name="B", external_id="X")
    contact = crm.make("contacts", last_name="Doe", company_id=loser)
    child = crm.make("companies", name="C", parent_id=loser)
    _, cursor = crm.feed("companies")
    merged = crm.post("/api/companies/merge", {"winner": winner, "loser": loser})
    assert (merged.status, merged.json["id"]) == (200, winner)
    assert crm.get(f"/api/contacts/{contact}").fields["company_id"] == winner
    assert crm.get(f"/api/companies/{child}").fields["parent_id"] == winner
    sign = crm.get(f"/api/companies/{loser}")
    assert (sign.status, sign.json["merged_into"], sign.json["fields"]) == (200, winner, None)
    items, _ = crm.feed("companies", cursor)
    assert {(item["id"], item["merged_into"]) for item in items} == {(child, None), (loser, winner)}
    late = crm.post("/api/contacts", {"last_name": "Roe", "company_id": loser})
    assert (late.status, winner in late.json["error"]["message"]) == (422, True)
    assert crm.patch(f"/api/companies/{loser}", {"name": "Z"}).status == 410
    assert crm.make("companies", name="D", external_id="X") == "C-4"


def test_a_merged_product_is_replaced_in_lines(crm: Caller) -> None:
    company = crm.make("companies", name="Acme")
    winner, loser = (crm.make("products", sku=sku, name="Pen") for sku in "AB")
    line = {"product_id": loser, "quantity": "1", "unit_price": "1"}
    deal = crm.make("deals", name="D", company_id=company, lines=[line])
    crm.post("/api/products/merge", {"winner": winner, "loser": loser})
    record = crm.get(f"/api/deals/{deal}").json
    assert (record["fields"]["lines"][0]["product_id"], record["version"]) == (winner, 2)


@pytest.mark.parametrize("body", [{}, {"winner": "C-1"}, {"winner": "C-1", "loser": "C-1"}, []])
def test_a_merge_needs_two_records(crm: Caller, body: Any) -> None:
    crm.make("companies", name="A")
    assert crm.post("/api/companies/merge", body).status == 400


def test_a_company_is_never_above_itself(crm: Caller) -> None:
    top = crm.make("companies", name="A")
    below = crm.make("companies", name="B", parent_id=top)
    for parent in (top, below):
        answer = crm.patch(f"/api/companies/{top}", {"parent_id": parent})
        assert (answer.status, answer.json["error"]["field"]) == (422, "parent_id")
    crm.post("/api/companies/merge", {"winner": below, "loser": top})
    assert crm.get(f"/api/companies/{below}").fields["parent_id"] is None


def test_lines_keep_their_identity_and_order(crm: Caller) -> None:
    company = crm.make("companies", name="Acme")
    line = {"quantity": "1", "unit_price": "2", "external_id": "a"}
    deal = crm.make("deals", name="D", company_id=company, lines=[line, {**line, "external_id": "b"}])
    path = f"/api/deals/{deal}"
    lines = crm.patch(path, {"lines": [{"id": "L-2", "quantity": "3"}, line, {"id": "L-1"}]}).fields["lines"]
    assert [(item["id"], item["external_id"], item["amount"]) for item in lines] == [
        ("L-2", "b", "6.00"),
        ("L-3", "a", "2.00"),
        ("L-1", "a", "2.00"),
    ]
    crm.patch(path, {"lines": [{"id": "L-1"}]})
    assert [item["id"] for item in crm.patch(path, {"lines": [{"id": "L-1"}, line]}).fields["lines"]] == ["L-1", "L-4"]
    assert crm.patch(path, {"lines": [{"id": "L-1"}, {"id": "L-1"}]}).code == "unknown_line"


def test_a_won_deal_keeps_its_lines_editable_and_its_figures_computed(crm: Caller) -> None:
    company = crm.make("companies", name="Acme")
    line = {"quantity": "3", "unit_price": "0.335", "tax_percent": "19", "discount_percent": "0"}
    deal = crm.make("deals", name="D", company_id=company, stage="won", currency="EUR", freight="5", lines=[line])
    fields = crm.get(f"/api/deals/{deal}").fields
    assert (fields["subtotal"], fields["tax"], fields["amount"]) == ("1.01", "0.19", "6.20")
    fields = crm.patch(f"/api/deals/{deal}", {"lines": [{"id": "L-1", "quantity": "30"}]}).fields
    assert (fields["subtotal"], fields["tax"], fields["amount"]) == ("10.05", "1.91", "16.96")
    assert crm.patch(f"/api/deals/{deal}", {"currency": "JPY"}).fields["subtotal"] == "10"


def test_put_by_external_id_creates_once_and_then_updates(crm: Caller) -> None:
    path = "/api/companies/by/external_id/a%2Fb".replace("%2F", "/")
    first, second = (crm.call("PUT", path, {"name": name}) for name in ("A", "B"))
    assert (first.status, second.status) == (201, 200)
    assert (second.json["id"], second.json["version"]) == (first.json["id"], 2)
    assert second.fields["external_id"] == "a/b"
    assert crm.call("PUT", path, {"name": "A", "external_id": "other"}).status == 422
    crm.switch(external_key="search")
    assert crm.call("PUT", path, {"name": "A"}).status == 404


def test_external_ids_are_unique_searchable_or_neither_as_the_switch_says(crm: Caller) -> None:
    crm.make("companies", name="A", external_id="X")
    assert crm.post("/api/companies", {"name": "B", "external_id": "X"}).code == "duplicate"
    crm.switch(external_key="search")
    crm.make("companies", name="B", external_id="X")
    assert len(crm.get("/api/companies?external_id=X").json["items"]) == 2
    assert crm.switch(external_key="unique").code == "duplicate"
    assert crm.get("/api/describe").json["objects"]["companies"]["external_key"] == "search"
    crm.switch(external_key="none")
    assert crm.get("/api/companies?external_id=X").status == 422


def test_describe_tells_every_object_and_field(crm: Caller) -> None:
    shown = crm.get("/api/describe").json
    assert (shown["system"], shown["principal"], shown["time"]) == ("crm", "connector", "2026-03-10T09:00:00.000Z")
    deals = shown["objects"]["deals"]
    assert deals["fields"]["name"] == {"type": "text", "required": True, "writable": True, "max_length": 255}
    assert deals["fields"]["amount"]["writable"] is False
    assert deals["fields"]["lines"]["lines"]["product_id"]["object"] == "products"
    assert (deals["creatable"], deals["deletable"], deals["idempotency"]) == (True, True, 86400)
    crm.switch(idempotency="off", conditional="off")
    deals = crm.get("/api/describe").json["objects"]["deals"]
    assert (deals["idempotency"], deals["conditional"]) == (0, False)
