"""Two pictures of worlds that went through different crashes."""

from __future__ import annotations

from connector.model.values import Side
from connector.testing.crash_picture import compared

WANTED = {"order losers": ["left Deal: lines: a"], "order links": ["Deal"]}


def test_what_is_in_one_picture_only_is_told_once_each() -> None:
    found = {"order losers": ["left Deal: lines: b"], "order links": ["Deal", "Deal"]}
    assert compared(WANTED, found) == [
        "order losers: missing: left Deal: lines: a",
        "order losers: not wanted: left Deal: lines: b",
        "order links: not wanted: Deal",
    ]


def test_only_the_journal_of_a_side_without_proof_may_name_more() -> None:
    found = {"order losers": [*WANTED["order losers"], "right Deal: lines: c"], "order links": ["Deal"]}
    assert compared(WANTED, found, [Side.RIGHT]) == []
    assert compared(WANTED, found, [Side.LEFT]) == ["order losers: not wanted: right Deal: lines: c"]
    found = {"order losers": [], "order links": ["Deal", "Other"]}
    assert compared(WANTED, found, [Side.LEFT]) == [
        "order losers: missing: left Deal: lines: a",
        "order links: not wanted: Other",
    ]
