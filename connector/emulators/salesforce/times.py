"""Times as Salesforce takes and tells them (contract §2.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Literal

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?(Z|[+-]\d\d:?\d\d)", re.ASCII)


def stamp(at: datetime, granularity: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    """`2026-11-01T09:12:44.000+0000`: texts of this form compare as the times do."""
    at = at.astimezone(UTC)
    fraction = at.microsecond // 1000 if granularity == "milliseconds" else 0
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction:03d}+0000"


def parse_instant(given: str) -> datetime | None:
    """An ISO 8601 time with its zone; None for anything else, a time without a zone included."""
    match = _INSTANT.fullmatch(given)
    if match is None:
        return None
    zone = match[3] if ":" in match[3] or match[3] == "Z" else f"{match[3][:3]}:{match[3][3:]}"
    try:
        return datetime.fromisoformat(f"{match[1]}.{(match[2] or '0').ljust(3, '0')}{zone}").astimezone(UTC)
    except ValueError:
        return None


def parse_day(given: str) -> str | None:
    """A date of the calendar, `YYYY-MM-DD`; None for anything else."""
    try:
        return date.fromisoformat(given).isoformat() if _DAY.fullmatch(given) else None
    except ValueError:
        return None
