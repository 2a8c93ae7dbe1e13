"""An installation as the person who carries the pager has it: two built-in servers, a folder, the command line."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from connector.cli.main import run
from connector.reference.crm.app import create_app as create_crm
from connector.reference.erp.app import create_app as create_erp
from connector.reference.kit.app import Application, Settings
from connector.reference.kit.serve import Droppable
from connector.state.vault import new_key

SECRETS = {"connector": "s3cret-connector-token", "admin": "s3cret-admin-token", "web": "s3cret-web-token"}
Fields = dict[str, Any]

ACCOUNTS = """
  accounts:
    entity: account
    between: [crm, erp]
    conflicts: manual
    settle: 1ms
    match: [tax_id, [name, billing_address.postal_code]]
    fields: {number: {owner: erp}}
"""
PRODUCTS = """
  products: {entity: product, between: [crm, erp], direction: erp -> crm, match: [sku], settle: 1ms}
"""
CONTACTS = """
  contacts: {entity: contact, between: [crm, erp], conflicts: manual, match: [email], settle: 1ms}
"""
ORDERS = """
  orders:
    entity: order
    between: [crm, erp]
    conflicts: manual
    settle: 1ms
    fields: {number: {owner: erp}, status: {owner: erp}, ship_date: {owner: erp}}
"""
DOCUMENTS = """
  invoices: {entity: invoice, between: [crm, erp], direction: erp -> crm, match: [number], settle: 1ms}
  payments: {entity: payment, between: [crm, erp], direction: erp -> crm, match: [number], settle: 1ms}
  balances: {entity: balance, between: [crm, erp], direction: erp -> crm, settle: 1ms}
