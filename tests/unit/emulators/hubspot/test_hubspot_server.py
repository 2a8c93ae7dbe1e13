"""The emulator as a process, over HTTP on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

ADMIN = {"Authorization": "Bearer root"}
COMPANIES = "/crm/objects/2026-09/companies"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "connector.emulators.hubspot", "--admin-token", "root", "--service-key", "pat-x"]
    process = subprocess.Popen([*command, "--exit-with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    url = line.removeprefix("listening on ")
    with httpx.Client(base_url=url, headers={"Authorization": "Bearer pat-x"}, timeout=5, trust_env=False) as client:
        yield client
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


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


def test_without_an_admin_token_it_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector.emulators.hubspot"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "--admin-token" in done.stderr
