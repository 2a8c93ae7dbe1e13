"""The emulator as a process of its own, over real HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from connector.emulators.salesforce.serve import parser, settings_of

BASE = "/services/data/v68.0"
ADMIN = {"Authorization": "Bearer root"}


@contextmanager
def serving(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "connector.emulators.salesforce", "--exit-with-parent", "--port", "0", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with (
        serving("--setup", "erp", "--admin-token", "root", "--client-id", "key", "--client-secret", "secret") as url,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        answer = http.post("/services/oauth2/token", data={"grant_type": "client_credentials"}, auth=("key", "secret"))
        assert answer.json()["instance_url"] == url
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield http


def fault(client: httpx.Client, kind: str, path: str) -> None:
    answer = client.post("/emulator/faults", json={"kind": kind, "path": path}, headers=ADMIN)
    assert answer.status_code == 200


def test_a_server_answers_and_drops_as_told(client: httpx.Client) -> None:
    answer = client.patch(f"{BASE}/sobjects/Account/ERP_Id__c/{quote('A/1', safe='')}", json={"Name": "Zoë"})
    assert (answer.status_code, answer.json()["created"]) == (201, True)
    assert len(answer.headers.get_list("date")) == 1
    fault(client, "drop_after", "*/sobjects/Account")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{BASE}/sobjects/Account", json={"Name": "Kept"})
    fault(client, "drop_before", "*/sobjects/Account")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{BASE}/sobjects/Account", json={"Name": "Lost"})
    fault(client, "truncated", "*/query")
    broken = client.get(f"{BASE}/query", params={"q": "SELECT Name FROM Account"})
    with pytest.raises(ValueError):
        broken.json()
    found = client.get(f"{BASE}/query", params={"q": "SELECT Name FROM Account ORDER BY Name"}).json()
    assert [row["Name"] for row in found["records"]] == ["Kept", "Zoë"]
    assert client.get("/ui/Account", headers={"host": "elsewhere.example"}).status_code == 403
    assert "Kept" in client.get("/ui/Account").text


def test_a_long_address_is_refused_by_the_org_not_the_server(client: httpx.Client) -> None:
    answer = client.get(f"{BASE}/query", params={"q": "x" * 20_000})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (414, "REQUEST_TOO_LONG")


def test_options_and_environment_make_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.pem").write_text("PEM")
    (tmp_path / "switches.json").write_text('{"daily_limit": 7}')
    monkeypatch.setenv("SALESFORCE_EMULATOR_CLIENT_SECRET", "from the environment")
    given = ["--username", "me@acme.example", "--public-key", str(tmp_path / "key.pem"), "--currencies", "EUR,USD"]
    given += ["--order-status", "Entwurf=Draft", "--production", "--switches", str(tmp_path / "switches.json")]
    settings = settings_of(parser().parse_args([*given, "--refresh-token", "r"]))
    assert (settings.username, settings.public_key, settings.currencies) == ("me@acme.example", "PEM", ("EUR", "USD"))
    assert (settings.client_secret, settings.refresh_token) == ("from the environment", "r")
    assert (settings.order_statuses, settings.sandbox, settings.switches.daily_limit) == (
        {"Entwurf": "Draft"},
        False,
        7,
    )


def test_what_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connector.emulators.salesforce", "--setup", str(tmp_path / "none.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.startswith("salesforce: ")) == (1, True)
