"""A proxy on loopback between an adapter and an HTTP system, that makes trouble on command."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec

from connector.clock import SystemClock
from connector.testing.contract.trouble import ASKS_TO_WAIT, WAIT, Trouble

GIVE_UP = 30.0
IDLE = 2.0
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "proxy-connection"}
_STATUS = {
    Trouble.BAD_REQUEST: 400,
    Trouble.UNAUTHORIZED: 401,
    Trouble.FORBIDDEN: 403,
    Trouble.NOT_FOUND: 404,
    Trouble.TIMEOUT: 408,
    Trouble.CONFLICT: 409,
    Trouble.MOVED: 412,
    Trouble.INVALID: 422,
    Trouble.BUSY: 429,
    Trouble.BUSY_UNTIL: 429,
    Trouble.FAILED: 500,
    Trouble.BAD_GATEWAY: 502,
    Trouble.UNAVAILABLE: 503,
    Trouble.GATEWAY_TIMEOUT: 504,
    Trouble.FAILED_SAID: 500,
    Trouble.UNAVAILABLE_SAID: 503,
    Trouble.REDIRECT: 307,
}
_GATEWAY = (Trouble.TIMEOUT, Trouble.FAILED, Trouble.BAD_GATEWAY, Trouble.UNAVAILABLE, Trouble.GATEWAY_TIMEOUT)
_PAGE = b"<!doctype html><html><body><h1>Please sign in</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. headers: names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, ready to send."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    stated: int | None = None

    def encode(self) -> bytes:
        length = len(self.body) if self.stated is None else self.stated
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Answer')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        bodiless = self.status in (204, 304)
        lines += [] if bodiless else [f"content-length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if bodiless else self.body)


def say(status: int, request: Request) -> bytes:
    """An error in common words. It repeats the credentials, as some systems do: an adapter must not pass them on."""
    told = f"refused with status {status} for {request.headers.get('authorization', 'nobody')}"
    return msgspec.json.encode({"error": {"code": f"test_{status}", "message": told}})


class FaultProxy:
    """Passes every request on to `target`, or makes the trouble it was told to make.

    words: how the system words an error, (status, request) -> body. seconds: how long `SLOW` keeps an answer back,
    longer than the adapter's time-out. requests: everything that came. strikes: how many of them met trouble.
    elsewhere: what arrived at the address `REDIRECT` names; stays empty where credentials are safe.
    """

    def __init__(
        self,
        target: str,
        *,
        words: Callable[[int, Request], bytes] = say,
        seconds: float = 1.0,
        host: str = "127.0.0.1",
    ) -> None:
        self.requests: list[Request] = []
        self.elsewhere: list[bytes] = []
        self.strikes = 0
        self._target = urlsplit(target)
        self._words = words
        self._seconds = seconds
        self._trouble: tuple[Trouble, Callable[[Request], bool]] | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._waiting = threading.Event()
        self._elsewhere = _Listener(host, 0, self._catch)
        self._listener = _Listener(host, 0, self._serve)
        self._address = (host, self._listener.port)
        self.url = f"http://{host}:{self._listener.port}{self._target.path.rstrip('/')}"

    @contextmanager
    def trouble(self, kind: Trouble, only: Callable[[Request], bool] = lambda request: True) -> Iterator[None]:
        """Within the block every request that fits meets this trouble."""
        self._waiting.clear()
        self._trouble = (kind, only)
        if kind is Trouble.REFUSED:
            self._deaf()
        try:
            yield
        finally:
            self._trouble = None
            self._waiting.set()
            if kind is Trouble.REFUSED:
                self._listener = _Listener(*self._address, self._serve)

    @property
    def deaf(self) -> bool:
        """Whether it listens to nobody just now."""
        return self._trouble is not None and self._trouble[0] is Trouble.REFUSED

    def drop(self) -> None:
        """Closes every connection now open, as a system does with idle ones."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._waiting.set()
        self._deaf()
        self._elsewhere.close()

    # ------------------------------------------------------------------------------------------------ inside

    def _deaf(self) -> None:
        self._listener.close()
        self.drop()

    def _catch(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(GIVE_UP)
            with suppress(OSError):
                self.elsewhere.append(connection.recv(65536))

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        upstream = _Upstream(self._target.scheme, self._target.netloc)
        try:
            with connection, connection.makefile("rb") as lines, suppress(OSError, http.client.HTTPException):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := _read(lines)) is not None:
                    if not self._handle(request, connection, upstream):
                        break
        finally:
            upstream.close()
            with self._lock:
                self._open.discard(connection)

    def _handle(self, request: Request, connection: socket.socket, upstream: _Upstream) -> bool:
        """Answers one request; False when the connection ends with it."""
        with self._lock:
            self.requests.append(request)
            kind = self._trouble[0] if self._trouble and self._trouble[1](request) else None
            self.strikes += kind is not None
        if kind is Trouble.CLOSED:
            return False
        if kind is None or kind.carried_out:
            answer = upstream.exchange(request)
        if kind is Trouble.LOST:
            return False
        if kind is Trouble.SLOW:
            self._waiting.wait(self._seconds)
        elif kind is not None:
            answer = self._made(kind, request)
        connection.sendall(answer.encode())
        return answer.stated is None and request.headers.get("connection", "").lower() != "close"

    def _made(self, kind: Trouble, request: Request) -> Answer:
        json = {"content-type": "application/json"}
        match kind:
            case Trouble.HTML:
                return Answer(200, {"content-type": "text/html"}, _PAGE)
            case Trouble.EMPTY:
                return Answer(200, json, b"")
            case Trouble.BROKEN:
                return Answer(200, json, b'{"items": [{"status": 200, "id": "1"')
            case Trouble.FOREIGN:
                return Answer(200, json, b'[{"unexpected": 1.5}, null]')
            case Trouble.SHORT:
                return Answer(200, json, b'{"items": [', 4096)
            case Trouble.GARBLED:
                return Answer(200, json, b"\xff\xfe\x00{")
            case Trouble.REDIRECT:
                return Answer(307, {"location": f"http://{self._address[0]}:{self._elsewhere.port}/"}, b"")
        status = _STATUS[kind]
        if kind in _GATEWAY:
            return Answer(status, {"content-type": "text/plain"}, b"upstream trouble")
        after = str(WAIT) if kind is Trouble.BUSY else formatdate(SystemClock().now() + WAIT + 1, usegmt=True)
        wait = {"retry-after": after.removesuffix(".0")} if kind in ASKS_TO_WAIT else {}
        return Answer(status, {**json, **wait}, self._words(status, request))


