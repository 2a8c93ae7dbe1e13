"""Every row of the contract's table of errors that the emulator can produce (contract 6)."""

from __future__ import annotations

import json

import pytest
from hubspot_calls import Caller, only
from hubspot_schemas import FILE, validator

DEAL = {"dealname": "Deal", "pipeline": "default", "dealstage": "closedwon"}
GATEWAY = (502, 503, 504, 521, 522, 523, 524, 525, 526)


def test_207_tells_the_rows_that_failed_by_their_trace_ids(portal: Caller) -> None:
    good = {"properties": {"name": "Acme"}, "objectWriteTraceId": "run-0"}
    bad = {"properties": {"name": "Beta", "foo": "x"}, "objectWriteTraceId": "run-1"}
    answer = portal.batch("companies", "create", good, bad)
    assert answer.status == 207
    assert [record["objectWriteTraceId"] for record in answer.json["results"]] == ["run-0"]
    assert answer.json["numErrors"] == 1
    (error,) = answer.json["errors"]
    assert error["category"] == "VALIDATION_ERROR"
    assert error["context"] == {"objectWriteTraceId": ["run-1"]}
    assert error["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


@pytest.mark.parametrize(
    ("kind", "name", "value", "code"),
    [
        ("companies", "foo", "x", "PROPERTY_DOESNT_EXIST"),
        ("companies", "hs_object_id", "1", "READ_ONLY_VALUE"),
        ("companies", "createdate", "2026-01-01T00:00:00Z", "READ_ONLY_VALUE"),
        ("companies", "hs_lastmodifieddate", "0", "READ_ONLY_VALUE"),
        ("companies", "hs_merged_object_ids", "1", "READ_ONLY_VALUE"),
        ("companies", "lifecyclestage", "Customer", "INVALID_OPTION"),
        ("companies", "name", "x" * 65_537, "INVALID_LENGTH"),
        ("contacts", "email", "nobody", "INVALID_EMAIL"),
        ("products", "price", "ten", "INVALID_INTEGER"),
        ("products", "price", "1e3", "INVALID_INTEGER"),
        ("invoices", "hs_due_date", "01.02.2026", "INVALID_DATE"),
        ("invoices", "hs_due_date", "2026-02-30", "INVALID_DATE"),
        ("invoices", "hs_due_date", "1761990000000", "INVALID_DATE"),
        ("invoices", "hs_invoice_billable", "yes", "INVALID_OPTION"),
        ("invoices", "hs_number", "R-1", "READ_ONLY_VALUE"),
        ("deals", "closedate", "2026-02-01T10:00:00", "INVALID_DATE"),
        ("deals", "closedate", "2026-02-01T25:00:00Z", "INVALID_DATE"),
        ("deals", "closedate", "-99999999999999", "INVALID_DATE"),
        ("deals", "pipeline", "Sales Pipeline", "INVALID_OPTION"),
        ("deals", "dealstage", "Closed Won", "INVALID_OPTION"),
        ("deals", "deal_currency_code", "CHF", "INVALID_OPTION"),
        ("line_items", "amount", "10", "READ_ONLY_VALUE"),
        ("line_items", "price", "-1", "INVALID_PRICE"),
    ],
)
def test_400_names_the_property_and_what_was_wrong_with_it(
    portal: Caller, kind: str, name: str, value: str, code: str
) -> None:
    answer = portal.post(kind, {"properties": {**(DEAL if kind == "deals" else {}), name: value}})
    assert answer.refused == (400, "VALIDATION_ERROR")
    assert answer.codes == [code]
    assert answer.json["errors"][0]["context"] == {"propertyName": [name]}


@pytest.mark.parametrize(
    ("kind", "given", "missing"),
    [
        ("companies", {"city": "Bonn"}, ["name or domain"]),
        ("contacts", {"phone": "1"}, ["email or firstname or lastname"]),
        ("deals", {"dealname": "D"}, ["dealstage", "pipeline"]),
        ("products", {"price": "1"}, ["name"]),
        ("orders", {}, ["hs_order_name"]),
        ("invoices", {}, ["hs_currency"]),
        ("commerce_payments", {"hs_initial_amount": "1"}, ["hs_initiated_date"]),
    ],
)
def test_400_names_what_a_new_record_lacks(portal: Caller, kind: str, given: object, missing: list[str]) -> None:
    answer = portal.post(kind, {"properties": given})
    assert answer.status == 400
    assert [error["context"]["propertyName"] for error in answer.json["errors"]] == [[name] for name in missing]


def test_a_line_item_needs_nothing_and_a_product_its_name_or_all_that_is_listed(portal: Caller) -> None:
    assert portal.post("line_items", {"properties": {}}).status == 201
    assert portal.post("products", {"properties": {"name": "Nut"}}).status == 201
    portal.switch(product_required="listed")
    answer = portal.post("products", {"properties": {"name": "Bolt", "price": "1"}})
    assert [error["context"]["propertyName"][0] for error in answer.json["errors"]] == [
        "description",
        "hs_sku",
        "hs_folder",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"properties": {"name": ["a"]}}',
        b'{"properties": {"name": "Acme"}, "extra": 1}',
        b'{"properties": {"name": "Acme"}, "associations": [{"to": {"id": "1"}}]}',
    ],
)
def test_400_for_a_body_of_another_shape(portal: Caller, body: bytes) -> None:
    assert portal.call("POST", portal.objects("companies"), body).refused == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "query",
    [
        {"foo": "1"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"limit": ["5", "6"]},
        {"after": "x"},
        {"archived": "yes"},
        {"propertiesWithHistory": "name"},
        {"associations": "feet"},
    ],
)
def test_400_for_a_parameter_that_is_not_known_or_not_possible(portal: Caller, query: dict[str, str]) -> None:
    assert portal.get("companies", **query).refused == (400, "VALIDATION_ERROR")


