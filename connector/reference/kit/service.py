"""The record service: what the API and the pages call.

Reads return `Record` (`id`, `version`, `fields` as a dict, `label`, `deleted`, ...). Every method is thread-safe and
raises `ServiceError` only. Ids and field values are texts as in docs/reference-api.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from connector.reference.kit import feed as feeds
from connector.reference.kit import idempotency, operations, webhooks
from connector.reference.kit.domain import Domain
from connector.reference.kit.feed import Page
from connector.reference.kit.objects import ObjectType
from connector.reference.kit.problems import ServiceError, conflict, invalid, malformed, unknown
from connector.reference.kit.records import LIVE, Record
from connector.reference.kit.store import Clock, Store, marks, system_clock
from connector.reference.kit.switches import Switches, changed
from connector.reference.kit.tx import Change, Tx

MAX_PAGE = 1000
MAX_VALUES = 200


class Service:
    """One application over one SQLite file."""

    def __init__(
        self, domain: Domain, path: str, switches: Switches | None = None, clock: Clock = system_clock
    ) -> None:
        self.domain = domain
        self.store = Store(path, domain.types, (*domain.ddl, *idempotency.DDL, *webhooks.DDL), clock)
        self.objects: Mapping[str, ObjectType] = self.store.types
        self.switches = switches or Switches()
        self.listeners: list[Callable[[Sequence[Change]], None]] = []
        self._set_external_key(self.switches.external_key == "unique")

    def close(self) -> None:
        self.store.close()

    def type(self, name: str) -> ObjectType:
        """The object of that name. Raises ServiceError 404."""
        found = self.objects.get(name)
        if found is None:
            raise ServiceError(404, "unknown_object", f"There is no object {name[:80]}.")
        return found

    # reading

    def list(
        self,
        name: str,
        *,
        after: str | None = None,
        limit: int = 50,
        search: str | None = None,
        newest: bool = False,
    ) -> Sequence[Record]:
        """Live records in id order (or newest first), from behind `after`; `search` looks into names and numbers."""
        kind = self._read(name)
        where, values = f"state = {LIVE}", list[Any]()
        if after is not None:
            where += " AND n < ?" if newest else " AND n > ?"
            values.append(self._number(kind, after))
        if search:
            where += " AND instr(search, ?)"
            values.append(search.lower())
        where += f" ORDER BY n {'DESC' if newest else 'ASC'} LIMIT ?"
        return self.store.records(kind, where, (*values, limit))

    def get(self, name: str, key: str) -> Record:
        """The live or merged record. Raises ServiceError 404, or 410 with the record when it was deleted."""
        record = self.read(name, (key,)).get(key)
        if record is None:
            raise unknown(name, key[:80])
        if record.deleted:
            operations.must_live(record)
        return record

    def read(self, name: str, keys: Sequence[str]) -> dict[str, Record]:
        """Live, deleted and merged records by id; unknown ids are left out."""
        kind = self._read(name)
        numbers = {key: n for key in keys if (n := kind.number(key)) is not None}
        found = self.store.by_numbers(kind, sorted(set(numbers.values())))
        return {key: found[n] for key, n in numbers.items() if n in found}

    def find(
        self, name: str, field: str, values: Sequence[str], *, after: str | None = None, limit: int = MAX_PAGE
    ) -> Sequence[Record]:
        """Live records whose field holds one of the values, in id order."""
        kind = self._read(name)
        if len(values) > MAX_VALUES:
            raise malformed(f"At most {MAX_VALUES} values can be looked for at once.")
        position = 0 if after is None else self._number(kind, after)
        where = f"{self._column(kind, field)} IN ({marks(values)}) AND state = {LIVE} AND n > ? ORDER BY n LIMIT ?"
        known = kind.by_name.get(field)
        wanted: list[Any] = list(values)
        if known is not None and known.type == "boolean":
            wanted = [int(value == "true") if value in ("true", "false") else None for value in values]
        return self.store.records(kind, where, (*wanted, position, limit))

    def feed(self, name: str, cursor: str | None, limit: int) -> Page:
        """What changed since the cursor, in commit order. Raises ServiceError 410 for an unknown cursor."""
        return feeds.changes(self.store, self._read(name), cursor, limit)

    def scan(self, name: str, after: str, limit: int) -> Page:
        """Live records in id order, behind an id (from the first when it is empty)."""
        return feeds.scan(self.store, self._read(name), after, limit)

    def modified_since(self, name: str, since: str, after: str | None, limit: int) -> Page:
        """Records by (modified, id), deleted and merged ones too."""
        return feeds.modified_since(self.store, self._read(name), since, after, limit)

    # writing

    @contextmanager
    def write(self, principal: str) -> Iterator[Tx]:
        """One transaction: committed when the block ends, forgotten when it raises."""
        with self.store.lock:
            with self.store.transaction():
                tx = Tx(self.store, principal, self.switches.external_key == "unique")
                yield tx
                self.domain.finish(tx)
                tx.flush()
            for listener in self.listeners if not self.store.undoing else ():
                listener(tx.changes)

    def create(self, name: str, fields: Mapping[str, Any], principal: str) -> Record:
        with self.write(principal) as tx:
            return operations.create(tx, self.type(name), fields)

    def update(
        self, name: str, key: str, fields: Mapping[str, Any], principal: str, version: int | None = None
    ) -> Record:
        """Raises ServiceError 412 with the current record when `version` is given and the record has moved."""
        with self.write(principal) as tx:
            return operations.update(tx, self.type(name), key, fields, version)

    def delete(self, name: str, key: str, principal: str, version: int | None = None) -> None:
        with self.write(principal) as tx:
            operations.delete(tx, self.type(name), key, version)

    def merge(self, name: str, winner: str, loser: str, principal: str) -> Record:
        """The winner, after the loser was merged into it and its children moved."""
        with self.write(principal) as tx:
            return operations.merge(tx, self.type(name), {"winner": winner, "loser": loser})

    def act(self, name: str, key: str, action: str, given: Mapping[str, Any], principal: str) -> Record:
        """One action of the application, such as ("orders", ID, "ship"). Raises ServiceError 404 for an unknown one."""
        run = self.domain.actions.get((name, action))
        if run is None:
            raise ServiceError(404, "unknown_action", f"{name} have no action {action[:80]}.")
        with self.write(principal) as tx:
            return run(tx, key, given)

    def set_switches(self, given: Any) -> Switches:
        """Change some switches. Raises ServiceError 409 when external ids cannot be made unique, 422."""
        after = changed(self.switches, given)
        if (after.external_key == "unique") != (self.switches.external_key == "unique"):
            self._set_external_key(after.external_key == "unique")
        self.switches = after
        return after

    def _set_external_key(self, unique: bool) -> None:
        try:
            self.store.set_external_index(unique)
        except sqlite3.IntegrityError:
            message = "Two records share an external id: change one before external_key can be unique."
            raise conflict("duplicate", message, "external_id") from None

    def _read(self, name: str) -> ObjectType:
        found = self.type(name)
        self.domain.refresh(self, name)
        return found

    def _number(self, kind: ObjectType, key: str) -> int:
        n = kind.number(key)
        if n is None:
            raise malformed(f"{key[:80]} is not an id of {kind.name}.")
        return n

    def _column(self, kind: ObjectType, field: str) -> str:
        if field == "created_by":
            return field
        known = kind.by_name.get(field)
        if known is None or known.type == "lines":
            raise invalid(field[:80], "is not a field that can be looked for.", "unknown_field")
        if field == "external_id" and self.switches.external_key == "none":
            raise invalid(field, "cannot be looked for here.", "not_searchable")
        return f"x_{field}" if known.indexed else f"json_extract(CAST(fields AS TEXT), '$.{field}')"
