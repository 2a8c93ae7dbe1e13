"""One piece of bulk work and its way through its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.emulators.salesforce.errors import Refusal, not_found, refusal
from connector.emulators.salesforce.http import RowFaults
from connector.emulators.salesforce.ids import full, numbered
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.soql.nodes import Query
from connector.emulators.salesforce.times import stamp

DELIMITERS: Mapping[str, str] = {
    "BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t",
}  # fmt: skip
LINE_ENDINGS: Mapping[str, str] = {"LF": "\n", "CRLF": "\r\n"}
KEPT = timedelta(days=7)
ENDED = ("JobComplete", "Failed", "Aborted")


@dataclass
class Load:
    """Rows to write, or a query to answer. given: what the caller said of it. polls: how often it was looked at.

    results: CSV by the name of its address; rows: of a query, each with its header in front when it is answered.
    """

    key: str
    operation: str
    given: dict[str, Any]
    version: int
    created: datetime
    state: str
    closed: datetime | None = None
    polls: int = 0
    data: bytes | None = None
    query: Query | None = None
    faults: RowFaults | None = None
    processed: int = 0
    failed: int = 0
    error: str | None = None
    results: dict[str, bytes] = field(default_factory=dict)
    header: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)

    @property
    def delimiter(self) -> str:
        return DELIMITERS[self.given["columnDelimiter"]]

    @property
    def line_ending(self) -> str:
        return LINE_ENDINGS[self.given["lineEnding"]]

    def shown(self, user: str, folder: str) -> dict[str, Any]:
        """What the API tells of it."""
        at = stamp(self.created)
        info = {
            "id": self.key,
            "operation": self.operation,
            **self.given,
            "createdById": user,
            "createdDate": at,
            "systemModstamp": at,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "apiVersion": float(self.version),
            "jobType": "V2Ingest" if folder == "ingest" else "V2Query",
            "numberRecordsProcessed": self.processed,
            "retries": 0,
            "totalProcessingTime": self.processed,
        }
        if folder == "ingest":
            info["contentUrl"] = f"services/data/v{self.version}.0/jobs/ingest/{self.key}/batches"
            info |= {"numberRecordsFailed": self.failed, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}
        return info | ({"errorMessage": self.error} if self.error is not None else {})


class Loads:
    """All loads of one kind. do: does the work of one when its time has come."""

    def __init__(self, org: Org, folder: str, do: Callable[[Load], None]) -> None:
        self._org = org
        self._do = do
        self._known: dict[str, Load] = {}
        self.folder = folder

    def __len__(self) -> int:
        return len(self._known)

    def open(self, operation: str, given: dict[str, Any], version: int, state: str) -> Load:
        now = self._org.now()
        key = numbered("750", self._org.store.next_number("750"))
        load = Load(key, operation, given, version, now, state, now if state == "UploadComplete" else None)
        self._known = {known.key: known for known in (*self.all(), load)}
        return load

    def all(self) -> list[Load]:
        return [load for load in self._known.values() if self._org.now() - load.created < KEPT]

    def find(self, given: str) -> Load:
        """The load of this id; its results are kept a week. Raises Refusal NOT_FOUND."""
        load = self._known.get(full(given) or "")
        if load is None or self._org.now() - load.created >= KEPT:
            raise not_found()
        return load

    def look(self, load: Load) -> dict[str, Any]:
        """Its state as a caller sees it: looking is what moves time on when the clock does not."""
        self.advance(load)
        return self.show(load)

    def show(self, load: Load) -> dict[str, Any]:
        return load.shown(self._org.user, self.folder)

    def advance(self, load: Load) -> None:
        """Do the work when it has waited long enough, by the clock and by the number of looks."""
        if load.state not in ("UploadComplete", "InProgress") or load.closed is None:
            return
        load.polls += 1
        load.state = "InProgress"
        waited = (self._org.now() - load.closed).total_seconds()
        if load.polls > self._org.switches.bulk_polls and waited >= self._org.switches.bulk_seconds:
            load.state = "JobComplete"
            self._do(load)

    def close(self, load: Load, state: Any) -> None:
        """UploadComplete or Aborted, as a caller wants it. Raises Refusal."""
        if state not in ("UploadComplete", "Aborted"):
            raise refusal("INVALIDJOBSTATE", f"state can be set to UploadComplete or Aborted, not {state}")
        if load.state in ENDED or (state == "UploadComplete" and load.state != "Open"):
            raise wrong_state(load)
        load.state, load.closed = state, self._org.now()

    def remove(self, load: Load) -> None:
        """Raises Refusal while there is work to do."""
        if load.state not in (*ENDED, "UploadComplete"):
            raise wrong_state(load)
        del self._known[load.key]


def wrong_state(load: Load) -> Refusal:
    return refusal("INVALIDJOBSTATE", f"not possible in state {load.state}")
