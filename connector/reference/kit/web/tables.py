"""What a template shows of records: cells, tables, facts and boxes. Pure but for the names of referred records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from connector.reference.kit.records import Record
from connector.reference.kit.web import show
from connector.reference.kit.web.site import Link

Names = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a field, how it is shown, and its heading.

    `kind` is text, link (to the record itself), ref (to the record of object `ref`), money, number, date, bool or pill.
    `currency` names the field that holds the currency of an amount.
    """

    field: str
    kind: str = "text"
    title: str = ""
    ref: str = ""
    currency: str = "currency"

    @property
    def label(self) -> str:
        return self.title or show.label(self.field, self.kind == "ref")

    @property
    def css(self) -> str:
        return {"money": "r", "number": "r", "date": "n"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    kind: str = "text"
    href: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `empty` and `todo` say what to do when there are none, `more` leads to the rest."""

    title: str
    heads: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    todo: Link | None = None
    add: Link | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str
    kind: str = "text"
    href: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One stop on the way of a deal or order."""

    label: str
    done: bool = False
    now: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """Facts under a heading, beside the form; `empty` is said when there are none yet."""

    title: str
    facts: tuple[Fact, ...]
    empty: str = ""
    status: str = ""
    way: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    tone: str = ""


def cell(column: Column, record: Record, names: Names) -> Cell:
    """The cell of a record under a column; `names` gives the name of a record by object and id."""
    value = record.id if column.field == "id" else record.fields.get(column.field)
    css = column.css
    if column.kind == "link":
        return Cell(str(value or record.id), "link", f"/{record.type.name}/{record.id}", css)
    if column.kind == "ref":
        href = f"/{column.ref}/{value}" if value else ""
        return Cell(names(column.ref, str(value)) if value else "", "link" if value else "text", href, css)
    if column.kind == "money":
        return Cell(show.money(value, record.fields.get(column.currency)), css=css)
    if column.kind == "number":
        return Cell(show.number(value), css=css)
    if column.kind == "bool":
        return Cell("yes" if value else "no")
    return Cell("" if value is None else str(value), column.kind, css=css)


def table(
    title: str, columns: Sequence[Column], records: Sequence[Record], names: Names, empty: str,
    *, without: Collection[str] = (), todo: Link | None = None, add: Link | None = None, more: str = "",
) -> Table:  # fmt: skip
    """A table of records; columns named in `without` are left out."""
    heads = tuple(column for column in columns if column.field not in without)
    rows = tuple(
        Row(f"{each.type.name}-{each.id}-{each.version}", tuple(cell(head, each, names) for head in heads))
        for each in records
    )
    return Table(title, heads, rows, empty, todo, add, more)


def total(label: str, fields: Mapping[str, object], name: str) -> Fact:
    """One line under a list of lines, such as the tax."""
    return Fact(label, show.money(fields.get(name), fields.get("currency")))


def way(stops: Sequence[str], state: str) -> tuple[Step, ...]:
    """The stops up to the state as done; none when the state is not on the way."""
    at = stops.index(state) if state in stops else -1
    return tuple(Step(show.words(stop), number <= at, number == at) for number, stop in enumerate(stops))
