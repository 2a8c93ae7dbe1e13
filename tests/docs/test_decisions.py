"""Decision records: numbered without gaps, one page, four headings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import DECISIONS, ROOT

RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
HEADINGS = ["## Context", "## Decision", "## Why", "## Consequences"]


def test_records_are_numbered_without_gaps() -> None:
    assert [path.name[:5] for path in RECORDS] == [f"{number:04}-" for number in range(len(RECORDS))]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_one_page_with_the_four_headings(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {path.name[:4]} ")
    assert [line for line in lines if line.startswith("## ")] == HEADINGS
    assert len(lines) <= 60


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_code_a_record_names_is_there(path: Path) -> None:
    named = re.findall(r"`((?:connector|tests|docs|mappings)/[\w./]*)`", path.read_text("utf-8"))
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_the_index_names_each_record_by_its_title() -> None:
    listed = re.findall(r"^\* (\d{4}) \[(.+)\]\((.+)\)$", (DECISIONS / "README.md").read_text("utf-8"), re.MULTILINE)
    titles = {path.name: path.read_text("utf-8").splitlines()[0] for path in RECORDS[1:]}
    assert {file: f"# {number} {title}" for number, title, file in listed} == titles
