"""Start-up: the emulator as a process of its own, on loopback only."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from connector.emulators.hubspot.app import Application, create_app
from connector.emulators.hubspot.limits import DAILY
from connector.emulators.hubspot.sending import Sender
from connector.emulators.hubspot.settings import Settings
from connector.reference.kit.serve import HOST, Droppable, Running

LISTENING = "listening on "
PREFIX = "HUBSPOT_EMULATOR_"
CREDENTIALS = ("admin_token", "service_key", "client_id", "client_secret", "refresh_token")


def parser() -> argparse.ArgumentParser:
    """The command line. Credentials may come from the environment, as HUBSPOT_EMULATOR_ADMIN_TOKEN and so on."""
    parser = argparse.ArgumentParser(prog="python -m connector.emulators.hubspot", description="Emulates HubSpot.")
    parser.add_argument("--db", default=":memory:", help="file of the database (default: none, kept in memory)")
    parser.add_argument("--port", type=int, default=0, help="0 (default) picks a free one")
    for name in CREDENTIALS:
        value = os.environ.get(PREFIX + name.upper())
        required = name == "admin_token" and value is None
        parser.add_argument(f"--{name.replace('_', '-')}", default=value, required=required)
    parser.add_argument("--plan", choices=tuple(DAILY), default="professional", help="decides the limits")
    parser.add_argument("--packs", type=int, choices=(0, 1, 2), default=0, help="packs that raise the limits")
    parser.add_argument("--time-zone", default="Europe/Berlin", help="of the portal; its midnight ends the day's limit")
    parser.add_argument("--port-file", help="file the port is written to when the emulator listens")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")
    return parser


def settings_of(options: argparse.Namespace) -> Settings:
    given = {name: value for name in CREDENTIALS if (value := getattr(options, name)) is not None}
    more = {"db": options.db, "plan": options.plan, "packs": options.packs, "time_zone": options.time_zone}
    return Settings(**given, **more)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped. Returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        app = create_app(settings_of(options))
    except Exception as error:
        sys.stderr.write(f"hubspot: cannot start: {error}\n")
        return 1
    try:
        listener = socket.create_server((HOST, options.port), backlog=128)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it: no 40 ms an answer
    except OSError as error:
        sys.stderr.write(f"hubspot: cannot listen on port {options.port}: {error.strerror}. Choose another.\n")
        app.close()
        return 1
    _serve(app, listener, options)
    return 0


def start(**options: object) -> Running:
    """Start the emulator on a free loopback port; returns when it listens, and is a context manager that stops it.

    options: those of the command line with underscores (`admin_token="root"`). Raises RuntimeError when it does not
    start.
    """
    command = [sys.executable, "-m", "connector.emulators.hubspot", "--exit-with-parent"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline().decode().strip()
    running = Running(line.removeprefix(LISTENING), process)
    if not line.startswith(LISTENING):
        running.stop()
        raise RuntimeError(f"the emulator did not start: exit code {process.returncode}")
    return running


def _serve(app: Application, listener: socket.socket, options: argparse.Namespace) -> None:
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            Droppable(app),
            access_log=False,
            log_level="warning",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            # Longer than clients keep idle connections: closing first would cost them an answer now and then.
            timeout_keep_alive=75,
        )
    )
    if options.exit_with_parent:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    if options.port_file:
        Path(options.port_file).write_text(f"{port}\n", encoding="ascii")
    sys.stdout.write(f"{LISTENING}http://{HOST}:{port}\n")
    sys.stdout.flush()
    sender = Sender(app.webhooks)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        sender.stop()
        app.close()


def _end_with_input(server: uvicorn.Server) -> None:
    """Whoever started us holds the other end; it closes when they end, however they end."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
