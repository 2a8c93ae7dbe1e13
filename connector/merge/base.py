"""The base of one link: per unit the prints of both sides at their last agreement, packed into one blob.

A layout is the ordered list of the unit names of a kind, then of its line fields as `lines.FIELD`. A name ends with
`@` and a revision of how both sides read the unit: prints of another revision do not compare. Blob: version byte;
presence bits, one per unit; 16 bytes per present unit (left print, right print); then a msgpack tail with the line
table (two ids and one packed blob a line, made like the record's), sealed values, the latest writes, and doubts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

PRINT = 8
LINE = "lines."

Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class LineBase:
    """Two line ids known to be the same line, and per line field the prints of both sides."""

    left: str
    right: str
    prints: dict[str, Pair]


class Written(msgspec.Struct, array_like=True, frozen=True):
    """One write of ours that was applied. left: the side. value: print of what was written. at: seconds."""

    unit: str
    left: bool
    value: bytes
    at: int


class _Tail(msgspec.Struct, array_like=True):
    lines: list[tuple[str, str, bytes]] | None
    sealed: dict[str, bytes]
    writes: list[Written] = []
    doubted: list[tuple[str, bool]] = []
    brought: list[tuple[str, bytes]] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Tail)


@dataclass(slots=True)
class Base:
    """prints: unit -> (left, right). lines: None while lines never agreed. sealed: unit -> sealed pair of values.

    remapped: units that the record's last agreement did not cover as they are read now. writes: our latest ones.
    doubted: (unit, left) where that side's value was taken for what we wrote, and somebody may have typed the same; or
    where what we wrote from may have been agreed on; or where a value showed that was put off before anything was
    agreed on. What is overwritten there is named. brought: units, and the print of what a write of unknown outcome was
    to bring to its target, which showed nothing that could tell.
    """

    prints: dict[str, Pair] = field(default_factory=dict)
    lines: list[LineBase] | None = None
    sealed: dict[str, bytes] = field(default_factory=dict)
    remapped: frozenset[str] = frozenset()
    writes: list[Written] = field(default_factory=list)
    doubted: set[tuple[str, bool]] = field(default_factory=set)
    brought: set[tuple[str, bytes]] = field(default_factory=set)


@lru_cache(maxsize=256)
def _split(layout: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Units and line fields of a layout, without their revisions."""
    names = tuple(plain_name(name) for name in layout)
    units = tuple(name for name in names if not name.startswith(LINE))
    return units, tuple(name.removeprefix(LINE) for name in names if name.startswith(LINE))


def plain_name(name: str) -> str:
    """A name of a layout without its revision."""
    return name.partition("@")[0]


@lru_cache(maxsize=256)
def outdated(layout: tuple[str, ...], current: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Names of `layout` that are not read as before; names of `current` that `layout` does not cover. Both plain."""
    old, new = frozenset(layout) - frozenset(current), frozenset(current) - frozenset(layout)
    return frozenset(map(plain_name, old)), frozenset(map(plain_name, new))


def _pack_prints(prints: Mapping[str, Pair], names: Sequence[str]) -> bytes:
    bits, bit = 0, 1
    parts: list[bytes] = []
    for name in names:
        pair = prints.get(name)
        if pair is not None:
            bits |= bit
            parts += pair
        bit <<= 1
    return bits.to_bytes((len(names) + 7) // 8, "little") + b"".join(parts)


def _unpack_prints(blob: bytes, names: Sequence[str]) -> tuple[dict[str, Pair], int]:
    at = (len(names) + 7) // 8
    bits = int.from_bytes(blob[:at], "little")
    prints: dict[str, Pair] = {}
    for name in names:
        if bits & 1:
            prints[name] = (blob[at : at + PRINT], blob[at + PRINT : at + 2 * PRINT])
            at += 2 * PRINT
        bits >>= 1
    return prints, at


def pack(base: Base, layout: tuple[str, ...]) -> bytes:
    """One blob for the layout; prints of units outside it are dropped."""
    units, line_fields = _split(layout)
    blob = b"\x01" + _pack_prints(base.prints, units)
    if base.lines is None and not base.sealed and not (base.writes or base.doubted or base.brought):
        return blob
    lines = None
    if base.lines is not None:
        lines = [(line.left, line.right, _pack_prints(line.prints, line_fields)) for line in base.lines]
    tail = _Tail(lines, base.sealed, base.writes, sorted(base.doubted), sorted(base.brought))
    return blob + _ENCODER.encode(tail)


def unpack(blob: bytes | None, layout: tuple[str, ...], current: tuple[str, ...] | None = None) -> Base:
    """The base in a blob that was packed with the same layout; an empty base for None.

    current: the layout of now, if it may be another: prints of what is read differently since are left out.
    """
    if blob is None:
        return Base()
    base = _unpack(blob, layout)
    if current is not None and current != layout:
        _leave_out(base, *outdated(layout, current))
    return base


def _leave_out(base: Base, old: frozenset[str], new: frozenset[str]) -> None:
    base.prints = {name: pair for name, pair in base.prints.items() if name not in old}
    base.sealed = {name: value for name, value in base.sealed.items() if name not in old}
    base.doubted = {(name, left) for name, left in base.doubted if name not in old}
    base.brought = {(name, value) for name, value in base.brought if name not in old}
    base.remapped = new
    for line in base.lines or ():
        line.prints = {name: pair for name, pair in line.prints.items() if LINE + name not in old}


def _unpack(blob: bytes, layout: tuple[str, ...]) -> Base:
    units, line_fields = _split(layout)
    body = blob[1:]
    prints, at = _unpack_prints(body, units)
    base = Base(prints)
    if at < len(body):
        tail = _DECODER.decode(body[at:])
        base.sealed, base.writes = tail.sealed, tail.writes
        base.doubted, base.brought = set(tail.doubted), set(tail.brought)
        if tail.lines is not None:
            base.lines = [LineBase(left, right, _unpack_prints(p, line_fields)[0]) for left, right, p in tail.lines]
    return base
