"""Small proofs, made here and now, and what is read from their page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from connector.testing.crash_matrix import Depth
from connector.testing.proof import Work, prove
from connector.testing.proof_journal import Journal
from connector.testing.proof_page import BEGIN, END, Circumstances
from connector.testing.proof_sums import Proof, Wanted
from connector.testing.proof_units import (
    Cell,
    Failure,
    Result,
    Seeds,
    Tally,
    Unit,
    do,
)
from connector.testing.simulator.play import Played
from connector.testing.simulator.profiles import PROFILES

MADE = Circumstances("2026-01-02", "0.1.0", "2 cores", 2)
NOTHING = Played((), Counter(), "", ())
CELL = Cell("sync", "created-by only", Depth(kills=40, pairs=0, faults=0))


class HereAndNow:
    """Stands for the worker processes: does each piece at once. stop: after so many it is Ctrl-C."""

    def __init__(self, stop: int | None = None, play: Callable[[Unit], Result] = do) -> None:
        self.done: list[str] = []
        self.is_late = False
        self._stop = stop
        self._play = play

    def work(self, units: Iterable[Unit], far: Callable[[], str]) -> Iterable[Result]:
        for unit in units:
            if len(self.done) == self._stop:
                raise KeyboardInterrupt
            self.done.append(unit.name)
            yield self._play(unit)


def counted(unit: Unit) -> Result:
    """A piece in which every seed did one edit and wrote two records, in the first profile."""
    assert isinstance(unit, Seeds)
    seeds = unit.last - unit.first
    tally = Tally(seeds, 0, {"did edit": seeds, "wrote edit": 2 * seeds})
    return Result(unit.part, unit.name, 1.0, {next(iter(PROFILES)): tally})


def journal(folder: Path, *, resume: bool = False, seeds: str = "code", program: str = "code") -> Journal:
    return Journal(folder / "journal", {Seeds.part: seeds, Cell.part: program}, resume=resume)


def proved(folder: Path, work: Work, crew: HereAndNow | None = None, *, resume: bool = False) -> Proof:
    kept = journal(folder, resume=resume)
    try:
        return prove(work, kept, crew or HereAndNow(play=counted))  # type: ignore[arg-type]
    finally:
        kept.close()


def cells_of(text: str, heading: str) -> list[list[str]]:
    """The rows of the last table below a heading, without its head."""
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in part.splitlines() if line.startswith("|")]
    start = max(number for number, line in enumerate(table) if line.startswith("|---"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[start + 1 :]]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def marked(text: str) -> str:
    return text.split(BEGIN)[1].split(END)[0].strip()


def failing() -> Proof:
    proof = Proof(Wanted(1))
    for seed, rule in enumerate(["I7", "I9", "I8", "I6", "I15", "I16", "I1", "I44", "error", "I99"]):
        tally = Tally(1, 1, {"did edit": 1}, [Failure(f"python -m x --seed {seed}", rule, "a | b <c>")])
        proof.add(Result("simulator", f"{seed}:{seed + 1}", 0.0, {"cuis": tally}))
    return proof
