"""What happened to records, as webhooks and the journal tell it later (contract 7)."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that happened. action: `creation`, `propertyChange`, `deletion`, ... as in the names of event types."""

    action: str
    type: str
    id: int
    at: int
    source: str
    property: str | None = None
    value: str | None = None
    primary: int | None = None
    merged: list[int] = []
    to_type: str | None = None
    to_id: int | None = None
    removed: bool = False
    type_id: int | None = None
