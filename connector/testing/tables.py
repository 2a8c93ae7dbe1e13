"""What a system in memory is made of: objects as declared, their rows, and faults to come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec

from connector.errors import (
    TransientError,
    UncertainError,
)
from connector.model.records import Key, Op, Outcome, Version
from connector.ports import Capabilities

T = TypeVar("T")
Fields = dict[str, Any]
LOOKBACK = 5


@dataclass(frozen=True, slots=True)
class MemoryObject:
    """One object. fields: those it always shows, null while nothing was written; others show once written.

    lines: field that holds lines -> name of each line's id, empty where lines have none; line_fields: what each line
    always shows. keeps: what the system does with a written body (trims, rounds); by default nothing.
    """

    name: str
    capabilities: Capabilities
    prefix: str = ""
    fields: frozenset[str] = frozenset()
    lines: Mapping[str, str] = field(default_factory=dict)
    line_fields: frozenset[str] = frozenset()
    keeps: Callable[[Fields], Fields] = lambda fields: fields
    deletable: bool = True


@dataclass(slots=True)
class Fault:
    """One call that fails. after: it is carried out first, the answer is lost. skip: calls let through before."""

    method: str
    error: Exception
    after: bool = False
    times: int = 1
    skip: int = 0
    object: str | None = None
    op: Op | None = None


@dataclass(slots=True)
class Row:
    key: Key
    fields: Fields
    version: int
    position: int
    modified: float
    created_by: str
    modified_by: str
    deleted: bool = False
    merged_into: Key | None = None
    created: float = 0.0


@dataclass(slots=True)
class Table:
    spec: MemoryObject
    rows: dict[Key, Row] = field(default_factory=dict)
    position: int = 0
    number: int = 0
    line_number: int = 0
    answers: dict[str, tuple[float, Outcome]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Touch:
    """One change of a record, told to who watches the system, in the order it happened.

    by: who made it (`user`, the connection's principal, or another name a fault uses). before, after: the fields
    shown, None where the record did not exist or is gone. into: the survivor of a merge. token: of the write, if any.
    version: the record's, from then on.
    """

    system: str
    object: str
    key: Key
    kind: Literal["create", "edit", "remove", "restore", "merge"]
    by: str
    at: float
    before: Fields | None
    after: Fields | None
    into: Key | None = None
    token: str | None = None
    version: Version | None = None


def alive(row: Row) -> bool:
    return not row.deleted and row.merged_into is None


def position_of(cursor: str | None) -> int | None:
    """The position a cursor stands for: 0 at the beginning, None for what is no cursor."""
    if cursor is None:
        return 0
    return int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < 20 else None


def copied(fields: Mapping[str, Any]) -> Fields:
    """Fields that may be changed without changing these; lines are copied, too."""
    return {name: [dict(line) for line in value] if type(value) is list else value for name, value in fields.items()}


_JSON = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def decoded(body: bytes) -> Fields:
    """A body as fields; amounts that travel as numbers stay exact."""
    return _JSON.decode(body)


def answered(error: Exception | None, answer: T) -> T:
    if error is not None:
        raise error
    return answer


LOST = UncertainError("no answer came")
BUSY = TransientError("busy", after=30.0)
