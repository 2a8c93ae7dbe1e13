"""Settlement of lines: which line of the target is which of those written, and what the base knows of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from connector.engine.likeness import shows
from connector.engine.work import Work
from connector.merge.base import Base, LineBase, Pair
from connector.merge.lines import NONE
from connector.model.records import Key
from connector.model.values import Line, Side, Value

Prints = dict[str, bytes]
GONE = "~"
"""Stands, with the source's key, for the key of a line that was written and taken away before anybody saw its key."""


class Trust(StrEnum):
    """What is known of a record that is shown after a write.

    OWN: it is the result of the write: what it shows was agreed. APPLIED: the write was done, somebody may have written
    since: where it shows something else, what was sent is the base, and the next plan sees the change. UNSURE: the
    write may never have been done: only what shows as it was sent is agreed. PARTLY: as UNSURE, of an update; a line
    that was sent as new and is there all the same came with it, whatever somebody made of it since. ALIKE: it shows
    all that was sent, and nobody can say who wrote it.
    """

    OWN = "own"
    APPLIED = "applied"
    UNSURE = "unsure"
    PARTLY = "partly"
    ALIKE = "alike"

    @property
    def doubtful(self) -> bool:
        """Whether the write may never have been done."""
        return self in (Trust.UNSURE, Trust.PARTLY)

    @property
    def proven(self) -> bool:
        """Whether the write was done beyond doubt."""
        return self in (Trust.OWN, Trust.APPLIED)


class SettledLine(msgspec.Struct, array_like=True):
    """One written line. source: the other side's line key; key: the target's own (None: new there)."""

    source: str | None
    key: str | None
    prints: Prints


def _same(body: Line | None, lines: Iterable[Line]) -> Line | None:
    """The first line that shows what was sent."""
    return next((line for line in lines if body is not None and shows(line.values, body.values)), None)


def _likest(body: Line, lines: Sequence[Line], naming: Sequence[str]) -> Line | None:
    """The line that shows most of what was sent, if there is one that shows most: somebody changed the rest since.

    What it is called says more than its figures do: those are what people correct.
    """
    wanted = {name: value for name, value in body.values.items() if value not in (None, "")}
    named = {name: wanted[name] for name in naming if name in wanted}

    def rank(line: Line) -> tuple[bool, int]:
        return bool(named) and _alike(line, named) == len(named), _alike(line, wanted)

    ranked = sorted(lines, key=rank, reverse=True)
    if not ranked or not any(rank(ranked[0])):
        return None
    same_name, alike = rank(ranked[0])
    if not same_name and 2 * alike < len(wanted):
        return None
    return ranked[0] if len(ranked) == 1 or rank(ranked[1]) < rank(ranked[0]) else None


def _alike(line: Line, wanted: Mapping[str, Value]) -> int:
    return sum(line.values.get(name) == value for name, value in wanted.items())


