"""The calls of the API, one method each. Contract: sections 1 to 5."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from connector.adapters.hubspot import TokenAuth
from connector.adapters.hubspot.auth import Refreshed
from connector.adapters.hubspot.failures import Problem, read_error, row_error, status_error, until_midnight
from connector.adapters.hubspot.paths import ACCOUNT, Paths
from connector.adapters.hubspot.wire import (
    WireAccount,
    WireBatch,
    WireEnd,
    WireEndsBatch,
    WireList,
    WireObject,
    WirePipeline,
    WirePipelines,
    WireProblems,
    WireProperties,
    WireProperty,
)
from connector.errors import ConnectorError, NotFoundError
from connector.ports import Clock
from connector.rest.auth import Bearer
from connector.rest.client import Options, RestClient, segment
from connector.rest.failures import Place, Said, unreadable
from connector.rest.paging import chunks, pages

if TYPE_CHECKING:
    from connector.adapters.hubspot import HubSpotSettings

BATCH = 100
"""Inputs of one call for records."""
LIST = 100
SEARCH = 200
"""Records on a page of a list, and of a search."""
LINKED = 1000
"""Records whose associations one call reads."""
DRIFT = 2.0
"""Seconds by which HubSpot's clock, told in whole seconds, may differ from ours and count as the same."""