class _Listener:
    """Accepts connections until it is closed, each served by a thread of its own."""

    def __init__(self, host: str, port: int, serve: Callable[[socket.socket], None]) -> None:
        self._socket = socket.create_server((host, port))
        self.port: int = self._socket.getsockname()[1]
        self._serve = serve
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._socket.close()
        self._thread.join(GIVE_UP)


class _Upstream:
    """A connection to the system, opened when first needed and again when the system closed it."""

    def __init__(self, scheme: str, netloc: str) -> None:
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        self._connection = kind(netloc, timeout=GIVE_UP)
        self._netloc = netloc
        self._used = 0.0

    def exchange(self, request: Request) -> Answer:
        now = SystemClock().now()
        if now - self._used > IDLE:  # the system may be closing it just now, and that would be trouble nobody ordered
            self._connection.close()
        self._used = now
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        self._connection.request(request.method, request.path, request.body or None, {**headers, "host": self._netloc})
        response = self._connection.getresponse()
        body = response.read()
        kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in _HOP}
        return Answer(response.status, kept, body)

    def close(self) -> None:
        self._connection.close()


def _read(lines: BinaryIO) -> Request | None:
    """The next request of a connection; None when it ended."""
    first = lines.readline(65536).split()
    if len(first) != 3:
        return None
    parsed = http.client.parse_headers(lines)
    headers = {name.lower(): value for name, value in parsed.items()}
    body = _chunks(lines) if "chunked" in headers.get("transfer-encoding", "") else lines.read(_length(headers))
    return Request(first[0].decode("latin-1"), first[1].decode("latin-1"), headers, body)


def _length(headers: Mapping[str, str]) -> int:
    return int(headers.get("content-length", "0"))


def _chunks(lines: BinaryIO) -> bytes:
    parts = []
    while size := int(lines.readline(1024).split(b";")[0] or b"0", 16):
        parts.append(lines.read(size))
        lines.readline(1024)
    lines.readline(1024)
    return b"".join(parts)
