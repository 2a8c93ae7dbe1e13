"""How Salesforce writes ids, instants and queries. No I/O. Contract: 2.1, 6 (ids)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote_plus

REQUEST_BYTES = 16_384
"""What a request line and its headers may take together."""

HEADER_BYTES = 3_400
"""Kept for headers, which hold a token, and for what a query holds beside fields and values."""

ROOM = REQUEST_BYTES - HEADER_BYTES

FIELD_BYTES = 8_600
"""Names of fields in one query; what is more goes into another one. Leaves room for 200 ids."""

ID_BYTES = 21
"""An id in a list of a query: quoted, with its comma."""

LITERAL = 4_000
"""Characters of one text in a condition."""

_ID = re.compile(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?", re.ASCII)
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


def identity(value: object) -> str | None:
    """The id in its form of 18 characters, whose case does not matter to anybody; None for what is no id."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    whole = value[:15] + suffix(value[:15])
    return whole if len(value) == 15 or value == whole else None


def is_key(value: str) -> bool:
    """Whether a text is an id as this adapter gives them out."""
    return len(value) == 18 and identity(value) == value


def suffix(short: str) -> str:
    """The three characters that say which of the 15 are capitals."""
    parts = (short[start : start + 5] for start in (0, 5, 10))
    return "".join(_SUFFIX[sum(1 << n for n, sign in enumerate(part) if "A" <= sign <= "Z")] for part in parts)


def text(value: str) -> str:
    """A text between quotes, with nothing in it that ends it."""
    return f"'{value.translate(_ESCAPES)}'"


def read_instant(value: str) -> datetime:
    """`2026-11-01T09:12:44.000+0000`, with or without a colon in the zone. Raises ValueError."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(value)
    return at.astimezone(UTC)


def instant(at: datetime) -> str:
    """As conditions and records have it; parts of a second only where there are any."""
    return f"{at:%Y-%m-%dT%H:%M:%S}{f'.{at.microsecond // 1000:03}' if at.microsecond else ''}Z"


def select(
    fields: Iterable[str], table: str, conditions: Sequence[str] = (), order: str = "", limit: int | None = None
) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    by = f" ORDER BY {order}" if order else ""
    return f"SELECT {','.join(fields)} FROM {table}{where}{by}{f' LIMIT {limit}' if limit is not None else ''}"


def one_of(field: str, literals: Iterable[str]) -> str:
    return f"{field} IN ({','.join(literals)})"


def ids(keys: Iterable[str]) -> Iterator[str]:
    """Ids as literals; they hold nothing to escape."""
    return (f"'{key}'" for key in keys)


def behind(stamp: str, at: datetime, after: str) -> str:
    """The condition that goes on behind a record in the order of (stamp, Id)."""
    when = instant(at)
    return f"({stamp} > {when} OR ({stamp} = {when} AND Id > {text(after)}))"


def encoded(query: str) -> str:
    """A query as it stands in an address."""
    return quote_plus(query, safe="(),':")


def fitting(literals: Iterable[str], room: int) -> Iterator[list[str]]:
    """The literals, as many at a time as fit into so many bytes of address; one longer than that goes alone."""
    part: list[str] = []
    length = 0
    for literal in literals:
        cost = len(encoded(literal)) + 1
        if part and length + cost > room:
            yield part
            part, length = [], 0
        part.append(literal)
        length += cost
    if part:
        yield part


def grouped(names: Sequence[str], limit: int = FIELD_BYTES) -> list[list[str]]:
    """The names of fields in as few queries as hold them."""
    return list(fitting(names, limit))
