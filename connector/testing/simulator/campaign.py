"""Plays many seeds in worker processes and adds up what happened, for one page of figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from connector.testing.simulator.people import ScriptError
from connector.testing.simulator.play import Setup
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.shrink import same

CHUNK = 20
EXAMPLES = 5
"""So many commands are kept for each kind of finding."""
SQLITE_SHARE = 100
"""Every so many seeds one keeps its state in SQLite."""
USER_VERBS = ("add", "edit", "remove", "restore", "merge", "line", "addline", "dropline", "turnlines", "decide")


@dataclass(slots=True)
class Kind:
    """One kind of finding. examples: commands that play it again, with the sentence."""

    rule: str
    what: str
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Totals:
    """What a campaign did and found. counts: by kind, as `Simulation.counts`; operations: what people did, by verb."""

    seeds: int = 0
    failed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str], Kind] = field(default_factory=dict)

    def add(self, other: Totals) -> None:
        """Add up another part of the campaign."""
        self.seeds += other.seeds
        self.failed += other.failed
        self.counts.update(other.counts)
        for key, kind in other.findings.items():
            mine = self.findings.setdefault(key, Kind(kind.rule, kind.what))
            mine.count += kind.count
            mine.examples = (mine.examples + kind.examples)[:EXAMPLES]

    @property
    def operations(self) -> dict[str, int]:
        return {verb: self.counts[f"did {verb}"] for verb in USER_VERBS}

    def as_json(self) -> str:
        """One object: seeds, operations, faults, runs, effects, writes, crashes, findings."""
        faults = {name: count for name, count in sorted(self.counts.items()) if name.startswith(("fault ", "webhook "))}
        shown: dict[str, Any] = {
            "seeds": self.seeds,
            "seeds with findings": self.failed,
            "user operations": sum(self.operations.values()),
            "user operations by kind": self.operations,
            "faults": sum(faults.values()),
            "faults by kind": faults,
            "counts": {name: count for name, count in sorted(self.counts.items()) if name not in faults},
            "findings": [asdict(kind) for kind in sorted(self.findings.values(), key=lambda k: -k.count)],
        }
        return json.dumps(shown, indent=2)


@dataclass(frozen=True, slots=True)
class Task:
    """One seed of one profile and policy."""

    profile: str
    policy: str
    seed: int

    @property
    def setup(self) -> Setup:
        return Setup(self.profile, self.policy, sqlite=self.seed % SQLITE_SHARE == SQLITE_SHARE - 1)


def tasks(
    seeds: range, profiles: Sequence[str] = (), policies: Sequence[str] = (), *, spread: bool = False
) -> list[Task]:
    """Every seed in every profile and policy; `spread`: each seed in one of them, in turn.

    Raises ScriptError for an unknown name.
    """
    for name in profiles:
        _check(name, PROFILES)
    for name in policies:
        _check(name, POLICIES)
    pairs = [(profile, policy) for profile in profiles or PROFILES for policy in policies or POLICIES]
    if spread:
        return [Task(*pairs[seed % len(pairs)], seed) for seed in seeds]
    return [Task(profile, policy, seed) for seed in seeds for profile, policy in pairs]


def _check(name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ScriptError(f"there is no {name!r}; there are: {', '.join(known)}")


def play_tasks(chosen: Iterable[Task]) -> Totals:
    """Play these, one after the other."""
    totals = Totals()
    for task in chosen:
        setup = task.setup
        played = setup.play(setup.seed(task.seed))
        totals.seeds += 1
        totals.failed += bool(played.findings)
        totals.counts.update(played.counts)
        for rule, what in played.findings:
            key = same(rule, what)
            kind = totals.findings.setdefault(key, Kind(*key))
            kind.count += 1
            if len(kind.examples) < EXAMPLES:
                kind.examples.append((setup.command(task.seed), what))
    return totals


def run_campaign(chosen: Sequence[Task], workers: int = 1) -> Totals:
    """Play all of these in so many processes. The totals are the same however many."""
    totals = Totals()
    if workers <= 1:
        return play_tasks(chosen)
    with ProcessPoolExecutor(workers) as pool:
        for part in pool.map(play_tasks, _chunks(chosen)):
            totals.add(part)
    return totals


def _chunks(chosen: Sequence[Task]) -> Iterator[list[Task]]:
    rest = iter(chosen)
    while part := list(islice(rest, CHUNK)):
        yield part
