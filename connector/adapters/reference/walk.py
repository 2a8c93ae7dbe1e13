"""Where a walk through changes by time stands: a cursor that any process can go on from. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.adapters.reference.client import WireRecord
from connector.errors import NotFoundError

BEGINNING = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Walk:
    """since: where it began. newest: the latest time it met, in whole seconds. after: the system's own cursor."""

    since: str = BEGINNING
    newest: str = BEGINNING
    after: str = ""

    def __str__(self) -> str:
        return f"{self.since} {self.newest} {self.after}"

    def behind(self, records: Sequence[WireRecord], after: str, *, more: bool) -> Walk:
        """Behind this page; at the end of the walk, where the next one begins."""
        times = [_whole(record.modified) for record in records if record.modified is not None]
        newest = max([self.newest, *times])
        return Walk(self.since, newest, after) if more else Walk(newest, newest)


def read_walk(cursor: str | None) -> Walk:
    """Raises NotFoundError for a text that is no cursor of this kind."""
    if cursor is None:
        return Walk()
    parts = cursor.split(" ")
    if len(parts) != 3 or not all(_is_time(part) for part in parts[:2]):
        raise NotFoundError("The cursor is none of this system; everything is read again.")
    return Walk(*parts)


def _whole(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return False
    return True
