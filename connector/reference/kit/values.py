"""Checks what a user writes and brings it to the one form in which it is stored; errors name the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pycountry

from connector.reference.kit.money import minor_digits
from connector.reference.kit.objects import Field, Fields, ObjectType
from connector.reference.kit.problems import invalid

MAX_LINES = 1000
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,10})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def _text(field: Field, where: str, value: Any) -> str | None:
    if not isinstance(value, str):
        raise invalid(where, "must be a text.")
    if field.max_length is not None and len(value) > field.max_length:
        raise invalid(where, f"is longer than {field.max_length} characters.", "too_long")
    return value or None


def _decimal(field: Field, where: str, value: Any) -> str:
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise invalid(where, 'must be a number written as a text, such as "12.50".')
    return shortest(value)


def shortest(value: str) -> str:
    """One text per number: no zeros at either end, no minus before zero."""
    sign = "-" if value[0] == "-" else ""
    whole, _, rest = value.removeprefix("-").partition(".")
    short = (whole.lstrip("0") or "0") + ("." + rest.rstrip("0") if rest.rstrip("0") else "")
    return short if short == "0" else sign + short


def _percent(field: Field, where: str, value: Any) -> str:
    short = _decimal(field, where, value)
    if field.name == "discount_percent" and not 0 <= Decimal(short) <= 100:
        raise invalid(where, "must be between 0 and 100.")
    return short


def _integer(field: Field, where: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 10**15:
        raise invalid(where, "must be a whole number.")
    return value


def _boolean(field: Field, where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise invalid(where, "must be true or false.")
    return value


def parse_date(where: str, value: Any) -> str:
    """`YYYY-MM-DD` of a day that exists; raises ServiceError 422."""
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise invalid(where, "must be a date, YYYY-MM-DD.")


def _choice(field: Field, where: str, value: Any) -> str:
    if not isinstance(value, str) or value not in field.choices:
        raise invalid(where, f"must be one of {', '.join(field.choices)}.")
    return value


def _currency(field: Field, where: str, value: Any) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise invalid(where, "must be a currency code of three capital letters, such as EUR.")
    return value


def _country(field: Field, where: str, value: Any) -> str:
    if not isinstance(value, str) or value not in _countries():
        raise invalid(where, "must be a country code of ISO 3166, such as DE.")
    return value


@cache
def _countries() -> frozenset[str]:
    return frozenset(country.alpha_2 for country in pycountry.countries)


_CLEAN: dict[str, Callable[[Field, str, Any], Any]] = {
    "text": _text,
    "reference": _text,
    "decimal": _percent,
    "amount": _decimal,
    "price": _decimal,
    "integer": _integer,
    "date": lambda field, where, value: parse_date(where, value),
    "boolean": _boolean,
    "choice": _choice,
    "currency": _currency,
    "country": _country,
}


def clean(kind: ObjectType, given: Any, *, application: bool = False) -> Fields:
    """The given fields, each in its stored form; `lines` stays as given. Raises ServiceError 422.

    application: the write is the application's own and may set read-only fields.
    """
    if not isinstance(given, dict):
        raise invalid("fields", "must be an object.")
    return {
        name: value if name == "lines" and value is not None else _clean(kind.by_name, name, name, value, application)
        for name, value in given.items()
    }


def _clean(known: Mapping[str, Field], name: str, where: str, value: Any, application: bool) -> Any:
    field = known.get(name)
    if field is None:
        raise invalid(where[:80], "is not a field of this object.", "unknown_field")
    if not field.writable and not application:
        raise invalid(where, "is read only.", "read_only")
    if value is not None and field.type != "lines":
        value = _CLEAN[field.type](field, where, value)
    elif field.type == "lines":
        value = []
    if value is None and field.type == "boolean":
        value = field.default
    if value is None and field.required:
        raise invalid(where, "must not be empty.", "required")
    return value


def clean_lines(kind: ObjectType, old: list[Fields], given: Any, last_line: int) -> tuple[list[Fields], int]:
    """The list of lines after the write, and the highest line number ever used. Raises ServiceError 422."""
    if not isinstance(given, list):
        raise invalid("lines", "must be a list.")
    if len(given) > MAX_LINES:
        raise invalid("lines", f"has more than {MAX_LINES} lines.", "too_long")
    kept = {line["id"]: line for line in old}
    lines = []
    for index, item in enumerate(given):
        where = f"lines[{index}]"
        if not isinstance(item, dict):
            raise invalid(where, "must be an object.")
        key = item.get("id")
        if key is None:
            last_line += 1
            line = {"id": f"L-{last_line}", "external_id": None, **kind.line_blank}
        else:
            line = dict(_take(kept, key, where))
        _write_line(kind, line, item, where)
        lines.append(line)
    return lines, last_line


def _take(kept: dict[str, Fields], key: Any, where: str) -> Fields:
    line = kept.pop(key, None) if isinstance(key, str) else None
    if line is None:
        raise invalid(f"{where}.id", "is not a line of this record, or is there twice.", "unknown_line")
    return line


_LINE_EXTERNAL = {"external_id": Field(name="external_id", max_length=255)}


def _write_line(kind: ObjectType, line: Fields, item: Fields, where: str) -> None:
    for name, value in item.items():
        if name == "external_id":
            line[name] = _clean(_LINE_EXTERNAL, name, f"{where}.{name}", value, False)
        elif name != "id":
            line[name] = _clean(kind.line_fields, name, f"{where}.{name}", value, False)
    for field in kind.lines:
        if field.required and line[field.name] is None:
            raise invalid(f"{where}.{field.name}", "must not be empty.", "required")


def scale(kind: ObjectType, fields: Fields) -> None:
    """Bring amounts and prices to the decimals of their currency. Raises ServiceError 422 when an amount is finer."""
    for field in kind.scaled:
        if fields[field.name] is not None:
            fields[field.name] = _scaled(field, field.name, fields[field.name], fields.get(field.currency))
    if kind.lines and fields["lines"]:
        currency = fields.get("currency")
        prices = [field for field in kind.lines if field.type == "price"]
        for index, line in enumerate(fields["lines"]):
            for field in prices:
                if line[field.name] is not None:
                    line[field.name] = _scaled(field, f"lines[{index}].{field.name}", line[field.name], currency)


def _scaled(field: Field, where: str, value: str, currency: str | None) -> str:
    digits = minor_digits(currency)
    whole, _, rest = value.partition(".")
    rest = rest.rstrip("0") if len(rest) > digits else rest
    if field.type == "amount" and len(rest) > digits:
        raise invalid(where, f"has more decimals than {currency or 'an amount'} allows.", "too_precise")
    return f"{whole}.{rest.ljust(digits, '0')}" if digits or rest else whole


def check_required(kind: ObjectType, fields: Fields) -> None:
    """Raises ServiceError 422 for the first required field that is empty."""
    for name in kind.required:
        if fields[name] is None:
            raise invalid(name, "must not be empty.", "required")


def check_size(field: str, value: str) -> None:
    """Raises ServiceError 422 when a computed figure is beyond what the application keeps."""
    if not _DECIMAL.fullmatch(value):
        raise invalid(field, "make a figure that is too large.", "too_large")
