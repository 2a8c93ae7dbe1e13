"""The emulator as one ASGI application: HubSpot's paths, the control routes under /emulator, pages for people."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from connector.emulators.hubspot import search_api
from connector.emulators.hubspot.auth import Auth, check_scopes
from connector.emulators.hubspot.control import Control
from connector.emulators.hubspot.faults import Fault, Faults, quota, refusal
from connector.emulators.hubspot.journal import Journal
from connector.emulators.hubspot.limits import Limits
from connector.emulators.hubspot.pages import Pages
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import GatewayError, HubSpotError, invalid
from connector.emulators.hubspot.routes import Route, Table, account_routes, crm_routes, journal_routes, webhook_routes
from connector.emulators.hubspot.sending import post as post_over_http
from connector.emulators.hubspot.settings import Settings
from connector.emulators.hubspot.webhooks import Post, Webhooks
from connector.emulators.hubspot.wire import Answer, Call, RowFault, html_answer, json_answer
from connector.reference.kit.faults import AnswerLost, hang_up

MAX_BODY = 32 * 1024 * 1024
_log = logging.getLogger(__name__)


class Application:
    """One emulated portal. `portal` and the others are what tests look into."""

    def __init__(self, settings: Settings, post: Post) -> None:
        self.portal = Portal(settings)
        self.auth = Auth(self.portal)
        self.limits = Limits(self.portal)
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.webhooks = Webhooks(self.portal, post)
        journal = Journal(self.portal)
        events = (*webhook_routes(self.webhooks), *journal_routes(journal))
        self._table = Table([*crm_routes(), *account_routes(self.auth), *events])
        parts = (self.auth, self.limits, self.webhooks, journal)
        self._control = Control(self.portal, self.limits, self.faults, self.calls, self.webhooks, parts)
        self._pages = Pages(self.portal)
        search_api.prepare(self.portal)

    def close(self) -> None:
        self.portal.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Raises AnswerLost where a fault closes the connection and there is no server."""
        if scope["type"] != "http":
            return
        answer: Answer | None
        try:
            call = await _call(scope, receive)
            if call.path == "/" or call.path.startswith("/ui/"):
                answer = self._pages.answer(call)
            elif call.path.startswith("/emulator/"):
                answer = self._control.answer(call)
            else:
                answer = await self._vendor(call, scope, receive)
        except (HubSpotError, GatewayError) as error:
            answer = self._refused(error)
        except AnswerLost:
            raise
        except Exception:
            # A person reads the cause in the log; the caller learns only that it was ours.
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = self._refused(HubSpotError(500, "The emulator failed; its log says why."))
        if answer is not None:
            await _send(send, answer)

    async def _vendor(self, call: Call, scope: Scope, receive: Receive) -> Answer | None:
        """None when the connection was closed instead of an answer."""
        fault = self.faults.strike(call)
        if fault is None:
            return self._answer(call)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        answer = self._faulty(fault, call)
        if answer is None:
            await hang_up(scope, receive)
        return answer

    def _faulty(self, fault: Fault, call: Call) -> Answer | None:
        """What the fault makes of the call; None: the connection is to be closed."""
        match fault.kind:
            case "status":
                raise refusal(fault)
            case "status_after":
                self._answer(call)
                raise refusal(fault)
            case "quota":
                raise quota(fault)
            case "html":
                return html_answer(fault.status or 200, "One moment please")
            case "drop_before":
                return None
            case "drop_after":
                self._answer(call)
                return None
            case "row":
                call.row_fault = RowFault(fault.row, fault.code, fault.status or 400)
        answer = self._answer(call)
        if fault.kind == "truncated":
            answer.body = answer.body[: len(answer.body) // 2]
        return answer

    def _answer(self, call: Call) -> Answer:
        headers: dict[str, str] = {}
        try:
            answer = self._routed(call, headers)
        except (HubSpotError, GatewayError) as error:
            answer = self._refused(error)
        self.calls[f"{call.method} {call.pattern}"] += 1
        answer.headers.update(headers)
        return answer

    def _routed(self, call: Call, headers: dict[str, str]) -> Answer:
        """Route, sign-in, limits, scopes, and then the work."""
        switches = self.portal.switches
        if len(call.target) > switches.max_uri:
            raise HubSpotError(414, "The request URI is too long.")
        route = self._table.find(call, switches.versions_off)
        if not route.open:
            self._admit(route, call, headers)
        return route.handler(self.portal, call)

    def _admit(self, route: Route, call: Call, headers: dict[str, str]) -> None:
        principal = self.auth.principal(call)
        headers.update(self.limits.admit(principal, route.budget))
        if principal.kind not in route.kinds:
            raise HubSpotError(403, f"A {principal.kind} token cannot make this call.", category="MISSING_SCOPES")
        if route.access is not None:
            check_scopes(principal, route.access(self.portal, call))

    def _refused(self, error: HubSpotError | GatewayError) -> Answer:
        if isinstance(error, GatewayError):
            return html_answer(error.status, "Origin is unreachable")
        left_out = self.portal.switches.omit_error_fields
        body = error.body(self.portal.correlation_id())
        shown = {name: value for name, value in body.items() if name == "message" or name not in left_out}
        answer = json_answer(error.status, shown)
        answer.headers.update(error.headers)
        return answer


def create_app(settings: Settings, post: Post = post_over_http) -> Application:
    """An ASGI application over `settings.db`. post: sends webhooks."""
    return Application(settings, post)


async def _call(scope: Scope, receive: Receive) -> Call:
    body = await _body(receive)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope.get("query_string", b"").decode("latin-1")
    path = scope.get("raw_path") or scope["path"].encode()
    target = path.decode("latin-1").partition("?")[0] + (f"?{query}" if query else "")
    base_url = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
    pairs = parse_qsl(query, keep_blank_values=True)
    return Call(scope["method"], scope["path"], target, pairs, headers, body, base_url)


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise invalid("The request ended before its body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise HubSpotError(413, f"The body is larger than {MAX_BODY} bytes.")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode())]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
