"""Scripts that once broke the engine: each is played again, and nothing may be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.testing.simulator.play import read_script

SCRIPTS = sorted((Path(__file__).parent / "found").glob("*.txt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_that_once_broke_something_finds_nothing(path: Path) -> None:
    setup, lines = read_script(path)
    assert setup.play(lines).findings == (), f"python -m connector.testing.simulator --script {path}"
