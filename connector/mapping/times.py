"""Dates and instants. A date is never an instant: neither is read as the other unless the mapping says how."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from connector.errors import NoImageError
from connector.mapping.codecs import Plain
from connector.mapping.located import Reader, nearest
from connector.mapping.numbers import read_number, shown
from connector.model.entities import Field

_EPOCH = date(1970, 1, 1)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T00:00(:00(\.0+)?)?(Z|\+00:?00)", re.ASCII)
_TOKENS: Mapping[str, str] = {
    "%Y": "(?P<year>[0-9]{4})",
    "%m": "(?P<month>[0-9]{1,2})",
    "%d": "(?P<day>[0-9]{1,2})",
    "%H": "(?P<hour>[0-9]{1,2})",
    "%M": "(?P<minute>[0-9]{1,2})",
    "%S": "(?P<second>[0-9]{1,2})",
}
_PRECISIONS: Mapping[str, timedelta] = {
    "millisecond": timedelta(milliseconds=1),
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "day": timedelta(days=1),
}


class Pattern:
    """A fixed layout such as `%d.%m.%Y %H:%M`, read and written without regard to the machine's language."""

    def __init__(self, text: str, needed: str) -> None:
        """Raises ValueError when a token is unknown, doubled or missing."""
        self._pieces = re.findall(r"%.|[^%]+|%$", text)
        tokens = [piece for piece in self._pieces if piece[0] == "%"]
        if len(set(tokens)) != len(tokens) or not set(needed.split()) <= set(tokens) <= set(_TOKENS):
            raise ValueError(text)
        self._read = re.compile("".join(_TOKENS.get(piece) or re.escape(piece) for piece in self._pieces), re.ASCII)

    def read(self, text: str) -> datetime | None:
        """The naive local time; None when the text is laid out differently or names no day."""
        found = self._read.fullmatch(text)
        if found is None:
            return None
        try:
            parts = {name: int(digits) for name, digits in found.groupdict().items()}
            return datetime(**parts)  # type: ignore[arg-type]  # noqa: DTZ001
        except ValueError:
            return None

    def write(self, value: date) -> str:
        time = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
        digits = {
            "%Y": f"{time.year:04}",
            "%m": f"{time.month:02}",
            "%d": f"{time.day:02}",
            "%H": f"{time.hour:02}",
            "%M": f"{time.minute:02}",
            "%S": f"{time.second:02}",
        }
        return "".join(digits.get(piece, piece) for piece in self._pieces)


@lru_cache(maxsize=8192)
def iso_date(text: str) -> date | None:
    """YYYY-MM-DD and nothing else."""
    if not _ISO_DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(text: str) -> date | None:
    found = _MIDNIGHT.fullmatch(text)
    return iso_date(found[1]) if found else None


def _from_epoch(value: Any, per_day: int) -> date | None:
    try:
        days = read_number(value) / per_day
        return _EPOCH + timedelta(days=int(days)) if days == days.to_integral_value() else None
    except (NoImageError, OverflowError):
        return None


DateForm = tuple[Callable[[Any], date | None], Callable[[date], Any]]

_DATE_FORMS: Mapping[str, DateForm] = {
    "iso": (lambda value: iso_date(value) if isinstance(value, str) else None, date.isoformat),
    "midnight": (
        lambda value: _midnight(value) if isinstance(value, str) else None,
        lambda value: f"{value.isoformat()}T00:00:00Z",
    ),
    "epoch_days": (lambda value: _from_epoch(value, 1), lambda value: (value - _EPOCH).days),
    "epoch_ms": (lambda value: _from_epoch(value, 86_400_000), lambda value: (value - _EPOCH).days * 86_400_000),
}


def _pattern_form(pattern: Pattern) -> DateForm:
    def read(value: Any) -> date | None:
        time = pattern.read(value) if isinstance(value, str) else None
        return time.date() if time else None

    return read, pattern.write


def date_(options: Reader, field: Field) -> Plain:
    """A calendar day. format: iso, midnight (an ISO instant at 00:00 UTC), epoch_days, epoch_ms, or like %d.%m.%Y."""
    form = options.text("format", "iso") or "iso"
    known = _DATE_FORMS.get(form)
    if known is None:
        known = _read_pattern(options, form, "%Y %m %d", _DATE_FORMS, _pattern_form) or _DATE_FORMS["iso"]
    read, write = known

    def decode(value: Any) -> date | None:
        if type(value) is date:
            return value
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
        found = read(value)
        if found is None:
            raise NoImageError(f"{shown(value)} is not a date in the form {form}")
        return found

    def encode(value: Any) -> Any:
        if type(value) is not date:
            raise NoImageError(f"{shown(value)} is not a date")
        return write(value)

    return Plain(decode, encode)


def _read_pattern(
    options: Reader, form: str, needed: str, named: Mapping[str, Any], build: Callable[[Pattern], Any]
) -> Any:
    try:
        return build(Pattern(form, needed))
    except ValueError:
        expected = f"{', '.join(named)} or a layout of {needed} like {needed.replace(' ', '-')}"
        options.problem("format", f"`{form}`", expected, nearest(form, named))
        return None


