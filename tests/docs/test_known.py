"""The page of what is known and not mended tells what is so: a seed that finds nothing any more has to leave it."""

from __future__ import annotations

import re
import shlex

import pytest

from connector.testing.simulator.__main__ import main

from .pages import ROOT

PAGE = (ROOT / "docs" / "known.md").read_text("utf-8")
ROWS = re.findall(r"^\| `python -m connector\.testing\.simulator (.+?)` \| (\w+) \|", PAGE, re.MULTILINE)


def test_the_page_names_seeds() -> None:
    assert ROWS


@pytest.mark.parametrize(("words", "rule"), ROWS)
def test_each_seed_still_finds_what_is_said(words: str, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(words)) == 1
    assert re.search(rf"^{rule}: ", capsys.readouterr().out, re.MULTILINE)
