"""The emulator's own routes under /emulator: switches, faults, counts; never on a path of the vendor's."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connector.emulators.salesforce.api import Api
from connector.emulators.salesforce.errors import Refusal
from connector.emulators.salesforce.http import Answer
from connector.emulators.salesforce.ids import full
from connector.emulators.salesforce.org import Org
from connector.emulators.salesforce.outbound import Outbox
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.settings import Fault, Switches, changed
from connector.emulators.salesforce.store import Values


class Control:
    """Lets whoever holds the admin token look at the org and spoil its manners."""

    def __init__(self, org: Org, api: Api, outbox: Outbox) -> None:
        self._org = org
        self._outbox = outbox
        self._api = api
        self._first = org.switches
        self.faults: list[Fault] = []
        self.struck: dict[str, int] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._org.settings.admin_token.encode()):
            return Answer(401, {"message": "The admin token is needed."})
        routes: Mapping[tuple[str, str], Callable[[Any], Any]] = {
            ("GET", "/emulator/switches"): lambda _: self._org.switches,
            ("PUT", "/emulator/switches"): self._switch,
            ("GET", "/emulator/faults"): lambda _: self.faults,
            ("POST", "/emulator/faults"): self._add_faults,
            ("DELETE", "/emulator/faults"): lambda _: self.faults.clear(),
            ("GET", "/emulator/calls"): lambda _: self._calls(),
            ("POST", "/emulator/reset"): lambda _: self._reset(),
            ("POST", "/emulator/sessions/expire"): lambda _: self._api.instance.sessions.expire(),
            ("POST", "/emulator/merge"): self._merge,
            ("POST", "/emulator/undelete"): self._undelete,
            ("POST", "/emulator/outbound/deliver"): lambda _: {"delivered": self._outbox.deliver()},
            ("GET", "/emulator/outbound"): lambda _: self._outbox.waiting(),
            ("POST", "/emulator/bin/empty"): lambda _: self._empty_bin(),
        }
        do = routes.get((method, path))
        if do is None:
            return Answer(404, {"message": "There is no such route of the emulator."})
        try:
            done = do(msgspec.json.decode(body) if body else None)
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            return Answer(422, {"message": f"{type(error).__name__}: {error}"})
        except Refusal as error:
            return Answer(422, error.top_level())
        return Answer(200, {} if done is None else msgspec.to_builtins(done))

    def strike(self, method: str, path: str) -> Fault | None:
        """The first fault that hits this call."""
        fault = next((one for one in self.faults if one.strikes(method, path)), None)
        if fault is not None:
            self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
        return fault

    def _switch(self, given: Any) -> Switches:
        self._org.switches = changed(self._org.switches, given)
        return self._org.switches

    def _add_faults(self, given: Any) -> None:
        many = given if isinstance(given, list) else [given]
        self.faults.extend(msgspec.convert(many, list[Fault]))

    def _calls(self) -> dict[str, Any]:
        used, limit = self._api.instance.meter.used(self._org.now()), self._org.switches.daily_limit
        routes = dict(sorted(self._api.calls.items()))
        budget = {"used": used, "limit": limit, "remaining": max(0, limit - used)}
        return {"total": sum(routes.values()), "routes": routes, "api_usage": budget, "faults": self.struck}

    def _reset(self) -> None:
        """Counts, faults and switches as at the start; records stay."""
        self._api.calls.clear()
        self._api.instance.meter.clear()
        self.faults.clear()
        self.struck.clear()
        self._org.switches = self._first

    def _merge(self, given: Any) -> None:
        with self._org.transaction():
            kind, master = self._row(given["object"], given["master"])
            losers = [self._row(kind.name, key)[1] for key in given["losers"]]
            self._org.bin.merge(kind, master, losers, self._org.by_hand)

    def _undelete(self, given: Any) -> None:
        with self._org.transaction():
            kind, row = self._row(given["object"], given["id"])
            self._org.bin.undelete(kind, row, self._org.by_hand)

    def _row(self, name: str, key: str) -> tuple[SObject, Values]:
        kind = self._org.kind(name)
        return kind, self._org.records.row(name, full(key) or key)

    def _empty_bin(self) -> dict[str, int]:
        with self._org.transaction():
            return {"gone": self._org.bin.empty()}
