"""Check, webhooks and discovery."""

from __future__ import annotations

import hmac
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connector import adapters
from connector.errors import (
    ConfigError,
    DeniedError,
    TransientError,
)
from connector.ports import Adapter, WebhookRequest
from connector.rest.budget import Metered

from .servers import Server, build, created, creating

# --- check


def test_check_reports_the_connection_and_each_object(crm: Adapter, erp: Adapter) -> None:
    findings = {finding.subject: finding for finding in crm.check()}
    assert all(finding.ok for finding in findings.values())
    assert set(findings) == {"connection", "companies", "contacts", "products", "deals", "invoices", "payments"}
    assert "this connection is `connector`" in findings["connection"].detail
    details = {finding.subject: finding.detail for finding in erp.check()}
    assert details["balances"] == "can be read, not created"
    assert details["customers"] == "can be read and created"


def test_check_reports_a_wrong_token_and_never_shows_it(servers: Mapping[str, Server]) -> None:
    adapter = build("reference_crm", servers["crm"].url, token="wrong-SECRET")
    (finding,) = adapter.check()
    assert not finding.ok
    assert "does not accept the credentials" in finding.detail
    assert "wrong-SECRET" not in finding.detail
    with pytest.raises(DeniedError):
        adapter.scan("companies", None)
    adapter.close()


def test_check_reports_what_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    adapter = build("reference_erp", f"http://127.0.0.1:{port}")
    (finding,) = adapter.check()
    assert finding.detail.startswith(f"erp at http://127.0.0.1:{port} cannot be reached (connection refused)")
    with pytest.raises(TransientError):
        adapter.write("customers", [creating()])
    adapter.close()


def test_check_reports_one_object_that_cannot_be_read(crm: Adapter, servers: Mapping[str, Server]) -> None:
    servers["crm"].switches(fault=[{"kind": "status", "status": 403, "object": "deals", "times": 1}])
    bad = [finding for finding in crm.check() if not finding.ok]
    assert [finding.subject for finding in bad] == ["deals"]
    assert "give this connection the right" in bad[0].detail


# --- hints


def signed(body: bytes, stamp: str, secret: bytes = b"hook") -> WebhookRequest:
    signature = hmac.new(secret, stamp.encode() + b"." + body, "sha256").hexdigest()
    return WebhookRequest({"X-Timestamp": stamp, "x-signature": f"sha256={signature}"}, body)


def hooked(secret: str | None = "hook") -> Any:
    return build("reference_crm", "http://127.0.0.1:1", webhook_secret=secret)


EVENT = b'{"id": "e1", "object": "companies", "key": "C-1", "version": 7, "at": "x"}'


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


@pytest.mark.parametrize("form", [str, iso], ids=["seconds", "instant"])
def test_a_signed_webhook_names_a_key_and_a_version_that_sorts(form: Any) -> None:
    (hint,) = hooked().hints(signed(EVENT, form(time.time())))
    assert (hint.object, hint.key, hint.version) == ("companies", "C-1", "000000000007")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"object": 1, "key": 2}', b"\xff"],
)
def test_a_signed_webhook_without_a_key_is_refused(body: bytes) -> None:
    with pytest.raises(DeniedError):
        hooked().hints(signed(body, str(time.time())))


@pytest.mark.parametrize("stamp", ["", "soon", "1.2.3", "nan", "9" * 400, "2026-13-45"])
def test_an_odd_time_is_refused_even_when_signed(stamp: str) -> None:
    with pytest.raises(DeniedError):
        hooked().hints(signed(EVENT, stamp))


def test_without_a_secret_no_webhook_is_believed() -> None:
    with pytest.raises(DeniedError, match="webhook_secret"):
        hooked(None).hints(signed(EVENT, str(time.time())))


def test_a_webhook_the_crm_really_sends_is_understood(crm: Adapter, servers: Mapping[str, Server]) -> None:
    caught: list[tuple[dict[str, str], bytes]] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def catch() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(5)
            lines.readline()
            headers: dict[str, str] = {}
            while (line := lines.readline().strip()) != b"":
                name, _, value = line.decode().partition(":")
                headers[name.strip()] = value.strip()
            lengths = [int(v) for n, v in headers.items() if n.lower() == "content-length"]
            caught.append((headers, lines.read(lengths[0])))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=catch, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    servers["crm"].admin("POST", "/api/webhooks", {"url": url, "secret": "hook"})
    (record,) = created(crm)
    thread.join(10)
    listener.close()
    (headers, body) = caught[0]
    (hint,) = hooked().hints(WebhookRequest(headers, body))
    assert (hint.object, hint.key, hint.version) == ("companies", record.key, record.version)


# --- discovery


def test_the_folder_offers_both_adapters() -> None:
    assert {"reference_crm", "reference_erp"} <= set(adapters.discover())


def test_an_unknown_adapter_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean `reference_crm`"):
        adapters.get("reference_cmr")


def test_the_calls_told_by_the_system_are_heard(crm: Adapter) -> None:
    assert isinstance(crm, Metered)
    assert crm.calls_today() is None
    crm.scan("companies", None)
    first = crm.calls_today()
    crm.scan("companies", None)
    assert crm.calls_today() == first + 1  # type: ignore[operator]


def add_folder(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    (folder / "strange").mkdir()
    (folder / "strange" / "__init__.py").write_text(text)
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "connector.adapters.strange", raising=False)
    adapters.discover.cache_clear()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_library", "cannot be loaded: No module named 'no_such_library'"),
        ("ADAPTER = 1", "exports no ADAPTERS"),
        ("from connector.adapters.reference import ADAPTERS", "the name `reference_crm` is taken"),
        (
            "from connector.adapters.reference import ADAPTERS as A\nADAPTERS = {'other': A['reference_crm']}",
            "the name `other` is taken or differs",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    add_folder(monkeypatch, tmp_path, text)
    try:
        with pytest.raises(ConfigError, match="adapters/") as caught:
            adapters.discover()
    finally:
        adapters.discover.cache_clear()
        sys.modules.pop("connector.adapters.strange", None)
    assert said in str(caught.value)


def test_a_new_folder_is_found_without_touching_anything_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "from connector.adapters import AdapterSpec\nfrom pydantic import BaseModel\n"
    text += "ADAPTERS = {'mine': AdapterSpec('mine', BaseModel, lambda settings, system, clock: None)}"
    add_folder(monkeypatch, tmp_path, text)
    try:
        assert adapters.get("mine").name == "mine"
    finally:
        adapters.discover.cache_clear()
        sys.modules.pop("connector.adapters.strange", None)


def test_settings_keep_the_token_out_of_sight() -> None:
    settings = adapters.get("reference_crm").settings
    shown = repr(settings.model_validate({"url": "http://x", "auth": {"token": "SECRET-1"}}))
    assert "SECRET-1" not in shown
