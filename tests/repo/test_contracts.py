"""Imports point one way; .importlinter says which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .tree import ROOT


def test_every_import_keeps_the_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
