"""A system in memory behind the Adapter port: every optional power can be switched, every call can be made to fail.

Without a fault it keeps every promise of the port. Users' edits are methods on it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
)
from connector.model.records import Finding, Hint, Key, Op, Outcome, Page, Record, Version, Write, WriteResult
from connector.ports import Clock, Description, FieldSchema, ObjectSchema, WebhookRequest
from connector.testing.tables import (
    LOOKBACK,
    Fault,
    Fields,
    MemoryObject,
    Row,
    Table,
    Touch,
    alive,
    answered,
    position_of,
)


class MemorySystem:
    """See `ports.Adapter`. Thread-safe.

    calls: (method, object) -> how often. writes: every write received. watchers: told of every change of a record.
    """

    def __init__(
        self, name: str, clock: Clock, objects: Iterable[MemoryObject], principal: str | None = "connector"
    ) -> None:
        self.name = name
        self.principal = principal
        self.clock = clock
        self.calls: Counter[tuple[str, str]] = Counter()
        self.writes: list[Write] = []
        self.faults: list[Fault] = []
        self.reject: Callable[[str, Write], ConnectorError | None] = lambda object_, write: None
        self.stale: dict[Key, Record] = {}
        self.watchers: list[Callable[[Touch], None]] = []
        self._tables = {spec.name: Table(spec) for spec in objects}
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------------------------ faults

    def fail(self, method: str, error: Exception, **how: Any) -> None:
        """Let a coming call of this method fail; see `Fault`."""
        self.faults.append(Fault(method, error, **how))

    def reject_where(self, wanted: Callable[[Fields], bool], error: ConnectorError | None = None) -> None:
        """Refuse every write whose body fits, until `accept_all`."""
        refusal = error or RejectedError(f"{self.name}: the record is not valid")

        def check(object_: str, write: Write) -> ConnectorError | None:
            return refusal if write.body and wanted(msgspec.json.decode(write.body)) else None

        self.reject = check

    def accept_all(self) -> None:
        self.reject = lambda object_, write: None

    def _fault(self, method: str, object_: str, op: Op | None) -> Fault | None:
        for fault in self.faults:
            if fault.method != method or fault.object not in (None, object_) or fault.op not in (None, op):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            return fault
        return None

    def _count(self, method: str, object_: str, op: Op | None = None) -> Exception | None:
        """Count the call; raise a fault that comes before it, return one that comes after it."""
        self.calls[method, object_] += 1
        fault = self._fault(method, object_, op)
        if fault is None:
            return None
        if not fault.after:
            raise fault.error
        return fault.error

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
            return deepcopy(self._live(self._table(object_), key).fields)

    def live(self, object_: str) -> dict[Key, Fields]:
        """Copies of every live record's fields, by key."""
        with self._lock:
            return {row.key: deepcopy(row.fields) for row in self._table(object_).rows.values() if alive(row)}

    def state(self) -> bytes:
        """Everything the system holds as bytes: equal if and only if nothing was written in between."""
        with self._lock:
            return repr(
                [(name, sorted(map(repr, t.rows.values()))) for name, t in sorted(self._tables.items())]
            ).encode()

    # ------------------------------------------------------------------------------------------------ port

    def describe(self) -> Description:
        with self._lock:
            late = self._count("describe", "")
            objects = {
                name: ObjectSchema(name, self._schema(table), table.spec.capabilities, True, table.spec.deletable)
                for name, table in self._tables.items()
            }
            return answered(late, Description(objects, self.principal, self._stamp(self.clock.now())))

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        with self._lock:
            late = self._count("changes", object)
            table = self._table(object)
            capabilities = table.spec.capabilities
            after = position_of(cursor)
            rows = sorted((r for r in table.rows.values() if r.position > after), key=lambda r: r.position)
            if cursor is None or capabilities.deletes == "none":
                rows = [row for row in rows if alive(row)]
            page, more = rows[: capabilities.page], len(rows) > capabilities.page
            end = page[-1].position if more else table.position
            if not more and capabilities.feed == "overlap":
                end = max(0, end - LOOKBACK)
            return answered(late, Page([self._record(table, row) for row in page], str(end), more))

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        with self._lock:
            late = self._count("scan", object)
            table = self._table(object)
            rows = sorted((r for r in table.rows.values() if alive(r) and r.key > (cursor or "")), key=lambda r: r.key)
            page, more = rows[: table.spec.capabilities.page], len(rows) > table.spec.capabilities.page
            answer = Page([self._record(table, row) for row in page], page[-1].key if more else None, more)
            return answered(late, answer)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        with self._lock:
            late: Exception | None = None
            table = self._table(object)
            found: dict[Key, Record] = {}
            size = table.spec.capabilities.batch_read
            for start in range(0, len(keys), size):
                late = self._count("read", object) or late
                for key in keys[start : start + size]:
                    row = table.rows.get(key)
                    if key in self.stale:
                        found[key] = self.stale.pop(key)
                    elif row is not None and (alive(row) or table.spec.capabilities.deletes == "feed"):
                        found[key] = self._record(table, row)
            return answered(late, found)

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        with self._lock:
            late = self._count("find", object)
            table = self._table(object)
            if field == "created_by" and not table.spec.capabilities.created_by:
                raise ConfigError(f"{self.name}: `{object}` has no field `created_by` to search by")
            wanted = set(values)
            rows = [row for row in table.rows.values() if alive(row)]
            hits = [r for r in rows if (r.created_by if field == "created_by" else r.fields.get(field)) in wanted]
            return answered(late, [self._record(table, row) for row in hits])

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        with self._lock:
            table = self._table(object)
            op = writes[0].op
            keys = [write.key for write in writes if write.key is not None]
            if len(writes) > table.spec.capabilities.batch_write or any(w.op is not op for w in writes):
                raise ValueError(f"a batch is at most {table.spec.capabilities.batch_write} writes of one op")
            if len(set(keys)) != len(keys):
                raise ValueError("no two writes of a batch on one record")
            late = self._count("write", object, op)
            before = table.position
            outcomes = []
            for item in writes:
                self.writes.append(item)
                outcomes.append(self._write(table, item))
            exact = table.spec.capabilities.feed == "exact"
            return answered(late, WriteResult(outcomes, (str(before), str(table.position)) if exact else None))

    def check(self) -> Sequence[Finding]:
        return [Finding("connection", True, f"{self.name} answers")]

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        raise DeniedError(f"{self.name}: sends no webhooks")

    # ------------------------------------------------------------------------------------------------ inside

    def _write(self, table: Table, write: Write) -> Outcome:
        capabilities = table.spec.capabilities
        known = table.answers.get(write.token)
        if capabilities.idempotency and known and self.clock.now() - known[0] < capabilities.idempotency:
            return known[1]
        error = self.reject(table.spec.name, write)
        if error is not None:
            return Outcome(write.key, None, error)
        try:
            row = self._apply(table, write)
        except ConnectorError as problem:
            return Outcome(write.key, None, problem)
        outcome = Outcome(row.key, self._record(table, row) if write.op is not Op.DELETE else None)
        if capabilities.idempotency:
            table.answers[write.token] = (self.clock.now(), outcome)
        return outcome

    def _apply(self, table: Table, write: Write) -> Row:
        by = self.principal or "api"
        if write.op is Op.CREATE:
            fields = msgspec.json.decode(write.body)
            if write.external is not None:
                if table.spec.capabilities.external_key != "unique":
                    raise RejectedError(f"{self.name}: `{table.spec.name}` has no unique external key")
                name, value = write.external
                same = next((r for r in table.rows.values() if alive(r) and r.fields.get(name) == value), None)
                if same is not None:
                    return same
                fields[name] = value
            return self._create(table, fields, by, None, write.token)
        row = self._live(table, str(write.key))
        if table.spec.capabilities.conditional_write and write.version not in (None, self._version(table, row)):
            raise StaleError(f"{self.name}: {row.key} changed meanwhile")
        if write.op is Op.UPDATE:
            self._change(table, row, msgspec.json.decode(write.body), by, token=write.token)
        elif not table.spec.deletable:
            raise RejectedError(f"{self.name}: `{table.spec.name}` cannot be deleted")
        else:
            row.deleted = True
            self._touch(table, row, by)
            self._tell("remove", table, row, row.fields, None, write.token)
        return row

    def _create(self, table: Table, fields: Fields, by: str, key: Key | None, token: str | None = None) -> Row:
        table.number += 1
        key = key or f"{table.spec.prefix or self.name}{table.number:05d}"
        if key in table.rows:
            raise RejectedError(f"{self.name}: {key} exists")
        row = Row(key, dict.fromkeys(sorted(table.spec.fields)), 0, 0, 0.0, by, by)
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
        kept = table.spec.keeps(deepcopy(dict(fields)))
        for name, line_id in table.spec.lines.items():
            if kept.get(name) is not None:
                kept[name] = [self._line(table, line, line_id, row.fields.get(name) or []) for line in kept[name]]
        row.fields = {**row.fields, **kept}
        self._touch(table, row, by)
        self._tell(kind, table, row, before, row.fields, token)

    def _line(self, table: Table, line: Fields, line_id: str, old: list[Fields]) -> Fields:
        """A line as it is kept: known ids keep what the body does not name; a new line gets an id."""
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
            touch = Touch(*made, before, after, row.merged_into, token)
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
            None if gone else deepcopy(row.fields),
            self._stamp(row.modified),
            row.created_by if tells else None,
            row.modified_by if tells else None,
            row.deleted,
            row.merged_into,
        )

    def _stamp(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    def _schema(self, table: Table) -> dict[str, FieldSchema]:
        names = {name for row in table.rows.values() for name in row.fields}
        return {name: FieldSchema(name, "text") for name in sorted(names)}

    def copy(self, clock: Clock) -> MemorySystem:
        """An independent system that holds the same, without faults and with nothing counted."""
        with self._lock:
            made = MemorySystem(self.name, clock, [], self.principal)
            made._tables = {name: replace(table) for name, table in self._tables.items()}
            for table in made._tables.values():
                table.rows = deepcopy(table.rows)
                table.answers = dict(table.answers)
            return made

    def rewrites(self, object_: str, keeps: Callable[[Fields], Fields]) -> None:
        """From now on the system keeps of a written body what `keeps` makes of it."""
        table = self._table(object_)
        table.spec = replace(table.spec, keeps=keeps)

    def with_capabilities(self, object_: str, **changes: Any) -> None:
        """Switch powers of an object that is in use."""
        with self._lock:
            table = self._table(object_)
            table.spec = replace(table.spec, capabilities=replace(table.spec.capabilities, **changes))
