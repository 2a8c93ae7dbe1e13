"""Whoever runs the suite over a system of few powers sees no skips, and is told what was left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
from connector.testing.contract import AdapterContract, Trouble
from tests.contract.memory.subjects import BARE, MemorySubject

class TestMine(AdapterContract):
    troubles = (Trouble.LOST,)
    subject = staticmethod(lambda: MemorySubject(BARE))
"""


WRONG = """
from connector.testing.contract import AdapterContract, Cannot
from tests.contract.memory.subjects import BARE, MemorySubject

class Quiet(MemorySubject):
    def trouble(self, kind, *, write, after=0):
        raise Cannot(f"make {kind.value}")

class Without(MemorySubject):
    samples = ()

def nothing():
    raise RuntimeError("no sandbox")

class TestFirst(AdapterContract):
    subject = staticmethod(lambda: Without(BARE))

class TestQuiet(AdapterContract):
    subject = staticmethod(lambda: Quiet(BARE))

class TestLast(AdapterContract):
    subject = staticmethod(nothing)
"""


def run(folder: Path, *words: str, suite: str = SUITE) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(suite, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", *words, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_what_a_subject_cannot_do_is_left_out_and_not_skipped(tmp_path: Path) -> None:
    ran = run(tmp_path, "-v", "-k", "webhook or check")
    assert ran.returncode == 0, ran.stdout
    assert "skipped" not in ran.stdout.lower()
    assert "4 send webhooks" in ran.stdout
    assert " deselected" in ran.stdout


def test_a_test_that_fails_is_reported_as_ever(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom connector.testing.memory import MemorySystem\n"
        "@pytest.fixture(autouse=True)\ndef _broken(monkeypatch: pytest.MonkeyPatch) -> None:\n"
        "    monkeypatch.setattr(MemorySystem, 'check', lambda self: [])\n",
        encoding="utf-8",
    )
    ran = run(tmp_path, "-k", "check_finds")
    assert ran.returncode == 1, ran.stdout
    assert "1 failed" in ran.stdout
    assert "check found nothing to say" in ran.stdout


def test_a_wrong_subject_stops_its_class_once_and_no_other(tmp_path: Path) -> None:
    ran = run(tmp_path, "-k", "webhook or check or first_call", suite=WRONG)
    assert ran.returncode == 1, ran.stdout
    assert "2 errors" in ran.stdout
    assert ran.stdout.count("Without has no `samples`; name at least one object") <= 2
    assert "the subject of TestLast cannot be made: RuntimeError('no sandbox')" in ran.stdout
    assert "TestFirst: 1 run, " in ran.stdout
    assert "TestQuiet: 3 run, " in ran.stdout


def test_the_last_line_says_what_was_never_tried(tmp_path: Path) -> None:
    quiet = run(tmp_path, "-k", "TestQuiet and first_call", suite=WRONG).stdout
    assert "TestQuiet: 1 run, 27 left out; no lost answer, no busy system was tried; -v says why" in quiet
    half = run(tmp_path, "-k", "first_call").stdout
    assert "TestMine: 2 run, 0 left out; no busy system was tried\n" in half


def test_v_says_why_where_a_project_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -q\n", encoding="utf-8")
    assert "4 send webhooks" in run(tmp_path, "-v", "-k", "webhook").stdout
    assert "4 send webhooks" not in run(tmp_path, "-k", "webhook").stdout
