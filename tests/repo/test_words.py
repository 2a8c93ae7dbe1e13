"""One word per concept: the other words of the field are not used for it, in names or in prose."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .tree import Source, python, sources

BANNED = (
    "ancestor", "archive", "backend", "binding", "bookmark", "checkpoint", "coupling",
    "job", "snapshot", "stream", "transform", "upsert", "watermark",
)  # fmt: skip
_WORD = re.compile(rf"(?<![a-z])({'|'.join(BANNED)})(e?s|d|ed|ing)?(?![a-z])", re.IGNORECASE)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# What is written so for a reason: values that configuration and files fix, and names other people gave.
ALLOWED = re.compile(
    r'deletes(: |=")archive|`archive`|policy: archive'  # a value of `deletes:`
    r"|ignore, archive, propagate or ask|ignore \| archive \| propagate \| ask"
    r"|job_title|job title"  # what a person does for a living
    r"|build-backend"
    r"|`archived`|archived_every"  # HubSpot's word for what is in its recycle bin, and the setting named after it
    r"|`[A-Za-z_.]*(Job|Backend|Stream|Transform|Snapshot)[A-Za-z_.()]*`"  # a class of a library, named as code
)
# A name that is fixed by somebody else's interface, with whose it is.
ALLOWED_NAMES = {"job_title": "a field of contacts", "archived_every": "HubSpot's list of `archived` records"}


def found_in(prose: str) -> list[str]:
    """The banned words in a piece of prose."""
    return [match.group(0) for match in _WORD.finditer(ALLOWED.sub("", prose))]


def found_in_name(name: str) -> list[str]:
    """The banned words among the parts of an identifier."""
    if name.strip("_") in ALLOWED_NAMES:
        return []
    return [part for part in _PARTS.findall(name) if _WORD.fullmatch(part)]


def _defined(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names this code gives to something. Names it only uses are other people's."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def _in_code(source: Source) -> Iterator[str]:
    for line, name in _defined(source.tree):
        yield from (f"{source.name}:{line}: `{name}`" for _ in found_in_name(name))
    for line, text in [*_docstrings(source.tree), *source.comments]:
        yield from (f"{source.name}:{line}: {word} in a docstring or comment" for word in found_in(text))


def test_names_docstrings_and_comments_use_our_words() -> None:
    problems = [problem for source in python("connector", "tests", "benchmarks") for problem in _in_code(source)]
    assert not problems, "\n".join(problems)


def test_file_names_use_our_words() -> None:
    files = python("connector", "tests", "benchmarks")
    assert [source.name for source in files if any(map(found_in_name, Path(source.name).with_suffix("").parts))] == []


def test_documents_use_our_words() -> None:
    problems = [
        f"{source.name}:{number}: {word}"
        for source in sources("*.md")
        for number, line in source.lines
        for word in found_in(line)
    ]
    assert not problems, "\n".join(problems)


def test_comments_in_yaml_use_our_words() -> None:
    problems = [
        f"{source.name}:{number}: {word}"
        for source in sources("*.yaml", "*.yml")
        for number, line in source.lines
        for word in found_in(line.partition("#")[2])
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", ["job", "JobRow", "_upserts", "HTTPStream", "last_checkpoint"])
def test_a_banned_word_is_found_inside_a_name(name: str) -> None:
    assert found_in_name(name)


@pytest.mark.parametrize("name", ["upstream", "backorder", "job_title", "jobber", "streamline"])
def test_a_word_that_only_contains_a_banned_one_is_fine(name: str) -> None:
    assert not found_in_name(name)


def test_prose_may_name_the_value_of_a_setting_and_no_more() -> None:
    assert not found_in("With `deletes: archive` the record is retired.")
    assert found_in("Archived records are put into an archive.") == ["Archived", "archive"]
