"""A running org as the resources see it: records, open query results, sessions, quota, bulk loads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from connector.emulators.salesforce.bulk.load import Load, Loads
from connector.emulators.salesforce.errors import Choices, Refusal, refusal
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.router import Route, Router
from connector.emulators.salesforce.sessions import Sessions
from connector.emulators.salesforce.soql.compile import Compiled, compile_query
from connector.emulators.salesforce.soql.nodes import Query
from connector.emulators.salesforce.soql.records import Found, Locators, Record, run

_DAY = timedelta(hours=24)


class Meter:
    """The daily quota: calls of the last 24 hours, minute by minute (contract §4)."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._used = 0
        self.long_calls = 0

    def add(self, now: datetime, calls: int) -> None:
        minute = now.replace(second=0, microsecond=0)
        if self._minutes and self._minutes[-1][0] == minute:
            calls += self._minutes.pop()[1]
        self._minutes.append((minute, calls))
        self._used = sum(count for _, count in self._minutes)

    def used(self, now: datetime) -> int:
        while self._minutes and self._minutes[0][0] <= now - _DAY:
            self._used -= self._minutes.popleft()[1]
        return self._used

    def exhaust(self, now: datetime, limit: int) -> None:
        """Use up what is left."""
        self.add(now, max(0, limit - self.used(now)))

    def clear(self) -> None:
        self._minutes.clear()
        self._used = 0


class Instance:
    """Everything of one running org."""

    def __init__(self, org: Org, routes: Iterable[Route]) -> None:
        self.org = org
        self.router = Router(routes)
        self.locators = Locators(lambda version: f"/services/data/v{version}.0", lambda: org.switches.locators_open)
        self.sessions = Sessions(org)
        self.meter = Meter()
        self._bulk: dict[str, Loads] = {}

    # answering

    def answer(self, call: Call) -> Answer:
        """The answer of one resource; a refused call leaves nothing behind."""
        try:
            with self.org.store.savepoint():
                found, values = self.router.find(call)
                return found.handler(self, call, values)
        except Refusal as error:
            return Answer(error.status, error.top_level())
        except Choices as choices:
            return Answer(300, [call.base + path for path in choices.paths])

    def fail_row(self, call: Call, index: int) -> None:
        """Raises the Refusal that a fault has for this row of the call."""
        if call.row_faults is not None and call.row_faults.hit(index):
            raise Refusal([call.row_faults.problem])

    # querying

    def _compiled(self, query: Query, deleted: bool) -> Compiled:
        org = self.org
        shuffled = org.switches.unordered == "shuffled"
        return compile_query(org.schema, query, org.hidden, deleted=deleted, shuffled=shuffled)

    def count(self, query: Query, deleted: bool) -> int:
        compiled = self._compiled(query, deleted)
        counted = int(self.org.store.rows(compiled.sql, compiled.parameters)[0][0])
        return min(counted, query.limit) if query.limit is not None else counted

    def found(self, query: Query, deleted: bool) -> Found:
        return run(self.org.store, self._compiled(query, deleted))

    def page(self, found: Found, start: int, size: int, version: int, key: str | None = None) -> Record:
        org = self.org
        children = min(size, org.switches.subquery_rows)
        return self.locators.page(found, start, size, version, org.switches.numbers, org.now(), children, key)

    def records_of(self, query: Query, version: int) -> list[Record]:
        """All records of a query, without pages."""
        found = self.found(query, deleted=False)
        page: list[Record] = self.page(found, 0, max(1, len(found.rows)), version)["records"]
        return page

    # bulk

    def bulk(self, folder: str, do: Callable[[Load], None]) -> Loads:
        """The bulk work below `folder`; `do` does it. The same from the first time on."""
        return self._bulk.setdefault(folder, Loads(self.org, folder, do))

    # limits

    def limits(self) -> dict[str, dict[str, int]]:
        """The figures of /limits."""
        limit = self.org.switches.daily_limit
        left = max(0, limit - self.meter.used(self.org.now()))
        ingests, extracts = (len(self._bulk.get(folder, ())) for folder in ("ingest", "query"))
        return {
            "DailyApiRequests": {"Max": limit, "Remaining": left},
            "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000 - ingests},
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000 - extracts},
            "DailyBulkV2QueryFileStorageMB": {"Max": 1_048_576, "Remaining": 1_048_576},
        }

    def spend(self, calls: int) -> None:
        """Take calls from the daily quota. Raises Refusal REQUEST_LIMIT_EXCEEDED."""
        now = self.org.now()
        if self.meter.used(now) + calls > self.org.switches.daily_limit:
            raise limit_exceeded("TotalRequests")
        self.meter.add(now, calls)


def limit_exceeded(which: str) -> Refusal:
    """which: TotalRequests for the daily quota, ConcurrentRequests for too many long calls at once."""
    return refusal("REQUEST_LIMIT_EXCEEDED", f"{which} Limit exceeded.")
