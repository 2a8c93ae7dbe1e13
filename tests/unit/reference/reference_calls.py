"""Calls an application in the process, without a server, and holds the clock it reads."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.reference.kit.app import Application

START = datetime(2026, 3, 10, 9, 0, 0, tzinfo=UTC)


@dataclass
class ManualClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> dict[str, Any]:
        assert self.status < 300, self.body
        return self.json["fields"]

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


@dataclass
class Caller:
    """One principal's view of an application."""

    app: Application
    clock: ManualClock
    token: str | None = "secret"
    extra: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return asyncio.run(self._call(method, path, raw, headers))

    async def _call(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
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

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("PATCH", path, body, **headers)

    def make(self, name: str, /, **fields: Any) -> str:
        """Create a record and return its id."""
        answer = self.post(f"/api/{name}", fields)
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    def batch(self, name: str, verb: str, *items: Any) -> Any:
        answer = self.post(f"/api/{name}/batch/{verb}", {"items": list(items)})
        assert answer.status == 200, answer.body
        return answer.json

    def switch(self, **switches: Any) -> Answer:
        admin = Caller(self.app, self.clock, "root")
        return admin.call("PUT", "/api/admin/switches", switches)

    def feed(self, name: str, cursor: str = "", limit: int = 1000) -> tuple[list[Any], str]:
        """Everything behind the cursor, page by page."""
        items: list[Any] = []
        for _ in range(1000):
            page = self.get(f"/api/{name}?cursor={cursor}&limit={limit}").json
            items += page["items"]
            cursor = page["cursor"]
            if not page["more"]:
                return items, cursor
        raise AssertionError("the feed does not end")
