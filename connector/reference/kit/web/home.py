"""The front page: a few figures, and what has changed last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.reference.kit.records import LIVE, Record
from connector.reference.kit.service import Service
from connector.reference.kit.web import show
from connector.reference.kit.web.desk import Desk, label
from connector.reference.kit.web.site import Call, Link, View
from connector.reference.kit.web.tables import Cell, Column, Row, Table

RECENT = 12


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    detail: str
    href: str


def sums(service: Service, name: str, group: str, amount: str) -> dict[str, tuple[int, dict[str, Decimal]]]:
    """Per value of a field: how many live records, and their exact sums per currency."""
    parts = ", ".join(f"json_extract(CAST(fields AS TEXT), '$.{each}')" for each in (group, "currency", amount))
    counts: dict[str, int] = defaultdict(int)
    totals: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for value, currency, text in service.store.rows(f"SELECT {parts} FROM o_{name} WHERE state = {LIVE}"):
        counts[str(value)] += 1
        totals[str(value)][str(currency or "")] += show.decimal(text) or Decimal(0)
    return {value: (counts[value], dict(totals[value])) for value in counts}


def amounts(totals: Iterable[tuple[str, Decimal]]) -> str:
    """The sums per currency, largest first: `1,200.00 EUR, 30.00 USD`; sums of nothing are left out."""
    summed: dict[str, Decimal] = defaultdict(Decimal)
    for currency, total in totals:
        summed[currency] += total
    ordered = sorted(((total, currency) for currency, total in summed.items() if total), reverse=True)
    return ", ".join(show.money(total, currency) for total, currency in ordered)


def recent(desk: Desk) -> Table:
    """The records that changed last, over all objects."""
    found: list[Record] = []
    for sheet in desk.sheets.values():
        kind = desk.service.type(sheet.object)
        found += desk.service.store.records(kind, f"state = {LIVE} ORDER BY seq DESC LIMIT ?", (RECENT,))
    found.sort(key=lambda record: (record.modified, record.seq), reverse=True)
    heads = (Column("what"), Column("name"), Column("by"), Column("changed"))
    rows = tuple(
        Row(
            f"{record.type.name}-{record.id}-{record.version}",
            (
                Cell(show.words(desk.sheets[record.type.name].noun)),
                Cell(label(record), "link", f"/{record.type.name}/{record.id}"),
                Cell(record.modified_by),
                Cell(show.instant(record.modified), css="n"),
            ),
        )
        for record in found[:RECENT]
    )
    return Table("Changed last", heads, rows, "Nothing is here yet. Create the first record with the button above.")


def add_home(desk: Desk, title: str, tiles: Callable[[Service], Sequence[Tile]], new: Sequence[Link]) -> None:
    """The page at `/`."""

    def home(call: Call) -> View:
        content = {"tiles": tiles(desk.service), "recent": recent(desk), "new": new}
        return View("home.html", title, content, watch="/")

    desk.site.page("/", home)
