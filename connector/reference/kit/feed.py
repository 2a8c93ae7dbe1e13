"""Reading in commit order, in id order and by time of change.

A cursor is `EPOCH-POSITION`, or `EPOCH-POSITION-START` during the first pass: what was gone at START is left out then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from connector.reference.kit.objects import ObjectType
from connector.reference.kit.problems import ServiceError, malformed
from connector.reference.kit.records import LIVE, Record
from connector.reference.kit.store import Store

_CURSOR = re.compile(r"([0-9a-f]{6})-(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", re.ASCII)


class Page(NamedTuple):
    """cursor: where the next call goes on."""

    records: Sequence[Record]
    cursor: str | None
    more: bool


def cursor_at(store: Store, position: int) -> str:
    return f"{store.epoch}-{position}"


def changes(store: Store, kind: ObjectType, cursor: str | None, limit: int) -> Page:
    """Records behind the cursor, each once, at its latest position. Raises ServiceError 410."""
    with store.lock:
        head = store.head(kind.name)
        position, start = _parse(store, cursor, head) if cursor else (0, head)
        where = f"seq > ? AND (state = {LIVE} OR seq > ?) ORDER BY seq LIMIT ?"
        records = store.records(kind, where, (position, start or 0, limit + 1))
    more = len(records) > limit
    records = records[:limit]
    if not more:
        return Page(records, cursor_at(store, head), False)
    position = records[-1].seq
    passing = start is not None and position < start
    return Page(records, cursor_at(store, position) + (f"-{start}" if passing else ""), True)


def _parse(store: Store, cursor: str, head: int) -> tuple[int, int | None]:
    match = _CURSOR.fullmatch(cursor)
    if match is None or match[1] != store.epoch or max(int(match[2]), int(match[3] or 0)) > head:
        raise ServiceError(410, "unknown_cursor", "This cursor is not known here: read from the beginning.")
    return int(match[2]), int(match[3]) if match[3] else None


def scan(store: Store, kind: ObjectType, after: str, limit: int) -> Page:
    """Live records behind an id (or from the first when it is empty), in id order."""
    n = kind.number(after) if after else 0
    if n is None:
        raise malformed(f"{after[:80]} is not an id of {kind.name}.")
    records = store.records(kind, f"state = {LIVE} AND n > ? ORDER BY n LIMIT ?", (n, limit + 1))
    return by_key(records, limit, after or None)


def by_key(records: Sequence[Record], limit: int, after: str | None) -> Page:
    """A page of records in id order, read with one more than the limit."""
    shown = records[:limit]
    return Page(shown, shown[-1].id if shown else after, len(records) > limit)


def modified_since(store: Store, kind: ObjectType, since: str, after: str | None, limit: int) -> Page:
    """Records changed at `since` or later, deleted and merged ones too, ordered by (modified, id).

    after: an id, to go on strictly behind (since, id), or the cursor of the page before (`INSTANT/ID`).
    """
    given = after
    if after is not None and "/" in after:
        since, _, after = after.partition("/")
    if not _INSTANT.fullmatch(since):
        raise malformed("modified_since must be an instant, YYYY-MM-DDTHH:MM:SS.mmmZ.")
    whole, _, fraction = since.removesuffix("Z").partition(".")
    since = f"{whole}.{fraction.ljust(3, '0')}Z"
    n = kind.number(after) if after else 0
    if n is None:
        raise malformed(f"{str(after)[:80]} is not an id of {kind.name}.")
    where = "(modified, n) > (?, ?) ORDER BY modified, n LIMIT ?"
    records = store.records(kind, where, (since, n, limit + 1))
    shown = records[:limit]
    cursor = f"{shown[-1].modified}/{shown[-1].id}" if shown else given
    return Page(shown, cursor, len(records) > limit)
