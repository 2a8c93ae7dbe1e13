"""How a fault shows: what of the call is done all the same, and what is answered instead; and times told badly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.types import Receive, Scope

from connector.reference.kit.batch import encoded, error_body
from connector.reference.kit.problems import ServiceError
from connector.reference.kit.routes import Answer, Call, json_answer
from connector.reference.kit.service import Service
from connector.reference.kit.switches import Fault

DROP = "connector.drop"
"""Key of the scope under which the server offers a function that closes the connection without an answer."""

LOCAL = timedelta(hours=5, minutes=30)
"""How far the `local` stamps are ahead of UTC."""

_STAMP = re.compile(rb'"(created|modified|time)":"([-:T0-9]{19})\.\d{3}Z"')
_HTML = b"<!doctype html><title>Please wait</title><p>We will be right back.</p>"


class AnswerLost(ConnectionError):  # noqa: N818  (it is what happened, as in ConnectionError's own subclasses)
    """Raised instead of closing the connection when the application runs without a server, in a test."""


async def faulty(fault: Fault, service: Service, call: Call, do: Callable[[], Answer]) -> Answer | None:
    """What the fault makes of the call. do: does it, and answers. None: the connection is to be closed.

    Raises ServiceError for a fault that answers a status.
    """
    match fault.kind:
        case "slow":
            await asyncio.sleep(fault.seconds)
            return do()
        case "undone":
            with service.store.undone():
                return do()
        case "lost_answer":
            do()
            return None
        case "done_but_status":
            do()
            raise _refused(fault)
        case "status":
            raise _refused(fault)
        case "html":
            return Answer(200, _HTML, {"content-type": "text/html; charset=utf-8"})
        case "empty":
            return json_answer(200, {"items": [], "cursor": None, "more": False})
        case "stranger":
            return _strangers(service, call)
        case _:
            return None


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer. Raises AnswerLost where there is no server to do it."""
    drop = scope.get(DROP)
    if drop is None:
        raise AnswerLost("The connection would be closed here.")
    drop()
    # Wait until the server has noticed, or it would send an error of its own.
    while (await receive())["type"] != "http.disconnect":
        pass


def _refused(fault: Fault) -> ServiceError:
    wait = max(1, round(fault.seconds)) if fault.status in (429, 503) else None
    return ServiceError(fault.status, "fault", f"Fault: status {fault.status}.", retry_after=wait)


def _strangers(service: Service, call: Call) -> Answer:
    """Every item refused as a duplicate, with somebody else's record for the answer."""
    name = call.segments[0]
    others = service.list(name, limit=1)
    record = others[0] if others else None
    error = ServiceError(409, "duplicate", "There is one like it.", record=record)
    if call.segments[1:2] != ("batch",):
        raise error
    shown = {"record": encoded(record)} if record is not None else {}
    item: Mapping[str, Any] = {"status": error.status, "error": error_body(error), **shown}
    return json_answer(200, {"items": [item] * len(call.json()["items"]), "span": None})


def stamped(answer: Answer, stamps: str) -> Answer:
    """The answer with its times as the switch says."""
    if stamps == "exact":
        return answer
    return answer._replace(body=_STAMP.sub(_in_seconds if stamps == "seconds" else _local, answer.body))


def _in_seconds(found: re.Match[bytes]) -> bytes:
    return b'"%s":"%sZ"' % found.groups()


def _local(found: re.Match[bytes]) -> bytes:
    name, text = found.groups()
    return b'"%s":"%s"' % (name, (datetime.fromisoformat(text.decode()) + LOCAL).isoformat().encode())
