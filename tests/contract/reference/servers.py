"""Starting the built-in CRM and ERP, and small words for talking to them in tests."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector import adapters
from connector.model.records import Op, Record, Write
from connector.ports import Adapter

TOKENS = {"connector": "token-connector", "admin": "token-admin"}
_numbers = itertools.count(1)


def next_number() -> int:
    """A number no other test of this process gets."""
    return next(_numbers)


class RealClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")


@dataclass
class Server:
    kind: str
    url: str

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKENS['admin']}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def switches(self, **switches: Any) -> None:
        self.admin("PUT", "/api/admin/switches", switches)


def start(kind: str, folder: Path) -> tuple[subprocess.Popen[bytes], Server]:
    port_file = folder / f"{kind}.port"
    command = [sys.executable, "-m", f"connector.reference.{kind}", "--db", str(folder / f"{kind}.db"), "--port", "0"]
    command += ["--port-file", str(port_file)]
    for name, token in TOKENS.items():
        command += ["--token", f"{name}={token}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if port_file.exists() and port_file.read_text().strip():
            return process, Server(kind, f"http://127.0.0.1:{port_file.read_text().strip()}")
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    raise AssertionError(f"the {kind} server did not start")


def build(name: str, url: str, token: str = TOKENS["connector"], **settings: Any) -> Any:
    spec = adapters.get(name)
    values = spec.settings.model_validate({"url": url, "auth": {"token": token}, **settings})
    return spec.factory(values, name.removeprefix("reference_"), RealClock())


def creating(number: int | None = None, external: str | None = None, **fields: Any) -> Write:
    number = number or next_number()
    body = json.dumps({"name": f"Company {number}", **fields}).encode()
    return Write(Op.CREATE, None, body, None, f"create-{number}", ("external_id", external) if external else None)


def created(adapter: Adapter, count: int = 1, **fields: Any) -> list[Record]:
    result = adapter.write("companies", [creating(**fields) for _ in range(count)])
    assert [outcome.error for outcome in result.outcomes] == [None] * count
    records = [outcome.record for outcome in result.outcomes]
    return [record for record in records if record is not None]


class canned:  # noqa: N801
    """A server that gives these JSON answers, one connection each."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for value in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                request = connection.recv(65536)
                while b"\r\n\r\n" not in request or (request.startswith(b"POST") and not request.endswith(b"}")):
                    request += connection.recv(65536)
                self.requests.append(request)
                body = json.dumps(value).encode()
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

    def __enter__(self) -> canned:
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        self._thread.join(5)
