"""Puts each mutant into a copy of the program and sees whether a test of `make test` notices.

A test that fails with a mutant counts only when it passes without one. `python -m tests.mutants.run --help`
With `--simulator SEEDS` a second column says which bugs of engine and merge the simulator finds all by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .bench import BrokenError, Clock, Ran, copied, run_one, run_simulator, run_tests
from .catalogue import MUTANTS
from .mutant import Mutant

WORKERS = 2
UNDECIDED = "not decided"
PLAYED = ("connector/engine/", "connector/merge/")
"""What the simulator is asked about: of the rest it plays too little."""
SECONDS = 1800.0
SMOKE = ("tests/unit/merge/test_record_table.py", "tests/unit/engine/test_engine_edits.py")
# After a mutant's own hints: the fast ones first, then those that try most things.
CATCHERS = (
    "tests/unit/mapping",
    "tests/unit/test_wrappers.py",
    "tests/unit/rest",
    "tests/unit/merge",
    "tests/unit/state",
    "tests/unit/engine",
    "tests/faults/test_faults_outcomes.py",
    "tests/laws/test_lines.py",
    "tests/laws/test_merge_laws.py",
    "tests/laws/test_merge_laws_lines.py",
    "tests/laws/test_sync_machine.py",
    "tests/invariants",
    "tests/faults/test_faults_crash_matrix.py",
    "tests/simulator",
)


@dataclass(frozen=True)
class Result:
    """What became of one mutant. caught_by: the test that noticed, "" for none. problem: why nobody can say.

    simulator: what the simulator and its judge found, "" for nothing; None where it was not asked.
    """

    name: str
    rule: str
    says: str
    file: str
    caught_by: str
    seconds: float
    problem: str = ""
    simulator: str | None = None

    @property
    def caught(self) -> bool:
        return bool(self.caught_by) and not self.problem

    @property
    def found(self) -> bool:
        """Whether the simulator found it by itself."""
        return bool(self.simulator) and UNDECIDED not in str(self.simulator)

    def __str__(self) -> str:
        tests = f"{self.name:<48}  {self.problem or self.caught_by or 'SURVIVED'}  ({self.seconds:.0f} s)"
        return tests if self.simulator is None else f"{tests}  simulator: {self.simulator or 'NOTHING'}"


class Unmutated:
    """A copy of the program as it is, the origin of the others: a test that fails there as well proves nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, bool] = {}
        self._lock = threading.Lock()

    def check(self, seeds: int = 0) -> None:
        """Raises BrokenError when the copy does not work, or its seeds find something."""
        for selection in SMOKE:
            ran = run_tests(self.folder, selection, SECONDS)
            if ran != Ran(None):
                raise BrokenError(f"{ran.failed or selection} fails without any mutant. Make the tests pass first.")
        if seeds and (ran := run_simulator(self.folder, seeds, SECONDS)) != Ran(None):
            raise BrokenError(f"the simulator says without any mutant: {ran.failed or 'not decided'}")

    def passes(self, test: str) -> bool:
        with self._lock:
            if test not in self._known:
                self._known[test] = run_one(self.folder, test, SECONDS) == Ran(None)
            return self._known[test]


def judge(mutant: Mutant, unmutated: Unmutated, *, limit: float, hints_only: bool = False, seeds: int = 0) -> Result:
    """Run the catchers, hints first, until one fails or `limit` seconds are over. seeds: and so many by themselves."""
    result = _by_tests(mutant, unmutated, limit=limit, hints_only=hints_only)
    if not seeds or not mutant.file.startswith(PLAYED):
        return result
    try:
        with copied(mutant, unmutated.folder) as folder:
            ran = run_simulator(folder, seeds, limit)
    except (BrokenError, ValueError) as error:
        return replace(result, problem=result.problem or str(error))
    return replace(result, simulator=(ran.failed or "") if ran.ended else f"{UNDECIDED} in {limit:.0f} s")


