"""The page beside the emulator names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import connector.emulators.salesforce as package
from connector.emulators.salesforce.serve import parser
from connector.emulators.salesforce.settings import FaultKind, Switches

README = (Path(package.__file__).parent / "README.md").read_text(encoding="utf-8")


def section(title: str) -> set[str]:
    """Everything in the first column of the table below a heading."""
    text = README.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return {
        name
        for row in text.splitlines()
        if row.startswith("|")
        for name in re.findall("`([a-z_]+)`", row.split("|")[1])
    }


def test_every_switch_stands_in_the_table_and_no_other() -> None:
    assert section("Switches") == {field.name for field in msgspec.structs.fields(Switches)}


def test_every_fault_stands_in_the_table_and_no_other() -> None:
    assert section("Faults") == set(get_args(FaultKind))


OPTIONS = [name for action in parser()._actions for name in action.option_strings if action.dest != "help"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_named(option: str) -> None:
    assert f"`{option}" in README
