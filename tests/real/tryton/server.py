"""Starting Tryton on loopback, seeded, and back to the seeded state; it stops with the block whatever happens."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .databases import KINDS, NAME, Database
from .install import CONSTRAINTS, HERE, MODULES, SetupError, digest, folder, install, program, run

PATIENCE = 120.0  # seconds until the server has to answer


class Tryton:
    """A running server. facts: what the seed made, by name - ids, `key`, `login`, `password` and `company`."""

    def __init__(self, database: Database, kind: str, work: Path) -> None:
        self._database = database
        self._kind = kind
        self._work = work
        self._process: subprocess.Popen[bytes] | None = None
        self.log = work / "server.log"
        self.url = ""
        self.facts: dict[str, Any] = {}

    def reset(self) -> None:
        """As seeded, and answering. The address may be another one than before."""
        self.stop()
        self.facts = _seeded(self._database, self._kind)
        self._database.fresh(_copy(self._kind))
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/{NAME}"
        config = _configure(self._work, self._database, port)
        command = [str(program("python")), str(HERE / "serve.py"), "-c", str(config), "-d", NAME]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the tests, and they stop it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "TRYTOND_CONFIG": str(config)},
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        if process.stdin:
            process.stdin.close()

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, company: Any = "seeded") -> Any:
        """(status, answer) of one REST call as a person's own program would make it. company None: no context."""
        headers = {"Authorization": f"Bearer {key or self.facts['key']}", "Content-Type": "application/json"}
        if company is not None:
            context = {"company": self.facts["company"] if company == "seeded" else company}
            headers["X-Tryton-Context"] = coded(context)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/rest/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _content(answer.headers.get_content_type(), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _content(error.headers.get_content_type(), error.read())

    def _wait(self) -> None:
        assert self._process is not None
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if self.ask("GET", "model/company.company?s=1&f=id")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.stop()
        raise SetupError(f"Tryton does not answer on {self._kind}:\n{self.log.read_text()[-2000:]}")


def coded(value: Any) -> str:
    """As Tryton takes contexts, domains and orders (contract, Tryton, REST)."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@contextmanager
def running(kind: str) -> Iterator[Tryton]:
    """A seeded Tryton on that kind of database. kind: `sqlite` or `postgres`."""
    install()
    with KINDS[kind]() as database, tempfile.TemporaryDirectory(prefix="tryton-") as work:
        tryton = Tryton(database, kind, Path(work))
        try:
            tryton.reset()
            yield tryton
        finally:
            tryton.stop()


def prepare(kind: str) -> None:
    """Leaves Tryton installed and its seeded copy for that kind of database in the cached folder."""
    install()
    if not _facts(kind).exists():
        with KINDS[kind]() as database:
            _seeded(database, kind)


def _seeded(database: Database, kind: str) -> dict[str, Any]:
    """What the seed made. Seeds when this version of it was never kept; then the copy is there as well."""
    if not _facts(kind).exists():
        print(f"tryton: setting up and seeding on {kind}, once (a minute or two)", flush=True)
        with tempfile.TemporaryDirectory(prefix="tryton-seed-") as work:
            facts = _seed(database, Path(work))
        database.keep(_copy(kind))
        _facts(kind).write_text(json.dumps(facts, indent=1))
    facts = json.loads(_facts(kind).read_text())
    assert isinstance(facts, dict)
    return facts


def _seed(database: Database, work: Path) -> dict[str, Any]:
    database.empty()
    config = _configure(work, database, _free_port())
    password, facts = work / "password", work / "facts.json"
    password.write_text(secrets.token_urlsafe(12))
    # Before the first import of trytond: without it proteus takes SQLite in the home folder, and says nothing.
    environment = {"TRYTOND_CONFIG": str(config), "TRYTONPASSFILE": str(password)}
    admin = [str(program("trytond-admin")), "-c", str(config), "-d", NAME, "--email", "admin@example.com"]
    run([*admin, "-u", *MODULES, "--activate-dependencies"], "activating Tryton's modules", **environment)
    seed = [str(program("python")), "-W", "ignore", str(HERE / "seed.py"), str(config), str(facts)]
    run(seed, "seeding Tryton", **environment)
    made = json.loads(facts.read_text())
    return {**made, "admin_password": password.read_text()}


def _name(kind: str) -> str:
    """Fiscal years are seeded around today, so next year's copy is another one."""
    texts = (CONSTRAINTS.read_text(), (HERE / "seed.py").read_text(), *MODULES)
    return f"{kind}-{datetime.now(UTC).year}-{digest(*texts)}"


def _facts(kind: str) -> Path:
    return folder() / f"{_name(kind)}.json"


def _copy(kind: str) -> Path:
    return folder() / f"{_name(kind)}.seeded"


def _configure(work: Path, database: Database, port: int) -> Path:
    path = work / "trytond.conf"
    web = f"[web]\nlisten = 127.0.0.1:{port}\n[session]\nauthentications = password\n"
    path.write_text(f"[database]\n{database.settings}\n{web}")
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _content(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind == "application/json" and body else body.decode()
