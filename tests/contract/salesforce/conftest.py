"""One emulated org for all tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from .org import Org, start


@pytest.fixture(scope="session")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    process, made = start(tmp_path_factory.mktemp("salesforce"))
    yield made
    made.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