"""
EVERYTHING = ACCOUNTS + CONTACTS + PRODUCTS + ORDERS + DOCUMENTS


@dataclass(frozen=True, slots=True)
class Ended:
    """One command that has ended: its exit code and what it wrote."""

    code: int
    out: str
    said: str

    @property
    def text(self) -> str:
        """Everything a person sees."""
        return self.out + self.said

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Terminal(io.StringIO):
    """A place for output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Server:
    """One built-in application on a loopback port of this process, as its own users and programs meet it."""

    def __init__(self, kind: str, db: str) -> None:
        create: Callable[[Settings], Application] = create_crm if kind == "crm" else create_erp
        self.app = create(Settings(db, {secret: name for name, secret in SECRETS.items()}))
        self._listener = socket.create_server(("127.0.0.1", 0))
        # Connections inherit it. Without it an answer in two parts waits 40 ms for the acknowledgement of the first.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        options = {"access_log": False, "log_level": "error", "lifespan": "off", "timeout_graceful_shutdown": 1}
        self._server = uvicorn.Server(uvicorn.Config(Droppable(self.app), timeout_keep_alive=75, **options))  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        headers = {"Authorization": f"Bearer {SECRETS['admin']}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=20)

    def stop(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
        self.app.close()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def create(self, object_: str, **fields: Any) -> str:
        """A new record, typed by a person; its id."""
        return str(self.send("POST", f"/api/{object_}", fields)["id"])

    def edit(self, object_: str, key: str, **fields: Any) -> None:
        self.send("PATCH", f"/api/{object_}/{key}", fields)

    def delete(self, object_: str, key: str) -> None:
        self.send("DELETE", f"/api/{object_}/{key}")

    def act(self, object_: str, key: str, action: str, **fields: Any) -> Fields:
        found: Fields = self.send("POST", f"/api/{object_}/{key}/{action}", fields)
        return found

    def get(self, object_: str, key: str) -> Fields:
        found: Fields = self.send("GET", f"/api/{object_}/{key}")["fields"]
        return found

    def all(self, object_: str) -> dict[str, Fields]:
        """Every live record by id."""
        page = self.send("GET", f"/api/{object_}?after=&limit=1000")
        assert not page["more"]
        return {item["id"]: item["fields"] for item in page["items"]}

    def versions(self, *names: str) -> dict[tuple[str, str], int]:
        """Every live record's version: equal before and after means that nothing was written."""
        return {
            (name, item["id"]): item["version"]
            for name in names
            for item in self.send("GET", f"/api/{name}?after=&limit=1000")["items"]
        }

    def switch(self, **switches: Any) -> None:
        self.send("PUT", "/api/admin/switches", switches)


@dataclass(slots=True)
class Installation:
    """Two systems, one configuration, and the command line."""

    folder: Path
    crm: Server
    erp: Server
    config: Path
    seen: list[Ended] = field(default_factory=list)

    def run(self, *words: str) -> Ended:
        """One command line. Whatever it says holds no secret and no traceback."""
        ended = command(*words, "-c", str(self.config))
        self.seen.append(ended)
        assert "Traceback" not in ended.text
        for secret in (*SECRETS.values(), self.key):
            assert secret not in ended.text, f"a secret was shown by {words}"
        return ended

    def json(self, *words: str) -> dict[str, Any]:
        return self.run(*words, "--json").data

    def on_terminal(self, *words: str) -> list[str]:
        """The lines one command shows on a terminal, which has as many columns as `COLUMNS` says."""
        out = Terminal()
        with redirect_stdout(out), redirect_stderr(io.StringIO()):
            run([*words, "-c", str(self.config)])
        return out.getvalue().splitlines()

    def process(self, *words: str) -> subprocess.Popen[str]:
        """The same command line in a process of its own."""
        line = [sys.executable, "-m", "connector.cli.main", *words, "-c", str(self.config)]
        pipe = subprocess.PIPE
        return subprocess.Popen(line, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)

    @property
    def key(self) -> str:
        return (self.folder / "key").read_text().strip()

    def configure(self, syncs: str, *, crm: str = "", erp: str = "", state: str = "state.db") -> None:
        """Write config.yaml. crm, erp: instead of the address and token, as YAML in braces."""
        token = SECRETS["connector"]
        left = crm or f'url: "{self.crm.url}", auth: {{token: {token}}}'
        right = erp or f'url: "{self.erp.url}", auth: {{token: {token}}}'
        self.config.write_text(
            f'state: {{url: "sqlite:///{self.folder}/{state}", key: "${{file:{self.folder}/key}}"}}\n'
            f"systems:\n  crm: {{adapter: reference_crm, {left}}}\n  erp: {{adapter: reference_erp, {right}}}\n"
            f"syncs:{syncs}"
        )

    def stored(self) -> bytes:
        """Every byte of the state store, its log included."""
        return b"".join(path.read_bytes() for path in self.folder.glob("state.db*"))

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "state.db") as connection:
            found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
        connection.close()
        return found


def command(*words: str) -> Ended:
    """The command line itself, in this process."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        code = run(words)
    return Ended(code, out.getvalue(), said.getvalue())


@contextmanager
def installed(folder: Path, syncs: str = ACCOUNTS) -> Iterator[Installation]:
    """Both servers, empty, and an installation between them."""
    with ExitStack() as stack:
        servers = []
        for kind in ("crm", "erp"):
            servers.append(Server(kind, ":memory:"))
            stack.callback(servers[-1].stop)
        (folder / "key").write_text(new_key() + "\n")
        found = Installation(folder, servers[0], servers[1], folder / "config.yaml")
        found.configure(syncs)
        yield found


def company(number: int, **more: Any) -> Fields:
    """A company of the CRM; every value of it can be told from any other text."""
    return {
        "name": f"Quarzwerk {number:04d} GmbH",
        "tax_id": f"DE81{number:07d}",
        "email": f"office{number:04d}@quarzwerk.example",
        "phone": f"+49 30 77{number:05d}",
        "status": "customer",
        "currency": "EUR",
        "billing_street": f"Basaltweg {number}",
        "billing_city": "Berlin",
        "billing_postal_code": "10115",
        "billing_country": "Germany",
        **more,
    }


def customer(number: int, **more: Any) -> Fields:
    """The same company as the ERP has it."""
    shown = company(number)
    return {
        **{name: shown[name] for name in ("name", "email", "phone", "currency")},
        "vat_number": shown["tax_id"],
        "street": shown["billing_street"],
        "city": "Berlin",
        "zip": "10115",
        "country": "DE",
        **more,
    }


def fill(server: Server, name: str, items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Many records in one call; their ids."""
    body = {"items": [{"fields": item} for item in items]}
    found = server.send("POST", f"/api/{name}/batch/create", body)["items"]
    assert all(item["status"] == 201 for item in found), found
    return [str(item["record"]["id"]) for item in found]


def remove(server: Server, name: str, keys: Sequence[str]) -> None:
    body = {"items": [{"id": key} for key in keys]}
    found = server.send("POST", f"/api/{name}/batch/delete", body)["items"]
    assert all(item["status"] == 204 for item in found), found


class Fake:
    """A loopback port that answers every request with the same bytes, says nothing at all, or must not be touched."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self.touched = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.touched += 1
            if self._answer is None:
                self._open.append(connection)  # accepted, and never answered
                continue
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(self._answer)

    def __enter__(self) -> Fake:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join(5)


def answering(status: str, body: bytes, kind: str = "text/html") -> Fake:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return Fake(head.encode() + body)


def until(test: Callable[[], Any], seconds: float = 15.0) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if test():
            return True
        time.sleep(0.02)
    return False
