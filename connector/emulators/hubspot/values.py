"""Property values: each is a text, checked and brought into form by the type of its property (contract 3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from connector.emulators.hubspot.definitions import Definition
from connector.emulators.hubspot.problems import Failure
from connector.emulators.hubspot.switches import Switches
from connector.reference.kit.store import stamp

Given: TypeAlias = str | int | float | bool | None

MAX_TEXT = 65_536
MAX_DIGITS = 30
DAY = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_MILLISECONDS = re.compile(r"-?\d{1,14}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_EMAIL = re.compile(r"[^@\s;,<>]+@[^@\s;,<>]+\.[^@\s;,<>.]+")


class Refused(Exception):  # noqa: N818  (a value is refused; whoever collects these makes the error)
    """A value that its property does not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def text_of(given: Given) -> str:
    """A value as the text it stands for; null is the empty text, which clears."""
    if given is None:
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    return given if isinstance(given, str) else repr(given)


def checked(definition: Definition, given: Given, switches: Switches) -> str:
    """The value as it is kept; empty to clear it. Raises Refused."""
    text = text_of(given)
    if not text:
        return ""
    if len(text) > MAX_TEXT:
        raise Refused("INVALID_LENGTH", f"{definition.name} was longer than {MAX_TEXT} characters.")
    value = _CHECKS[definition.type](definition, text)
    if definition.type == "number" and switches.numbers == "as_given":
        return text
    if definition.name == "email" and switches.lowercase_emails:
        return value.lower()
    return value


def failure(definition: Definition, refused: Refused) -> Failure:
    return Failure(definition.name, refused.code, refused.message)


def _string(definition: Definition, text: str) -> str:
    if definition.name == "email" and not _EMAIL.fullmatch(text):
        raise Refused("INVALID_EMAIL", f"Email address {text[:100]} is invalid")
    return text


def _number(definition: Definition, text: str) -> str:
    if not _NUMBER.fullmatch(text) or len(text) > MAX_DIGITS:
        raise Refused("INVALID_INTEGER", f"{text[:100]} was not a valid number.")
    plain = f"{Decimal(text):f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain.removeprefix("+")


def _date(definition: Definition, text: str) -> str:
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise Refused("INVALID_DATE", f"{text} is not a date.") from None
    if not _MILLISECONDS.fullmatch(text):
        raise Refused("INVALID_DATE", f"{text[:100]} was not a valid date: send YYYY-MM-DD or epoch milliseconds.")
    if int(text) % DAY:
        raise Refused("INVALID_DATE", f"{text} is at {clock_time(int(text))}, not midnight UTC.")
    return day_of(int(text))


def _datetime(definition: Definition, text: str) -> str:
    if _MILLISECONDS.fullmatch(text):
        return stamp_of(int(text))
    if _INSTANT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refused("INVALID_DATE", f"{text} is not a point in time.") from None
        return stamp_of(round((moment - EPOCH) / timedelta(milliseconds=1)))
    raise Refused("INVALID_DATE", f"{text[:100]} was not a valid datetime: send ISO 8601 or epoch milliseconds.")


def _enumeration(definition: Definition, text: str) -> str:
    allowed = [option.value for option in definition.options]
    given = text.split(";") if definition.multiple else [text]
    # What is kept elsewhere is checked by whoever knows it.
    if not definition.external and any(value not in allowed for value in given):
        raise Refused("INVALID_OPTION", f"{text[:100]} was not one of the allowed options: {allowed}")
    return text


def _bool(definition: Definition, text: str) -> str:
    if text not in ("true", "false"):
        raise Refused("INVALID_OPTION", f"{text[:100]} was not one of the allowed options: ['true', 'false']")
    return text


_CHECKS: dict[str, Callable[[Definition, str], str]] = {
    "string": _string,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _enumeration,
    "bool": _bool,
}


def milliseconds(text: str) -> int | None:
    """Epoch milliseconds from a text, or None when it is something else."""
    return int(text) if _MILLISECONDS.fullmatch(text) else None


def number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) and len(text) <= MAX_DIGITS else None


def stamp_of(ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`. Raises Refused beyond the calendar."""
    try:
        return stamp(ms)
    except (ValueError, OverflowError):
        raise Refused("INVALID_DATE", f"{ms} is beyond the calendar.") from None


def day_of(ms: int) -> str:
    """`YYYY-MM-DD` in UTC. Raises Refused beyond the calendar."""
    return stamp_of(ms)[:10]


def clock_time(ms: int) -> str:
    return stamp_of(ms)[11:23]
