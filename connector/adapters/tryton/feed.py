"""Where a walk through changes stands: a cursor that any process can go on from. No I/O.

A row offset would skip records while others change, so every page goes on behind the last record: first the rows that
changed themselves, by (stamp, id), then those that stood still while a row inside them changed, by id. A row keeps the
stamp of its transaction's start and turns visible at its end: the next walk starts `look_back` seconds early.
Contract: Tryton, modified since.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector.adapters.tryton.kinds import STAMP, stamp_text
from connector.adapters.tryton.wire import Domain
from connector.errors import NotFoundError

_CURSOR = re.compile(r"(own|inner) (-|\d{8}T\d{6}\.\d{6}) (-|\d{8}T\d{6}\.\d{6}) (-|\d{8}T\d{6}\.\d{6}) (\d{1,10})")
_STAMP = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Walk:
    """since: where the walk began; None at the beginning of all. seen: the newest stamp it met. inner: in its second
    part. at, after: stamp and id of the last record given out in this part."""

    since: datetime | None = None
    seen: datetime | None = None
    inner: bool = False
    at: datetime | None = None
    after: int = 0

    def __str__(self) -> str:
        stamps = ["-" if one is None else stamp_text(one) for one in (self.since, self.seen, self.at)]
        return f"{'inner' if self.inner else 'own'} {' '.join(stamps)} {self.after}"

    def domain(self, paths: Sequence[str]) -> Domain:
        """What is left of this part. paths: to the rows inside that count."""
        if self.inner:
            stamps = [[f"{path}.{STAMP}", ">=", self.since] for path in paths]
            return [["id", ">", self.after], [STAMP, "<", self.since], ["OR", *stamps]]
        if self.at is not None:
            return [["OR", [STAMP, ">", self.at], [[STAMP, "=", self.at], ["id", ">", self.after]]]]
        return [[STAMP, ">=", self.since]] if self.since is not None else []

    @property
    def order(self) -> Sequence[tuple[str, str]]:
        return [("id", "ASC")] if self.inner else [(STAMP, "ASC"), ("id", "ASC")]

    def behind(self, key: int, own: datetime, newest: datetime) -> Walk:
        """Behind this record. own: its row's stamp; newest: the newest of all that belongs to it."""
        seen = max(newest, self.seen or newest)
        return replace(self, seen=seen, at=None if self.inner else own, after=key)

    def second(self) -> Walk:
        """The second part, from its beginning."""
        return Walk(self.since, self.seen, inner=True)

    def over(self, look_back: float) -> Walk:
        """Where the next walk starts."""
        newest = self.seen or self.since
        if self.seen is None or newest is None:
            return Walk(self.since)
        return Walk(max(newest - timedelta(seconds=look_back), self.since or newest - timedelta(seconds=look_back)))


def read_cursor(cursor: str | None) -> Walk:
    """Raises NotFoundError for a text that is no cursor of ours."""
    if cursor is None:
        return Walk()
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise NotFoundError("The cursor is none of this system; everything is read again.")
    part, *stamps, after = found.groups()
    try:
        since, seen, at = (None if one == "-" else read_stamp(one) for one in stamps)
    except ValueError:
        raise NotFoundError("The cursor names no time; everything is read again.") from None
    if part == "inner" and since is None:
        raise NotFoundError("The cursor names no beginning; everything is read again.")
    return Walk(since, seen, part == "inner", at, int(after))


def read_stamp(text: str) -> datetime:
    """The inverse of `stamp_text`. Raises ValueError."""
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
