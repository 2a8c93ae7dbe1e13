"""What happens to a call below /services/data before and after its resource: session, quota, version, headers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from connector.emulators.salesforce.errors import Refusal, refusal
from connector.emulators.salesforce.http import Answer, Call, RowFaults, split_path, split_query
from connector.emulators.salesforce.instance import Instance, limit_exceeded
from connector.emulators.salesforce.org import OLDEST, VERSION, Org
from connector.emulators.salesforce.records import Caller
from connector.emulators.salesforce.resources import (
    collections,
    composite,
    extract,
    graph,
    ingest,
    limits,
    query,
    sobjects,
    tooling,
)

RESOURCES = (limits, query, composite, graph, collections, sobjects, tooling, ingest, extract)
ROUTES = [one for resource in RESOURCES for one in resource.ROUTES]
MAX_HEAD = 16_384

_VERSION = re.compile(r"v(\d{1,3})\.0", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it came over the wire. headers: lower-case names."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def head_size(self) -> int:
        return (
            len(self.path) + len(self.query) + 1 + sum(len(name) + len(value) for name, value in self.headers.items())
        )


class Api:
    """The vendor's data API over one org. calls: how often each resource was asked for."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.instance = Instance(org, ROUTES)
        self.calls: Counter[str] = Counter()

    def answer(self, request: Request, row_faults: RowFaults | None = None) -> Answer:
        """Do what is asked for, in a transaction of its own."""
        with self.org.transaction():
            answer = self._answer(request, row_faults)
        used, limit = self.instance.meter.used(self.org.now()), self.org.switches.daily_limit
        answer.headers["Sforce-Limit-Info"] = f"api-usage={used}/{limit}"
        return answer

    def _answer(self, request: Request, row_faults: RowFaults | None) -> Answer:
        try:
            call = self._call(request, row_faults)
            if call is None:
                return _versions()
            self._admit(request, call)
        except Refusal as error:
            return Answer(error.status, error.top_level())
        self._count(call)
        return self.instance.answer(call)

    def _call(self, request: Request, row_faults: RowFaults | None) -> Call | None:
        """The call a request is; None for the list of versions, which needs no session."""
        if request.head_size > MAX_HEAD:
            status = 414 if len(request.path) + len(request.query) > MAX_HEAD else 431
            raise refusal("REQUEST_TOO_LONG", f"URI and headers exceed {MAX_HEAD} bytes", status=status)
        segments = split_path(request.path)[2:]
        if not segments:
            return None
        match = _VERSION.fullmatch(segments[0])
        version = int(match[1]) if match else 0
        if 0 < version < OLDEST:
            raise refusal("GONE", f"API version {version}.0 is no longer available")
        if not OLDEST <= version <= VERSION:
            raise refusal("NOT_FOUND", "The requested resource does not exist")
        allow = request.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower() == "allowsave=true"
        return Call(
            request.method,
            request.path,
            segments[1:] or ("",),
            split_query(request.query),
            request.headers,
            Caller(self.org.user, allow),
            version,
            request.body,
            row_faults=row_faults,
        )

    def _admit(self, request: Request, call: Call) -> None:
        try:
            self.instance.sessions.check(request.headers.get("authorization"))
        except Refusal as error:
            code = error.problems[0].code
            if call.segments[0] == "jobs" and code == "INVALID_SESSION_ID" and self._bulk_errors:
                raise refusal("InvalidSessionId", "Invalid session id") from None
            raise
        if self.instance.meter.long_calls >= self.org.switches.concurrent_limit:
            raise limit_exceeded("ConcurrentRequests")
        if call.segments[0] != "limits" or not self.org.switches.limits_exempt:
            self.instance.spend(1)

    @property
    def _bulk_errors(self) -> bool:
        return self.org.switches.bulk_session_error == "bulk"

    def _count(self, call: Call) -> None:
        try:
            found, _ = self.instance.router.find(call)
        except Refusal:
            self.calls[f"{call.method} ?"] += 1
        else:
            self.calls[f"{call.method} {found.pattern}"] += 1


def _versions() -> Answer:
    shown = [
        {"label": f"Version {number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST, VERSION + 1)
    ]
    return Answer(200, shown)
