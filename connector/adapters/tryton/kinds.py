"""What every object of Tryton has in common: how it is read, what its version is, how its fields are checked.

A record is more than its row: addresses, contact mechanisms, identifiers and prices are rows of their own, and a person
who changes one of them directly does not move the stamp of the row they belong to. The version is therefore the stamp
of the row and a digest of the ids and stamps of all rows inside it, and the feed asks for both.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from connector.adapters.tryton.wire import Domain, Row
from connector.errors import RejectedError
from connector.model.records import Outcome, Record, Write
from connector.ports import Capabilities, FieldSchema

if TYPE_CHECKING:
    from connector.adapters.tryton.client import TrytonClient

STAMP = "last_modified_at"
"""When a row was last written or, never written since, created. `write_date` itself is null for some new rows."""

MARK = "connector:"
"""What the value of an external key starts with in Tryton, where it stands among things people typed."""

ROW = ("create_date", "create_uid", "write_uid", STAMP, "_timestamp")
INNER = ("id", "create_uid", "write_uid", STAMP, "_timestamp")


PAGE = 100
READ_ONLY = Capabilities(feed="overlap", page=PAGE, concurrency=4, granularity=0.000001)
"""Of what can only be looked at: confirming a sale makes Tryton write invoices in this connection's name, so who made
a record says nothing."""

_bodies = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class World:
    """What was learned of this Tryton when it was described: of what a name stands for, its id.

    company: whose prices are meant. digits: of each currency. taxes: by rate, those of sales that stand for themselves.
    discounts: whether lines keep the price before discount.
    """

    currency: str
    company: int = 1
    countries: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    currencies: Mapping[str, int] = field(default_factory=dict)
    digits: Mapping[str, int] = field(default_factory=dict)
    taxes: Mapping[Decimal, int] = field(default_factory=dict)
    discounts: bool = True


def written(batch: int) -> Capabilities:
    """Of what is also written. batch: how many records a call may write."""
    return replace(READ_ONLY, conditional_write=True, external_key="search", created_by=True, batch_write=batch)


class Kind(ABC):
    """One object: a model of Tryton with what belongs to it, shown as flat fields.

    model: whose rows are its records. inner: paths to the rows inside that belong to the record. reads: fields to read
    besides the stamps. own: which rows are records of this object; live: which of the model's rows are live ones. of:
    path to the company whose they are; None for what all companies share. merged: the field that names the survivor.
    creatable, deletable: whether records are made and removed from outside.
    """

    name: ClassVar[str]
    model: ClassVar[str]
    inner: ClassVar[tuple[str, ...]] = ()
    reads: tuple[str, ...] = ()
    own: Domain = ()
    live: Domain = ()
    of: ClassVar[str | None] = None
    merged: ClassVar[str | None] = None
    creatable: ClassVar[bool] = True
    deletable: ClassVar[bool] = True
    capabilities: ClassVar[Capabilities]

    def __init__(self, world: World) -> None:
        self.world = world
        if self.of is not None:
            # A user may be let see several companies at once.
            ours = [self.of, "=", world.company]
            self.own, self.live = [*self.own, ours], [*self.live, ours]
        self.schema: Mapping[str, FieldSchema] = {known.name: known for known in self.fields()}
        stamps = [f"{path}.{name}" for path in self.inner for name in INNER]
        self.paths: tuple[str, ...] = (*self.reads, *ROW, *stamps, *([self.merged] if self.merged else []))

    @abstractmethod
    def fields(self) -> Sequence[FieldSchema]:
        """Every field a record shows."""

    @abstractmethod
    def shown(self, row: Row) -> dict[str, Any]:
        """The fields of a record."""

    @abstractmethod
    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        """Where records with one of the values are, and maybe others; None for a field that cannot be asked for."""

    def creating(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The row to create, with the rows inside it; what `make` takes. Raises RejectedError."""
        raise RejectedError(f"{self.name} is made by Tryton and not from outside; correct the mapping.")

    def make(self, client: TrytonClient, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Creates all of these or none."""
        return [Outcome(str(key), None) for key in client.create(self.model, rows)]

    def updating(self, row: Row, fields: Mapping[str, Any]) -> tuple[str, int, dict[str, Any]]:
        """Model, id and values of the one write that changes these fields. Raises RejectedError."""
        raise RejectedError(f"{self.name} is written by Tryton and not from outside; correct the mapping.")

    def pressed(self, row: Row, fields: Mapping[str, Any]) -> Sequence[str]:
        """The buttons that are pressed after that write, in order. Raises RejectedError."""
        return ()

    def waking(self, row: Row) -> dict[str, Any] | None:
        """The values that make the row active, None where it is: Tryton refuses any other change of an inactive one."""
        return None if row.get("active", True) else {"active": True}

    def deleting(self, row: Row) -> tuple[str, int]:
        """Model and id of the row whose end is the end of the record."""
        return self.model, row["id"]

    def record(self, row: Row) -> Record:
        """What the port tells of a row."""
        inside = list(_inside(row, self.inner))
        at, by = max([(row[STAMP], 0, row), *((one[STAMP], -n - 1, one) for n, (_, one) in enumerate(inside))])[::2]
        survivor = row[self.merged] if self.merged else None
        told = self.capabilities.created_by
        return Record(
            key=str(row["id"]),
            version=version(row, inside),
            fields=None if survivor else self.shown(row),
            modified=at,
            created_by=_text(row["create_uid"]) if told else None,
            modified_by=_text(by["write_uid"] or by["create_uid"]) if told else None,
            merged_into=_text(survivor),
            created=row["create_date"],
        )

    def stamps(self, row: Row) -> dict[str, str]:
        """`_timestamp` of the row and of those inside it: the condition of a write that was based on them."""
        rows = [(self.model, row), *((one["__name__"], one) for _, one in _inside(row, self.inner))]
        return {f"{model},{one['id']}": one["_timestamp"] for model, one in rows}

    def checked(self, write: Write, *, create: bool) -> dict[str, Any]:
        """The fields of a body, each of its type: Tryton takes some that are not. Raises RejectedError."""
        body = _bodies.decode(write.body)
        if not isinstance(body, dict):
            raise RejectedError(f"{self.name}: the body is no JSON object.")
        for name, known in self.schema.items():
            if known.required and body.get(name) in (None, "") and (create or name in body):
                raise RejectedError(f"{self.name}: `{name}` is required; give it a value.")
        return {name: self._value(name, value, self.schema) for name, value in body.items()}

    def _value(self, name: str, value: Any, schema: Mapping[str, FieldSchema], above: str = "") -> Any:
        """above: what its name begins with in messages."""
        known, name = schema.get(name), above + name
        if known is None:
            raise RejectedError(f"{self.name} has no field `{name}`; correct the mapping.")
        if not known.writable:
            raise RejectedError(f"{self.name}: `{name}` is Tryton's own and cannot be written; correct the mapping.")
        if value is None:
            return None
        if known.lines:
            return self._lines(name, known.lines, value)
        if known.type == "decimal":
            return _decimal(self.name, name, value)
        if not isinstance(value, bool if known.type == "boolean" else str):
            raise RejectedError(f"{self.name}: `{name}` takes a {known.type}, not {type(value).__name__}.")
        if isinstance(value, str) and "\0" in value:
            raise RejectedError(f"{self.name}: `{name}` holds a sign of no text (NUL): take it out.")
        if known.choices and value not in known.choices:
            raise RejectedError(f"{self.name}: `{name}` takes {', '.join(known.choices)}; another value was sent.")
        return _date(self.name, name, str(value)) if known.type == "date" else value

    def _lines(self, name: str, known: Mapping[str, FieldSchema], value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(line, dict) for line in value):
            raise RejectedError(f"{self.name}: `{name}` takes a list of lines.")
        return [{field: self._value(field, one, known, f"{name}.") for field, one in line.items()} for line in value]


def _decimal(kind: str, name: str, value: Any) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else value
    except InvalidOperation:
        number = None
    if not isinstance(number, Decimal) or not number.is_finite():
        raise RejectedError(f"{kind}: `{name}` takes a number.")
    return number


def _date(kind: str, name: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise RejectedError(f"{kind}: `{name}` takes a date like 2026-03-09.") from None


def version(row: Row, inside: Sequence[tuple[str, Row]]) -> str:
    """The row's stamp, and a digest of the rows inside; opaque, for a row inside may be deleted or come again."""
    parts = sorted(f"{path} {one['id']} {one[STAMP].isoformat()}" for path, one in inside)
    digest = hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
    return f"{stamp_text(row[STAMP])}-{digest}"


def stamp_text(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%S.%f")


def one_of(rows: Any) -> list[Row]:
    """The active ones of the rows inside, in Tryton's own order; inactive ones are as good as deleted."""
    return [row for row in rows if row.get("active", True)]


def marked(value: Any) -> str | None:
    """The external key in a text of Tryton's."""
    return value.removeprefix(MARK) if isinstance(value, str) and value.startswith(MARK) else None


def command(row: Row | None, values: Mapping[str, Any] | None, fixed: Mapping[str, Any]) -> list[list[Any]]:
    """What makes the row inside have these values: created with `fixed` beside them, written, or (None) deleted."""
    if row is None:
        return [] if values is None else [["create", [{**fixed, **values}]]]
    if values is None:
        return [["delete", [row["id"]]]]
    return [["write", [row["id"]], dict(values)]]


def _inside(row: Row, paths: Sequence[str]) -> Iterator[tuple[str, Row]]:
    for path in paths:
        for one in _along(row, path.split(".")):
            yield path, one


def _along(value: Any, path: Sequence[str]) -> Iterator[Row]:
    if isinstance(value, list):
        for one in value:
            yield from _along(one, path)
    elif value is not None:
        if path:
            yield from _along(value[path[0]], path[1:])
        else:
            yield value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def is_key(value: str) -> bool:
    """Whether a text is an id of Tryton's: a positive whole number of four bytes, in its one way of writing."""
    return (
        value.isascii()
        and value.isdecimal()
        and len(value) < 11
        and value == str(int(value))
        and 0 < int(value) < 2**31
    )


def key_of(value: Any, name: str, field: str) -> int:
    """The id in a field that names a record. Raises RejectedError."""
    if not isinstance(value, str) or not is_key(value):
        raise RejectedError(f"{name}: `{field}` names no record of Tryton's.")
    return int(value)
