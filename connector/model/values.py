"""Canonical values: what a field holds after mapping, the same on both sides.

A field is absent (its name is not in the mapping of values), null (None), or one of `Scalar`.
`Money` carries its currency; a date is not an instant; a reference names an entity and a key of ONE side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Side(StrEnum):
    """Left or right: the order in `between:`. People see the system's configured name instead."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


SIDES: tuple[Side, Side] = (Side.LEFT, Side.RIGHT)
"""Both sides; iterating over the enumeration itself is ten times slower, and the engine does it for every record."""


@dataclass(frozen=True, slots=True)
class Sides(Generic[T]):
    """One value per side."""

    left: T
    right: T

    def __getitem__(self, side: Side) -> T:
        return self.left if side is Side.LEFT else self.right

    def __iter__(self) -> Iterator[T]:
        yield self.left
        yield self.right

    def map(self, function: Callable[[T], U]) -> Sides[U]:
        return Sides(function(self.left), function(self.right))

    def with_(self, side: Side, value: T) -> Sides[T]:
        return Sides(value, self.right) if side is Side.LEFT else Sides(self.left, value)

    def mirrored(self) -> Sides[T]:
        return Sides(self.right, self.left)


def maybe(left: T | None, right: T | None) -> Sides[T | None]:
    """Two values of which either may be missing."""
    return Sides(left, right)


def only(side: Side, value: T | None) -> Sides[T | None]:
    """A value on one side, nothing on the other."""
    return Sides(value, None) if side is Side.LEFT else Sides(None, value)


class Money(NamedTuple):
    """An amount in one currency (ISO 4217). Never a float."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class Ref(NamedTuple):
    """A reference to a record of `entity` by its key in the system the values came from."""

    entity: str
    key: str


class Line(NamedTuple):
    """One line of an order or invoice.

    key: the line's own id in its system (None while it does not exist there yet).
    partner: the other system's line id, where this system stores it (None otherwise).
    """

    key: str | None
    partner: str | None
    values: Mapping[str, Value]


Scalar: TypeAlias = str | bool | int | Decimal | date | datetime | Money | Ref | None
Value: TypeAlias = "Scalar | tuple[Line, ...]"
Values: TypeAlias = Mapping[str, Value]


def shown_value(value: Value) -> str | None:
    """A canonical value as a person reads it; None stays None."""
    if value is None:
        return None
    if isinstance(value, Ref):
        return value.key
    if isinstance(value, tuple) and value and isinstance(value[0], Line):
        return "; ".join(_shown_line(line) for line in value if isinstance(line, Line))
    return "no lines" if value == () else str(value)


def _shown_line(line: Line) -> str:
    return ", ".join(f"{name} {shown_value(value)}" for name, value in line.values.items() if value is not None)