# ------------------------------------------------------------------------------------------------ instants


def _iso_time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < 16 or value[10] not in "T ":
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _epoch_time(milliseconds: int) -> Callable[[Any], datetime | None]:
    def read(value: Any) -> datetime | None:
        try:
            return _START + timedelta(milliseconds=int(read_number(value) * milliseconds))
        except (NoImageError, OverflowError):
            return None

    return read


def _utc_text(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.").zfill(20) + f"{value.microsecond // 1000:03}Z"


_TIME_FORMS: Mapping[str, tuple[Callable[[Any], datetime | None], Callable[[datetime], Any]]] = {
    "iso": (_iso_time, _utc_text),
    "epoch_ms": (_epoch_time(1), lambda value: (value - _START) // timedelta(milliseconds=1)),
    "epoch_s": (_epoch_time(1000), lambda value: (value - _START) // timedelta(seconds=1)),
}


class LocalTime:
    """Times without an offset in one zone. ambiguous: earlier, later or hold, for the hour that comes twice."""

    def __init__(self, zone: ZoneInfo, ambiguous: str) -> None:
        self.zone = zone
        self.ambiguous = ambiguous

    def to_utc(self, local: datetime) -> datetime:
        """Raises NoImageError for a time that the clocks skipped, or that came twice and is to be held."""
        first = local.replace(tzinfo=self.zone, fold=0)
        second = first.replace(fold=1)
        utc = first.astimezone(UTC)
        if first.utcoffset() == second.utcoffset():
            return utc
        if utc.astimezone(self.zone).replace(tzinfo=None) != local:
            raise NoImageError(f"`{local}` does not exist in {self.zone.key}: the clocks skipped it")
        if self.ambiguous == "hold":
            raise NoImageError(f"`{local}` came twice in {self.zone.key}; `ambiguous: earlier` or `later` decides")
        return utc if self.ambiguous == "earlier" else second.astimezone(UTC)

    def from_utc(self, value: datetime) -> datetime:
        return value.astimezone(self.zone).replace(tzinfo=None, fold=0)


def _floor(value: datetime, step: timedelta) -> datetime:
    return value - (value - _START) % step


def instant(options: Reader, field: Field) -> Plain:
    """A moment in UTC, to the millisecond. format: iso, epoch_ms, epoch_s, or like %d.%m.%Y %H:%M.

    zone: where times without offset belong (without it they are held). precision: millisecond, second, minute or day,
    what this system keeps; finer detail is dropped when written to it.
    """
    local = _read_zone(options)
    step = _PRECISIONS[options.choice("precision", _PRECISIONS, "millisecond") or "millisecond"]
    read, write = _read_time_form(options, local)

    def decode(value: Any) -> datetime | None:
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
        found = read(value)
        if found is None:
            raise NoImageError(f"{shown(value)} is not a point in time in the form given")
        if found.tzinfo is None:
            if local is None:
                raise NoImageError(f"{shown(value)} has no offset; `zone:` says where it belongs")
            found = local.to_utc(found)
        return _floor(_to_utc(found), step)

    def encode(value: Any) -> Any:
        if type(value) is not datetime or value.tzinfo is None:
            raise NoImageError(f"{shown(value)} is not a point in time")
        coarse = _floor(_to_utc(value), step)
        raw = write(coarse)
        if decode(raw) != coarse:
            raise NoImageError(f"{_utc_text(coarse)} cannot be told apart in local time; the clocks went back")
        return raw

    return Plain(decode, encode, lossy=step > _PRECISIONS["millisecond"])


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise NoImageError(f"`{value}` is out of range") from None


def _read_time_form(options: Reader, local: LocalTime | None) -> Any:
    form = options.text("format", "iso") or "iso"
    if form == "iso" and local is not None:
        return _iso_time, lambda value: local.from_utc(value).isoformat(timespec="milliseconds")
    if form in _TIME_FORMS:
        return _TIME_FORMS[form]
    if local is None:
        known = [*_TIME_FORMS, "%d.%m.%Y %H:%M with `zone:`"]
        options.problem("format", f"`{form}`", ", ".join(known), nearest(form, _TIME_FORMS))
        return _TIME_FORMS["iso"]
    seconds = "%S" in form

    def build(pattern: Pattern) -> Any:
        def read(value: Any) -> datetime | None:
            return pattern.read(value) if isinstance(value, str) else None

        return read, lambda value: pattern.write(local.from_utc(value))

    if not seconds and options.text("precision") in (None, "second", "millisecond"):
        options.problem("format", f"`{form}` without seconds", "`precision: minute` beside it")
    return _read_pattern(options, form, "%Y %m %d %H %M", _TIME_FORMS, build) or _TIME_FORMS["iso"]


def _read_zone(options: Reader) -> LocalTime | None:
    ambiguous = options.choice("ambiguous", ("hold", "earlier", "later"), "hold") or "hold"
    name = options.text("zone")
    if name is None:
        return None
    try:
        return LocalTime(ZoneInfo(name), ambiguous)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones())
        options.problem("zone", f"`{name}`", "a time zone such as `Europe/Berlin`", hint)
        return None
