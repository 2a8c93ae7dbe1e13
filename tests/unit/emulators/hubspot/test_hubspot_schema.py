"""Property definitions, groups and pipelines (contract 3.3, 8)."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_calls import Caller

OPTIONS = [{"label": "A", "value": "a", "displayOrder": 0, "hidden": False}]


def test_a_property_can_be_made_read_and_written(portal: Caller) -> None:
    answer = portal.define("companies", "erp_id", hasUniqueValue=True, description="Key")
    assert answer.status == 201
    assert (answer.json["hasUniqueValue"], answer.json["hubspotDefined"]) == (True, False)
    assert portal.call("GET", "/crm/properties/2026-09/companies/erp_id").json == answer.json
    names = [known["name"] for known in portal.call("GET", "/crm/properties/2026-03/0-2").json["results"]]
    assert "erp_id" in names
    assert "name" in names
    assert portal.fields("companies", portal.make("companies", name="A", erp_id="1"), "erp_id")["erp_id"] == "1"


def test_409_for_a_name_that_is_taken_and_404_for_one_that_is_not(portal: Caller) -> None:
    assert portal.define("companies", "name").refused == (409, "OBJECT_ALREADY_EXISTS")
    assert portal.call("GET", "/crm/properties/2026-09/companies/nothing").refused == (404, "OBJECT_NOT_FOUND")


@pytest.mark.parametrize(
    ("type_", "field_type"),
    [
        *(("string", name) for name in ("text", "textarea", "html", "phonenumber", "file")),
        ("number", "number"),
        ("date", "date"),
        ("datetime", "date"),
        ("bool", "booleancheckbox"),
        *(("enumeration", name) for name in ("select", "radio", "checkbox")),
    ],
)
def test_each_type_has_its_field_types(portal: Caller, type_: str, field_type: str) -> None:
    options = OPTIONS if type_ == "enumeration" else []
    assert portal.define("orders", "erp_x", type=type_, fieldType=field_type, options=options).status == 201


@pytest.mark.parametrize(
    "more",
    [
        {"type": "number", "fieldType": "text"},
        {"type": "datetime", "fieldType": "datetime"},
        {"type": "object"},
        {"groupName": "nowhere"},
        {"label": ""},
        {"name": "ERP_id"},
        {"name": "9lives"},
        {"name": "x" * 101},
        {"type": "enumeration", "fieldType": "select"},
        {"options": OPTIONS},
        {"type": "enumeration", "fieldType": "select", "options": OPTIONS * 2},
        {"hasUniqueValue": True, "type": "date", "fieldType": "date"},
        {"calculationFormula": "1 + 1"},
        {"colour": "red"},
    ],
)
def test_400_for_what_cannot_be_defined(portal: Caller, more: Any) -> None:
    answer = portal.define("companies", "erp_x", **more)
    assert answer.refused == (400, "VALIDATION_ERROR")
    assert portal.call("GET", "/crm/properties/2026-09/companies/erp_x").status == 404


@pytest.mark.parametrize("kind", ["products", "line_items", "orders", "invoices", "commerce_payments"])
def test_unique_properties_are_not_offered_everywhere(portal: Caller, kind: str) -> None:
    assert portal.define(kind, "erp_id", hasUniqueValue=True).codes == ["INVALID_PROPERTY"]
    assert portal.define(kind, "erp_id").status == 201
    portal.switch(unique_types=[kind])
    assert portal.define(kind, "erp_key", hasUniqueValue=True).status == 201


def test_ten_properties_of_a_type_can_be_unique(portal: Caller) -> None:
    for n in range(10):
        assert portal.define("contacts", f"key_{n}", hasUniqueValue=True).status == 201
    assert portal.define("contacts", "key_10", hasUniqueValue=True).codes == ["INVALID_PROPERTY"]
    assert portal.define("contacts", "plain").status == 201


def test_several_values_of_a_checkbox_are_joined(portal: Caller) -> None:
    options = [*OPTIONS, {"label": "B", "value": "b", "displayOrder": 1, "hidden": False}]
    portal.define("companies", "tags", type="enumeration", fieldType="checkbox", options=options)
    key = portal.make("companies", name="Acme", tags="b;a")
    assert portal.fields("companies", key, "tags")["tags"] == "b;a"
    assert portal.patch(f"companies/{key}", {"tags": "a;c"}).codes == ["INVALID_OPTION"]


def test_several_properties_are_made_together_or_not_at_all(portal: Caller) -> None:
    def row(name: str) -> dict[str, str]:
        group = "companyinformation"
        return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group}

    target = "/crm/properties/2026-09/companies/batch/create"
    assert portal.call("POST", target, {"inputs": [row("erp_a"), row("name")]}).status == 409
    assert portal.define("companies", "erp_a").status == 201
    assert portal.call("POST", target, {"inputs": [row("erp_b"), row("erp_c")]}).status == 201


def test_a_group_is_made_once(portal: Caller) -> None:
    target = "/crm/properties/2026-09/companies/groups"
    assert portal.call("POST", target, {"name": "erp_sync", "label": "ERP"}).status == 201
    assert portal.call("POST", target, {"name": "erp_sync", "label": "ERP"}).status == 409
    assert [group["name"] for group in portal.call("GET", target).json["results"]] == ["companyinformation", "erp_sync"]
    assert portal.define("companies", "erp_id", groupName="erp_sync").status == 201
    assert portal.define("contacts", "erp_id", groupName="erp_sync").status == 400


def test_pipelines_tell_the_internal_ids_of_their_stages(portal: Caller) -> None:
    results = portal.call("GET", "/crm/pipelines/2026-09/deals").json["results"]
    assert [pipeline["id"] for pipeline in results] == ["default", "75481062"]
    stage = next(stage for stage in results[1]["stages"] if stage["label"] == "Closed Won")
    deal = {"dealname": "D", "pipeline": results[1]["id"], "dealstage": stage["id"]}
    assert portal.post("deals", {"properties": deal}).status == 201
    assert portal.call("GET", "/crm/pipelines/2026-09/orders").json["results"][0]["stages"]
    assert portal.call("GET", "/crm/pipelines/v3/orders").status == 404
    assert portal.call("GET", "/crm/pipelines/2026-09/companies").json["results"] == []


def test_definitions_say_what_is_computed_and_what_is_kept_elsewhere(portal: Caller) -> None:
    def read(kind: str, name: str) -> Any:
        return portal.call("GET", f"/crm/properties/2026-09/{kind}/{name}").json

    assert read("line_items", "amount")["calculated"] is True
    assert read("companies", "createdate")["modificationMetadata"]["readOnlyValue"] is True
    assert (read("deals", "dealstage")["externalOptions"], read("deals", "dealstage")["options"]) == (True, [])
    assert read("contacts", "email")["hasUniqueValue"] is True
