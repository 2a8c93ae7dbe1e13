"""Where a walk through changes stands: a cursor that any process can go on from. No I/O. Contract: 2.2.

First come rows by (SystemModstamp, Id), then records of which only something inside changed, by the same pair of the
rows inside. A stamp is given when a transaction writes and turns visible when it ends, so the next walk starts
`look_back` before the newest stamp met. In a system that has been quiet for longer it starts that much before the
server's time, or it would read the last changes again for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector.adapters.salesforce.soql import is_key
from connector.errors import NotFoundError

BIN = timedelta(days=14)
"""What was deleted longer ago may be gone from the recycle bin (15 days): no feed tells of it any more."""

GRACE = timedelta(minutes=1)
_STAMP = "%Y%m%dT%H%M%S.%f"
_CURSOR = re.compile(r"(own|inner)" + r" (-|\d{8}T\d{6}\.\d{6})" * 4 + r" (-|[A-Za-z0-9]{18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Walk:
    """since: where it began; None at the beginning of all. until: the server's time when it began, less what is held
    back. seen: the newest stamp met. inner: in its second part. at, after: stamp and id it goes on behind."""

    since: datetime | None = None
    until: datetime | None = None
    seen: datetime | None = None
    inner: bool = False
    at: datetime | None = None
    after: str = ""

    def __str__(self) -> str:
        stamps = ["-" if one is None else f"{one:{_STAMP}}" for one in (self.since, self.until, self.seen, self.at)]
        return f"{'inner' if self.inner else 'own'} {' '.join(stamps)} {self.after or '-'}"

    def begun(self, until: datetime) -> Walk:
        """With its upper bound, if it has none yet. Raises NotFoundError where deletions since then are forgotten."""
        if self.until is not None:
            return self
        if self.since is not None and self.since < until - BIN:
            raise NotFoundError("The cursor is older than Salesforce remembers deletions; everything is read again.")
        return replace(self, until=until)

    def behind(self, stamp: datetime, key: str) -> Walk:
        return replace(self, seen=max(stamp, self.seen or stamp), at=stamp, after=key)

    def second(self) -> Walk:
        """The second part, from its beginning."""
        return Walk(self.since, self.until, self.seen, inner=True)

    def over(self, look_back: float) -> Walk:
        """Where the next walk starts; never before this one did."""
        back, until = timedelta(seconds=look_back), self.until
        newest = self.seen or self.since
        assert until is not None
        if newest is None or newest < until - back:
            minute = until.replace(second=0, microsecond=0)
            newest = minute if newest is None else max(newest, minute)
        start = min(newest, until + GRACE) - back
        return Walk(start if self.since is None else max(start, self.since))


def read_cursor(cursor: str | None) -> Walk:
    """Raises NotFoundError for a text that is no cursor of ours."""
    if cursor is None:
        return Walk()
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise NotFoundError("The cursor is none of this system; everything is read again.")
    part, *stamps, after = found.groups()
    try:
        since, until, seen, at = (
            None if one == "-" else datetime.strptime(one, _STAMP).replace(tzinfo=UTC) for one in stamps
        )
    except ValueError:
        raise NotFoundError("The cursor names no time; everything is read again.") from None
    if (since is None and (part == "inner" or until is None)) or (at is None) != (after == "-"):
        raise NotFoundError("The cursor names no beginning; everything is read again.")
    if after != "-" and not is_key(after):
        raise NotFoundError("The cursor names no record; everything is read again.")
    return Walk(since, until, seen, part == "inner", at, "" if after == "-" else after)
