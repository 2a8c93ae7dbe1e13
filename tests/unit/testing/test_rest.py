"""When the simulator takes everything for at rest: not sooner than nothing can come any more, and not never."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.simulator.rest import Rest

SOON = 10.0
LATER = 99.0


def hints(due: Mapping[str, float], reason: str = "parent waits") -> list[HintRow]:
    return [HintRow("account", Side.LEFT, key, None, reason, at) for key, at in due.items()]


def told(rounds: Iterable[tuple[object, list[HintRow]]]) -> list[bool]:
    rest = Rest()
    return [rest.reached(changes, rows, SOON) for changes, rows in rounds]


def test_a_round_that_changes_nothing_is_rest_where_nothing_waits() -> None:
    assert told([(1, []), (2, []), (2, [])]) == [False, False, True]


def test_records_that_wait_for_ever_at_times_of_their_own_are_at_rest_once_each_was_looked_at_in_vain() -> None:
    first, second, none = hints({"a": 5, "b": LATER}), hints({"a": LATER, "b": 5}), hints({"a": LATER, "b": LATER})
    assert told((1, rows) for rows in (none, first, second, first)) == [False, False, False, True]


def test_what_is_due_for_the_first_time_is_looked_at_before_it_is_rest() -> None:
    assert told((1, hints({"a": 5})) for _ in range(2)) == [False, True]
    assert told((1, hints({"a": at})) for at in (LATER, 5, 5)) == [False, False, True]


def test_what_was_in_vain_before_a_change_is_looked_at_again() -> None:
    rows = hints({"a": 5})
    assert told([(1, rows), (1, rows), (2, rows), (2, rows)]) == [False, True, False, True]
    assert told([(1, rows), (2, hints({"a": LATER})), (2, rows)]) == [False, False, False]


def test_a_record_that_waits_for_something_else_each_time_is_never_at_rest() -> None:
    assert not any(told((1, hints({"a": 5}, f"waits for {number}")) for number in range(9)))
