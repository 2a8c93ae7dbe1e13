"""What adapters return and take: records, pages, writes and outcomes. `fields` are the system's own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connector.errors import ConnectorError

Key = str
Version = str
"""Changes with the record. Where `Capabilities.versions` is not `opaque`, later versions compare greater as strings."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as a system returned it.

    fields: None when the feed gave only key and version. deleted: the system says it is gone.
    merged_into: the key that took it over. created_by / modified_by: the system's name of the principal, if it tells;
    of a deleted record, who deleted it.
    created: in answers of the system; not kept while a run works on the record.
    """

    key: Key
    version: Version
    fields: Mapping[str, Any] | None
    modified: datetime | None = None
    created_by: str | None = None
    modified_by: str | None = None
    deleted: bool = False
    merged_into: Key | None = None
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed or scan. `cursor`: where the next call goes on; None at the end of a scan.

    In `changes` the cursor of the LAST page is the place to start from next time. more: another page is ready now.
    """

    records: Sequence[Record]
    cursor: str | None
    more: bool


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One intended write.

    body: JSON object of the system's fields, frozen as bytes (sent unchanged on every retry); b"" for deletes.
    version: condition; None writes unconditionally. token: idempotency key.
    external: (field, value) that identifies the record on create where the system keeps such a key.
    """

    op: Op
    key: Key | None
    body: bytes
    version: Version | None
    token: str
    external: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one write. error None: applied; `record` is what the answer showed (None: it showed nothing).

    existed: the record shown may hold more than this write: a create reached one that was there before.
    """

    key: Key | None
    record: Record | None
    error: ConnectorError | None = None
    existed: bool = False


@dataclass(frozen=True, slots=True)
class WriteResult:
    """Outcomes in the order of the writes.

    span: (before, after) positions of the object's feed that this batch alone moved, where the system tells.
    """

    outcomes: Sequence[Outcome]
    span: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this key soon. Never data."""

    object: str
    key: Key
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of `check`: what was looked at, whether it is fine, and the next step if not."""

    subject: str
    ok: bool
    detail: str
