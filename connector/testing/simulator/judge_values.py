"""What a record shows, unit by unit, in values that compare equal across both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from decimal import Decimal
from typing import Any

from connector.engine.spec import SyncSpec
from connector.errors import NoImageError
from connector.merge.rules import Flow, Unit
from connector.model.records import Key
from connector.model.values import Line, Money, Ref, Side, Value, shown_value

NameOf = Callable[[Side, str, Key], str]
"""(side, entity, key) -> the identity of that record; the key itself while it is not known."""

LABELS: Mapping[str, str] = {"product": "sku"}
LINES = "lines"
REF = "ref"
PRESENT, ABSENT = True, False
"""Whether a line is there is a value like any other: a person types it by adding and by removing the line."""


def identity_of(spec: SyncSpec, side: Side, key: Key, fields: Mapping[str, Any]) -> str:
    """The label of a new record, the same on both sides; side and key where a record shows none."""
    name = LABELS.get(spec.entity.name, "name")
    label = spec.systems[side].mapping.decode(fields).values.get(name)
    return str(label) if label else f"{side}:{key}"


def decoded(spec: SyncSpec, side: Side, fields: Mapping[str, Any]) -> dict[str, Value]:
    """Canonical values of a record, as its side's mapping reads them."""
    return spec.systems[side].mapping.decode(fields).values


def references(values: Mapping[str, Value]) -> list[Ref]:
    """Every reference of a record or of a body, lines included."""
    lines = values.get(LINES)
    shown = [line.values for line in lines if isinstance(line, Line)] if isinstance(lines, tuple) else []
    return [value for part in (values, *shown) for value in part.values() if isinstance(value, Ref)]


def units_of(spec: SyncSpec, side: Side, values: Mapping[str, Value], name_of: NameOf) -> dict[str, Hashable]:
    """Unit -> comparable value. Lines become a unit per line (`lines/LABEL`) and one per field of it.

    What has no canonical form (a status nobody mapped) is left out. The second line of one label is `LABEL~2`.
    """
    found: dict[str, Hashable] = {}
    for unit in spec.units:
        if unit.flow is Flow.NONE:
            continue
        if unit.is_lines:
            lines = values.get(LINES)
            if isinstance(lines, tuple):
                found.update(_lines(side, [line for line in lines if isinstance(line, Line)], name_of))
        elif len(unit.fields) == 1:
            if unit.name in values:
                found[unit.name] = comparable(values[unit.name], side, name_of)
        else:
            parts = [values.get(name) for name in unit.fields]
            if any(name in values for name in unit.fields):
                found[unit.name] = tuple(comparable(part, side, name_of) for part in parts)
    return found


def _lines(side: Side, lines: list[Line], name_of: NameOf) -> dict[str, Hashable]:
    found: dict[str, Hashable] = {}
    for label, line in labelled(lines).items():
        found[f"{LINES}/{label}"] = PRESENT
        for name, value in line.values.items():
            if name != "description":
                found[f"{LINES}/{label}/{name}"] = comparable(value, side, name_of)
    return found


def labelled(lines: list[Line]) -> dict[str, Line]:
    """Lines by their label; a label that comes again gets a number."""
    found: dict[str, Line] = {}
    for line in lines:
        label = str(line.values.get("description") or f"#{line.key}")
        number = 1
        while (name := label if number == 1 else f"{label}~{number}") in found:
            number += 1
        found[name] = line
    return found


def label_of(unit: str) -> str:
    """The label of a line's unit, without the number of one that comes again; empty for what is no line."""
    head, _, rest = unit.partition("/")
    return rest.partition("/")[0].partition("~")[0] if head == LINES else ""


def contents_of(values: Mapping[str, Value], labels: Collection[str]) -> Counter[tuple[str, Hashable, Hashable]]:
    """What the lines of these labels come to, however they are named: label, quantity and price of each."""
    lines = values.get(LINES)
    shown = [line.values for line in lines if isinstance(line, Line)] if isinstance(lines, tuple) else []
    return Counter(
        (str(line["description"]), line.get("quantity"), line.get("unit_price"))
        for line in shown
        if line.get("description") in labels
    )


def comparable(value: Value, side: Side, name_of: NameOf) -> Hashable:
    """The value itself; a reference by the identity it points to, an empty text as none."""
    if isinstance(value, Ref):
        return (REF, value.entity, name_of(side, value.entity, value.key))
    return None if value == "" else value


def is_line(unit: str) -> bool:
    """Whether it stands for a line as such, not for one of its fields."""
    return unit.startswith(LINES) and unit.count("/") == 1


def is_empty(value: Hashable) -> bool:
    """Whether nothing is there to be lost. A line's presence is never empty: removing it was somebody's doing."""
    if isinstance(value, tuple) and not isinstance(value, Money) and value[:1] != (REF,):
        return all(part is None for part in value)
    return value is None


def agree(spec: SyncSpec, unit: Unit, left: Mapping[str, Value], right: Mapping[str, Value]) -> bool:
    """C of the protocol: one side shows what the other would show, if it were written there. References apart."""
    return any(
        _is_image(spec, unit, target, source, shown)
        for target, source, shown in ((Side.RIGHT, left, right), (Side.LEFT, right, left))
    )


def _is_image(
    spec: SyncSpec, unit: Unit, target: Side, source: Mapping[str, Value], shown: Mapping[str, Value]
) -> bool:
    mapping = spec.systems[target].mapping
    try:
        return all(
            name in mapping.writable and mapping.image(name, source[name], source) == shown.get(name)
            for name in unit.fields
            if name in source
        )
    except NoImageError:
        return False


def amount_of(values: Mapping[str, Value]) -> Decimal:
    """Sum of quantity times price over all lines, exactly."""
    lines = values.get(LINES)
    total = Decimal(0)
    for line in lines if isinstance(lines, tuple) else ():
        if isinstance(line, Line):
            quantity, price = line.values.get("quantity"), line.values.get("unit_price")
            if isinstance(quantity, Decimal) and isinstance(price, Money):
                total += quantity * price.amount
    return total


def has_float(value: Any) -> bool:
    """Whether a float is anywhere inside."""
    if isinstance(value, Mapping):
        return any(has_float(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(has_float(part) for part in value)
    return isinstance(value, float)


def told(unit: str, values: Mapping[str, Value], fields: tuple[str, ...], body: Mapping[str, str]) -> bool:
    """Whether a journal line's values name what a record showed of a unit, as a person reads it."""
    if not unit.startswith(LINES):
        return all(body.get(name) == (shown_value(values.get(name)) or "") for name in fields if name in values)
    label = unit.split("/")[1]
    pieces = body.get(LINES, "").split("; ")
    lines = values.get(LINES)
    line = labelled([x for x in lines if isinstance(x, Line)]).get(label) if isinstance(lines, tuple) else None
    if line is None:
        name, again, number = label.partition("~")
        there = sum(f"description {name}" in piece.split(", ") for piece in pieces)
        return LINES in body and there < (int(number) if again else 1)
    return (shown_value((line,)) or "") in pieces
