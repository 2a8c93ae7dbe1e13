"""The files of the project as git sees them: tracked, or new and not ignored."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SKIPPED = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}


@dataclass(frozen=True)
class Source:
    """One text file. name: its path from the root."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """(line, comment) of a Python file."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @property
    def lines(self) -> Iterator[tuple[int, str]]:
        return enumerate(self.text.splitlines(), 1)


@cache
def names() -> tuple[str, ...]:
    """Paths from the root, sorted. Without git (an unpacked release) the folders are walked."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        listed = [path.as_posix() for path in found if not _SKIPPED & set(path.parts)]
    return tuple(sorted(set(filter(None, listed))))


@cache
def sources(*patterns: str) -> tuple[Source, ...]:
    """The text files that match one of the patterns (as `Path.match`); what vanished meanwhile is left out."""
    found = []
    for name in names():
        if any(Path(name).match(pattern) for pattern in patterns):
            try:
                found.append(Source(name, (ROOT / name).read_text(encoding="utf-8")))
            except (FileNotFoundError, UnicodeDecodeError):
                continue
    return tuple(found)


def python(*folders: str) -> tuple[Source, ...]:
    """The Python files below these folders that can be parsed; what somebody is just writing is left to the linter."""
    found = []
    for source in sources("*.py"):
        if source.name.startswith(tuple(f"{folder}/" for folder in folders)):
            try:
                source.tree  # noqa: B018
            except SyntaxError:
                continue
            found.append(source)
    return tuple(found)
