"""A checked mapping as data: what `parse` makes of one file and `translate` compiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from connector.mapping.codecs import ABSENT, Codec
from connector.mapping.expressions import Expression
from connector.mapping.located import Place
from connector.model.entities import Entity, Field
from connector.model.values import Line, Value


@dataclass(frozen=True, slots=True)
class LinesSpec:
    """How a system shows the lines. id, external_key: fields of each line; external_key is None where the system
    has none."""

    id: str
    external_key: str | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `fields:` - canonical fields and where they come from.

    Exactly one of source (a system field, with codec or lines), expr and constant says so. An expr has a codec too:
    its result is read like a system value. default: the system value written on create where there is no value.
    definition: what the file says of how the value is read; when it changes, old and new readings do not compare.
    """

    fields: tuple[Field, ...]
    place: Place
    source: str | None = None
    codec: Codec | None = None
    expr: Expression | None = None
    constant: Any = ABSENT
    lines: LinesSpec | None = None
    read: bool = True
    write: bool = True
    default: Any = ABSENT
    definition: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)


@dataclass(frozen=True, slots=True)
class Located:
    """A value of a test and where it stands."""

    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Case:
    """One item of `tests:`. given -> expect, held, in_scope; values -> expect_fields. None: not asked."""

    place: Place
    given: Mapping[str, Any] | None = None
    expect: Mapping[str, Located] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    in_scope: bool | None = None
    values: Mapping[str, Value | tuple[Line, ...]] | None = None
    create: bool = True
    expect_fields: Mapping[str, Located] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """One mapping file, checked. `entity` has the custom fields added."""

    file: str
    entity: Entity
    object: str
    external_key: str | None
    filter: Expression | None
    read_only: bool
    entries: tuple[Entry, ...]
    constants: Mapping[str, Any]
    tests: tuple[Case, ...]


Direction = Literal["both", "read", "write"]
DIRECTIONS: tuple[Direction, ...] = ("both", "read", "write")
