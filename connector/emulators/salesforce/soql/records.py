"""Rows of a query as records of its answer, page by page (contract §2.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.emulators.salesforce.ids import numbered
from connector.emulators.salesforce.soql.compile import Compiled, Shape
from connector.emulators.salesforce.store import Store
from connector.emulators.salesforce.values import writer

Row = tuple[Any, ...]
Record = dict[str, Any]
Children = dict[str, dict[str, list[Row]]]

_KEYS_AT_ONCE = 5_000


@dataclass
class Found:
    """The rows of a query as they were when it ran. children: relationship -> parent's id -> rows."""

    compiled: Compiled
    rows: list[Row]
    children: Children = field(default_factory=dict)


def run(store: Store, compiled: Compiled) -> Found:
    """All rows of the query, and of its subqueries."""
    rows = store.rows(compiled.sql, compiled.parameters)
    found = Found(compiled, rows)
    for name, child in compiled.shape.children.items():
        found.children[name] = _children(store, child, [row[0] for row in rows])
    return found


def _children(store: Store, child: Compiled, keys: Sequence[str]) -> dict[str, list[Row]]:
    by_parent: dict[str, list[Row]] = {}
    link = _link_column(child.shape)
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        sql = child.sql % ",".join("?" * len(part))
        for row in store.rows(sql, (*child.parameters, *part)):
            of_parent = by_parent.setdefault(row[link], [])
            if child.limit is None or len(of_parent) < child.limit:
                of_parent.append(row)
    return by_parent


def _link_column(shape: Shape) -> int:
    """The parent's id is selected behind everything else."""
    return 1 + max([shape.key, *(column for _, _, column in shape.fields), *map(_link_above, shape.parents.values())])


def _link_above(shape: Shape) -> int:
    return _link_column(shape) - 1


def reader(shape: Shape, base: str, numbers: str) -> Callable[[Row], Record]:
    """How a row becomes a record. base: `/services/data/v68.0`."""
    name = shape.kind.name
    url = f"{base}/sobjects/{name}/"
    key = shape.key
    columns = {called: (column, writer(found, numbers)) for called, found, column in shape.fields}
    parents = {called: (parent.key, reader(parent, base, numbers)) for called, parent in shape.parents.items()}
    order = [(kind, called) for kind, called in shape.order if kind != "child"]

    def read(row: Row) -> Record:
        record: Record = {"attributes": {"type": name, "url": url + row[key]}}
        for kind, called in order:
            if kind == "field":
                column, write = columns[called]
                record[called] = row[column] if write is None else write(row[column])
            else:
                parent_key, read_parent = parents[called]
                record[called] = None if row[parent_key] is None else read_parent(row)
        return record

    return read


class Locators:
    """Query results that are still being read."""

    def __init__(self, base_of: Callable[[int], str], most_open: Callable[[], int]) -> None:
        """most_open: how many results are kept; the oldest gives way to a new one."""
        self._base_of = base_of
        self._most_open = most_open
        self._open: dict[str, tuple[Found, datetime]] = {}
        self._drawn = 0

    def page(
        self, found: Found, start: int, size: int, version: int, numbers: str, now: datetime, child_size: int,
        key: str | None = None,
    ) -> Record:  # fmt: skip
        """One page of an answer; what is left is kept under a locator."""
        base = self._base_of(version)
        read = reader(found.compiled.shape, base, numbers)
        rows = found.rows[start : start + size]
        records = [read(row) for row in rows]
        for name, by_parent in found.children.items():
            child = found.compiled.shape.children[name]
            for row, record in zip(rows, records, strict=True):
                of_parent = by_parent.get(row[0])
                record[name] = of_parent and self.page(
                    Found(child, of_parent), 0, child_size, version, numbers, now, child_size
                )
        answer: Record = {"totalSize": len(found.rows), "done": start + size >= len(found.rows)}
        if not answer["done"]:
            if key is None:
                self._drawn += 1
                key = numbered("01g", self._drawn)
                self._open[key] = found, now
                if len(self._open) > self._most_open():
                    del self._open[next(iter(self._open))]
            answer["nextRecordsUrl"] = f"{base}/query/{key}-{start + size}"
        return answer | {"records": records}

    def find(self, key: str, now: datetime, seconds: float) -> Found | None:
        """The result behind a locator; None when it is unknown or older than this."""
        found, opened = self._open.get(key, (None, now))
        if found is None or (now - opened).total_seconds() >= seconds:
            self._open.pop(key, None)
            return None
        return found
