"""Where a walk through changes stands, goes on and begins again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.adapters.salesforce.feed import BIN, Walk, read_cursor
from connector.errors import NotFoundError

NOW = datetime(2026, 11, 1, 12, 30, 20, tzinfo=UTC)
KEY = "001D000000IRFmaIAH"
BACK = 300.0


def test_a_cursor_is_read_as_it_was_written() -> None:
    walk = Walk(NOW, NOW, NOW, inner=True, at=NOW + timedelta(milliseconds=5), after=KEY)
    for one in (walk, Walk(NOW), Walk(None, NOW), Walk(NOW, NOW)):
        assert read_cursor(str(one)) == one
    assert read_cursor(None) == Walk()


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "own - - - - -",
        "inner - 20261101T123020.000000 - - -",
        f"own 20261101T123020.000000 - - - {KEY}",
        "own 20261101T123020.000000 - - 20261101T123020.000000 001D000000IRFmaAAA",
        "own 20261301T123020.000000 - - - -",
        "own 20261101T123020.000000 - - - - --",
    ],
)
def test_a_text_that_is_no_cursor_asks_to_read_everything_again(odd: str) -> None:
    with pytest.raises(NotFoundError):
        read_cursor(odd)


def test_the_next_walk_starts_before_the_newest_stamp_that_was_met() -> None:
    newest = NOW - timedelta(seconds=100)
    walk = Walk(None, NOW).behind(newest - timedelta(seconds=9), KEY).behind(newest, KEY)
    assert walk.over(BACK).since == newest - timedelta(seconds=BACK)
    assert walk.second().over(BACK).since == newest - timedelta(seconds=BACK)


def test_a_walk_that_met_nothing_new_does_not_start_earlier_than_it_did() -> None:
    since = NOW - timedelta(seconds=200)
    assert Walk(since, NOW).over(BACK).since == since


def test_in_a_quiet_system_old_changes_are_not_read_for_ever() -> None:
    since = NOW - timedelta(days=3)
    walk = Walk(since, NOW).behind(since + timedelta(seconds=5), KEY)
    again = walk.over(BACK)
    assert again.since == NOW.replace(second=0) - timedelta(seconds=BACK)
    assert Walk(again.since, NOW + timedelta(seconds=9)).over(BACK) == again


def test_a_stamp_of_the_future_does_not_carry_the_cursor_along() -> None:
    walk = Walk(None, NOW).behind(NOW + timedelta(days=400), KEY)
    assert walk.over(BACK).since is not None
    assert walk.over(BACK).since <= NOW  # type: ignore[operator]


def test_a_cursor_older_than_the_recycle_bin_asks_to_read_everything_again() -> None:
    assert Walk(NOW - BIN).begun(NOW).until == NOW
    with pytest.raises(NotFoundError, match="deletions"):
        Walk(NOW - BIN - timedelta(seconds=1)).begun(NOW)


def test_the_upper_bound_stays_as_it_was_through_all_pages() -> None:
    walk = Walk(NOW - timedelta(hours=1)).begun(NOW)
    assert read_cursor(str(walk.behind(NOW, KEY))).begun(NOW + timedelta(hours=1)).until == NOW
