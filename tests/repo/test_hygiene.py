"""What every file of the project owes the next reader, on whatever machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .tree import ROOT, Source, python, sources

_TEXT = ("*.py", "*.md", "*.toml", "*.yaml", "*.yml", "*.txt", "*.html", "*.js", "*.css", "*.cfg", "*.ini", "*.sh")
_PLAIN = ("Makefile", ".ci/run", ".importlinter", ".gitignore", "LICENSE", "Dockerfile")

_MACHINE = re.compile(r"(?<![\w.:/])/(?:root|work)(?![\w-])|(?<![\w.])/tmp/\w|(?<![\w.])/(?:home|Users)/[a-z]")
_INDEX = re.compile(r"pypi\.|pythonhosted|npmjs\.|crates\.io|ghcr\.io|docker\.io|proxy\.golang|--(?:extra-)?index-url")
_BARE = re.compile(r"type:\s*ignore(?!\[)|noqa(?!:\s?[A-Z])")
_PRINTS = ("connector/cli/", "connector/reference/")


def _everything() -> list[Source]:
    """Every text file but this one, which has to say what it looks for."""
    return [source for source in sources(*_TEXT, *_PLAIN) if not Path(__file__).samefile(ROOT / source.name)]


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{s.name}:{number}: {line.strip()}" for s in _everything() for number, line in s.lines if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    problems = _found(_MACHINE)
    assert not problems, "\n".join(problems)


def test_no_file_names_a_package_index() -> None:
    problems = _found(_INDEX)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("line", ["cd /root/x", 'open("/work/a")', "in /tmp/x", "/home/ann"])
def test_a_path_of_one_machine_is_noticed(line: str) -> None:
    assert _MACHINE.search(line)


@pytest.mark.parametrize("line", ["GET /workers", "https://host/work", "see /rooted", "/tmp, or where TMPDIR says"])
def test_other_paths_are_left_alone(line: str) -> None:
    assert not _MACHINE.search(line)


def test_every_public_module_says_what_it_is_for() -> None:
    silent = [s.name for s in python("connector") if not _private(s.name) and not ast.get_docstring(s.tree)]
    assert not silent, "\n".join(silent)


def _private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in Path(name).parts)


def test_only_the_command_line_and_the_built_in_systems_print() -> None:
    problems = [
        f"{source.name}:{node.lineno}"
        for source in python("connector")
        if not source.name.startswith(_PRINTS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not problems, "\n".join(problems)


def test_every_exception_from_a_check_names_the_check() -> None:
    problems = [
        f"{source.name}:{line}: {comment}"
        for source in python("connector", "tests", "benchmarks")
        for line, comment in source.comments
        if _BARE.search(comment)
    ]
    assert not problems, "\n".join(problems)


def test_every_task_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    declared = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert declared
    described = re.findall(r"^([a-z]+):.*## \w", makefile, re.MULTILINE)
    assert sorted(described) == sorted(declared.group(1).split())


def test_continuous_integration_runs_what_everybody_runs() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    commands = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert commands == ["set -eu", 'cd "$(dirname "$0")/.."', "export CI=true", "make test", "exec make real"]
