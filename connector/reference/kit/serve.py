"""Start-up: an application as a process of its own, on loopback only."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.reference.kit.app import Application, Settings
from connector.reference.kit.faults import DROP
from connector.reference.kit.problems import ServiceError
from connector.reference.kit.switches import Switches, changed

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0


class Droppable:
    """Lets the application close a connection without an answer. Must be the outermost application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn's `send` is a method of the object that holds the connection; there is no public way to it.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[DROP] = transport.close
        await self._app(scope, receive, send)


def parser(system: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m connector.reference.{system}", description=f"Serves the {system}."
    )
    parser.add_argument("--db", required=True, help="file of the database; made when it is not there")
    parser.add_argument("--token", action="append", default=[], metavar="PRINCIPAL=SECRET", help="may be repeated")
    parser.add_argument("--rate", type=float, help="calls per second and principal (default: no limit)")
    parser.add_argument("--daily-limit", type=int, help="calls per day and principal (default: no limit)")
    parser.add_argument("--external-key", choices=("unique", "search", "none"), default="unique")
    parser.add_argument("--idempotency", choices=("on", "off"), default="on")
    parser.add_argument("--conditional", choices=("on", "off"), default="on")
    parser.add_argument("--peer-url", help="address of the other system, for links between the pages")
    add_listening(parser)
    if system == "erp":
        parser.add_argument("--auto-confirm", choices=("on", "off"), default="on")
    return parser


def add_listening(parser: argparse.ArgumentParser) -> None:
    """The options that `listen` reads."""
    parser.add_argument("--port", type=int, default=0, help="0 (default) picks a free one")
    parser.add_argument("--port-file", help="file the port is written to when the application listens")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Raises ServiceError for a token or a rate that cannot be used."""
    given = {"rate": arguments.rate, "daily_limit": arguments.daily_limit}
    given |= {name: getattr(arguments, name) for name in ("external_key", "idempotency", "conditional")}
    tokens = {}
    for token in arguments.token:
        principal, _, secret = token.partition("=")
        if not principal or not secret:
            raise ServiceError(422, "invalid", "--token: must be PRINCIPAL=SECRET.", "token")
        tokens[secret] = principal
    auto_confirm = getattr(arguments, "auto_confirm", "on") == "on"
    return Settings(arguments.db, tokens, changed(Switches(), given), auto_confirm, peer_url=arguments.peer_url)


def main(system: str, create_app: Callable[[Settings], Application], arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped. Returns the exit code."""
    options = parser(system).parse_args(arguments)
    try:
        app = create_app(settings_of(options))
    except ServiceError as error:
        print(f"{system}: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    except Exception as error:
        print(f"{system}: cannot open {options.db}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return listen(app, system, options)


class Served(Protocol):
    """An ASGI application that holds something open."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def close(self) -> None: ...


def listen(app: Served, system: str, options: argparse.Namespace, *, date_header: bool = True) -> int:
    """Serve an application on loopback until stopped, and close it. Returns the exit code.

    date_header: False when the application tells the time itself.
    """
    try:
        listener = socket.create_server((HOST, options.port), backlog=128)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it: no 40 ms an answer
    except OSError as error:
        print(f"{system}: cannot listen on port {options.port}: {error.strerror}. Choose another.", file=sys.stderr)  # noqa: T201
        app.close()
        return 1
    _serve(app, listener, options, date_header)
    return 0


def _serve(app: Served, listener: socket.socket, options: argparse.Namespace, date_header: bool) -> None:
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        Droppable(app),
        access_log=False,
        log_level="warning",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=date_header,
        timeout_graceful_shutdown=2,
        # Longer than clients keep idle connections: closing first would cost them an answer now and then.
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    if options.exit_with_parent:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    if options.port_file:
        Path(options.port_file).write_text(f"{port}\n", encoding="ascii")
    print(f"listening on http://{HOST}:{port}", flush=True)  # noqa: T201
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        app.close()


def _end_with_input(server: uvicorn.Server) -> None:
    """Whoever started us holds the other end; it closes when they end, however they end."""
    while os.read(0, 4096):
        pass
    server.should_exit = True


@dataclass(frozen=True, slots=True)
class Running:
    """A server in a process of its own; a context manager that stops it."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End the server and wait until it has ended."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(kind: str, db: str | Path, tokens: Mapping[str, str], **switches: Any) -> Running:
    """Start the `crm` or the `erp` on a free loopback port; returns when it answers.

    tokens: principal -> secret. switches: options of the command line with underscores (`rate=5`,
    `external_key="search"`, `auto_confirm="off"`, `port=8080`), and `fault=[...]`. Raises RuntimeError when
    it does not start.
    """
    fault = switches.pop("fault", None)
    command = [sys.executable, "-m", f"connector.reference.{kind}", "--db", str(db), "--exit-with-parent"]
    command += [f"--token={principal}={secret}" for principal, secret in tokens.items()]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in switches.items() if value is not None]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    running = Running(line.removeprefix("listening on "), process)
    if not line.startswith("listening on "):
        running.stop()
        raise RuntimeError(f"the {kind} did not start: exit code {process.returncode}")
    _wait(running)
    if fault:
        httpx.put(
            f"{running.url}/api/admin/switches",
            content=msgspec.json.encode({"fault": fault}),
            headers={"Authorization": f"Bearer {tokens['admin']}"},
            trust_env=False,
        ).raise_for_status()
    return running


def _wait(running: Running) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and running.process.poll() is None:
        try:
            if httpx.get(f"{running.url}/healthz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # noqa: TID251
    running.stop()
    raise RuntimeError("the server did not answer in time")
