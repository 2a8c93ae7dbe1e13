"""Calls an emulated portal in the process, checks every answer against HubSpot's own schemas, holds the clock."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from hubspot_schemas import check

from connector.emulators.hubspot.app import Application

START = datetime(2026, 11, 1, 9, 0, 0, tzinfo=UTC)
ADMIN = "root-of-the-portal"


@dataclass
class ManualClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    @property
    def ms(self) -> int:
        return int(self.now.timestamp() * 1000)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of what a refusal tells apart."""
        return [error["code"] for error in self.json.get("errors", [])]

    @property
    def refused(self) -> tuple[int, str | None]:
        return self.status, self.json.get("category") if self.body else None


@dataclass
class Caller:
    """One client of the portal."""

    app: Application
    clock: ManualClock
    token: str | None = None
    version: str = "2026-09"
    sent: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = asyncio.run(self._call(method, target, raw, headers))
        check(method, target.partition("?")[0], answer.status, answer.headers, answer.body)
        return answer

    async def _call(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        sent = {"content-type": "application/json", "host": "hubspot.test", **self.sent}
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        got = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], got, b"".join(message.get("body", b"") for message in messages[1:]))

    # HubSpot's routes

    def objects(self, rest: str = "", **query: Any) -> str:
        """A path of records, such as `companies/91`."""
        base = "/crm/v3/objects" if self.version == "v3" else f"/crm/objects/{self.version}"
        return f"{base}/{rest}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    def links(self, rest: str) -> str:
        base = "/crm/v4/associations" if self.version == "v4" else f"/crm/associations/{self.version}"
        return f"{base}/{rest}"

    def get(self, rest: str, **query: Any) -> Answer:
        return self.call("GET", self.objects(rest, **query))

    def post(self, rest: str, body: Any) -> Answer:
        return self.call("POST", self.objects(rest), body)

    def patch(self, rest: str, properties: Any, **query: Any) -> Answer:
        return self.call("PATCH", self.objects(rest, **query), {"properties": properties})

    def delete(self, rest: str) -> Answer:
        return self.call("DELETE", self.objects(rest))

    def make(self, kind: str, **properties: Any) -> str:
        """Create a record and return its id."""
        answer = self.post(kind, {"properties": properties})
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def fields(self, kind: str, key: str, *names: str) -> dict[str, Any]:
        """Properties of one record."""
        answer = self.get(f"{kind}/{quote(key)}", properties=",".join(names))
        assert answer.status == 200, answer.body
        return dict(answer.json["properties"])

    def batch(self, kind: str, verb: str, *inputs: Any, **more: Any) -> Answer:
        return self.post(f"{kind}/batch/{verb}", {"inputs": list(inputs), **more})

    def search(self, kind: str, *filters: Any, **more: Any) -> Answer:
        groups = [{"filters": list(filters)}] if filters else []
        return self.post(f"{kind}/search", {"filterGroups": groups, **more})

    def found(self, kind: str, *filters: Any, **more: Any) -> list[str]:
        """Ids a search finds."""
        answer = self.search(kind, *filters, **more)
        assert answer.status == 200, answer.body
        return [record["id"] for record in answer.json["results"]]

    def define(self, kind: str, called: str, /, **more: Any) -> Answer:
        """One more property; a text in the type's own group unless said otherwise."""
        group = next(iter(self.app.portal.definitions[kind].values())).group_name
        name = more.get("name", called)
        body = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group, **more}
        return self.call("POST", f"/crm/properties/2026-09/{kind}", body)

    # the emulator's own

    def admin(self, method: str, rest: str, body: Any = None) -> Answer:
        return Caller(self.app, self.clock, ADMIN).call(method, f"/emulator/{rest}", body)

    def switch(self, **switches: Any) -> None:
        answer = self.admin("PUT", "switches", switches)
        assert answer.status == 200, answer.body

    def fault(self, kind: str, **more: Any) -> None:
        answer = self.admin("POST", "faults", {"kind": kind, **more})
        assert answer.status == 201, answer.body


def only(name: str, operator: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    """One filter of a search."""
    given = {} if value is None else {"value": value}
    return {"propertyName": name, "operator": operator, **given, **more}


def link(to: str, type_id: int) -> dict[str, Any]:
    """An association of a record that is being created."""
    return {"to": {"id": to}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}
