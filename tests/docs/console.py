"""Runs the commands that documents show, and compares what they print with what the document says they print.

A fenced `console` block holds commands (`$ connector ...`) and their output. The commands of one document run in one
scratch folder, top to bottom. Above a block, an HTML comment may say:

    <!-- not run: it asks for a Salesforce account -->      the block is shown only; the reason is required
    <!-- exit code 2 -->                                    its last command ends so (0 where nothing is said)

Shown output: every line has to be printed, in this order; numbers may differ; a line `...` stands for any lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 120

_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(\w*)")
_REMARK = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*")
_EXIT = re.compile(r"exit code (\d+)")
_NUMBER = re.compile(r"\b[0-9a-f]{8,}\b|\d+([.,:-]\d+)*")
_RULES = re.compile(r"[─━┄│┃|+=_-]{3,}")


@dataclass(frozen=True)
class Step:
    """One command with what the document shows as its output. line: where it stands."""

    line: int
    command: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """One fenced block. reason: why it is not run ("" when none is given), None when it runs."""

    line: int
    steps: tuple[Step, ...]
    reason: str | None = None
    exit_code: int = 0


def blocks(text: str) -> Iterator[Block]:
    """The console blocks of a document."""
    fence, body, start, remarks = "", [], 0, []  # type: str, list[tuple[int, str]], int, list[str]
    language = ""
    for number, line in enumerate(text.splitlines(), 1):
        opening = _FENCE.match(line)
        if fence:
            if line.strip() == fence:
                if language == "console":
                    yield _block(start, body, remarks)
                fence, remarks = "", []
            else:
                body.append((number, line))
        elif opening:
            fence, language, body, start = opening.group(1), opening.group(2), [], number
        elif remark := _REMARK.fullmatch(line):
            remarks.append(remark.group(1))
        elif line.strip():
            remarks = []


def _block(start: int, body: Sequence[tuple[int, str]], remarks: Iterable[str]) -> Block:
    reason, exit_code = None, 0
    for remark in remarks:
        if remark.startswith("not run"):
            reason = remark.removeprefix("not run").lstrip(": ")
        elif match := _EXIT.fullmatch(remark):
            exit_code = int(match.group(1))
    return Block(start, tuple(_steps(body)), reason, exit_code)


def _steps(body: Sequence[tuple[int, str]]) -> Iterator[Step]:
    command, at, shown = "", 0, []  # type: str, int, list[str]
    for number, line in body:
        if command.endswith("\\"):
            command = command[:-1] + line.strip()
        elif line.startswith("$ "):
            if command:
                yield Step(at, command, tuple(shown))
            command, at, shown = line[2:], number, []
        else:
            shown.append(line)
    if command:
        yield Step(at, command, tuple(shown))


def missing_line(shown: Sequence[str], printed: str) -> str | None:
    """The first shown line that was not printed in its place, None when the output is as shown."""
    lines = [plain(line) for line in printed.splitlines()]
    at, anywhere = 0, False
    for line in shown:
        if line.strip() == "...":
            anywhere = True
            continue
        wanted = plain(line)
        if not wanted:
            continue
        while at < len(lines) and lines[at] != wanted and (anywhere or not lines[at]):
            at += 1
        if at == len(lines) or lines[at] != wanted:
            return line
        at, anywhere = at + 1, False
    return None


def plain(line: str) -> str:
    """A line without what differs from run to run: numbers, widths, the rules of a table."""
    return " ".join(_NUMBER.sub("#", _RULES.sub(" ", line)).split())


@dataclass
class Session:
    """One document's commands in one folder. programs: the command a name stands for. tasks: names `make` knows."""

    folder: Path
    programs: Mapping[str, Sequence[str]]
    tasks: frozenset[str] = frozenset()
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def problems(self, text: str) -> list[str]:
        """What a document shows and what is not so, each with its line."""
        found: list[str] = []
        for block in blocks(text):
            if block.reason == "":
                found.append(f"line {block.line}: `not run` needs a reason")
            elif block.reason is None:
                for step in block.steps:
                    code = block.exit_code if step is block.steps[-1] else 0
                    found.extend(f"line {step.line}: $ {step.command}: {problem}" for problem in self._run(step, code))
        return found

    def _run(self, step: Step, exit_code: int) -> Iterator[str]:
        words = shlex.split(step.command, comments=True)
        match words:
            case ["export", *pairs]:
                for name, _, value in (pair.partition("=") for pair in pairs):
                    self.environment[name] = value
            case ["cd", folder]:
                self.folder = self.folder / folder
                self.folder.mkdir(exist_ok=True)
            case ["cat", name]:
                yield from self._compare(step, (self.folder / name).read_text())
            case ["make", *tasks]:
                yield from (f"make has no task {task}" for task in tasks if task not in self.tasks)
            case [name, *arguments] if name in self.programs:
                yield from self._start(step, [*self.programs[name], *arguments], exit_code)
            case _:
                yield "no such program here; mark the block as not run, with a reason"

    def _start(self, step: Step, command: list[str], exit_code: int) -> Iterator[str]:
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            yield f"did not end within {TIMEOUT} s; mark the block as not run, with a reason"
            return
        if done.returncode != exit_code:
            yield f"ended with {done.returncode}, not {exit_code}:\n{done.stdout}"
        else:
            yield from self._compare(step, done.stdout)

    def _compare(self, step: Step, printed: str) -> Iterator[str]:
        missing = missing_line(step.shown, printed)
        if missing is not None:
            yield f"does not print `{missing}`:\n{printed}"
