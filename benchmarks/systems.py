"""Starts the built-in CRM and ERP for a benchmark, fills them over their HTTP API and reads what they counted."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connector.cli.main import run
from connector.reference.kit.serve import Running, start
from connector.state.vault import new_key

TOKENS = {"connector": "bench-connector", "admin": "bench-admin", "web": "bench-web"}
BATCH = 200

ORDERS = """
  orders:
    entity: order
    between: [crm, erp]
    direction: both
    every: 5m
    conflicts: manual
    settle: 1s
    fields: {number: {owner: erp}, status: {owner: erp}, ship_date: {owner: erp}}
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """One command that has ended: its exit code, its JSON, what it said on standard error, and its seconds."""

    code: int
    data: dict[str, Any]
    said: str
    seconds: float


@dataclass(slots=True)
class Systems:
    """Both applications running, and a configuration that joins them. inside: run commands in this process."""

    crm: str
    erp: str
    config: Path
    folder: Path
    servers: dict[str, Running] = field(default_factory=dict)
    switches: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    inside: bool = False

    def client(self, system: str, principal: str = "web") -> httpx.Client:
        url = self.crm if system == "crm" else self.erp
        headers = {"Authorization": f"Bearer {TOKENS[principal]}"}
        return httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False)

    def command(self, *words: str) -> list[str]:
        """The real command line, with `--json` and this configuration."""
        return [sys.executable, "-m", "connector.cli.main", *words, "--json", "-c", str(self.config)]

    def connector(self, *words: str, seconds: float = 600) -> Ended:
        """Run a command to its end; in this process when `inside` is set, which saves its start.

        Raises subprocess.TimeoutExpired, and ends a process of its own, after so many seconds.
        """
        began = time.monotonic()
        if self.inside:
            out, said = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(said):
                code = run(self.command(*words)[3:])
            return Ended(code, _data(out.getvalue()), said.getvalue(), time.monotonic() - began)
        ran = subprocess.run(
            self.command(*words), cwd=self.folder, capture_output=True, text=True, timeout=seconds, check=False
        )
        return Ended(ran.returncode, _data(ran.stdout), ran.stderr, time.monotonic() - began)

    def restart(self, system: str) -> None:
        """End a server with SIGKILL and start it on the same database and port."""
        old = self.servers[system]
        old.process.kill()
        old.stop()
        port = int(old.url.rpartition(":")[2])
        self.servers[system] = start(
            system, self.folder / f"{system}.db", TOKENS, port=port, **self.switches.get(system, {})
        )


def _data(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
    return found


@contextmanager
def running(
    folder: Path, *, crm: Mapping[str, Any] | None = None, extra: str = "", inside: bool = False
) -> Iterator[Systems]:
    """Both servers on free loopback ports; `crm`: switches of the CRM, `extra`: more lines of configuration."""
    with ExitStack() as stack:
        servers: dict[str, Running] = {}
        stack.callback(lambda: [server.stop() for server in servers.values()])
        servers["crm"] = start("crm", folder / "crm.db", TOKENS, **(crm or {}))
        servers["erp"] = start("erp", folder / "erp.db", TOKENS)
        config = folder / "config.yaml"
        left, right = servers["crm"].url, servers["erp"].url
        config.write_text(_config(folder, left, right) + extra, encoding="utf-8")
        yield Systems(left, right, config, folder, servers, {"crm": crm or {}}, inside)


def _config(folder: Path, crm: str, erp: str) -> str:
    token = TOKENS["connector"]
    return f"""
state: {{url: "sqlite:///{folder}/state.db", key: "{new_key()}"}}
systems:
  crm: {{adapter: reference_crm, url: "{crm}", auth: {{token: {token}}}}}
  erp: {{adapter: reference_erp, url: "{erp}", auth: {{token: {token}}}}}
syncs:
  accounts:
    entity: account
    between: [crm, erp]
    direction: both
    every: 5m
    conflicts: manual
    settle: 1s
    match: [tax_id, [name, billing_address.postal_code]]
    fields: {{number: {{owner: erp}}}}
  products: {{entity: product, between: [crm, erp], direction: "erp -> crm", every: 5m}}
{ORDERS}"""


def create(client: httpx.Client, name: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Create records in batches; their ids, in order. Any refusal ends the benchmark."""
    ids: list[str] = []
    for start_at in range(0, len(items), BATCH):
        part = [{"fields": fields} for fields in items[start_at : start_at + BATCH]]
        ids += [item["record"]["id"] for item in batch(client, name, "create", part)]
    return ids


def batch(client: httpx.Client, name: str, op: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One batch call; the result of every item."""
    answer = client.post(f"/api/{name}/batch/{op}", json={"items": list(items)})
    answer.raise_for_status()
    results: list[dict[str, Any]] = answer.json()["items"]
    refused = next((item for item in results if item["status"] >= 300), None)
    if refused is not None:
        raise SystemExit(f"{name}: the system refused an item: {refused['error']}")
    return results


def calls(client: httpx.Client) -> dict[str, int]:
    """Calls by method and path since the last reset."""
    answer = client.get("/api/stats")
    answer.raise_for_status()
    found: dict[str, int] = answer.json()["calls"]
    return {name: count for name, count in found.items() if "/api/stats" not in name}


def reset(client: httpx.Client) -> None:
    client.post("/api/stats/reset").raise_for_status()


def records(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    """Every live record of an object, in id order."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = client.get(f"/api/{name}", params={"after": cursor, "limit": 1000})
        answer.raise_for_status()
        page = answer.json()
        found += page["items"]
        cursor = page["cursor"]
        if not page["more"]:
            return found
