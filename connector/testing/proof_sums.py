"""Adds up what the pieces of a proof gave."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from connector.errors import ConfigError
from connector.testing.crash_matrix import ALL, Depth
from connector.testing.proof_units import Failure, Result, Tally
from connector.testing.simulator.campaign import USER_VERBS

KINDS: Mapping[str, tuple[str, ...]] = {
    "lost": ("I7", "I17", "I19", "I24"),
    "duplicated": ("I9", "I10", "I41"),
    "reverted": ("I4", "I8", "I30", "row 6", "row 7", "row 8", "row 9", "row 10"),
    "diverged": ("I6", "I11", "I21", "I26"),
    "resurrected": ("I15",),
    "deleted without cause": ("I16", "I18", "I42"),
    "not at rest": ("I1", "I2", "I29"),
    "reported wrongly": ("I23", "I25", "I44", "counts"),
    "failed": ("error",),
}
"""Every kind of finding, with the rules counted there: those that the judge or the crash matrix can find broken."""
OTHER = "other"


def kind_of(rule: str) -> str:
    """The kind a broken rule is counted as."""
    return next((kind for kind, rules in KINDS.items() if rule in rules), OTHER)


@dataclass(slots=True)
class Matrix:
    """The crash matrix added up. profiles: of each its cells, points, pairs and ends that differ, by name."""

    cells: int = 0
    steps: int = 0
    points: int = 0
    pairs: int = 0
    worlds: int = 0
    profiles: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Kills:
    """The kill runs added up."""

    days: int = 0
    kills: int = 0
    servers: int = 0
    runs: int = 0


@dataclass(slots=True)
class Mutants:
    """What the mutation check said. survived: names."""

    caught: int
    survived: list[str]

    @property
    def all(self) -> int:
        return self.caught + len(self.survived)


@dataclass(slots=True)
class Wanted:
    """What was asked for. cells, depth: of the crash matrix. late: time was up before all of it was done."""

    operations: int
    cells: int = 0
    depth: Depth = ALL
    kills: int = 0
    late: bool = False


@dataclass(slots=True)
class Proof:
    """All figures of the page. profiles: of the simulator, by name. seconds: of work, all workers together."""

    wanted: Wanted
    profiles: dict[str, Tally] = field(default_factory=dict)
    seeds: list[tuple[int, int]] = field(default_factory=list)
    matrix: Matrix = field(default_factory=Matrix)
    kills: Kills = field(default_factory=Kills)
    failures: list[Failure] = field(default_factory=list)
    mutants: Mutants | None = None
    seconds: float = 0.0

    def add(self, result: Result) -> None:
        """Add what one piece gave."""
        self.seconds += result.seconds
        if result.profiles:
            first, _, last = result.name.partition(":")
            self.seeds.append((int(first), int(last)))
        for name, tally in result.profiles.items():
            self.profiles.setdefault(name, Tally()).add(tally)
            self.failures += tally.failures
        if result.cell:
            self._add_cell(result.cell)
        if result.days:
            self._add_days(result.days)

    def _add_cell(self, cell: Mapping[str, Any]) -> None:
        matrix = self.matrix
        matrix.cells += 1
        for name in ("steps", "points", "pairs", "worlds"):
            setattr(matrix, name, getattr(matrix, name) + cell.get(name, 0))
        mine = matrix.profiles.setdefault(cell["profile"], Counter())
        mine.update(cells=1, points=cell.get("points", 0), pairs=cell.get("pairs", 0), differ=len(cell["differences"]))
        place = f'--scenario {cell["scenario"]} --profile "{cell["profile"]}"'
        for difference in cell["differences"]:
            step = re.search(r"step (\d+)", difference["at"])
            options = f"--step {step[1]} {place}" if step is not None else f"--all {place}"
            what = f"{difference['at']}: {'; '.join(difference['what'])}"
            self.failures.append(Failure(f"python -m connector.testing.crash {options}", "I11", what))

    def _add_days(self, days: Mapping[str, Any]) -> None:
        for name in ("days", "kills", "servers", "runs"):
            setattr(self.kills, name, getattr(self.kills, name) + days.get(name, 0))
        for at, sentences in days["differences"].items():
            self.failures.append(Failure(days["command"], "I11", f"{at}: {'; '.join(sentences)}"))

    # ---------------------------------------------------------------------------------------------- figures

    @property
    def lacks(self) -> list[str]:
        """A sentence for everything that belongs to a proof and was left out or not done; empty: it is whole."""
        wanted, found = self.wanted, []
        if not self.enough:
            why = "time was up" if wanted.late else "the seeds asked for were played"
            found.append(f"{wanted.operations:,} operations were asked for; {why} at {self.operations:,}.")
        if not wanted.cells:
            found.append("The crash matrix was left out.")
        elif self.matrix.cells < wanted.cells:
            found.append(f"{self.matrix.cells} of {wanted.cells} cells of the crash matrix were gone through.")
        elif wanted.depth.kills > ALL.kills:
            found.append(f"Of the crash matrix one step in {wanted.depth.kills} was tried.")
        if not wanted.kills:
            found.append("No process was killed.")
        elif self.kills.kills < wanted.kills:
            found.append(f"{self.kills.kills} of {wanted.kills} kills were done.")
        return found

    @property
    def total(self) -> Tally:
        return total(self.profiles.values())

    @property
    def operations(self) -> int:
        return operations_of(self.total)

    @property
    def enough(self) -> bool:
        """Whether the simulator has done what was asked of it."""
        return self.operations >= self.wanted.operations

    @property
    def findings(self) -> dict[str, int]:
        """How many of each kind, of all parts; each kind is there, zero or not."""
        found = Counter(kind_of(failure.rule) for failure in self.failures)
        return {kind: found[kind] for kind in (*KINDS, *([OTHER] if found[OTHER] else []))}


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together, without their failures."""
    found, counts = Tally(), Counter[str]()
    for tally in tallies:
        found.seeds += tally.seeds
        found.failed += tally.failed
        counts.update(tally.counts)
    found.counts = dict(counts)
    return found


def by_people(tally: Tally) -> int:
    """What people did: edits, new records, deletes, merges, changed lines, decisions."""
    return sum(tally.counts.get(f"did {verb}", 0) for verb in USER_VERBS)


def by_syncs(tally: Tally) -> int:
    """Records that syncs created, changed or removed in a system."""
    return sum(count for name, count in tally.counts.items() if name.startswith("wrote "))


def operations_of(tally: Tally) -> int:
    """What people did and what syncs wrote. Runs, reads, commits and other steps do not count."""
    return by_people(tally) + by_syncs(tally)


def counted(tally: Tally, prefix: str) -> dict[str, int]:
    """The counts whose names begin so, by the rest of the name."""
    return {n.removeprefix(prefix): c for n, c in sorted(tally.counts.items()) if n.startswith(prefix)}


def read_mutants(path: Path) -> Mutants | None:
    """The result of `make mutants`; None where there is none. Raises ConfigError when nobody can read it."""
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        survived = [str(row["name"]) for row in rows if row["problem"] or not row["caught_by"]]
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise ConfigError(
            f"{path}: not a result of `make mutants`: {error}. Run it again, or remove the file."
        ) from None
    return Mutants(len(rows) - len(survived), survived)
