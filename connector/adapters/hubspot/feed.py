"""Where a walk through changes stands: a cursor that any process can go on from. No I/O.

Contract: sections 3.5 and 3.6.
Parts of a pass, in this order: `own`, the records search shows as changed within a window of time; `lines`, those whose
lines it does; where they are due, `swept`, all live records, for links and lines that changed and moved no stamp; and
`gone`, the recycle bin. The first pass of all, `all`, is the plain list. Within a part the walk goes on behind an id.
Times are milliseconds since 1970, HubSpot's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from connector.errors import NotFoundError

PARTS = ("all", "own", "lines", "swept", "gone")
STRIDE = 900_000
"""A pass that met nothing moves the place to start from in steps of this many milliseconds: one that met nothing twice
ends where it ended before, and what changed last is not read again for ever."""

START = "0"

_CURSOR = re.compile(
    rf"({'|'.join(PARTS)}) (\d{{1,15}}) (\d{{1,15}}) (\d{{1,15}}) (\d{{1,15}}) (\d{{1,15}}) ([\w%.~-]{{1,300}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Walk:
    """since: up to here everything was told. until: where this pass ends; 0 between two passes. seen: the newest change
    it met. swept, gone: when these parts were last begun. after: the last id of the part, or the place in its list,
    which is HubSpot's own; START before the first."""

    part: str = "all"
    since: int = 0
    until: int = 0
    seen: int = 0
    swept: int = 0
    gone: int = 0
    after: str = START

    def __str__(self) -> str:
        return (
            f"{self.part} {self.since} {self.until} {self.seen} {self.swept} {self.gone} {quote(self.after, safe='')}"
        )

    def begun(self, now: int, lag: int) -> Walk:
        """A pass on its way. The first lists records as they are; a later one ends where search may lag behind."""
        if self.until:
            return self
        if self.part == "all":
            return replace(self, until=now)
        return replace(self, until=max(self.since, now - lag), seen=self.since)

    def behind(self, after: str, stamps: Sequence[int] = ()) -> Walk:
        """Behind this id. stamps: of the changes that were met, as search told them."""
        return replace(self, after=after, seen=max([self.seen, *stamps]))

    def next(self, part: str) -> Walk:
        """At the beginning of another part."""
        walk = replace(self, part=part, after=START)
        match self.part:
            case "swept":
                return replace(walk, swept=_stepped(self.until))
            case "gone":
                return replace(walk, gone=_stepped(self.until))
        return walk

    def rest(self) -> Walk:
        """The end of the pass: where the next one starts."""
        if self.part == "all":
            return Walk("own", self.until, swept=self.until, gone=self.until)
        reached = max(self.since, self.seen, _stepped(self.until))
        return replace(self.next("own"), since=reached, until=0, seen=0)


def read_cursor(cursor: str | None) -> Walk:
    """Raises NotFoundError for a text that is no cursor of ours."""
    if cursor is None:
        return Walk()
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise NotFoundError("The cursor is none of this system; everything is read again.")
    part, *times, after = found.groups()
    if part in ("own", "lines") and not after.isdecimal():
        raise NotFoundError("The cursor names no id; everything is read again.")
    since, until, seen, swept, gone = map(int, times)
    return Walk(part, since, until, seen, swept, gone, unquote(after))


def _stepped(time: int) -> int:
    return time - time % STRIDE
