"""Bulk API 2.0: rows uploaded as CSV, results as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from salesforce_org import BASE, Answer, OrgClient, check_shape, record

CREATE = {"object": "Account", "operation": "upsert", "externalIdFieldName": "ERP_Id__c"}


def table(answer: Answer, delimiter: str = ",") -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline=""), delimiter=delimiter))


def open_load(org: OrgClient, **given: Any) -> str:
    body = {name: value for name, value in {**CREATE, **given}.items() if value is not None}
    check_shape("BulkIngestJobCreate", body)
    answer = org.post("jobs/ingest", body)
    assert answer.status == 200, answer.body
    check_shape("BulkJobInfo", answer.json)
    assert answer.json["state"] == "Open"
    return str(answer.json["id"])


def upload(org: OrgClient, key: str, text: str) -> Answer:
    return org.call("PUT", f"{BASE}/jobs/ingest/{key}/batches", text.encode(), content_type="text/csv; charset=UTF-8")


def state(org: OrgClient, key: str) -> Any:
    answer = org.get(f"jobs/ingest/{key}")
    check_shape("BulkJobInfo", answer.json)
    return answer.json


def load(org: OrgClient, text: str, **given: Any) -> tuple[str, Any]:
    """Upload rows, close, look until it has ended; its id and what is told of it."""
    key = open_load(org, **given)
    assert upload(org, key, text).status == 201
    closed = org.patch(f"jobs/ingest/{key}", {"state": "UploadComplete"})
    assert (closed.status, closed.json["state"]) == (200, "UploadComplete")
    for _ in range(5):
        info = state(org, key)
        if info["state"] not in ("UploadComplete", "InProgress"):
            return key, info
    raise AssertionError("the load does not end")


def results(org: OrgClient, key: str, which: str) -> list[dict[str, str]]:
    return table(org.get(f"jobs/ingest/{key}/{which}"))


def test_rows_are_written_and_their_results_told_apart(org: OrgClient) -> None:
    org.make("Account", Name="Old", ERP_Id__c="1")
    key, info = load(org, 'ERP_Id__c,Name\n1,New\n2,"two\nlines, ""quoted"""\n3,\n')
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == ("JobComplete", 3, 1)
    done = results(org, key, "successfulResults")
    assert [(row["sf__Created"], row["ERP_Id__c"]) for row in done] == [("false", "1"), ("true", "2")]
    assert org.read("Account", done[1]["sf__Id"])["Name"] == 'two\nlines, "quoted"'
    failed = results(org, key, "failedResults")
    assert [row["sf__Error"] for row in failed] == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    ]
    assert failed[0]["sf__Id"] == ""
    assert results(org, key, "unprocessedrecords") == []


def test_an_empty_cell_leaves_the_field_and_a_mark_empties_it(org: OrgClient) -> None:
    for n in "12":
        org.make("Account", Name="A", ERP_Id__c=n, Phone="5", BillingCity="Berlin")
    load(org, "ERP_Id__c,Phone,BillingCity\n1,,#N/A\n2,7,\n")
    rows = org.rows("SELECT Phone, BillingCity FROM Account ORDER BY ERP_Id__c")
    assert [(row["Phone"], row["BillingCity"]) for row in rows] == [("5", None), ("7", "Berlin")]


