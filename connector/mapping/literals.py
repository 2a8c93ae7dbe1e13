"""Canonical values as people write them in a mapping: constants, defaults, and the values of `tests:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import ABSENT, Absent
from connector.mapping.currencies import currency_code
from connector.mapping.located import Document, Node, listed, nearest
from connector.mapping.numbers import read_number
from connector.mapping.texts import composed
from connector.mapping.times import iso_date
from connector.model.entities import Field, FieldType
from connector.model.values import Line, Money, Ref, Value


def _money(node: Node) -> Money:
    amount, _, currency = node.raw.strip().rpartition(" ")
    code = currency_code(currency) if amount else None
    if code is None:
        raise NoImageError("no currency")
    return Money(read_number(amount), code)


def _instant(node: Node) -> datetime:
    found = datetime.fromisoformat(node.raw.strip())
    if found.tzinfo is None:
        raise ValueError(node.raw)
    return found.astimezone(UTC)


def _day(node: Node) -> Any:
    found = iso_date(node.raw.strip())
    if found is None:
        raise ValueError(node.raw)
    return found


def _truth(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise ValueError(node.raw)
    return node.value


def _whole(node: Node) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise ValueError(node.raw)
    return node.value


def _plain(node: Node) -> str:
    if isinstance(node.value, bool):
        raise ValueError(node.raw)
    return composed(node.raw)


_READ: Mapping[FieldType, tuple[Callable[[Node], Value], str]] = {
    FieldType.TEXT: (_plain, "text"),
    FieldType.NOTE: (_plain, "text"),
    FieldType.ENUM: (_plain, "a choice"),
    FieldType.BOOLEAN: (_truth, "true or false"),
    FieldType.INTEGER: (_whole, "a whole number"),
    FieldType.DECIMAL: (lambda node: read_number(node.raw), "a number"),
    FieldType.MONEY: (_money, 'an amount with its currency, such as "12.50 EUR"'),
    FieldType.PRICE: (_money, 'an amount with its currency, such as "12.50 EUR"'),
    FieldType.DATE: (_day, "a date YYYY-MM-DD"),
    FieldType.INSTANT: (_instant, "a point in time with offset, such as 2026-01-31T12:00:00Z"),
}


def canonical_value(document: Document, node: Node, field: Field) -> Value | Absent:
    """The canonical value of a field as typed; null is None. ABSENT, with the problem noted, for a mistake."""
    if node.value is None:
        return None
    if field.type is FieldType.LINES:
        return _lines(document, node, field)
    if isinstance(node.value, (dict, list)):
        document.problem(node, node.shown, f"one value for {field.name}")
        return ABSENT
    if field.type is FieldType.REF:
        return Ref(field.ref or "", node.raw.strip())
    read, expected = _READ[field.type]
    try:
        value = read(node)
    except (ValueError, NoImageError, OverflowError):
        document.problem(node, node.shown, f"{expected} for {field.name}")
        return ABSENT
    if field.type is FieldType.ENUM and value not in field.choices:
        document.problem(
            node, node.shown, f"{listed(field.choices)} for {field.name}", nearest(node.raw, field.choices)
        )
        return ABSENT
    return value


def _lines(document: Document, node: Node, field: Field) -> tuple[Line, ...] | Absent:
    if not isinstance(node.value, list):
        document.problem(node, node.shown, f"a list of lines for {field.name}")
        return ABSENT
    return tuple(_line(document, item, field) for item in node.value)


def _line(document: Document, node: Node, field: Field) -> Line:
    """`key:` and `partner:` are the line's ids, the rest its canonical values."""
    reader = document.reader_of(node, "a line")
    key, partner = reader.text("key"), reader.text("partner")
    values: dict[str, Value] = {}
    for name, item in reader:
        if name in ("key", "partner"):
            continue
        known = field.lines.get(name)
        if known is None:
            document.unknown(reader.place(name), name, "a field of the line", field.lines)
            continue
        value = canonical_value(document, item, known)
        if value is not ABSENT:
            values[name] = value
    return Line(key, partner, values)


def system_value(node: Node) -> Any:
    """A system's value as typed in `given:`: text, number, true, false, null, lists and mappings of them."""
    return node.plain


def shown_value(value: Any) -> str:
    """A canonical or system value as messages show it."""
    if isinstance(value, (Money, Decimal)):
        return f"`{value}`"
    if isinstance(value, Ref):
        return f"`{value.entity} {value.key}`"
    if isinstance(value, tuple):
        return f"{len(value)} lines"
    return "null" if value is None else "nothing" if value is ABSENT else f"`{value}`"
