"""Who runs on this machine: a lock that ends with its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.state.sole import sole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")

HOLD = """
import sys
from connector.state.sole import sole
with sole(sys.argv[1], "a/b"):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_only_one_is_alone_in_the_block_and_leaving_it_lets_the_next_in(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    with sole(url, "a/b") as first, sole(url, "a/b") as second, sole(url, "a/c") as other:
        assert (first, second, other) == (True, False, True)
    with sole(url, "a/b") as again:
        assert again


def test_a_process_that_is_killed_is_not_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    process = subprocess.Popen([sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        with sole(url, "a/b") as alone:
            assert not alone
        process.kill()
    with sole(url, "a/b") as alone:
        assert alone


def test_a_database_that_other_machines_reach_never_proves_that_one_is_alone(tmp_path: Path) -> None:
    for url in ("postgresql://user@127.0.0.1/state", "sqlite://"):
        with sole(url, "a/b") as alone:
            assert not alone


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db-a-b.lock").mkdir()
    with (
        pytest.raises(ConfigError, match=r"state\.db-a-b\.lock cannot be written"),
        sole(f"sqlite:///{tmp_path}/state.db", "a/b"),
    ):
        pass
