"""YAML with a position for every key and value, and a reader that collects mistakes instead of stopping at the first.

    document = parse_yaml(text, "config.yaml")            # never raises for what a person typed
    top = document.reader()                               # the mapping at the top
    entity = top.choice("entity", ENTITIES, required=True)
    every = top.text("every", default="5m")
    state = top.section("state")                          # a Reader of the nested mapping, or None
    for name, node in top.entries("syncs"):               # a mapping with names of the person's choosing
        sync = document.reader_of(node, f"sync `{name}`")
    top.finish()                                          # every key nobody asked for is a problem
    document.raise_problems("config.yaml cannot be used")  # ConfigError with all of them, in file order

Scalars are read as JSON writes them: true, false, null (also `~` and nothing), whole numbers as int, other numbers as
Decimal. All else is text: NO, yes, 12:30:00, 1_000, 2026-01-31, 01234, 0x1F, +49. `Reader.text` takes an unquoted
number as it was typed, so `1.10` and `0042` lose nothing. Tags, merge keys (`<<`) and several documents are refused;
anchors and aliases work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal

from connector.errors import ConfigError, Problem
from connector.mapping.nodes import Node, Place, Plain, compose

__all__ = ["Document", "Node", "Place", "Plain", "Reader", "listed", "nearest", "parse_yaml"]

_YES = frozenset({"yes", "on", "y"})
_NO = frozenset({"no", "off", "n"})


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The valid name most like the one found; None when nothing is close."""
    from rapidfuzz import fuzz, process, utils

    found = process.extractOne(
        name, sorted(names), scorer=fuzz.WRatio, processor=utils.default_process, score_cutoff=65
    )
    return found[0] if found else None


def listed(names: Iterable[str], limit: int = 12) -> str:
    """`a`, `b` or `c`; shortened when there are many."""
    names = [f"`{name}`" for name in names]
    if len(names) > limit:
        return ", ".join(names[:limit]) + f" or {len(names) - limit} more"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" or {names[-1]}" if names else "nothing"


class Document:
    """One parsed file: its root and every problem found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.found: list[Problem] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem found so far, in file order."""
        return tuple(sorted(self.found, key=lambda p: (p.line, p.column)))

    def problem(self, where: Node | Place, found: str, expected: str, suggestion: str | None = None) -> None:
        """Note one mistake; reading goes on."""
        place = where.place if isinstance(where, Node) else where
        self.found.append(Problem(self.file, place.line, place.column, found, expected, suggestion))

    def unknown(self, where: Node | Place, name: str, what: str, names: Collection[str]) -> None:
        """Note a name that does not exist, with the nearest that does."""
        self.problem(where, f"`{name}`", f"{what}: {listed(names)}", nearest(name, names))

    def reader(self) -> Reader:
        """Reads the mapping at the top; a problem and an empty reader when there is none."""
        if self.root is None:
            if not self.found:
                self.problem(Place(1, 1), "an empty file", "a mapping")
            return Reader(self, Node({}, Place(1, 1)), "")
        return self.reader_of(self.root, "")

    def reader_of(self, node: Node, what: str = "") -> Reader:
        """Reads this node as a mapping. what: how messages name it, such as "field `phone`"."""
        if isinstance(node.value, dict):
            return Reader(self, node, what)
        self.problem(node, node.shown, "a mapping" + (f" for {what}" if what else ""))
        return Reader(self, Node({}, node.place), what)

    def raise_problems(self, message: str) -> None:
        """Raises ConfigError with every problem found; returns when there is none."""
        if self.found:
            raise ConfigError(message + ":\n" + "\n".join(f"  {p}" for p in self.problems), self.problems)


