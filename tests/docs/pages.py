"""The documents of the project."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DECISIONS = ROOT / "docs" / "decisions"


def documents() -> list[Path]:
    """Everything people read: the pages at the root, below docs/, and the pages of adapters."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("connector/**/*.md")]
    return sorted(path for path in found if "node_modules" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """The prose of a document, fenced blocks and code spans left out."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^(`{3,}|~{3,}).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL))


def tasks() -> frozenset[str]:
    """The tasks that `make` knows."""
    return frozenset(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
