"""The spool of a run: what goes in comes out, in order, matched as the rules say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.model.records import Record
from connector.model.values import SIDES, Side
from connector.ports import Found, Spool
from connector.state.spool import FileSpool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = FileSpool(tmp_path)
    yield made
    made.close()


def record(key: str, version: str = "1") -> Record:
    return Record(key, version, {"name": key})


def lone(spool: Spool, side: Side, *keys: str, own: bool = False, partner: str | None = None) -> None:
    spool.add_unlinked(side, [(record(key), own, partner) for key in keys])


def prints(spool: Spool, **values: tuple[bytes, ...]) -> None:
    """Match prints by record key."""
    rows = []
    for side in Side:
        rows += [(f.seq, values[f.record.key]) for f in spool.singles(side, 0, 100) if f.record.key in values]
    spool.add_prints(rows)


def mated(spool: Spool) -> list[tuple[str, str]]:
    return [(left.record.key, right.record.key) for left, right in spool.pairs(0, 100)]


def doubts(spool: Spool) -> dict[str, str | None]:
    return {found.record.key: found.doubt for side in Side for found in spool.singles(side, 0, 100)}


def keys(found: list[Found]) -> list[str]:
    return [single.record.key for single in found]


def test_a_record_comes_back_as_it_was(spool: Spool) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    given = Record("K", "7", {"a": None, "b": [1, {"c": "é"}], "d": 1.5}, at, "me", "you", False, "L")
    spool.add_unlinked(Side.LEFT, [(given, True, "P")])
    (found,) = spool.singles(Side.LEFT, 0, 10)
    assert (found.record, found.own, found.partner, found.doubt) == (given, True, "P", None)


def test_a_later_row_of_one_key_replaces_the_earlier(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B")
    spool.add_unlinked(Side.LEFT, [(record("A", "2"), False, None)])
    assert sorted((f.record.key, f.record.version) for f in spool.singles(Side.LEFT, 0, 10)) == [("A", "2"), ("B", "1")]
    spool.add_linked(Side.LEFT, [(1, record("X"), "X")])
    spool.add_linked(Side.LEFT, [(1, None, "X")])
    assert [(link, both.left, both.right) for link, both in spool.linked(0, 10)] == [(1, ("X", None), None)]


@pytest.mark.parametrize(("options", "expected"), [({"sorts": True}, "2"), ({"replacing": False}, "2"), ({}, "1")])
def test_an_older_record_replaces_a_newer_one_only_where_nothing_tells(
    spool: Spool, options: dict[str, bool], expected: str
) -> None:
    spool.add_unlinked(Side.LEFT, [(record("A", ""), False, None)])  # one that was not found: it never stays
    spool.add_unlinked(Side.LEFT, [(record("A", "2"), False, None)], **options)
    spool.add_unlinked(Side.LEFT, [(record("A", "1"), True, "P")], **options)
    (found,) = spool.singles(Side.LEFT, 0, 10)
    assert (found.record.version, found.own) == (expected, expected == "1")


@pytest.mark.parametrize(
    ("options", "version", "stays"),
    [
        ({"sorts": True}, "3", False),
        ({"sorts": True}, "1", True),
        ({"sorts": True, "replacing": False}, "3", False),
        ({"replacing": False}, "3", True),
        ({}, "1", False),
    ],
)
def test_what_has_ended_is_taken_out_unless_what_is_here_is_newer(
    spool: Spool, options: dict[str, bool], version: str, stays: bool
) -> None:
    spool.add_unlinked(Side.LEFT, [(record("A", "2"), False, None)])
    spool.drop_unlinked(Side.LEFT, [("A", version), ("B", version)], **options)
    assert keys(spool.singles(Side.LEFT, 0, 10)) == (["A"] if stays else [])


@pytest.mark.parametrize(
    ("options", "version", "stays"), [({"sorts": True}, "3", False), ({"sorts": True}, "1", True), ({}, "1", False)]
)
def test_one_side_of_a_link_is_taken_out_unless_what_is_here_is_newer(
    spool: Spool, options: dict[str, bool], version: str, stays: bool
) -> None:
    for side in SIDES:
        spool.add_linked(side, [(1, record("A", "2"), "A")])
    spool.drop_linked(Side.LEFT, [(1, version), (2, version)], **options)
    assert [both.left is not None for _, both in spool.linked(0, 10)] == [stays]
    spool.drop_linked(Side.RIGHT, [(1, "3")])
    assert len(spool.linked(0, 10)) == stays
    spool.add_linked(Side.LEFT, [(3, replace(record("B"), merged_into="C"), "B")])
    spool.drop_linked(Side.LEFT, [(3, "2")])
    assert spool.linked(1, 10) != []


def test_the_mate_of_a_record_that_is_taken_out_is_alone_again_and_what_was_merged_away_stays(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X", own=True, partner="A")
    spool.match_partners()
    spool.drop_unlinked(Side.LEFT, [("A", "2")])
    assert (mated(spool), keys(spool.singles(Side.RIGHT, 0, 10))) == ([], ["X"])
    spool.add_unlinked(Side.LEFT, [(replace(record("B"), merged_into="C"), False, None)])
    spool.drop_unlinked(Side.LEFT, [("B", "2")], sorts=True)
    assert keys(spool.singles(Side.LEFT, 0, 10)) == ["B"]


@pytest.mark.parametrize("replacing", [True, False])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_was_merged_away_stays_and_replaces_where_versions_do_not_tell(
    spool: Spool, order: tuple[int, int], replacing: bool
) -> None:
    shown = (record("A", "9"), Record("A", "1", None, merged_into="B"))
    for number in order:
        spool.add_unlinked(Side.LEFT, [(shown[number], False, None)], replacing=replacing)
        spool.add_linked(Side.LEFT, [(1, shown[number], "A")], replacing=replacing)
    assert [found.record for found in spool.singles(Side.LEFT, 0, 10)] == [shown[1]]
    assert [both.left for _, both in spool.linked(0, 10)] == [("A", shown[1])]
    spool.add_linked(Side.LEFT, [(1, None, "A")], replacing=replacing)
    assert [both.left for _, both in spool.linked(0, 10)] == [("A", shown[1])]


def test_of_versions_that_sort_the_greater_stays_though_the_other_was_merged_away(spool: Spool) -> None:
    for one in (record("A", "9"), Record("A", "1", None, merged_into="B")):
        spool.add_unlinked(Side.LEFT, [(one, False, None)], sorts=True)
        spool.add_linked(Side.LEFT, [(1, one, "A")], sorts=True)
    assert [found.record.version for found in spool.singles(Side.LEFT, 0, 10)] == ["9"]
    assert [both.left[1].version for _, both in spool.linked(0, 10) if both.left and both.left[1]] == ["9"]


def test_singles_links_and_pairs_are_paged_in_order_without_gap_or_repeat(spool: Spool) -> None:
    lone(spool, Side.LEFT, *(f"A{n}" for n in range(7)))
    seen: list[str] = []
    after = 0
    while page := spool.singles(Side.LEFT, after, 3):
        seen += keys(page)
        after = page[-1].seq
    assert seen == [f"A{n}" for n in range(7)]
    spool.add_linked(Side.LEFT, [(n, record(f"L{n}"), f"L{n}") for n in range(1, 8)])
    spool.add_linked(Side.RIGHT, [(n, record(f"R{n}"), f"R{n}") for n in range(1, 8, 2)])
    assert [n for n, _ in spool.linked(0, 4)] == [1, 2, 3, 4]
    assert [n for n, _ in spool.linked(4, 4)] == [5, 6, 7]
    assert spool.lonely(0, 2) == [(2, Side.LEFT, "L2"), (4, Side.LEFT, "L4")]
    assert spool.lonely(4, 2) == [(6, Side.LEFT, "L6")]


def test_a_print_that_occurs_once_on_each_side_makes_a_pair(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B")
    lone(spool, Side.RIGHT, "X", "Y")
    prints(spool, A=(b"1",), B=(b"2",), X=(b"1",), Y=(b"3",))
    spool.match(0)
    assert mated(spool) == [("A", "X")]
    assert spool.count_pairs() == 1
    assert doubts(spool) == {"B": None, "Y": None}


def test_a_print_that_occurs_more_often_puts_all_of_them_in_doubt(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X", "Y")
    prints(spool, A=(b"1",), X=(b"1",), Y=(b"1",))
    spool.match(0)
    assert mated(spool) == []
    assert set(doubts(spool).values()) == {"match rule 1 fits several records"}


def test_the_same_print_twice_on_one_side_alone_is_no_doubt(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B")
    lone(spool, Side.RIGHT, "X")
    prints(spool, A=(b"1",), B=(b"1",), X=(b"2",))
    spool.match(0)
    assert set(doubts(spool).values()) == {None}


def test_empty_prints_never_match(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X")
    prints(spool, A=(b"", b""), X=(b"", b""))
    spool.match(0)
    spool.match(1)
    assert mated(spool) == []


def test_a_record_in_doubt_is_not_mated_by_a_later_rule_and_spoils_it_for_its_like(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B", "C")
    lone(spool, Side.RIGHT, "X", "Y")
    prints(spool, A=(b"1", b"n"), B=(b"1", b""), X=(b"1", b""), C=(b"", b"n"), Y=(b"", b"n"))
    spool.match(0)
    spool.match(1)
    assert mated(spool) == []
    assert doubts(spool)["C"] == "match rule 2 fits several records"


def test_a_mated_record_takes_no_part_in_later_rules(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B")
    lone(spool, Side.RIGHT, "X", "Y")
    prints(spool, A=(b"1", b"n"), X=(b"1", b"n"), B=(b"", b"n"), Y=(b"", b"n"))
    spool.match(0)
    spool.match(1)
    assert sorted(mated(spool)) == [("A", "X"), ("B", "Y")]


def test_our_record_is_mated_with_the_one_whose_key_it_carries(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A", "B")
    lone(spool, Side.RIGHT, "X", own=True, partner="A")
    lone(spool, Side.RIGHT, "Y", own=False, partner="B")
    spool.match_partners()
    assert mated(spool) == [("A", "X")]


def test_a_record_that_several_of_ours_carry_is_in_doubt(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X", "Y", own=True, partner="A")
    spool.match_partners()
    assert mated(spool) == []
    assert doubts(spool)["A"] == "several records we made carry its key"


@pytest.mark.parametrize("loser", SIDES)
def test_a_record_that_was_merged_away_is_nobodys_mate(spool: Spool, loser: Side) -> None:
    merged = {loser: "S"}
    spool.add_unlinked(Side.LEFT, [(replace(record("A"), merged_into=merged.get(Side.LEFT)), False, None)])
    spool.add_unlinked(Side.RIGHT, [(replace(record("X"), merged_into=merged.get(Side.RIGHT)), True, "A")])
    prints(spool, A=(b"1",), X=(b"1",))
    spool.match_partners()
    spool.match(0)
    assert mated(spool) == []
    assert doubts(spool) == {"A": None, "X": None}


def test_a_record_that_was_merged_away_makes_no_match_of_others_doubtful(spool: Spool) -> None:
    spool.add_unlinked(Side.LEFT, [(record("A"), False, None), (record("B"), False, None)])
    spool.add_unlinked(Side.RIGHT, [(record("X"), True, "A"), (record("Y"), False, None)])
    spool.add_unlinked(Side.RIGHT, [(replace(record("Z"), merged_into="X"), True, "A")])
    prints(spool, B=(b"1",), Y=(b"1",), Z=(b"1",))
    spool.match_partners()
    spool.match(0)
    assert mated(spool) == [("A", "X"), ("B", "Y")]


def test_a_key_of_the_same_side_is_no_partner(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.LEFT, "B", own=True, partner="A")
    spool.match_partners()
    assert mated(spool) == []


def test_promoted_records_are_linked_ones_on_both_sides(spool: Spool) -> None:
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X", "Y")
    spool.promote(Side.LEFT, {"A": (9, "X")})
    ((link, both),) = spool.linked(0, 10)
    assert link == 9
    assert both.left is not None
    assert both.right is not None
    assert (both.left[0], both.right[0]) == ("A", "X")
    assert spool.singles(Side.LEFT, 0, 10) == []
    assert keys(spool.singles(Side.RIGHT, 0, 10)) == ["Y"]


def test_unlisted_links_are_those_not_noted_on_that_side(spool: Spool) -> None:
    spool.note_listed(Side.LEFT, [1, 2])
    spool.note_listed(Side.LEFT, [2, 3])
    assert spool.unlisted(Side.LEFT, range(1, 1300)) == set(range(4, 1300))
    assert spool.unlisted(Side.RIGHT, [1]) == {1}


def test_counts_and_clear(spool: Spool) -> None:
    spool.add_linked(Side.LEFT, [(1, record("L"), "L")])
    spool.add_linked(Side.RIGHT, [(1, record("R"), "R")])
    lone(spool, Side.LEFT, "A")
    links, single = spool.counts()
    assert (links, single.left, single.right) == (1, 1, 0)
    spool.clear()
    links, single = spool.counts()
    assert (links, single.left, single.right) == (0, 0, 0)
    lone(spool, Side.LEFT, "A")
    lone(spool, Side.RIGHT, "X")
    spool.match(0)
    assert mated(spool) == []


def test_a_closed_spool_leaves_no_file(tmp_path: Path) -> None:
    made = FileSpool(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    made.close()
    assert list(tmp_path.iterdir()) == []


def test_two_spools_at_a_time_do_not_see_each_other(tmp_path: Path) -> None:
    one, other = FileSpool(tmp_path), FileSpool(tmp_path)
    lone(one, Side.LEFT, "A")
    assert other.singles(Side.LEFT, 0, 10) == []
    one.close()
    other.close()
