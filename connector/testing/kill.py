"""Runs the real command line in a process of its own that ends itself with SIGKILL at a chosen step.

A step is a call of a system or a commit to the store, as the production driver carries them out. The program knows
nothing of it: the driver is replaced in the process that is to die, before the command starts.
`python -m connector.testing.kill_days` runs a campaign.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from connector.app import core
from connector.cli.main import run
from connector.engine.driver import Driver
from connector.engine.effects import Call, Commit, Effect

When = Literal["before", "after"]
SECONDS = 120.0
PRELOAD = [
    "connector.testing.kill",
    "connector.adapters.reference.adapter",
    "connector.app.running",
    "connector.cli.logs",
    "connector.rest.client",
    "connector.state.sole",
    "connector.state.spool",
    "connector.state.store",
    "connector.state.vault",
    "connector.wrappers",
    "httpcore",
    "pycountry",
    "sqlalchemy.dialects.sqlite",
]
"""Read once, so that a process is forked with them: otherwise reading them takes longer than the command."""


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process dies: at which step of the command, before or after it is carried out.

    process: which one; None is the command itself, another is a system it speaks to.
    """

    step: int
    when: When = "before"
    process: int | None = None

    def __str__(self) -> str:
        return f"{self.when} step {self.step}"


@dataclass(frozen=True, slots=True)
class Launched:
    """A command that has ended. code: its exit code, -9 when it was killed. steps: carried out, None when killed."""

    code: int
    steps: int | None
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class _Steps:
    """Counts the steps of this process, whichever thread takes them, and ends a process at one of them."""

    def __init__(self, death: Death | None) -> None:
        self.count = 0
        self._death = death
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self.count += 1
            return self.count

    def at(self, step: int, when: When) -> None:
        if self._death is not None and (self._death.step, self._death.when) == (step, when):
            os.kill(self._death.process or os.getpid(), signal.SIGKILL)


def _mortal(steps: _Steps) -> type[Driver]:
    """The production driver, told to watch its steps."""

    class Mortal(Driver):
        def _one(self, effect: Effect) -> Any:
            if not isinstance(effect, Call | Commit):
                return super()._one(effect)
            step = steps.next()
            steps.at(step, "before")
            try:
                return super()._one(effect)
            finally:
                steps.at(step, "after")

    return Mortal


def _child(arguments: list[str], death: Death | None, note: str) -> None:
    """In the new process: what the command says goes to a file; the number of steps behind it."""
    file = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    steps = _Steps(death)
    setattr(core, "Driver", _mortal(steps))  # noqa: B010  (a type checker would have the name be fixed)
    code = run(arguments)
    sys.stdout.flush()
    Path(f"{note}.steps").write_text(str(steps.count), encoding="ascii")
    sys.exit(code)


def launch(arguments: Sequence[str], note: Path, death: Death | None = None) -> Launched:
    """Run one command line in a fresh process and wait for its end. note: file for what it says.

    Raises TimeoutError, and ends the process, when it takes longer than two minutes.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    counted = Path(f"{note}.steps")
    counted.unlink(missing_ok=True)
    process = context.Process(target=_child, args=(list(arguments), death, str(note)))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"`connector {' '.join(arguments)}` did not end within {SECONDS:.0f} seconds")
    steps = int(counted.read_text(encoding="ascii")) if counted.exists() else None
    return Launched(process.exitcode, steps, note.read_text(encoding="utf-8", errors="replace"))
