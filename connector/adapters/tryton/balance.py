"""`party.balance`: what each party owes, out of the open receivable lines of the ledger.

It is no row of Tryton's: `party.receivable` is computed when asked for, and a party's stamp stands still meanwhile.
Every posting, payment and reconciliation makes or writes receivable lines, so their stamps are the feed, and the
figures themselves the version. A party made since owes nothing and has no line: it is told of by when it was made.
What is overdue grows with the day alone: the first round of a new day also tells of the parties with open lines that
fell due since. Only posted moves count: a draft may be changed and deleted without a trace. Contract: traps, 1.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.feed import Walk, read_cursor, read_stamp
from connector.adapters.tryton.invoice import invoice_of
from connector.adapters.tryton.kinds import READ_ONLY, STAMP, World, is_key, stamp_text
from connector.adapters.tryton.lines import digits
from connector.adapters.tryton.reading import after_key
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import ConfigError, NotFoundError
from connector.model.records import Key, Page, Record
from connector.ports import Clock, FieldSchema, ObjectSchema
from connector.rest.paging import chunks

RECEIVABLE: Domain = (["account.type.receivable", "=", True], ["party", "!=", None], ["move.state", "=", "posted"])
LIVE: Domain = (["replaced_by", "=", None],)
MADE = "create_date"
_CURSOR = re.compile(
    r"(all|rest|due|made|moved) (\d{4}-\d\d-\d\d) (\d{4}-\d\d-\d\d) (-|\d{8}T\d{6}\.\d{6}) (\d{1,10}) (.+)"
)

LINES = 1000
"""Open lines a call."""


class _Figures:
    """What one party owes, line by line. What was paid of an invoice has no date, and takes off that invoice."""

    def __init__(self) -> None:
        self.open = Decimal(0)
        self._due: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        self._undated: defaultdict[str | None, Decimal] = defaultdict(Decimal)

    def add(self, line: Row, today: date) -> None:
        rest = line["debit"] - line["credit"]
        invoice = invoice_of(line["move"]["origin"])
        self.open += rest
        if line["maturity_date"] is None:
            self._undated[invoice] += rest
        elif line["maturity_date"] < today:
            self._due[invoice] += rest

    @property
    def overdue(self) -> Decimal:
        """Of each invoice what is due and not paid; less credit that is of none or due itself. Never above `open`."""
        owed = self._due[None] + self._undated[None]
        for invoice in (self._due.keys() | self._undated.keys()) - {None}:
            rest = self._due[invoice] + self._undated[invoice]
            owed += rest if rest > 0 else min(self._due[invoice], Decimal(0))
        return max(min(owed, self.open), Decimal(0))


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the feed stands: first all parties, then round by round what fell due, was made, and moved.

    part: `all`, `due`, `made`, `moved`, or `rest` between two rounds. day: what was overdue on that day is told of.
    until: the day this round tells of. made: parties made then or later are to be told of; None for all. after: the id
    behind which all parties, those made just then, or the lines that fell due, go on. walk: where those that moved do.
    """

    part: str
    day: date
    until: date
    made: datetime | None
    after: int
    walk: Walk

    def __str__(self) -> str:
        made = "-" if self.made is None else stamp_text(self.made)
        return f"{self.part} {self.day} {self.until} {made} {self.after} {self.walk}"

    def begun(self, today: date) -> Stand:
        """As it goes on today: a new round begins with what fell due, if the day is another.

        Raises NotFoundError where a wrong clock has gone ahead: what falls due until then would not be told of.
        """
        if self.day > today + timedelta(days=1):
            raise NotFoundError("The cursor is of a day to come; everything is read again.")
        if self.part != "rest":
            return self
        return replace(self, part="due", until=today) if self.day < today else self.on("made")

    def on(self, part: str) -> Stand:
        """At the beginning of the next part."""
        return replace(self, part=part, day=self.until, after=0)


def read_stand(cursor: str) -> Stand:
    """Raises NotFoundError for a text that is no cursor of balances."""
    found = _CURSOR.fullmatch(cursor)
    try:
        part, day, until, made, after, walk = found.groups() if found else ("", "", "", "", "", "")
        at = None if made == "-" else read_stamp(made)
        return Stand(part, date.fromisoformat(day), date.fromisoformat(until), at, int(after), read_cursor(walk))
    except ValueError:
        raise NotFoundError("The cursor is none of this system; everything is read again.") from None


