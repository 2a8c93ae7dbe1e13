"""What the documents show is what happens."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from connector.adapters import discover

from .console import Session, blocks
from .pages import README, documents, name, tasks

CONNECTOR = [str(Path(sys.executable).with_name("connector"))]
SHOWING = [path for path in documents() if any(True for _ in blocks(path.read_text("utf-8")))]


@pytest.mark.parametrize("path", SHOWING, ids=name)
def test_every_command_shown_does_what_is_shown(path: Path, tmp_path: Path) -> None:
    problems = Session(tmp_path, {"connector": CONNECTOR}, tasks()).problems(path.read_text("utf-8"))
    assert not problems, "\n".join(problems)


def test_the_readme_shows_a_result_within_its_first_60_lines() -> None:
    first = next(blocks(README.read_text("utf-8")), None)
    assert first is not None, "README.md shows no console block"
    assert first.line < 60
    assert any(step.shown for step in first.steps)


def test_the_table_of_systems_names_every_adapter() -> None:
    _, _, section = README.read_text("utf-8").partition("\n## Systems\n")
    named = set(re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE))
    assert named == set(discover())
