"""The crash matrix: a day of work is killed at every step; every step fails or loses its answer, in turn (I11, I12).

A step is a call of a system or a commit to the store; the runs that recover are steps as well. Whatever happens, the
end is the same as without: the same records, links, conflicts and dead letters, nothing twice, nothing lost; and what
people edit afterwards arrives as if nothing had been. `python -m connector.testing.crash` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from connector.engine.saved import Wanted
from connector.engine.sync import Options, plan, sync
from connector.errors import ConnectorError
from connector.model.plan import PlanLine
from connector.model.values import SIDES, Sides
from connector.ports import Capabilities
from connector.state.vault import KeyVault, new_key
from connector.testing.crash_acts import Scenario, refuse_poison
from connector.testing.crash_driver import Copies, Fault, StepDriver, spool_of
from connector.testing.crash_picture import Painter, Picture, compared
from connector.testing.crash_profiles import PROFILES, CrashProfile
from connector.testing.crash_scenarios import SCENARIOS
from connector.testing.samples import CORE
from connector.testing.store import MemoryStore
from connector.testing.world import World, make_world

ROUNDS = 14
PAUSE = 1000.0
"""Seconds between rounds: longer than a lease and than `settle`."""
FAULTS: tuple[Fault, ...] = ("lost", "fails")
StoreName = Literal["memory", "sqlite"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One point whose end is not the same. at: what happened, step by step. what: a sentence for each thing."""

    at: str
    what: tuple[str, ...]


@dataclass(slots=True)
class CrashReport:
    """What a matrix went through.

    steps: of the day without a crash, to rest. points: steps killed at, failed or left without an answer. pairs: kills
    of a run that recovers from a kill. worlds: ends compared with the end without a crash.
    """

    scenario: str
    profile: str
    store: str
    steps: int = 0
    points: int = 0
    pairs: int = 0
    worlds: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a matrix is gone through: every so manieth of each, 1 for all, 0 for none.

    kills: steps killed at. pairs: steps of the recovery from one of those killed at again. faults: steps that fail or
    lose their answer. both: a new process is started at once and, in a second world, later; otherwise in turn.
    offset: which of the steps, where not all are taken. only: this step of the day and no other.
    """

    kills: int = 1
    pairs: int = 0
    faults: int = 1
    both: bool = False
    offset: int = 0
    only: int | None = None

    def takes(self, step: int, every: int) -> bool:
        """Whether this step is gone through, of which every so manieth is."""
        return every > 0 and (step + self.offset) % every == 0 if self.only is None else step == self.only


ALL = Depth(pairs=61, both=True)
"""Every step killed at, failing and without its answer; of the pairs of kills every 61st, in turn."""


@dataclass(slots=True)
class _Ends:
    """Pictures at rest, and after the next day's edits."""

    rest: Picture
    later: Picture


