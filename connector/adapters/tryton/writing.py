"""Batches of writes: one transaction for all of them, and one for each where something in it was refused.

A transaction of Tryton does all or nothing. A refusal, a conflict or a doubt about a batch of one is its outcome; a
doubt about a whole batch is raised, for nobody can tell which of its writes it is about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.failures import NumberTakenError
from connector.adapters.tryton.kinds import Kind
from connector.adapters.tryton.wire import Row
from connector.errors import ConnectorError, NotFoundError, RejectedError, StaleError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Write

T = TypeVar("T")
_Create: TypeAlias = tuple[dict[str, Any], bool]
"""Values of a row to create, and whether it is to be active."""

_OWN = (RejectedError, StaleError, NotFoundError)
"""What is the matter of one write and not of the connection."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One update or delete. values: None for a delete. waking: what makes an inactive row active before, `values` make
    it inactive again. asleep: the values that undo that. buttons: pressed after it. stamps: the condition, empty for
    none."""

    model: str
    key: int
    values: dict[str, Any] | None
    stamps: Mapping[str, str]
    waking: dict[str, Any] | None = None
    asleep: dict[str, Any] | None = None
    buttons: Sequence[str] = ()


class Writer:
    """One write at a time: Tryton draws numbers from one sequence, and on SQLite two at once draw the same."""

    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._turn = threading.Lock()

    def create(self, kind: Kind, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        ready: list[tuple[int, _Create]] = []
        for number, write in enumerate(writes):
            try:
                fields = kind.checked(write, create=True)
                # An inactive row takes no values: it is created active first.
                values = kind.creating({name: value for name, value in fields.items() if name != "active"})
                ready.append((number, (values, fields.get("active") is not False)))
            except RejectedError as error:
                outcomes[number] = Outcome(None, None, error)
        with self._turn:
            made = list(_parted([one for _, one in ready], lambda some: self._made(kind, some)))
            made = self._put_to_sleep(kind, [one for _, one in ready], made)
        outcomes.update((number, outcome) for (number, _), outcome in zip(ready, made, strict=True))
        return [outcomes[number] for number in range(len(writes))]

    def change(self, kind: Kind, writes: Sequence[Write], rows: Mapping[str, Row]) -> list[Outcome]:
        """Updates or deletes. rows: what is there, read just now."""
        errors: dict[int, ConnectorError | None] = {}
        plain: list[tuple[int, _Change]] = []
        asleep: list[tuple[int, _Change]] = []
        for number, write in enumerate(writes):
            try:
                change = self._prepared(kind, write, rows.get(write.key or ""))
                (plain if change.waking is None else asleep).append((number, change))
            except _OWN as error:
                errors[number] = error
        with self._turn:
            done = list(_parted([one for _, one in plain], self._changed))
            for one in asleep:
                done += _parted([one[1]], lambda some: [self._woken(some[0])], alone=len(writes) == 1)
        errors.update((number, outcome.error) for (number, _), outcome in zip([*plain, *asleep], done, strict=True))
        return [Outcome(write.key, None, errors[number]) for number, write in enumerate(writes)]

    def _prepared(self, kind: Kind, write: Write, row: Row | None) -> _Change:
        if row is None:
            raise NotFoundError(f"{self._client.place} does not have {kind.name} {write.key}.")
        if write.version is not None and write.version != kind.record(row).version:
            raise StaleError(f"{self._client.place} has a newer version of {kind.name} {write.key}.")
        stamps = {} if write.version is None else kind.stamps(row)
        if write.op is Op.DELETE:
            return _Change(*kind.deleting(row), None, stamps)
        fields = kind.checked(write, create=False)
        waking = kind.waking(row) if fields.keys() - {"active"} else None
        if waking is None:
            return _Change(*kind.updating(row, fields), stamps, buttons=kind.pressed(row, fields))
        changed = kind.updating(row, {"active": False, **fields})
        return _Change(*changed, stamps, waking, kind.updating(row, {"active": False})[2])

    def _made(self, kind: Kind, some: Sequence[_Create]) -> list[Outcome]:
        return kind.make(self._client, [values for values, _ in some])

    def _put_to_sleep(self, kind: Kind, some: Sequence[_Create], made: Sequence[Outcome]) -> list[Outcome]:
        """Inactive at last, those that are to be. Where that fails they are there, and not as they were sent."""
        keys = [int(one.key) for (_, active), one in zip(some, made, strict=True) if one.key and not active]
        if not keys:
            return list(made)
        error = None
        try:
            self._client.write(kind.model, [(key, {"active": False}) for key in keys])
        except ConnectorError as problem:
            error = UncertainError(f"{problem} It was created before, and is active.")
        shown = {str(key) for key in keys}
        return [one if one.key not in shown else Outcome(None if error else one.key, None, error) for one in made]

    def _changed(self, some: Sequence[_Change]) -> list[Outcome]:
        stamps = {name: stamp for change in some for name, stamp in change.stamps.items()}
        for model, group in groupby(some, key=lambda change: change.model):
            changes = list(group)
            if changes[0].values is None:
                self._client.delete(model, [change.key for change in changes], stamps)
                continue
            written = [(change.key, change.values or {}) for change in changes if change.values or not change.buttons]
            if written:
                self._client.write(model, written, stamps)
            for change in changes:
                self._press(change, stamps if not written else {}, after=bool(written))
        return [Outcome(str(change.key), None) for change in some]

    def _press(self, change: _Change, stamps: Mapping[str, str], *, after: bool) -> None:
        """Each button is a transaction of its own. after: the fields of this change are written."""
        for button in change.buttons:
            try:
                self._client.press(change.model, button, change.key, stamps)
            except ConnectorError as error:
                if not after:
                    raise
                raise UncertainError(f"{error} What else this write changes was written before.") from None
            stamps, after = {}, True

    def _woken(self, change: _Change) -> Outcome:
        """Two transactions: an inactive row is made active, then changed and put back; also where that is refused."""
        assert change.waking is not None
        self._client.write(change.model, [(change.key, change.waking)], change.stamps)
        try:
            self._client.write(change.model, [(change.key, change.values or {})])
        except RejectedError:
            self._client.write(change.model, [(change.key, change.asleep or {})])
            raise
        except TransientError as error:
            raise UncertainError(f"{error} The record was made active before.") from None
        return Outcome(str(change.key), None)


def _parted(some: Sequence[T], go: Callable[[Sequence[T]], list[Outcome]], *, alone: bool = True) -> Iterator[Outcome]:
    """All at once; where that is refused, nothing was done, and each goes alone. alone: there are no other writes."""
    if not some:
        return
    try:
        yield from go(some)
        return
    except _OWN as error:
        if len(some) == 1:
            yield Outcome(None, None, error)
            return
    except NumberTakenError as error:
        # Beside busy writers a long transaction is refused again and again, and a short one gets through.
        if len(some) == 1:
            if alone:
                raise
            yield Outcome(None, None, error)
            return
    except ConnectorError as error:
        if alone:
            raise
        yield Outcome(None, None, error)
        return
    for one in some:
        try:
            yield from go([one])
        except ConnectorError as error:
            yield Outcome(None, None, error)
