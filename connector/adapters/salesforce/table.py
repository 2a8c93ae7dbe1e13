"""One object of the org as its description tells: which fields are read, what each shows, what may be written.

Contract: 2.4. Left out of records are parts of compound fields' wholes (an address is read by its parts), and the
stamps and marks that a record carries beside its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from connector.adapters.salesforce.soql import LITERAL, grouped, identity, instant, read_instant, text
from connector.errors import RejectedError
from connector.ports import FieldSchema

STAMP = "SystemModstamp"
DELETED = "IsDeleted"
MASTER = "MasterRecordId"
MARKS = ("Id", STAMP, DELETED, MASTER, "CreatedDate", "CreatedById", "LastModifiedById")
"""Read with each row where the object has them, and no fields of a record."""

_HIDDEN = frozenset({*MARKS, "LastModifiedDate", "LastViewedDate", "LastReferencedDate"})
"""The last two tell when somebody looked at the record."""

_COMPOUND = frozenset({"address", "location", "base64", "anyType", "complexvalue", "json"})
_NUMBERS = frozenset({"currency", "double", "percent"})
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(_NUMBERS, "decimal"),
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "date": "date",
    "datetime": "instant",
}
_IDS = frozenset({"id", "reference"})


class _Choice(msgspec.Struct):
    value: str
    active: bool = True


class Column(msgspec.Struct, rename="camel"):
    """One field, as described."""

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    defaulted_on_create: bool = False
    external_id: bool = False
    unique: bool = False
    restricted_picklist: bool = False
    picklist_values: list[_Choice] = []
    reference_to: list[str] = []
    relationship_name: str | None = None

    @property
    def kind(self) -> str:
        return _TYPES.get(self.type, "text")

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted_on_create

    def schema(self) -> FieldSchema:
        choices = tuple(one.value for one in self.picklist_values if one.active) if self.restricted_picklist else ()
        longest = self.length if self.kind == "text" and self.type not in _IDS and self.length > 0 else None
        writable = self.createable or self.updateable
        return FieldSchema(self.name, self.kind, self.required, writable, longest, choices)

    def shown(self, value: Any) -> Any:
        """A value of a row as a record shows it."""
        if value is None:
            return None
        if self.type in _NUMBERS:
            return plain(value)
        if self.kind == "integer":
            return int(value)
        if self.type in _IDS:
            return identity(value) or value
        if self.type == "datetime":
            return instant(read_instant(value))
        return value

    def literal(self, value: str) -> str | None:
        """The value in a condition; None where no record can hold it."""
        match self.kind:
            case "text" if self.type in _IDS:
                return text(value) if identity(value) else None
            case "text":
                return text(value) if value and len(value) <= min(self.length or LITERAL, LITERAL) else None
            case "boolean":
                return value if value in ("true", "false") else None
            case _:
                try:
                    return str(self._typed(value, value))
                except RejectedError:
                    return None

    def written(self, value: Any, name: str) -> Any:
        """A value of a body as Salesforce takes it. name: of the field, in messages. Raises RejectedError."""
        if value is None or value == "":
            return self._empty(value, name)
        typed = self._typed(value, name)
        if self.kind == "text" and self.length and len(typed) > self.length:
            raise RejectedError(f"`{name}` holds {self.length} characters and {len(typed)} were sent.")
        return typed

    def _empty(self, value: Any, name: str) -> Any:
        if self.required or self.type == "boolean":
            raise RejectedError(f"`{name}` is required; give it a value.")
        return value if self.kind == "text" else None

    def _typed(self, value: Any, name: str) -> Any:
        match self.kind:
            case "boolean" if isinstance(value, bool):
                return value
            case "decimal" | "integer" if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
                return self._number(value, name)
            case "date" if isinstance(value, str):
                return _date(value, name)
            case "instant" if isinstance(value, str):
                return _instant(value, name)
            case "text" if isinstance(value, str) and self.type in _IDS:
                if (key := identity(value)) is None:
                    raise RejectedError(f"`{name}` names no record of Salesforce's.")
                return key
            case "text" if isinstance(value, str):
                return value
        raise RejectedError(f"`{name}` takes a {self.kind}, not {type(value).__name__}.")

    def _number(self, value: str | int | Decimal, name: str) -> Any:
        """Salesforce would round in silence what it cannot hold."""
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("nan")
        if not number.is_finite():
            raise RejectedError(f"`{name}` takes a number.")
        places = 0 if self.kind == "integer" else self.scale if self.precision else None
        if places is not None and number != round(number, places):
            raise RejectedError(f"`{name}` holds {places} decimals and more were sent; give the field more of them.")
        return int(number) if self.kind == "integer" else number


class WireTable(msgspec.Struct):
    """A description, as far as it is used."""

    name: str
    fields: list[Column]
    createable: bool = True
    deletable: bool = True


class Table:
    """columns: by name, those a record shows. groups: the fields to read, in as few queries as hold them; the first
    has the marks. has: whether the object has a field, shown or not."""

    def __init__(self, wire: WireTable) -> None:
        self.name = wire.name
        self.createable = wire.createable
        self.deletable = wire.deletable
        self._all = {column.name: column for column in wire.fields}
        self.columns: Mapping[str, Column] = {
            column.name: column for column in wire.fields if column.name not in _HIDDEN and column.type not in _COMPOUND
        }
        marks = [name for name in MARKS if name in self._all]
        self.groups = grouped([*marks, *self.columns])
        self.deletes = DELETED in self._all

    def has(self, name: str) -> bool:
        return name in self._all

    def referring(self, table: str) -> str | None:
        """The field that points to that object, the required one where there are several."""
        found = [one for one in self.columns.values() if table in one.reference_to]
        return min(found, key=lambda one: one.nillable).name if found else None

    def path(self, link: str) -> str | None:
        """What a field that points to another object is called in paths through it."""
        return self._all[link].relationship_name if link in self._all else None

    def shown(self, row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        return {name: self.columns[name].shown(row.get(name)) for name in names}


def plain(value: int | Decimal | str) -> Decimal:
    """A number in its shortest digits, however it was written: 25.0, 2.5E1."""
    number = Decimal(value).normalize()
    return number if number.as_tuple().exponent <= 0 else number.quantize(Decimal(1))  # type: ignore[operator]


def _date(value: str, name: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise RejectedError(f"`{name}` takes a date like 2026-03-09.") from None


def _instant(value: str, name: str) -> str:
    try:
        return instant(read_instant(value))
    except ValueError:
        raise RejectedError(f"`{name}` takes an instant like 2026-03-09T12:00:00Z.") from None


def stamp_of(row: Mapping[str, Any]) -> datetime:
    """When the row last changed. Raises ValueError."""
    return read_instant(row[STAMP])
