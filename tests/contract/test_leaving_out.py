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


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(SUITE, encoding="utf-8")
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
