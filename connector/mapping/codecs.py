"""What a converter becomes once its options are read: a pair of functions, decode and encode.

`decode` takes a system's value that is not null and gives the canonical one (None where the system's way of saying
nothing is an empty text); `encode` goes back. Both raise NoImageError, with a sentence that does not name the field.
`lossy`: encode may drop detail, as the mapping declares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from connector.mapping.located import Reader
from connector.model.entities import Field, FieldType
from connector.model.values import Money, Value


class Absent(Enum):
    """Not there at all; neither null nor a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Beside:
    """Where a converter finds a second value: a field of the same record, of the line's parent, or a constant."""

    kind: Literal["field", "parent", "constant"]
    name: str


@dataclass(frozen=True, slots=True)
class Plain:
    """One system value to one canonical value."""

    decode: Callable[[Any], Value]
    encode: Callable[[Any], Any]
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class Paired:
    """One value whose meaning depends on another system value beside it (a phone number on its country).

    Both functions take the value and the raw value beside it (None when unknown).
    """

    decode: Callable[[Any, Any], Value]
    encode: Callable[[Any, Any], Any]
    beside: Beside
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount with its currency beside it. encode gives the two raw values."""

    decode: Callable[[Any, Any], Value]
    encode: Callable[[Money], tuple[Any, str]]
    beside: Beside
    lossy: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """One system value that holds several canonical ones."""

    decode: Callable[[Any], tuple[Value, ...]]
    encode: Callable[[tuple[Value, ...]], Any]
    lossy: bool = False


Codec: TypeAlias = Plain | Paired | Amount | Split


@dataclass(frozen=True, slots=True)
class Converter:
    """A named converter: the field types it fits, and how its options are read.

    build: takes the options as a Reader (mistakes are noted there) and the canonical field. parts: canonical fields
    it serves at once.
    """

    name: str
    types: frozenset[FieldType]
    build: Callable[[Reader, Field], Codec]
    parts: int = 1


def read_beside(options: Reader, key: str, *, required: bool) -> Beside | None:
    """Reads `currency: field`, `currency: ^parent_field` or `currency: =EUR`."""
    text = options.text(key)
    if text is None:
        if required and key not in options:
            options.problem("", f"no `{key}`", f"`{key}`: a system field, `^field` of the parent, or `=VALUE`")
        return None
    if text[0] in "^=" and len(text) == 1:
        options.problem(key, f"`{text}`", "`^field` of the parent, or `=VALUE`")
        return None
    if text[0] == "=":
        return Beside("constant", text[1:].strip())
    return Beside("parent", text[1:].strip()) if text[0] == "^" else Beside("field", text)