class Matrix:
    """One scenario under one profile. world: fresh, with the profile's powers; its folder takes files of copies."""

    def __init__(self, scenario: Scenario, profile: CrashProfile, world: World) -> None:
        self.scenario = scenario
        self.profile = profile
        self.unproven = [side for side in SIDES if not profile.powers[side].conditional_write]
        self.copies = Copies(world.folder)
        self.painter = Painter()
        self.wanted: Mapping[str, Wanted] = {}
        refuse_poison(world)
        self.painter.follow(world)
        scenario.before(world, profile.full or scenario.full)
        scenario.day(world, profile.creates)
        if scenario.plans:
            self.wanted = {entity: self._plan(world, entity) for entity in self.scenario.entities}
            scenario.drift(world)
        self.start = world
        self.report = CrashReport(scenario.name, profile.name, type(world.store).__name__)
        plain = self.copies.of(world)
        driver = self.driver(plain)
        self.labels: list[str] = []
        driver.watch = lambda step, label: self.labels.append(label)
        self.first(plain, driver)
        self.settle(plain, driver)
        self.report.steps = driver.count
        self.ends = self.end(plain)
        self.copies.drop(plain)

    def _plan(self, world: World, entity: str) -> Wanted:
        """A saved plan of one sync: digests by the keys of both sides."""
        lines: list[PlanLine] = []
        spool = spool_of(world)
        try:
            full = self.profile.full or self.scenario.full
            self.driver(world).run(plan(world.specs[entity], world.vault, spool, lines.append, full=full))
        finally:
            spool.close()
        found: dict[tuple[str | None, str | None], set[str]] = {}
        for line in lines:
            if line.digest:
                found.setdefault((line.keys.left, line.keys.right), set()).add(line.digest)
        return found

    def driver(self, world: World) -> StepDriver:
        return StepDriver(world, last_first=self.profile.last_first)

    # ------------------------------------------------------------------------------------------------- runs

    def first(self, world: World, driver: StepDriver) -> None:
        """The day's first run of every sync: of the saved plan, where there is one."""
        for entity in self.scenario.entities:
            self._run(world, driver, entity, self.wanted.get(entity))

    def settle(self, world: World, driver: StepDriver) -> None:
        """Time passes and syncs run until nothing is left to do. Raises AssertionError when there is no rest."""
        for _ in range(ROUNDS):
            world.clock.advance(PAUSE)
            before = world.crm.state() + world.erp.state()
            ended = [self._run(world, driver, entity, None) for entity in self.scenario.entities]
            if all(ended) and before == world.crm.state() + world.erp.state() and not self._due(world):
                return
        raise AssertionError(f"not at rest after {ROUNDS} rounds")

    def _run(self, world: World, driver: StepDriver, entity: str, only: Wanted | None) -> bool:
        """One run; whether it came to its end. An error of the program ends it, and the next run goes on."""
        options = Options(full=self.profile.full or self.scenario.full, only=only)
        spool = spool_of(world)
        try:
            driver.run(sync(world.specs[entity], world.vault, spool, options))
        except ConnectorError:
            return False
        finally:
            spool.close()
        return True

    def _due(self, world: World) -> bool:
        soon = world.clock.now() + PAUSE
        return any(
            any(world.look("count_intents", world.specs[entity].kind).values())
            or any(hint.due <= soon for hint in world.hints(entity))
            for entity in self.scenario.entities
        )

    def restart(self, world: World, driver: StepDriver, *, soon: bool) -> None:
        """The process is gone and a new one starts; to rest.

        soon: at once, by somebody who knows that the old one is dead and frees its leases. Otherwise they expire.
        """
        if soon:
            with world.store.begin() as tx:
                for entity in self.scenario.entities:
                    tx.end_lease(world.specs[entity].kind)
        else:
            world.clock.advance(PAUSE)
        self.first(world, driver)
        self.settle(world, driver)

    # --------------------------------------------------------------------------------------------- judging

    def end(self, world: World) -> _Ends:
        """At rest: nothing is left to plan. Then the next day's edits, to rest again."""
        painter = Painter(dict(self.painter.names))
        rest = painter.picture(world)
        rest["plan"] = self._left(world)
        self.scenario.after(world)
        self.settle(world, self.driver(world))
        later = painter.picture(world)
        later["plan"] = self._left(world)
        return _Ends(rest, later)

    def _left(self, world: World) -> list[str]:
        """What a plan would still do: nothing, at rest (I1)."""
        lines: list[PlanLine] = []
        for entity in self.scenario.entities:
            spool = spool_of(world)
            try:
                self.driver(world).run(plan(world.specs[entity], world.vault, spool, lines.append))
            finally:
                spool.close()
        return [f"{line.sync}: {line.action} {line.fields}" for line in lines]

    def judge(self, world: World, at: str, go: Callable[[], None]) -> None:
        """Let it go to rest and compare the ends. Whatever is raised is a difference, too."""
        self.report.worlds += 1
        try:
            go()
            found = self.end(world)
        except Exception as error:
            self.report.differences.append(Difference(at, (f"{type(error).__name__}: {error}",)))
            return
        what = [f"at rest: {text}" for text in compared(self.ends.rest, found.rest, self.unproven)]
        what += [f"later: {text}" for text in compared(self.ends.later, found.later, self.unproven)]
        if what:
            self.report.differences.append(Difference(at, tuple(what)))

    # ---------------------------------------------------------------------------------------------- sweeps

    def kill_everywhere(self, depth: Depth) -> None:
        """Kill before every step, which is after the one before it; then again before the steps of the recovery."""
        world = self.copies.of(self.start)
        driver = self.driver(world)

        def watch(step: int, label: str) -> None:
            if depth.takes(step, depth.kills):
                self._killed(world, f"killed before step {step} ({label})", depth, step)

        driver.watch = watch
        self.first(world, driver)
        self.settle(world, driver)
        if depth.only is None:
            self._killed(world, "killed at the end", depth, 0)
        self.copies.drop(world)

    def _killed(self, world: World, at: str, depth: Depth, step: int) -> None:
        self.report.points += 1
        for soon in (True, False) if depth.both else (step % 2 == 0,):
            dead = self.copies.of(world)
            driver = self.driver(dead)
            text = f"{at}, restarted {'at once' if soon else 'later'}"
            if depth.pairs:
                driver.watch = partial(self._killed_again, dead, text, depth, step)
            self.judge(dead, text, partial(self.restart, dead, driver, soon=soon))
            self.copies.drop(dead)

    def _killed_again(self, world: World, at: str, depth: Depth, first: int, step: int, label: str) -> None:
        if (first + step + depth.offset) % depth.pairs:
            return
        self.report.pairs += 1
        dead = self.copies.of(world)
        text = f"{at}, killed again before its step {step} ({label})"
        self.judge(dead, text, partial(self.restart, dead, self.driver(dead), soon=step % 2 == 0))
        self.copies.drop(dead)

    def fault_everywhere(self, depth: Depth) -> None:
        """Every step fails, and every step is carried out without its answer arriving, in turn."""
        for number, fault in enumerate(FAULTS):
            for step in range(1, self.report.steps + 1):
                if depth.takes(step + number if depth.only is None else step, depth.faults):
                    self._faulted(step, fault)

    def _faulted(self, step: int, fault: Fault) -> None:
        self.report.points += 1
        world = self.copies.of(self.start)
        driver = self.driver(world)
        driver.at, driver.fault = step, fault

        def go() -> None:
            self.first(world, driver)
            self.settle(world, driver)

        self.judge(world, f"step {step} ({self.labels[step - 1]}) {fault}", go)
        self.copies.drop(world)


