"""Describe, custom fields and objects, and the facts of the standard ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from salesforce_org import CONTRACT, OrgClient, check_shape

from connector.emulators.salesforce import Settings, create_app


def describe(org: OrgClient, name: str) -> dict[str, Any]:
    answer = org.get(f"sobjects/{name}/describe")
    assert answer.status == 200
    for field in answer.json["fields"]:
        check_shape("DescribeField", field)
    return {field["name"]: field for field in answer.json["fields"]}


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not at hand")
@pytest.mark.parametrize(
    "name",
    ["Account", "Contact", "Product2", "Pricebook2", "PricebookEntry", "Order", "OrderItem", "Opportunity"],
)
def test_standard_fields_are_as_the_contract_has_them(euro_org: OrgClient, name: str) -> None:
    facts = json.loads((CONTRACT / "standard-objects.json").read_text())["objects"][name]
    shown = describe(euro_org, name)
    for fact in facts:
        field = shown[fact["name"]]
        required = field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
        given = (field["type"], required, field["updateable"])
        assert given == (fact["type"], fact["requiredOnCreate"], fact["updateable"]), fact
        assert "length" not in fact or field["length"] == fact["length"], fact


def test_every_object_describes_itself(org: OrgClient) -> None:
    shown = org.get("sobjects").json["sobjects"]
    names = {one["name"] for one in shown}
    assert {"Account", "Order", "OrderItem", "ERP_Invoice__c", "User", "Organization"} <= names
    for name in names:
        assert "Id" in describe(org, name)
    assert len({one["keyPrefix"] for one in shown}) == len(shown)


def test_a_describe_tells_references_keys_and_choices(org: OrgClient) -> None:
    account, order = describe(org, "Account"), describe(org, "Order")
    assert (account["ParentId"]["referenceTo"], account["ParentId"]["relationshipName"]) == (["Account"], "Parent")
    assert (account["ERP_Id__c"]["externalId"], account["ERP_Id__c"]["unique"], account["ERP_Id__c"]["length"]) == (
        True,
        True,
        80,
    )
    assert (order["Status"]["restrictedPicklist"], [one["value"] for one in order["Status"]["picklistValues"]]) == (
        True,
        ["Draft", "Activated"],
    )
    children = org.get("sobjects/Account/describe").json["childRelationships"]
    assert {"childSObject": "Contact", "field": "AccountId", "relationshipName": "Contacts"}.items() <= next(
        one for one in children if one["relationshipName"] == "Contacts"
    ).items()


def test_an_object_tells_its_latest_records(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    shown = org.get("sobjects/Account").json
    assert (shown["objectDescribe"]["keyPrefix"], shown["recentItems"][0]["Id"]) == ("001", key)


def make_field(org: OrgClient, name: str, **metadata: Any) -> Any:
    return org.post("tooling/sobjects/CustomField", {"FullName": name, "Metadata": {"label": "L", **metadata}})


def test_a_custom_field_is_there_at_once(org: OrgClient) -> None:
    answer = make_field(org, "Account.Region__c", type="Text", length=5)
    assert answer.status == 201
    assert answer.json["success"] is True
    key = org.make("Account", Name="A", Region__c="north")
    assert org.names("SELECT Region__c FROM Account WHERE Region__c = 'NORTH'", "Region__c") == ["north"]
    assert org.post("sobjects/Account", {"Name": "B", "Region__c": "northern"}).code == "STRING_TOO_LONG"
    assert org.read("Account", key)["Region__c"] == "north"


@pytest.mark.parametrize(
    ("metadata", "value", "code"),
    [
        ({"type": "Number", "precision": 5, "scale": 2}, 1000, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"type": "Checkbox"}, "true", "JSON_PARSER_ERROR"),
        ({"type": "Date"}, "2026-02-30", "JSON_PARSER_ERROR"),
        ({"type": "DateTime"}, "2026-02-03", "JSON_PARSER_ERROR"),
        ({"type": "Email"}, "x", "INVALID_EMAIL_ADDRESS"),
        ({"type": "Phone"}, "5" * 41, "STRING_TOO_LONG"),
        ({"type": "LongTextArea", "length": 256}, "x" * 257, "STRING_TOO_LONG"),
        ({"type": "Lookup", "referenceTo": "Contact"}, "001000000000001", "FIELD_INTEGRITY_EXCEPTION"),
        (
            {
                "type": "Picklist",
                "valueSet": {"restricted": True, "valueSetDefinition": {"value": [{"fullName": "a"}]}},
            },
            "b",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ),
    ],
)
def test_a_custom_field_checks_what_its_type_says(
    org: OrgClient, metadata: dict[str, Any], value: Any, code: str
) -> None:
    assert make_field(org, "Account.New__c", **metadata).status == 201
    assert org.post("sobjects/Account", {"Name": "A", "New__c": value}).code == code


@pytest.mark.parametrize(
    ("name", "metadata", "code"),
    [
        ("Account.ERP_Id__c", {"type": "Text", "length": 5}, "DUPLICATE_DEVELOPER_NAME"),
        ("Account.New", {"type": "Text", "length": 5}, "INVALID_FULL_NAME"),
        ("Account.1__c", {"type": "Text", "length": 5}, "INVALID_FULL_NAME"),
        ("New__c", {"type": "Text", "length": 5}, "INVALID_FULL_NAME"),
        ("Nonsense.New__c", {"type": "Text", "length": 5}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Account.New__c", {"type": "Text"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Text", "length": 256}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Nonsense"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Lookup", "referenceTo": "Nonsense"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Picklist"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Checkbox", "defaultValue": "maybe"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Account.New__c", {"type": "Text", "length": 5, "nonsense": 1}, "JSON_PARSER_ERROR"),
        ("Account.New__c", {"type": "Text", "length": 5, "label": None}, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_a_custom_field_that_is_wrong_is_refused(
    org: OrgClient, name: str, metadata: dict[str, Any], code: str
) -> None:
    assert make_field(org, name, **metadata).code == code
    assert "New__c" not in describe(org, "Account")


def test_a_custom_object_is_there_at_once(org: OrgClient) -> None:
    metadata = {"label": "Site", "pluralLabel": "Sites", "nameField": {"type": "Text", "label": "Site Name"}}
    body = {"FullName": "Site__c", "Metadata": metadata}
    assert org.post("tooling/sobjects/CustomObject", body).status == 201
    assert org.post("tooling/sobjects/CustomObject", body).code == "DUPLICATE_DEVELOPER_NAME"
    assert (
        make_field(org, "Site__c.Account__c", type="Lookup", referenceTo="Account", relationshipName="Sites").status
        == 201
    )
    account = org.make("Account", Name="A")
    org.make("Site__c", Name="North", Account__c=account)
    assert org.names("SELECT Account__r.Name, Name FROM Site__c") == ["North"]
    children = org.rows("SELECT Id, (SELECT Name FROM Sites__r) FROM Account")[0]["Sites__r"]["records"]
    assert children[0]["Name"] == "North"
    assert org.post("sobjects/Site__c", {}).code == "REQUIRED_FIELD_MISSING"
    field = {"fullName": "New__c", "type": "Nonsense", "label": "L"}
    for wrong, code in (
        ({"FullName": "Other__c", "Metadata": {**metadata, "fields": [field]}}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"FullName": "Other__c", "Metadata": {}}, "REQUIRED_FIELD_MISSING"),
        ({"FullName": "Other", "Metadata": metadata}, "INVALID_FULL_NAME"),
        ({"FullName": "Other__c", "Metadata": metadata | {"nonsense": 1}}, "JSON_PARSER_ERROR"),
        ({"FullName": "Other__c"}, "JSON_PARSER_ERROR"),
    ):
        assert org.post("tooling/sobjects/CustomObject", wrong).code == code
    assert org.get("sobjects/Other__c").code == "NOT_FOUND"


def test_a_new_checkbox_is_false_on_records_that_were_there(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    make_field(org, "Account.New__c", type="Checkbox")
    assert org.read("Account", key)["New__c"] is False
    assert len(org.rows("SELECT Id FROM Account WHERE New__c = false")) == 1


def test_a_new_field_can_be_hidden_until_it_is_permitted(org: OrgClient) -> None:
    org.switch(field_security=True)
    make_field(org, "Account.New__c", type="Text", length=5, externalId=True)
    assert "New__c" not in describe(org, "Account")
    assert org.query("SELECT New__c FROM Account").code == "INVALID_FIELD"
    assert org.post("sobjects/Account", {"Name": "A", "New__c": "x"}).code == "INVALID_FIELD"
    assert org.put("Account", "New__c", "x", Name="A").code == "NOT_FOUND"
    permission = {"SobjectType": "Account", "Field": "Account.New__c", "PermissionsRead": True, "PermissionsEdit": True}
    wrong = {**permission, "Field": "Account.Other__c"}
    assert org.post("sobjects/FieldPermissions", wrong).code == "INVALID_CROSS_REFERENCE_KEY"
    assert org.post("sobjects/FieldPermissions", permission).status == 201
    assert org.put("Account", "New__c", "x", Name="A").status == 201


def test_a_hidden_lookup_leads_nowhere(org: OrgClient) -> None:
    org.switch(field_security=True)
    make_field(org, "Account.Main__c", type="Lookup", referenceTo="Contact")
    assert org.query("SELECT Main__r.LastName FROM Account").code == "INVALID_FIELD"
    assert org.post("sobjects/Account", {"Name": "A", "Main__c": None}).code == "INVALID_FIELD"


def test_a_file_keeps_records_fields_and_numbers(tmp_path: Path) -> None:
    db = str(tmp_path / "org.db")
    app = create_app(Settings(db=db))
    with app.org.transaction():
        app.org.apply("Account.New__c", {"type": "Text", "length": 5, "label": "New"})
        kind = app.org.kind("Account")
        first = app.org.records.create(kind, {"Name": "A", "New__c": "x"}, app.org.caller)
    app.close()
    app = create_app(Settings(db=db))
    kind = app.org.kind("Account")
    row = app.org.store.get(kind, first)
    assert row is not None
    assert row["New__c"] == "x"
    with app.org.transaction():
        assert app.org.records.create(kind, {"Name": "B"}, app.org.caller) > first
    assert app.org.store.count(app.org.schema.objects["Pricebook2"]) == 1
    app.close()


def test_records_are_counted(org: OrgClient) -> None:
    org.make("Account", Name="A")
    answer = org.get("limits/recordCount", sObjects="Account,Contact").json
    assert answer == {"sObjects": [{"name": "Account", "count": 1}, {"name": "Contact", "count": 0}]}
    assert org.get("limits/recordCount", sObjects="Nonsense").code == "NOT_FOUND"


def test_a_version_tells_its_resources(org: OrgClient) -> None:
    assert org.call("GET", org.base).json["query"] == f"{org.base}/query"
    assert org.call("GET", f"{org.base}/").status == 200
