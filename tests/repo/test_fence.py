"""The fence around every test (tests/conftest.py) holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .tree import ROOT

TESTS = """
import os, socket

def test_connects_elsewhere():
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=1)
    except OSError:
        pass

def test_looks_up_a_name():
    try:
        socket.getaddrinfo("host.invalid", 80)
    except OSError:
        pass

def test_listens_to_everybody():
    with socket.socket() as server:
        try:
            server.bind(("0.0.0.0", 0))
        except OSError:
            pass

def test_stays_on_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass

def test_starts_clean():
    assert "CONNECTOR_KEY" not in os.environ and "HTTPS_PROXY" not in os.environ
    assert os.listdir(os.environ["HOME"]) == []
    os.environ["CONNECTOR_KEY"] = "left behind"

def test_finds_nothing_left_behind():
    assert "CONNECTOR_KEY" not in os.environ
"""


def test_a_test_cannot_leave_this_machine_nor_see_settings_of_another(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_sample.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "."],
        cwd=tmp_path,
        env={"PATH": "", "CONNECTOR_KEY": "x", "HTTPS_PROXY": "http://proxy.invalid", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    failed = {line.split("::")[1].split()[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")}
    assert failed == {"test_connects_elsewhere", "test_looks_up_a_name", "test_listens_to_everybody"}, done.stdout
    assert "6 passed, 3 errors" in done.stdout
