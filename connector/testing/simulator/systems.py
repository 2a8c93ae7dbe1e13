"""A system in memory with every bad habit of a real one: late, lost, lagging, partial, forgetful, meddling."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.errors import (
    ConnectorError,
    DeniedError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Key, Op, Outcome, Page, Record, Write, WriteResult
from connector.ports import Clock
from connector.testing.memory import MemorySystem
from connector.testing.tables import LOOKBACK, MemoryObject, Row, Table

READS = ("changes", "scan", "read", "find")
LABELS = ("name", "title", "sku", "code")
BEFORE = ("busy", "down", "denied", "lost-before")
"""Faults that come before anything is done, whatever the call."""
TRICKS: Mapping[str, tuple[str, ...]] = {
    "busy": (*READS, "write"),
    "down": (*READS, "write"),
    "denied": (*READS, "write"),
    "cut": ("changes", "scan"),
    "broken": ("changes", "scan"),
    "empty": ("changes", "scan"),
    "omit": ("scan",),
    "stale": ("read",),
    "lost-before": ("write",),
    "lost-after": ("write",),
    "late": ("write",),
    "bare": ("write",),
    "short": ("write",),
    "some-busy": ("write",),
    "some-lost": ("write",),
    "some-refused": ("write",),
    "some-stale": ("write",),
}
"""Every kind of fault, and the calls it can hit."""
AT_ONCE = (*BEFORE, "lost-after", "late", "short")
"""Faults that change the answer whatever it is; of the others only those count that did."""


@dataclass(slots=True)
class Trick:
    """One fault to come. kind: see TRICKS; skip: calls let through before; number: its seconds or bits, as it needs."""

    method: str
    kind: str
    skip: int = 0
    times: int = 1
    number: int = 1


@dataclass(frozen=True, slots=True)
class Late:
    """A request on its way, or an edit a workflow is about to make (then `fields`)."""

    due: float
    object: str
    writes: Sequence[Write] = ()
    key: Key = ""
    fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Version:
    at: float
    position: int
    record: Record


class TrickySystem(MemorySystem):
    """See `MemorySystem`. Faults wait in `tricks`; `hits` counts those that changed an answer, by kind.

    lag: seconds within which a change turns visible in `changes`, `scan` and `find`; each change has its own share of
    it, so that they turn visible in another order than they were made. denied: nothing can be read or written.
    untold: by object, the keys of records whose last change the feed passed while they were hidden.
    """

    def __init__(
        self, name: str, clock: Clock, objects: Iterable[MemoryObject], principal: str | None = "connector"
    ) -> None:
        super().__init__(name, clock, objects, principal)
        self.lag = 0.0
        self.denied = False
        self.outages = 0
        self.tricks: list[Trick] = []
        self.hits: Counter[str] = Counter()
        self.poison: set[str] = set()
        self.hidden: dict[Key, float] = {}
        self.untold: defaultdict[str, set[Key]] = defaultdict(set)
        self.coming: list[Late] = []
        self.meddling: dict[str, tuple[float, dict[str, Any]]] = {}
        self.reject = self._refuses
        self._past: dict[str, dict[Key, list[_Version]]] = {name: {} for name in self._tables}
        self._met: set[object] = set()
        self._breaks: set[tuple[str, str]] = set()

    # ------------------------------------------------------------------------------------------------ faults

    def end_faults(self) -> None:
        """From now on nothing goes wrong any more; what is on its way still arrives."""
        self.tricks.clear()
        self.poison.clear()
        self.hidden.clear()
        self.meddling.clear()
        self._breaks.clear()
        self.denied = False

    def arrive(self) -> None:
        """Carry out what is due by now: late requests, and what workflows do."""
        now = self.clock.now()
        while self.coming and min(late.due for late in self.coming) <= now:
            late = min(self.coming, key=lambda late: late.due)
            self.coming.remove(late)
            if late.fields is None:
                self._perform(late.object, late.writes)
            elif late.key in self.live(late.object):
                self.hits["workflow"] += 1
                self.edit(late.object, late.key, by="workflow", **late.fields)

    def _refuses(self, object_: str, write: Write) -> ConnectorError | None:
        if not self.poison:
            return None
        row = self._table(object_).rows.get(str(write.key))
        shown = row.fields if row is not None else {}
        label = next((str(shown[name]) for name in LABELS if shown.get(name)), None)
        if label in self.poison or any(f'"{name}"'.encode() in write.body for name in self.poison):
            self.hits["poison"] += 1
            return RejectedError(f"{self.name}: the record is not valid")
        return None

    def _enter(self, method: str, object_: str) -> Trick | None:
        """Count the call; the fault that hits it, raised at once where it comes before anything is done."""
        self.calls[method, object_] += 1
        self.arrive()
        if self.denied:
            self._meet("outage", self.outages)
            raise DeniedError(f"{self.name}: wrong credentials")
        trick = self._due(method)
        if trick is None:
            return None
        if trick.kind in AT_ONCE:
            self.hits[trick.kind] += 1
        if trick.kind in BEFORE:
            raise self._error(trick.kind, method)
        return trick

    def _meet(self, kind: str, one: object) -> None:
        """What lasts for a while counts once, however many calls it hits."""
        if (kind, one) not in self._met:
            self._met.add((kind, one))
            self.hits[kind] += 1

    def _due(self, method: str) -> Trick | None:
        for trick in self.tricks:
            if trick.method != method:
                continue
            if trick.skip:
                trick.skip -= 1
                return None
            trick.times -= 1
            if trick.times <= 0:
                self.tricks.remove(trick)
            return trick
        return None

    def _error(self, kind: str, method: str) -> ConnectorError:
        if kind == "denied":
            return DeniedError(f"{self.name}: not allowed")
        if kind == "busy":
            return TransientError(f"{self.name}: too many requests", after=30.0)
        if kind == "down" and method != "write":
            return TransientError(f"{self.name}: internal error")
        return UncertainError(f"{self.name}: no usable answer")

    # --------------------------------------------------------------------------------------------- what shows

    def _touch(self, table: Table, row: Row, by: str) -> None:
        super()._touch(table, row, by)
        past = self._past[table.spec.name].setdefault(row.key, [])
        past.append(_Version(row.modified, row.position, self._record(table, row)))

    def _visible(self, object_: str) -> list[_Version]:
        """The newest version of every record that lists and searches know of by now, in the order of changes."""
        now = self.clock.now()
        found = []
        for key, versions in self._past[object_].items():
            if self.hidden and self.hidden.get(key, 0.0) > now:
                continue
            seen = next((v for v in reversed(versions) if v.at + self._share(v) <= now), None)
            if seen is not None:
                found.append(seen)
        found.sort(key=lambda version: version.position)
        return found

    def _note_untold(self, object_: str, after: int, told: set[Key]) -> None:
        now = self.clock.now()
        hidden = [key for key, until in self.hidden.items() if until > now and key in self._past[object_]]
        self.untold[object_] -= told
        self.untold[object_].update(key for key in hidden if self._past[object_][key][-1].position > after)

    def _share(self, version: _Version) -> float:
        return self.lag * (version.position * 37 % 64) / 63 if self.lag else 0.0

    def _covered(self, table: Table) -> int:
        """Up to which position everything is visible for certain: what the feed's cursor may rest on."""
        if not self.lag:
            overlap = LOOKBACK if table.spec.capabilities.feed == "overlap" else 0
            return max(0, table.position - overlap)
        before = self.clock.now() - self.lag
        fresh = [v.position for past in self._past[table.spec.name].values() for v in past if v.at > before]
        return min(fresh, default=table.position + 1) - 1

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """See `Adapter`. The cursor inside a pass is `position/where the pass may end`."""
        trick = self._enter("changes", object)
        table = self._table(object)
        capabilities = table.spec.capabilities
        place, _, promised = (cursor or "").partition("/")
        self._break("changes", object, further=bool(promised))
        after = self._place(table, place or None)
        end = int(promised) if promised else max(after, self._covered(table))
        rows = [v for v in self._visible(object) if v.position > after]
        self._note_untold(object, after, {v.record.key for v in rows})
        if cursor is None or capabilities.deletes == "none":
            rows = [v for v in rows if not _gone(v.record)]
        page, more = self._cut(trick, rows, capabilities.page, object)
        records = [version.record for version in page]
        if more:
            return self._answer(None, table, records, f"{page[-1].position if page else after}/{end}", more)
        if capabilities.feed == "exact":
            end = table.position
        return self._answer(None, table, records, str(end), more)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        trick = self._enter("scan", object)
        table = self._table(object)
        self._break("scan", object, further=cursor is not None)
        rows = [v for v in self._visible(object) if not _gone(v.record) and v.record.key > (cursor or "")]
        rows.sort(key=lambda version: version.record.key)
        page, more = self._cut(trick, rows, table.spec.capabilities.page, object)
        last = page[-1].record.key if page else cursor or ""
        if trick is not None and trick.kind == "omit" and page:
            self.hits["omit"] += 1
            page = page[: -trick.number]
        return self._answer(None, table, [version.record for version in page], last if more else None, more)

    def _cut(self, trick: Trick | None, rows: list[_Version], size: int, object_: str) -> tuple[list[_Version], bool]:
        """The page, and whether there is more. `cut`: a shorter one than asked for; `broken`: and the next fails."""
        kind = trick.kind if trick is not None else ""
        if kind == "empty":
            self.hits["empty"] += bool(rows)
            return [], True
        if trick is not None and kind in ("cut", "broken") and trick.number < min(size, len(rows)):
            size = trick.number
            self.hits["cut"] += kind == "cut"
        if trick is not None and kind == "broken" and len(rows) > size:
            self._breaks.add((trick.method, object_))
        return rows[:size], len(rows) > size

    def _break(self, method: str, object_: str, *, further: bool) -> None:
        """Fail on the next page of a listing that was to break. One that begins again is another one."""
        if (method, object_) in self._breaks:
            self._breaks.discard((method, object_))
            if further:
                self.hits["broken"] += 1
                raise TransientError(f"{self.name}: internal error")

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        table = self._table(object)
        found: dict[Key, Record] = {}
        size = table.spec.capabilities.batch_read
        for start in range(0, len(keys), size):
            trick = self._enter("read", object)
            for key in keys[start : start + size]:
                record = self._read(table, key, trick)
                if record is not None:
                    found[key] = record
        self._show(None, table, list(found.values()))
        return found

    def _read(self, table: Table, key: Key, trick: Trick | None) -> Record | None:
        versions = self._past[table.spec.name].get(key)
        if versions is None:
            return None
        if self.hidden.get(key, 0.0) > self.clock.now():
            self._meet("hidden", (key, self.hidden[key]))
            return None
        record = versions[-1].record
        if trick is not None and trick.kind == "stale" and len(versions) > 1:
            self.hits["stale"] += 1
            record = versions[max(0, len(versions) - 1 - trick.number)].record
        return None if _gone(record) and table.spec.capabilities.deletes == "none" else record

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        self._enter("find", object)
        self._searchable(self._table(object), field)
        wanted = set(values)
        found = []
        for version in self._visible(object):
            record = version.record
            if not _gone(record) and record.fields is not None:
                shown = record.created_by if field == "created_by" else record.fields.get(field)
                if shown in wanted:
                    found.append(record)
        self._show(None, self._table(object), found)
        return found

    # ------------------------------------------------------------------------------------------------ writing

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        capabilities = self._table(object).spec.capabilities
        if not writes:
            return WriteResult([])
        if len(writes) > capabilities.batch_write or any(write.op is not writes[0].op for write in writes):
            raise AssertionError(f"a batch is at most {capabilities.batch_write} writes of one op")
        keys = [write.key for write in writes if write.key is not None]
        if len(set(keys)) != len(keys):
            raise AssertionError("no two writes of a batch on one record")
        trick = self._enter("write", object)
        kind = trick.kind if trick is not None else ""
        number = trick.number if trick is not None else 0
        if kind == "late":
            self.coming.append(Late(self.clock.now() + number, object, tuple(writes)))
            raise UncertainError(f"{self.name}: timed out")
        if kind.startswith("some-"):
            return self._write_some(object, writes, kind, number)
        result = self._perform(object, writes)
        if kind == "lost-after":
            raise UncertainError(f"{self.name}: no answer came")
        if kind == "short":
            return WriteResult(result.outcomes[:-1], None)
        if kind == "bare":
            self.hits["bare"] += any(o.record is not None for o in result.outcomes)
            return WriteResult([Outcome(o.key, None, o.error) for o in result.outcomes], None)
        return result

    def _perform(self, object_: str, writes: Sequence[Write]) -> WriteResult:
        table = self._table(object_)
        before = table.position
        outcomes = []
        for item in writes:
            self.writes.append(item)
            outcome = self._write(table, item)
            outcomes.append(outcome)
            if (
                outcome.error is None
                and outcome.key is not None
                and object_ in self.meddling
                and item.op is not Op.DELETE
            ):
                after, fields = self.meddling.pop(object_)
                self.coming.append(Late(self.clock.now() + after, object_, (), outcome.key, fields))
        exact = table.spec.capabilities.feed == "exact"
        return WriteResult(outcomes, (str(before), str(table.position)) if exact else None)

    def _write_some(self, object_: str, writes: Sequence[Write], kind: str, bits: int) -> WriteResult:
        """Item number n fails when bit n of `bits` is set. A lost one was carried out when the next bit is set, too."""
        failed = [bool(bits >> (n % 8) & 1) for n in range(len(writes))]
        if any(failed):
            self.hits[kind.replace("some", "all") if all(failed) else kind] += 1
        made = [kind == "some-lost" and bool(bits >> ((n + 1) % 8) & 1) for n in range(len(writes))]
        part = [w for w, bad, done in zip(writes, failed, made, strict=True) if not bad or done]
        done = iter(self._perform(object_, part).outcomes if part else [])
        outcomes = []
        for write, bad, applied in zip(writes, failed, made, strict=True):
            outcome = next(done) if not bad or applied else None
            outcomes.append(Outcome(write.key, None, self._item_error(kind)) if bad or outcome is None else outcome)
        return WriteResult(outcomes, None)

    def _item_error(self, kind: str) -> ConnectorError:
        errors: dict[str, ConnectorError] = {
            "some-busy": TransientError(f"{self.name}: locked by another user", after=10.0),
            "some-lost": UncertainError(f"{self.name}: this item has no answer"),
            "some-refused": RejectedError(f"{self.name}: not valid"),
            "some-stale": StaleError(f"{self.name}: changed meanwhile"),
        }
        return errors[kind]


def _gone(record: Record) -> bool:
    return record.deleted or record.merged_into is not None
