"""Values as people write them: durations, shares, directions, schedules and references to secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from connector.mapping.located import Document, Node, Reader
from connector.merge.guards import Limit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
OFF = "off"


def duration(reader: Reader, key: str, default: float | None, *, least: float = 0.0) -> float | None:
    """Seconds of `5m`, `2s`, `1h`, `1d`, `500ms`; a number without a unit is refused."""
    node = _node(reader, key)
    if node is None:
        return default
    found = _DURATION.fullmatch(node.raw.strip()) if not isinstance(node.value, (dict, list)) else None
    if found is None:
        hint = f"{node.raw}s" if isinstance(node.value, (int, Decimal)) and not isinstance(node.value, bool) else None
        reader.document.problem(node, node.shown, f"a duration for `{key}`, such as 30s, 5m or 1h", hint)
        return default
    seconds = float(found[1]) * _SECONDS[found[2]]
    if seconds < least:
        reader.document.problem(node, node.shown, f"at least {least:g} seconds for `{key}`")
        return default
    return seconds


def share(reader: Reader, key: str, default: float, *, below: float = 1.0) -> float:
    """A part of one: `25%` is 0.25."""
    node = _node(reader, key)
    if node is None:
        return default
    found = _share(node)
    if found is None or not 0 <= found < below:
        reader.document.problem(node, node.shown, f"a share below {below:.0%} for `{key}`, such as 25%")
        return default
    return found


def limit(reader: Reader, key: str, default: Limit | None) -> Limit | None:
    """A number of records (500), a share of the linked ones (2%), or `off`."""
    node = _node(reader, key)
    if node is None:
        return default
    if node.raw == OFF:
        return None
    part = _share(node)
    if part is not None and 0 <= part <= 1:
        return Limit(share=part)
    if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0:
        return Limit(count=node.value)
    reader.document.problem(node, node.shown, f"a number of records, a share such as 2%, or `off` for `{key}`")
    return default


def _share(node: Node) -> float | None:
    if isinstance(node.value, (dict, list)):
        return None
    found = _SHARE.fullmatch(node.raw.strip())
    return float(found[1]) / 100 if found else None


def _node(reader: Reader, key: str) -> Node | None:
    node = reader.get(key)
    return None if node is None or node.value is None else node


@dataclass(frozen=True, slots=True)
class Secrets:
    """Looks up `${env:NAME}` and `${file:PATH}`. folder: what relative paths start from."""

    environ: Mapping[str, str]
    folder: Path

    def text(self, document: Document, node: Node) -> str:
        """The text with every reference replaced; what is missing is noted at the node, never what was found."""

        def replaced(match: re.Match[str]) -> str:
            kind, _, name = match[1].partition(":")
            if kind == "env":
                return self._env(document, node, name)
            if kind == "file":
                return self._file(document, node, name)
            document.problem(node, f"`{match[0]}`", "`${env:NAME}` or `${file:PATH}`")
            return ""

        return _REFERENCE.sub(replaced, node.raw)

    def _env(self, document: Document, node: Node, name: str) -> str:
        value = self.environ.get(name)
        if not value:
            document.problem(node, f"`${{env:{name}}}`", f"the environment variable {name} to be set")
            return ""
        return value

    def _file(self, document: Document, node: Node, name: str) -> str:
        try:
            value = (self.folder / Path(name).expanduser()).read_text("utf-8").strip()
        except (OSError, UnicodeError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "not a text file").lower()
            document.problem(node, f"`${{file:{name}}}`", f"a file that can be read ({reason})")
            return ""
        if not value:
            document.problem(node, f"`${{file:{name}}}`", "a file that is not empty")
        return value


def refers(text: str) -> bool:
    """Whether a text names a secret."""
    return _REFERENCE.search(text) is not None
