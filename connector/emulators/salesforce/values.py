"""Field values: what comes in checked and brought to its stored form, what goes out written as the vendor writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from connector.emulators.salesforce.errors import Refusal, refusal, unreadable
from connector.emulators.salesforce.fields import NUMBERS, Field
from connector.emulators.salesforce.ids import full
from connector.emulators.salesforce.times import parse_day, parse_instant, stamp

_EMAIL = re.compile(r"[^@\s<>,;()]+@[^@\s<>,;()]+\.[^@\s<>,;().]{2,}")
_TOKENS: Mapping[type, str] = {
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    Decimal: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}


def wrong_type(field: Field, value: Any) -> Refusal:
    """The parser's complaint about a value of another JSON type."""
    token = _TOKENS.get(type(value), "VALUE_NULL")
    shown = f" value {value}" if isinstance(value, str | int | Decimal) else ""
    return unreadable(
        f"Cannot deserialize instance of {field.type} from {token}{shown} or request may be missing a required field"
    )


def _text(field: Field, value: Any, trim: bool) -> str | None:
    if not isinstance(value, str):
        raise wrong_type(field, value)
    value = value.strip() if trim else value
    if len(value) > field.length:
        raise refusal(
            "STRING_TOO_LONG",
            f"{field.title}: data value too large: {value} (max length={field.length})",
            field.name,
        )
    return value or None


def _email(field: Field, value: Any, trim: bool) -> str | None:
    text = _text(field, value, trim)
    if text is not None and not _EMAIL.fullmatch(text):
        raise refusal("INVALID_EMAIL_ADDRESS", f"{field.title}: invalid email address: {text}", field.name)
    return text


def _picklist(field: Field, value: Any, trim: bool) -> str | None:
    text = _text(field, value, trim)
    if text is not None and field.restricted and text not in field.choices:
        raise refusal(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.title}: bad value for restricted picklist field: {text}",
            field.name,
        )
    return text


def _number(field: Field, value: Any, _: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong_type(field, value)
    number = Decimal(value)
    if not number.is_finite():
        raise wrong_type(field, value)
    if abs(number) >= Decimal(10) ** (field.precision - field.scale):
        raise _out_of_range(field, value)
    return float(number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))


def _whole(field: Field, value: Any, _: bool) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(field, value)
    if abs(value) >= 10 ** min(field.precision, 9):
        raise _out_of_range(field, value)
    return value


def _out_of_range(field: Field, value: Any) -> Refusal:
    return refusal("NUMBER_OUTSIDE_VALID_RANGE", f"{field.title}: value outside of valid range: {value}", field.name)


def _boolean(field: Field, value: Any, _: bool) -> int:
    if not isinstance(value, bool):
        raise wrong_type(field, value)
    return int(value)


def _day(field: Field, value: Any, _: bool) -> str:
    day = parse_day(value) if isinstance(value, str) else None
    if day is None:
        raise wrong_type(field, value)
    return day


def _instant(field: Field, value: Any, _: bool) -> str:
    at = parse_instant(value) if isinstance(value, str) else None
    if at is None:
        raise wrong_type(field, value)
    return stamp(at)


def _reference(field: Field, value: Any, _: bool) -> str | None:
    if not isinstance(value, str):
        raise wrong_type(field, value)
    if not value:
        return None
    key = full(value)
    if key is None:
        raise refusal("MALFORMED_ID", f"{field.title}: id value of incorrect type: {value}", field.name)
    return key


_ACCEPT: Mapping[str, Callable[[Field, Any, bool], Any]] = {
    "string": _text,
    "textarea": _text,
    "phone": _text,
    "url": _text,
    "email": _email,
    "picklist": _picklist,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _whole,
    "boolean": _boolean,
    "date": _day,
    "datetime": _instant,
    "reference": _reference,
}


def accepted(field: Field, value: Any, trim: bool) -> Any:
    """The stored form of a given value. Raises Refusal; Unreadable when the JSON type is wrong."""
    if value is None:
        if field.type == "boolean":
            raise wrong_type(field, value)
        return None
    return _ACCEPT[field.type](field, value, trim)


def java_number(value: float) -> str:
    """A double as Java prints it: 1.0E7 from ten millions up, 1.0E-4 below a thousandth."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e7:
        digits, _, exponent = f"{Decimal(repr(value)):E}".partition("E")
        whole, _, rest = digits.partition(".")
        return f"{whole}.{rest.rstrip('0') or '0'}E{int(exponent)}"
    return repr(value)


def _as_java(value: float | None) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(java_number(value).encode())


def _as_boolean(value: int | None) -> bool:
    return bool(value)


def writer(field: Field, numbers: str) -> Callable[[Any], Any] | None:
    """How a stored value goes into JSON; None for as it is."""
    if field.type == "boolean":
        return _as_boolean
    if field.type in NUMBERS and numbers == "java":
        return _as_java
    return None


def from_text(field: Field, text: str) -> Any:
    """A value as JSON would have had it, from a cell or a form. Raises Refusal."""
    try:
        if field.type == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if field.type == "int":
            return int(text)
        return Decimal(text) if field.type in NUMBERS else text
    except (KeyError, ValueError, InvalidOperation):
        raise refusal("INVALID_TYPE_ON_FIELD_IN_RECORD", f"value not of required type: {text}", field.name) from None


def as_text(field: Field, value: Any) -> str:
    """A stored value as a cell, or as an element of a message."""
    if value is None:
        return ""
    if field.type == "boolean":
        return "true" if value else "false"
    if field.type == "datetime":
        return str(value).replace("+0000", "Z")
    return java_number(value) if field.type in NUMBERS else str(value)
