"""The proxy of the contract suite passes everything through, and makes the trouble it is told to make."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any, cast

import pytest

from connector.testing.contract import FaultProxy, Request, Trouble
from connector.testing.contract.trouble import UNREADABLE, WAIT


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, and remembers it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        cast(Any, self.server).seen.append(body)
        answer = f"{self.path} {self.headers['x-mine']} ".encode() + body
        self.send_response(201)
        self.send_header("X-Yours", "told")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def proxy(server: Any) -> Iterator[FaultProxy]:
    proxy = FaultProxy(f"http://127.0.0.1:{server.server_address[1]}", seconds=0.4)
    yield proxy
    proxy.close()


def post(proxy: FaultProxy, body: bytes = b"hello", timeout: float = 5.0) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request("POST", "/a/b?c=%20d", body, {"X-Mine": "yes", "Authorization": "Bearer SECRET"})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_without_trouble_requests_and_answers_pass_unchanged(proxy: FaultProxy, server: Any) -> None:
    body = bytes(range(256)) * 100
    response, answer = post(proxy, body)
    assert (response.status, response.headers["x-yours"]) == (201, "told")
    assert answer == b"/a/b?c=%20d yes " + body
    assert server.seen == [body]
    (request,) = proxy.requests
    assert (request.method, request.path, request.headers["x-mine"]) == ("POST", "/a/b?c=%20d", "yes")


def test_a_body_in_chunks_arrives_whole(proxy: FaultProxy, server: Any) -> None:
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=5)
    connection.request("POST", "/", iter([b"one ", b"two"]), encode_chunked=True)
    assert connection.getresponse().read().endswith(b"one two")
    connection.close()
    assert server.seen == [b"one two"]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (Trouble.BAD_REQUEST, 400),
        (Trouble.UNAUTHORIZED, 401),
        (Trouble.FORBIDDEN, 403),
        (Trouble.NOT_FOUND, 404),
        (Trouble.TIMEOUT, 408),
        (Trouble.CONFLICT, 409),
        (Trouble.MOVED, 412),
        (Trouble.INVALID, 422),
        (Trouble.BUSY, 429),
        (Trouble.BUSY_UNTIL, 429),
        (Trouble.FAILED, 500),
        (Trouble.BAD_GATEWAY, 502),
        (Trouble.UNAVAILABLE, 503),
        (Trouble.GATEWAY_TIMEOUT, 504),
        (Trouble.FAILED_SAID, 500),
        (Trouble.UNAVAILABLE_SAID, 503),
        (Trouble.REDIRECT, 307),
    ],
)
def test_a_refusal_does_nothing(proxy: FaultProxy, server: Any, trouble: Trouble, status: int) -> None:
    with proxy.trouble(trouble):
        response, _ = post(proxy)
    assert response.status == status
    assert server.seen == []
    assert proxy.strikes == 1
    assert post(proxy)[0].status == 201, "the trouble is over"


def test_the_wait_is_told_in_seconds_or_as_a_date(proxy: FaultProxy) -> None:
    with proxy.trouble(Trouble.BUSY):
        assert float(post(proxy)[0].headers["retry-after"]) == WAIT
    with proxy.trouble(Trouble.BUSY_UNTIL):
        at = parsedate_to_datetime(post(proxy)[0].headers["retry-after"]).timestamp()
    assert WAIT - 1 <= at - time() <= WAIT + 1


def test_an_error_in_the_systems_words_repeats_the_credentials(proxy: FaultProxy) -> None:
    with proxy.trouble(Trouble.UNAUTHORIZED):
        assert b"Bearer SECRET" in post(proxy)[1]


@pytest.mark.parametrize("trouble", [trouble for trouble in UNREADABLE if trouble is not Trouble.SHORT])
def test_an_unreadable_answer_comes_after_the_request_was_carried_out(
    proxy: FaultProxy, server: Any, trouble: Trouble
) -> None:
    with proxy.trouble(trouble):
        response, answer = post(proxy)
    assert response.status == 200
    assert server.seen == [b"hello"]
    assert not answer.startswith(b"/a/b")


def test_a_short_answer_ends_before_its_length(proxy: FaultProxy, server: Any) -> None:
    with proxy.trouble(Trouble.SHORT), pytest.raises(http.client.IncompleteRead):
        post(proxy)
    assert server.seen == [b"hello"]


@pytest.mark.parametrize(("trouble", "seen"), [(Trouble.CLOSED, []), (Trouble.LOST, [b"hello"])])
def test_a_closed_connection_leaves_open_what_happened(
    proxy: FaultProxy, server: Any, trouble: Trouble, seen: list[bytes]
) -> None:
    with proxy.trouble(trouble), pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(proxy)
    assert server.seen == seen


def test_a_slow_answer_comes_too_late(proxy: FaultProxy, server: Any) -> None:
    with proxy.trouble(Trouble.SLOW), pytest.raises(TimeoutError):
        post(proxy, timeout=0.1)
    assert server.seen == [b"hello"]


def test_where_nothing_listens_a_connection_is_refused_and_the_address_comes_back(proxy: FaultProxy) -> None:
    with proxy.trouble(Trouble.REFUSED), pytest.raises(ConnectionRefusedError):
        post(proxy)
    assert post(proxy)[0].status == 201


def test_trouble_may_be_kept_for_some_requests(proxy: FaultProxy) -> None:
    def is_big(request: Request) -> bool:
        return len(request.body) > 5

    with proxy.trouble(Trouble.FAILED, is_big):
        assert post(proxy, b"small")[0].status == 201
        assert post(proxy, b"bigger")[0].status == 500


def test_who_follows_a_redirect_is_seen_elsewhere(proxy: FaultProxy) -> None:
    with proxy.trouble(Trouble.REDIRECT):
        where = post(proxy)[0].headers["location"]
    connection = http.client.HTTPConnection(where.split("/")[2], timeout=5)
    connection.request("GET", "/")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()
    assert proxy.elsewhere[0].startswith(b"GET /")