def _by_tests(mutant: Mutant, unmutated: Unmutated, *, limit: float, hints_only: bool) -> Result:
    clock = Clock()

    def result(caught_by: str = "", problem: str = "") -> Result:
        facts = mutant.name, mutant.rule, mutant.says, mutant.file
        return Result(*facts, caught_by, round(clock.seconds, 1), problem)

    try:
        with copied(mutant, unmutated.folder) as folder:
            for selection in mutant.hints if hints_only else (*mutant.hints, *CATCHERS):
                ran = run_tests(folder, selection, limit - clock.seconds)
                if ran.failed is not None:
                    sound = unmutated.passes(ran.failed)
                    return result(ran.failed, "" if sound else f"{ran.failed} fails without any mutant, too")
                if not ran.ended:
                    return result(problem=f"{UNDECIDED} in {limit:.0f} s")
    except (BrokenError, ValueError) as error:
        return result(problem=str(error))
    return result()


def judge_all(
    mutants: Sequence[Mutant], *, limit: float, workers: int, hints_only: bool, seeds: int = 0
) -> list[Result]:
    """Every mutant, `workers` at a time; a line as each is decided. Raises BrokenError."""
    with copied() as folder, ThreadPoolExecutor(workers) as pool:
        unmutated = Unmutated(folder)
        unmutated.check(seeds)
        how: dict[str, Any] = {"limit": limit, "hints_only": hints_only, "seeds": seeds}
        tasks = [pool.submit(judge, mutant, unmutated, **how) for mutant in mutants]
        found = []
        for task in as_completed(tasks):
            found.append(task.result())
            print(found[-1], flush=True)
    order = [mutant.name for mutant in mutants]
    return sorted(found, key=lambda result: order.index(result.name))


def report(results: Sequence[Result]) -> list[str]:
    """The lines at the end: what was not caught, and how many were."""
    lines = [f"not caught: {r.name} ({r.rule}): {r.problem or r.says}" for r in results if not r.caught]
    lines.append(f"caught {sum(result.caught for result in results)} of {len(results)}")
    played = [result for result in results if result.simulator is not None]
    lines += [f"not found by the simulator: {r.name} ({r.rule}): {r.says}" for r in played if not r.found]
    return [*lines, *([f"the simulator found {sum(r.found for r in played)} of {len(played)}"] if played else [])]


def _caught_before(path: Path | None) -> dict[str, Result]:
    """Those that this file holds as caught and that still say the same, by name."""
    if path is None or not path.exists():
        return {}
    says = {mutant.name: mutant.says for mutant in MUTANTS}
    results = [Result(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    return {result.name: result for result in results if result.caught and says.get(result.name) == result.says}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mutant was caught, 1 when one was not, 2 when nothing could be found out."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="only this mutant; may be given several times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--again", action="store_true", help="all but those that FILE holds as caught")
    parser.add_argument("--workers", type=int, default=WORKERS, help=f"mutants at a time ({WORKERS})")
    parser.add_argument("--limit", type=float, default=SECONDS, help=f"seconds per mutant ({SECONDS:.0f})")
    parser.add_argument("--hints", action="store_true", help="run only the tests most likely to notice")
    parser.add_argument("--simulator", type=int, default=0, metavar="SEEDS", help="what do so many seeds find alone?")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.only or ()) - {mutant.name for mutant in MUTANTS})
    if unknown:
        print(f"no such mutant: {', '.join(unknown)}. See tests/mutants/catalogue.py.", file=sys.stderr)
        return 2
    if chosen.again and (chosen.only or chosen.json is None):
        print("--again goes with --json, and with all mutants: leave --only out.", file=sys.stderr)
        return 2
    kept = _caught_before(chosen.json) if chosen.again else {}
    mutants = [m for m in MUTANTS if m.name not in kept and (chosen.only is None or m.name in chosen.only)]
    try:
        how: dict[str, Any] = {"limit": chosen.limit, "hints_only": chosen.hints, "seeds": chosen.simulator}
        results = judge_all(mutants, workers=max(1, chosen.workers), **how)
    except BrokenError as error:
        print(error, file=sys.stderr)
        return 2
    if kept:
        found = kept | {result.name: result for result in results}
        results = [found[mutant.name] for mutant in MUTANTS if mutant.name in found]
    print(*report(results), sep="\n")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n", encoding="utf-8")
    return 0 if all(result.caught for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
