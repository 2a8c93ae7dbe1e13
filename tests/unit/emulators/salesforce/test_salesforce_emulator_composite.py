"""Composite requests, graphs, trees and batches."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import BASE, OrgClient, Shop, check_shape, record


def part(method: str, path: str, name: str, body: Any = None, base: str = BASE) -> dict[str, Any]:
    given = {} if body is None else {"body": body}
    return {"method": method, "url": f"{base}/{path}", "referenceId": name, **given}


def composite(org: OrgClient, *parts: dict[str, Any], all_or_none: bool = False) -> list[Any]:
    body = {"allOrNone": all_or_none, "compositeRequest": list(parts)}
    check_shape("CompositeRequest", body)
    answer = org.post("composite", body)
    assert answer.status == 200, answer.body
    check_shape("CompositeResponse", answer.json)
    results: list[Any] = answer.json["compositeResponse"]
    return results


def statuses(results: list[Any]) -> list[int]:
    return [one["httpStatusCode"] for one in results]


def codes(results: list[Any]) -> list[str | None]:
    return [one["body"][0]["errorCode"] if one["httpStatusCode"] >= 400 else None for one in results]


def order_parts(shop: Shop) -> list[dict[str, Any]]:
    order = {
        "AccountId": shop.account,
        "EffectiveDate": "2026-11-01",
        "Status": "Draft",
        "Pricebook2Id": shop.pricebook,
    }
    line = {"OrderId": "@{order.id}", "PricebookEntryId": shop.entry, "Quantity": 2, "UnitPrice": 2.5}
    return [
        part("POST", "sobjects/Order", "order", order),
        part("POST", "composite/sobjects", "lines", {"records": [record("OrderItem", **line)]}),
        part("PATCH", "sobjects/Order/@{order.id}", "activate", {"Status": "Activated"}),
        part("GET", "query?q=SELECT+Id,+TotalAmount+FROM+Order+WHERE+Id='@{order.id}'", "read"),
    ]


def test_an_order_with_its_lines_goes_in_one_call(shop: Shop) -> None:
    before = shop.org.control("GET", "calls").json["api_usage"]["used"]
    results = composite(shop.org, *order_parts(shop), all_or_none=True)
    assert statuses(results) == [201, 200, 204, 200]
    assert [one["referenceId"] for one in results] == ["order", "lines", "activate", "read"]
    key = results[0]["body"]["id"]
    assert results[0]["httpHeaders"]["Location"] == f"{BASE}/sobjects/Order/{key}"
    assert results[3]["body"]["records"][0]["TotalAmount"] == 5.0
    assert shop.org.control("GET", "calls").json["api_usage"]["used"] == before + 1


def test_what_one_part_answered_can_be_used_by_the_next(org: OrgClient) -> None:
    org.make("Account", Name="A", AnnualRevenue=20_000_000)
    results = composite(
        org,
        part("GET", "query?q=SELECT+Id,Name,AnnualRevenue+FROM+Account", "read"),
        part("POST", "sobjects/Contact", "contact", {"LastName": "of @{read.records[0].Name}"}),
        part(
            "PATCH",
            "sobjects/Account/@{read.records[0].Id}",
            "same",
            {"AnnualRevenue": "@{read.records[0].AnnualRevenue}"},
        ),
    )
    assert statuses(results) == [200, 201, 204]
    assert org.names("SELECT Name FROM Contact") == ["of A"]


def test_without_all_or_none_only_what_depends_on_a_failure_is_halted(org: OrgClient) -> None:
    results = composite(
        org,
        part("POST", "sobjects/Account", "bad", {}),
        part("POST", "sobjects/Contact", "below", {"LastName": "B", "AccountId": "@{bad.id}"}),
        part("POST", "sobjects/Account", "good", {"Name": "A"}),
    )
    assert codes(results) == ["REQUIRED_FIELD_MISSING", "PROCESSING_HALTED", None]
    assert statuses(results) == [400, 400, 201]
    assert org.names("SELECT Name FROM Account") == ["A"]


def test_all_or_none_takes_everything_back(org: OrgClient) -> None:
    parts = [
        part("POST", "sobjects/Account", "first", {"Name": "A"}),
        part("POST", "sobjects/Account", "bad", {}),
        part("POST", "sobjects/Account", "third", {"Name": "C"}),
    ]
    results = composite(org, *parts, all_or_none=True)
    assert codes(results) == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert org.rows("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("limits", 400), ("composite", 400), ("jobs/ingest", 400), ("nonsense", 400), ("sobjects/Nonsense", 404),
    ],
)  # fmt: skip
def test_some_resources_cannot_be_part_of_it(org: OrgClient, url: str, status: int) -> None:
    assert statuses(composite(org, part("GET", url, "one"))) == [status]


def many(count: int) -> list[dict[str, Any]]:
    return [part("GET", "sobjects", f"n{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": []}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": many(26)}, "LIMIT_EXCEEDED"),
        ({"compositeRequest": many(1) * 2}, "INVALID_REFERENCE_ID"),
        ({"compositeRequest": [part("GET", "sobjects", "a-b")]}, "INVALID_REFERENCE_ID"),
        ({"compositeRequest": [{"method": "GET"}]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [part("GET", "sobjects", "a") | {"nonsense": 1}]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [part("HEAD", "sobjects", "a")]}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": many(1), "nonsense": 1}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": many(1), "allOrNone": "true"}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [part("GET", "sobjects", "a", base="")]}, "INVALID_INPUT"),
    ],
)
def test_a_composite_request_that_is_malformed_is_refused(org: OrgClient, body: Any, code: str) -> None:
    answer = org.post("composite", body)
    assert (answer.status, answer.code) == (400, code)


# graphs


def graphs(org: OrgClient, *given: dict[str, Any]) -> list[Any]:
    body = {"graphs": list(given)}
    check_shape("GraphRequest", body)
    answer = org.post("composite/graph", body)
    assert answer.status == 200, answer.body
    check_shape("GraphResponse", answer.json)
    results: list[Any] = answer.json["graphs"]
    return results


def one_graph(name: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"graphId": name, "compositeRequest": list(parts)}


def accounts(name: str, *names: str) -> dict[str, Any]:
    return one_graph(name, *(part("POST", "sobjects/Account", f"a{n}", {"Name": one}) for n, one in enumerate(names)))


def test_each_graph_succeeds_or_fails_as_a_whole(org: OrgClient) -> None:
    results = graphs(org, accounts("g1", "A", "B"), accounts("g2", "C", ""), accounts("g3", "D"))
    assert [one["isSuccessful"] for one in results] == [True, False, True]
    failed = results[1]["graphResponse"]["compositeResponse"]
    assert codes(failed) == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert org.names("SELECT Name FROM Account ORDER BY Name") == ["A", "B", "D"]


def test_processing_stops_after_fourteen_failed_graphs(org: OrgClient) -> None:
    given = [accounts(f"g{n}", "") for n in range(14)] + [accounts("last", "A")]
    assert graphs(org, *given)[-1]["isSuccessful"] is False
    assert org.rows("SELECT Id FROM Account") == []
    assert graphs(org, *given[1:])[-1]["isSuccessful"] is True


def chain(length: int) -> dict[str, Any]:
    parts = [part("POST", "sobjects/Account", "n0", {"Name": "0"})]
    for n in range(1, length):
        parts.append(part("POST", "sobjects/Account", f"n{n}", {"Name": str(n), "ParentId": f"@{{n{n - 1}.id}}"}))
    return one_graph("g", *parts)


def kinds(count: int) -> dict[str, Any]:
    names = ("Account", "Contact", "Order", "OrderItem", "Product2", "Pricebook2", "Opportunity", "Contract")
    paths = [(method, name) for name in names for method in ("GET", "POST")][:count]
    return one_graph("g", *(part(method, f"sobjects/{name}", f"n{n}") for n, (method, name) in enumerate(paths)))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([chain(15)], 200),
        ([chain(16)], 400),
        ([kinds(15)], 200),
        ([kinds(16)], 400),
        ([accounts(f"g{n}", "A") for n in range(75)], 200),
        ([accounts(f"g{n}", "A") for n in range(76)], 400),
        ([accounts("g1", *["A"] * 250), accounts("g2", *["A"] * 250)], 200),
        ([accounts("g1", *["A"] * 250), accounts("g2", *["A"] * 251)], 400),
        ([accounts("g1", "A"), accounts("g1", "A")], 400),
        ([], 400),
        ([{"graphId": "g"}], 400),
        ([one_graph("g", part("GET", "query?q=x", "a"))], 400),
    ],
)
def test_graphs_have_limits(org: OrgClient, given: list[dict[str, Any]], status: int) -> None:
    assert org.post("composite/graph", {"graphs": given}).status == status


# trees


def node(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": name}, **fields}


def test_a_tree_creates_records_below_each_other(org: OrgClient) -> None:
    contacts = {"records": [node("Contact", "c1", LastName="B"), node("Contact", "c2", LastName="C")]}
    answer = org.post("composite/tree/Account", {"records": [node("Account", "a", Name="A", Contacts=contacts)]})
    assert (answer.status, answer.json["hasErrors"]) == (201, False)
    assert [one["referenceId"] for one in answer.json["results"]] == ["a", "c1", "c2"]
    assert [row["Account"]["Name"] for row in org.rows("SELECT Account.Name FROM Contact")] == ["A", "A"]


def test_a_tree_is_made_whole_or_not_at_all(org: OrgClient) -> None:
    contacts = {"records": [node("Contact", "c1", LastName="B"), node("Contact", "c2", LastName="", Email="x")]}
    answer = org.post("composite/tree/Account", {"records": [node("Account", "a", Name="A", Contacts=contacts)]})
    assert (answer.status, answer.json["hasErrors"]) == (400, True)
    assert [(one["referenceId"], one["errors"][0]["statusCode"]) for one in answer.json["results"]] == [
        ("c2", "INVALID_EMAIL_ADDRESS")
    ]
    assert org.rows("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ([node("Account", f"a{n}", Name="A") for n in range(201)], "LIMIT_EXCEEDED"),
        ([node("Account", "a", Name="A"), node("Account", "a", Name="A")], "INVALID_INPUT"),
        ([node("Contact", "a", LastName="A")], "INVALID_INPUT"),
        ([{"Name": "A"}], "INVALID_INPUT"),
        ([node("Account", "a", Name="A", Nonsense={"records": []})], "INVALID_FIELD"),
        ([node("Account", "a", Name=5)], "JSON_PARSER_ERROR"),
    ],
)
def test_a_tree_that_is_malformed_is_refused(org: OrgClient, records: list[Any], code: str) -> None:
    assert org.post("composite/tree/Account", {"records": records}).code == code


# batches


def test_the_parts_of_a_batch_know_nothing_of_each_other(org: OrgClient) -> None:
    parts = [
        {"method": "POST", "url": "v68.0/sobjects/Account", "richInput": {"Name": "A"}},
        {"method": "GET", "url": "v68.0/sobjects/Nonsense"},
        {"method": "GET", "url": "v68.0/query?q=SELECT+Name+FROM+Account"},
    ]
    answer = org.post("composite/batch", {"batchRequests": parts})
    assert (answer.status, answer.json["hasErrors"]) == (200, True)
    assert [one["statusCode"] for one in answer.json["results"]] == [201, 404, 200]
    assert answer.headers["sforce-limit-info"] == "api-usage=3/15000"
    halted = org.post("composite/batch", {"batchRequests": parts[1:], "haltOnError": True}).json["results"]
    assert (halted[1]["statusCode"], halted[1]["result"][0]["errorCode"]) == (412, "BATCH_PROCESSING_HALTED")
    assert org.post("composite/batch", {"batchRequests": parts * 9}).code == "LIMIT_EXCEEDED"
    assert org.post("composite/batch", {}).code == "JSON_PARSER_ERROR"
    org.switch(daily_limit=6)
    assert org.post("composite/batch", {"batchRequests": parts}).code == "REQUEST_LIMIT_EXCEEDED"
