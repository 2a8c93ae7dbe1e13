"""Single records: what is refused, what is kept, how records are named by external ids."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import BASE, OrgClient, Shop, check_shape, record

LONG = "x" * 256


@pytest.mark.parametrize(
    ("name", "fields", "code", "named"),
    [
        ("Account", {}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Account", {"Name": "  "}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ("Account", {"Name": "A", "Nonsense": 1}, "INVALID_FIELD", None),
        ("Account", {"name": "A"}, "INVALID_FIELD", None),
        ("Account", {"Name": "A", "CreatedDate": "2026-01-01"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ("Account", {"Name": LONG}, "STRING_TOO_LONG", ["Name"]),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR", None),
        ("Account", {"Name": "A", "NumberOfEmployees": "5"}, "JSON_PARSER_ERROR", None),
        ("Account", {"Name": "A", "NumberOfEmployees": 10**9}, "NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
        ("Account", {"Name": "A", "ParentId": "nonsense"}, "MALFORMED_ID", ["ParentId"]),
        ("Account", {"Name": "A", "ParentId": "003000000000001"}, "FIELD_INTEGRITY_EXCEPTION", ["ParentId"]),
        ("Account", {"Name": "A", "ParentId": "001000000000001"}, "INVALID_CROSS_REFERENCE_KEY", ["ParentId"]),
        ("Account", {"Name": "A", "Id": "001000000000001AAA"}, "INVALID_FIELD", ["Id"]),
        ("Account", {"Name": "A", "ERP_Balance__c": 10**16}, "NUMBER_OUTSIDE_VALID_RANGE", ["ERP_Balance__c"]),
        ("Account", {"Name": "A", "ERP_Balance_As_Of__c": "2026-01-01T00:00:00"}, "JSON_PARSER_ERROR", None),
        ("Contact", {"LastName": "B", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ("Contact", {"LastName": "B", "Name": "B"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        ("Product2", {"Name": "P", "IsActive": "true"}, "JSON_PARSER_ERROR", None),
        ("Product2", {"Name": "P", "IsActive": None}, "JSON_PARSER_ERROR", None),
        ("Opportunity", {"Name": "O", "StageName": "X", "CloseDate": "2026-13-01"}, "JSON_PARSER_ERROR", None),
        ("Organization", {"Name": "O"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", None),
    ],
)
def test_a_record_that_is_wrong_is_refused(
    org: OrgClient, name: str, fields: dict[str, Any], code: str, named: list[str] | None
) -> None:
    answer = org.post(f"sobjects/{name}", fields)
    assert (answer.status, answer.code) == (400, code)
    assert answer.json[0].get("fields") == named


def test_a_status_outside_its_picklist_is_refused(shop: Shop) -> None:
    fields = {"AccountId": shop.account, "EffectiveDate": "2026-11-01", "Status": "Sent"}
    answer = shop.org.post("sobjects/Order", fields)
    assert answer.code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {"content_type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"[]", {"content_type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"{}", {"content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    org: OrgClient, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = org.post("sobjects/Account", body, **headers)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "sobjects/Nonsense", 404, "NOT_FOUND"),
        ("GET", "sobjects/account/describe", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/001000000000001", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/nonsense", 404, "NOT_FOUND"),
        ("GET", "nonsense", 404, "NOT_FOUND"),
        ("PUT", "sobjects/Account", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "sobjects/Account/describe?nonsense=1", 400, "INVALID_ARGUMENT_TYPE"),
        ("GET", "query?q=a&q=b", 400, "INVALID_ARGUMENT_TYPE"),
        ("GET", "sobjects/Account/Name/Acme", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/ERP_Id__c/none", 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_not_answered(org: OrgClient, method: str, path: str, status: int, code: str) -> None:
    answer = org.call(method, f"{BASE}/{path}")
    assert (answer.status, answer.code) == (status, code)


def test_a_record_reads_back_as_it_is_kept(org: OrgClient) -> None:
    key = org.make("Account", Name=" Acme ", AnnualRevenue=12_000_000, ERP_Balance__c=12.345, Phone="", Website=None)
    read = org.read("Account", key)
    assert read["attributes"] == {"type": "Account", "url": f"{BASE}/sobjects/Account/{key}"}
    kept = [read[name] for name in ("Name", "ERP_Balance__c", "Phone", "Website", "IsDeleted")]
    assert kept == ["Acme", 12.35, None, None, False]
    assert read["CreatedDate"] == read["SystemModstamp"] == "2026-11-01T09:00:30.000+0000"
    assert org.read("Account", key[:15])["Id"] == key


def test_numbers_from_ten_millions_are_written_with_an_exponent(org: OrgClient) -> None:
    path = f"sobjects/Account/{org.make('Account', Name='A', AnnualRevenue=12_000_000)}?fields=AnnualRevenue"
    assert b'"AnnualRevenue":1.2E7' in org.call("GET", f"{BASE}/{path}").body
    org.switch(numbers="plain")
    assert b'"AnnualRevenue":12000000.0' in org.call("GET", f"{BASE}/{path}").body


def test_a_read_can_ask_for_some_fields(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    assert set(org.get(f"sobjects/Account/{key}", fields="Name").json) == {"attributes", "Name"}
    assert org.get(f"sobjects/Account/{key}", fields="Nonsense").code == "INVALID_FIELD"


def test_a_change_moves_the_times_even_when_it_changes_nothing(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    org.clock.advance(seconds=2)
    assert org.patch(f"sobjects/Account/{key}", {}).status == 204
    read = org.read("Account", key)
    assert (read["CreatedDate"][17:19], read["LastModifiedDate"][17:19], read["SystemModstamp"][17:19]) == (
        "30",
        "32",
        "32",
    )


def test_milliseconds_are_kept_when_the_switch_says_so(org: OrgClient) -> None:
    org.switch(granularity="milliseconds")
    assert org.read("Account", org.make("Account", Name="A"))["SystemModstamp"] == "2026-11-01T09:00:30.250+0000"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"Id": "001000000000001"}, "INVALID_FIELD"),
        ({"IsDeleted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Name": LONG}, "STRING_TOO_LONG"),
    ],
)
def test_a_change_that_is_wrong_is_refused_and_leaves_no_trace(
    org: OrgClient, fields: dict[str, Any], code: str
) -> None:
    key = org.make("Account", Name="A")
    before = org.read("Account", key)
    org.clock.advance(minutes=1)
    assert org.patch(f"sobjects/Account/{key}", fields).code == code
    assert org.read("Account", key) == before


def test_a_deleted_record_is_told_apart_from_one_that_never_was(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    assert org.delete(f"sobjects/Account/{key}").status == 204
    for answer in (
        org.get(f"sobjects/Account/{key}"),
        org.patch(f"sobjects/Account/{key}", {"Name": "B"}),
        org.delete(f"sobjects/Account/{key}"),
    ):
        assert (answer.status, answer.code) == (404, "ENTITY_IS_DELETED")
    assert org.post("sobjects/Contact", {"LastName": "B", "AccountId": key}).code == "ENTITY_IS_DELETED"


# external ids


@pytest.mark.parametrize("value", ["ERP/1001", "a b", "a+b", "ä&ö=?#", "..", "%2F"])
def test_a_value_of_any_letters_names_a_record(org: OrgClient, value: str) -> None:
    first = org.put("Account", "ERP_Id__c", value, Name="A")
    assert first.status == 201
    check_shape("CreateResult", first.json)
    assert first.json["created"] is True
    second = org.put("Account", "ERP_Id__c", value, Name="B")
    assert (second.status, second.json["created"], second.json["id"]) == (200, False, first.json["id"])
    assert org.read("Account", first.json["id"])["ERP_Id__c"] == value


def test_old_versions_answer_an_update_without_a_body(org: OrgClient) -> None:
    org.put("Account", "ERP_Id__c", "1", Name="A")
    org.switch(empty_update=True)
    answer = org.put("Account", "ERP_Id__c", "1", Name="B")
    assert (answer.status, answer.body) == (204, b"")


def test_a_value_that_several_records_share_names_none(org: OrgClient) -> None:
    metadata = {"type": "Text", "length": 40, "label": "Legacy", "externalId": True}
    assert (
        org.post("tooling/sobjects/CustomField", {"FullName": "Account.Legacy__c", "Metadata": metadata}).status == 201
    )
    keys = [org.make("Account", Name=name, Legacy__c="7") for name in "AB"]
    for answer in (org.put("Account", "Legacy__c", "7", Name="C"), org.get("sobjects/Account/Legacy__c/7")):
        assert answer.status == 300
        check_shape("MultipleChoices", answer.json)
        assert sorted(answer.json) == [f"{BASE}/sobjects/Account/{key}" for key in keys]


def test_a_number_can_be_an_external_id(org: OrgClient) -> None:
    metadata = {"type": "Number", "precision": 9, "scale": 1, "label": "No", "externalId": True, "unique": True}
    org.post("tooling/sobjects/CustomField", {"FullName": "Account.No__c", "Metadata": metadata})
    assert org.put("Account", "No__c", "7.5", Name="A").status == 201
    assert org.put("Account", "No__c", "7.50", Name="B").status == 200
    assert org.rows("SELECT No__c FROM Account WHERE No__c = 7.5 AND Name = 'B'")[0]["No__c"] == 7.5
    assert org.put("Account", "No__c", "seven", Name="B").code == "JSON_PARSER_ERROR"


def test_update_only_creates_nothing(org: OrgClient) -> None:
    answer = org.patch("sobjects/Account/ERP_Id__c/1?updateOnly=true", {"Name": "A"})
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert org.rows("SELECT Id FROM Account") == []
    assert org.patch("sobjects/Account/ERP_Id__c/1?updateOnly=maybe", {"Name": "A"}).code == "INVALID_ARGUMENT_TYPE"


def test_the_external_id_must_not_be_in_the_body_too(org: OrgClient) -> None:
    assert org.put("Account", "ERP_Id__c", "1", Name="A", ERP_Id__c="1").code == "INVALID_FIELD"


def test_a_unique_value_belongs_to_one_record(org: OrgClient) -> None:
    key = org.make("Account", Name="A", ERP_Id__c="1")
    answer = org.post("sobjects/Account", {"Name": "B", "ERP_Id__c": "1"})
    assert (answer.status, answer.code) == (400, "DUPLICATE_VALUE")
    assert answer.message.endswith(key[:15])
    other = org.make("Account", Name="B", ERP_Id__c="1A")
    assert org.patch(f"sobjects/Account/{other}", {"ERP_Id__c": "1"}).code == "DUPLICATE_VALUE"
    org.make("Account", Name="C", ERP_Id__c="1a")
    org.delete(f"sobjects/Account/{key}")
    assert org.patch(f"sobjects/Account/{other}", {"ERP_Id__c": "1"}).status == 204


def test_a_parent_can_be_named_by_its_external_id(org: OrgClient) -> None:
    account = org.make("Account", Name="A", ERP_Id__c="1")
    contact = org.make("Contact", LastName="B", Account={"ERP_Id__c": "1"})
    assert org.read("Contact", contact)["AccountId"] == account
    missing = org.post("sobjects/Contact", {"LastName": "B", "Account": {"ERP_Id__c": "2"}})
    assert missing.code == "INVALID_FIELD"
    assert "Foreign key external ID: 2 not found" in missing.message
    assert org.post("sobjects/Contact", {"LastName": "B", "Account": {"Name": "A"}}).code == "INVALID_FIELD"


def test_a_record_can_be_read_and_deleted_by_its_external_id(org: OrgClient) -> None:
    key = org.make("Account", Name="A", ERP_Id__c="a/1")
    assert org.get("sobjects/Account/ERP_Id__c/a%2F1").json["Id"] == key
    assert org.delete("sobjects/Account/ERP_Id__c/a%2F1").status == 204
    assert org.get(f"sobjects/Account/{key}").code == "ENTITY_IS_DELETED"


# rules of the org


def test_a_duplicate_rule_refuses_a_record_like_another(org: OrgClient) -> None:
    org.switch(duplicate_rules=["Account"])
    org.make("Account", Name="Acme")
    answer = org.post("sobjects/Account", {"Name": "ACME"})
    assert (answer.status, answer.code) == (400, "DUPLICATES_DETECTED")
    body = record("Account", Name="acme")
    headers = {"sforce_duplicate_rule_header": "allowSave=true"}
    assert org.collection("POST", "composite/sobjects", body, **headers)[0]["success"] is True


def test_a_validation_rule_refuses_what_its_condition_describes(org: OrgClient) -> None:
    rule = {"object": "Account", "condition": "BillingCity = null", "message": "Where is it?", "field": "BillingCity"}
    org.switch(validation_rules=[rule])
    answer = org.post("sobjects/Account", {"Name": "A"})
    assert (answer.code, answer.message) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Where is it?")
    assert org.rows("SELECT Id FROM Account") == []
    key = org.make("Account", Name="A", BillingCity="Berlin")
    assert org.patch(f"sobjects/Account/{key}", {"BillingCity": None}).json[0]["fields"] == ["BillingCity"]
    assert org.read("Account", key)["BillingCity"] == "Berlin"
