"""How Tryton writes values as JSON: decimals and dates as small objects, stamps without a zone. No I/O.

Contract: Tryton, REST, types. A stamp is UTC whatever the database's zone is.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import msgspec

Row: TypeAlias = Mapping[str, Any]
Domain: TypeAlias = Sequence[Any]


def plain(value: Any) -> Any:
    """Tryton's objects as Decimal, datetime (UTC) and date; lists and objects throughout. Raises ValueError."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case None:
            return {name: plain(one) for name, one in value.items()}
        case "Decimal":
            return _decimal(value)
        case "datetime":
            hour, minute, second = (_part(value, name) for name in ("hour", "minute", "second"))
            at = time(hour, minute, second, _part(value, "microsecond"))
            return datetime.combine(_day(value), at, UTC)
        case "date":
            return _day(value)
        case other:
            return {name: one for name, one in value.items() if name != "__class__"} | {"class": other}


def worded(value: Any) -> Any:
    """The inverse of `plain`."""
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case datetime():
            parts = {name: getattr(value, name) for name in ("hour", "minute", "second", "microsecond")}
            return {"__class__": "datetime", "year": value.year, "month": value.month, "day": value.day, **parts}
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case Mapping():
            return {name: worded(one) for name, one in value.items()}
        case list() | tuple():
            return [worded(one) for one in value]
        case _:
            return value


def packed(value: Any) -> str:
    """JSON in URL-safe base64: domains, orders and the context travel so."""
    return base64.urlsafe_b64encode(msgspec.json.encode(worded(value))).decode("ascii")


def _decimal(value: Mapping[str, Any]) -> Decimal:
    try:
        return Decimal(str(value["decimal"]))
    except (KeyError, InvalidOperation):
        raise ValueError("a decimal without digits") from None


def _day(value: Mapping[str, Any]) -> date:
    return date(_part(value, "year"), _part(value, "month"), _part(value, "day"))


def _part(value: Mapping[str, Any], name: str) -> int:
    part = value.get(name)
    if not isinstance(part, int):
        raise ValueError(f"a date without {name}")
    return part