class Balances:
    """Balances of all live parties, in the company's currency; a party that never bought anything owes 0."""

    name = "party.balance"

    def __init__(self, client: TrytonClient, world: World, look_back: float, clock: Clock) -> None:
        self._client = client
        self._currency = world.currency
        self._receivable = [*RECEIVABLE, ["move.company", "=", world.company]]
        self._look_back = look_back
        self._clock = clock
        fields = [
            *(FieldSchema(name, "text", writable=False) for name in ("party", "currency", "as_of")),
            *(FieldSchema(name, "decimal", writable=False) for name in ("open", "overdue")),
        ]
        known = {field.name: field for field in fields}
        self.schema = ObjectSchema(self.name, known, READ_ONLY, creatable=False, deletable=False)

    def changes(self, cursor: str | None) -> Page:
        """From the beginning all parties, then those that fell due, were made or moved since, in that order."""
        stand = self._start() if cursor is None else read_stand(cursor).begun(self._today())
        match stand.part:
            case "all":
                return self._all(stand)
            case "due":
                return self._due(stand)
            case "made":
                return self._made(stand)
            case _:
                return self._moved(stand)

    def scan(self, cursor: str | None) -> Page:
        size = READ_ONLY.page
        domain = [["id", ">", after_key(cursor)], *LIVE]
        rows = self._client.rows("party.party", [MADE], domain, [("id", "ASC")], size + 1)
        more = len(rows) > size
        return Page(self._records(rows[:size]), str(rows[size - 1]["id"]) if more else None, more)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        ids = {int(key) for key in keys if is_key(key)}
        return {record.key: record for record in self._records(self._parties(ids))}

    def find(self, field: str, values: Sequence[str]) -> Sequence[Record]:
        raise ConfigError(f"{self._client.place}: `{self.name}` cannot be searched by `{field}`; correct the mapping.")

    def _start(self) -> Stand:
        """What is made or moves during the first walk is told of in the first round."""
        today = self._today()
        walk = Walk(self._newest("account.move.line", STAMP, self._receivable))
        return Stand("all", today, today, self._newest("party.party", MADE, LIVE), 0, walk)

    def _newest(self, model: str, stamp: str, domain: Domain) -> datetime | None:
        """Shortly before the newest of these rows; None where there is none."""
        rows = self._client.rows(model, [stamp], domain, [(stamp, "DESC"), ("id", "DESC")], 1)
        return rows[0][stamp] - timedelta(seconds=self._look_back) if rows else None

    def _all(self, stand: Stand) -> Page:
        page = self.scan(str(stand.after) if stand.after else None)
        behind = replace(stand, after=int(page.cursor)) if page.cursor else stand.on("rest")
        return Page(page.records, str(behind), page.more)

    def _due(self, stand: Stand) -> Page:
        """A page of the parties with open lines that fell due."""
        size = READ_ONLY.page
        due = [["maturity_date", ">=", stand.day], ["maturity_date", "<", stand.until], ["reconciliation", "=", None]]
        domain = [["id", ">", stand.after], *due, *self._receivable]
        rows = self._client.rows("account.move.line", ["party"], domain, [("id", "ASC")], size + 1)
        behind = replace(stand, after=rows[size - 1]["id"]) if len(rows) > size else stand.on("made")
        return Page(self._told(rows[:size]), str(behind), True)

    def _made(self, stand: Stand) -> Page:
        """A page of the parties made since, and of those made shortly before."""
        size, behind = READ_ONLY.page, [["id", ">", stand.after]]
        since = [["OR", [MADE, ">", stand.made], [[MADE, "=", stand.made], *behind]]] if stand.made else behind
        rows = self._client.rows("party.party", [MADE], [*since, *LIVE], [(MADE, "ASC"), ("id", "ASC")], size + 1)
        if len(rows) > size:
            last = rows[size - 1]
            return Page(self._records(rows[:size]), str(replace(stand, made=last[MADE], after=last["id"])), True)
        made = rows[-1][MADE] - timedelta(seconds=self._look_back) if rows else stand.made
        return Page(self._records(rows), str(replace(stand, made=made).on("moved")), True)

    def _moved(self, stand: Stand) -> Page:
        """A page of the parties whose receivable lines were made or written, or their moves posted."""
        size, walk = READ_ONLY.page, stand.walk
        domain = [*walk.domain(("move",)), *self._receivable]
        fields = ["party", STAMP, f"move.{STAMP}"]
        rows = self._client.rows("account.move.line", fields, domain, walk.order, size + 1)
        for row in rows[:size]:
            walk = walk.behind(row["id"], row[STAMP], max(row[STAMP], row["move"][STAMP]))
        told = self._told(rows[:size])
        if len(rows) > size:
            return Page(told, str(replace(stand, walk=walk)), True)
        if not walk.inner and walk.since is not None:
            return Page(told, str(replace(stand, walk=walk.second())), True)
        return Page(told, str(replace(stand, walk=walk.over(self._look_back)).on("rest")), False)

    def _told(self, lines: Iterable[Row]) -> list[Record]:
        """The balances of those whose lines these are."""
        return self._records(self._parties({row["party"] for row in lines}))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now(), UTC).date()

    def _parties(self, ids: Iterable[int]) -> list[Row]:
        found: list[Row] = []
        for part in chunks(sorted(ids), READ_ONLY.batch_read):
            domain = [["id", "in", part], *LIVE]
            found += self._client.rows("party.party", [MADE], domain, [("id", "ASC")], len(part))
        return found

    def _records(self, parties: Sequence[Row]) -> list[Record]:
        today = self._today()
        figures = {row["id"]: _Figures() for row in parties}
        for part in chunks(list(figures), READ_ONLY.batch_read):
            for line in self._open_lines(part):
                figures[line["party"]].add(line, today)
        return [self._record(row["id"], figures[row["id"]], today) for row in parties]

    def _open_lines(self, parties: Sequence[int]) -> Iterable[Row]:
        after = 0
        while True:
            domain = [["id", ">", after], ["party", "in", parties], ["reconciliation", "=", None], *self._receivable]
            fields = ["party", "debit", "credit", "maturity_date", "move.origin"]
            rows = self._client.rows("account.move.line", fields, domain, [("id", "ASC")], LINES)
            yield from rows
            if len(rows) < LINES:
                return
            after = rows[-1]["id"]

    def _record(self, key: int, owed: _Figures, today: date) -> Record:
        """as_of is no part of the version: a day that passes changes nothing."""
        figures: dict[str, Any] = {
            "open": digits(owed.open),
            "overdue": digits(owed.overdue),
            "currency": self._currency,
        }
        version = hashlib.blake2b("\n".join(figures.values()).encode(), digest_size=12).hexdigest()
        return Record(str(key), version, {"party": str(key), **figures, "as_of": today.isoformat()}, None)
