"""What a proof is made of: pieces of work that each run in a worker process and give something that can be kept.

A piece is named by everything its result depends on besides the code, so that one done before need not be done again.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.clock import SystemClock
from connector.testing import kill_days
from connector.testing.crash import one
from connector.testing.crash_matrix import Depth, cells
from connector.testing.simulator.campaign import USER_VERBS, Task, tasks
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.tables import Touch

ROUND = len(PROFILES) * len(POLICIES)
"""Seeds that follow each other are played in a profile and policy each; after so many, every pair had one."""
CHUNK = 22
DAYS_KILLED, DAYS_SERVERS = 5, 1
"""Days of one piece of the kill runs: on so many the program is killed, on so many a system."""


@dataclass(slots=True)
class Failure:
    """A seed, a point of the matrix or a day that ended wrong. command: shows it again."""

    command: str
    rule: str
    what: str


@dataclass(slots=True)
class Tally:
    """What seeds did, in numbers by name. failed: seeds with findings."""

    seeds: int = 0
    failed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.seeds += other.seeds
        self.failed += other.failed
        self.failures += other.failures
        self.counts = dict(Counter(self.counts) + Counter(other.counts))


@dataclass(slots=True)
class Result:
    """What one piece of work gave. seconds: it took. The part it belongs to is set, the others are empty.

    profiles: of the simulator, by name. cell: of the crash matrix. days: of the kill runs.
    """

    part: str
    name: str
    seconds: float = 0.0
    profiles: dict[str, Tally] = field(default_factory=dict)
    cell: dict[str, Any] = field(default_factory=dict)
    days: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of the simulator, from `first` up to but without `last`."""

    first: int
    last: int
    part = "simulator"

    @property
    def name(self) -> str:
        return f"{self.first}:{self.last}"

    def fill(self, result: Result) -> None:
        for task in tasks(range(self.first, self.last), spread=True):
            result.profiles.setdefault(task.profile, Tally()).add(play(task))


@dataclass(frozen=True, slots=True)
class Cell:
    """The crash matrix of one scenario under one profile."""

    scenario: str
    profile: str
    depth: Depth
    part = "crash matrix"

    @property
    def name(self) -> str:
        return f"{self.scenario}; {self.profile}; {self.depth}"

    def fill(self, result: Result) -> None:
        try:
            result.cell = asdict(one(self.scenario, self.profile, self.depth, "memory"))
        except Exception as error:
            difference = {"at": "before any crash", "what": [f"{type(error).__name__}: {error}"]}
            result.cell = {"scenario": self.scenario, "profile": self.profile, "differences": [difference]}


@dataclass(frozen=True, slots=True)
class Days:
    """Days of work with real processes; on some the program is killed, on the others a system."""

    seed: int
    kills: int = DAYS_KILLED
    servers: int = DAYS_SERVERS
    part = "kill runs"

    @property
    def name(self) -> str:
        return f"seed {self.seed}, {self.kills} kills, {self.servers} systems"

    @property
    def command(self) -> str:
        options = f"--kills {self.kills} --servers {self.servers} --seed {self.seed}"
        return f"python -m connector.testing.kill_days {options}"

    def fill(self, result: Result) -> None:
        with TemporaryDirectory(prefix="kill-") as folder:
            try:
                report = kill_days.campaign(Path(folder), kills=self.kills, servers=self.servers, seed=self.seed)
                result.days = asdict(report)
            except Exception as error:
                result.days = {"differences": {"a day": [f"{type(error).__name__}: {error}"]}}
        result.days["command"] = self.command


Unit = Seeds | Cell | Days


def do(unit: Unit) -> Result:
    """Do one piece of work. Whatever goes wrong in it is part of the result."""
    clock = SystemClock()
    begun = clock.now()
    result = Result(unit.part, unit.name)
    unit.fill(result)
    result.seconds = clock.now() - begun
    return result


def rounds(first: int, last: int | None, enough: Callable[[], bool]) -> Iterator[Seeds]:
    """Whole rounds of seeds in pieces, until it is enough; up to but without `last`, where there is one."""
    while (last is None or first < last) and not enough():
        end = first + ROUND if last is None else min(first + ROUND, last)
        yield from (Seeds(start, min(start + CHUNK, end)) for start in range(first, end, CHUNK))
        first = end


def all_cells(depth: Depth) -> list[Cell]:
    """The whole crash matrix."""
    return [Cell(scenario.name, profile.name, depth) for scenario, profile in cells()]


def all_days(kills: int) -> list[Days]:
    """At least that many kills, each piece with a seed of its own."""
    return [Days(seed) for seed in range(1, -(-kills // DAYS_KILLED) + 1)]


def command_of(task: Task) -> str:
    """The command that plays a seed again."""
    return task.setup.command(task.seed)


def play(task: Task) -> Tally:
    """Play one seed and count what both systems saw and what the judge said. What it raises is a finding."""
    command = command_of(task)
    with TemporaryDirectory() as folder:
        state = Path(folder) if task.setup.sqlite else None
        simulation = Simulation(PROFILES[task.profile], POLICIES[task.policy], state)
        written: Counter[str] = Counter()
        for system in simulation.systems.values():
            system.watchers.append(lambda touch: written.update(_writes(touch)))
        gc.disable()  # the world dies as a whole: looking for smaller rubbish on the way costs a third
        try:
            simulation.play(task.setup.seed(task.seed))
            found = [Failure(command, rule, what) for rule, what in simulation.findings]
            counts = _counts(simulation, written)
        except Exception as error:
            found, counts = [Failure(command, "error", f"{type(error).__name__}: {error}")], {}
        finally:
            simulation.close()
            gc.enable()
    return Tally(1, int(bool(found)), counts, found)


def _writes(touch: Touch) -> list[str]:
    """A record that the program created, changed or removed; a write that changes nothing does not count."""
    return [f"wrote {touch.kind}"] if touch.token is not None and touch.before != touch.after else []


def _counts(simulation: Simulation, written: Counter[str]) -> dict[str, int]:
    names = ("crashes", "runs", "plans", "effects", "did restore-store", *(f"did {verb}" for verb in USER_VERBS))
    found = Counter({name: simulation.counts[name] for name in names})
    found.update({n: c for n, c in simulation.counts.items() if n.startswith(("fault ", "webhook ", "excuse "))})
    found.update(written)
    found.update(f"limit {finding.rule}" for finding in simulation.judge.verdicts.limits)
    found.update(f"gap {finding.rule}" for finding in simulation.judge.verdicts.narrowed)
    found["conflicts left"] = len(simulation.desk.conflicts())
    found["dead letters left"] = sum(len(simulation.world.dead(entity)) for entity in simulation.world.specs)
    return {name: count for name, count in found.items() if count}
