"""Record ids: 15 characters that tell case apart, 18 that do not need to (contract §6)."""

from __future__ import annotations

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_INSTANCE = "5g"


def suffix(short: str) -> str:
    """The three characters that say which of the 15 are capitals."""
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return "".join(_SUFFIX[sum(1 << j for j, letter in enumerate(group) if letter.isupper())] for group in groups)


def full(given: str) -> str | None:
    """The 18-character form of an id of 15 or 18 characters; None for what is no id."""
    if not _ID.fullmatch(given):
        return None
    if len(given) == 15:
        return given + suffix(given)
    return given if suffix(given[:15]) == given[15:] else None


def numbered(prefix: str, number: int) -> str:
    """The id that a key prefix and a number of a sequence make."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    short = prefix + _INSTANCE + digits.rjust(10, "0")
    return short + suffix(short)
