"""One running Tryton for all tests of this folder. `make real` runs them, on the database that REAL_DATABASE names."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from .tryton.server import Tryton, running

KIND = os.environ.get("REAL_DATABASE", "")

# Setting a server up takes minutes: without its name these are no part of the tests.
collect_ignore_glob = [] if KIND else ["test_*.py"]


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