class HubSpotClient:
    """Thread-safe; raises only errors of `connector.errors`. place: where the calls go, in words."""

    def __init__(self, system: str, settings: HubSpotSettings, clock: Clock) -> None:
        options = Options(settings.timeout, settings.verify, settings.proxy)
        self._paths = Paths(settings.api_version)
        self._clock = clock
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._zone = ZoneInfo("UTC")
        self.calls_today: int | None = None
        self._doors: RestClient | None = None
        self.refreshed: Refreshed | None = None
        auth = settings.auth
        if isinstance(auth, TokenAuth):
            credentials: Bearer | Refreshed = Bearer(auth.token.get_secret_value())
        else:
            # What is said of a token may repeat the secrets that were sent for it: it is not read.
            self._doors = RestClient(system, settings.url, clock, options=options, read_error=lambda body: None)
            credentials = self.refreshed = Refreshed(self._doors, self._paths.of("token"), auth, clock)
        self._rest = RestClient(
            system,
            settings.url,
            clock,
            auth=credentials,
            options=options,
            read_error=read_error,
            status_error=self._status_error,
            observe=self._observe,
        )
        self.place = self._rest.place

    def now(self) -> float:
        """HubSpot's own time, as far as its answers tell: windows of changes are compared with its stamps."""
        return self._clock.now() + self._ahead

    # ------------------------------------------------------------------------------------------------- records

    def page(self, type_: str, properties: Sequence[str], after: str | None, *, gone: bool = False) -> WireList:
        """A page of the plain list, in the order of ids; gone: of the records in the recycle bin."""
        query = [("limit", str(LIST)), ("archived", "true" if gone else "false"), ("properties", ",".join(properties))]
        query += [("after", after)] if after else []
        return self._rest.get(self._paths.of("objects", type_), WireList, query)

    def walk(self, type_: str, properties: Sequence[str]) -> Iterator[Sequence[WireObject]]:
        """Every live record, page by page, straight from the records and not from what search knows of them."""

        def fetch(after: str | None) -> tuple[Sequence[WireObject], str | None]:
            page = self.page(type_, properties, after)
            return page.results, page.after

        return pages(fetch)

    def one(self, type_: str, key: str) -> WireObject | None:
        """The live record an id leads to: of a merged one, the record it was merged into."""
        path = self._paths.of("objects", type_, then=f"/{segment(key)}")
        try:
            return self._rest.get(path, WireObject, [("properties", "hs_object_id")])
        except NotFoundError:
            return None

    def read(
        self, type_: str, keys: Sequence[str], properties: Sequence[str], *, by: str | None = None, gone: bool = False
    ) -> list[WireObject]:
        """Records by id, or by a unique property; at most BATCH. Those that are not there are left out."""
        body: dict[str, Any] = {"inputs": [{"id": key} for key in keys], "properties": list(properties)}
        if by is not None:
            body["idProperty"] = by
        path = self._paths.of("objects", type_, then="/batch/read" + ("?archived=true" if gone else ""))
        answer = self._rest.send("POST", path, WireBatch, msgspec.json.encode(body), write=False)
        self._refuse_other_than_missing(answer.errors)
        return answer.results

    def search(
        self, type_: str, filters: Sequence[Mapping[str, Any]], after: int, properties: Sequence[str] = ()
    ) -> list[WireObject]:
        """At most SEARCH records behind this id, in the order of ids: an offset ends at 10,000, an id never does."""
        behind = {"propertyName": "hs_object_id", "operator": "GT", "value": str(after)}
        body = {
            "filterGroups": [{"filters": [*filters, behind]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id", *properties],
            "limit": SEARCH,
        }
        path = self._paths.of("objects", type_, then="/search")
        return self._rest.send("POST", path, WireList, msgspec.json.encode(body), write=False).results

    def write(self, type_: str, verb: str, inputs: Sequence[Mapping[str, Any]]) -> WireBatch:
        """verb: create or update. Each input carries its own `objectWriteTraceId`."""
        path = self._paths.of("objects", type_, then=f"/batch/{verb}")
        return self._rest.send("POST", path, WireBatch, msgspec.json.encode({"inputs": inputs}), write=True)

    def remove(self, type_: str, keys: Sequence[str]) -> None:
        """Into the recycle bin, where they stay for 90 days."""
        body = msgspec.json.encode({"inputs": [{"id": key} for key in keys]})
        path = self._paths.of("objects", type_, then="/batch/archive")
        answer = self._rest.call("POST", path, body=body, write=True)
        if answer.status != 204:
            raise unreadable(self.place, write=True, html=False, detail=f"status {answer.status}")

    # -------------------------------------------------------------------------------------------- associations

    def linked(self, start: str, end: str, keys: Sequence[str]) -> dict[str, list[WireEnd]]:
        """The records of type `end` that each of these is associated with; those with none are left out."""
        found: dict[str, list[WireEnd]] = {}
        for part in chunks(keys, LINKED):
            inputs: list[dict[str, str]] = [{"id": key} for key in part]
            while inputs:
                answer = self._linked(start, end, inputs)
                inputs = []
                for row in answer.results:
                    found.setdefault(row.start.id, []).extend(row.to)
                    if row.paging and row.paging.next:
                        inputs.append({"id": row.start.id, "after": row.paging.next.after})
        return found

    def _linked(self, start: str, end: str, inputs: Sequence[Mapping[str, str]]) -> WireEndsBatch:
        path = self._paths.of("associations", start, end, then="/batch/read")
        answer = self._rest.send("POST", path, WireEndsBatch, msgspec.json.encode({"inputs": inputs}), write=False)
        self._refuse_other_than_missing(answer.errors)
        return answer

    def link(self, start: str, end: str, inputs: Sequence[Mapping[str, Any]]) -> list[Problem]:
        """Associates, each with the types it names; what is wrong with single rows."""
        path = self._paths.of("associations", start, end, then="/batch/create")
        answer = self._rest.call("POST", path, body=msgspec.json.encode({"inputs": inputs}), write=True)
        return self._rest.decode(answer, WireProblems, write=True).errors

    def unlink(self, start: str, end: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Takes every association between these records away."""
        ends: dict[str, list[dict[str, str]]] = {}
        for key, other in pairs:
            ends.setdefault(key, []).append({"id": other})
        body = {"inputs": [{"from": {"id": key}, "to": to} for key, to in ends.items()]}
        path = self._paths.of("associations", start, end, then="/batch/archive")
        answer = self._rest.call("POST", path, body=msgspec.json.encode(body), write=True)
        if answer.status != 204 and answer.body:
            self._rest.decode(answer, dict[str, Any], write=True)

    # -------------------------------------------------------------------------------------------------- schema

    def properties(self, type_: str) -> list[WireProperty]:
        return self._rest.get(self._paths.of("properties", type_), WireProperties).results

    def make_property(self, type_: str, definition: Mapping[str, Any]) -> None:
        self._rest.call("POST", self._paths.of("properties", type_), body=msgspec.json.encode(definition), write=True)

    def make_group(self, type_: str, name: str, label: str) -> None:
        body = msgspec.json.encode({"name": name, "label": label})
        self._rest.call("POST", self._paths.of("properties", type_, then="/groups"), body=body, write=True)

    def pipelines(self, type_: str) -> list[WirePipeline]:
        return self._rest.get(self._paths.of("pipelines", type_), WirePipelines).results

    def account(self) -> WireAccount:
        """Whose portal this is; its time zone is kept, for the day of a quota ends by it."""
        told = self._rest.get(ACCOUNT, WireAccount)
        try:
            self._zone = ZoneInfo(told.zone)
        except (ZoneInfoNotFoundError, ValueError):
            self._zone = ZoneInfo("UTC")
        return told

    def close(self) -> None:
        """Gives back the connections."""
        for rest in (self._rest, self._doors):
            if rest is not None:
                rest.close()

    # -------------------------------------------------------------------------------------------------- inside

    def _refuse_other_than_missing(self, errors: Sequence[Problem]) -> None:
        """A row that is not there is no error of a read; any other would leave records out without a word."""
        for problem in errors:
            error = row_error(self.place, problem, write=False)
            if not isinstance(error, NotFoundError):
                raise error

    def _status_error(
        self, place: Place, status: int, said: Said | None, *, write: bool, html: bool, after: float | None
    ) -> ConnectorError:
        midnight = until_midnight(datetime.fromtimestamp(self._clock.now(), UTC), self._zone)
        return status_error(place, status, said, write=write, html=html, after=after, midnight=midnight)

    def _observe(self, headers: Mapping[str, str]) -> None:
        """What every answer tells beside its content: HubSpot's time, and how much of the day is used up."""
        told, now = headers.get("date", ""), self._clock.now()
        try:
            ahead = parsedate_to_datetime(told).replace(tzinfo=UTC).timestamp() - now
        except ValueError:
            ahead = 0.0
        daily, left = (
            headers.get("x-hubspot-ratelimit-daily", ""),
            headers.get("x-hubspot-ratelimit-daily-remaining", ""),
        )
        with self._lock:
            self._ahead = ahead if abs(ahead) > DRIFT else 0.0
            if daily.isdecimal() and left.isdecimal():
                self.calls_today = max(0, int(daily) - int(left))
