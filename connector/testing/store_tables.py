"""What a store in memory holds, and what the parts of its transaction share: tables that are copied before a write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

from connector.errors import ConnectorError
from connector.model.records import Key
from connector.model.rows import (
    CandidateRow,
    ConflictRow,
    DeadRow,
    HintRow,
    IntentRow,
    JournalRow,
    LinkRow,
    RunRow,
)
from connector.model.values import Side
from connector.state.errors import ImpossibleState, StoreError

T = TypeVar("T")

Place = tuple[str, Side, Key]
"""Kind, side, key."""


class Owner(NamedTuple):
    """Who has a key: the link it belongs to, or (alias) the link it leads to."""

    link: int
    alias: bool


class Lease(NamedTuple):
    owner: str | None
    epoch: int
    expires: float


@dataclass(slots=True)
class Tables:
    """One state of the store. Rows and tables of a committed state are never changed: a writer copies a table first.

    numbers: the last one given out, by what it counts.
    """

    links: dict[int, LinkRow] = field(default_factory=dict)
    owners: dict[Place, Owner] = field(default_factory=dict)
    layouts: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    tombstones: dict[Place, float] = field(default_factory=dict)
    cursors: dict[tuple[str, Side, str], str] = field(default_factory=dict)
    hints: dict[Place, HintRow] = field(default_factory=dict)
    intents: dict[str, IntentRow] = field(default_factory=dict)
    conflicts: dict[tuple[int, str], ConflictRow] = field(default_factory=dict)
    dead: dict[Place, DeadRow] = field(default_factory=dict)
    journal: list[JournalRow] = field(default_factory=list)
    candidates: dict[Place, CandidateRow] = field(default_factory=dict)
    runs: dict[str, RunRow] = field(default_factory=dict)
    inbox: dict[tuple[str, str], tuple[bytes | None, float]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


def copier(cls: type[T]) -> Callable[[T], T]:
    """A function that makes a row like the one given. Several times as fast as `dataclasses.replace`."""
    values = attrgetter(*(f.name for f in fields(cast("type[Any]", cls))))
    return lambda row: cls(*values(row))


tables_like = copier(Tables)


class _Gone:
    """In the place of the tables of a transaction that can only be left: whoever looks gets the reason."""

    __slots__ = ("_reason",)

    def __init__(self, reason: ConnectorError) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> NoReturn:
        raise self._reason


class Session:
    """One open transaction. `failed`: why it can only be left; nothing is read or written any more then."""

    __slots__ = ("_mine", "_now", "_reading", "failed")

    def __init__(self, now: Tables, *, reading: bool) -> None:
        self._now = tables_like(now)
        self._mine: set[str] = set()
        self._reading = reading
        self.failed: ConnectorError | None = None

    def _own(self, name: str) -> Any:
        """The table of that name, to be written to. Raises StoreError inside a look."""
        table = getattr(self._now, name)
        if name not in self._mine:
            if self._reading:
                raise self._fail(StoreError("a look cannot write; open a write transaction with `begin`"))
            table = table.copy()
            setattr(self._now, name, table)
            self._mine.add(name)
        return table

    def _number(self, name: str, count: int = 1) -> int:
        """The last of that many new numbers."""
        numbers: dict[str, int] = self._own("numbers")
        numbers[name] = last = numbers.get(name, 0) + count
        return last

    def _refuse(self, reason: str) -> ImpossibleState:
        return self._fail(ImpossibleState(f"the state store refused an impossible state: {reason}"))

    def _fail(self, error: T) -> T:
        """The error to raise; the transaction cannot commit any more, even if somebody catches it."""
        self.failed = cast("ConnectorError", error)
        self._now = cast("Tables", _Gone(self.failed))
        return error

    def result(self) -> Tables:
        """The tables as this transaction leaves them; it is of no use from now on. Raises why it failed, if it did."""
        if self.failed is not None:
            raise self.failed
        found = self._now
        self.leave()
        return found

    def leave(self) -> None:
        self._now = cast("Tables", _Gone(StoreError("this transaction has ended; open another one")))
