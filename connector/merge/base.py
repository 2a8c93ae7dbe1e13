"""The base of one link: per unit the prints of both sides at their last agreement, packed into one blob.

Blob: version byte; presence bits, one per unit of the layout; 16 bytes per present unit (left print, right print);
then a msgpack tail with the line table and sealed values, if any. A layout is the ordered list of unit names of a kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

PRINT = 8

Pair = tuple[bytes, bytes]


class LineBase(msgspec.Struct, array_like=True):
    """Two line ids known to be the same line, and per line field the prints of both sides."""

    left: str
    right: str
    prints: dict[str, Pair]


class _Tail(msgspec.Struct, array_like=True):
    lines: list[LineBase] | None
    sealed: dict[str, bytes]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Tail)


@dataclass(slots=True)
class Base:
    """prints: unit -> (left, right). lines: None while lines never agreed. sealed: unit -> sealed pair of values."""

    prints: dict[str, Pair] = field(default_factory=dict)
    lines: list[LineBase] | None = None
    sealed: dict[str, bytes] = field(default_factory=dict)


def pack(base: Base, units: Sequence[str]) -> bytes:
    """One blob for the layout `units`; prints of units outside the layout are dropped."""
    bits = 0
    parts: list[bytes] = []
    for index, unit in enumerate(units):
        pair = base.prints.get(unit)
        if pair is not None:
            bits |= 1 << index
            parts += pair
    head = b"\x01" + bits.to_bytes((len(units) + 7) // 8, "little")
    tail = _ENCODER.encode(_Tail(base.lines, base.sealed)) if base.lines is not None or base.sealed else b""
    return b"".join((head, *parts, tail))


def unpack(blob: bytes | None, units: Sequence[str]) -> Base:
    """The base in a blob that was packed with the same layout; an empty base for None."""
    if blob is None:
        return Base()
    size = (len(units) + 7) // 8
    bits = int.from_bytes(blob[1 : 1 + size], "little")
    at = 1 + size
    base = Base()
    for index, unit in enumerate(units):
        if bits >> index & 1:
            base.prints[unit] = (blob[at : at + PRINT], blob[at + PRINT : at + 2 * PRINT])
            at += 2 * PRINT
    if at < len(blob):
        tail = _DECODER.decode(blob[at:])
        base.lines, base.sealed = tail.lines, tail.sealed
    return base