def test_values_are_read_by_the_type_of_their_field(org: OrgClient) -> None:
    org.make("Account", Name="A", ERP_Id__c="1")
    text = "LastName,Email,Account.ERP_Id__c\nB,b@acme.example,1\nC,nobody,1\nD,,9\n"
    key, _ = load(org, text, object="Contact", operation="insert", externalIdFieldName=None)
    assert org.rows("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "A"
    codes = [row["sf__Error"].partition(":")[0] for row in results(org, key, "failedResults")]
    assert codes == ["INVALID_EMAIL_ADDRESS", "INVALID_FIELD"]
    text = "Name,IsActive\nP,TRUE\nQ,maybe\n"
    key, _ = load(org, text, object="Product2", operation="insert", externalIdFieldName=None)
    assert [row["sf__Error"].partition(":")[0] for row in results(org, key, "failedResults")] == [
        "INVALID_TYPE_ON_FIELD_IN_RECORD"
    ]
    assert org.rows("SELECT IsActive FROM Product2")[0]["IsActive"] is True
    text = "ERP_Id__c,Name,ERP_Balance__c,NumberOfEmployees,ERP_Balance_As_Of__c\n"
    text += "1,A,12.5,3,2026-10-01T00:00:00Z\n2,B,,,soon\n"
    key, _ = load(org, text)
    assert [row["ERP_Id__c"] for row in results(org, key, "failedResults")] == ["2"]
    assert org.rows("SELECT ERP_Balance__c FROM Account WHERE NumberOfEmployees = 3")[0]["ERP_Balance__c"] == 12.5


def test_rows_are_changed_and_deleted_by_id(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    load(org, f"Id,Name\n{key},B\n", operation="update", externalIdFieldName=None)
    assert org.read("Account", key)["Name"] == "B"
    done, _ = load(org, f"Id\n{key}\n001000000000001\n", operation="delete", externalIdFieldName=None)
    assert org.get(f"sobjects/Account/{key}").code == "ENTITY_IS_DELETED"
    failed = results(org, done, "failedResults")
    assert [(row["sf__Id"], row["sf__Error"].partition(":")[0]) for row in failed] == [
        ("001000000000001", "INVALID_CROSS_REFERENCE_KEY")
    ]


def test_a_load_goes_through_its_states_by_the_clock(org: OrgClient) -> None:
    org.switch(bulk_seconds=60, bulk_polls=0)
    key = open_load(org)
    upload(org, key, "ERP_Id__c,Name\n1,A\n")
    org.patch(f"jobs/ingest/{key}", {"state": "UploadComplete"})
    org.clock.advance(seconds=59)
    assert state(org, key)["state"] == "InProgress"
    assert org.get(f"jobs/ingest/{key}/successfulResults").code == "INVALIDJOBSTATE"
    assert org.rows("SELECT Id FROM Account") == []
    org.clock.advance(seconds=1)
    assert state(org, key)["state"] == "JobComplete"
    assert org.names("SELECT Name FROM Account") == ["A"]
    org.clock.advance(days=7)
    assert org.get(f"jobs/ingest/{key}").code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ERP_Id__c,Nonsense\n1,A\n", "InvalidBatch : Field name not found : Nonsense"),
        ("Name\nA\n", "InvalidBatch : Field name not found : ERP_Id__c"),
        (
            "ERP_Id__c,Name\r\n1,A\r\n",
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ("ERP_Id__c,Name,Name\n1,A,B\n", "InvalidBatch : a column is there twice"),
        ("ERP_Id__c,Name\n1\n", "InvalidBatch : record 1 has not one value for each of 2 columns"),
        ("", "InvalidBatch : Records not found for this query"),
    ],
)
def test_rows_that_cannot_be_read_fail_the_whole_load(org: OrgClient, text: str, error: str) -> None:
    key, info = load(org, text)
    assert (info["state"], info["errorMessage"]) == ("Failed", error)
    assert results(org, key, "successfulResults") == results(org, key, "failedResults") == []
    assert org.rows("SELECT Id FROM Account") == []


def test_a_load_that_stops_leaves_rows_unprocessed(org: OrgClient) -> None:
    org.switch(bulk_stop_after=1)
    key, info = load(org, "ERP_Id__c,Name\n1,A\n2,B\n3,C\n")
    assert info["state"] == "Failed"
    assert [row["Name"] for row in results(org, key, "unprocessedrecords")] == ["B", "C"]
    assert org.names("SELECT Name FROM Account") == ["A"]


def test_a_fault_fails_some_rows_of_a_load(org: OrgClient) -> None:
    org.fault("rows", method="PATCH", path="*/jobs/ingest/*", code="UNABLE_TO_LOCK_ROW", message="locked", rows=[1])
    key, info = load(org, "ERP_Id__c,Name\n1,A\n2,B\n")
    assert (info["state"], info["numberRecordsFailed"]) == ("JobComplete", 1)
    assert results(org, key, "failedResults")[0]["sf__Error"] == "UNABLE_TO_LOCK_ROW:locked: --"


def test_other_delimiters_and_line_endings(org: OrgClient) -> None:
    key, _ = load(org, "ERP_Id__c\tName\r\n1\tA,B\r\n", columnDelimiter="TAB", lineEnding="CRLF")
    answer = org.get(f"jobs/ingest/{key}/successfulResults")
    assert answer.body.startswith(b'"sf__Id"\t"sf__Created"\t"ERP_Id__c"\t"Name"\r\n')
    assert table(answer, "\t")[0]["Name"] == "A,B"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"object": "Nonsense"}, "INVALIDENTITY"),
        ({"operation": "nonsense"}, "JSON_PARSER_ERROR"),
        ({"operation": "hardDelete", "externalIdFieldName": None}, "FEATURENOTENABLED"),
        ({"externalIdFieldName": "Name"}, "NOT_FOUND"),
        ({"externalIdFieldName": None}, "NOT_FOUND"),
        ({"operation": "insert"}, "INVALID_FIELD"),
        ({"contentType": "JSON"}, "JSON_PARSER_ERROR"),
        ({"lineEnding": "CR"}, "JSON_PARSER_ERROR"),
        ({"columnDelimiter": ","}, "JSON_PARSER_ERROR"),
        ({"nonsense": 1}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_load_that_is_malformed_is_refused(org: OrgClient, given: dict[str, Any], code: str) -> None:
    assert org.post("jobs/ingest", {**CREATE, **given}).code == code


def test_a_load_keeps_its_order_of_steps(org: OrgClient) -> None:
    key = open_load(org)
    path = f"jobs/ingest/{key}"
    assert org.patch(path, {"state": "UploadComplete"}).code == "INVALIDJOBSTATE"
    assert org.patch(path, {"state": "JobComplete"}).code == "INVALIDJOBSTATE"
    assert org.patch(path, {}).code == "JSON_PARSER_ERROR"
    assert org.delete(path).code == "INVALIDJOBSTATE"
    assert org.call("PUT", f"{BASE}/{path}/batches", b"a", content_type="text/plain").status == 415
    assert upload(org, key, "ERP_Id__c,Name\n1,A\n").status == 201
    assert upload(org, key, "ERP_Id__c,Name\n1,A\n").code == "INVALIDJOBSTATE"
    assert org.patch(path, {"state": "Aborted"}).json["state"] == "Aborted"
    assert org.patch(path, {"state": "UploadComplete"}).code == "INVALIDJOBSTATE"
    assert [row["Name"] for row in results(org, key, "unprocessedrecords")] == ["A"]
    assert [one["id"] for one in org.get("jobs/ingest").json["records"]] == [key]
    assert org.delete(path).status == 204
    assert org.get(path).code == "NOT_FOUND"


def test_bulk_work_has_a_word_of_its_own_for_a_session_that_ended(org: OrgClient) -> None:
    org.token = "other"
    answer = org.get("jobs/ingest")
    assert (answer.status, answer.code) == (400, "InvalidSessionId")
    org.switch(bulk_session_error="rest")
    assert org.get("jobs/ingest").code == "INVALID_SESSION_ID"


# queries


def ask(org: OrgClient, soql: str, operation: str = "query", **given: Any) -> str:
    body = {"operation": operation, "query": soql, **given}
    check_shape("BulkQueryJobCreate", body)
    answer = org.post("jobs/query", body)
    assert answer.status == 200, answer.body
    check_shape("BulkJobInfo", answer.json)
    assert answer.json["state"] == "UploadComplete"
    return str(answer.json["id"])


def test_a_result_comes_page_by_page(org: OrgClient) -> None:
    rows = [record("Account", Name=f"N{n}", AnnualRevenue=n) for n in range(5)]
    org.collection("POST", "composite/sobjects", *rows)
    key = ask(org, "SELECT Name, AnnualRevenue, Owner.Name, IsDeleted, CreatedDate, Phone FROM Account ORDER BY Name")
    assert org.get(f"jobs/query/{key}/results").code == "INVALIDJOBSTATE"
    assert [org.get(f"jobs/query/{key}").json["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
    org.make("Account", Name="Later")
    names, locator = [], ""
    for _ in range(3):
        params = {"maxRecords": "2", **({"locator": locator} if locator else {})}
        answer = org.get(f"jobs/query/{key}/results", **params)
        page = table(answer)
        assert answer.headers["sforce-numberofrecords"] == str(len(page))
        names += [row["Name"] for row in page]
        locator = answer.headers["sforce-locator"]
    assert (names, locator) == (["N0", "N1", "N2", "N3", "N4"], "null")
    assert page[0] == {
        "Name": "N4",
        "AnnualRevenue": "4.0",
        "Owner.Name": "Integration User",
        "IsDeleted": "false",
        "CreatedDate": "2026-11-01T09:00:30.000Z",
        "Phone": "",
    }
    for wrong in ({"locator": "nonsense"}, {"locator": "OTk"}):
        assert org.get(f"jobs/query/{key}/results", **wrong).code == "INVALID_QUERY_LOCATOR"
    for size in ("0", "many", "50001"):
        assert org.get(f"jobs/query/{key}/results", maxRecords=size).code == "INVALID_ARGUMENT_TYPE"


def test_deleted_rows_come_with_query_all(org: OrgClient) -> None:
    org.delete(f"sobjects/Account/{org.make('Account', Name='A')}")
    org.switch(bulk_polls=0)
    for operation, count in (("query", "0"), ("queryAll", "1")):
        key = ask(org, "SELECT Name FROM Account", operation)
        org.get(f"jobs/query/{key}")
        assert org.get(f"jobs/query/{key}/results").headers["sforce-numberofrecords"] == count


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nonsense FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
        ("SELECT COUNT() FROM Account", "API_ERROR"),
        ("SELECT Id FROM Account OFFSET 5", "API_ERROR"),
        ("SELECT Name FROM Contact", "FEATURENOTENABLED"),
        ("SELECT Id FROM Account WHERE " + " OR ".join(["Name = 'x'"] * 7200), "MALFORMED_QUERY"),
    ],
)
def test_some_queries_are_not_for_bulk(org: OrgClient, soql: str, code: str) -> None:
    assert org.post("jobs/query", {"operation": "query", "query": soql}).code == code


def test_a_bulk_query_that_is_malformed_is_refused(org: OrgClient) -> None:
    for body in ({}, {"operation": "insert", "query": "x"}, {"operation": "query", "query": "x", "nonsense": 1}):
        assert org.post("jobs/query", body).code == "JSON_PARSER_ERROR"


def test_a_bulk_query_can_be_aborted_and_removed(org: OrgClient) -> None:
    key = ask(org, "SELECT Id FROM Account")
    assert org.patch(f"jobs/query/{key}", {"state": "UploadComplete"}).code == "JSON_PARSER_ERROR"
    assert org.patch(f"jobs/query/{key}", {"state": "Aborted"}).json["state"] == "Aborted"
    assert org.get(f"jobs/query/{key}/results").code == "INVALIDJOBSTATE"
    assert [one["id"] for one in org.get("jobs/query").json["records"]] == [key]
    assert org.delete(f"jobs/query/{key}").status == 204
    assert org.get(f"jobs/query/{key}").code == "NOT_FOUND"
    assert org.get("limits").json["DailyBulkV2QueryJobs"]["Max"] == 10_000
