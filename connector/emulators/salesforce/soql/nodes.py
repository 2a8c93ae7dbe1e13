"""What a query says, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as Only
from typing import NamedTuple, TypeAlias

LiteralKind: TypeAlias = Only["text", "number", "boolean", "null", "date", "datetime"]


class Literal(NamedTuple):
    """A value in a condition. value: text unescaped, a number as written, a time as written."""

    kind: LiteralKind
    value: str
    at: int = 0


class Path(NamedTuple):
    """A field, through parents: ("Account", "ERP_Id__c"). at: where it stands in the text."""

    names: tuple[str, ...]
    at: int = 0

    def __str__(self) -> str:
        return ".".join(self.names)


class Compare(NamedTuple):
    path: Path
    operator: str
    value: Literal


class Among(NamedTuple):
    path: Path
    values: tuple[Literal, ...]
    negated: bool


class Both(NamedTuple):
    parts: tuple[Condition, ...]


class Either(NamedTuple):
    parts: tuple[Condition, ...]


class Not(NamedTuple):
    part: Condition


Condition: TypeAlias = Compare | Among | Both | Either | Not


class Order(NamedTuple):
    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT. count: it is `SELECT COUNT()`. source: object, or list of children in a subquery."""

    text: str
    source: str
    source_at: int
    fields: tuple[Path, ...]
    children: tuple[Query, ...]
    count: bool
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int
