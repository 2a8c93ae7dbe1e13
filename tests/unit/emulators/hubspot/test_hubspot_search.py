"""The search: its operators, its limits, and how late it is (contract 3.5)."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot_calls import START, Caller, only

MS = int(START.timestamp() * 1000)


@pytest.fixture
def products(portal: Caller) -> Caller:
    """91 Nut 10, 92 nut M8 2, 93 Bolt without a price; one second apart."""
    for name, price in (("Nut", "10"), ("nut M8", "2"), ("Bolt", "")):
        portal.make("products", name=name, price=price, hs_product_type="inventory" if price else "service")
        portal.clock.advance(seconds=1)
    return portal


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (only("name", "EQ", "NUT"), ["91"]),
        (only("name", "NEQ", "nut"), ["92", "93"]),
        (only("price", "EQ", "10.0"), ["91"]),
        (only("price", "GT", "2"), ["91"]),
        (only("price", "GTE", "2"), ["91", "92"]),
        (only("price", "LT", "10"), ["92"]),
        (only("price", "LTE", "10"), ["91", "92"]),
        (only("price", "NEQ", "10"), ["92"]),
        (only("price", "BETWEEN", "2", highValue="9.99"), ["92"]),
        (only("price", "HAS_PROPERTY"), ["91", "92"]),
        (only("price", "NOT_HAS_PROPERTY"), ["93"]),
        (only("name", "IN", values=["nut", "bolt"]), ["91", "93"]),
        (only("name", "IN", values=["Nut", "bolt"]), ["93"]),
        (only("name", "NOT_IN", values=["nut"]), ["92", "93"]),
        (only("hs_product_type", "EQ", "inventory"), ["91", "92"]),
        (only("hs_product_type", "EQ", "Inventory"), []),
        (only("hs_product_type", "IN", values=["service"]), ["93"]),
        (only("name", "CONTAINS_TOKEN", "nut"), ["91", "92"]),
        (only("name", "CONTAINS_TOKEN", "nu"), []),
        (only("name", "CONTAINS_TOKEN", "*8"), ["92"]),
        (only("name", "NOT_CONTAINS_TOKEN", "nut"), ["93"]),
        (only("hs_object_id", "GT", "91"), ["92", "93"]),
        (only("hs_object_id", "IN", values=["93", "91"]), ["91", "93"]),
        (only("hs_lastmodifieddate", "GTE", str(MS + 1000)), ["92", "93"]),
        (only("hs_lastmodifieddate", "BETWEEN", str(MS), highValue=str(MS + 999)), ["91"]),
        (only("createdate", "LT", str(MS + 1)), ["91"]),
    ],
)
def test_an_operator_finds_what_it_says(products: Caller, filter_: Any, found: list[str]) -> None:
    assert products.found("products", filter_) == found
    assert products.search("products", filter_).json["total"] == len(found)


def test_dates_and_instants_are_filtered_by_milliseconds(portal: Caller) -> None:
    deal = {"dealname": "Deal", "pipeline": "default", "dealstage": "closedwon", "closedate": "2026-11-01T12:00:00Z"}
    portal.make("deals", **deal)
    portal.make("invoices", hs_currency="EUR", hs_due_date="2026-11-02")
    noon = MS + 3 * 3_600_000
    assert portal.found("deals", only("closedate", "EQ", str(noon))) == ["91"]
    assert portal.found("deals", only("closedate", "GT", str(noon))) == []
    assert portal.found("invoices", only("hs_due_date", "GT", str(MS))) == ["91"]
    assert portal.found("invoices", only("hs_due_date", "EQ", "1793577600000")) == ["91"]


def test_capitals_find_text_too_where_it_is_switched(products: Caller) -> None:
    products.switch(search_in_lowercase=False)
    assert products.found("products", only("name", "IN", values=["Nut"])) == ["91"]


def test_groups_are_alternatives_and_their_filters_hold_together(products: Caller) -> None:
    groups = [
        {"filters": [only("price", "GT", "1"), only("name", "CONTAINS_TOKEN", "m8")]},
        {"filters": [only("name", "EQ", "bolt")]},
    ]
    answer = products.post("products/search", {"filterGroups": groups})
    assert [record["id"] for record in answer.json["results"]] == ["92", "93"]


def test_words_of_the_search_box_begin_words_of_the_values(products: Caller) -> None:
    assert products.found("products", query="nu") == ["91", "92"]
    assert products.found("products", query="nut m") == ["92"]


@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ({"propertyName": "price", "direction": "DESCENDING"}, ["91", "92", "93"]),
        ({"propertyName": "price"}, ["92", "91", "93"]),
        ("name", ["93", "91", "92"]),
        ("-hs_object_id", ["93", "92", "91"]),
    ],
)
def test_one_sort_orders_and_what_has_no_value_stands_last(products: Caller, sort: Any, found: list[str]) -> None:
    assert products.found("products", sorts=[sort]) == found


@pytest.mark.parametrize(
    "more",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "x"},
        {"after": "-1"},
        {"sorts": ["name", "price"]},
        {"sorts": ["foo"]},
        {"sorts": [{"propertyName": "name", "direction": "UP"}]},
        {"sorts": [{"propertyName": "name", "order": 1}]},
        {"filterGroups": [{"filters": []}]},
        {"filterGroups": [{"filters": [only("name", "EQ", "a")]}] * 6},
        {"filterGroups": [{"filters": [only("name", "EQ", "a")] * 7}]},
        {"filterGroups": [{"filters": [only("name", "EQ", "a")] * 5}] * 4},
        {"query": "x" * 3000},
        {"properties": ["x" * 100] * 30},
        {"archived": True},
    ],
)
def test_400_beyond_a_limit_of_a_query(portal: Caller, more: Any) -> None:
    assert portal.post("companies/search", more).refused == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "filter_",
    [
        only("name", "LIKE", "a"),
        only("name", "EQ"),
        only("name", "EQ", values=["a"]),
        only("name", "IN", "a"),
        only("name", "IN", values=[]),
        only("name", "GT", "a"),
        only("price", "BETWEEN", "1"),
        only("price", "EQ", "ten"),
        only("price", "CONTAINS_TOKEN", "1"),
        only("price", "HAS_PROPERTY", "1"),
        only("hs_lastmodifieddate", "GT", "2026-11-01T00:00:00Z"),
    ],
)
def test_400_for_a_filter_that_makes_no_sense(portal: Caller, filter_: Any) -> None:
    assert portal.search("products", filter_).codes == ["INVALID_FILTER"]


def test_the_largest_query_allowed_is_answered(portal: Caller) -> None:
    groups = [{"filters": [only("name", "EQ", "a")] * 6}] * 3
    assert portal.post("companies/search", {"filterGroups": groups, "limit": 200}).status == 200


def test_pages_follow_by_number_and_end_with_a_400_at_ten_thousand(portal: Caller) -> None:
    for _ in range(2):
        portal.batch("companies", "create", *({"properties": {"name": "C"}} for _ in range(100)))
    seen: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = portal.search("companies", limit=80, after=after).json
        seen += [record["id"] for record in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
    assert seen == [str(n) for n in range(91, 291)]
    assert portal.search("companies", limit=80, after=9921).status == 400


def test_binned_records_are_never_found(portal: Caller) -> None:
    key = portal.make("companies", name="Acme")
    portal.delete(f"companies/{key}")
    assert portal.found("companies") == []


def test_a_new_record_is_found_late(portal: Caller) -> None:
    portal.switch(search_lag=10)
    key = portal.make("companies", name="Acme")
    portal.clock.advance(seconds=9.9)
    assert portal.found("companies") == []
    portal.clock.advance(seconds=0.1)
    assert portal.found("companies") == [key]


def test_a_changed_record_is_found_as_it_was_until_the_index_knows(portal: Caller) -> None:
    portal.switch(search_lag=10)
    key = portal.make("companies", name="old")
    portal.clock.advance(minutes=1)
    portal.patch(f"companies/{key}", {"name": "mid"})
    portal.clock.advance(seconds=5)
    portal.patch(f"companies/{key}", {"name": "new"})
    names = []
    for _ in range(3):
        (record,) = portal.search("companies", properties=["name"]).json["results"]
        names.append((record["properties"]["name"], record["updatedAt"]))
        portal.clock.advance(seconds=5)
    assert names == [
        ("old", "2026-11-01T09:00:00.000Z"),
        ("mid", "2026-11-01T09:01:00.000Z"),
        ("new", "2026-11-01T09:01:05.000Z"),
    ]
    assert portal.found("companies", only("name", "EQ", "old")) == []


def test_two_changes_in_one_moment_leave_the_last(portal: Caller) -> None:
    portal.switch(search_lag=10)
    key = portal.make("companies", name="one")
    portal.patch(f"companies/{key}", {"name": "two"})
    portal.clock.advance(seconds=10)
    assert portal.search("companies", properties=["name"]).json["results"][0]["properties"]["name"] == "two"


def test_a_pipeline_that_is_edited_touches_all_its_deals(portal: Caller) -> None:
    deal = {"dealname": "Deal", "pipeline": "default", "dealstage": "closedwon"}
    keys = [portal.make("deals", **deal) for _ in range(2)]
    portal.make("deals", **{**deal, "pipeline": "75481062", "dealstage": "142930661"})
    portal.clock.advance(hours=1)
    assert portal.admin("POST", "pipelines/deals/default/edit").json == {"touched": 2}
    assert portal.admin("POST", "pipelines/deals/other/edit").status == 404
    assert portal.found("deals", only("hs_lastmodifieddate", "GT", str(MS))) == keys