class Reader:
    """Asks one mapping for its entries by type; each mistake is noted in the document and the default returned.

    The names asked for are the valid names: `finish()` reports every other key with the nearest of them. A required
    key that is missing is reported once. After a mistake the default stands in, so that reading can go on.
    """

    def __init__(self, document: Document, node: Node, what: str) -> None:
        self.document = document
        self.node = node
        self.what = what
        self._entries: dict[str, Node] = node.value if isinstance(node.value, dict) else {}
        self._asked: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        self._asked[key] = None
        return key in self._entries

    def get(self, key: str, *, required: bool = False) -> Node | None:
        """The node of this key, null included; None when the key is missing."""
        self._asked[key] = None
        node = self._entries.get(key)
        if node is None and required:
            self.document.problem(self.node, f"no `{key}`" + self._of(), f"a value for `{key}`")
        return node

    def place(self, key: str) -> Place:
        """Where the key stands; the mapping's own place when it is missing."""
        return self.node.keys.get(key, self.node.place)

    def text(self, key: str, default: str | None = None, *, required: bool = False) -> str | None:
        """Text, never empty. An unquoted number is taken as typed."""
        node = self._value(key, required)
        if node is None:
            return default
        return self.as_text(node, f"text for `{key}`", default)

    def as_text(self, node: Node, expected: str, default: str | None = None) -> str | None:
        """This node as text that is not empty; a problem and the default otherwise."""
        if isinstance(node.value, (str, int, Decimal)) and not isinstance(node.value, bool) and node.raw.strip():
            return node.raw
        blank = not node.raw.strip() and not isinstance(node.value, (dict, list))
        self.document.problem(node, "nothing" if blank else node.shown, expected)
        return default

    def choice(
        self, key: str, choices: Collection[str], default: str | None = None, *, required: bool = False
    ) -> str | None:
        """One of these names."""
        node = self._value(key, required)
        if node is None:
            return default
        if isinstance(node.value, (dict, list)) or node.raw not in choices:
            name = "" if isinstance(node.value, (dict, list)) else node.raw
            hint = nearest(name, choices) if name else None
            self.document.problem(node, node.shown, f"{listed(choices)} for `{key}`", hint)
            return default
        return node.raw

    def boolean(self, key: str, default: bool = False) -> bool:
        """true or false; yes, no, on and off are refused with the word to write instead."""
        node = self._value(key, False)
        if node is None:
            return default
        if isinstance(node.value, bool):
            return node.value
        word = node.raw.lower()
        hint = "true" if word in _YES else "false" if word in _NO else None
        self.document.problem(node, node.shown, f"true or false for `{key}`", hint)
        return default

    def integer(
        self, key: str, default: int | None = None, *, least: int | None = None, most: int | None = None
    ) -> int | None:
        """A whole number within the bounds."""
        node = self._value(key, False)
        if node is None:
            return default
        value = node.value
        within = " from " + str(least) if least is not None else ""
        within += " up to " + str(most) if most is not None else ""
        fits = isinstance(value, int) and not isinstance(value, bool)
        if not fits or (least is not None and value < least) or (most is not None and value > most):  # type: ignore[operator]
            self.document.problem(node, node.shown, f"a whole number{within} for `{key}`")
            return default
        return value  # type: ignore[return-value]

    def number(self, key: str, default: Decimal | None = None) -> Decimal | None:
        """A number, as Decimal."""
        node = self._value(key, False)
        if node is None:
            return default
        if isinstance(node.value, bool) or not isinstance(node.value, (int, Decimal)):
            self.document.problem(node, node.shown, f"a number for `{key}`")
            return default
        return Decimal(node.value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text as a list of one; empty when missing."""
        node = self._value(key, False)
        if node is None:
            return ()
        items = node.value if isinstance(node.value, list) else [node]
        found = [self.as_text(item, f"a list of texts for `{key}`") for item in items]
        return tuple(text for text in found if text is not None)

    def items(self, key: str) -> list[Node]:
        """The nodes of a list; empty when missing."""
        node = self._value(key, False)
        if node is None:
            return []
        if isinstance(node.value, list):
            return node.value
        self.document.problem(node, node.shown, f"a list for `{key}`")
        return []

    def section(self, key: str, *, required: bool = False) -> Reader | None:
        """A reader of the nested mapping; None when missing or not a mapping."""
        node = self._value(key, required)
        if node is None:
            return None
        if not isinstance(node.value, dict):
            self.document.problem(node, node.shown, f"a mapping for `{key}`")
            return None
        return Reader(self.document, node, f"`{key}`")

    def entries(self, key: str, *, required: bool = False) -> list[tuple[str, Node]]:
        """Names and nodes of a nested mapping whose names the person chooses; empty when missing."""
        section = self.section(key, required=required)
        return list(section) if section else []

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        """Names and nodes of this mapping, all of them counted as asked for."""
        for name, node in self._entries.items():
            self._asked[name] = None
            yield name, node

    def problem(self, key: str, found: str, expected: str, suggestion: str | None = None) -> None:
        """Note a mistake at this key's value (at the mapping when the key is missing)."""
        self.document.problem(self._entries.get(key, self.node), found, expected, suggestion)

    def finish(self, *also: str) -> None:
        """Report every key nobody asked for. also: names that would have been valid too."""
        names = [*self._asked, *also]
        for name in self._entries:
            if name not in names:
                self.document.unknown(self.place(name), name, "a name" + (self._of() or " at the top"), names)

    def _value(self, key: str, required: bool) -> Node | None:
        node = self.get(key, required=required)
        if node is None or node.value is not None:
            return node
        if required:
            self.document.problem(node, "nothing", f"a value for `{key}`")
        return None

    def _of(self) -> str:
        return f" in {self.what}" if self.what else ""


def parse_yaml(text: str, file: str) -> Document:
    """Read one file's text; what is wrong with it is in `problems`, with line and column from 1.

    Never raises for anything a person could have typed. `root` is None when nothing could be read.
    """
    document = Document(file)
    document.root = compose(text, document.problem)
    return document
