"""The page of what was found: each item leads to the script or the tests that hold it."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT

PAGE = ROOT / "docs" / "found.md"
GROUPS = ["Twice", "Money", "Lost", "Silent", "Stuck", "In the tests"]


def items() -> list[str]:
    text = PAGE.read_text("utf-8")
    return [" ".join(block.split()) for block in re.findall(r"^\* (.+(?:\n  .+)*)", text, re.MULTILINE)]


@pytest.mark.parametrize("item", items(), ids=lambda item: item.rpartition("[")[2].partition("]")[0])
def test_each_item_leads_to_what_holds_it(item: str) -> None:
    match = re.search(r"\[(\w+)\]\(\.\./(tests/[\w/.]+)\)$", item)
    assert match is not None, item
    path = ROOT / match.group(2)
    assert path.stem == match.group(1)
    assert path.is_file()
    assert path.parent.name == "found" or path.name.startswith("test_")


def test_items_are_grouped_by_what_a_user_would_have_felt() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [heading for heading, group in zip(headings, GROUPS, strict=True) if not heading.startswith(group)] == []
    assert len(items()) > 90
