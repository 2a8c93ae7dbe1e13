"""Wrappers keep the port's promises and add one thing each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import pytest
import structlog
from scripted_adapter import REQUEST, WRITES, Scripted, VirtualClock

from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Finding, Op, Page, Write
from connector.ports import Adapter
from connector.rest.budget import Budget, Limits
from connector.wrappers import Breaker, Budgeted, Logged, ReadOnly, Retrying, Wrapper, standard

Make = Callable[[Adapter], Adapter]


USES: Mapping[str, Callable[[Adapter], Any]] = {
    "describe": lambda a: a.describe(),
    "changes": lambda a: a.changes("things", "5"),
    "scan": lambda a: a.scan("things", None),
    "read": lambda a: a.read("things", ["1"]),
    "find": lambda a: a.find("things", "name", ["x"]),
    "write": lambda a: a.write("things", WRITES),
    "check": lambda a: a.check(),
    "hints": lambda a: a.hints(REQUEST),
}

WRAPPERS: Mapping[str, Make] = {
    "plain": lambda a: Wrapper(a, "crm"),
    "budgeted": lambda a: Budgeted(a, Budget("crm", VirtualClock())),
    "retrying": lambda a: Retrying(a, "crm", VirtualClock()),
    "breaker": lambda a: Breaker(a, "crm", VirtualClock()),
    "logged": lambda a: Logged(a, "crm", VirtualClock(), structlog.wrap_logger(structlog.testing.CapturingLogger())),
    "read_only": lambda a: ReadOnly(a, "crm"),
    "standard": lambda a: standard(a, Budget("crm", VirtualClock()), VirtualClock()),
}

FINAL: list[ConnectorError] = [
    ConfigError("x"),
    StaleError("x"),
    NotFoundError("x"),
    RejectedError("x"),
    DeniedError("x"),
    UncertainError("x"),
    TransientError("x", after=1e6),
]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with structlog.testing.capture_logs():
        yield


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", WRAPPERS)
def test_every_wrapper_passes_every_call_and_its_result_through(name: str, use: str) -> None:
    inner = Scripted()
    wrapped = WRAPPERS[name](inner)
    if name == "read_only" and use == "write":
        with pytest.raises(DeniedError):
            USES[use](wrapped)
        assert inner.calls == []
        return
    expected = USES[use](Scripted())
    assert USES[use](wrapped) == expected
    assert len(inner.calls) == 1
    bare = Scripted()
    USES[use](bare)
    assert inner.calls == bare.calls


@pytest.mark.parametrize("error", FINAL, ids=lambda e: e.code)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", [n for n in WRAPPERS if n != "read_only"])
def test_every_wrapper_passes_a_final_error_on_after_one_try(name: str, use: str, error: ConnectorError) -> None:
    inner = Scripted(error)
    with pytest.raises(type(error)) as caught:
        USES[use](WRAPPERS[name](inner))
    assert caught.value is error
    assert len(inner.calls) == 1


# ------------------------------------------------------------------------------------------- ReadOnly


def test_a_read_only_connection_refuses_to_write_in_a_plain_sentence() -> None:
    inner = Scripted()
    clock = VirtualClock()
    adapter = standard(inner, Budget("crm", clock), clock, read_only=True)
    with pytest.raises(DeniedError, match=r"crm was opened for reading only; nothing was written"):
        adapter.write("things", WRITES)
    assert inner.calls == []
    assert adapter.read("things", ["1"])


# ------------------------------------------------------------------------------------------- Retrying


@pytest.mark.parametrize("use", ["describe", "changes", "scan", "read", "find", "write"])
def test_a_transient_error_is_tried_again_with_the_same_call(use: str) -> None:
    clock = VirtualClock()
    inner = Scripted(TransientError("x"), TransientError("x"))
    assert USES[use](Retrying(inner, "crm", clock)) == USES[use](Scripted())
    assert len(inner.calls) == 3
    assert len(set(inner.calls)) == 1
    assert clock.slept == [0.5, 1.0]


def test_the_wait_a_system_asks_for_is_honoured_exactly() -> None:
    clock = VirtualClock()
    Retrying(Scripted(TransientError("x", after=7.0), TransientError("x", after=0.0)), "crm", clock).scan(
        "things", None
    )
    assert clock.slept == [7.0, 0.0]


def test_tries_are_bounded_and_the_last_error_is_raised() -> None:
    clock = VirtualClock()
    errors = [TransientError(str(n)) for n in range(20)]
    inner = Scripted(*errors)
    with pytest.raises(TransientError) as caught:
        Retrying(inner, "crm", clock, attempts=6).write("things", WRITES)
    assert caught.value is errors[5]
    assert len(inner.calls) == 6
    assert clock.slept == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_wait_beyond_patience_is_left_to_the_next_run() -> None:
    clock = VirtualClock()
    inner = Scripted(TransientError("x", after=61.0))
    with pytest.raises(TransientError):
        Retrying(inner, "crm", clock, patience=60.0).scan("things", None)
    assert len(inner.calls) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    ("op", "version", "tries"), [(Op.UPDATE, None, 1), (Op.DELETE, None, 1), (Op.UPDATE, "1", 2), (Op.CREATE, None, 2)]
)
def test_a_write_that_nothing_guards_does_not_wait_for_another_try(op: Op, version: str | None, tries: int) -> None:
    """It was preceded by a look, which would be as old as the wait is long."""
    inner, clock = Scripted(TransientError("x", after=30.0)), VirtualClock()
    with pytest.raises(TransientError) if tries == 1 else nullcontext():
        Retrying(inner, "crm", clock).write("things", [Write(op, "1", b"{}", version, "t")])
    assert len(inner.calls) == tries


def test_a_doubtful_write_is_never_sent_again() -> None:
    inner = Scripted(UncertainError("x"))
    clock = VirtualClock()
    with pytest.raises(UncertainError):
        standard(inner, Budget("crm", clock), clock).write("things", WRITES)
    assert len(inner.calls) == 1


def test_of_a_long_read_only_the_part_that_failed_is_tried_again() -> None:
    inner = Scripted(None, None, TransientError("x"))
    records = Retrying(inner, "crm", VirtualClock()).read("things", ["1", "2", "3", "4", "5"])
    assert list(records) == ["1", "2", "3", "4", "5"]
    parts = [call[2] for call in inner.calls if call[0] == "read"]
    assert parts == [("1", "2"), ("3", "4"), ("3", "4"), ("5",)]


# ------------------------------------------------------------------------------------------- Budgeted


def test_calls_are_counted_by_kind_one_for_each_on_the_wire() -> None:
    budget = Budget("crm", VirtualClock())
    adapter = Budgeted(Scripted(), budget)
    adapter.describe()
    adapter.describe()
    adapter.changes("things", None)
    adapter.scan("things", None)
    adapter.read("things", ["1", "2", "3"])
    adapter.find("things", "name", ["1", "2", "3", "4", "5"])
    adapter.write("things", WRITES)
    adapter.hints(REQUEST)
    assert budget.counts() == {"other": 1, "list": 2, "read": 2, "find": 3, "write": 1}


def test_failed_calls_count_too() -> None:
    budget = Budget("crm", VirtualClock())
    adapter = Retrying(Budgeted(Scripted(TransientError("x")), budget), "crm", VirtualClock())
    adapter.scan("things", None)
    assert budget.counts() == {"list": 2}


def test_each_part_of_a_long_read_waits_for_its_turn() -> None:
    clock = VirtualClock()
    adapter = Budgeted(Scripted(), Budget("crm", clock, Limits(rate=2.0)))
    adapter.describe()
    adapter.read("things", [str(n) for n in range(8)])
    assert clock.slept == pytest.approx([0.5] * 4)


def test_a_wish_for_quiet_holds_every_connection_of_the_account() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock)
    first, second = Budgeted(Scripted(TransientError("x", after=9.0)), budget), Budgeted(Scripted(), budget)
    with pytest.raises(TransientError):
        first.scan("things", None)
    second.scan("things", None)
    assert clock.slept == pytest.approx([9.0])


def test_beyond_the_budget_nothing_reaches_the_system() -> None:
    inner = Scripted()
    budget = Budget("crm", VirtualClock(), Limits(calls_per_day=4, reserve=0.5))
    ordinary, essential = Budgeted(inner, budget), Budgeted(inner, budget, essential=True)
    ordinary.scan("things", None)
    ordinary.scan("things", None)
    with pytest.raises(TransientError, match="calls a day"):
        ordinary.write("things", WRITES)
    assert [call[0] for call in inner.calls] == ["scan", "scan"]
    essential.write("things", WRITES)
    assert [call[0] for call in inner.calls] == ["scan", "scan", "write"]


class Telling(Scripted):
    """A system that tells how many calls the account made today."""

    used: int | None = None

    def calls_today(self) -> int | None:
        return self.used


def test_calls_that_other_programs_made_are_taken_from_the_day_where_the_system_tells() -> None:
    inner = Telling(None, RejectedError("x"))
    budget = Budget("crm", VirtualClock(), Limits(calls_per_day=100, reserve=0.0))
    adapter = Budgeted(inner, budget)
    adapter.scan("things", None)
    assert budget.left() == 99
    inner.used = 42
    with pytest.raises(RejectedError):
        adapter.scan("things", None)
    assert budget.left() == 58


# -------------------------------------------------------------------------------------------- Breaker


def test_after_failures_in_a_row_calls_fail_fast_until_one_try_succeeds() -> None:
    clock = VirtualClock()
    inner = Scripted(*[TransientError("down")] * 3)
    breaker = Breaker(inner, "crm", clock, failures=3, rest=30.0)
    for _ in range(3):
        with pytest.raises(TransientError, match="down"):
            breaker.scan("things", None)
    with pytest.raises(TransientError, match="left alone") as caught:
        breaker.write("things", WRITES)
    assert caught.value.after == pytest.approx(30.0)
    assert len(inner.calls) == 3
    clock.time += 30.0
    breaker.scan("things", None)
    breaker.scan("things", None)
    assert len(inner.calls) == 5


def test_a_failed_try_closes_the_way_again() -> None:
    clock = VirtualClock()
    inner = Scripted(*[UncertainError("down")] * 3)
    breaker = Breaker(inner, "crm", clock, failures=2, rest=30.0)
    for _ in range(2):
        with pytest.raises(UncertainError):
            breaker.write("things", WRITES)
    clock.time += 30.0
    with pytest.raises(UncertainError):
        breaker.write("things", WRITES)
    with pytest.raises(TransientError):
        breaker.write("things", WRITES)
    assert len(inner.calls) == 3


def test_a_rest_is_waited_for_once_however_many_calls_follow() -> None:
    """A run of many batches would wait out a rest or three in each of them, while the system is as dead as before."""
    clock = VirtualClock()
    inner = Scripted(None, *[TransientError("down")] * 100)
    outside = Retrying(Breaker(inner, "crm", clock, failures=5, rest=30.0), "crm", clock)
    outside.scan("things", None)
    start = clock.time
    for _ in range(20):
        with pytest.raises(TransientError):
            outside.scan("things", None)
    assert 30.0 <= clock.time - start < 45.0
    clock.time += 30.0
    inner.script.clear()
    outside.scan("things", None)
    inner.script += [TransientError("down")] * 6
    start = clock.time
    for _ in range(2):
        with pytest.raises(TransientError):
            outside.scan("things", None)
    assert clock.time - start >= 30.0, "it answered in between: it is waited for again"


def test_while_one_call_tries_the_system_the_others_fail_fast() -> None:
    clock = VirtualClock()
    inner = Scripted(TransientError("down"))
    breaker = Breaker(inner, "crm", clock, failures=1, rest=30.0)
    with pytest.raises(TransientError):
        breaker.scan("things", None)
    clock.time += 30.0
    seen: list[float | None] = []

    def meanwhile(object: str, cursor: str | None) -> Page:  # noqa: A002
        with pytest.raises(TransientError) as caught:
            breaker.read("things", ["1"])
        seen.append(caught.value.after)
        return Page([], None, False)

    inner.scan = meanwhile  # type: ignore[method-assign]
    breaker.scan("things", None)
    assert seen == [pytest.approx(30.0)]


@pytest.mark.parametrize("error", [TransientError("busy", after=1.0), RejectedError("no"), NotFoundError("no")])
def test_a_system_that_answers_is_not_down(error: ConnectorError) -> None:
    inner = Scripted(*[error] * 20)
    breaker = Breaker(inner, "crm", VirtualClock(), failures=2)
    for _ in range(20):
        with pytest.raises(type(error)):
            breaker.scan("things", None)
    assert len(inner.calls) == 20


def test_an_answer_between_failures_starts_the_count_anew_but_a_busy_one_does_not() -> None:
    down, busy = TransientError("down"), TransientError("busy", after=1.0)
    inner = Scripted(down, None, down, busy, down)
    breaker = Breaker(inner, "crm", VirtualClock(), failures=2)
    outcomes = []
    for _ in range(6):
        try:
            breaker.scan("things", None)
            outcomes.append("ok")
        except TransientError as error:
            outcomes.append("fast" if "left alone" in str(error) else str(error))
    assert outcomes == ["down", "ok", "down", "busy", "down", "fast"]


def test_a_person_who_asks_how_things_stand_gets_a_fresh_answer() -> None:
    inner = Scripted(TransientError("down"))
    breaker = Breaker(inner, "crm", VirtualClock(), failures=1)
    with pytest.raises(TransientError):
        breaker.scan("things", None)
    assert breaker.check() == [Finding("connection", True, "fine")]


# --------------------------------------------------------------------------------------------- Logged


def test_a_call_is_logged_with_counts_and_seconds_and_no_value_or_key() -> None:
    clock = VirtualClock()
    with structlog.testing.capture_logs() as lines:
        adapter = Logged(Scripted(), "crm", clock)
        adapter.write("things", WRITES)
        adapter.changes("things", None)
        adapter.find("things", "name", ["VALUE-1"])
    common = {"system": "crm", "log_level": "info", "object": "things", "seconds": 0.0}
    assert lines == [
        {**common, "event": "write", "op": "update", "items": 1, "applied": 1, "failed": 0},
        {**common, "event": "changes", "records": 1},
        {**common, "event": "find", "items": 1, "records": 1},
    ]


def test_a_failed_call_is_logged_by_its_class_without_its_sentence() -> None:
    with structlog.testing.capture_logs() as lines:
        adapter = Logged(Scripted(RejectedError("name: VALUE-1 is too long")), "crm", VirtualClock())
        with pytest.raises(RejectedError):
            adapter.write("things", WRITES)
    assert [line["error"] for line in lines] == ["rejected"]
    assert "VALUE-1" not in str(lines)
    assert "token-1" not in str(lines)


# ------------------------------------------------------------------------------------------- together


def test_stacked_each_try_is_paced_and_the_wish_for_quiet_is_waited_for_once() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(rate=1.0))
    adapter = standard(Scripted(TransientError("x", after=5.0)), budget, clock)
    adapter.scan("things", None)
    adapter.scan("things", None)
    assert clock.slept == pytest.approx([5.0, 1.0, 1.0])
    assert budget.counts() == {"list": 3}
