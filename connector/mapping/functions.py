"""The pure functions of the expression language, and its reading of plain values. Null in gives null out, mostly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from connector.errors import NoImageError
from connector.mapping.numbers import read_number
from connector.model import canonical

MAX_TEXT = 10_000
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how it is written, how many arguments it takes, and what it does."""

    usage: str
    least: int
    most: int
    run: Callable[..., Any]


def plain(value: Any) -> Any:
    """A system's value as the language knows it: text, Decimal, true or false, null, or a list."""
    if type(value) is str or value is None or type(value) is bool:
        return value
    if isinstance(value, (int, float, Decimal)):
        return read_number(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def kind(value: Any) -> str:
    """How a message names the kind of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, str):
        return "text"
    return "a number" if isinstance(value, Decimal) else "a list" if isinstance(value, (list, tuple)) else "a structure"


def truth(value: Any) -> bool:
    """true or false; null is false. Raises NoImageError for anything else."""
    if value is True or value is False:
        return bool(value)
    if value is None:
        return False
    raise NoImageError(f"expected true or false, found {kind(value)}; compare it with something")


def as_number(value: Any) -> Decimal:
    """A number or text that holds one. Raises NoImageError otherwise."""
    return read_number(value)


def as_text(value: Any) -> str:
    """Text; numbers in plain notation. Raises NoImageError for lists and structures."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return canonical.number(value)
    raise NoImageError(f"expected text, found {kind(value)}")


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise NoImageError(f"the text grows beyond {MAX_TEXT} characters")
    return text


def _on_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null when any argument is null; text otherwise."""

    def run(*values: Any) -> Any:
        if any(value is None for value in values):
            return None
        return function(*[as_text(value) for value in values])

    return run


def _on_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null when any argument is null; numbers otherwise."""

    def run(*values: Any) -> Any:
        if any(value is None for value in values):
            return None
        if not all(isinstance(value, Decimal) for value in values):
            raise NoImageError("expected numbers; number(x) reads text as a number")
        return function(*values)

    return run


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def _concat(*values: Any) -> str:
    return _bounded("".join(as_text(value) for value in values if value is not None))


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        raise NoImageError("replace needs a text to look for")
    if len(text) + text.count(old) * len(new) > MAX_TEXT:
        raise NoImageError(f"the text grows beyond {MAX_TEXT} characters")
    return text.replace(old, new)


def _whole(value: Decimal, most: int) -> int:
    if value != value.to_integral_value() or not 0 <= value <= most:
        raise NoImageError(f"expected a whole number from 0 to {most}, found {canonical.number(value)}")
    return int(value)


def _part(text: Any, start: Any, length: Any = None) -> Any:
    if text is None or start is None:
        return None
    if not isinstance(start, Decimal) or not (length is None or isinstance(length, Decimal)):
        raise NoImageError("substring needs numbers for start and length")
    first = _whole(start, MAX_TEXT)
    last = None if length is None else first + _whole(length, MAX_TEXT)
    return as_text(text)[first:last]


def _round(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-_whole(places, 12)), context=_CONTEXT)


def _length(value: Any) -> Any:
    if value is None:
        return Decimal(0)
    return Decimal(len(value) if isinstance(value, (list, tuple)) else len(as_text(value)))


def _upper(text: str) -> str:
    return _bounded(text.upper())


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function("abs(n)", 1, 1, _on_numbers(abs)),
    "coalesce": Function("coalesce(a, b, ...)", 1, 20, _coalesce),
    "concat": Function("concat(a, b, ...)", 1, 20, _concat),
    "contains": Function("contains(text, part)", 2, 2, _on_text(lambda text, part: part in text)),
    "empty": Function("empty(x)", 1, 1, lambda value: value is None or value == "" or value == []),
    "endswith": Function("endswith(text, end)", 2, 2, _on_text(lambda text, end: text.endswith(end))),
    "length": Function("length(text)", 1, 1, _length),
    "lower": Function("lower(text)", 1, 1, _on_text(lambda text: _bounded(text.lower()))),
    "max": Function("max(a, b, ...)", 2, 20, _on_numbers(max)),
    "min": Function("min(a, b, ...)", 2, 20, _on_numbers(min)),
    "number": Function("number(text)", 1, 1, lambda value: None if value in (None, "") else as_number(value)),
    "replace": Function("replace(text, old, new)", 3, 3, _on_text(_replace)),
    "round": Function("round(n, places)", 1, 2, _on_numbers(_round)),
    "startswith": Function("startswith(text, start)", 2, 2, _on_text(lambda text, start: text.startswith(start))),
    "substring": Function("substring(text, start, length)", 2, 3, _part),
    "text": Function("text(x)", 1, 1, _on_text(lambda text: text)),
    "title": Function("title(text)", 1, 1, _on_text(lambda text: _bounded(text.title()))),
    "trim": Function("trim(text)", 1, 1, _on_text(lambda text: text.strip())),
    "upper": Function("upper(text)", 1, 1, _on_text(_upper)),
}
