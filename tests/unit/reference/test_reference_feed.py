"""Reading sets of records: the feed, scans, modified since, find, search."""

from __future__ import annotations

import pytest
from reference_calls import Caller


def _companies(crm: Caller, count: int) -> list[str]:
    items = [{"fields": {"name": f"N{number}", "number": str(number % 3)}} for number in range(count)]
    return [item["record"]["id"] for item in crm.batch("companies", "create", *items)["items"]]


def test_the_feed_gives_every_record_once_at_its_latest_place(crm: Caller) -> None:
    first, second, third = _companies(crm, 3)
    crm.patch(f"/api/companies/{first}", {"fax": "1"})
    items, _ = crm.feed("companies", limit=1)
    assert [item["id"] for item in items] == [second, third, first]


def test_a_cursor_covers_everything_before_the_answer_and_nothing_after(crm: Caller) -> None:
    first, second, _ = _companies(crm, 3)
    _, cursor = crm.feed("companies")
    assert crm.feed("companies", cursor) == ([], cursor)
    crm.patch(f"/api/companies/{second}", {"fax": "1"})
    crm.patch(f"/api/companies/{first}", {"fax": "1"})
    items, later = crm.feed("companies", cursor)
    assert [item["id"] for item in items] == [second, first]
    assert later != cursor


def test_objects_have_feeds_of_their_own(crm: Caller) -> None:
    _companies(crm, 2)
    _, cursor = crm.feed("companies")
    crm.make("contacts", last_name="Doe")
    assert crm.feed("companies", cursor) == ([], cursor)


def test_the_gone_are_in_the_feed_but_not_from_the_beginning(crm: Caller) -> None:
    first, second, third = _companies(crm, 3)
    _, cursor = crm.feed("companies")
    crm.call("DELETE", f"/api/companies/{first}")
    crm.post("/api/companies/merge", {"winner": third, "loser": second})
    items, _ = crm.feed("companies", cursor)
    assert [(item["id"], item["deleted"], item["merged_into"], item["fields"]) for item in items] == [
        (first, True, None, None),
        (second, False, third, None),
    ]
    assert [item["id"] for item in crm.feed("companies")[0]] == [third]


def test_what_is_deleted_during_the_first_pass_is_told(crm: Caller) -> None:
    ids = _companies(crm, 4)
    crm.call("DELETE", f"/api/companies/{ids[3]}")
    page = crm.get("/api/companies?cursor=&limit=2").json
    crm.call("DELETE", f"/api/companies/{ids[0]}")
    items, _ = crm.feed("companies", page["cursor"], limit=1)
    assert [(item["id"], item["deleted"]) for item in items] == [(ids[2], False), (ids[0], True)]


@pytest.mark.parametrize("cursor", ["7", "abc", "000000-1", "{epoch}-99", "{epoch}-0-99", "-1", "x" * 500])
def test_an_unknown_cursor_is_gone(crm: Caller, cursor: str) -> None:
    _companies(crm, 2)
    epoch = crm.feed("companies")[1].split("-")[0]
    answer = crm.get(f"/api/companies?cursor={cursor.format(epoch=epoch)}")
    assert (answer.status, answer.code) == (410, "unknown_cursor")


def test_a_scan_goes_by_number_not_by_text(crm: Caller) -> None:
    ids = _companies(crm, 12)
    crm.call("DELETE", f"/api/companies/{ids[4]}")
    seen, after = [], ""
    for _ in range(20):
        page = crm.get(f"/api/companies?after={after}&limit=5").json
        seen += [item["id"] for item in page["items"]]
        after = page["cursor"]
        if not page["more"]:
            break
    assert seen == [key for key in ids if key != ids[4]]


def test_modified_since_pages_by_time_and_id(crm: Caller) -> None:
    first, second, third, fourth = _companies(crm, 4)
    crm.clock.advance(seconds=2)
    crm.patch(f"/api/companies/{second}", {"fax": "1"})
    crm.call("DELETE", f"/api/companies/{first}")
    since = "2026-03-10T09:00:00.000Z"
    seen, after = [], ""
    for _ in range(9):
        page = crm.get(f"/api/companies?modified_since={since}&after={after}&limit=1").json
        seen += [item["id"] for item in page["items"]]
        after = page["cursor"]
        if not page["more"]:
            break
    assert seen == [third, fourth, first, second]
    late = crm.get("/api/companies?modified_since=2026-03-10T09:00:00.001Z").json["items"]
    assert [(item["id"], item["deleted"]) for item in late] == [(first, True), (second, False)]
    behind = crm.get(f"/api/companies?modified_since={since}&after={third}").json["items"]
    assert [item["id"] for item in behind] == [fourth, first, second]


def test_find_takes_many_values_of_one_field(crm: Caller) -> None:
    ids = _companies(crm, 6)
    found = crm.get("/api/companies?number=1&number=2").json
    assert [item["id"] for item in found["items"]] == [ids[1], ids[2], ids[4], ids[5]]
    page = crm.get("/api/companies?number=1&number=2&limit=3").json
    assert (len(page["items"]), page["more"]) == (3, True)
    rest = crm.get(f"/api/companies?number=1&number=2&limit=3&after={page['cursor']}").json
    assert ([item["id"] for item in rest["items"]], rest["more"]) == ([ids[5]], False)
    assert len(crm.get("/api/companies?created_by=connector").json["items"]) == 6
    assert crm.get("/api/companies?name=N3&status=customer").status == 400
    assert crm.get("/api/companies?colour=red").status == 422
    assert crm.get("/api/companies?" + "&".join(f"number={n}" for n in range(201))).status == 400


def test_find_works_on_fields_without_an_index_too(crm: Caller, erp: Caller) -> None:
    key = crm.make("companies", name="A", fax="77")
    crm.make("companies", name="B")
    assert [item["id"] for item in crm.get("/api/companies?fax=77").json["items"]] == [key]
    blocked = erp.make("customers", name="A", currency="EUR", blocked=True)
    erp.make("customers", name="B", currency="EUR")
    assert [item["id"] for item in erp.get("/api/customers?blocked=true").json["items"]] == [blocked]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=", "after=x", "after=D-1", "modified_since=x"]
)
def test_a_query_that_cannot_be_read_is_refused(crm: Caller, query: str) -> None:
    answer = crm.get(f"/api/companies?{query}")
    assert (answer.status, answer.code) == (400, "malformed")


def test_batch_read_answers_in_order_and_shows_the_gone(crm: Caller) -> None:
    first, second, third = _companies(crm, 3)
    crm.call("DELETE", f"/api/companies/{second}")
    answer = crm.post("/api/companies/batch/read", {"ids": [third, "C-99", second, "x", first]}).json
    assert [(item["id"], item["fields"] is None) for item in answer["items"]] == [
        (third, False),
        (second, True),
        (first, False),
    ]


def test_the_pages_search_and_go_newest_first(crm: Caller) -> None:
    service = crm.app.service
    ids = _companies(crm, 12)
    assert [record.id for record in service.list("companies", search="n1")] == [ids[1], ids[10], ids[11]]
    assert [record.label for record in service.list("companies", newest=True, limit=2)] == ["N11", "N10"]
    assert [record.id for record in service.list("companies", newest=True, after=ids[1])] == [ids[0]]