def test_400_for_an_object_type_that_is_not_there(portal: Caller) -> None:
    assert portal.get("tickets").refused == (400, "VALIDATION_ERROR")
    portal.switch(payments=False)
    assert portal.get("commerce_payments").refused == (400, "VALIDATION_ERROR")
    assert portal.get("0-101").refused == (400, "VALIDATION_ERROR")


def test_400_on_a_search_past_ten_thousand(portal: Caller) -> None:
    assert portal.search("companies", after="9800", limit=200).status == 200
    assert portal.search("companies", after="9900", limit=200).refused == (400, "VALIDATION_ERROR")


def test_401_without_a_token_with_an_unknown_one_and_with_an_expired_one(portal: Caller) -> None:
    portal.token = None
    assert portal.get("companies").refused == (401, "INVALID_AUTHENTICATION")
    portal.token = "pat-eu1-somebody-else"
    assert portal.get("companies").refused == (401, "INVALID_AUTHENTICATION")


def test_404_says_the_same_of_a_record_that_never_was_and_of_one_that_is_gone(portal: Caller) -> None:
    gone = portal.make("companies", name="Acme")
    portal.delete(f"companies/{gone}")
    for key in (gone, "999999", "abc"):
        assert portal.get(f"companies/{key}").refused == (404, "OBJECT_NOT_FOUND")
        assert portal.patch(f"companies/{key}", {"city": "Bonn"}).refused == (404, "OBJECT_NOT_FOUND")


def test_404_for_a_path_has_no_category_and_405_says_what_is_allowed(portal: Caller) -> None:
    assert portal.call("GET", "/crm/objects/2025-09/companies").refused == (404, None)
    assert portal.call("GET", "/crm/v1/companies").refused == (404, None)
    assert portal.call("GET", "/crm/objects/2026-09/").refused == (404, None)
    answer = portal.call("PUT", portal.objects("companies/91"))
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, PATCH, DELETE"


def test_409_for_a_contacts_email_tells_who_has_it(portal: Caller) -> None:
    first = portal.make("contacts", email="ann@acme.com")
    answer = portal.post("contacts", {"properties": {"email": "Ann@Acme.com"}})
    assert answer.refused == (409, "CONFLICT")
    assert answer.json["message"] == f"Contact already exists. Existing ID: {first}"


def test_409_for_another_unique_property_does_not_tell(portal: Caller) -> None:
    portal.define("companies", "erp_id", hasUniqueValue=True)
    first = portal.make("companies", name="Acme", erp_id="1001")
    answer = portal.post("companies", {"properties": {"name": "Beta", "erp_id": "1001"}})
    assert answer.refused == (409, "OBJECT_ALREADY_EXISTS")
    assert first not in answer.json["message"]


