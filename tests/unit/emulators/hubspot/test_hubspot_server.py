"""The emulator as a process, over HTTP on loopback."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from connector.emulators.hubspot.sending import post
from connector.emulators.hubspot.serve import parser, settings_of, start

ADMIN = {"Authorization": "Bearer root"}
COMPANIES = "/crm/objects/2026-09/companies"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    key = {"Authorization": "Bearer pat-x"}
    with (
        start(admin_token="root", service_key="pat-x") as running,
        httpx.Client(base_url=running.url, headers=key, timeout=5, trust_env=False) as client,
    ):
        yield client
    assert running.process.returncode == 0


def test_records_travel_over_http(client: httpx.Client) -> None:
    made = client.post(COMPANIES, json={"properties": {"name": "Zoë GmbH"}})
    assert made.status_code == 201
    key = made.json()["id"]
    assert client.get(f"{COMPANIES}/{key}", params={"properties": "name"}).json()["properties"]["name"] == "Zoë GmbH"
    assert client.delete(f"{COMPANIES}/{key}").status_code == 204


@pytest.mark.parametrize(("kind", "more"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_really_dropped(client: httpx.Client, kind: str, more: int) -> None:
    before = len(client.get(COMPANIES, params={"limit": 100}).json()["results"])
    client.post("/emulator/faults", json={"kind": kind, "method": "POST", "path": COMPANIES}, headers=ADMIN)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(COMPANIES, json={"properties": {"name": "Acme"}})
    assert len(client.get(COMPANIES, params={"limit": 100}).json()["results"]) == before + more


def test_a_truncated_answer_is_whole_http_but_no_json(client: httpx.Client) -> None:
    client.post("/emulator/faults", json={"kind": "truncated", "path": COMPANIES}, headers=ADMIN)
    answer = client.get(COMPANIES)
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


def test_a_name_with_a_slash_is_one_part_of_the_path(client: httpx.Client) -> None:
    assert client.get(f"{COMPANIES}/1%2F2").json()["category"] == "OBJECT_NOT_FOUND"


def test_events_reach_an_address_that_listens(client: httpx.Client) -> None:
    received: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((self.headers["X-HubSpot-Signature-v3"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    form = {"grant_type": "client_credentials", "client_id": "emulated-client", "client_secret": "emulated-secret"}
    token = client.post("/oauth/2026-09/token", data=form).json()["access_token"]
    app = {"Authorization": f"Bearer {token}"}
    target = {"targetUrl": f"http://127.0.0.1:{server.server_port}/", "throttling": {"maxConcurrentRequests": 10}}
    client.put("/app-webhooks/2026-09/7/settings", json=target, headers=app).raise_for_status()
    wanted = {"active": True, "eventType": "company.creation"}
    client.post("/app-webhooks/2026-09/7/subscriptions", json=wanted, headers=app).raise_for_status()
    key = client.post(COMPANIES, json={"properties": {"name": "Acme"}}).json()["id"]
    signature, body = received.get(timeout=5)
    assert signature
    assert [event["objectId"] for event in json.loads(body)] == [int(key)]
    server.shutdown()
    server.server_close()


def test_nobody_at_an_address_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/", b"[]", {}) == 0
    assert post("nonsense", b"[]", {}) == 0


def test_without_an_admin_token_it_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector.emulators.hubspot"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "--admin-token" in done.stderr


def test_a_database_that_cannot_be_opened_is_said() -> None:
    with pytest.raises(RuntimeError, match="exit code 1"):
        start(admin_token="root", db="/nowhere/at/all.db")


def test_credentials_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_EMULATOR_ADMIN_TOKEN", "root")
    monkeypatch.setenv("HUBSPOT_EMULATOR_SERVICE_KEY", "pat-environment")
    settings = settings_of(parser().parse_args(["--plan", "free", "--packs", "1"]))
    assert (settings.admin_token, settings.service_key) == ("root", "pat-environment")
    assert (settings.plan, settings.packs, settings.client_id) == ("free", 1, "emulated-client")
