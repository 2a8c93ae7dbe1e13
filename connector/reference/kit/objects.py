"""Objects declared as data: their fields, what refers to what, and the rules that hang on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from connector.reference.kit.records import Record
    from connector.reference.kit.tx import Tx

Fields: TypeAlias = dict[str, Any]
FieldType: TypeAlias = Literal[
    "text",
    "decimal",
    "amount",
    "price",
    "integer",
    "date",
    "boolean",
    "choice",
    "reference",
    "currency",
    "country",
    "lines",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object or of a line.

    ref: the object a reference points to; a required reference blocks the delete of its target, another one is cleared
    by it unless `holds` is set. currency: the sibling that says in which currency an amount is. indexed: `find` on it
    is fast. unique: no two live records share a value. searched: the search box of the pages looks into it.
    """

    name: str
    type: FieldType = "text"
    required: bool = False
    writable: bool = True
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    ref: str | None = None
    holds: bool = False
    lines: tuple[Field, ...] = ()
    currency: str = "currency"
    default: Any = None
    indexed: bool = False
    unique: bool = False
    searched: bool = False


def text(
    name: str,
    *,
    length: int = 255,
    required: bool = False,
    writable: bool = True,
    indexed: bool = False,
    unique: bool = False,
    searched: bool = False,
) -> Field:
    return Field(
        name=name,
        max_length=length,
        required=required,
        writable=writable,
        indexed=indexed or unique,
        unique=unique,
        searched=searched,
    )


def texts(*names: str, length: int = 255) -> tuple[Field, ...]:
    return tuple(text(name, length=length) for name in names)


def external_id() -> Field:
    """Where a record keeps its id in another system; whether it is unique is a switch of the application."""
    return text("external_id", indexed=True, searched=True)


def reference(
    name: str, to: str, *, required: bool = False, writable: bool = True, holds: bool = False, indexed: bool = True
) -> Field:
    return Field(
        name=name,
        type="reference",
        ref=to,
        required=required,
        writable=writable,
        holds=holds or required,
        indexed=indexed,
    )


def choice(name: str, *choices: str, default: str | None = None, writable: bool = True, indexed: bool = False) -> Field:
    return Field(name=name, type="choice", choices=choices, default=default, writable=writable, indexed=indexed)


def amount(name: str, *, currency: str = "currency", required: bool = False, writable: bool = True) -> Field:
    return Field(name=name, type="amount", currency=currency, required=required, writable=writable)


class Rules:
    """What the application adds to plain records; every method may raise ServiceError."""

    def prepare(self, tx: Tx, changes: Fields) -> None:
        """Complete the clean fields of a new record: numbers, dates, what follows from others."""

    def derive(self, tx: Tx, before: Record | None, after: Fields) -> None:
        """Fill the computed fields of `after`."""

    def check(self, tx: Tx, before: Record | None, after: Fields) -> None:
        """Refuse what the state forbids. Called for writes of users only, not for the application's own."""

    def saved(self, tx: Tx, before: Record | None, record: Record) -> Record:
        """Follow up on a committed-to-be write; returns the record as it is then."""
        return record

    def check_delete(self, tx: Tx, record: Record) -> None:
        """Refuse a delete."""

    def check_merge(self, tx: Tx, winner: Record, loser: Record) -> None:
        """Refuse a merge."""

    def merged(self, tx: Tx, winner: Record, loser: Record) -> None:
        """Move what is not held in records."""


class ObjectType:
    """One object: a name, an id prefix and its fields. Ids are `PREFIX-NUMBER`."""

    def __init__(
        self,
        name: str,
        prefix: str,
        fields: Sequence[Field],
        *,
        label: str,
        rules: Rules | None = None,
        creatable: bool = True,
        deletable: bool = True,
        mergeable: bool = False,
        read_only: bool = False,
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.fields = tuple(fields)
        self.label = label
        self.rules = rules or Rules()
        self.creatable = creatable and not read_only
        self.deletable = deletable and not read_only
        self.mergeable = mergeable
        self.read_only = read_only
        self.by_name = {field.name: field for field in self.fields}
        self.blank: Fields = {field.name: [] if field.type == "lines" else field.default for field in self.fields}
        self.indexed = tuple(field.name for field in self.fields if field.indexed)
        self.searched = tuple(field.name for field in self.fields if field.searched)
        self.refs = tuple(field for field in self.fields if field.ref)
        self.unique = tuple(field.name for field in self.fields if field.unique)
        self.required = tuple(field.name for field in self.fields if field.required)
        # Computed amounts are made at the decimals of their currency.
        self.scaled = tuple(field for field in self.fields if field.type in ("amount", "price") and field.writable)
        self.has_external_id = "external_id" in self.by_name
        self.lines: tuple[Field, ...] = self.by_name["lines"].lines if "lines" in self.by_name else ()
        self.line_fields = {field.name: field for field in self.lines}
        self.line_blank: Fields = {field.name: None for field in self.lines}
        self.line_ref: Field | None = next((field for field in self.lines if field.ref), None)

    def key(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    def number(self, key: object) -> int | None:
        """The number in an id, or None when the text is no id of this object."""
        if not isinstance(key, str):
            return None
        prefix, dash, digits = key.partition("-")
        if prefix != self.prefix or not dash or not digits.isascii() or not digits.isdecimal() or len(digits) > 15:
            return None
        return None if digits[0] == "0" else int(digits)
