"""The proof: the simulator's campaign, the whole crash matrix, real processes killed; written to a page.

    python -m connector.testing.proof [--operations N] [--seeds A[:B]] [--pairs N] [--kills N] [--workers N]
                                      [--minutes N] [--quick] [--resume] and more: --help

Exits 1 when anything was found, 2 when the command line cannot be used, 130 when it was stopped; then nothing is
written, and --resume goes on.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import connector
from connector.clock import SystemClock
from connector.errors import ConfigError
from connector.testing.crash import SHORT
from connector.testing.crash_matrix import ALL
from connector.testing.proof_crew import Crew
from connector.testing.proof_journal import Journal, codes, put
from connector.testing.proof_page import BEGIN, Circumstances, page, with_figures
from connector.testing.proof_sums import Mutants, Proof, Wanted, read_mutants
from connector.testing.proof_units import DAYS_KILLED, Cell, Days, Unit, all_cells, all_days, rounds

FOUND, WRONG, STOPPED = 1, 2, 130
OPERATIONS, QUICK_OPERATIONS = 1_000_000, 20_000
KILLS = 100
PAGE, README, TRIED = Path("docs/proof.md"), Path("README.md"), Path("build/proof.md")
"""Where a whole proof is published, page and figures; and where the page of a part of one goes."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a proof is to do. last: seeds up to but without it; None: as many as it takes."""

    operations: int = OPERATIONS
    first: int = 0
    last: int | None = None
    cells: Sequence[Cell] = ()
    days: Sequence[Days] = ()


def prove(work: Work, journal: Journal, crew: Crew, mutants: Mutants | None = None) -> Proof:
    """Do what is not in the journal yet; everything added up."""
    depth = work.cells[0].depth if work.cells else ALL
    wanted = Wanted(work.operations, len(work.cells), depth, sum(days.kills for days in work.days))
    proof = Proof(wanted, mutants=mutants)
    seeds = rounds(work.first, work.last, lambda: proof.enough)
    for units in (work.cells, work.days, seeds):
        _part(units, proof, journal, crew)
    wanted.late = crew.is_late
    proof.seeds.sort()
    return proof


def _part(units: Iterable[Unit], proof: Proof, journal: Journal, crew: Crew) -> None:
    def fresh() -> Iterable[Unit]:
        for unit in units:
            known = journal.known(unit)
            if known is None:
                yield unit
            else:
                proof.add(known)

    for result in crew.work(fresh(), lambda: progress(proof)):
        journal.keep(result)
        proof.add(result)


def progress(proof: Proof) -> str:
    """How far a proof is, in a line."""
    wanted = proof.wanted
    return (
        f"crash matrix {proof.matrix.cells}/{wanted.cells}, kills {proof.kills.kills}/{wanted.kills}, "
        f"operations {proof.operations:,}/{wanted.operations:,}, findings {len(proof.failures)}"
    )


# ------------------------------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove it and write the page; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _check_places(options)
        version = version_of(Path(connector.__file__).parent)
        proof = _proved(options)
        command = shlex.join(["python", "-m", "connector.testing.proof", *given])
        made = Circumstances(_today(), version, _machine(), options.workers, command)
        place = _publish(options, proof, made)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}. The results are kept: go on with --resume.\n")
        return WRONG
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; no page was written. Go on with --resume.\n")
        return STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)
    _say(f"{progress(proof)}; see {place}")
    for failure in proof.failures[:1]:
        _say(f"The first: {failure.rule}: {failure.what}", f"    {failure.command}", "A seed takes --shrink, too.")
    return FOUND if proof.failures else 0


def _check_places(options: argparse.Namespace) -> None:
    """Raises ConfigError before an hour of work for a page that could not be written after it."""
    for place in (options.page, options.readme):
        if place is not None and not place.parent.is_dir():
            raise ConfigError(f"{place}: there is no folder {place.parent}. Make it, or name another place.")


