"""What properties are, and their values both ways: HubSpot sends and takes every value as a text. No I/O.

Contract: sections 3.1 and 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.adapters.hubspot.wire import WireProperty
from connector.errors import RejectedError
from connector.ports import FieldSchema

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TYPES: Mapping[str, str] = {
    "number": "decimal",
    "bool": "boolean",
    "date": "date",
    "datetime": "instant",
    "enumeration": "text",
}
"""HubSpot's types in the port's words; the others are texts."""


def shown(known: Mapping[str, WireProperty], values: Mapping[str, str | None]) -> dict[str, Any]:
    """The fields of a record, each of its type; null where HubSpot has a property and no value, or an empty one."""
    return {name: _value(one, values.get(name)) for name, one in known.items()}


def wanted(found: Sequence[WireProperty]) -> dict[str, WireProperty]:
    """The properties that records show: all but those HubSpot computes and hides from its own users.

    These are its counters and clocks ("seconds in stage"), some of which never stand still.
    """
    return {one.name: one for one in found if not (one.calculated and one.hidden)}


def described(one: WireProperty, *, required: bool = False) -> FieldSchema:
    """A property as the port describes fields. Several choices at once, joined with `;`, are a text."""
    choices = () if one.type != "enumeration" or one.look == "checkbox" or one.outside else _values(one)
    return FieldSchema(one.name, TYPES.get(one.type, "text"), required, is_writable(one), choices=choices)


def is_writable(one: WireProperty) -> bool:
    return not one.calculated and not (one.limits is not None and one.limits.fixed)


def worded(place: str, one: WireProperty, value: Any) -> str:
    """A value as HubSpot takes it: an empty text clears. Raises RejectedError for what it would not take."""
    if not is_writable(one):
        raise RejectedError(f"{place}: `{one.name}` is HubSpot's own and cannot be written; correct the mapping.")
    match value:
        case None:
            return ""
        case bool():
            text = "true" if value else "false"
        case int() | Decimal():
            text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        case str():
            text = value
        case _:
            raise RejectedError(f"{place}: `{one.name}` takes one value, not {type(value).__name__}.")
    if text and not _fits(one, text):
        raise RejectedError(f"{place}: `{one.name}` takes {_words(one)}; another value was sent.")
    return text


def _value(one: WireProperty, text: str | None) -> Any:
    """What HubSpot says in a text; the text itself where it is none of its type."""
    if text is None or text == "":
        return None
    match one.type:
        case "bool":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "number":
            return _number(text)
        case "date":
            at = _instant(text)
            return text if at is None else at.date().isoformat()
        case "datetime":
            at = _instant(text)
            return text if at is None else stamp_text(at)
    return text


def _number(text: str) -> str:
    """Its digits without an exponent."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < 40 else text


def _instant(text: str) -> datetime | None:
    """A day or an instant: ISO 8601, or milliseconds since 1970 in UTC."""
    try:
        if text.removeprefix("-").isdecimal() and text.isascii():
            return EPOCH + timedelta(milliseconds=int(text))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def stamp_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def millis(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def stamp_of(values: Mapping[str, str | None], name: str) -> int | None:
    """A property that tells a time, in milliseconds."""
    at = _instant(values.get(name) or "")
    return None if at is None else millis(at)


def _fits(one: WireProperty, text: str) -> bool:
    match one.type:
        case "bool":
            return text in ("true", "false")
        case "number":
            return _is_number(text)
        case "date":
            return _is_day(text)
        case "datetime":
            return _instant(text) is not None
        case "enumeration" if one.options and not one.outside:
            parts = text.split(";") if one.look == "checkbox" else [text]
            return all(part in _values(one) for part in parts)
    return True


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite() and text == text.strip() and "_" not in text
    except InvalidOperation:
        return False


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _values(one: WireProperty) -> tuple[str, ...]:
    return tuple(option.value for option in one.options)


def _words(one: WireProperty) -> str:
    if one.type != "enumeration":
        return {"bool": "true or false", "number": "a number", "date": "a date like 2026-03-09"}.get(one.type, "a time")
    values = _values(one)
    return ", ".join(values[:12]) + (", ..." if len(values) > 12 else "")
