"""What is listed, told and found: nothing is missed, whatever search does not know, and no line goes unseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connector.adapters.hubspot.feed import STRIDE, Walk, read_cursor
from connector.errors import ConfigError, DeniedError, NotFoundError, RejectedError, TransientError
from connector.model.records import Record

from .memory import NOW, Memory, adapter

HOUR = 3600.0


def walked(crm: Any, name: str, cursor: str | None) -> tuple[list[Record], str]:
    records: list[Record] = []
    while True:
        page = crm.changes(name, cursor)
        records += page.records
        cursor = page.cursor
        if not page.more:
            return records, str(cursor)


def keys(records: Sequence[Record]) -> list[str]:
    return [record.key for record in records]


# ------------------------------------------------------------------------------------------------------ windows


def test_a_change_is_told_when_search_is_sure_to_know_it() -> None:
    portal = Memory(lag=50)
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    key = portal.put("products", name="a")
    portal.clock.time += 55
    assert keys(walked(crm, "products", cursor)[0]) == []
    portal.clock.time += 10
    records, cursor = walked(crm, "products", cursor)
    assert keys(records) == [key]


def test_a_change_that_search_told_late_is_told_within_the_look_back() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    portal.clock.time += 1000
    early = portal.put("products", at=NOW + 500, name="early")
    hidden = portal.rows["products"].pop(early)
    late = portal.put("products", at=NOW + 700, name="late")
    records, cursor = walked(crm, "products", cursor)
    assert keys(records) == [late]
    portal.rows["products"][early] = hidden
    records, cursor = walked(crm, "products", cursor)
    assert keys(records) == [early, late]


def test_more_records_of_one_stamp_than_search_gives_out_are_all_told_once() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    made = [portal.put("products", at=NOW + 10, name="same") for _ in range(10_201)]
    portal.clock.time += 100
    records, cursor = walked(crm, "products", cursor)
    assert sorted(keys(records), key=int) == made
    assert portal.calls["search products"] == 52, "a page of 200 a call, and one that is not full"


def test_records_that_change_while_they_are_told_come_again_and_others_once() -> None:
    portal = Memory()
    crm = adapter(portal, look_back=0)
    _, cursor = walked(crm, "products", None)
    made = [portal.put("products", at=NOW + 1 + n / 1000, name="x") for n in range(450)]
    portal.clock.time += 100
    page = crm.changes("products", cursor)
    assert page.more
    for key in (made[0], made[-1]):
        portal.edit("products", key, name="y")
    rest, cursor = walked(crm, "products", page.cursor)
    assert keys([*page.records, *rest]) == made[:-1]
    portal.clock.time += 100
    assert set(keys(walked(crm, "products", cursor)[0])) == {made[0], made[-1], made[-2]}


def test_a_page_is_told_oldest_first() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    first, second, third = (portal.put("products", at=NOW + at, name="x") for at in (30, 10, 10))
    portal.clock.time += 100
    assert keys(walked(crm, "products", cursor)[0]) == [second, third, first]


def test_what_search_shows_is_never_shown_as_data() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    key = portal.put("products", at=NOW + 1, name="old")
    portal.clock.time += 2
    stale = portal.search("products", [], 0)
    portal.edit("products", key, at=NOW + 200, name="new")
    portal.search = lambda *args, **more: stale  # type: ignore[method-assign]
    portal.clock.time += 100
    (record,) = walked(crm, "products", cursor)[0]
    assert record.fields is not None
    assert record.fields["name"] == "new"


def test_a_quiet_pass_ends_where_it_ended_before_and_old_changes_are_not_told_for_ever() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "products", None)
    portal.put("products", at=NOW + 1, name="x")
    portal.clock.time += 100
    records, cursor = walked(crm, "products", cursor)
    assert walked(crm, "products", cursor) == (records, cursor)
    portal.clock.time += 2 * STRIDE / 1000
    again, cursor = walked(crm, "products", cursor)
    assert keys(again) == keys(records)
    assert walked(crm, "products", cursor)[0] == []


def test_contacts_are_told_by_a_stamp_of_another_name() -> None:
    portal = Memory()
    crm = adapter(portal)
    _, cursor = walked(crm, "contacts", None)
    key = portal.put("contacts", at=NOW + 1, lastname="x")
    asked: list[Any] = []
    portal.fail = lambda what, type_, rows: asked.extend(rows) if what == "search" else None
    portal.clock.time += 100
    assert keys(walked(crm, "contacts", cursor)[0]) == [key]
    assert {one["propertyName"] for one in asked} == {"lastmodifieddate"}


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "own 1 2 3",
        "own 1 2 3 4 5 x",
        "lines 1 2 3 4 5 1.5",
        "own 1 2 3 4 5 6 7",
        "none 1 2 3 4 5 6",
        "own -1 2 3 4 5 6",
        "own 1 2 3 4 5 a/b",
    ],
)
def test_a_cursor_that_is_none_of_ours_asks_to_read_everything_again(cursor: str) -> None:
    with pytest.raises(NotFoundError):
        adapter(Memory()).changes("products", cursor)


def test_a_cursor_comes_back_as_it_went() -> None:
    walk = Walk("gone", 1, 2, 3, 4, 5, "9_=.-z/ü 0")
    assert read_cursor(str(walk)) == walk


# ------------------------------------------------------------------------------------------- lines and references


def document(portal: Memory, at: float = NOW - 9999) -> tuple[str, str]:
    deal, line = portal.put("deals", at=at, dealname="d"), portal.put("line_items", at=at, name="l")
    portal.tie("deals", deal, "line_items", line, 19)
    portal.tie("line_items", line, "deals", deal, 20)
    return deal, line


def test_a_line_that_changes_tells_its_document_once_where_that_stands_still() -> None:
    portal = Memory()
    crm = adapter(portal)
    deal, line = document(portal)
    other, both = document(portal)
    portal.put("line_items", name="an orphan")
    before, cursor = walked(crm, "deals", None)
    assert keys(before) == [deal, other]
    portal.edit("line_items", line, at=NOW + 10, name="new")
    portal.edit("line_items", both, at=NOW + 10, name="new")
    portal.edit("deals", other, at=NOW + 10, dealname="new")
    portal.clock.time += 100
    after, cursor = walked(crm, "deals", cursor)
    assert keys(after) == [other, deal]
    assert {record.key: record.version for record in before}[deal] != after[1].version


def test_a_line_that_is_taken_off_is_told_when_all_records_are_looked_at() -> None:
    portal = Memory()
    crm = adapter(portal, sweep_every=2)
    deal, line = document(portal)
    before, cursor = walked(crm, "deals", None)
    portal.remove("line_items", [line])
    portal.links.clear()
    portal.clock.time += HOUR
    records, cursor = walked(crm, "deals", cursor)
    assert keys(records) == []
    portal.clock.time += 2 * HOUR
    (record,), cursor = walked(crm, "deals", cursor)
    assert record.version != before[0].version
    assert record.fields is not None
    assert (record.key, record.fields["lines"]) == (deal, [])
    portal.clock.time += HOUR
    assert keys(walked(crm, "deals", cursor)[0]) == [], "not before it is due again"


def test_lines_come_by_their_place_and_those_without_one_after_them() -> None:
    portal = Memory()
    deal = portal.put("deals", dealname="d")
    places = {name: portal.put("line_items", name=name, hs_position_on_quote=at) for name, at in LINES.items()}
    for line in places.values():
        portal.tie("deals", deal, "line_items", line, 19)
    foreign = portal.put("line_items", name="of a quote")
    portal.tie("deals", deal, "line_items", foreign, 67)
    fields = adapter(portal).read("deals", [deal])[deal].fields
    assert fields is not None
    assert [line["name"] for line in fields["lines"]] == ["first", "second", "tenth", "none", "odd"]
    assert fields["lines"][0]["id"] == places["first"]


LINES = {"tenth": "10", "none": "", "odd": "x", "second": "2", "first": "1"}


def test_of_several_companies_the_primary_one_is_shown_else_the_oldest() -> None:
    portal = Memory()
    deal, lone = portal.put("deals", dealname="d"), portal.put("deals", dealname="e")
    for key, *numbers in (("9", 341), ("10", 341, 5), ("8", 341), ("7", 99)):
        portal.tie("deals", deal, "companies", str(key), *numbers)
    portal.tie("deals", lone, "contacts", "12", 3)
    portal.tie("deals", lone, "contacts", "9", 3)
    shown = {key: record.fields for key, record in adapter(portal).read("deals", [deal, lone]).items()}
    found = {key: (fields or {})["company_id"] for key, fields in shown.items()}
    assert found == {deal: "10", lone: None}
    assert (shown[lone] or {})["contact_id"] == "9"


# --------------------------------------------------------------------------------------- deletes and merges


def test_the_recycle_bin_is_looked_into_when_it_is_due_and_only_for_what_is_new_in_it() -> None:
    portal = Memory()
    crm = adapter(portal, archived_every=10)
    old, kept = portal.put("products", at=NOW - 9999, name="x"), portal.put("products", at=NOW - 9999, name="y")
    portal.rows["products"][old].gone = NOW - 86_400
    _, cursor = walked(crm, "products", None)
    fresh = [portal.put("products", at=NOW - 9999, name="z") for _ in range(150)]
    portal.remove("products", fresh[:100])
    portal.remove("products", fresh[100:])
    portal.clock.time += 9 * HOUR
    records, cursor = walked(crm, "products", cursor)
    assert records == []
    portal.clock.time += 2 * HOUR
    records, cursor = walked(crm, "products", cursor)
    assert sorted(keys(records)) == fresh
    assert all(record.deleted and record.fields is None for record in records)
    assert kept not in keys(records)
    portal.clock.time += 2 * HOUR
    assert walked(crm, "products", cursor)[0] == []


def test_what_is_not_there_is_deleted_only_where_the_recycle_bin_shows_it() -> None:
    portal = Memory()
    crm = adapter(portal)
    live, gone = portal.put("companies", name="a"), portal.put("companies", name="b")
    portal.remove("companies", [gone])
    portal.calls.clear()
    found = crm.read("companies", [live, gone, "999", "0", "01", "x", "", "9" * 40, live])
    assert set(found) == {live, gone}
    assert (found[live].deleted, found[gone].deleted, found[gone].fields) == (False, True, None)
    assert portal.calls["read companies"] == 2
    assert portal.calls["one companies"] == 1, "only of what the recycle bin does not show either"


def test_an_id_that_leads_to_another_record_was_merged_into_it() -> None:
    portal = Memory()
    crm = adapter(portal)
    first, second = portal.put("companies", at=NOW, name="a"), portal.put("companies", at=NOW, name="b")
    _, cursor = walked(crm, "companies", None)
    survivor = portal.put("companies", at=NOW + 1, name="ab", hs_merged_object_ids=f"{first};{second};junk;")
    for key in (first, second):
        portal.rows["companies"][key].into = survivor
    portal.clock.time += 100
    told = {record.key: record for record in walked(crm, "companies", cursor)[0]}
    read = crm.read("companies", [first, second, survivor])
    for found in (told, read):
        assert {key: record.merged_into for key, record in found.items()} == {
            first: survivor,
            second: survivor,
            survivor: None,
        }
        assert found[first].fields is None
    assert told[first].version == read[first].version


# -------------------------------------------------------------------------------------------------- finding


def test_a_record_with_the_key_is_found_before_search_knows_it() -> None:
    portal = Memory(lag=60)
    crm = adapter(portal)
    old = portal.put("products", at=NOW - 100, name="old", erp_id="P-1")
    made = [portal.put("products", name="new", erp_id=f"P-{number}") for number in range(2, 250)]
    found = crm.find("products", "erp_id", ["P-1", "P-2", "P-249", "p-3", "P-999"])
    assert set(keys(found)) == {old, made[0], made[-1]}
    assert portal.calls["page products"] == 3, "the whole list"
    portal.calls.clear()
    assert keys(crm.find("products", "erp_id", ["P-1"])) == [old]
    assert portal.calls["page products"] == 0, "no list for what search knows"


def test_a_unique_key_is_asked_of_the_records_and_not_of_search() -> None:
    portal = Memory(lag=60)
    crm = adapter(portal)
    key = portal.put("companies", name="x", erp_id="7")
    assert keys(crm.find("companies", "erp_id", ["7", "8", ""])) == [key]
    assert portal.calls["search companies"] == 0


def test_only_records_with_the_very_value_are_found_whatever_search_takes_for_equal() -> None:
    portal = Memory()
    crm = adapter(portal)
    mine = portal.put("products", name="Bolt")
    portal.put("products", name="BOLT")
    empty = portal.put("products", name="")
    assert keys(crm.find("products", "name", ["Bolt"])) == [mine]
    assert crm.find("products", "name", ["", "None"]) == []
    assert keys(crm.find("products", "hs_object_id", [empty])) == [empty]


def test_values_go_as_many_at_a_time_as_a_search_has_letters() -> None:
    portal = Memory()
    crm = adapter(portal)
    names = [f"{number}-{'x' * 100}" for number in range(30)]
    made = [portal.put("products", name=name) for name in names]
    lengths: list[int] = []
    portal.fail = lambda what, type_, rows: lengths.append(len(str(rows))) if what == "search" else None
    assert sorted(keys(crm.find("products", "name", names))) == made
    assert len(lengths) == 4
    assert max(lengths) < 2600
    long = portal.put("products", name="y" * 3000)
    assert keys(crm.find("products", "name", ["y" * 3000])) == [long]
    assert len(lengths) == 4, "what no search holds is looked for in the list"


@pytest.mark.parametrize("name", ["nothing", "lines", "company_id", "stage_label"])
def test_a_field_that_is_no_property_cannot_be_searched(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot be searched by `{name}`"):
        adapter(Memory()).find("deals", name, ["1"])


# ----------------------------------------------------------------------------------------------- what is seen


def test_names_too_long_for_an_address_are_asked_for_with_the_records() -> None:
    portal = Memory()
    portal.known["products"] += [type(portal.known["products"][0])(f"{'n' * 60}{i}", "string") for i in range(150)]
    made = [portal.put("products", name="x") for _ in range(3)]
    page = adapter(portal).scan("products", None)
    assert keys(page.records) == made
    assert portal.calls["read products"] == 1
    assert all(record.fields and record.fields["name"] == "x" for record in page.records)


def test_objects_that_are_kept_from_us_are_left_out_and_named_by_check() -> None:
    portal = Memory()
    portal.put("deals", dealname="d")
    denied = DeniedError("crm denies this: MISSING_SCOPES.")
    portal.fail = lambda what, type_, rows: denied if type_ in ("contacts", "line_items") else None
    crm = adapter(portal, payments="off")
    objects = crm.describe().objects
    assert set(objects) == {"companies", "products", "deals", "orders", "invoices"}
    assert not {"contact_id", "lines"} & set(objects["deals"].fields)
    assert len(crm.scan("deals", None).records) == 1
    with pytest.raises(DeniedError):
        crm.scan("contacts", None)
    with pytest.raises(ConfigError, match="no object `tickets`"):
        crm.scan("tickets", None)
    findings = {finding.subject: finding for finding in crm.check()}
    assert not findings["contacts"].ok
    assert "crm.objects.contacts.read" in findings["contacts"].detail
    assert findings["connection"].detail.endswith("portal 33 STANDARD Europe/Berlin EUR")
    assert findings["products"].ok


def test_where_nothing_can_be_seen_the_first_error_is_raised() -> None:
    portal = Memory()
    portal.fail = lambda what, type_, rows: DeniedError("crm does not accept the credentials.")
    with pytest.raises(DeniedError, match="credentials"):
        adapter(portal).describe()
    portal.fail = lambda what, type_, rows: TransientError("crm is busy.", 3)
    with pytest.raises(TransientError):
        adapter(portal).describe()
    portal.fail = lambda what, type_, rows: None
    assert adapter(portal).describe().objects


@pytest.mark.parametrize(
    ("setting", "there", "finding"), [("auto", False, None), ("objects", False, False), ("auto", True, True)]
)
def test_payments_are_there_where_the_account_has_them(setting: str, there: bool, finding: bool | None) -> None:
    portal = Memory()
    refused = RejectedError("crm refuses it (status 400: Unable to infer object type).")
    portal.fail = lambda what, type_, rows: refused if type_ == "commerce_payments" and not there else None
    crm = adapter(portal, payments=setting)
    assert ("commerce_payments" in crm.describe().objects) is there
    told = {one.subject: one.ok for one in crm.check()}
    assert told.get("commerce_payments") is finding


def test_a_version_stands_still_while_only_what_hubspot_computes_moves() -> None:
    portal = Memory()
    crm = adapter(portal)
    key = portal.put("companies", at=NOW, name="x", visits="1", seconds="1")
    first = crm.read("companies", [key])[key]
    portal.edit("companies", key, at=NOW, visits="2", seconds="2")
    second = crm.read("companies", [key])[key]
    assert (first.fields or {}).get("visits") != (second.fields or {})["visits"]
    assert "seconds" not in (second.fields or {})
    assert first.version == second.version
    portal.edit("companies", key, at=NOW, name="y")
    assert crm.read("companies", [key])[key].version != second.version, "the same stamp, another name"
