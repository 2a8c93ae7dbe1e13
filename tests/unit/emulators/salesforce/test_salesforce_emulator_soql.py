"""SOQL: what it finds, what it refuses, and how a result is read on."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from salesforce_org import BASE, OrgClient, Shop, record


@pytest.fixture
def people(org: OrgClient) -> OrgClient:
    """Five accounts, some with contacts."""
    acme = org.make("Account", Name="Acme", BillingCity="Berlin", AnnualRevenue=100, ERP_Id__c="A1")
    org.make("Account", Name="Beta", BillingCity="Köln", AnnualRevenue=200, NumberOfEmployees=5)
    org.make("Account", Name="Gamma 100%", AnnualRevenue=300, ParentId=acme)
    org.make("Account", Name="o'Neil \\ Sons", BillingCity="KÖLN")
    org.make("Account", Name="under_score", ERP_Balance_As_Of__c="2026-10-01T12:00:00+02:00")
    org.make("Contact", LastName="Zoe", AccountId=acme)
    org.make("Contact", LastName="Adam", FirstName="Al", AccountId=acme)
    org.make("Contact", LastName="Nobody")
    return org


ALL = ["Acme", "Beta", "Gamma 100%", "o'Neil \\ Sons", "under_score"]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("Name = 'acme'", ["Acme"]),
        ("ERP_Id__c = 'A1'", ["Acme"]),
        ("ERP_Id__c = 'a1'", []),
        ("BillingCity = 'köln'", ["Beta", "o'Neil \\ Sons"]),
        ("BillingCity != 'Berlin'", ["Beta", "Gamma 100%", "o'Neil \\ Sons", "under_score"]),
        ("BillingCity <> 'Berlin' AND BillingCity != null", ["Beta", "o'Neil \\ Sons"]),
        ("BillingCity = null", ["Gamma 100%", "under_score"]),
        ("BillingCity = ''", ["Gamma 100%", "under_score"]),
        ("AnnualRevenue > 100", ["Beta", "Gamma 100%"]),
        ("AnnualRevenue >= 100.0 AND AnnualRevenue <= 200", ["Acme", "Beta"]),
        ("AnnualRevenue < 300", ["Acme", "Beta"]),
        ("NOT AnnualRevenue < 300", ["Gamma 100%", "o'Neil \\ Sons", "under_score"]),
        ("NumberOfEmployees = 5", ["Beta"]),
        ("Name IN ('ACME', 'beta')", ["Acme", "Beta"]),
        ("BillingCity IN ('Berlin', null)", ["Acme", "Gamma 100%", "under_score"]),
        ("BillingCity NOT IN ('Berlin', 'Köln')", ["Gamma 100%", "under_score"]),
        ("AnnualRevenue IN (100, 300)", ["Acme", "Gamma 100%"]),
        ("Name LIKE '%A'", ["Beta"]),
        ("Name LIKE 'g____ 100\\%'", ["Gamma 100%"]),
        ("Name LIKE 'under\\_score'", ["under_score"]),
        ("Name LIKE 'under\\_scor_'", ["under_score"]),
        ("Name LIKE 'unde\\_\\_score'", []),
        ("BillingCity LIKE 'kÖ%'", ["Beta", "o'Neil \\ Sons"]),
        ("Name = 'O\\'Neil \\\\ Sons'", ["o'Neil \\ Sons"]),
        ("Name LIKE '%\\\\%'", ["o'Neil \\ Sons"]),
        ("(NOT Name LIKE '%a%') AND Name != 'x'", ["o'Neil \\ Sons", "under_score"]),
        ("Name = 'Acme' OR Name = 'Beta'", ["Acme", "Beta"]),
        ("(Name = 'Acme' OR Name = 'Beta') AND AnnualRevenue = 200", ["Beta"]),
        ("Parent.Name = 'Acme'", ["Gamma 100%"]),
        ("Account.Name = 'Acme'", ["Acme"]),
        ("Parent.Name != 'Acme'", ["Acme", "Beta", "o'Neil \\ Sons", "under_score"]),
        ("IsDeleted = false", ALL),
        ("IsDeleted = TRUE", []),
        ("SystemModstamp >= 2026-11-01T09:00:30Z", ALL),
        ("SystemModstamp > 2026-11-01T10:00:30.000+01:00", []),
        ("ERP_Balance_As_Of__c = 2026-10-01T10:00:00Z", ["under_score"]),
        ("Name > 'b' AND Name < 'H'", ["Beta", "Gamma 100%"]),
    ],
)
def test_a_condition_finds_its_records(people: OrgClient, condition: str, names: list[str]) -> None:
    assert people.names(f"SELECT Name FROM Account WHERE {condition} ORDER BY Name") == names


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("", "MALFORMED_QUERY"),
        ("SELECT", "MALFORMED_QUERY"),
        ("SELECT Id Name FROM Account", "MALFORMED_QUERY"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account;", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name == 'A'", "MALFORMED_QUERY"),
        ('SELECT Id FROM Account WHERE Name = "A"', "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'A", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'O\\x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'A' AND Name = 'B' OR Name = 'C'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'A' AND NOT Name = 'B'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate = TODAY", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-11-01T00:00:00", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account GROUP BY Name", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT 1 ORDER BY Name", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id, id FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account, Contact", "MALFORMED_QUERY"),
        (f"SELECT Id FROM Account WHERE Name = '{'x' * 4001}'", "MALFORMED_QUERY"),
        ("SELECT COUNT() FROM Account ORDER BY Name", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Account", "INVALID_FIELD"),
        ("SELECT Nonsense.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nonsense = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Nonsense", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'A'", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-11-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-11-01", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > 2026-13-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '1'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE IsDeleted = 0", "INVALID_FIELD"),
        ("SELECT CurrencyIsoCode FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Contact) FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id = '001D000000IRFmaIAA'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE AnnualRevenue LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Name < null", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_what_it_does_not_know_is_refused(people: OrgClient, soql: str, code: str) -> None:
    answer = people.query(soql)
    assert (answer.status, answer.code) == (400, code)


def test_a_query_without_its_text_is_refused(org: OrgClient) -> None:
    assert org.get("query").code == "MALFORMED_QUERY"
    assert org.get("query", q="SELECT Id FROM Account", nonsense="1").code == "INVALID_ARGUMENT_TYPE"


def test_an_error_points_to_its_place(org: OrgClient) -> None:
    message = org.query("SELECT Id,\n Nonsense FROM Account").message
    assert "ERROR at Row:2:Column:2" in message
    assert "No such column 'Nonsense' on entity 'Account'" in message


def test_names_are_found_whatever_their_case(people: OrgClient) -> None:
    row = people.rows("select NAME, account.parent.name from ACCOUNT where billingcity = 'Berlin'")[0]
    assert row == {"attributes": row["attributes"], "Name": "Acme", "Parent": None}


def test_parents_and_children_come_along(people: OrgClient) -> None:
    row = people.rows(
        "SELECT Id, Name, (SELECT LastName, Account.Name FROM Contacts WHERE LastName != 'x' ORDER BY LastName LIMIT 5)"
        " FROM Account WHERE Name = 'Acme'"
    )[0]
    children = row["Contacts"]
    assert (children["totalSize"], children["done"]) == (2, True)
    assert [child["LastName"] for child in children["records"]] == ["Adam", "Zoe"]
    assert children["records"][0]["Account"]["Name"] == "Acme"
    assert people.rows("SELECT Id, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Beta'")[0]["Contacts"] is None
    one = people.rows("SELECT Id, (SELECT LastName FROM Contacts LIMIT 1) FROM Account WHERE Name = 'Acme'")[0]
    assert one["Contacts"]["totalSize"] == 1


def test_a_parent_that_is_missing_is_null(people: OrgClient) -> None:
    rows = people.rows("SELECT LastName, Account.Name, Account.Parent.Name FROM Contact ORDER BY LastName")
    assert [row["Account"] and row["Account"]["Name"] for row in rows] == ["Acme", None, "Acme"]
    assert rows[0]["Account"]["Parent"] is None


def test_order_puts_what_is_empty_first_unless_told(people: OrgClient) -> None:
    def order(by: str) -> list[str]:
        return people.names(f"SELECT Name FROM Account ORDER BY {by}, Name")

    assert order("AnnualRevenue")[2:] == ["Acme", "Beta", "Gamma 100%"]
    assert order("AnnualRevenue ASC NULLS LAST")[:3] == ["Acme", "Beta", "Gamma 100%"]
    assert order("AnnualRevenue DESC")[2:] == ["Gamma 100%", "Beta", "Acme"]
    assert order("AnnualRevenue DESC NULLS LAST")[:3] == ["Gamma 100%", "Beta", "Acme"]
    assert order("Parent.Name NULLS FIRST")[-1] == "Gamma 100%"


def test_order_does_not_mind_the_case_unless_the_field_does(org: OrgClient) -> None:
    for name in ("b", "A", "C"):
        org.make("Account", Name=name, ERP_Id__c=name)
    assert org.names("SELECT Name FROM Account ORDER BY Name") == ["A", "b", "C"]
    assert org.names("SELECT Name FROM Account ORDER BY ERP_Id__c") == ["A", "C", "b"]


def test_a_path_goes_through_five_parents_at_most(org: OrgClient) -> None:
    path = "Parent." * 5
    assert org.rows(f"SELECT {path}Name FROM Account") == []
    assert org.query(f"SELECT Parent.{path}Name FROM Account").code == "INVALID_FIELD"


def test_without_an_order_rows_do_not_come_by_id(org: OrgClient) -> None:
    keys = [org.make("Account", Name=str(n)) for n in range(5)]
    assert org.names("SELECT Id FROM Account", "Id") != keys
    assert org.names("SELECT Id FROM Account ORDER BY Id", "Id") == keys
    org.switch(unordered="id")
    assert org.names("SELECT Id FROM Account", "Id") == keys


def test_limit_and_offset_cut_the_result(people: OrgClient) -> None:
    assert people.names("SELECT Name FROM Account ORDER BY Name LIMIT 2 OFFSET 1") == ALL[1:3]
    assert people.names("SELECT Name FROM Account ORDER BY Name OFFSET 3") == ALL[3:]
    assert people.rows("SELECT Name FROM Account LIMIT 0") == []


def test_count_answers_a_number_and_no_records(people: OrgClient) -> None:
    answer = people.query("SELECT COUNT() FROM Account WHERE BillingCity != null").json
    assert answer == {"totalSize": 3, "done": True, "records": []}
    assert people.query("SELECT count() FROM Account LIMIT 2").json["totalSize"] == 2


def test_ids_of_15_characters_find_their_records(people: OrgClient) -> None:
    key = people.rows("SELECT Id FROM Account WHERE Name = 'Acme'")[0]["Id"]
    assert people.names(f"SELECT Name FROM Account WHERE Id IN ('{key[:15]}')") == ["Acme"]
    assert people.names(f"SELECT Name FROM Account WHERE ParentId = '{key[:15]}'") == ["Gamma 100%"]


def test_deleted_rows_are_for_query_all(people: OrgClient) -> None:
    key = people.rows("SELECT Id FROM Account WHERE Name = 'Beta'")[0]["Id"]
    people.delete(f"sobjects/Account/{key}")
    assert "Beta" not in people.names("SELECT Name FROM Account")
    rows = people.rows("SELECT Name, IsDeleted FROM Account WHERE IsDeleted = true", "queryAll")
    assert [(row["Name"], row["IsDeleted"]) for row in rows] == [("Beta", True)]


# reading on


def fill(org: OrgClient, count: int) -> None:
    rows = [record("Account", Name=f"N{n:04d}") for n in range(count)]
    for start in range(0, count, 200):
        org.collection("POST", "composite/sobjects", *rows[start : start + 200])


def test_a_result_is_read_on_where_the_answer_says(org: OrgClient) -> None:
    fill(org, 450)
    first = org.query("SELECT Name FROM Account ORDER BY Name", sforce_query_options="batchSize=200").json
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    assert first["nextRecordsUrl"].startswith(f"{BASE}/query/01g")
    headers = {"sforce_query_options": "batchSize=200"}
    second = org.call("GET", first["nextRecordsUrl"], **headers).json
    third = org.call("GET", second["nextRecordsUrl"], **headers).json
    names = [row["Name"] for page in (first, second, third) for row in page["records"]]
    assert (third["done"], names) == (True, [f"N{n:04d}" for n in range(450)])
    assert "nextRecordsUrl" not in third


def test_an_answer_to_query_all_is_read_on_through_query(org: OrgClient) -> None:
    fill(org, 201)
    answer = org.query("SELECT Name FROM Account", "queryAll", sforce_query_options="batchSize=200").json
    assert "/query/" in answer["nextRecordsUrl"]


def test_a_result_stays_as_it_was_when_it_was_asked_for(org: OrgClient) -> None:
    fill(org, 201)
    soql = "SELECT Name FROM Account ORDER BY Name"
    first = org.query(soql, sforce_query_options="batchSize=200").json
    last = org.rows("SELECT Id FROM Account WHERE Name = 'N0200'")[0]["Id"]
    org.delete(f"sobjects/Account/{last}")
    org.make("Account", Name="Z")
    rest = org.call("GET", first["nextRecordsUrl"]).json
    assert [row["Name"] for row in rest["records"]] == ["N0200"]


@pytest.mark.parametrize("option", ["batchSize=199", "batchSize=2001", "batchSize=many", "nonsense"])
def test_a_page_size_outside_the_range_is_refused(org: OrgClient, option: str) -> None:
    answer = org.query("SELECT Id FROM Account", sforce_query_options=option)
    assert (answer.status, answer.code) == (400, "INVALID_BATCH_SIZE")


def test_a_page_may_be_shorter_than_asked_for(org: OrgClient) -> None:
    fill(org, 12)
    org.switch(page_rows=5)
    assert len(org.query("SELECT Id FROM Account").json["records"]) == 5


def test_a_locator_ends_after_two_days(org: OrgClient) -> None:
    fill(org, 201)
    url = org.query("SELECT Id FROM Account", sforce_query_options="batchSize=200").json["nextRecordsUrl"]
    org.clock.advance(hours=47)
    assert org.call("GET", url).status == 200
    org.clock.advance(hours=1)
    answer = org.call("GET", url)
    assert (answer.status, answer.code) == (400, "INVALID_QUERY_LOCATOR")


def test_the_oldest_locator_gives_way(org: OrgClient) -> None:
    fill(org, 201)
    org.switch(locators_open=1)
    headers = {"sforce_query_options": "batchSize=200"}
    urls = [org.query("SELECT Id FROM Account", **headers).json["nextRecordsUrl"] for _ in range(2)]
    assert [org.call("GET", url).status for url in urls] == [400, 200]


def test_a_locator_of_somebody_else_is_refused(org: OrgClient) -> None:
    for locator in ("01g5g0000000009AAA-200", "nonsense", "01g5g0000000009AAA"):
        assert org.get(f"query/{locator}").code == "INVALID_QUERY_LOCATOR"


def test_many_children_are_read_on_too(shop: Shop) -> None:
    order = shop.order()
    rows = [
        record("OrderItem", OrderId=order, PricebookEntryId=shop.entry, Quantity=n + 1, UnitPrice=1) for n in range(3)
    ]
    shop.org.collection("POST", "composite/sobjects", *rows)
    shop.org.switch(subquery_rows=2)
    lines = shop.org.rows("SELECT Id, (SELECT Quantity FROM OrderItems ORDER BY Quantity) FROM Order")[0]["OrderItems"]
    assert (lines["totalSize"], lines["done"], len(lines["records"])) == (3, False, 2)
    rest = shop.org.call("GET", lines["nextRecordsUrl"]).json
    assert [row["Quantity"] for row in rest["records"]] == [3.0]


def test_address_and_headers_have_a_limit_together(org: OrgClient) -> None:
    ids = ", ".join(f"'001D000000{n:05d}'" for n in range(400))
    soql = quote(f"SELECT Id FROM Account WHERE Id IN ({ids})")
    assert org.call("GET", f"{BASE}/query?q={soql}").status == 200
    assert org.call("GET", f"{BASE}/query?q={soql}", x_padding="x" * 8000).status == 431
    assert org.call("GET", f"{BASE}/query?q={soql}{soql}{soql}").status == 414
