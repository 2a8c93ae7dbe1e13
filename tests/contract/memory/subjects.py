"""The system in memory as a subject of the contract suite, bare or inside a wrapper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Key
from connector.ports import Adapter, Capabilities
from connector.testing.contract import Fields, Sample, Subject, Trouble
from connector.testing.contract.trouble import WAIT
from connector.testing.driver import HandClock
from connector.testing.memory import MemorySystem
from connector.testing.tables import Fault, MemoryObject

FULL = Capabilities(
    conditional_write=True,
    idempotency=86_400.0,
    external_key="unique",
    created_by=True,
    feed="exact",
    versions="counter",
    deletes="feed",
    batch_read=7,
    batch_write=5,
    page=6,
    concurrency=4,
)
BARE = Capabilities(batch_read=4, batch_write=4, page=3)
PROFILES: Mapping[str, Capabilities] = {
    "full": FULL,
    "bare": BARE,
    "one_by_one": replace(FULL, batch_read=1, batch_write=1, page=1),
    "late_feed": replace(FULL, feed="overlap", versions="sortable"),
    "searchable": replace(BARE, external_key="search", created_by=True, versions="sortable"),
    "silent_deletes": replace(FULL, deletes="none", versions="opaque"),
    "numbers": replace(FULL, decimals="number"),
}

LINES = (
    {"sku": "A-1", "quantity": Decimal("1.50"), "text": "one"},
    {"sku": "A-1", "quantity": Decimal("2"), "text": "two"},
    {"sku": "B-7", "quantity": Decimal("2"), "text": None},
)
SAMPLE = Sample(
    "things",
    create=lambda number: {"name": f"Thing {number}", "note": "first", "external_id": None, "lines": LINES},
    text="name",
    change=("note", ("zero", "one", "two", "three", "four", "five", "six")),
    refused={"note": "REFUSED"},
    kept={
        "code": ("007", ""),
        "day": ("2024-02-29",),
        "flag": (True, False),
        "count": (12,),
        "amount": (Decimal("1.10"),),
        "lines": (LINES[:2], LINES[2:]),
    },
)
FIELDS = frozenset({"name", "note", "external_id", "code", "day", "flag", "count", "amount"})

_BEFORE: Mapping[Trouble, ConnectorError] = {
    Trouble.REFUSED: TransientError("memory cannot be reached; run again later"),
    Trouble.BUSY: TransientError("memory is busy; run again later", WAIT),
    Trouble.UNAUTHORIZED: DeniedError("memory does not accept the credentials; check `auth`"),
    Trouble.FORBIDDEN: DeniedError("memory denies this; give this connection the right"),
    Trouble.NOT_FOUND: NotFoundError("memory does not have it"),
    Trouble.MOVED: StaleError("memory has a newer version"),
    Trouble.INVALID: RejectedError("memory refuses it"),
}
TROUBLES = (*_BEFORE, Trouble.LOST)
_METHODS = ("describe", "changes", "scan", "read", "find", "write", "check")
MANY = 10_000


class MemorySubject(Subject):
    """wrap: what stands between the suite and the system, given the adapter and its clock. line_id: of each line."""

    samples = (SAMPLE,)

    def __init__(
        self,
        capabilities: Capabilities,
        wrap: Callable[[Adapter, HandClock], Adapter] = lambda inner, clock: inner,
        make: Callable[..., MemorySystem] = MemorySystem,
        line_id: str = "id",
    ) -> None:
        self.clock = HandClock()
        thing = MemoryObject("things", capabilities, "T", FIELDS, {"lines": line_id}, frozenset(LINES[0]))
        self.system = make("memory", self.clock, [thing])
        self.system.reject_where(lambda fields: fields.get("note") == "REFUSED")
        self._wrap = wrap

    def open(self) -> Adapter:
        return self._wrap(self.system, self.clock)

    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        return self.system.add(object, self._plain(fields))

    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        self.system.edit(object, key, **self._plain(fields))

    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        self.system.remove(object, key)

    def restore(self, object: str, key: Key) -> None:  # noqa: A002
        self.system.restore(object, key)

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        self.system.merge(object, loser, survivor)

    def calls(self) -> int:
        return sum(count for (method, _), count in self.system.calls.items() if method != "describe")

    @contextmanager
    def trouble(self, kind: Trouble, *, write: bool, after: int = 0) -> Iterator[None]:
        lost = UncertainError("no answer came; whether it was written is found out") if write else None
        error = lost or TransientError("no answer came; run again later")
        if kind is not Trouble.LOST:
            error = _BEFORE[kind]
        methods = ("write",) if write else _METHODS
        self.system.faults += [Fault(m, error, after=kind is Trouble.LOST, times=MANY, skip=after) for m in methods]
        try:
            yield
        finally:
            self.system.faults.clear()

    def _plain(self, fields: Fields) -> dict[str, Any]:
        """As they would have come over a wire."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fields))
        return plain