def test_414_for_a_long_list_of_properties(portal: Caller) -> None:
    names = ",".join(f"property_number_{n:05d}" for n in range(400))
    assert portal.get("companies", properties=names).status == 414
    assert portal.get("companies", properties=names[:7000]).status == 200


def test_415_for_a_body_that_is_not_called_json(portal: Caller) -> None:
    answer = portal.call("POST", portal.objects("companies"), b"{}", content_type="text/plain")
    assert answer.status == 415


def test_423_is_said_in_hubspots_own_body(portal: Caller) -> None:
    portal.fault("status", status=423)
    assert portal.get("companies").refused == (423, "LOCKED")
    assert portal.get("companies").status == 200


def test_477_says_when_to_come_back(portal: Caller) -> None:
    portal.fault("status", status=477, seconds=7200)
    answer = portal.get("companies")
    assert answer.status == 477
    assert answer.headers["retry-after"] == "7200"


def test_500_has_a_body_without_a_category(portal: Caller) -> None:
    portal.fault("status", status=500)
    assert portal.get("companies").refused == (500, None)


@pytest.mark.parametrize("status", GATEWAY)
def test_what_stands_before_hubspot_answers_a_page(portal: Caller, status: int) -> None:
    portal.fault("status", status=status)
    answer = portal.get("companies")
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("token", ["pat eu1", "pat-eu1-\u00e9", ""])
def test_530_for_what_is_no_token_at_all(portal: Caller, token: str) -> None:
    answer = portal.call("GET", portal.objects("companies"), authorization=f"Bearer {token}")
    assert answer.status == 530
    assert answer.headers["content-type"].startswith("text/html")


def test_500_when_the_emulator_itself_fails_and_the_log_says_why(
    portal: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> int:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(portal.app.portal.time, "ms", fail)
    assert portal.admin("GET", "clock").status == 500
    assert "on purpose" in caplog.text


def test_every_refusal_has_an_id_of_its_own(portal: Caller) -> None:
    first, second = portal.get("companies/1").json, portal.get("companies/1").json
    assert first["status"] == "error"
    assert first["correlationId"] != second["correlationId"]


@pytest.mark.parametrize("name", ["status", "category", "correlationId", "errors", "context"])
def test_every_field_but_the_message_can_be_missing(portal: Caller, name: str) -> None:
    refused = portal.get("companies/1") if name == "context" else portal.post("companies", {"properties": {"a": "1"}})
    assert name in refused.json
    portal.switch(omit_error_fields=[name, "message"])
    refused = portal.get("companies/1") if name == "context" else portal.post("companies", {"properties": {"a": "1"}})
    assert name not in refused.json
    assert refused.json["message"]


def test_the_accounts_own_rules_bind_writes_of_2026_09_only(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    portal.switch(required_by_rule={"companies": ["city"]})
    assert portal.post("companies", {"properties": {"name": "Beta"}}).codes == ["REQUIRED_FIELD"]
    assert portal.patch(f"companies/{key}", {"phone": "1"}).codes == ["REQUIRED_FIELD"]
    assert portal.batch("companies", "update", {"id": key, "properties": {"phone": "1"}}).status == 400
    portal.version = "2026-03"
    assert portal.post("companies", {"properties": {"name": "Beta"}}).status == 201


@pytest.mark.skipif(not FILE.exists(), reason="HubSpot's schemas are not beside the repository")
def test_the_checks_of_answers_notice_another_shape() -> None:
    schema = validator("#/components/schemas/SimplePublicObject")
    right = {"id": "1", "properties": {"a": None}, "createdAt": "x", "updatedAt": "y", "archived": False}
    assert schema.is_valid(right)
    assert not schema.is_valid({**right, "id": 1})
    assert not schema.is_valid({**right, "properties": {"a": 1}})
    assert not schema.is_valid(json.loads("{}"))


def test_a_search_for_what_is_not_defined_is_refused(portal: Caller) -> None:
    assert portal.search("companies", only("foo", "EQ", "x")).codes == ["PROPERTY_DOESNT_EXIST"]
    assert portal.search("contacts", only("hs_lastmodifieddate", "GT", "0")).codes == ["PROPERTY_DOESNT_EXIST"]
