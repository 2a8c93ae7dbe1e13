"""Starting the emulated HubSpot, and small words for talking to it that are none of the adapter's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector import adapters

KEY = "pat-eu1-contract-key"
ADMIN = "admin-of-the-emulator"
VERSION = "2026-09"
FAST = {"search_lag": 0.0, "search_per_second": 1_000_000, "ten_seconds": 1_000_000, "daily": 100_000_000}
"""No search lag and no rate: what the suite asks is not how slow HubSpot is."""


AHEAD = 0.05


class RealClock:
    """A little ahead: a window that ends now holds what was written a moment ago, as with a search lag it would."""

    def now(self) -> float:
        return time.time() + AHEAD

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")


@dataclass
class Portal:
    """A running emulator, and a person's own way into it."""

    url: str

    def call(self, method: str, path: str, body: Any = None, token: str = KEY) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from None
        return json.loads(text) if text else None

    def create(self, type_: str, **properties: Any) -> str:
        key: str = self.call("POST", f"/crm/objects/{VERSION}/{type_}", {"properties": texts(properties)})["id"]
        return key

    def edit(self, type_: str, key: str, **properties: Any) -> None:
        self.call("PATCH", f"/crm/objects/{VERSION}/{type_}/{key}", {"properties": texts(properties)})

    def delete(self, type_: str, key: str) -> None:
        self.call("DELETE", f"/crm/objects/{VERSION}/{type_}/{key}")

    def restore(self, type_: str, key: str) -> None:
        self.call("POST", f"/emulator/records/{type_}/{key}/restore", token=ADMIN)

    def merge(self, type_: str, primary: str, other: str) -> str:
        body = {"primaryObjectId": primary, "objectIdToMerge": other}
        key: str = self.call("POST", f"/crm/objects/{VERSION}/{type_}/merge", body)["id"]
        return key

    def link(self, start: str, key: str, end: str, other: str, number: int) -> None:
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}
        body = {"inputs": [{"from": {"id": key}, "to": {"id": other}, "types": [kind]}]}
        self.call("POST", f"/crm/associations/{VERSION}/{start}/{end}/batch/create", body)

    def linked(self, start: str, key: str, end: str) -> list[Any]:
        body = {"inputs": [{"id": key}]}
        found = self.call("POST", f"/crm/associations/{VERSION}/{start}/{end}/batch/read", body)["results"]
        return found[0]["to"] if found else []

    def switches(self, **switches: Any) -> Any:
        """Sets these; what they were before."""
        before = self.call("GET", "/emulator/switches", token=ADMIN)
        self.call("PUT", "/emulator/switches", switches, token=ADMIN)
        return {name: before[name] for name in switches}

    def calls(self) -> dict[str, int]:
        """How often each route was called."""
        told: dict[str, int] = self.call("GET", "/emulator/calls", token=ADMIN)["calls"]
        return told


def texts(properties: Any) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in properties.items()}


def start(folder: Path) -> tuple[subprocess.Popen[bytes], Portal]:
    """A portal with payments and the properties of the shipped mappings."""
    port_file = folder / "hubspot.port"
    command = [sys.executable, "-m", "connector.emulators.hubspot", "--port", "0", "--port-file", str(port_file)]
    command += ["--admin-token", ADMIN, "--service-key", KEY]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if port_file.exists() and port_file.read_text().strip():
            portal = Portal(f"http://127.0.0.1:{port_file.read_text().strip()}")
            portal.switches(**FAST, payments=True)
            return process, portal
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    raise AssertionError("the emulated HubSpot did not start")


def build(url: str, **settings: Any) -> Any:
    """An adapter of that portal. It looks no further back than a change can be told twice for.

    verify: there is nothing to verify on loopback, and the certificates of the machine take longer to load than a test.
    """
    spec = adapters.get("hubspot")
    quick = {"search_lag": 0, "look_back": 4 * AHEAD, "archived_every": 0, "verify": False}
    values = spec.settings.model_validate({"url": url, "auth": {"token": KEY}, **quick, **settings})
    return spec.factory(values, "crm", RealClock())


CONFIG = """\
state: {{url: "sqlite:///state.db", key: "{key}"}}
systems:
  crm: {{adapter: hubspot, {own}url: "{url}", auth: {{token: {key}}}}}
  erp: {{adapter: reference_erp, url: "http://127.0.0.1:9", auth: {{token: none}}}}
syncs:
  accounts: {{entity: account, between: [crm, erp], direction: both}}
  contacts: {{entity: contact, between: [crm, erp], direction: both}}
  products: {{entity: product, between: [crm, erp], direction: both}}
  orders: {{entity: order, between: [crm, erp], direction: both}}
  invoices: {{entity: invoice, between: [crm, erp], direction: "erp -> crm"}}
  payments: {{entity: payment, between: [crm, erp], direction: "erp -> crm"}}
  balances: {{entity: balance, between: [crm, erp], direction: "erp -> crm"}}
"""
"""A configuration in which every shipped mapping is used. Nobody asks its ERP for anything."""
