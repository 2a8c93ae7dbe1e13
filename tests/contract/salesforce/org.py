"""A running emulated org: started as a program of its own, and used by a person with a small client of their own."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from connector import adapters

APP = "app"
SECRET = "the-app-s-own-secret-1"
ADMIN = "the-admin-s-own-token-1"
VERSION = "/services/data/v68.0"


class RealClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")


class Org:
    """The emulated org at this address, as somebody else than the adapter speaks to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._netloc = urlsplit(url).netloc
        self._connection: http.client.HTTPConnection | None = None
        self._token = ""

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The emulator's own routes: switches, faults, merges."""
        if path == "sessions/expire":
            self._token = ""  # the person's own ends with the others
        return self._exchange(method, f"/emulator/{path}", body, f"Bearer {ADMIN}")

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of Salesforce's API."""
        if not self._token:
            form = urlencode({"grant_type": "client_credentials"})
            basic = "Basic " + b64encode(f"{APP}:{SECRET}".encode()).decode()
            told = self._exchange("POST", "/services/oauth2/token", form, basic)
            self._token = told["access_token"]
        return self._exchange(method, VERSION + path, body, f"Bearer {self._token}")

    def rows(self, soql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("GET", f"/query?q={quote(soql)}")["records"]
        return found

    def create(self, table: str, **fields: Any) -> str:
        key: str = self.api("POST", f"/sobjects/{table}", fields)["id"]
        return key

    def typed(self, table: str, fields: Mapping[str, Any]) -> str:
        """A person fills in the form of a new record; gives its id."""
        where = f"/ui/{table}/new"
        return self._saved(where, {**self._form(where), **_words(fields)}).rpartition("/")[2]

    def retyped(self, table: str, key: str, fields: Mapping[str, Any]) -> None:
        """A person changes fields in the form of a record, and saves what the form shows."""
        where = f"/ui/{table}/{key}"
        self._saved(where, {**self._form(where), **_words(fields)})

    def thrown_away(self, table: str, key: str) -> None:
        """A person presses Delete."""
        self._saved(f"/ui/{table}/{key}/delete", {})

    def _form(self, where: str) -> dict[str, str]:
        page = _Form()
        page.feed(self._answer("GET", where, None, {})[1].decode())
        return page.values

    def _saved(self, where: str, form: Mapping[str, str]) -> str:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer, text = self._answer("POST", where, urlencode(form), headers)
        assert answer.status == 303, f"POST {where}: {answer.status} {text[:3000]!r}"
        return str(answer.headers["location"])

    def calls(self) -> int:
        used: int = self.control("GET", "calls")["total"]
        return used

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _exchange(self, method: str, path: str, body: Any, authorization: str) -> Any:
        data = body if isinstance(body, str) else None if body is None else json.dumps(body, default=float)
        kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
        headers = {"Authorization": authorization, "Content-Type": kind}
        answer, text = self._answer(method, path, data, headers)
        assert answer.status < 300, f"{method} {path}: {answer.status} {text[:500]!r}"
        return json.loads(text) if text else None

    def _answer(
        self, method: str, path: str, data: str | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        for last in (False, True):
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._netloc, timeout=20)
            try:
                self._connection.request(method, path, data, dict(headers))
                answer = self._connection.getresponse()
                return answer, answer.read()
            except (ConnectionError, http.client.HTTPException):
                self._connection.close()
                self._connection = None
                if last:
                    raise
        raise AssertionError("no answer")


class _Form(HTMLParser):
    """The fields of the first form of a page, as they are filled in."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._open: str | None = None
        self._forms = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name")
        self._forms += tag == "form"
        if self._forms > 1:
            return
        if tag == "select" or tag == "textarea":
            self._open = name
            self.values[str(name)] = ""
        elif tag == "option" and self._open and "selected" in told:
            self.values[self._open] = told.get("value") or ""
        elif tag == "input" and name and (told.get("type") != "checkbox" or "checked" in told):
            self.values[name] = told.get("value") or ("on" if told.get("type") == "checkbox" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open and self.get_starttag_text() and str(self.get_starttag_text()).startswith("<textarea"):
            self.values[self._open] += data


def _words(fields: Mapping[str, Any]) -> dict[str, str]:
    def word(value: Any) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return {name: word(value) for name, value in fields.items()}


def start(folder: Path, *more: str) -> tuple[subprocess.Popen[bytes], Org]:
    port_file = folder / "port"
    command = [sys.executable, "-m", "connector.emulators.salesforce", "--setup", "erp", "--port", "0"]
    command += ["--client-id", APP, "--client-secret", SECRET, "--admin-token", ADMIN, "--port-file", str(port_file)]
    process = subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(400):
        if port_file.exists() and port_file.read_text().strip():
            return process, Org(f"http://127.0.0.1:{port_file.read_text().strip()}")
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    raise AssertionError("the emulated org did not start")


def build(url: str, **settings: Any) -> Any:
    """An adapter of that org. Nothing is held back: what was written a moment ago is looked for."""
    auth = {"flow": "client_credentials", "client_id": APP, "client_secret": SECRET}
    spec = adapters.get("salesforce")
    values: Mapping[str, Any] = {
        "url": url,
        "auth": auth,
        "hold_back": 0,
        "currency": "EUR",
        "verify": False,
        **settings,
    }
    return spec.factory(spec.settings.model_validate(values), "crm", RealClock())


def priced(org: Org, name: str) -> str:
    """A product with a price."""
    book = org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
    key = org.create("Product2", Name=name, IsActive=True)
    org.create("PricebookEntry", Product2Id=key, Pricebook2Id=book, UnitPrice=1, IsActive=True)
    return key
