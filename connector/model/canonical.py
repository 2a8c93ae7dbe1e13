"""One encoding per value: what fingerprints, comparison and verification stand on.

Equal values have equal bytes: text in NFC, amounts without exponent, instants in UTC with milliseconds.
Changing anything here changes `CANON_REV`, which makes every link re-baseline before it is compared again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from connector.model.values import Line, Money, Ref, Value

CANON_REV = 1

NULL = b"\x00"


def text(value: str) -> str:
    """NFC and trimmed; the canonical form of a text field."""
    value = value.strip()
    return value if value.isascii() else unicodedata.normalize("NFC", value)


@lru_cache(maxsize=8192)
def number(value: Decimal) -> str:
    """Shortest plain decimal: 1.50 -> 1.5, 1E+2 -> 100, -0 -> 0."""
    if not value:
        return "0"
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


@lru_cache(maxsize=8192)
def _decimal(value: Decimal) -> bytes:
    return b"d" + number(value).encode()


def _instant(value: datetime) -> bytes:
    return b"t" + value.astimezone(UTC).isoformat(timespec="milliseconds").encode()


def _ref(value: Ref) -> bytes:
    return f"r{value.entity}/{value.key}".encode()


@lru_cache(maxsize=8192)
def _money(value: Money) -> bytes:
    return f"m{number(value.amount)} {value.currency}".encode()


def _lines(value: tuple[Line, ...]) -> bytes:
    parts = [b"l"]
    for line in value:
        parts.append((line.key or "").encode())
        parts.extend(name.encode() + b"=" + encode(line.values[name]) for name in sorted(line.values))
        parts.append(b"\x1e")
    return b"\x1f".join(parts)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: b"s" + value.encode(),
    type(None): lambda value: NULL,
    bool: lambda value: b"b1" if value else b"b0",
    int: lambda value: b"i%d" % value,
    Decimal: _decimal,
    Money: _money,
    Ref: _ref,
    datetime: _instant,
    date: lambda value: b"a" + value.isoformat().encode(),
    tuple: _lines,
}


def encode(value: Value) -> bytes:
    """The one encoding of a canonical value. Raises KeyError for a type that is not canonical."""
    return _ENCODERS[type(value)](value)


def dump(values: tuple[Value, Value]) -> bytes:
    """A pair of scalar values (left, right) as bytes that `load` reads back; only ever stored sealed."""
    return msgspec.msgpack.encode([encode(value) for value in values])


def load(data: bytes) -> tuple[Value, Value]:
    """The pair that `dump` wrote."""
    left, right = msgspec.msgpack.decode(data, type=list[bytes])
    return _decode(left), _decode(right)


def _decode(data: bytes) -> Value:
    tag, text_ = data[:1], data[1:].decode()
    match tag:
        case b"\x00":
            return None
        case b"s":
            return text_
        case b"b":
            return text_ == "1"
        case b"i":
            return int(text_)
        case b"d":
            return Decimal(text_)
        case b"m":
            amount, currency = text_.split(" ")
            return Money(Decimal(amount), currency)
        case b"r":
            entity, _, key = text_.partition("/")
            return Ref(entity, key)
        case b"t":
            return datetime.fromisoformat(text_)
        case b"a":
            return date.fromisoformat(text_)
    raise ValueError(f"not a dumped value: {data[:1]!r}")
