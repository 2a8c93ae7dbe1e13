"""sObject Collections: many rows in one call."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import OrgClient, Shop, check_shape, codes, record

BY_KEY = "composite/sobjects/Account/ERP_Id__c"


def account(key: str, name: str | None = "A", **fields: Any) -> dict[str, Any]:
    return record("Account", ERP_Id__c=key, Name=name, **fields)


def test_rows_are_created_each_with_its_result(org: OrgClient) -> None:
    rows = (record("Account", Name="A"), record("Account", Name=""), record("Contact", LastName="B"))
    results = org.collection("POST", "composite/sobjects", *rows)
    assert codes(results) == [None, "REQUIRED_FIELD_MISSING", None]
    assert results[1]["errors"][0]["fields"] == ["Name"]
    assert "id" not in results[1]
    assert org.read("Account", results[0]["id"])["Name"] == "A"
    assert org.names("SELECT LastName FROM Contact", "LastName") == ["B"]


def test_rows_are_written_by_external_id(org: OrgClient) -> None:
    org.make("Account", Name="Old", ERP_Id__c="1")
    results = org.collection("PATCH", BY_KEY, account("1", "New"), account("2"), account("3", ""))
    assert [one.get("created") for one in results] == [False, True, None]
    assert codes(results)[2] == "REQUIRED_FIELD_MISSING"
    assert org.names("SELECT Name FROM Account ORDER BY Name") == ["A", "New"]


def test_an_external_id_that_comes_twice_in_a_call_fails(org: OrgClient) -> None:
    rows = (account("1"), account("2"), account("1", "B"))
    assert codes(org.collection("PATCH", BY_KEY, *rows)) == ["DUPLICATE_VALUE", None, "DUPLICATE_VALUE"]
    org.switch(duplicate_rows="later")
    assert codes(org.collection("PATCH", BY_KEY, *rows)) == [None, None, "DUPLICATE_VALUE"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (account(""), "MISSING_ARGUMENT"),
        (record("Account", Name="A"), "MISSING_ARGUMENT"),
        (account("1", Id="001000000000001AAA"), "INVALID_FIELD"),
        (account("1", Nonsense=1), "INVALID_FIELD"),
        (account("1", "x" * 256), "STRING_TOO_LONG"),
        (account("1", ParentId="001000000000001"), "INVALID_CROSS_REFERENCE_KEY"),
        (account("x" * 81), "STRING_TOO_LONG"),
    ],
)
def test_a_row_that_is_wrong_fails_alone(org: OrgClient, row: dict[str, Any], code: str) -> None:
    assert codes(org.collection("PATCH", BY_KEY, row, account("9"))) == [code, None]


def test_a_row_that_several_records_share_fails(org: OrgClient) -> None:
    metadata = {"type": "Text", "length": 40, "label": "Legacy", "externalId": True}
    org.post("tooling/sobjects/CustomField", {"FullName": "Account.Legacy__c", "Metadata": metadata})
    for name in "AB":
        org.make("Account", Name=name, Legacy__c="7")
    results = org.collection("PATCH", "composite/sobjects/Account/Legacy__c", record("Account", Legacy__c="7"))
    assert codes(results) == ["DUPLICATE_EXTERNAL_ID"]


def test_a_value_of_the_wrong_type_refuses_the_whole_call(org: OrgClient) -> None:
    body = {"records": [account("1"), account("2", 5)]}  # type: ignore[arg-type]
    answer = org.patch(BY_KEY, body)
    assert (answer.status, answer.code) == (400, "JSON_PARSER_ERROR")
    assert org.rows("SELECT Id FROM Account") == []
    org.switch(parser_errors="row")
    assert codes(org.collection("PATCH", BY_KEY, *body["records"])) == [None, "JSON_PARSER_ERROR"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (BY_KEY, {"records": [account(str(n)) for n in range(201)]}, "EXCEEDED_ID_LIMIT"),
        (BY_KEY, {"records": []}, "JSON_PARSER_ERROR"),
        (BY_KEY, {}, "JSON_PARSER_ERROR"),
        (BY_KEY, {"records": [account("1")], "allornone": True}, "JSON_PARSER_ERROR"),
        (BY_KEY, {"records": [account("1")], "allOrNone": "true"}, "JSON_PARSER_ERROR"),
        (BY_KEY, {"records": [{"ERP_Id__c": "1", "Name": "A"}]}, "JSON_PARSER_ERROR"),
        (BY_KEY, {"records": [record("Contact", LastName="A", ERP_Id__c="1")]}, "INVALID_TYPE"),
        (BY_KEY, {"records": [record("Nonsense")]}, "INVALID_TYPE"),
        ("composite/sobjects/Account/Name", {"records": [account("1")]}, "NOT_FOUND"),
        ("composite/sobjects/Account/Id", {"records": [account("1")]}, "NOT_FOUND"),
    ],
)
def test_a_call_that_is_malformed_is_refused_as_a_whole(
    org: OrgClient, path: str, body: dict[str, Any], code: str
) -> None:
    answer = org.patch(path, body)
    assert answer.status in (400, 404)
    assert answer.code == code
    assert org.rows("SELECT Id FROM Account") == []


def test_all_or_none_takes_the_innocent_rows_back(org: OrgClient) -> None:
    results = org.collection("PATCH", BY_KEY, account("1"), account("2", ""), account("3"), all_or_none=True)
    assert codes(results) == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert org.rows("SELECT Id FROM Account") == []
    assert codes(org.collection("PATCH", BY_KEY, account("1"), account("3"), all_or_none=True)) == [None, None]


def test_rows_are_changed_by_id(org: OrgClient) -> None:
    key, gone = org.make("Account", Name="A"), org.make("Account", Name="B")
    org.delete(f"sobjects/Account/{gone}")
    rows = [
        record("Account", id=key[:15], Name="C"),
        record("Account", id=gone, Name="C"),
        record("Account", id="001000000000001", Name="C"),
        record("Account", id="nonsense", Name="C"),
        record("Account", Name="C"),
    ]
    results = org.collection("PATCH", "composite/sobjects", *rows)
    assert codes(results) == [
        None,
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
    ]
    assert (results[0]["id"], org.read("Account", key)["Name"]) == (key, "C")
    twice = [record("Account", id=key, Name="D"), record("Account", id=key[:15], Name="E")]
    assert codes(org.collection("PATCH", "composite/sobjects", *twice)) == ["DUPLICATE_VALUE", "DUPLICATE_VALUE"]


def test_rows_are_deleted_by_id(org: OrgClient) -> None:
    keys = [org.make("Account", Name=name) for name in "AB"]
    answer = org.delete(f"composite/sobjects?ids={keys[0]},001000000000001,x&allOrNone=false")
    check_shape("CollectionResult", answer.json)
    assert codes(answer.json) == [None, "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"]
    assert org.names("SELECT Name FROM Account") == ["B"]
    answer = org.delete(f"composite/sobjects?ids={keys[1]},001000000000001&allOrNone=true")
    assert codes(answer.json)[0] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert org.names("SELECT Name FROM Account") == ["B"]
    assert org.delete("composite/sobjects?ids=").code == "MISSING_ARGUMENT"
    assert org.delete("composite/sobjects?ids=" + ",".join([keys[1]] * 201)).code == "EXCEEDED_ID_LIMIT"


def test_many_records_are_read_in_the_order_asked_for(org: OrgClient) -> None:
    keys = [org.make("Account", Name=name) for name in "AB"]
    body = {"ids": [keys[1], "001000000000001", keys[0][:15], keys[1]], "fields": ["Name"]}
    read = org.post("composite/sobjects/Account", body).json
    assert [row and row["Name"] for row in read] == ["B", None, "A", "B"]
    check_shape("SObjectRecord", read[0])
    assert org.get("composite/sobjects/Account", ids=keys[0], fields="Name,Id").json[0]["Id"] == keys[0]
    assert org.post("composite/sobjects/Account", {"ids": ["x"], "fields": ["Name"]}).code == "MALFORMED_ID"
    assert org.post("composite/sobjects/Account", {"ids": keys, "fields": ["X"]}).code == "INVALID_FIELD"
    assert org.post("composite/sobjects/Account", {"ids": keys}).code == "JSON_PARSER_ERROR"
    org.switch(retrieve_rows=1)
    assert org.post("composite/sobjects/Account", {"ids": keys, "fields": ["Name"]}).code == "EXCEEDED_ID_LIMIT"


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "STORAGE_LIMIT_EXCEEDED", "CANNOT_EXECUTE_FLOW_TRIGGER"])
def test_a_fault_fails_some_rows_of_a_call(org: OrgClient, code: str) -> None:
    org.fault("rows", code=code, rows=[2], path="*/composite/sobjects/*")
    rows = (account("1"), account("2"), account("3"))
    assert codes(org.collection("PATCH", BY_KEY, *rows)) == [None, code, None]
    assert codes(org.collection("PATCH", BY_KEY, *rows)) == [None, None, None]


def test_a_fault_of_a_row_fails_a_single_write_too(org: OrgClient) -> None:
    org.fault("rows", code="UNABLE_TO_LOCK_ROW", message="unable to obtain exclusive access to this record")
    answer = org.put("Account", "ERP_Id__c", "1", Name="A")
    assert (answer.status, answer.code) == (400, "UNABLE_TO_LOCK_ROW")
    assert org.rows("SELECT Id FROM Account") == []


def test_lines_of_one_order_go_in_one_call(shop: Shop) -> None:
    order = shop.order()
    line = {"OrderId": order, "PricebookEntryId": shop.entry, "UnitPrice": 2.5}
    rows = [record("OrderItem", ERP_Line_Id__c=str(n), Quantity=n, **line) for n in (1, 2)]
    results = shop.org.collection("PATCH", "composite/sobjects/OrderItem/ERP_Line_Id__c", *rows)
    assert codes(results) == [None, None]
    assert shop.org.read("Order", order)["TotalAmount"] == 7.5
