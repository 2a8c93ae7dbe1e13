"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast

import pytest

from .tree import Source, python

FILE = 400
BODY = 45

# Folders whose files may be longer, each with a reason that holds for good.
LONGER = {"connector/state/migrations/versions/": "a schema is one straight list of tables and columns"}


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the end."""
    statements = function.body
    if ast.get_docstring(function, clean=False) is not None:
        statements = statements[1:]
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def _measured() -> list[Source]:
    return [source for source in python("connector") if not source.name.startswith(tuple(LONGER))]


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {source.name: source.text.count("\n") for source in _measured()}
    longer = [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > FILE]
    assert not longer, "\n".join(longer)


def test_no_function_body_is_longer_than_45_lines() -> None:
    longer = [
        f"{source.name}:{node.lineno}: {node.name} has {_body(node)} lines"
        for source in _measured()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body(node) > BODY
    ]
    assert not longer, "\n".join(longer)


@pytest.mark.parametrize(("code", "lines"), [('def f():\n "doc"\n', 0), ('def f():\n "doc"\n a = 1\n\n b = 2\n', 3)])
def test_a_docstring_does_not_count_as_body(code: str, lines: int) -> None:
    function = ast.parse(code).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert _body(function) == lines
