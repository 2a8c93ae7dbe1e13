"""How one object is listed, read and searched. Contract: 2.

Pages go on behind the last record, not by the server's cursors, which end after two days and serve one process. What a
record holds beside its row, and fields that do not fit into one query, are asked for by the ids of a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connector.adapters.salesforce.client import Row, SalesforceClient
from connector.adapters.salesforce.failures import ShrinkError
from connector.adapters.salesforce.feed import Walk, read_cursor
from connector.adapters.salesforce.kinds import Kind
from connector.adapters.salesforce.soql import (
    ROOM,
    behind,
    fitting,
    identity,
    ids,
    instant,
    is_key,
    one_of,
    select,
    text,
)
from connector.adapters.salesforce.table import DELETED, STAMP, stamp_of
from connector.errors import ConfigError, NotFoundError, TransientError
from connector.model.records import Key, Page, Record
from connector.rest.failures import unreadable
from connector.rest.paging import chunks

LEAST = 50
"""Records a page is not made smaller than, however much Salesforce finds it."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A row with the rows inside it."""

    row: Row
    inside: Sequence[Row]


class Rows:
    """Records of one kind. look_back, hold_back: seconds, see the settings."""

    def __init__(self, client: SalesforceClient, kind: Kind, look_back: float, hold_back: float) -> None:
        self._client = client
        self._look_back = look_back
        self._hold_back = hold_back
        self._size = kind.world.page
        self.kind = kind
        self.schema = kind.schema()

    # ------------------------------------------------------------------------------------------------- listing

    def changes(self, cursor: str | None) -> Page:
        """By the rows' own stamps, then those with a change only inside. Nothing at or after the walk's upper bound."""
        held = timedelta(seconds=self._hold_back)
        walk = read_cursor(cursor)
        walk = walk.begun(self._client.server_time() - held)
        if not walk.inner:
            size = self._size
            rows = self._page(self._own(walk), f"{STAMP},Id", size, everything=walk.since is not None)
            for row in rows[-1:]:
                walk = walk.behind(stamp_of(row), str(identity(row["Id"])))
            records = self._records(self._completed(rows))
            if len(rows) == size:
                return Page(records, str(walk), True)
            if walk.since is None or self.kind.inner is None:
                return Page(records, str(walk.over(self._look_back)), False)
            return Page(records, str(walk.second()), True)
        return self._inner_changes(walk)

    def scan(self, cursor: str | None) -> Page:
        """Live records by id."""
        if cursor is not None and not is_key(cursor):
            raise NotFoundError("The cursor is none of this system; everything is read again.")
        size = self._size
        rows = self._page([f"Id > {text(cursor)}"] if cursor else [], "Id", size, everything=False)
        records = self._records(self._completed(rows))
        more = len(rows) == size
        return Page(records, identity(rows[-1]["Id"]) if more else None, more)

    def _inner_changes(self, walk: Walk) -> Page:
        """Records whose own rows stood still; the others were told already, or will be."""
        inner, since = self.kind.inner, walk.since
        if inner is None or since is None:
            raise NotFoundError("The cursor is of another object; everything is read again.")
        fields = ["Id", inner.link, STAMP]
        size = self._size
        conditions = [*self._between(walk), *inner.only]
        if path := inner.table.path(inner.link):  # those of other records need not even be listed
            conditions.append(f"{path}.{STAMP} < {instant(since)}")
        query = select(fields, inner.table.name, conditions, f"{STAMP},Id", size)
        rows = self._query(query, everything=True)
        for row in rows[-1:]:
            walk = walk.behind(stamp_of(row), str(identity(row["Id"])))
        parents = dict.fromkeys(str(identity(row[inner.link])) for row in rows if row[inner.link])
        found = self.wholes(list(parents))
        still = [one for one in found.values() if stamp_of(one.row) < since]
        more = len(rows) == size
        return Page(self._records(still), str(walk if more else walk.over(self._look_back)), more)

    def _own(self, walk: Walk) -> list[str]:
        return self._between(walk) if walk.since is not None or walk.at is not None else self._until(walk)

    def _between(self, walk: Walk) -> list[str]:
        if walk.at is not None:
            return [behind(STAMP, walk.at, walk.after), *self._until(walk)]
        assert walk.since is not None
        return [f"{STAMP} >= {instant(walk.since)}", *self._until(walk)]

    def _until(self, walk: Walk) -> list[str]:
        """Nothing is held back: no upper bound."""
        return [f"{STAMP} < {instant(walk.until)}"] if self._hold_back and walk.until is not None else []

    # -------------------------------------------------------------------------------------------- by key, by field

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        found = self.wholes(keys)
        records = self._records([found[key] for key in found])
        return {record.key: record for record in records}

    def wholes(self, keys: Sequence[Key]) -> dict[Key, Whole]:
        """These rows as they are now, deleted ones too, with what is inside; one call for `batch_read` of them."""
        known = [key for key in dict.fromkeys(keys) if is_key(key)]
        found: dict[Key, Whole] = {}
        for part in chunks(known, self.schema.capabilities.batch_read):
            here = one_of("Id", ids(part))
            own = [(select(_with_id(group), self.kind.name, [here]), True) for group in self.kind.table.groups]
            answers = self._queries([*own, *self._inside(part)])
            rows = self._joined(answers[0], answers[1 : len(own)])
            inside = self._by_parent(answers[len(own) :])
            for row in rows:
                key = str(identity(row["Id"]))
                found[key] = Whole(row, inside.get(key, ()))
        return found

    def find(self, field: str, values: Sequence[str]) -> Sequence[Record]:
        kind = self.kind
        if field == "created_by" and self.schema.capabilities.created_by:
            literals = [text(value) for value in values if is_key(value)]
            return list(self._found("CreatedById", literals))
        column = kind.table.columns.get(field)
        if column is None:
            raise ConfigError(
                f"{self._client.place}: `{kind.name}` cannot be searched by `{field}`; correct the mapping."
            )
        literals = [one for one in map(column.literal, dict.fromkeys(values)) if one is not None]
        wanted = {column.shown(value) for value in values} if column.kind == "text" else None
        found: dict[Key, Record] = {}
        for record in self._found(field, literals):
            # Salesforce compares texts without regard to case.
            if wanted is None or (record.fields or {})[field] in wanted:
                found[record.key] = record
        return list(found.values())

    def _found(self, field: str, literals: Sequence[str]) -> Iterator[Record]:
        for part in fitting(literals, ROOM - max(map(_length, self.kind.table.groups))):
            after: list[str] = []
            while True:
                rows = self._page([one_of(field, part), *after], "Id", self._size, everything=False)
                yield from self._records(self._completed(rows))
                if len(rows) < self._size:
                    break
                after = [f"Id > {text(str(rows[-1]['Id']))}"]

    # ------------------------------------------------------------------------------------------------- parts

    def _page(self, conditions: Sequence[str], order: str, size: int, *, everything: bool) -> list[Row]:
        """Rows with the marks and the first fields."""
        query = select(self.kind.table.groups[0], self.kind.name, conditions, order, size)
        return self._query(query, everything=everything)

    def _query(self, soql: str, *, everything: bool) -> list[Row]:
        return self._queries([(soql, everything)])[0]

    def _queries(self, asked: Sequence[tuple[str, bool]]) -> list[list[Row]]:
        try:
            return self._client.queries(asked)
        except ShrinkError:
            self._size = max(LEAST, self._size // 2)
            raise

    def _completed(self, rows: Sequence[Row]) -> list[Whole]:
        """Rows of a page with their other fields, and what is inside those that are live."""
        done: list[Whole] = []
        groups = self.kind.table.groups[1:]
        for part in chunks(rows, self.schema.capabilities.batch_read):
            keys = [str(identity(row["Id"])) for row in part]
            live = [key for key, row in zip(keys, part, strict=True) if not row.get(DELETED)]
            here = one_of("Id", ids(keys))
            asked = [(select(_with_id(group), self.kind.name, [here]), True) for group in groups]
            asked += self._inside(live) if live else []
            answers = self._queries(asked) if asked else []
            inside = self._by_parent(answers[len(groups) :])
            joined = self._joined(part, answers[: len(groups)])
            done += [Whole(row, inside.get(str(identity(row["Id"])), ())) for row in joined]
        return done

    def _inside(self, keys: Sequence[Key]) -> list[tuple[str, bool]]:
        """The queries for live rows inside these."""
        inner = self.kind.inner
        if inner is None:
            return []
        conditions = [one_of(inner.link, ids(keys)), *inner.only]
        first, *others = inner.table.groups
        groups = [[inner.link, *(name for name in first if name != inner.link)], *map(_with_id, others)]
        return [(select(group, inner.table.name, conditions, "Id"), False) for group in groups]

    def _by_parent(self, answers: Sequence[Sequence[Row]]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        inner = self.kind.inner
        if inner is not None and answers:
            for row in self._joined(answers[0], answers[1:]):
                found.setdefault(str(identity(row[inner.link])), []).append(row)
        return found

    def _joined(self, rows: Sequence[Row], others: Sequence[Sequence[Row]]) -> list[Row]:
        """Rows with the fields of further queries. Raises TransientError where one went between them."""
        if not others:
            return list(rows)
        try:
            more = [{row["Id"]: row for row in other} for other in others]
            parts = [(row, *(one[row["Id"]] for one in more)) for row in rows]
        except KeyError:
            raise TransientError(f"{self._client.place}: a record went while it was read; run again.") from None
        return [{name: value for part in some for name, value in part.items()} for some in parts]

    def _records(self, some: Sequence[Whole]) -> list[Record]:
        """The last of each, where one came twice."""
        try:
            records = [self.kind.record(one.row, one.inside) for one in some]
        except (KeyError, ValueError, TypeError, AttributeError):
            raise unreadable(self._client.place, write=False, html=False, detail=f"a row of {self.kind.name}") from None
        return list({record.key: record for record in records}.values())


def _with_id(group: Sequence[str]) -> list[str]:
    return ["Id", *(name for name in group if name != "Id")]


def _length(group: Sequence[str]) -> int:
    return len(",".join(group))
