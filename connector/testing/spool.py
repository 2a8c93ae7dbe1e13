"""Scratch space of a run in memory: the same promises as the file, for tests that run an engine a million times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import attrgetter
from typing import Any

import msgspec

from connector.model.records import Key, Record, Version
from connector.model.values import SIDES, Side, Sides
from connector.ports import Found

_REST = attrgetter("modified", "created_by", "modified_by", "deleted", "merged_into")
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder().decode


class _Kept:
    """A record as it was put in: nobody who holds the one given, or one handed out, can change it."""

    __slots__ = ("_fields", "_packed", "_record")

    def __init__(self, record: Record) -> None:
        self._record = record
        self._fields: Mapping[str, Any] | None = None
        self._packed: bytes | None = None
        if record.fields is not None:
            try:
                self._packed = _encode(record.fields)
            except (UnicodeEncodeError, OverflowError):  # half a character, a number of any length
                self._fields = deepcopy(record.fields)

    @property
    def version(self) -> Version:
        return self._record.version

    @property
    def merged_into(self) -> Key | None:
        return self._record.merged_into

    def again(self) -> Record:
        fields = deepcopy(self._fields) if self._packed is None else _decode(self._packed)
        return Record(self._record.key, self._record.version, fields, *_REST(self._record))


@dataclass(slots=True, eq=False)
class _Lone:
    """One unlinked record; mate: number of the other side's record."""

    seq: int
    side: Side
    key: Key
    kept: _Kept
    own: bool
    partner: Key | None
    doubt: str | None = None
    mate: int | None = None
    prints: tuple[bytes, ...] = field(default=())

    def found(self) -> Found:
        return Found(self.seq, self.kept.again(), self.own, self.partner, self.doubt)


