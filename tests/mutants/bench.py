"""A copy of the program in a temporary folder, with or without a mutant in it, and tests run there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .mutant import ROOT, Mutant
from .seeds import FOUND

COPIED = ("connector", "tests", "mappings", "pyproject.toml", "config.example.yaml")
# What starts a database server of its own is slow, and would outlive a run that is cut short.
LEFT_OUT = "not postgres"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py(?:::.+?)?)(?: - .*)?$", re.MULTILINE)


class BrokenError(Exception):
    """The tests could not be run at all; the text says why."""


@dataclass(frozen=True)
class Ran:
    """What a run of tests said. failed: the first test that did, or None. ended: False when the time was up."""

    failed: str | None
    ended: bool = True


@contextmanager
def copied(mutant: Mutant | None = None, origin: Path = ROOT) -> Iterator[Path]:
    """A folder with the program and its tests, gone afterwards. Raises ValueError when the mutant does not apply.

    origin: where it is copied from. Copies of one copy are all alike, however long the tests take.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        for part in COPIED:
            source = origin / part
            if source.is_dir():
                # Compiled files come along with their times, so that only what is mutated is compiled again.
                shutil.copytree(source, folder / part)
            else:
                shutil.copy2(source, folder / part)
        if mutant is not None:
            target = folder / mutant.file
            target.write_text(mutant.apply(target.read_text(encoding="utf-8")), encoding="utf-8")
        yield folder


def run_tests(folder: Path, selection: str, seconds: float) -> Ran:
    """Run `file` or `file word` in the copy up to the first failure. Raises BrokenError when nothing can be run."""
    path, _, word = selection.partition(" ")
    picked = f"{word} and {LEFT_OUT}" if word else LEFT_OUT
    return _pytest(folder, [path, "-k", picked], seconds)


def run_one(folder: Path, test: str, seconds: float) -> Ran:
    """Run one test, by its full name."""
    return _pytest(folder, [test], seconds)


def run_simulator(folder: Path, seeds: int, seconds: float) -> Ran:
    """Let the simulator play so many seeds in the copy, until its judge finds something. Raises BrokenError."""
    ran = _run(folder, ["-m", "tests.mutants.seeds", str(seeds)], seconds)
    if ran is None:
        return Ran(None, ended=False)
    code, output = ran
    lines = output.strip().splitlines()
    if code not in (0, FOUND) or not lines:
        raise BrokenError(f"the simulator ended with {code}: {' / '.join(lines[-3:])}")
    return Ran(lines[-1] if code == FOUND else None)


def _pytest(folder: Path, what: list[str], seconds: float) -> Ran:
    command = ["-m", "pytest", "-x", "--tb=no", "-p", "no:xdist", f"--basetemp={folder / 'scratch'}", *what]
    ran = _run(folder, command, seconds)
    return Ran(None, ended=False) if ran is None else _read(*ran)


def _run(folder: Path, command: list[str], seconds: float) -> tuple[int, str] | None:
    """Exit code and output of Python in the copy; None when the time was up."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "400"}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=max(seconds, 1.0))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    return process.returncode, output


def _read(code: int, output: str) -> Ran:
    if code in (0, 5):  # passed, or nothing was selected
        return Ran(None)
    failed = _FAILED.search(output)
    if failed is None or "::" not in failed.group(1):
        tail = " / ".join(line.strip() for line in output.strip().splitlines()[-3:])
        raise BrokenError(f"pytest ended with {code}: {tail}")
    return Ran(failed.group(1))


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start