def _publish(options: argparse.Namespace, proof: Proof, made: Circumstances) -> Path:
    """Write the page, and the figures into the README; where the page is.

    What is published is a whole proof. The page of a part of one goes to a place of its own, unless one is named.
    """
    place = options.page or (TRIED if proof.lacks else PAGE)
    place.parent.mkdir(parents=True, exist_ok=True)
    put(place, page(proof, made).encode())
    readme = options.readme or (None if proof.lacks else README)
    if readme is not None and readme.exists() and BEGIN in readme.read_text("utf-8"):
        put(readme, with_figures(readme.read_text("utf-8"), proof).encode())
    if proof.lacks:
        _say(f"Only a part of a proof: {' '.join(proof.lacks)}")
    return place


def _proved(options: argparse.Namespace) -> Proof:
    clock = SystemClock()
    ends = clock.now() + 60 * options.minutes if options.minutes is not None else math.inf
    work, mutants = _work(options), read_mutants(options.mutants)
    if options.resume and not options.journal.exists():
        _say(f"{options.journal} is not there: this begins anew.")
    journal = Journal(options.journal, codes(), resume=options.resume)
    try:
        with Crew(options.workers, clock, ends, _say) as crew:
            return prove(work, journal, crew, mutants)
    finally:
        journal.close()


def _work(options: argparse.Namespace) -> Work:
    """What the command line asks for."""
    quick = options.quick
    first, last = options.seeds
    operations = options.operations if options.operations is not None else QUICK_OPERATIONS if quick else OPERATIONS
    depth = SHORT if quick else ALL
    if options.pairs is not None:
        depth = replace(depth, pairs=options.pairs)
    kills = options.kills if options.kills is not None else DAYS_KILLED if quick else KILLS
    return Work(operations, first, last, () if options.no_crash else all_cells(depth), all_days(kills))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m connector.testing.proof",
        description="Tries to break the sync in every way there is, and writes down what came of it.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--operations", type=_some, metavar="N", help=f"of people and syncs together; {OPERATIONS:,} if not given")
    add("--seeds", type=_seeds, default=(0, None), metavar="A[:B]", help="the first seed, and the one to stop before")
    add("--pairs", type=_number, metavar="N", help=f"every Nth pair of crashes; {ALL.pairs} if not given, 0: none")
    add("--kills", type=_number, metavar="N", help=f"processes to be killed; {KILLS} if not given")
    add("--no-crash", action="store_true", help="leave the crash matrix out")
    add("--workers", type=_workers, default=os.cpu_count() or 1, metavar="N", help="processes side by side")
    add("--minutes", type=_minutes, metavar="N", help="begin nothing new after so long")
    add("--quick", action="store_true", help="a small one: some minutes")
    add("--resume", action="store_true", help="go on with the results of the last one that was stopped")
    add("--journal", type=Path, default=Path("build/proof.jsonl"), metavar="FILE", help="where results are kept")
    add("--mutants", type=Path, default=Path("build/mutants.json"), metavar="FILE", help="what `make mutants` found")
    add("--page", type=Path, metavar="FILE", help=f"the page to write; {PAGE} if the proof is whole, else {TRIED}")
    add("--readme", type=Path, metavar="FILE", help=f"a document for the figures; {README} if the proof is whole")
    return parser


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, for example 100")
    return int(text)


def _some(text: str) -> int:
    if _number(text) == 0:
        raise argparse.ArgumentTypeError("0 of them prove nothing")
    return _number(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of minutes, for example 30")
    return minutes


def _workers(text: str) -> int:
    return max(1, _number(text))


def _seeds(text: str) -> tuple[int, int | None]:
    first, colon, last = text.partition(":")
    seeds = _number(first), _number(last) if colon else None
    if seeds[1] is not None and seeds[1] <= seeds[0]:
        raise argparse.ArgumentTypeError(f"{text} holds no seed; write {seeds[1]}:{seeds[0] + 1}")
    return seeds


def _today() -> str:
    return datetime.fromtimestamp(SystemClock().now(), UTC).date().isoformat()


def version_of(folder: Path) -> str:
    """The program's version and the commit its folder is checked out from, `-dirty` where a file differs from that."""
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"{connector.__version__}, of no known commit"
    return f"{connector.__version__}, commit {commit}"


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