class MemorySpool:
    """See `ports.Spool`. Numbers of unlinked records are never given twice."""

    def __init__(self) -> None:
        self._count = 0
        self.clear()

    # what goes in
    def add_linked(
        self,
        side: Side,
        rows: Sequence[tuple[int, Record | None, Key]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        for link, record, key in rows:
            both = self._linked.setdefault(link, {})
            old = both[side][1] if side in both else None
            stays = not replacing
            if sorts and old is not None and record is not None:
                stays = old.version > record.version
            elif side in both and both[side][0] == key and _is_merged(old) != _is_merged(record):
                stays = _is_merged(old)
            if side not in both or not stays:
                both[side] = (key, None if record is None else _Kept(record))

    def add_unlinked(
        self,
        side: Side,
        rows: Sequence[tuple[Record, bool, Key | None]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        for record, own, partner in rows:
            old = self._lone.get(self._numbers.get((side, record.key), 0))
            stays = not replacing
            if sorts and old is not None:
                stays = old.kept.version > record.version
            elif old is not None and _is_merged(old.kept) != _is_merged(record):
                stays = _is_merged(old.kept)
            if old is not None and old.kept.version and stays:
                continue
            self._remove(side, record.key)
            self._count += 1
            self._lone[self._count] = _Lone(self._count, side, record.key, _Kept(record), own, partner)
            self._numbers[side, record.key] = self._count

    def drop_linked(self, side: Side, rows: Sequence[tuple[int, Version]], *, sorts: bool = False) -> None:
        for link, version in rows:
            both = self._linked.get(link, {})
            if side not in both:
                continue
            old = both[side][1]
            stays = old.version > version if sorts and old is not None else _is_merged(old)
            if not stays:
                del both[side]
            if not both:
                del self._linked[link]

    def drop_unlinked(
        self, side: Side, rows: Sequence[tuple[Key, Version]], *, replacing: bool = True, sorts: bool = False
    ) -> None:
        for key, version in rows:
            old = self._lone.get(self._numbers.get((side, key), 0))
            if old is None or _is_merged(old.kept):
                continue
            newer = old.kept.version > version if sorts else not replacing
            if not (old.kept.version and newer):
                self._remove(side, key)

    def add_prints(self, rows: Sequence[tuple[int, tuple[bytes, ...]]]) -> None:
        for seq, prints in rows:
            if seq in self._lone and not _is_merged(self._lone[seq].kept):
                self._lone[seq].prints = tuple(prints)

    def _remove(self, side: Side, key: Key) -> _Lone | None:
        """Take an unlinked record out; the record it was mated with is free again."""
        seq = self._numbers.pop((side, key), None)
        if seq is None:
            return None
        lone = self._lone.pop(seq)
        if lone.mate is not None:
            self._lone[lone.mate].mate = None
        return lone

    # links
    def lonely(self, after: int, limit: int) -> list[tuple[int, Side, Key]]:
        alone = ((link, both) for link, both in self._linked.items() if link > after and len(both) == 1)
        return [(link, side, both[side][0]) for link, both in nsmallest(limit, alone, key=_first) for side in both]

    def linked(self, after: int, limit: int) -> list[tuple[int, Sides[tuple[Key, Record | None] | None]]]:
        links = nsmallest(limit, (link for link in self._linked if link > after))
        return [(link, Sides(*(_shown(self._linked[link].get(side)) for side in SIDES))) for link in links]

    # matching
    def match(self, rule: int) -> None:
        sides = Sides(self._by_print(rule, Side.LEFT), self._by_print(rule, Side.RIGHT))
        for value, lefts in sides.left.items():
            rights = sides.right.get(value)
            if rights is None:
                continue
            if len(lefts) == len(rights) == 1:
                if lefts[0].doubt is None and rights[0].doubt is None:
                    _mate(lefts[0], rights[0])
                continue
            for lone in (*lefts, *rights):
                lone.doubt = lone.doubt or f"match rule {rule + 1} fits several records"

    def _by_print(self, rule: int, side: Side) -> dict[bytes, list[_Lone]]:
        found: dict[bytes, list[_Lone]] = {}
        for lone in self._lone.values():
            if lone.side is side and lone.mate is None and rule < len(lone.prints) and lone.prints[rule]:
                found.setdefault(lone.prints[rule], []).append(lone)
        return found

    def match_partners(self) -> None:
        claims: dict[int, list[_Lone]] = {}
        for lone in self._lone.values():
            carried = self._carried(lone)
            if _is_merged(lone.kept) or (carried is not None and _is_merged(carried.kept)):
                continue
            # One that was itself made from a third record belongs to that; who carries it was made twice.
            if carried is not None and self._carried(carried) in (None, lone):
                claims.setdefault(carried.seq, []).append(lone)
        for seq, makers in claims.items():
            if len(makers) > 1:
                self._lone[seq].doubt = "several records we made carry its key"
            else:
                _mate(makers[0], self._lone[seq])

    def _carried(self, lone: _Lone) -> _Lone | None:
        """The record without a mate, of the other side, whose key a record made by us and without one carries."""
        if not lone.own or lone.partner is None or lone.mate is not None:
            return None
        seq = self._numbers.get((lone.side.other, lone.partner))
        return None if seq is None or self._lone[seq].mate is not None else self._lone[seq]

    # unlinked records
    def pairs(self, after: int, limit: int) -> list[tuple[Found, Found]]:
        lefts = [lone for lone in self._numbered(Side.LEFT, after) if lone.mate is not None][:limit]
        return [(lone.found(), self._lone[lone.mate].found()) for lone in lefts if lone.mate is not None]

    def singles(self, side: Side, after: int, limit: int) -> list[Found]:
        return [lone.found() for lone in [x for x in self._numbered(side, after) if x.mate is None][:limit]]

    def _numbered(self, side: Side, after: int) -> Iterable[_Lone]:
        """Unlinked records of a side with a greater number. They were put in by number, and stay in that order."""
        return (lone for seq, lone in self._lone.items() if seq > after and lone.side is side)

    def promote(self, side: Side, links: Mapping[Key, tuple[int, Key]]) -> None:
        for key, (link, other) in links.items():
            for of, name in ((side, key), (side.other, other)):
                lone = self._remove(of, name)
                if lone is not None:
                    self._linked.setdefault(link, {})[of] = (name, lone.kept)

    def doubt(self, side: Side, keys: Collection[Key], reason: str) -> None:
        for key in keys:
            seq = self._numbers.get((side, key))
            if seq is not None:
                self._lone[seq].doubt = reason

    # full reads, counts
    def note_listed(self, side: Side, links: Collection[int]) -> None:
        self._listed[side].update(links)

    def unlisted(self, side: Side, links: Collection[int]) -> set[int]:
        return set(links) - self._listed[side]

    def counts(self) -> tuple[int, Sides[int]]:
        left = sum(1 for side, _ in self._numbers if side is Side.LEFT)
        return len(self._linked), Sides(left, len(self._numbers) - left)

    def count_pairs(self) -> int:
        return sum(1 for lone in self._lone.values() if lone.side is Side.LEFT and lone.mate is not None)

    def clear(self) -> None:
        self._linked: dict[int, dict[Side, tuple[Key, _Kept | None]]] = {}
        self._lone: dict[int, _Lone] = {}
        self._numbers: dict[tuple[Side, Key], int] = {}
        self._listed: Sides[set[int]] = Sides(set(), set())

    def close(self) -> None:
        self.clear()


def _is_merged(record: Record | _Kept | None) -> bool:
    return record is not None and record.merged_into is not None


def _first(pair: tuple[int, object]) -> int:
    return pair[0]


def _shown(row: tuple[Key, _Kept | None] | None) -> tuple[Key, Record | None] | None:
    return None if row is None else (row[0], None if row[1] is None else row[1].again())


def _mate(one: _Lone, other: _Lone) -> None:
    one.mate, other.mate = other.seq, one.seq
