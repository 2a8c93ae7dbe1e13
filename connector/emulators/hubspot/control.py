"""Routes under /emulator, with a token of their own: switches, faults, the clock, what was called, what people do."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from connector.emulators.hubspot.faults import Faults
from connector.emulators.hubspot.limits import Limits
from connector.emulators.hubspot.pipelines import PIPELINES, PROPERTIES
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, invalid, no_route, not_found
from connector.emulators.hubspot.records import create, find, forget, live, put_into_bin, restore, update
from connector.emulators.hubspot.shapes import Update
from connector.emulators.hubspot.shown import shown
from connector.emulators.hubspot.store import LIVE
from connector.emulators.hubspot.switches import changed
from connector.emulators.hubspot.webhooks import Webhooks
from connector.emulators.hubspot.wire import Answer, Call, json_answer

BY_HAND = "CRM_UI"
"""`changeSource` of what a person does."""


class Resettable(Protocol):
    def reset(self) -> None: ...


class Control:
    """Answers `/emulator/...`. parts: what holds a state of its own, besides the portal."""

    def __init__(
        self,
        portal: Portal,
        limits: Limits,
        faults: Faults,
        calls: Counter[str],
        webhooks: Webhooks,
        parts: Sequence[Resettable],
    ) -> None:
        self._portal = portal
        self._limits = limits
        self._faults = faults
        self._calls = calls
        self._webhooks = webhooks
        self._parts = parts

    def answer(self, call: Call) -> Answer:
        """Raises HubSpotError 401, 404, 400."""
        given = call.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._portal.settings.admin_token.encode()):
            raise HubSpotError(401, "Send the header Authorization: Bearer ADMIN_TOKEN.")
        match (call.method, *call.path.split("/")[2:]):
            case ("GET", "switches"):
                return self._switches()
            case ("PUT", "switches"):
                self._portal.switches = changed(self._portal.switches, _json(call))
                return self._switches()
            case (_, "faults"):
                return self._set_faults(call)
            case ("GET", "calls"):
                return json_answer(200, {"calls": dict(self._calls), "budget": self._limits.used()})
            case ("POST", "reset"):
                return self._reset()
            case (_, "clock"):
                return self._clock(call)
            case ("POST", "deliver"):
                return json_answer(200, self._webhooks.deliver())
            case ("POST", "pipelines", kind, pipeline, "edit"):
                return self._edit_pipeline(kind, pipeline)
            case (_, "records", kind, *rest):
                return self._records(call, kind, rest)
        raise no_route(call.path)

    def _switches(self) -> Answer:
        return json_answer(200, self._portal.switches)

    def _set_faults(self, call: Call) -> Answer:
        match call.method:
            case "GET":
                return json_answer(200, {"results": self._faults.set})
            case "POST":
                return json_answer(201, self._faults.add(_json(call)))
            case "DELETE":
                self._faults.set.clear()
                return Answer(204)
        raise no_route(call.path)

    def _reset(self) -> Answer:
        """All is as it was at the start, on an empty database."""
        self._portal.reset()
        for part in self._parts:
            part.reset()
        self._faults.set.clear()
        self._calls.clear()
        return Answer(204)

    def _clock(self, call: Call) -> Answer:
        """`POST {"advance": SECONDS}` puts the clock forward; GET reads it."""
        if call.method == "POST":
            given = _json(call)
            seconds = given.get("advance") if isinstance(given, dict) else None
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
                raise invalid('Send {"advance": SECONDS}; the clock does not go back.')
            self._portal.time.advance(seconds)
        elif call.method != "GET":
            raise no_route(call.path)
        return json_answer(200, {"now": self._portal.time.now().isoformat()})

    def _edit_pipeline(self, name: str, pipeline: str) -> Answer:
        """A person edits a pipeline: every record in it counts as modified (contract 3.5)."""
        kind = self._portal.kind(name)
        if pipeline not in {known.id for known in PIPELINES.get(kind.name, ())}:
            raise not_found(pipeline)
        with self._portal.write(BY_HAND):
            where = f"state = {LIVE} AND json_extract(fields, ?) = ?"
            records = self._portal.store.records(kind, where, (f"$.{PROPERTIES[kind.name][0]}", pipeline))
            for record in records:
                record.updated = self._portal.time.ms()
                self._portal.store.save(record)
        return json_answer(200, {"touched": len(records)})

    def _records(self, call: Call, name: str, rest: list[str]) -> Answer:
        """What a person does to records: the same rules, another source."""
        portal = self._portal
        kind = portal.kind(name)
        with portal.write(BY_HAND):
            match (call.method, *rest):
                case ("POST",):
                    given = call.decoded(Update).properties
                    return json_answer(201, shown(portal, create(portal, kind, given), given))
                case ("PATCH", key):
                    given = call.decoded(Update).properties
                    return json_answer(200, shown(portal, update(portal, live(portal, kind, key), given), given))
                case ("DELETE", key):
                    put_into_bin(portal, live(portal, kind, key))
                    return Answer(204)
                case ("POST", key, "restore" | "forget" as verb):
                    record = find(portal, kind, (key,)).get(key)
                    if record is None:
                        raise not_found(key)
                    (restore if verb == "restore" else forget)(portal, record)
                    return Answer(204)
        raise no_route(call.path)


def _json(call: Call) -> Any:
    try:
        return msgspec.json.decode(call.body)
    except msgspec.DecodeError as error:
        raise invalid(f"The body is not JSON: {error}.") from None
