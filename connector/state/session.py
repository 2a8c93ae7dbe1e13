"""What every part of a transaction shares: running statements, kinds as numbers, and the database's refusals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, bindparam, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from connector.errors import ConnectorError, TransientError
from connector.model.values import Side
from connector.state.errors import ImpossibleState, StoreError
from connector.state.sql import Make, Row, Statement
from connector.state.tables import SIDES, kind

T = TypeVar("T")

CHUNK = 500
UNKNOWN = -1
"""Number of a kind the store has never seen: matches no row."""

SIDE_OF: Mapping[int | None, Side | None] = {None: None, **{number: side for side, number in SIDES.items()}}

_FIND_KIND = Statement(["name"], lambda make: select(kind.c.id).where(kind.c.name == bindparam("name")))
_ADD_KIND = Statement(["name"], lambda make: make.insert(kind, ["name"]).on_conflict_do_nothing())
_ALL_KINDS = Statement([], lambda make: select(kind.c.name, kind.c.id))
_REFUSED = "the state store refused an impossible state and undid the transaction"
_RETRIABLE = ("locked", "busy", "deadlock", "could not serialize", "lock timeout", "too many clients")


def side_of(code: int) -> Side:
    """The side of a stored code."""
    side = SIDE_OF[code]
    assert side is not None
    return side


def storable(words: str) -> str:
    """Free text from elsewhere, without what one of the databases cannot hold (zero bytes, halves of characters)."""
    if words.isascii() and "\0" not in words:
        return words
    return words.encode(errors="replace").decode().replace("\0", "")


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    iterator = iter(values)
    while part := list(islice(iterator, size)):
        yield part


def first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def translated(error: DBAPIError) -> ConnectorError:
    """The same failure as an error that says what happens next."""
    reason = first_line(error.orig)
    if isinstance(error, IntegrityError):
        return ImpossibleState(f"{_REFUSED}: {reason}")
    if any(word in reason.lower() for word in _RETRIABLE):
        return TransientError(f"the state store is busy ({reason}); nothing was changed")
    return StoreError(f"the state store cannot be used: {reason}; the next run recovers what was under way")


class Session:
    """One open transaction. After a refusal it can only be rolled back (`failed` says why)."""

    def __init__(self, connection: Connection, make: Make, kinds: Mapping[str, int], ids: Engine | None) -> None:
        self.connection = connection
        self._make = make
        self._kinds = kinds
        self._ids = ids
        self.new_kinds: dict[str, int] = {}
        self.failed: ConnectorError | None = None

    # running statements
    def _execute(self, statement: Statement, rows: Sequence[Row]) -> CursorResult[Any]:
        if self.failed is not None:
            raise self.failed
        prepared = self._make.prepared(statement)
        try:
            return self.connection.exec_driver_sql(prepared.text, prepared.rows(rows))
        except DBAPIError as error:
            self.failed = translated(error)
            raise self.failed from error
        except UnicodeError as error:
            self.failed = ImpossibleState(f"{_REFUSED}: a key or version is not valid text ({error})")
            raise self.failed from error

    def _all(self, statement: Statement, *params: Any) -> Sequence[Any]:
        return self._execute(statement, [params]).all()

    def _one(self, statement: Statement, *params: Any) -> Any:
        """The first row, or None."""
        return self._execute(statement, [params]).first()

    def _run(self, statement: Statement, *params: Any) -> int:
        """Rows touched."""
        return self._execute(statement, [params]).rowcount

    def _many(self, statement: Statement, rows: Sequence[Row]) -> int:
        """One executemany; rows touched. Sorted by the caller where two writers could cross."""
        return self._execute(statement, rows).rowcount if rows else 0

    def _each(self, statement: Statement, values: Collection[Any], *params: Any) -> Iterator[Sequence[Any]]:
        """Rows per chunk of values; the list parameter comes last."""
        for part in chunks(dict.fromkeys(values)):
            yield self._all(statement, *params, self._make.listed(part))

    def _run_each(self, statement: Statement, values: Collection[Any], *params: Any) -> int:
        """Like `_each` for a statement that changes rows; rows touched."""
        parts = chunks(sorted(set(values)))
        return sum(self._run(statement, *params, self._make.listed(part)) for part in parts)

    def _refuse(self, reason: str) -> ImpossibleState:
        """The error to raise for a state the code found out about; the transaction cannot commit any more."""
        self.failed = ImpossibleState(f"{_REFUSED}: {reason}")
        return self.failed

    # kinds
    def _kind(self, name: str) -> int:
        """Number of a kind; UNKNOWN when nothing was ever stored for it."""
        found = self._kinds.get(name)
        if found is None:
            found = self.new_kinds.get(name)
        if found is None:
            row = self._one(_FIND_KIND, name)
            if row is None:
                return UNKNOWN
            found = self.new_kinds[name] = row[0]
        return found

    def _own_kind(self, name: str) -> int:
        """Number of a kind, given one now if it has none."""
        found = self._kind(name)
        if found == UNKNOWN:
            self._run(_ADD_KIND, name)
            found = self._kind(name)
        return found

    def _kind_names(self, numbers: Iterable[int]) -> dict[int, str]:
        names = {number: name for known in (self._kinds, self.new_kinds) for name, number in known.items()}
        if any(number not in names for number in numbers):
            self.new_kinds.update((name, number) for name, number in self._all(_ALL_KINDS))
            names.update({number: name for name, number in self.new_kinds.items()})
        return names