class LineSettler:
    """Settles the lines of one write. guessed: a line that shows something else is taken for one that was sent."""

    def __init__(self, work: Work, link: int, base: Base, target: Side, trust: Trust) -> None:
        self.work = work
        self.link = link
        self.base = base
        self.target = target
        self.trust = trust
        self.guessed = False
        self._shown: dict[Key, Prints] = {}

    def agreed(self, shown: Value) -> bool:
        """Whether the lines shown are those of the base, and nothing but what it says."""
        index = 0 if self.target is Side.LEFT else 1
        known = {row.left if self.target is Side.LEFT else row.right: row.prints for row in self.base.lines or ()}
        lines = [line for line in shown if isinstance(line, Line)] if isinstance(shown, tuple) else []
        return known.keys() == {line.key for line in lines} and all(
            name in known[str(line.key)] and known[str(line.key)][name][index] == value
            for line in lines
            for name, value in self._prints(line).items()
        )

    def _prints(self, line: Line) -> Prints:
        """Prints of a line that the target shows; made once."""
        key = str(line.key)
        if key not in self._shown:
            self._shown[key] = self.work.shape.line_prints(line, self.target, self.link)
        return self._shown[key]

    def settle(
        self,
        written: Sequence[SettledLine],
        removed: Sequence[Pair],
        table: Sequence[LineBase],
        shown: Value,
        sent: Value,
    ) -> None:
        """Bring the line table of the base up to date. shown, sent: lists of lines, or something else: no lines.

        table: what it starts from where there is none.
        """
        if not isinstance(shown, tuple):
            return
        lines = [line for line in shown if isinstance(line, Line)]
        bodies: list[Line | None] = [line for line in sent if isinstance(line, Line)] if isinstance(sent, tuple) else []
        if self.trust is Trust.OWN or len(bodies) != len(written):
            bodies = [None] * len(written)
        first, came = self.base.lines is None, not any(entry.key is None for entry in written)
        if first:
            self.base.lines = list(table)
        ended = {(left.decode(), right.decode()) for left, right in removed}
        self._drop(ended, lines)
        fresh = self._fresh(written, ended, lines)
        # First those that show as they were sent: none of them is what became of another.
        pairs = sorted(zip(written, bodies, strict=True), key=lambda pair: _same(pair[1], fresh.values()) is None)
        for entry, body in pairs:
            line = self._find(entry, body, lines, fresh)
            came = came or (entry.key is None and line is not None)
            if line is not None and entry.source is not None and line.key is not None:
                fresh.pop(line.key, None)
                self._agree(entry, line, body)
            elif line is None and entry.key is None and self.trust is Trust.APPLIED and entry.source is not None:
                row = self._row(entry.source, GONE + entry.source)
                row.prints = {name: self._pair(print_, NONE) for name, print_ in entry.prints.items()}
        if first and self.trust.doubtful and not came:
            self.base.lines = None  # none of its new lines is there: both lists are still to be agreed on

    def _drop(self, removed: set[tuple[str, str]], lines: Sequence[Line]) -> None:
        """Pairs that ended with the write; unless it may not have been done, and the line is still there."""
        keys = {line.key for line in lines} if self.trust.doubtful else set()
        index = 1 if self.target is Side.RIGHT else 0
        self.base.lines = [
            row
            for row in self.base.lines or ()
            if (row.left, row.right) not in removed or (row.left, row.right)[index] in keys
        ]

    def _fresh(
        self, written: Sequence[SettledLine], removed: set[tuple[str, str]], lines: Sequence[Line]
    ) -> dict[Key, Line]:
        """Lines that may have come with this write, in the order the target shows them: those it had not before.

        A line that was to go was there before; one that was to come back was not.
        """
        own, other = (1, 0) if self.target is Side.RIGHT else (0, 1)
        sources = {entry.source for entry in written}
        taken = {entry.key for entry in written} | {pair[own] for pair in removed if pair[other] not in sources}
        if self.trust is not Trust.OWN:
            taken |= {row.right if self.target is Side.RIGHT else row.left for row in self.base.lines or ()}
        return {line.key: line for line in lines if line.key is not None and line.key not in taken}

    def _find(
        self, entry: SettledLine, body: Line | None, lines: Sequence[Line], fresh: dict[Key, Line]
    ) -> Line | None:
        if entry.key is not None:
            return next((line for line in lines if line.key == entry.key), None)
        mate = next((line for line in lines if line.partner and line.partner == entry.source), None)
        if mate is not None:
            return mate
        if self.trust is Trust.OWN:
            return next(iter(fresh.values()), None)
        if body is None:
            return None
        return _same(body, fresh.values()) or _likest(body, list(fresh.values()), self.work.shape.line_names)

    def _agree(self, entry: SettledLine, line: Line, body: Line | None) -> None:
        shown = self._prints(line)
        wanted = shown
        if body is not None:
            wanted = self.work.shape.line_prints(Line(line.key, None, body.values), self.target, self.link)
        row = self._row(str(entry.source), str(line.key))
        sure = not self.trust.doubtful or (self.trust is Trust.PARTLY and entry.key is None)
        for name, source in entry.prints.items():
            if name in shown and (shown[name] == wanted.get(name) or sure):
                self.guessed |= self.trust is Trust.PARTLY and shown[name] != wanted.get(name)
                row.prints[name] = self._pair(source, wanted.get(name, shown[name]))

    def _row(self, source: Key, own: Key) -> LineBase:
        """The row of these two keys; other rows of either of them are over."""
        ids = (source, own) if self.target is Side.RIGHT else (own, source)
        known = next((row for row in self.base.lines or () if (row.left, row.right) == ids), None)
        others = [row for row in self.base.lines or () if row.left != ids[0] and row.right != ids[1]]
        found = known or LineBase(*ids, {})
        place = (self.base.lines or []).index(known) if known is not None else len(others)
        self.base.lines = [*others[:place], found, *others[place:]]
        return found

    def _pair(self, source: bytes, shown: bytes) -> Pair:
        return (source, shown) if self.target is Side.RIGHT else (shown, source)
