"""Documents with lines that are only looked at: their lines and sums; references as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.reference.kit.records import Record
from connector.reference.kit.web import show
from connector.reference.kit.web.desk import Desk
from connector.reference.kit.web.tables import Cell, Column, Fact, total


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines as a table; `totals` stand below."""

    heads: tuple[Column, ...]
    cells: tuple[tuple[Cell, ...], ...]
    totals: tuple[Fact, ...]


def lines(desk: Desk, record: Record, heads: Sequence[Column], sums: Sequence[tuple[str, str]]) -> Lines:
    """The lines of a record under the columns, and its sums as (label, field)."""
    cells = tuple(tuple(_cell(desk, head, line) for head in heads) for line in record.fields["lines"])
    return Lines(tuple(heads), cells, tuple(total(label, record.fields, name) for label, name in sums))


def reference(desk: Desk, record: Record, field: str, title: str = "") -> Fact:
    """The record a field refers to, by name and with the way there."""
    key, target = record.fields[field], desk.service.type(record.type.name).by_name[field].ref
    label = title or show.label(field, reference=True)
    return Fact(label, desk.name(target, key), href=f"/{target}/{key}") if key and target else Fact(label, "")


def value(record: Record, field: str, title: str = "") -> Fact:
    """A field as it is stored."""
    return Fact(title or show.label(field), str(record.fields[field] or ""))


def amount(record: Record, field: str, title: str = "", css: str = "", currency: str = "currency") -> Fact:
    """An amount with its currency."""
    return Fact(title or show.label(field), show.money(record.fields[field], record.fields[currency]), css=css)


def _cell(desk: Desk, head: Column, line: Mapping[str, Any]) -> Cell:
    found = line[head.field]
    if head.kind == "ref":
        return Cell(desk.name(head.ref, found), "link", f"/{head.ref}/{found}") if found else Cell("")
    if head.kind == "money":
        return Cell(show.money(found), css="r")
    if head.kind == "number":
        return Cell(show.number(found), css="r")
    return Cell(str(found or ""))
