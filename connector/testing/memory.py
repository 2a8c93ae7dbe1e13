"""A system in memory behind the Adapter port: every optional power can be switched, every call can be made to fail.

Without a fault it keeps every promise of the port. Users' edits are methods on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
)
from connector.model.records import Finding, Hint, Key, Op, Outcome, Page, Record, Write, WriteResult
from connector.ports import Clock, Description, ObjectSchema, WebhookRequest
from connector.testing.memory_records import MemoryRecords
from connector.testing.tables import (
    LOOKBACK,
    Fault,
    Fields,
    MemoryObject,
    Row,
    Table,
    alive,
    answered,
    decoded,
    position_of,
)


class MemorySystem(MemoryRecords):
    """See `ports.Adapter`. Thread-safe.

    calls: (method, object) -> how often. writes: every write received. readers: told of what every answer of a read
    showed (object, records).
    """

    def __init__(
        self, name: str, clock: Clock, objects: Iterable[MemoryObject], principal: str | None = "connector"
    ) -> None:
        super().__init__(name, clock, objects, principal)
        self.calls: Counter[tuple[str, str]] = Counter()
        self.writes: list[Write] = []
        self.faults: list[Fault] = []
        self.reject: Callable[[str, Write], ConnectorError | None] = lambda object_, write: None
        self.stale: dict[Key, Record] = {}
        self.readers: list[Callable[[str, Sequence[Record]], None]] = []

    # ------------------------------------------------------------------------------------------------ faults

    def fail(self, method: str, error: Exception, **how: Any) -> None:
        """Let a coming call of this method fail; see `Fault`."""
        self.faults.append(Fault(method, error, **how))

    def reject_where(self, wanted: Callable[[Fields], bool], error: ConnectorError | None = None) -> None:
        """Refuse every write whose body fits, until `accept_all`."""
        refusal = error or RejectedError(f"{self.name}: the record is not valid")

        def check(object_: str, write: Write) -> ConnectorError | None:
            return refusal if write.body and wanted(decoded(write.body)) else None

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
            after = self._place(table, cursor)
            rows = sorted((r for r in table.rows.values() if r.position > after), key=lambda r: r.position)
            if cursor is None or capabilities.deletes == "none":
                rows = [row for row in rows if alive(row)]
            page, more = rows[: capabilities.page], len(rows) > capabilities.page
            end = page[-1].position if more else table.position
            if not more and capabilities.feed == "overlap":
                end = max(0, end - LOOKBACK)
            return self._answer(late, table, [self._record(table, row) for row in page], str(end), more)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        with self._lock:
            late = self._count("scan", object)
            table = self._table(object)
            rows = sorted((r for r in table.rows.values() if alive(r) and r.key > (cursor or "")), key=lambda r: r.key)
            page, more = rows[: table.spec.capabilities.page], len(rows) > table.spec.capabilities.page
            found = [self._record(table, row) for row in page]
            return self._answer(late, table, found, page[-1].key if more else None, more)

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
            self._show(late, table, list(found.values()))
            return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        with self._lock:
            late = self._count("find", object)
            table = self._table(object)
            self._searchable(table, field)
            wanted = set(values)
            rows = [row for row in table.rows.values() if alive(row)]
            hits = [r for r in rows if (r.created_by if field == "created_by" else r.fields.get(field)) in wanted]
            found = [self._record(table, row) for row in hits]
            self._show(late, table, found)
            return found

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        with self._lock:
            table = self._table(object)
            if not writes:
                return WriteResult([])
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
        with self._lock:
            try:
                answered(self._count("check", ""), None)
            except ConnectorError as error:
                return [Finding("connection", False, str(error))]
            return [Finding("connection", True, f"{self.name} answers")]

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        raise DeniedError(f"{self.name}: sends no webhooks")

    # ------------------------------------------------------------------------------------------------ inside

    def _answer(
        self, late: Exception | None, table: Table, records: list[Record], cursor: str | None, more: bool
    ) -> Page:
        self._show(late, table, records)
        return Page(records, cursor, more)

    def _show(self, late: Exception | None, table: Table, records: Sequence[Record]) -> None:
        """Tell the readers what an answer shows, unless it is lost on its way: then raise that."""
        answered(late, None)
        for reader in self.readers:
            reader(table.spec.name, records)

    def _place(self, table: Table, cursor: str | None) -> int:
        """The position a cursor stands for. Raises NotFoundError for one that this feed never gave."""
        position = position_of(cursor)
        if position is None or position > table.position:
            raise NotFoundError(f"{self.name}: the feed of `{table.spec.name}` has no place {cursor!r}")
        return position

    def _searchable(self, table: Table, field: str) -> None:
        """Raises ConfigError for a field nobody can search by: no hit would be taken for no record."""
        spec = table.spec
        if field == "created_by":
            known = spec.capabilities.created_by
        else:
            known = not spec.fields or field in spec.fields or any(field in row.fields for row in table.rows.values())
        if not known:
            raise ConfigError(f"{self.name}: `{spec.name}` has no field `{field}` to search by")

    def _write(self, table: Table, write: Write) -> Outcome:
        capabilities = table.spec.capabilities
        known = table.answers.get(write.token)
        if capabilities.idempotency and known and self.clock.now() - known[0] < capabilities.idempotency:
            return known[1]
        error = self.reject(table.spec.name, write)
        if error is not None:
            return Outcome(write.key, None, error)
        before = len(table.rows)
        try:
            row = self._apply(table, write)
        except ConnectorError as problem:
            return Outcome(write.key, None, problem)
        existed = write.op is Op.CREATE and len(table.rows) == before
        shown = self._record(table, row) if write.op is not Op.DELETE else None
        outcome = Outcome(row.key, shown, existed=existed)
        if capabilities.idempotency:
            table.answers[write.token] = (self.clock.now(), outcome)
        return outcome

    def _apply(self, table: Table, write: Write) -> Row:
        by = self.principal or "api"
        if write.op is Op.CREATE:
            fields = decoded(write.body)
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
            self._change(table, row, decoded(write.body), by, token=write.token)
        elif not table.spec.deletable:
            raise RejectedError(f"{self.name}: `{table.spec.name}` cannot be deleted")
        else:
            row.deleted = True
            self._touch(table, row, by)
            self._tell("remove", table, row, row.fields, None, write.token)
        return row

    def copy(self, clock: Clock) -> MemorySystem:
        """An independent system that holds the same, without faults and with nothing counted."""
        with self._lock:
            made = MemorySystem(self.name, clock, [], self.principal)
            made.offset = self.offset
            made._tables = {name: replace(table) for name, table in self._tables.items()}
            for table in made._tables.values():
                table.rows = {key: replace(row) for key, row in table.rows.items()}
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