def crash_matrix(
    scenario: Scenario, profile: CrashProfile, folder: Path, *, depth: Depth = ALL, store: StoreName = "memory"
) -> CrashReport:
    """Go through the matrix of one scenario under one profile.

    folder: empty; takes the files of stores and is left with some. store: memory is ten times as fast as sqlite.
    """
    matrix = Matrix(scenario, profile, new_world(profile.powers, folder, store, scenario.entities))
    if depth.kills:
        matrix.kill_everywhere(depth)
    if depth.faults:
        matrix.fault_everywhere(depth)
    matrix.start.store.close()
    return matrix.report


def new_world(powers: Sides[Capabilities], folder: Path, store: StoreName, entities: tuple[str, ...] = CORE) -> World:
    """Two empty systems with these powers, and an empty store."""
    if store == "sqlite":
        return make_world(folder, powers.left, powers.right, entities)
    return World(MemoryStore(), KeyVault(new_key()), folder, powers=powers, entities=entities)


def cells(scenario: str | None = None, profile: str | None = None) -> list[tuple[Scenario, CrashProfile]]:
    """Every scenario under every profile it makes sense with; narrowed to these names."""
    return [
        (one, other)
        for one in SCENARIOS.values()
        for other in PROFILES.values()
        if scenario in (None, one.name) and profile in (None, other.name) and (other.creates or not one.creates)
    ]
