"""`party.balance`: what each party owes, out of the open receivable lines of the ledger.

It is no row of Tryton's: `party.receivable` is computed when asked for, and a party's stamp stands still meanwhile.
Every posting, payment and reconciliation makes or writes receivable lines, so their stamps are the feed, and the
figures themselves the version. What is overdue grows with the day alone: the first walk of a new day also tells of
the parties with open lines that fell due since. Contract: traps, 1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.feed import Walk, read_cursor
from connector.adapters.tryton.kinds import READ_ONLY, STAMP, is_key
from connector.adapters.tryton.lines import digits
from connector.adapters.tryton.reading import after_key
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import ConfigError, NotFoundError
from connector.model.records import Key, Page, Record
from connector.ports import Clock, FieldSchema, ObjectSchema
from connector.rest.paging import chunks

RECEIVABLE: Domain = (["account.type.receivable", "=", True], ["party", "!=", None])
LIVE: Domain = (["replaced_by", "=", None],)
_CURSOR = re.compile(r"(all|due|moved) (\d{4}-\d\d-\d\d) (\d{4}-\d\d-\d\d) (\d{1,10}) (.+)")

LINES = 1000
"""Open lines a call."""


@dataclass(slots=True)
class _Figures:
    open: Decimal = Decimal(0)
    overdue: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the feed stands. part: all parties, then round by round what fell due (`due`) and what moved (`moved`).

    day: what was overdue on that day is told of. until: what this round tells of. after: the id behind which all
    parties, or the lines that fell due, go on. walk: the same for the lines that moved.
    """

    part: str
    day: date
    until: date
    after: int
    walk: Walk

    def __str__(self) -> str:
        return f"{self.part} {self.day} {self.until} {self.after} {self.walk}"

    def begun(self, today: date) -> Stand:
        """As it goes on today: a new day begins with what fell due, but never in the middle of a walk."""
        if self.part == "moved" and self.walk.at is None and self.day < today:
            return replace(self, part="due", until=today)
        return self

    def moved(self, walk: Walk) -> Stand:
        """Its last part, with the walk there. What fell due in the round is told of."""
        return Stand("moved", self.until, self.until, 0, walk)


def read_stand(cursor: str) -> Stand:
    """Raises NotFoundError for a text that is no cursor of balances."""
    found = _CURSOR.fullmatch(cursor)
    try:
        part, day, until, after, walk = found.groups() if found else ("", "", "", "", "")
        return Stand(part, date.fromisoformat(day), date.fromisoformat(until), int(after), read_cursor(walk))
    except ValueError:
        raise NotFoundError("The cursor is none of this system; everything is read again.") from None


