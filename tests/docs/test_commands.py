"""The README's table of commands and the program's commands are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from .pages import README

_CELL = re.compile(r"^\|\s*(.+?)\s*(?<!\\)\|")
_COMMAND = re.compile(r"`connector ([^`]+)`")

Command = TyperCommand | TyperGroup


def documented(text: str) -> list[str]:
    """Commands in the first cells of tables; `list\\|show` stands for both."""
    found: list[str] = []
    for line in text.splitlines():
        cell = _CELL.match(line)
        for command in _COMMAND.findall(cell.group(1)) if cell else ():
            words = [word.split("|") for word in command.replace("\\|", "|").split()]
            found.extend(" ".join(choice) for choice in product(*words))
    return found


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Every command that can be called, with the words that call it."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield " ".join((*path, name)), command
            yield from commands(command, (*path, name))
        elif isinstance(command, TyperCommand):
            yield " ".join((*path, name)), command


def differences(text: str, group: TyperGroup) -> list[str]:
    """What the table lacks, what only the table knows, and options that a command does not have."""
    known = dict(commands(group))
    named: set[str] = set()
    found = []
    for row in documented(text):
        words = row.split()
        size = next((n for n in range(len(words), 0, -1) if " ".join(words[:n]) in known), 0)
        if not size:
            found.append(f"`connector {row}` is in the table but not a command")
            continue
        path = " ".join(words[:size])
        named.add(path)
        options = {option for parameter in known[path].params for option in parameter.opts + parameter.secondary_opts}
        wanted = re.findall(r"--[a-z][a-z-]*", " ".join(words[size:]))
        found.extend(f"`connector {path}` has no {option}" for option in wanted if option not in options)
    return found + [f"`connector {path}` is not in the table" for path in sorted(set(known) - named)]


def program() -> TyperGroup:
    """The program's own commands."""
    from connector.cli.main import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def test_the_table_of_commands_is_the_program() -> None:
    problems = differences(README.read_text("utf-8"), program())
    assert not problems, "\n".join(problems)


def _sample() -> TyperGroup:
    app, records = typer.Typer(), typer.Typer()
    app.add_typer(records, name="records")
    app.command("sync")(_with_option)
    app.command("hidden", hidden=True)(_without)
    records.command("list")(_without)
    records.command("show")(_without)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def _with_option(full: bool = False) -> None:
    """A command with one option."""


def _without() -> None:
    """A command without options."""


def test_a_complete_table_has_no_differences() -> None:
    table = "| `connector sync [SYNC..] [--full]` | one |\n| `connector records list\\|show KEY` | two |"
    assert differences(table, _sample()) == []


@pytest.mark.parametrize(
    ("table", "difference"),
    [
        ("| `connector sync` | |", "`connector records list` is not in the table"),
        ("| `connector sink` | |", "`connector sink` is in the table but not a command"),
        ("| `connector sync --half` | |", "`connector sync` has no --half"),
    ],
)
def test_a_difference_is_noticed(table: str, difference: str) -> None:
    assert difference in differences(table, _sample())
