"""`party.balance`: what each party owes, out of the open receivable lines of the ledger.

It is no row of Tryton's: `party.receivable` is computed when asked for, and a party's stamp stands still meanwhile.
Every posting, payment and reconciliation makes or writes receivable lines, so their stamps are the feed, and the
figures themselves the version. What is overdue grows with the day alone: only a full read shows that.
Contract: traps, 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.feed import Walk, read_cursor
from connector.adapters.tryton.kinds import READ_ONLY, STAMP, is_key
from connector.adapters.tryton.lines import digits
from connector.adapters.tryton.reading import after_key
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import ConfigError
from connector.model.records import Key, Page, Record
from connector.ports import Clock, FieldSchema, ObjectSchema
from connector.rest.paging import chunks

RECEIVABLE: Domain = (["account.type.receivable", "=", True], ["party", "!=", None])
LIVE: Domain = (["replaced_by", "=", None],)
ALL = "all "
"""What a cursor within the first walk begins with."""

LINES = 1000
"""Open lines a call."""


@dataclass(slots=True)
class _Figures:
    open: Decimal = Decimal(0)
    overdue: Decimal = Decimal(0)


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
        """From the beginning all parties, then those whose receivable lines moved, in that order."""
        if cursor is None or cursor.startswith(ALL):
            return self._all(cursor)
        walk = read_cursor(cursor)
        size = READ_ONLY.page
        domain = [*walk.domain(()), *RECEIVABLE]
        rows = self._client.rows("account.move.line", ["party", STAMP], domain, walk.order, size + 1)
        for row in rows[:size]:
            walk = walk.behind(row["id"], row[STAMP], row[STAMP])
        records = self._records(self._parties({row["party"] for row in rows[:size]}))
        more = len(rows) > size
        return Page(records, str(walk if more else walk.over(self._look_back)), more)

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

    def _all(self, cursor: str | None) -> Page:
        """A page of all parties. The feed of lines goes on where it stood when this walk began."""
        start, _, after = (cursor or "").removeprefix(ALL).rpartition(" ")
        page = self.scan(after or None)
        walk = read_cursor(start) if start else self._newest()
        return Page(page.records, f"{ALL}{walk} {page.cursor}" if page.more else str(walk), page.more)

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
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        figures = {row["id"]: _Figures() for row in parties}
        for part in chunks(list(figures), READ_ONLY.batch_read):
            for line in self._open_lines(part):
                rest = line["debit"] - line["credit"]
                owed = figures[line["party"]]
                owed.open += rest
                if line["maturity_date"] and line["maturity_date"] < today:
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
            "overdue": digits(owed.overdue),
            "currency": self._currency,
        }
        version = hashlib.blake2b("\n".join(figures.values()).encode(), digest_size=12).hexdigest()
        return Record(str(key), version, {"party": str(key), **figures, "as_of": today.isoformat()}, None)