class Balances:
    """Balances of all live parties, in the company's currency; a party that never bought anything owes 0."""

    name = "party.balance"

    def __init__(self, client: TrytonClient, currency: str, look_back: float, clock: Clock) -> None:
        self._client = client
        self._currency = currency
        self._look_back = look_back
        self._clock = clock
        fields = [
            *(FieldSchema(name, "text", writable=False) for name in ("party", "currency", "as_of")),
            *(FieldSchema(name, "decimal", writable=False) for name in ("open", "overdue")),
        ]
        known = {field.name: field for field in fields}
        self.schema = ObjectSchema(self.name, known, READ_ONLY, creatable=False, deletable=False)

    def changes(self, cursor: str | None) -> Page:
        """From the beginning all parties, then those whose lines fell due or moved since, in that order."""
        today = self._today()
        stand = Stand("all", today, today, 0, self._newest()) if cursor is None else read_stand(cursor).begun(today)
        match stand.part:
            case "all":
                return self._all(stand)
            case "due":
                return self._due(stand)
            case _:
                return self._moved(stand)

    def scan(self, cursor: str | None) -> Page:
        size = READ_ONLY.page
        domain = [["id", ">", after_key(cursor)], *LIVE]
        rows = self._client.rows("party.party", ["create_date"], domain, [("id", "ASC")], size + 1)
        more = len(rows) > size
        return Page(self._records(rows[:size]), str(rows[size - 1]["id"]) if more else None, more)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        ids = {int(key) for key in keys if is_key(key)}
        return {record.key: record for record in self._records(self._parties(ids))}

    def find(self, field: str, values: Sequence[str]) -> Sequence[Record]:
        raise ConfigError(f"{self._client.place}: `{self.name}` cannot be searched by `{field}`; correct the mapping.")

    def _all(self, stand: Stand) -> Page:
        """A page of all parties. The feed of lines goes on where it stood when this walk began."""
        page = self.scan(str(stand.after) if stand.after else None)
        behind = replace(stand, after=int(page.cursor)) if page.cursor else stand.moved(stand.walk)
        return Page(page.records, str(behind), page.more)

    def _due(self, stand: Stand) -> Page:
        """A page of the parties with open lines that fell due. There is more: what moved."""
        size = READ_ONLY.page
        due = [["maturity_date", ">=", stand.day], ["maturity_date", "<", stand.until], ["reconciliation", "=", None]]
        domain = [["id", ">", stand.after], *due, *RECEIVABLE]
        rows = self._client.rows("account.move.line", ["party"], domain, [("id", "ASC")], size + 1)
        more = len(rows) > size
        behind = replace(stand, after=rows[size - 1]["id"]) if more else stand.moved(stand.walk)
        return Page(self._told(rows[:size]), str(behind), True)

    def _moved(self, stand: Stand) -> Page:
        """A page of the parties whose receivable lines were made or written."""
        size, walk = READ_ONLY.page, stand.walk
        domain = [*walk.domain(()), *RECEIVABLE]
        rows = self._client.rows("account.move.line", ["party", STAMP], domain, walk.order, size + 1)
        for row in rows[:size]:
            walk = walk.behind(row["id"], row[STAMP], row[STAMP])
        more = len(rows) > size
        return Page(self._told(rows[:size]), str(stand.moved(walk if more else walk.over(self._look_back))), more)

    def _told(self, lines: Iterable[Row]) -> list[Record]:
        """The balances of those whose lines these are."""
        return self._records(self._parties({row["party"] for row in lines}))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    def _newest(self) -> Walk:
        order = [(STAMP, "DESC"), ("id", "DESC")]
        rows = self._client.rows("account.move.line", [STAMP], RECEIVABLE, order, 1)
        return Walk(rows[0][STAMP] - timedelta(seconds=self._look_back)) if rows else Walk()

    def _parties(self, ids: Iterable[int]) -> list[Row]:
        found: list[Row] = []
        for part in chunks(sorted(ids), READ_ONLY.batch_read):
            domain = [["id", "in", part], *LIVE]
            found += self._client.rows("party.party", ["create_date"], domain, [("id", "ASC")], len(part))
        return found

    def _records(self, parties: Sequence[Row]) -> list[Record]:
        today = self._today()
        figures = {row["id"]: _Figures() for row in parties}
        for part in chunks(list(figures), READ_ONLY.batch_read):
            for line in self._open_lines(part):
                rest = line["debit"] - line["credit"]
                owed = figures[line["party"]]
                owed.open += rest
                # A payment of a part has no date, and takes off what is due: so Tryton's own figure for today has it.
                if line["maturity_date"] is None or line["maturity_date"] < today:
                    owed.overdue += rest
        return [self._record(row["id"], figures[row["id"]], today) for row in parties]

    def _open_lines(self, parties: Sequence[int]) -> Iterable[Row]:
        after = 0
        while True:
            domain = [["id", ">", after], ["party", "in", parties], ["reconciliation", "=", None], RECEIVABLE[0]]
            fields = ["party", "debit", "credit", "maturity_date"]
            rows = self._client.rows("account.move.line", fields, domain, [("id", "ASC")], LINES)
            yield from rows
            if len(rows) < LINES:
                return
            after = rows[-1]["id"]

    def _record(self, key: int, owed: _Figures, today: date) -> Record:
        """as_of is no part of the version: a day that passes changes nothing."""
        figures: dict[str, Any] = {
            "open": digits(owed.open),
            "overdue": digits(max(owed.overdue, Decimal(0))),
            "currency": self._currency,
        }
        version = hashlib.blake2b("\n".join(figures.values()).encode(), digest_size=12).hexdigest()
        return Record(str(key), version, {"party": str(key), **figures, "as_of": today.isoformat()}, None)
