"""The emulator as an ASGI application: which part answers, and what a fault makes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from connector.emulators.salesforce.api import Api, Request
from connector.emulators.salesforce.control import Control
from connector.emulators.salesforce.errors import Problem
from connector.emulators.salesforce.http import Answer, RowFaults
from connector.emulators.salesforce.instance import limit_exceeded
from connector.emulators.salesforce.oauth import OAuth
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.outbound import Outbox
from connector.emulators.salesforce.pages import pages
from connector.emulators.salesforce.settings import Fault, Settings
from connector.reference.kit.faults import AnswerLost, hang_up

MAX_BODY = 150 * 1024 * 1024

_HTML = b"<!DOCTYPE html><html><head><title>We are down for maintenance.</title></head><body></body></html>"
_log = logging.getLogger(__name__)


class Emulator:
    """Salesforce on loopback: /services and /id as the vendor has them, /emulator to control it, pages at /ui."""

    def __init__(self, settings: Settings) -> None:
        self.org = Org(settings)
        self.api = Api(self.org)
        self.outbox = Outbox(self.org)
        self.control = Control(self.org, self.api, self.outbox)
        self._pages = pages(self.org)
        self._oauth = OAuth(self.org, self.api.instance.sessions)

    def close(self) -> None:
        """Stop posting, close the database."""
        self.outbox.close()
        self.org.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/" or scope["path"].startswith("/ui"):
            await self._pages(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        body = await _body(receive)
        if body is None:
            await self._send(send, Answer(413, [Problem("REQUEST_TOO_LONG", "the body is too long").top_level()]))
            return
        request = Request(scope["method"], raw, scope["query_string"].decode("latin-1"), headers, body)
        try:
            if raw.startswith("/emulator/"):
                answer: Answer | None = self.control.answer(request.method, raw, headers, body)
            else:
                answer = await self._vendor(scope, request)
                if answer is None:
                    await hang_up(scope, receive)
        except AnswerLost:
            raise
        except Exception:
            # A person reads the cause in the log; the caller sees what the vendor shows for a bug of its own.
            _log.exception("%s %s failed", request.method, raw)
            answer = Answer(500, [Problem("UNKNOWN_EXCEPTION", "An unexpected error occurred.").top_level()])
        if answer is not None:
            await self._send(send, answer)

    async def _vendor(self, scope: Scope, request: Request) -> Answer | None:
        """The vendor's answer, or what a fault makes of it; None when the connection is to be closed."""
        fault = self.control.strike(request.method, request.path)
        if fault is None:
            return self._answer(scope, request)
        return await self._faulty(fault, lambda faults: self._answer(scope, request, faults))

    async def _faulty(self, fault: Fault, do: Callable[[RowFaults | None], Answer]) -> Answer | None:
        problem = Problem(fault.code, fault.message)
        match fault.kind:
            case "slow":
                return await self._slow(fault, do)
            case "rows":
                return do(RowFaults(problem, fault.rows))
            case "drop_before":
                return None
            case "drop_after":
                do(None)
                return None
            case "html":
                return Answer(503, text=_HTML, content_type="text/html; charset=UTF-8")
            case "truncated":
                whole = do(None)
                return Answer(whole.status, None, whole.headers, whole.encoded()[: len(whole.encoded()) // 2])
            case "quota":
                self.api.instance.meter.exhaust(self.org.now(), self.org.switches.daily_limit)
                return do(None)
            case "concurrent":
                return Answer(403, limit_exceeded("ConcurrentRequests").top_level())
            case "done_but_status":
                do(None)
        return Answer(fault.status, [problem.top_level()])

    async def _slow(self, fault: Fault, do: Callable[[RowFaults | None], Answer]) -> Answer:
        meter = self.api.instance.meter
        long = fault.seconds >= self.org.switches.long_call_seconds
        answer = do(None)
        meter.long_calls += long
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            meter.long_calls -= long
        return answer

    def _answer(self, scope: Scope, request: Request, faults: RowFaults | None = None) -> Answer:
        url = self.org.switches.instance_url or f"http://{scope['server'][0]}:{scope['server'][1]}"
        own_host = request.headers.get("host", "").removesuffix(":80") == urlsplit(url).netloc.removesuffix(":80")
        self.outbox.url = url
        path = request.path
        if path.startswith(("/services/oauth2/", "/id/")):
            return self._oauth.answer(request.method, path, dict(request.headers), request.body, url, own_host)
        if path.startswith("/services/data") and own_host:
            return self.api.answer(request, faults)
        return Answer(404, text=_HTML, content_type="text/html; charset=UTF-8")

    async def _send(self, send: Send, answer: Answer) -> None:
        body = answer.encoded()
        # The server's time: a client must not trust its own.
        headers = {"Date": f"{self.org.now():%a, %d %b %Y %H:%M:%S} GMT", **answer.headers}
        if body or answer.status not in (204, 304):
            headers |= {"Content-Type": answer.content_type, "Content-Length": str(len(body))}
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is longer than any that the vendor takes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def create_app(settings: Settings | None = None) -> Emulator:
    """An ASGI application over `settings.db`."""
    return Emulator(settings or Settings())
