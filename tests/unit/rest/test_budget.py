"""Calls never come faster than the system grants, never dip into the reserve, and wait when asked to."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import TransientError
from connector.rest.budget import DAY, Budget, Limits, exchange

from .scripted import VirtualClock


def spend(budget: Budget, kind: str = "list", *, essential: bool = False) -> None:
    with budget.call(kind, essential=essential):
        pass


STEPS = st.lists(
    st.one_of(
        st.just(("call", 0.0)),
        st.tuples(st.just("idle"), st.floats(0.0, 3.0)),
        st.tuples(st.just("hold"), st.floats(0.0, 5.0)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(rate=st.floats(0.2, 50.0), burst=st.integers(1, 5), steps=STEPS)
def test_no_window_ever_holds_more_calls_than_rate_and_burst_allow(
    rate: float, burst: int, steps: list[tuple[str, float]]
) -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(rate=rate, burst=burst, patience=1e9))
    times: list[float] = []
    quiet: list[tuple[float, float]] = []
    for step, seconds in steps:
        if step == "call":
            spend(budget)
            times.append(clock.now())
        elif step == "idle":
            clock.time += seconds
        else:
            budget.hold(seconds)
            quiet.append((clock.now(), clock.now() + seconds))
    for first in range(len(times)):
        for last in range(first, len(times)):
            window = times[last] - times[first]
            assert last - first + 1 <= burst + window * rate + 1e-6
    assert not [t for t in times for start, end in quiet if start < t < end - 1e-6]


def test_threads_waiting_through_a_pause_go_on_evenly_spaced() -> None:
    clock = PatientClock()
    budget = Budget("crm", clock, Limits(rate=1.0, patience=1e9))
    times: list[float] = []
    threads = [threading.Thread(target=lambda: (spend(budget), times.append(clock.now()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    clock.wait_for_sleepers(4)
    budget.hold(10.0)
    while any(thread.is_alive() for thread in threads):
        clock.advance(0.5)
    assert sorted(times) == pytest.approx([0.0, 11.0, 12.0, 13.0, 14.0], abs=0.51)
    assert all(b - a >= 1.0 - 1e-9 for a, b in zip(sorted(times)[1:], sorted(times)[2:], strict=False))


def test_a_pause_that_outlasts_patience_sends_the_waiting_away_uncounted() -> None:
    clock = PatientClock()
    budget = Budget("crm", clock, Limits(rate=1.0, patience=60.0))
    spend(budget)
    errors: list[TransientError] = []

    def wait() -> None:
        try:
            spend(budget)
        except TransientError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    clock.wait_for_sleepers(1)
    budget.hold(3600.0)
    clock.advance(1.0)
    thread.join(5)
    assert errors[0].after == pytest.approx(3600.0)
    assert budget.counts() == {"list": 1}


class PatientClock:
    """A clock for threads: sleepers wake when `advance` reaches them."""

    def __init__(self) -> None:
        self._now = 0.0
        self._turn = threading.Condition()
        self._asleep = 0

    def now(self) -> float:
        with self._turn:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._turn:
            until = self._now + seconds
            self._asleep += 1
            self._turn.notify_all()
            while self._now < until:
                self._turn.wait(5)
            self._asleep -= 1

    def wait_for_sleepers(self, count: int) -> None:
        with self._turn:
            assert self._turn.wait_for(lambda: self._asleep == count, 5)

    def advance(self, seconds: float) -> None:
        with self._turn:
            self._now += seconds
            self._turn.notify_all()
        threading.Event().wait(0.002)


def test_without_limits_nothing_waits_and_everything_is_counted() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock)
    for kind in ("list", "read", "read", "find", "write"):
        spend(budget, kind)
    assert clock.slept == []
    assert budget.counts() == {"list": 1, "read": 2, "find": 1, "write": 1}
    assert budget.left() is None


def test_ordinary_calls_stop_at_the_reserve_and_recovery_may_use_it() -> None:
    budget = Budget("crm", VirtualClock(), Limits(calls_per_day=10, reserve=0.2))
    for _ in range(8):
        spend(budget)
    with pytest.raises(TransientError, match="8 of 10 calls a day are used, all but the reserve of 20%"):
        spend(budget)
    assert budget.left() == 0
    assert budget.left(essential=True) == 2
    spend(budget, essential=True)
    spend(budget, essential=True)
    with pytest.raises(TransientError, match="10 of 10 calls a day are used, all"):
        spend(budget, essential=True)
    assert budget.counts() == {"list": 10}


@settings(max_examples=100, deadline=None)
@given(gaps=st.lists(st.floats(0.0, 3 * 3600.0), max_size=80), limit=st.integers(1, 12))
def test_no_24_hours_ever_hold_more_calls_than_the_day_grants(gaps: list[float], limit: int) -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(calls_per_day=limit, reserve=0.0))
    times: list[float] = []
    for gap in gaps:
        clock.time += gap
        try:
            spend(budget)
        except TransientError:
            continue
        times.append(clock.now())
    for start in times:
        assert sum(start <= t < start + DAY for t in times) <= limit


def test_after_the_wait_it_names_the_budget_grants_calls_again() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(calls_per_day=1, reserve=0.0))
    spend(budget)
    with pytest.raises(TransientError) as caught:
        spend(budget)
    assert caught.value.after is not None
    clock.time += caught.value.after
    spend(budget)


def test_every_exchange_of_a_call_waits_for_its_turn_and_is_counted() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(rate=2.0))
    with budget.call("write"):
        for _ in range(3):
            exchange()
    assert budget.counts() == {"write": 3}
    assert clock.slept == [pytest.approx(0.5), pytest.approx(0.5)]
    exchange()
    assert budget.counts() == {"write": 3}, "outside of a call nothing is counted"


def test_a_call_without_an_exchange_counts_as_one() -> None:
    budget = Budget("files", VirtualClock())
    spend(budget)
    assert budget.counts() == {"list": 1}


def test_what_was_begun_is_ended_although_the_day_is_used_up() -> None:
    budget = Budget("crm", VirtualClock(), Limits(calls_per_day=2, reserve=0.0))
    with budget.call("write"):
        for _ in range(3):
            exchange()
    with pytest.raises(TransientError, match="3 of 2"):
        spend(budget)


def test_a_long_quiet_asked_for_in_the_middle_of_a_call_ends_it() -> None:
    budget = Budget("crm", VirtualClock(), Limits(patience=60.0))
    with budget.call("write"):
        exchange()
        budget.hold(3600.0)
        with pytest.raises(TransientError) as caught:
            exchange()
    assert caught.value.after == pytest.approx(3600.0)
    assert budget.counts() == {"write": 1}


def test_calls_of_other_programs_that_the_system_tells_of_count_too() -> None:
    budget = Budget("crm", VirtualClock(), Limits(calls_per_day=100, reserve=0.5))
    spend(budget)
    budget.told(41)
    assert budget.left() == 9
    spend(budget)
    assert budget.left() == 8
    budget.told(1)
    assert budget.left() == 48


def test_a_wait_beyond_patience_is_refused_with_its_length_and_costs_nothing() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(patience=60.0))
    budget.hold(3600.0)
    with pytest.raises(TransientError) as caught:
        spend(budget)
    assert caught.value.after == pytest.approx(3600.0)
    assert clock.slept == []
    assert budget.counts() == {}


def test_a_shorter_wish_never_cuts_a_longer_one() -> None:
    clock = VirtualClock()
    budget = Budget("crm", clock, Limits(rate=1.0))
    budget.hold(30.0)
    budget.hold(5.0)
    budget.hold(30.0)
    spend(budget)
    assert sum(clock.slept) == pytest.approx(30.0)


def test_no_more_calls_run_at_a_time_than_the_system_allows() -> None:
    budget = Budget("crm", VirtualClock(), Limits(concurrency=2))
    running: list[int] = []
    peak: list[int] = []
    lock = threading.Lock()
    both = threading.Barrier(2, timeout=5)

    def one() -> None:
        with budget.call("read"):
            with lock:
                running.append(1)
                peak.append(len(running))
            both.wait()  # proves that two do run together
            with lock:
                running.pop()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert max(peak) == 2
    assert budget.counts() == {"read": 6}


@pytest.mark.parametrize(
    ("name", "value"), [("rate", 0.0), ("rate", -1.0), ("burst", 0), ("reserve", 1.0), ("reserve", -0.1)]
)
def test_limits_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match="reserve"):
        Limits(**{name: value})
