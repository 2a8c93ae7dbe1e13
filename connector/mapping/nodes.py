"""YAML text composed into nodes that know where they stand. `located` reads them; scalars are read as JSON does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias

import yaml

MAX_DEPTH = 40
MAX_NODES = 200_000
MAX_DIGITS = 60

YamlScalar: TypeAlias = "str | bool | int | Decimal | None"
Plain: TypeAlias = "YamlScalar | list[Plain] | dict[str, Plain]"

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
_WORDS: Mapping[str, YamlScalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A position in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value and where it stands. raw: the scalar as typed. keys: where each key of a mapping stands."""

    value: YamlScalar | list[Node] | dict[str, Node]
    place: Place
    raw: str = ""
    keys: Mapping[str, Place] = field(default_factory=dict)
    size: int = 1

    @property
    def plain(self) -> Plain:
        """The value as plain dict, list, text, number, bool or None."""
        value = self.value
        if isinstance(value, dict):
            return {name: node.plain for name, node in value.items()}
        if isinstance(value, list):
            return [node.plain for node in value]
        return value

    @property
    def shown(self) -> str:
        """How a message names this value."""
        value = self.value
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        if value is None:
            return "nothing"
        short = self.raw if len(self.raw) <= 40 else self.raw[:37] + "..."
        return f"`{short}`"


def scalar(raw: str) -> YamlScalar:
    """What an unquoted scalar means."""
    if raw in _WORDS:
        return _WORDS[raw]
    if len(raw) <= MAX_DIGITS:
        if _INTEGER.fullmatch(raw):
            return int(raw)
        if _DECIMAL.fullmatch(raw):
            return Decimal(raw)
    return raw


Note: TypeAlias = Callable[[Place, str, str], None]
"""Takes the place of a mistake, what was found and what was expected."""


class _Stop(Exception):  # noqa: N818  (ends the reading of one file; never leaves this module)
    """Reading cannot go on."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being filled. key: the key that waits for its value."""

    place: Place
    anchor: str | None
    items: dict[str, Node] | list[Node]
    keys: dict[str, Place] = field(default_factory=dict)
    key: str | None = None
    size: int = 1


class _Builder:
    """Makes nodes from the parser's events; keeps its own stack, so that depth cannot exhaust Python's."""

    def __init__(self, note: Note) -> None:
        self.note = note
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.documents = 0

    def stop(self, place: Place, found: str, expected: str) -> NoReturn:
        self.note(place, found, expected)
        raise _Stop

    def feed(self, event: Any) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, place)
        elif isinstance(event, yaml.CollectionEndEvent):
            top = self.stack.pop()
            node = Node(top.items, top.place, keys=top.keys, size=top.size)
            self._remember(top.anchor, node)
            self._add(node)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.stop(place, f"alias `*{event.anchor}`", f"an anchor `&{event.anchor}` before it")
            self._add(self.anchors[event.anchor], place)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.stop(place, "a second document (`---`)", "one document in the file")

    def _scalar(self, event: Any, place: Place) -> None:
        self._no_tag(event, place)
        value = scalar(event.value) if not event.style else event.value
        node = Node(value, place, raw=event.value)
        self._remember(event.anchor, node)
        self._add(node)

    def _open(self, event: Any, place: Place) -> None:
        self._no_tag(event, place)
        if len(self.stack) >= MAX_DEPTH:
            self.stop(place, f"more than {MAX_DEPTH} levels", "a flatter file")
        if self.stack and isinstance(self.stack[-1].items, dict) and self.stack[-1].key is None:
            self.stop(place, "a list or mapping as a key", "text as a key")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.stack.append(_Open(place, event.anchor, {} if is_mapping else []))

    def _no_tag(self, event: Any, place: Place) -> None:
        if event.tag not in (None, "!"):
            self.note(place, f"tag `{event.tag}`", "no tag; put text in quotes")

    def _remember(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self.anchors[anchor] = node

    def _add(self, node: Node, place: Place | None = None) -> None:
        place = place or node.place
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        top.size += node.size
        if top.size > MAX_NODES:
            self.stop(place, f"more than {MAX_NODES} values", "a smaller file")
        if isinstance(top.items, list):
            top.items.append(node)
        elif top.key is None:
            self._key(top, node, place)
        else:
            top.items[top.key] = node
            top.key = None

    def _key(self, top: _Open, node: Node, place: Place) -> None:
        if isinstance(node.value, (dict, list)):
            self.stop(place, "a list or mapping as a key", "text as a key")
        if node.raw == "<<":
            self.note(place, "`<<`", "the entries written out; merge keys are not supported")
        if node.raw in top.keys:
            first = top.keys[node.raw]
            self.note(place, f"`{node.raw}` again", f"each key once; the first is on line {first.line}")
        else:
            top.keys[node.raw] = place
        top.key = node.raw


def compose(text: str, note: Note) -> Node | None:
    """The root of one document, mistakes told to `note`; None when it is empty or cannot be read on."""
    builder = _Builder(note)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.feed(event)
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        reason = (error.problem or "a mistake").removeprefix("found ")
        note(place, reason, "valid YAML" + _tab_hint(text, place))
        return None
    except (yaml.YAMLError, UnicodeError) as error:
        note(_bad_character(text), f"a character YAML does not allow ({_reason(error)})", "plain UTF-8 text")
        return None
    return builder.root


def _tab_hint(text: str, place: Place) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return "; indent with blanks, not tabs" if "\t" in line[: len(line) - len(line.lstrip())] else ""


def _bad_character(text: str) -> Place:
    for number, line in enumerate(text.split("\n"), 1):
        for column, char in enumerate(line, 1):
            if (ord(char) < 32 and char not in "\t\r") or ord(char) == 127 or "\ud800" <= char <= "\udfff":
                return Place(number, column)
    return Place(1, 1)


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).splitlines()[0]
