"""The calls of Salesforce's REST API, one method each. Contract: 1 to 4.

Every call goes to the address the newest token names, unless the configuration names a whole address. Usage and the
server's time are taken from the headers of every answer, refusals included.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from connector.adapters.salesforce.auth import Token, TokenAuth, who
from connector.adapters.salesforce.failures import Problem, call_error, read_error, said_of
from connector.adapters.salesforce.soql import encoded
from connector.adapters.salesforce.table import WireTable
from connector.errors import DeniedError, NotFoundError
from connector.ports import Clock
from connector.rest.client import Options, RestClient, segment
from connector.rest.failures import lost, unreadable
from connector.rest.paging import chunks

if TYPE_CHECKING:
    from connector.adapters.salesforce import SalesforceSettings

Row: TypeAlias = dict[str, Any]

CONNECTIONS = 8
SOME = 5
"""Queries a composite call may hold."""

_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")
_NEXT = re.compile(r"/services/data/v[0-9]+\.0/query[A-Za-z0-9/_-]*")
_encoder = msgspec.json.Encoder(decimal_format="number")


class _Found(msgspec.Struct):
    """A page of a query."""

    done: bool
    records: list[Row]
    next: str | None = msgspec.field(default=None, name="nextRecordsUrl")


_found = msgspec.json.Decoder(_Found, float_hook=Decimal)


class RowResult(msgspec.Struct):
    """What became of one row of a batch."""

    success: bool
    errors: list[Problem]
    id: str | None = None


class _Answered(msgspec.Struct):
    """The answer to one request within a call."""

    status: int = msgspec.field(name="httpStatusCode")
    ref: str = msgspec.field(name="referenceId")
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Composite(msgspec.Struct):
    answers: list[_Answered] = msgspec.field(name="compositeResponse")


class _Graph(msgspec.Struct):
    graph: str = msgspec.field(name="graphId")
    response: _Composite = msgspec.field(name="graphResponse")
    successful: bool = msgspec.field(name="isSuccessful")


class _Graphs(msgspec.Struct):
    graphs: list[_Graph]


class _Created(msgspec.Struct):
    id: str


class _Limit(msgspec.Struct):
    max: int = msgspec.field(name="Max")
    remaining: int = msgspec.field(name="Remaining")


@dataclass(frozen=True, slots=True)
class Node:
    """One request within a graph. body: None for a delete. ref: how later ones name what it makes: `@{ref.id}`."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    ref: str


@dataclass(frozen=True, slots=True)
class GraphResult:
    """What became of one graph: the ids its nodes made, by ref; or what was wrong and with which node."""

    ids: Mapping[str, str]
    problems: Sequence[Problem] = ()
    ref: str = ""


