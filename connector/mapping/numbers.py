"""Reading numbers as systems send them, exactly. Only what is surely the number that was meant is accepted."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from connector.errors import NoImageError

MAX_EXPONENT = 30
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def shown(value: Any) -> str:
    """A raw value as messages quote it: short, and never a whole record."""
    text = value if isinstance(value, str) else repr(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


@lru_cache(maxsize=8192)
def _from_text(text: str) -> Decimal:
    stripped = text.strip()
    if len(stripped) > 80 or not _NUMBER.fullmatch(stripped):
        raise NoImageError(f"{shown(text)} is not a number")
    return _checked(Decimal(stripped), text)


def _checked(value: Decimal, raw: Any) -> Decimal:
    if not value.is_finite() or (value and abs(value.adjusted()) > MAX_EXPONENT):
        raise NoImageError(f"{shown(raw)} is not a number of a usable size")
    return value


def read_number(value: Any) -> Decimal:
    """The exact number. Raises NoImageError for text that is not plainly one, for infinities and absurd sizes.

    A float is taken at its shortest decimal notation, which is what the document said when that has at most 15
    digits; beyond that the digits are not known and it is refused.
    """
    kind = type(value)
    if kind is str:
        return _from_text(value)
    if kind is Decimal:
        return _checked(value, value)
    if kind is int:
        if value.bit_length() > 100:
            raise NoImageError("the number is too large to be used")
        return Decimal(value)
    if kind is float:
        exact = _checked(Decimal(repr(value)), value)
        if len(exact.as_tuple().digits) > 15 and len(exact.normalize().as_tuple().digits) > 15:
            raise NoImageError(f"{shown(value)} came as a float with more digits than a float keeps")
        return exact
    raise NoImageError(f"{shown(value)} is not a number")
