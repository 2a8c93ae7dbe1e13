"""The built-in CRM and ERP as processes of their own, a configuration that joins them, and people who use them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from connector.app.core import App
from connector.app.status import Status
from connector.app.status import status as status_of
from connector.reference.kit.serve import Running, start
from connector.state.vault import new_key
from connector.testing.kill import Death, Launched, launch

TOKENS = {"connector": "kill-connector", "admin": "kill-admin", "web": "kill-web"}
SETTLE = 1.0
Picture = dict[str, list[str]]
NAMED_BY = {"companies": "name", "customers": "name", "products": "sku", "items": "code"}
NAMED_BY |= {"deals": "name", "orders": "title"}
OBJECTS = {"crm": ("companies", "products", "deals"), "erp": ("customers", "items", "orders")}
COUNTED = ("links", "open_writes", "conflicts", "dead", "hints")
GIVEN = frozenset({"id", "external_id", "number", "erp_number"})
"""Fields whose value depends on the order of creation."""
_OPENER = build_opener(ProxyHandler({}))


@dataclass(slots=True)
class Site:
    """Both applications running, and a configuration. Everything is in its folder."""

    folder: Path
    config: Path
    servers: dict[str, Running]
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def command(self, *words: str, death: Death | None = None) -> Launched:
        """One command line of the program, in a process of its own."""
        return launch([*words, "--json", "-c", str(self.config)], self.folder / "said.txt", death)

    def kill_server(self, system: str) -> None:
        """End a system with SIGKILL and start it again on the same data and port."""
        old = self.servers[system]
        old.process.kill()
        old.stop()
        port = int(old.url.rpartition(":")[2])
        self.servers[system] = start(
            system, self.folder / f"{system}.db", TOKENS, port=port, **self.switches.get(system, {})
        )

    # ---------------------------------------------------------------------------------------------- people

    def call(self, system: str, path: str, body: Any = None) -> Any:
        """One call as a person's. Raises urllib.error.HTTPError."""
        headers = {"Authorization": f"Bearer {TOKENS['web']}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        with _OPENER.open(Request(f"{self.servers[system].url}{path}", data, headers), timeout=60) as answer:
            return json.load(answer)

    def batch(self, system: str, name: str, verb: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """One batch; the ids, in order. Raises RuntimeError when an item is refused."""
        found = self.call(system, f"/api/{name}/batch/{verb}", {"items": list(items)})["items"]
        refused = [item for item in found if item["status"] >= 300]
        if refused:
            raise RuntimeError(f"{system} {name} {verb}: {refused[0]['error']}")
        return [item["record"]["id"] for item in found if "record" in item]

    def add(self, system: str, name: str, /, **fields: Any) -> str:
        return self.batch(system, name, "create", [{"fields": fields}])[0]

    def edit(self, system: str, name: str, record: str, /, **fields: Any) -> None:
        """Change the record of that name."""
        found = self.find(system, name, record)
        self.batch(system, name, "update", [{"id": found["id"], "fields": fields}])

    def remove(self, system: str, name: str, record: str) -> None:
        self.batch(system, name, "delete", [{"id": self.find(system, name, record)["id"]}])

    def find(self, system: str, name: str, record: str) -> dict[str, Any]:
        """The record of that name. Raises LookupError."""
        for found in self.records(system, name):
            if found["fields"][NAMED_BY[name]] == record:
                return found
        raise LookupError(f"{system} has no {name} called {record}")

    def records(self, system: str, name: str) -> list[dict[str, Any]]:
        """Every live record of an object."""
        found: list[dict[str, Any]] = []
        page = {"more": True, "cursor": ""}
        while page["more"]:
            page = self.call(system, f"/api/{name}?limit=1000&after={page['cursor']}")
            found += page["items"]
        return found

    # --------------------------------------------------------------------------------------------- looking

    def picture(self) -> Picture:
        """Both systems and what waits for a person, by names and values: two sites can be compared."""
        found: Picture = {}
        for system, objects in OBJECTS.items():
            rows = {name: self.records(system, name) for name in objects}
            called = {row["id"]: row["fields"][NAMED_BY[name]] for name in objects for row in rows[name]}
            for name in objects:
                found[name] = sorted(_shown(row["fields"], called) for row in rows[name])
        for status in self.status():
            found[status.sync] = [f"{name}: {getattr(status, name)}" for name in COUNTED]
        return found

    def wait_out(self) -> None:
        """The lease of a dead run is over, without the waiting: a store other machines use cannot know it is dead."""
        with App.open(self.config) as app, app.store.begin() as tx:
            for sync in app.chosen():
                tx.end_lease(app.kind(sync))

    def status(self) -> list[Status]:
        """What the store says of every sync."""
        with App.open(self.config) as app:
            return status_of(app)

    def is_open(self) -> bool:
        """Whether a write has no known outcome, or a record is still to be looked at."""
        return any(status.open_writes or status.hints for status in self.status())


def _shown(value: Any, called: Mapping[str, str]) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{n}={_shown(v, called)}" for n, v in sorted(value.items()) if n not in GIVEN)
    if isinstance(value, list):
        return "[" + " | ".join(sorted(_shown(row, called) for row in value)) + "]"
    return called.get(value, value) if isinstance(value, str) else repr(value)


@contextmanager
def running(folder: Path, *, state: str | None = None, crm: Mapping[str, Any] | None = None) -> Iterator[Site]:
    """Both systems on free loopback ports. state: address of the store, a file in the folder by default.

    crm: switches that take powers from the CRM.
    """
    servers: dict[str, Running] = {}
    try:
        servers["crm"] = start("crm", folder / "crm.db", TOKENS, **(crm or {}))
        servers["erp"] = start("erp", folder / "erp.db", TOKENS)
        config = folder / "config.yaml"
        address = state or f"sqlite:///{folder}/state.db"
        config.write_text(_config(address, servers["crm"].url, servers["erp"].url), encoding="utf-8")
        yield Site(folder, config, servers, {"crm": crm or {}})
    finally:
        for server in servers.values():
            server.stop()


def _config(state: str, crm: str, erp: str) -> str:
    token = TOKENS["connector"]
    syncs = ""
    for name, entity, fields in (
        ("accounts", "account", "number: {owner: erp}"),
        ("products", "product", "stock_on_hand: {owner: erp}"),
        ("orders", "order", "number: {owner: erp}, status: {owner: erp}, ship_date: {owner: erp}"),
    ):
        match = "[tax_id]" if entity == "account" else "[sku]" if entity == "product" else "[]"
        syncs += f"""
  {name}:
    entity: {entity}
    between: [crm, erp]
    direction: both
    every: 5m
    conflicts: manual
    deletes: {{policy: propagate}}
    settle: {SETTLE:.0f}s
    match: {match}
    fields: {{{fields}}}"""
    return f"""state: {{url: "{state}", key: "{new_key()}"}}
systems:
  crm: {{adapter: reference_crm, url: "{crm}", auth: {{token: {token}}}}}
  erp: {{adapter: reference_erp, url: "{erp}", auth: {{token: {token}}}}}
syncs:{syncs}
"""
