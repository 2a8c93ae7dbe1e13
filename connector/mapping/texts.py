"""Converters for text, notes, yes/no, whole numbers, plain numbers and references."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import Plain
from connector.mapping.located import Reader
from connector.mapping.numbers import read_number, shown
from connector.model import canonical
from connector.model.entities import Field
from connector.model.values import Ref

_CASES: Mapping[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "title": str.title}
_CONTEXT = Context(prec=80, rounding=ROUND_HALF_EVEN)


def composed(text: str) -> str:
    """NFC. Raises NoImageError for half characters, which no system could store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoImageError("the text holds half a character (a lone surrogate)") from None
    return unicodedata.normalize("NFC", text)


def read_text(value: Any) -> str | None:
    """Trimmed NFC text; None when nothing is left. Whole and decimal numbers become their digits."""
    if type(value) is not str:
        value = _number_as_text(value)
    value = value.strip()
    if not value:
        return None
    return value if value.isascii() else composed(value)


def _number_as_text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(read_number(value))
    if isinstance(value, (float, Decimal)):
        return canonical.number(read_number(value))
    raise NoImageError(f"{shown(value)} is not text")


def check_text(value: Any) -> str:
    """A canonical text, in the form every side shows it."""
    if type(value) is not str:
        raise NoImageError(f"{shown(value)} is not text")
    value = value.strip()
    return value if value.isascii() else composed(value)


def _shorten(options: Reader) -> tuple[Callable[[str], str], bool]:
    length = options.integer("max_length", least=1)
    truncate = options.boolean("truncate")
    if truncate and length is None:
        options.problem("truncate", "`truncate` without a length", "`max_length` beside it")

    def shorten(text: str) -> str:
        if length is None or len(text) <= length:
            return text
        if not truncate:
            raise NoImageError(f"{len(text)} characters, the field holds {length}")
        return text[:length].rstrip()

    return shorten, truncate


def text(options: Reader, field: Field) -> Plain:
    """Text, trimmed. case: upper, lower or title, how this system spells it; what it shows is read in that case too.

    max_length: longer text is refused; truncate: true cuts it instead, which loses detail.
    """
    case = options.choice("case", _CASES)
    shorten, truncate = _shorten(options)
    if case is None and "max_length" not in options:
        return Plain(read_text, lambda value: check_text(value) or None)
    if case is None:
        return Plain(read_text, lambda value: shorten(check_text(value)) or None, lossy=truncate)
    spell = _CASES[case]

    def decode(value: Any) -> str | None:
        found = read_text(value)
        return None if found is None else composed(spell(found))

    def encode(value: Any) -> str | None:
        return shorten(composed(spell(check_text(value)))) or None

    return Plain(decode, encode, lossy=True)


def note(options: Reader, field: Field) -> Plain:
    """Text of several lines. newline: `lf` or `crlf`, how this system ends lines."""
    crlf = options.choice("newline", ("lf", "crlf"), "lf") == "crlf"
    shorten, truncate = _shorten(options)

    def unify(text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n").strip() if "\r" in text else text

    def decode(value: Any) -> str | None:
        found = read_text(value)
        return None if found is None else unify(found) or None

    def encode(value: Any) -> str | None:
        text = unify(check_text(value))
        return shorten(text.replace("\n", "\r\n") if crlf else text) or None

    return Plain(decode, encode, lossy=truncate)


_BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}


def boolean(options: Reader, field: Field) -> Plain:
    """true or false; the words `true` and `false` are read too. Other words: `values: {true: "Yes", false: "No"}`."""

    def decode(value: Any) -> bool | None:
        if type(value) is bool:
            return value
        if isinstance(value, str):
            word = value.strip().lower()
            if not word:
                return None
            if word in _BOOLEANS:
                return _BOOLEANS[word]
        raise NoImageError(f"{shown(value)} is neither true nor false")

    def encode(value: Any) -> bool:
        if type(value) is not bool:
            raise NoImageError(f"{shown(value)} is neither true nor false")
        return value

    return Plain(decode, encode)


def integer(options: Reader, field: Field) -> Plain:
    """A whole number."""

    def decode(value: Any) -> int | None:
        if value == "" and isinstance(value, str):
            return None
        number = read_number(value)
        if number != number.to_integral_value():
            raise NoImageError(f"{shown(value)} is not a whole number")
        return int(number)

    def encode(value: Any) -> int:
        if type(value) is not int:
            raise NoImageError(f"{shown(value)} is not a whole number")
        return int(read_number(value))

    return Plain(decode, encode)


def decimal(options: Reader, field: Field) -> Plain:
    """A plain number. scale: decimals this system keeps; more are refused, or rounded half-even with `lossy: true`."""
    scale = options.integer("scale", least=0, most=12)
    lossy = options.boolean("lossy")
    unit = None if scale is None else Decimal(1).scaleb(-scale)

    def decode(value: Any) -> Decimal | None:
        return None if value == "" and isinstance(value, str) else read_number(value)

    def encode(value: Any) -> Decimal:
        if type(value) is not Decimal:
            raise NoImageError(f"{shown(value)} is not a decimal number")
        number = read_number(value)
        if unit is None:
            return number
        rounded = number.quantize(unit, context=_CONTEXT)
        if rounded != number and not lossy:
            raise NoImageError(f"{canonical.number(number)} has more than the {scale} decimals the field keeps")
        return rounded

    return Plain(decode, encode, lossy=lossy)


def reference(entity: str) -> Plain:
    """A key of another record in the same system."""

    def decode(value: Any) -> Ref | None:
        key = read_text(value)
        return None if key is None else Ref(entity, key)

    def encode(value: Any) -> str:
        if type(value) is not Ref or value.entity != entity:
            raise NoImageError(f"{shown(value)} is not a reference to {entity}")
        return value.key

    return Plain(decode, encode)
