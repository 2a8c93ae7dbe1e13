"""One running Tryton for all tests of this folder. `make real` runs them, on the database that REAL_DATABASE names."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .tryton.server import Tryton, running

KIND = os.environ.get("REAL_DATABASE", "")

FIGURES = pytest.StashKey[list[str]]()

# Setting a server up takes minutes: without its name these are no part of the tests.
collect_ignore_glob = [] if KIND else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was counted; and why nothing was, where these tests alone were asked for."""
    for line in config.stash[FIGURES]:
        terminalreporter.write_line(f"{KIND}: {line}")
    if not KIND and config.args and all("tests/real" in Path(asked).as_posix() for asked in config.args):
        terminalreporter.write_line("These tests need a real Tryton: run make real.")


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run: what happens by chance is counted, and said."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def tryton() -> Iterator[Tryton]:
    """As seeded when the first test asks for it; what tests make stays for the next ones."""
    # Being told to end is as Ctrl-C: the server is stopped on the way out.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(KIND) as server:
            yield server
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def seeded(tryton: Tryton) -> Tryton:
    """As seeded, whatever came before."""
    tryton.reset()
    return tryton
