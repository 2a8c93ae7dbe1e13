"""I38: the rate is kept, what waits is bounded, and a storm of refusals loses nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from parts_b import PROFILES, Worlds, ends, in_step, linked_all, stepper

from connector.errors import ConnectorError, TransientError
from connector.model.values import SIDES, Sides
from connector.ports import Adapter
from connector.rest.budget import Budget, Limits
from connector.testing.driver import HandClock
from connector.testing.world import World
from connector.wrappers import Budgeted, standard

LINE = {"product": None, "description": "one", "quantity": "1", "unit_price": "2.50"}


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with Worlds(tmp_path) as made:
        yield made


# ------------------------------------------------------------------------------------------------------ I38


class Storm:
    """A system that notes when each call arrives, and answers some with 429. calm: none any more."""

    def __init__(
        self, inner: Adapter, clock: HandClock, chance: random.Random, share: float, wait: float | None
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._chance = chance
        self._share = share
        self._wait = wait
        self.times: list[float] = []
        self.refused: list[tuple[float, float]] = []
        self.calm = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name not in ("changes", "scan", "read", "find", "write", "describe"):
            return real

        def call(*args: Any) -> Any:
            self.times.append(self._clock.now())
            if not self.calm and self._chance.random() < self._share:
                wait = self._wait if self._wait is not None else self._chance.choice([0.5, 2.0, 30.0])
                self.refused.append((self._clock.now(), wait))
                raise TransientError("429", after=wait)
            return real(*args)

        return call


Both = tuple[Sides[Adapter], Sides[Storm]]


def within(times: list[float], limits: Limits) -> None:
    """In no window are there more calls than a full bucket and what flowed in meanwhile."""
    assert limits.rate is not None
    for first in range(len(times)):
        for last in range(first, len(times)):
            span = times[last] - times[first]
            assert last - first + 1 <= limits.burst + limits.rate * span + 1e-6, (times[first], span, last - first + 1)


def quiet(times: list[float], refused: list[tuple[float, float]]) -> None:
    """After a call that was told to wait, none comes before that time is over."""
    for at, wait in refused:
        assert not [time for time in times if at < time < at + wait - 1e-6], (at, wait)


def stormy(world: World, limits: Limits, share: float, wait: float | None, seed: int) -> Both:
    chance = random.Random(seed)
    storms = Sides(
        Storm(world.crm, world.clock, chance, share, wait), Storm(world.erp, world.clock, chance, share, wait)
    )
    stacks: Sides[Adapter] = storms.map(
        lambda storm: standard(storm, Budget("system", world.clock, limits), world.clock)
    )
    return stacks, storms


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("profile", ["everything", "small batches", "unconditional"])
def test_i38_a_storm_of_refusals_keeps_the_rate_and_loses_nothing(worlds: Worlds, profile: str, share: float) -> None:
    world = worlds.new(PROFILES[profile])
    limits = Limits(rate=2.0, burst=3, patience=40.0)
    adapters, storms = stormy(world, limits, share, None, 38)
    for end in ends(world):
        keys = [end.add(f"{end.side} {number}", phone="0") for number in range(5)]
        end.edit(keys[0], parent=keys[4])
    for number in range(12):
        end = ends(world)[SIDES[number % 2]]
        end.edit(end.accounts()[f"{end.side} {number % 5}"], phone=f"{number}")
        run = stepper(world, adapters=adapters)
        while run.step():
            pass
        assert run.error is None or isinstance(run.error, ConnectorError)
        world.clock.advance(120)
    for storm in storms:
        within(storm.times, limits)
        quiet(storm.times, storm.refused)
        storm.calm = True
    assert share == 0.0 or sum(len(storm.refused) for storm in storms) > 10
    world.settle()
    in_step(world)
    linked_all(world)
    assert world.dead() == []
    assert [end.value("left 2", "phone") for end in ends(world)] == ["2", "2"]
    assert [end.value("right 1", "phone") for end in ends(world)] == ["11", "11"]


def test_i38_the_days_calls_are_never_exceeded_and_the_reserve_is_left(worlds: Worlds) -> None:
    world = worlds.new(PROFILES["one by one"])
    limits = Limits(rate=None, calls_per_day=40, reserve=0.2)
    adapters, storms = stormy(world, limits, 0.0, None, 1)
    for number in range(60):
        ends(world).left.add(f"N{number}")
    for day in range(12):
        start = world.clock.now()
        for _ in range(3):
            run = stepper(world, adapters=adapters)
            while run.step():
                pass
            assert run.error is None or isinstance(run.error, TransientError)
            world.clock.advance(3600)
        for storm in storms:
            assert sum(start <= time for time in storm.times) <= 32, day
        world.clock.advance(86400 * 2)
    assert set(ends(world).right.accounts()) == {f"N{number}" for number in range(60)}, "it took days, no more"


@dataclass
class Waiting:
    """A clock on which nobody wakes up until told: what waits can be counted."""

    time: float = 1000.0
    asleep: int = 0
    _condition: threading.Condition = field(default_factory=threading.Condition)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._condition:
            until = self.time + seconds
            self.asleep += 1
            self._condition.notify_all()
            if not self._condition.wait_for(lambda: self.time >= until, timeout=20):
                raise TimeoutError("nobody moved the clock")
            self.asleep -= 1

    def move(self, seconds: float) -> None:
        with self._condition:
            self.time += seconds
            self._condition.notify_all()


def test_i38_no_more_calls_wait_than_patience_and_rate_allow_the_others_are_told_when_to_come_back() -> None:
    clock = Waiting()
    limits = Limits(rate=2.0, burst=1, patience=5.0)
    budget = Budget("system", clock, limits)
    times: list[float] = []
    told: list[float | None] = []

    def work() -> None:
        try:
            with budget.call("read"):
                times.append(clock.now())
        except TransientError as error:
            told.append(error.after)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(40)]
    for thread in threads:
        thread.start()
    with clock._condition:
        assert clock._condition.wait_for(lambda: clock.asleep + len(times) + len(told) == 40, timeout=20)
    assert clock.asleep <= limits.patience * (limits.rate or 0)
    assert len(told) == 40 - clock.asleep - len(times)
    assert all(after is not None and after > limits.patience for after in told)
    for _ in range(200):
        clock.move(0.5)
        if not any(thread.is_alive() for thread in threads):
            break
        threads[0].join(0.01)
    for thread in threads:
        thread.join(20)
    assert len(times) + len(told) == 40


def test_i38_a_wish_for_quiet_holds_calls_that_wait_already(worlds: Worlds) -> None:
    """While one call is told to wait, the next ones of the same account wait as well, and then stay spaced."""
    clock = HandClock()
    limits = Limits(rate=1.0, burst=2, patience=100.0)
    world = worlds.new()
    storm = Storm(world.crm, clock, random.Random(3), 0.5, 20.0)
    budget = Budget("crm", clock, limits)
    for _ in range(30):
        for essential in (False, True):
            try:
                Budgeted(storm, budget, essential=essential).scan("companies", None)
            except TransientError:
                continue
    assert len(storm.refused) > 10
    quiet(storm.times, storm.refused)
    within(storm.times, limits)
