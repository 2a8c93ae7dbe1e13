"""The HTTP side of the conventions: who calls, how often, which fault strikes, and how an answer looks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from connector.reference.kit.batch import encoded, error_body
from connector.reference.kit.faults import AnswerLost, faulty, hang_up, stamped
from connector.reference.kit.problems import ServiceError, malformed
from connector.reference.kit.rate import Gate
from connector.reference.kit.routes import Answer, Call, Router, json_answer
from connector.reference.kit.service import Service
from connector.reference.kit.switches import Fault, strike
from connector.reference.kit.webhooks import Webhooks

MAX_BODY = 32 * 1024 * 1024
OPERATING = ("admin", "stats")
"""First words of paths without limits and faults: with them one finds out, and switches back."""

_log = logging.getLogger(__name__)


class Api:
    """ASGI application for /api and /healthz. tokens: token -> principal."""

    def __init__(self, service: Service, tokens: Mapping[str, str]) -> None:
        self._service = service
        self._tokens = dict(tokens)
        self._gate = Gate()
        self.calls: Counter[str] = Counter()
        self._webhooks = Webhooks(service.store)
        service.listeners.append(self._webhooks.send)
        self._router = Router(service, self._webhooks, self._gate, self.calls)

    def close(self) -> None:
        self._webhooks.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            await _send(send, scope, json_answer(200, {"status": "ok", "system": self._service.domain.system}))
            return
        answer = None
        try:
            call = await self._call(scope, receive)
            fault = self._fault(call)
            if fault is None:
                answer = self._answer(call)
            else:
                answer = await faulty(fault, self._service, call, lambda: self._answer(call))
                if answer is None:
                    await hang_up(scope, receive)
        except ServiceError as error:
            answer = refusal(error)
        except AnswerLost:
            raise
        except Exception:
            # A person reads the cause in the log; the caller learns only that it was ours.
            _log.exception("%s %s failed", scope["method"], scope["path"])
            answer = refusal(ServiceError(500, "internal", "The application failed; its log says why."))
        if answer is not None:
            await _send(send, scope, stamped(answer, self._service.switches.stamps))

    async def _call(self, scope: Scope, receive: Receive) -> Call:
        body = await _body(receive)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise malformed("The query has more than 1000 fields.") from None
        segments = tuple(scope["path"].split("/")[2:]) or ("",)
        return Call(scope["method"], scope["path"], segments, query, headers, body)

    def _fault(self, call: Call) -> Fault | None:
        if call.segments[0] in OPERATING:
            return None
        return strike(self._service.switches, call.method, call.path, call.segments[0])

    def _answer(self, call: Call) -> Answer:
        self.calls[self._router.pattern(call)] += 1
        principal = None
        try:
            principal = self._principal(call)
            if call.segments[0] not in OPERATING:
                switches = self._service.switches
                self._gate.admit(principal, switches.rate, switches.daily_limit, self._service.store.clock())
            answer = self._router.route(call, principal)
        except ServiceError as error:
            answer = refusal(error)
        if principal is not None:
            limit = self._service.switches.daily_limit
            answer.headers["x-calls-today"] = str(self._gate.today(principal))
            if limit is not None:
                answer.headers["x-calls-limit"] = str(limit)
        return answer

    def _principal(self, call: Call) -> str:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        principal = self._tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if principal is None:
            raise ServiceError(401, "unauthorized", "Send the header Authorization: Bearer TOKEN with a known token.")
        return principal


def refusal(error: ServiceError) -> Answer:
    """The answer to a refused call: `{"error": ..., "record": ...}`."""
    body: dict[str, object] = {"error": error_body(error)}
    if error.record is not None:
        body["record"] = encoded(error.record)
    answer = json_answer(error.status, body)
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    if error.status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    return answer


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises ServiceError 400 when it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise malformed("The request ended before its body did.")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise malformed(f"The body is larger than {MAX_BODY} bytes.")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, scope: Scope, answer: Answer) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode())]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
