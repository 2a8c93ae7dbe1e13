"""The built-in applications as processes, over real connections."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.reference.serve import Running, start

TOKENS = {"connector": "secret", "admin": "root"}


def _client(running: Running, token: str = "secret") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=running.url, headers=headers, trust_env=False, timeout=20)


def _until(test: Callable[[], Any], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if test():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start("crm", tmp_path_factory.mktemp("crm") / "crm.db", TOKENS) as running:
        yield running


def test_a_lost_answer_commits_and_closes_the_connection_and_its_key_finds_the_record(crm: Running) -> None:
    with _client(crm) as client, _client(crm, "root") as admin:
        fault = {"kind": "lost_answer", "object": "companies", "method": "POST"}
        admin.put("/api/admin/switches", json={"fault": [fault]}).raise_for_status()
        headers = {"Idempotency-Key": "once"}
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/api/companies", json={"name": "Lost"}, headers=headers)
        again = client.post("/api/companies", json={"name": "Lost"}, headers=headers)
        assert (again.status_code, again.json()["version"]) == (201, 1)
        assert len(client.get("/api/companies", params={"name": "Lost"}).json()["items"]) == 1


def test_a_dropped_call_does_nothing(crm: Running) -> None:
    with _client(crm) as client, _client(crm, "root") as admin:
        admin.put("/api/admin/switches", json={"fault": [{"kind": "drop_before"}]}).raise_for_status()
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/api/companies", json={"name": "Dropped"})
        assert client.get("/api/companies", params={"name": "Dropped"}).json()["items"] == []


def test_names_in_any_script_and_large_batches_travel_unharmed(crm: Running) -> None:
    with _client(crm) as client:
        items = [{"fields": {"name": f"Ångström 株式会社 {n}", "notes": "x" * 5000}} for n in range(200)]
        answer = client.post("/api/companies/batch/create", json={"items": items}).json()
        assert {item["status"] for item in answer["items"]} == {201}
        found = client.get("/api/companies", params={"name": "Ångström 株式会社 7"}).json()["items"]
        assert [item["id"] for item in found] == [answer["items"][7]["record"]["id"]]


def test_writers_at_the_same_time_leave_no_gap_for_a_reader(crm: Running) -> None:
    with _client(crm) as reader:
        cursor = _drain(reader, "")[1]
        seen: set[str] = set()
        made: list[str] = []

        def write() -> None:
            with _client(crm) as client:
                made.extend(client.post("/api/contacts", json={"last_name": "N"}).json()["id"] for _ in range(25))

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            ids, cursor = _drain(reader, cursor)
            seen |= ids
        seen |= _drain(reader, cursor)[0]
        assert len(made) == 75
        assert seen == set(made)


def _drain(client: httpx.Client, cursor: str) -> tuple[set[str], str]:
    ids: set[str] = set()
    for _ in range(1000):
        page = client.get("/api/contacts", params={"cursor": cursor, "limit": 10}).json()
        ids |= {item["id"] for item in page["items"]}
        cursor = page["cursor"]
        if not page["more"]:
            return ids, cursor
    raise AssertionError("the feed does not end")


def test_webhooks_are_signed_and_name_the_change(crm: Running) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with _client(crm) as client:
            url = f"http://127.0.0.1:{server.server_port}/hook"
            hook = client.post("/api/webhooks", json={"url": url, "secret": "s"})
            assert (hook.status_code, "secret" in hook.json()) == (201, False)
            record = client.post("/api/products", json={"sku": "A", "name": "Pen"}).json()
            assert _until(lambda: got)
            assert client.delete(f"/api/webhooks/{hook.json()['id']}").status_code == 204
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    headers, body = got[0]
    change = json.loads(body)
    assert (change["object"], change["key"], change["version"]) == ("products", record["id"], 1)
    assert change["at"] == record["modified"]
    expected = hmac.new(b"s", headers["x-timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-signature"] == f"sha256={expected}"


def test_records_numbers_and_cursors_outlive_the_process(tmp_path: Path) -> None:
    db = tmp_path / "erp.db"
    with start("erp", db, TOKENS) as running, _client(running) as client:
        client.post("/api/customers", json={"name": "A", "currency": "EUR"}).raise_for_status()
        cursor = client.get("/api/customers").json()["cursor"]
    assert running.process.returncode == 0
    with start("erp", db, TOKENS, auto_confirm="off", fault=[{"kind": "html"}]) as running, _client(running) as client:
        assert client.get("/api/customers").headers["content-type"].startswith("text/html")
        assert client.get("/api/customers", params={"cursor": cursor}).json()["items"] == []
        made = client.post("/api/customers", json={"name": "B", "currency": "EUR"}).json()
        assert (made["id"], made["fields"]["number"]) == ("K-2", "C1002")
        order = client.post("/api/orders", json={"customer": "K-2", "currency": "EUR"}).json()
        assert order["fields"]["state"] == "open"


def test_a_server_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = (
        "from connector.reference.serve import start\n"
        f"running = start('crm', {str(tmp_path / 'crm.db')!r}, {{'connector': 's'}})\n"
        "print(running.url, flush=True)\n"
        "running.process.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().decode().strip()
        assert _answers(url)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert _until(lambda: not _answers(url))


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("arguments", [("--token=x",), ("--rate=0",), ("--db", "/nowhere/at/all/crm.db")])
def test_a_start_that_cannot_work_is_one_line_and_an_exit_code(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "connector.reference.crm", "--db", str(tmp_path / "crm.db"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("crm: ")
    assert len(done.stderr.splitlines()) == 1