class SalesforceClient:
    """Thread-safe; raises only errors of `connector.errors`."""

    def __init__(self, system: str, settings: SalesforceSettings, clock: Clock) -> None:
        self._clock = clock
        self._moves = settings.url is None
        self._root = f"/services/data/v{settings.api_version}"
        headers = {"Sforce-Call-Options": f"client={settings.app}"}
        if settings.allow_duplicates:
            headers["Sforce-Duplicate-Rule-Header"] = "allowSave=true"
        options = Options(settings.timeout, settings.verify, settings.proxy, CONNECTIONS, headers)
        bare = Options(settings.timeout, settings.verify, settings.proxy, 1)
        doors = RestClient(
            system, settings.address, clock, options=bare, read_error=read_error, status_error=call_error
        )
        self._auth = TokenAuth(doors, settings.auth, clock, self._told)
        self._rest = RestClient(
            system,
            settings.address,
            clock,
            auth=self._auth,
            options=options,
            read_error=read_error,
            status_error=call_error,
            observe=self._observe,
        )
        self._doors = doors
        self._lock = threading.Lock()
        self._ahead = 0.0
        self.place = self._rest.place
        self.calls_today: int | None = None
        self.organization: str | None = None
        self.principal: str | None = None

    def open_session(self) -> None:
        """Has a token, and knows whose it is. Raises what came of asking for one."""
        self._auth.headers()

    def server_time(self) -> datetime:
        """The server's clock, as far as its latest answer tells."""
        return datetime.fromtimestamp(self._clock.now() + self._ahead, UTC)

    # ------------------------------------------------------------------------------------------------ reading

    def describe(self, table: str) -> WireTable | None:
        """What the org says of an object; None where it has none of that name, or hides it."""
        try:
            return self._rest.get(f"{self._root}/sobjects/{segment(table)}/describe", WireTable)
        except NotFoundError:
            return None

    def query(self, soql: str, *, everything: bool) -> list[Row]:
        """All rows of a query. everything: deleted and merged ones too."""
        return self._rest_of(self._rest.get(self._query(soql, everything=everything), _Found))

    def queries(self, asked: Sequence[tuple[str, bool]]) -> list[list[Row]]:
        """The rows of several queries, in as few calls as hold them; with each, whether it is about everything."""
        if len(asked) == 1:
            return [self.query(asked[0][0], everything=asked[0][1])]
        return [rows for some in chunks(asked, SOME) for rows in self._composite(some)]

    def limits(self) -> tuple[int, int]:
        """Calls the whole org may make in 24 hours, and how many are left."""
        told = self._rest.get(f"{self._root}/limits", dict[str, Any])
        try:
            daily = msgspec.convert(told["DailyApiRequests"], _Limit)
        except (KeyError, msgspec.ValidationError):
            raise unreadable(self.place, write=False, html=False, detail="no DailyApiRequests") from None
        return daily.max, daily.remaining

    def _query(self, soql: str, *, everything: bool) -> str:
        return f"{self._root}/{'queryAll' if everything else 'query'}?q={encoded(soql)}"

    def _rest_of(self, found: _Found) -> list[Row]:
        """The rows of a page and of those that follow it. The address of the next one has no host."""
        rows = found.records
        while not found.done:
            if found.next is None or not _NEXT.fullmatch(found.next):
                raise unreadable(self.place, write=False, html=False, detail="no next page")
            found = self._rest.get(found.next, _Found)
            rows += found.records
        return rows

    def _composite(self, asked: Sequence[tuple[str, bool]]) -> list[list[Row]]:
        requests = [
            {"method": "GET", "url": self._query(soql, everything=everything), "referenceId": f"q{number}"}
            for number, (soql, everything) in enumerate(asked)
        ]
        body = _encoder.encode({"allOrNone": False, "compositeRequest": requests})
        told = self._rest.send("POST", f"{self._root}/composite", _Composite, body, write=False)
        answers = {one.ref: one for one in told.answers}
        if answers.keys() != {request["referenceId"] for request in requests}:
            raise unreadable(self.place, write=False, html=False, detail="not one answer for each query")
        return [self._rows(answers[str(request["referenceId"])]) for request in requests]

    def _rows(self, answer: _Answered) -> list[Row]:
        if answer.status >= 300:
            problems = _problems(answer)
            said = said_of(problems)
            raise call_error(self.place, answer.status, said, write=False)
        try:
            found = _found.decode(answer.body)
        except msgspec.MsgspecError:
            raise unreadable(self.place, write=False, html=False, detail="a query") from None
        return self._rest_of(found)

    # ------------------------------------------------------------------------------------------------ writing

    def create(self, records: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        return self._collection("POST", records)

    def update(self, records: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        return self._collection("PATCH", records)

    def delete(self, keys: Sequence[str]) -> list[RowResult]:
        path = f"{self._root}/composite/sobjects?ids={','.join(keys)}&allOrNone=false"
        answer = self._rest.call("DELETE", path, write=True)
        return self._each(self._rest.decode(answer, list[RowResult], write=True), len(keys))

    def graphs(self, graphs: Sequence[Sequence[Node]]) -> list[GraphResult]:
        """One call; each graph is done whole or not at all."""
        body = _encoder.encode({"graphs": [self._graph(number, nodes) for number, nodes in enumerate(graphs)]})
        told = self._rest.send("POST", f"{self._root}/composite/graph", _Graphs, body, write=True)
        found = {one.graph: one for one in told.graphs}
        if len(told.graphs) != len(graphs) or found.keys() != {f"g{number}" for number in range(len(graphs))}:
            raise lost(self.place, f"{len(told.graphs)} results for {len(graphs)} graphs", write=True)
        return [self._result(found[f"g{number}"]) for number in range(len(graphs))]

    def create_field(self, name: str, metadata: Mapping[str, Any]) -> None:
        """name: of the object and the field, with a dot."""
        body = _encoder.encode({"FullName": name, "Metadata": metadata})
        self._rest.send("POST", f"{self._root}/tooling/sobjects/CustomField", _Created, body, write=True)

    def node(self, method: str, table: str, key: str | None, body: Mapping[str, Any] | None, ref: str) -> Node:
        path = f"{self._root}/sobjects/{segment(table)}"
        return Node(method, f"{path}/{key}" if key is not None else path, body, ref)

    def _collection(self, method: str, records: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        body = _encoder.encode({"allOrNone": False, "records": records})
        told = self._rest.send(method, f"{self._root}/composite/sobjects", list[RowResult], body, write=True)
        return self._each(told, len(records))

    def _each(self, results: list[RowResult], wanted: int) -> list[RowResult]:
        if len(results) != wanted:
            raise lost(self.place, f"{len(results)} results for {wanted} writes", write=True)
        return results

    def _graph(self, number: int, nodes: Sequence[Node]) -> dict[str, Any]:
        requests: list[dict[str, Any]] = []
        for node in nodes:
            request = {"method": node.method, "url": node.path, "referenceId": node.ref}
            requests.append(request if node.body is None else {**request, "body": node.body})
        return {"graphId": f"g{number}", "compositeRequest": requests}

    def _result(self, graph: _Graph) -> GraphResult:
        answers = graph.response.answers
        if graph.successful:
            return GraphResult({one.ref: made for one in answers if (made := _made(one)) is not None})
        failed = [(one.ref, _problems(one)) for one in answers if one.status >= 300]
        causes = [(ref, some) for ref, some in failed if not said_of(some).code.startswith("PROCESSING_HALTED")]
        ref, problems = (causes or failed or [("", [Problem("no reason told", "PROCESSING_HALTED")])])[0]
        return GraphResult({}, problems, ref)

    # ------------------------------------------------------------------------------------------------ headers

    def _told(self, token: Token) -> None:
        """A new token: whose it is, and where it is good."""
        if self._moves:
            if not token.instance_url.startswith("https://"):
                raise DeniedError(f"{self.place} sends its token to an address without TLS.")
            self._rest.move(token.instance_url)
            self.place = self._rest.place
        self.organization, self.principal = who(token)

    def _observe(self, headers: Mapping[str, str]) -> None:
        if used := _USAGE.search(headers.get("sforce-limit-info", "")):
            self.calls_today = int(used[1])
        try:
            self._ahead = parsedate_to_datetime(headers["date"]).timestamp() - self._clock.now()
        except (KeyError, ValueError):
            return

    def close(self) -> None:
        self._rest.close()
        self._doors.close()


def _problems(answer: _Answered) -> list[Problem]:
    try:
        return msgspec.json.decode(answer.body, type=list[Problem])
    except msgspec.MsgspecError:
        return [Problem(f"status {answer.status}")]


def _made(answer: _Answered) -> str | None:
    try:
        return msgspec.json.decode(answer.body, type=_Created).id
    except msgspec.MsgspecError:
        return None
