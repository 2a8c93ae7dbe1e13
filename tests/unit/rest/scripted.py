"""A loopback server that answers requests from a script, and a clock that only moves when slept on."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Step: TypeAlias = bytes | Callable[[socket.socket], None]


class VirtualClock:
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def answer(status: int, body: bytes = b"{}", content_type: str = "application/json", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


@dataclass
class Scripted:
    """requests: what came, whole. url: where it listens."""

    url: str
    requests: list[bytes] = field(default_factory=list)


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _serve(listener: socket.socket, script: Iterator[Step], log: list[bytes], tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.settimeout(5)
        if tls is not None:
            try:
                connection = tls.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                continue
        with connection:
            while request := _request(connection):
                log.append(request)
                step = next(script, None)
                if callable(step):
                    step(connection)
                    break
                if not step:
                    break
                connection.sendall(step)


@contextmanager
def scripted(*script: Step, tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """Answers requests in turn. b"" closes without an answer; a function gets the connection and then it closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=_serve, args=(listener, iter(script), server.requests, tls), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
