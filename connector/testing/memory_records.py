"""What a system in memory holds: records and their versions, what people do to them, and who is told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal

from connector.errors import ConfigError, NotFoundError, RejectedError
from connector.model.records import Key, Record, Version
from connector.ports import Clock, FieldSchema
from connector.testing.tables import Fields, MemoryObject, Row, Table, Touch, alive, copied


class MemoryRecords:
    """Thread-safe. watchers: told of every change of a record. offset: seconds its clock is ahead of ours."""

    def __init__(
        self, name: str, clock: Clock, objects: Iterable[MemoryObject], principal: str | None = "connector"
    ) -> None:
        self.name = name
        self.principal = principal
        self.clock = clock
        self.watchers: list[Callable[[Touch], None]] = []
        self.offset = 0.0
        self._tables = {spec.name: Table(spec) for spec in objects}
        self._lock = threading.RLock()

    # ----------------------------------------------------------------------------------------- users' edits

    def add(self, object_: str, fields: Mapping[str, Any], *, key: Key | None = None, by: str = "user") -> Key:
        """A person creates a record; its key."""
        with self._lock:
            return self._create(self._table(object_), dict(fields), by, key).key

    def edit(self, object_: str, key: Key, *, by: str = "user", **fields: Any) -> Version:
        """A person changes fields; the new version."""
        with self._lock:
            table = self._table(object_)
            row = self._live(table, key)
            self._change(table, row, fields, by)
            return self._version(table, row)

    def remove(self, object_: str, key: Key, *, by: str = "user") -> None:
        """A person deletes a record."""
        with self._lock:
            table = self._table(object_)
            row = self._live(table, key)
            row.deleted = True
            self._touch(table, row, by)
            self._tell("remove", table, row, row.fields, None)

    def restore(self, object_: str, key: Key, *, by: str = "user") -> None:
        """A person brings a deleted record back."""
        with self._lock:
            table = self._table(object_)
            row = table.rows[key]
            row.deleted = False
            self._touch(table, row, by)
            self._tell("restore", table, row, None, row.fields)

    def merge(self, object_: str, loser: Key, survivor: Key, *, by: str = "user") -> None:
        """A person merges one record into another; the loser's key stays known as merged."""
        with self._lock:
            table = self._table(object_)
            row = self._live(table, loser)
            self._live(table, survivor)
            row.merged_into = survivor
            self._touch(table, row, by)
            self._tell("merge", table, row, row.fields, None)

    def get(self, object_: str, key: Key) -> Fields:
        """A copy of a live record's fields. Raises NotFoundError."""
        with self._lock:
            return copied(self._live(self._table(object_), key).fields)

    def live(self, object_: str) -> dict[Key, Fields]:
        """Copies of every live record's fields, by key."""
        with self._lock:
            return {row.key: copied(row.fields) for row in self._table(object_).rows.values() if alive(row)}

    def rows(self, object_: str) -> list[Row]:
        """Every record ever made, the gone ones too, oldest first. Not copies: to look at only."""
        return list(self._table(object_).rows.values())

    def version(self, object_: str, key: Key) -> Version:
        """The record's version as it is now, gone or not."""
        table = self._table(object_)
        return self._version(table, table.rows[key])

    def positions(self) -> tuple[int, ...]:
        """How many changes each object has seen: equal if and only if nothing was changed in between."""
        return tuple(table.position for table in self._tables.values())

    def state(self) -> bytes:
        """Everything the system holds as bytes: equal if and only if nothing was written in between."""
        with self._lock:
            return repr(
                [(name, sorted(map(repr, t.rows.values()))) for name, t in sorted(self._tables.items())]
            ).encode()

    # ------------------------------------------------------------------------------------------------ inside

    def _create(self, table: Table, fields: Fields, by: str, key: Key | None, token: str | None = None) -> Row:
        table.number += 1
        key = key or f"{table.spec.prefix or self.name}{table.number:05d}"
        if key in table.rows:
            raise RejectedError(f"{self.name}: {key} exists")
        row = Row(key, dict.fromkeys(sorted(table.spec.fields)), 0, 0, 0.0, by, by, created=self.clock.now())
        table.rows[key] = row
        self._change(table, row, fields, by, "create", token)
        return row

    def _change(
        self,
        table: Table,
        row: Row,
        fields: Mapping[str, Any],
        by: str,
        kind: Literal["create", "edit"] = "edit",
        token: str | None = None,
    ) -> None:
        before = None if kind == "create" else row.fields
        kept = table.spec.keeps(copied(fields))
        for name, line_id in table.spec.lines.items():
            if kept.get(name) is not None:
                kept[name] = [self._line(table, line, line_id, row.fields.get(name) or []) for line in kept[name]]
        row.fields = {**row.fields, **kept}
        self._touch(table, row, by)
        self._tell(kind, table, row, before, row.fields, token)

    def _line(self, table: Table, line: Fields, line_id: str, old: list[Fields]) -> Fields:
        """A line as it is kept: known ids keep what the body does not name; a new line gets one if lines have any."""
        if not line_id:
            return {**dict.fromkeys(sorted(table.spec.line_fields)), **line}
        known = next((o for o in old if line.get(line_id) is not None and o[line_id] == line[line_id]), None)
        if known is not None:
            return {**known, **line}
        if line.get(line_id) is not None:
            raise RejectedError(f"{self.name}: there is no line {line[line_id]}")
        table.line_number += 1
        shown = dict.fromkeys(sorted(table.spec.line_fields))
        return {**shown, **line, line_id: f"{table.spec.prefix}L{table.line_number}"}

    def _touch(self, table: Table, row: Row, by: str) -> None:
        table.position += 1
        row.version += 1
        row.position = table.position
        row.modified = self.clock.now()
        row.modified_by = by

    def _tell(
        self,
        kind: Literal["create", "edit", "remove", "restore", "merge"],
        table: Table,
        row: Row,
        before: Fields | None,
        after: Fields | None,
        token: str | None = None,
    ) -> None:
        """Tell the watchers. Fields of a row are never changed in place, so they need no copy."""
        if self.watchers:
            made = (self.name, table.spec.name, row.key, kind, row.modified_by, row.modified)
            touch = Touch(*made, before, after, row.merged_into, token, self._version(table, row))
            for watcher in self.watchers:
                watcher(touch)

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            raise ConfigError(f"{self.name} has no object `{name}`; it has: {', '.join(sorted(self._tables))}")
        return self._tables[name]

    def _live(self, table: Table, key: Key) -> Row:
        row = table.rows.get(key)
        if row is None or not alive(row):
            raise NotFoundError(f"{self.name}: there is no {table.spec.name} {key}")
        return row

    def _version(self, table: Table, row: Row) -> Version:
        match table.spec.capabilities.versions:
            case "counter":
                return f"{row.version:012d}"
            case "sortable":
                return f"{row.position:012d}"
            case _:
                return blake2b(f"{row.key}/{row.version}".encode(), digest_size=6).hexdigest()

    def _record(self, table: Table, row: Row) -> Record:
        gone = not alive(row)
        tells = table.spec.capabilities.created_by
        return Record(
            row.key,
            self._version(table, row),
            None if gone else row.fields,
            self._stamp(row.modified),
            row.created_by if tells else None,
            row.modified_by if tells else None,
            row.deleted,
            row.merged_into,
            self._stamp(row.created),
        )

    def _stamp(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds + self.offset, UTC)

    def _schema(self, table: Table) -> dict[str, FieldSchema]:
        spec = table.spec
        names = set(spec.fields).union(*(row.fields for row in table.rows.values()))
        inner = {name: FieldSchema(name, "text") for name in sorted(spec.line_fields)}
        ids = {name: {id_: FieldSchema(id_, "text")} if id_ else {} for name, id_ in spec.lines.items()}
        return {
            name: FieldSchema(name, "lines", lines={**inner, **ids[name]})
            if name in spec.lines
            else FieldSchema(name, "text")
            for name in sorted(names | spec.lines.keys())
        }
