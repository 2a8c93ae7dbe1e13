"""How one object is listed, read and searched: the part of the port's methods that only look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.feed import read_cursor
from connector.adapters.tryton.kinds import STAMP, Kind, is_key
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import ConfigError, NotFoundError
from connector.model.records import Key, Page, Record
from connector.ports import ObjectSchema
from connector.rest.paging import chunks

FIND_BYTES = 2500
"""Values of one search: what a request line holds beside the names of the fields, in base64."""


class Source(Protocol):
    """One object to look at; each method as that of the port."""

    schema: ObjectSchema

    def changes(self, cursor: str | None) -> Page: ...

    def scan(self, cursor: str | None) -> Page: ...

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]: ...

    def find(self, field: str, values: Sequence[str]) -> Sequence[Record]: ...


class Rows:
    """Records that are rows of one model, with the rows inside them."""

    def __init__(self, client: TrytonClient, kind: Kind, look_back: float) -> None:
        self._client = client
        self._look_back = look_back
        self.kind = kind
        self.schema = ObjectSchema(kind.name, kind.schema, kind.capabilities, kind.creatable, kind.deletable)

    def changes(self, cursor: str | None) -> Page:
        """By the rows' own stamps, then those with a change only inside; a replaced party names its survivor."""
        kind = self.kind
        walk = read_cursor(cursor)
        size = kind.capabilities.page
        records: list[Record] = []
        rows = self._rows(walk.domain(kind.inner), walk.order, size + 1)
        while True:
            for row in rows[:size]:
                record = kind.record(row)
                records.append(record)
                walk = walk.behind(row["id"], row[STAMP], record.modified or row[STAMP])
            if len(rows) > size:
                return Page(records, str(walk), True)
            if walk.inner or walk.since is None or not kind.inner:
                return Page(records, str(walk.over(self._look_back)), False)
            walk = walk.second()
            rows = self._rows(walk.domain(kind.inner), walk.order, size + 1)

    def scan(self, cursor: str | None) -> Page:
        """Live records in id order."""
        size = self.kind.capabilities.page
        rows = self._rows([["id", ">", after_key(cursor)], *self.kind.live], [("id", "ASC")], size + 1, whole=False)
        more = len(rows) > size
        return Page([self.kind.record(row) for row in rows[:size]], str(rows[size - 1]["id"]) if more else None, more)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        return {key: self.kind.record(row) for key, row in self.rows(keys).items()}

    def rows(self, keys: Sequence[Key]) -> dict[Key, Row]:
        """These rows as they are now, with what belongs to them."""
        ids = [int(key) for key in dict.fromkeys(keys) if is_key(key)]
        found: dict[Key, Row] = {}
        for part in chunks(ids, self.kind.capabilities.batch_read):
            rows = self._rows([["id", "in", part]], [("id", "ASC")], len(part))
            found.update((str(row["id"]), row) for row in rows)
        return found

    def find(self, field: str, values: Sequence[str]) -> Sequence[Record]:
        kind = self.kind
        if field == "created_by" and kind.capabilities.created_by:
            users = [int(value) for value in values if is_key(value)]
            return [kind.record(row) for row in self._all([["create_uid", "in", users], *kind.live])]
        if field not in kind.schema or kind.searched(field, []) is None:
            raise ConfigError(
                f"{self._client.place}: `{kind.name}` cannot be searched by `{field}`; correct the mapping."
            )
        found: dict[Key, Record] = {}
        # PostgreSQL knows no NUL and fails at one; no record can hold it.
        for part in _fitting([value for value in dict.fromkeys(values) if "\0" not in value]):
            domain = [*(kind.searched(field, part) or ()), *kind.live]
            wanted = set(part)
            for row in self._all(domain):
                record = kind.record(row)
                if record.fields and record.fields[field] in wanted:
                    found[record.key] = record
        return list(found.values())

    def _rows(self, domain: Domain, order: Sequence[tuple[str, str]], limit: int, *, whole: bool = True) -> list[Row]:
        """whole: of this object, also those that are live no more."""
        own = self.kind.own if whole else ()
        return self._client.rows(self.kind.model, self.kind.paths, [*domain, *own], order, limit)

    def _all(self, domain: Sequence[Any]) -> Iterator[Row]:
        """Every row of that domain, page by page behind the last id."""
        after, size = 0, self.kind.capabilities.page
        while True:
            rows = self._rows([["id", ">", after], *domain], [("id", "ASC")], size, whole=False)
            yield from rows
            if len(rows) < size:
                return
            after = rows[-1]["id"]


def after_key(cursor: str | None) -> int:
    """The id a scan goes on behind. Raises NotFoundError."""
    if cursor is not None and not is_key(cursor):
        raise NotFoundError("The cursor is none of this system; everything is read again.")
    return int(cursor or 0)


def _fitting(values: Sequence[str]) -> Iterator[list[str]]:
    """The values, as many at a time as one request line holds."""
    part: list[str] = []
    length = 0
    for value in values:
        cost = len(value.encode()) + 4
        if part and length + cost > FIND_BYTES:
            yield part
            part, length = [], 0
        part.append(value)
        length += cost
    if part:
        yield part
