"""One write transaction: changes are gathered in memory, checked, and written set by set before the commit.

Positions in an object's feed are given out when the changes are written, by the only writer there is: whoever reads
position N later has everything up to N before its eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from connector.reference.kit.objects import Fields, ObjectType
from connector.reference.kit.problems import conflict
from connector.reference.kit.records import LIVE, Record
from connector.reference.kit.store import Store, marks, stamp

_Slot = tuple[str, int]


class Mark(NamedTuple):
    """A place to go back to when one item of a batch fails."""

    log: int
    taken: int
    extras: int
    counters: dict[str, int]
    touched: set[int]


class Change(NamedTuple):
    """One committed change, for whoever listens."""

    object: str
    key: str
    version: int
    at: str


class Tx:
    """The state as this transaction sees it.

    touched: numbers the application wants to look at again before the commit.
    """

    def __init__(self, store: Store, principal: str, external_unique: bool) -> None:
        self.store = store
        self.principal = principal
        self.external_unique = external_unique
        self.counters: dict[str, int] = dict(store.rows("SELECT name, value FROM counters"))
        now = store.clock()
        self.today: date = now.date()
        self.counters["clock"] = max(int(now.timestamp() * 1000), self.counters.get("clock", 0))
        self.now = stamp(self.counters["clock"])
        self.touched: set[int] = set()
        self.changes: list[Change] = []
        self._rows: dict[_Slot, Record | None] = {}
        self._dirty: dict[_Slot, None] = {}
        self._stored: set[_Slot] = set()
        self._log: list[tuple[_Slot, Record | None, bool]] = []
        self._extras: list[tuple[str, Sequence[Any]]] = []
        self._taken: dict[tuple[str, str], dict[str, int | None]] = {}
        self._taken_log: list[tuple[dict[str, int | None], str, int | None]] = []

    # reading

    def load(self, kind: ObjectType, numbers: Iterable[int]) -> None:
        """Fetch these records at once, so that `get` need not fetch them one by one."""
        missing = [n for n in set(numbers) if (kind.name, n) not in self._rows]
        if missing:
            found = self.store.by_numbers(kind, missing)
            for n in missing:
                self._rows[kind.name, n] = found.get(n)
            self._stored.update((kind.name, n) for n in found)

    def get(self, kind: ObjectType, n: int) -> Record | None:
        slot = (kind.name, n)
        if slot not in self._rows:
            self.load(kind, (n,))
        return self._rows[slot]

    def select(self, kind: ObjectType, where: str, parameters: Sequence[Any] = ()) -> list[Record]:
        """Records by a SQL condition, what is pending included: it is written first."""
        self.flush()
        found = self.store.records(kind, where, parameters)
        for record in found:
            self._rows[kind.name, record.n] = record
            self._stored.add((kind.name, record.n))
        return found

    def matching(
        self,
        kind: ObjectType,
        where: str,
        parameters: Sequence[Any],
        test: Callable[[Record], bool],
    ) -> list[Record]:
        """Live records by a SQL condition and the same condition in Python, for what is pending; writes nothing."""
        numbers = {row[0] for row in self.store.rows(f"SELECT n FROM o_{kind.name} WHERE {where}", parameters)}
        numbers.update(n for name, n in self._dirty if name == kind.name)
        self.load(kind, numbers)
        found = (self._rows[kind.name, n] for n in sorted(numbers))
        return [record for record in found if record is not None and record.live and test(record)]

    def load_taken(self, kind: ObjectType, field: str, values: Iterable[str]) -> None:
        known = self._taken.setdefault((kind.name, field), {})
        missing = [value for value in set(values) if value not in known]
        if missing:
            known.update(dict.fromkeys(missing))
            known.update(
                self.store.rows(
                    f"SELECT x_{field}, min(n) FROM o_{kind.name} WHERE state = {LIVE} AND x_{field} IN"
                    f" ({marks(missing)}) GROUP BY x_{field}",
                    missing,
                )
            )

    def holder(self, kind: ObjectType, field: str, value: str) -> int | None:
        """Number of the live record that has this value in a unique field."""
        self.load_taken(kind, field, (value,))
        n = self._taken[kind.name, field][value]
        if n is None:
            return None
        record = self.get(kind, n)
        return n if record is not None and record.live and record.fields[field] == value else None

    # writing

    def next(self, name: str, first: int = 1) -> int:
        """The next number of a series."""
        self.counters[name] = value = self.counters.get(name, first - 1) + 1
        return value

    def create(self, kind: ObjectType, fields: Fields, last_line: int = 0, n: int | None = None) -> Record:
        n = self.next(f"n:{kind.name}") if n is None else n
        record = Record(
            kind, n, 1, 0, LIVE, None, self.now, self.now, self.principal, self.principal, last_line, None, fields
        )
        self._put(record)
        return record

    def change(
        self,
        record: Record,
        *,
        fields: Fields | None = None,
        last_line: int | None = None,
        state: int | None = None,
        merged: int | None = None,
    ) -> Record:
        """One more version of the record."""
        after = record.changed(
            modified=self.now, by=self.principal, fields=fields, last_line=last_line, state=state, merged=merged
        )
        self._put(after)
        return after

    def add(self, sql: str, parameters: Sequence[Any]) -> None:
        """A row of one of the application's own tables, written with the rest."""
        self._extras.append((sql, parameters))

    def _put(self, record: Record) -> None:
        slot = (record.type.name, record.n)
        before = self._rows.get(slot)
        self._log.append((slot, before, slot in self._dirty))
        self._rows[slot] = record
        # The last change decides the place in the feed.
        self._dirty.pop(slot, None)
        self._dirty[slot] = None
        if record.live:
            self._check_unique(before, record)

    def _check_unique(self, before: Record | None, record: Record) -> None:
        kind = record.type
        external = ("external_id",) if self.external_unique and kind.has_external_id else ()
        for field in (*kind.unique, *external):
            value = record.fields[field]
            if value is None or (before is not None and before.fields[field] == value):
                continue
            holder = self.holder(kind, field, value)
            if holder is not None and holder != record.n:
                raise conflict("duplicate", f"{field}: {kind.key(holder)} has the value {value} already.", field)
            taken = self._taken[kind.name, field]
            self._taken_log.append((taken, value, taken[value]))
            taken[value] = record.n

    def mark(self) -> Mark:
        return Mark(len(self._log), len(self._taken_log), len(self._extras), dict(self.counters), set(self.touched))

    def undo(self, mark: Mark) -> None:
        """Forget everything gathered since the mark."""
        while len(self._log) > mark.log:
            slot, before, was_dirty = self._log.pop()
            self._rows[slot] = before
            if not was_dirty:
                self._dirty.pop(slot, None)
        while len(self._taken_log) > mark.taken:
            taken, value, held = self._taken_log.pop()
            taken[value] = held
        del self._extras[mark.extras :]
        self.counters = mark.counters
        self.touched = mark.touched

    def flush(self) -> None:
        """Write what is pending; there is no way back to a mark set before."""
        pending: dict[str, list[Record]] = {}
        for name, n in self._dirty:
            record = self._rows[name, n]
            assert record is not None
            pending.setdefault(name, []).append(record)
        for name, records in pending.items():
            self._write(self.store.types[name], records)
        for sql in dict.fromkeys(sql for sql, _ in self._extras):
            self.store.execute_many(sql, [row for text, row in self._extras if text == sql])
        self.store.execute_many("INSERT OR REPLACE INTO counters VALUES (?, ?)", self.counters.items())
        self._dirty.clear()
        self._log.clear()
        self._taken_log.clear()
        self._extras.clear()

    def _write(self, kind: ObjectType, records: Sequence[Record]) -> None:
        new: list[tuple[Any, ...]] = []
        old: list[tuple[Any, ...]] = []
        for record in records:
            record.seq = self.next(f"seq:{kind.name}")
            (old if (kind.name, record.n) in self._stored else new).append(_row(record))
            self._stored.add((kind.name, record.n))
            self.changes.append(Change(kind.name, record.id, record.version, record.modified))
        columns = ["version", "seq", "state", "merged", "created", "modified", "created_by", "modified_by", "last_line"]
        columns += ["fields", "search", *(f"x_{name}" for name in kind.indexed)]
        if new:
            self.store.execute_many(
                f"INSERT INTO o_{kind.name} ({', '.join(columns)}, n) VALUES ({marks(columns)}, ?)", new
            )
        if old:
            # A unique value may move from one record to another within the batch: let go of all before taking any.
            for name in (*kind.unique, *(("external_id",) if kind.has_external_id else ())):
                at = columns.index(f"x_{name}")
                let_go = f"UPDATE o_{kind.name} SET x_{name} = NULL WHERE n = ? AND x_{name} != ifnull(?, '')"
                self.store.execute_many(let_go, [(row[-1], row[at]) for row in old])
            sets = ", ".join(f"{column} = ?" for column in columns)
            self.store.execute_many(f"UPDATE o_{kind.name} SET {sets} WHERE n = ?", old)
        if kind.line_ref is not None:
            self._write_line_targets(kind, records)

    def _write_line_targets(self, kind: ObjectType, records: Sequence[Record]) -> None:
        # Targets a record no longer has stay in the table: readers look into the record itself.
        field = kind.line_ref
        assert field is not None
        assert field.ref is not None
        target = self.store.types[field.ref]
        rows = {(target.number(line[field.name]), record.n) for record in records for line in record.fields["lines"]}
        self.store.execute_many(
            f"INSERT OR IGNORE INTO l_{kind.name} VALUES (?, ?)", sorted(row for row in rows if row[0] is not None)
        )


def _row(record: Record) -> tuple[Any, ...]:
    kind, fields = record.type, record.fields
    search = " ".join(str(fields[name]) for name in kind.searched if fields[name] is not None).lower()
    return (
        record.version,
        record.seq,
        record.state,
        record.merged,
        record.created,
        record.modified,
        record.created_by,
        record.modified_by,
        record.last_line,
        record.raw,
        search,
        *(fields[name] for name in kind.indexed),
        record.n,
    )
