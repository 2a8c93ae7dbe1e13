"""The client over real sockets: what happens on the wire is what the error says."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.errors import ConfigError, ConnectorError, DeniedError, TransientError, UncertainError
from connector.rest import client as client_module
from connector.rest.auth import Bearer
from connector.rest.client import Options, RestClient, segment

from .scripted import VirtualClock, answer, free_port, scripted

FAST = Options(timeout=0.3)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half(connection: socket.socket) -> None:
    connection.sendall(answer(200, b'{"items": []}')[:-6])


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    try:
        for _ in range(60):
            connection.sendall(b" ")
            connection.settimeout(0.05)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue
    except OSError:
        return


def garbage(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")


LOST: list[bytes | Callable[[socket.socket], None]] = [b"", reset, half, silent, trickle, garbage]


def opened(url: str, **options: Any) -> RestClient:
    return RestClient(
        "erp", url, VirtualClock(), auth=Bearer("SECRET-1"), options=Options(**{"timeout": 0.3, **options})
    )


def test_an_answer_that_trickles_is_given_up_at_the_deadline() -> None:
    with scripted(trickle) as server:
        client = opened(server.url, timeout=0.1)
        with pytest.raises(UncertainError, match=r"not all of it within 0\.4 s"):
            client.send("POST", "/x", dict, b"{}", write=True)
        client.close()


@pytest.mark.parametrize("step", LOST, ids=["closed", "reset", "half", "silent", "trickle", "garbage"])
@pytest.mark.parametrize(("write", "error"), [(True, UncertainError), (False, TransientError)], ids=["write", "read"])
def test_an_answer_lost_after_sending_leaves_a_doubt_only_on_a_write(
    step: bytes | Callable[[socket.socket], None], write: bool, error: type[ConnectorError]
) -> None:
    with scripted(step) as server:
        client = opened(server.url, timeout=0.2)
        with pytest.raises(ConnectorError) as caught:
            client.send("POST", "/x", dict, b'{"name": "VALUE-1"}', write=write)
        client.close()
    assert type(caught.value) is error
    assert len(server.requests) == 1, "the client itself never sends twice"
    assert "VALUE-1" not in str(caught.value)
    assert "SECRET-1" not in str(caught.value)


def test_a_refused_connection_names_the_system_the_cause_and_the_next_step() -> None:
    port = free_port()
    client = opened(f"http://127.0.0.1:{port}")
    with pytest.raises(TransientError) as caught:
        client.send("POST", "/x", dict, b"{}", write=True)
    client.close()
    assert str(caught.value) == (
        f"erp at http://127.0.0.1:{port} cannot be reached (connection refused): "
        "is it running, and is the address right?"
    )


def test_an_unknown_host_is_transient_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = opened("http://no-such-host.invalid")
    with pytest.raises(TransientError) as caught:
        client.send("POST", "/x", dict, b"{}", write=True)
    client.close()
    assert str(caught.value).startswith(
        "erp at http://no-such-host.invalid cannot be reached (name or service not known): "
    )


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody but its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "erp")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return chain, secret


def test_an_untrusted_certificate_stops_before_anything_is_sent_and_its_ca_file_lets_it_pass(tmp_path: Path) -> None:
    chain, secret = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    with scripted(answer(200), tls=context) as server:
        stranger = opened(server.url)
        with pytest.raises(DeniedError, match="shows a certificate that is not trusted"):
            stranger.send("POST", "/x", dict, b"{}", write=True)
        stranger.close()
        assert server.requests == []
        friend = opened(server.url, verify=str(chain))
        assert friend.get("/x", dict) == {}
        friend.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"<html>", "application/json"),
        (b"", "application/json"),
        (b"[1, 2]", "application/json"),
        (b'{"items": "VALUE-1"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"items": [', "application/json"),
        (b'{"a":' * 5000, "application/json"),
    ],
)
@pytest.mark.parametrize(("write", "error"), [(True, UncertainError), (False, DeniedError)], ids=["write", "read"])
def test_an_unreadable_success_stops_a_read_and_leaves_a_write_in_doubt(
    body: bytes, kind: str, write: bool, error: type[ConnectorError]
) -> None:
    with scripted(answer(200, body, kind)) as server:
        client = opened(server.url)
        with pytest.raises(ConnectorError) as caught:
            client.send("POST", "/x", dict[str, list[int]], b"{}", write=write)
        client.close()
    assert type(caught.value) is error
    assert "VALUE-1" not in str(caught.value)


def test_html_on_a_read_asks_for_the_address() -> None:
    with scripted(answer(200, b"<html>", "text/html")) as server:
        client = opened(server.url)
        with pytest.raises(DeniedError) as caught:
            client.get("/x", dict)
        client.close()
    assert str(caught.value) == f"erp at {server.url} answered HTML instead of JSON: is the address right?"


def test_bad_compression_is_an_unreadable_answer() -> None:
    with scripted(answer(200, b"not gzip", extra="Content-Encoding: gzip\r\n")) as server:
        client = opened(server.url)
        with pytest.raises(UncertainError):
            client.send("POST", "/x", dict, b"{}", write=True)
        client.close()


def test_compressed_answers_are_read() -> None:
    with scripted(answer(200, gzip.compress(b'{"a": 1}'), extra="Content-Encoding: gzip\r\n")) as server:
        client = opened(server.url)
        assert client.get("/x", dict) == {"a": 1}
        client.close()


def test_a_token_repeated_by_the_system_is_blotted_out() -> None:
    body = b'{"error": {"code": "token", "message": "unknown token SECRET-1"}}'
    with scripted(answer(401, body)) as server:
        client = opened(server.url)
        with pytest.raises(DeniedError) as caught:
            client.get("/x", dict)
        client.close()
    assert "unknown token ***" in str(caught.value)


def test_a_redirect_is_not_followed_and_the_token_stays_here() -> None:
    with scripted() as elsewhere, scripted(answer(302, extra=f"Location: {elsewhere.url}/y\r\n")) as server:
        client = opened(server.url)
        with pytest.raises(DeniedError, match="points elsewhere"):
            client.get("/x", dict)
        client.close()
    assert elsewhere.requests == []


def test_one_connection_serves_many_calls_and_bytes_travel_unchanged() -> None:
    body = b'{"name": "M\\u00fcller",  "amount": "1.50"}'
    seen: list[int] = []
    with scripted(*[answer(200, b'{"n": 1.10}')] * 3) as server:
        client = opened(server.url + "/base/")
        for _ in range(3):
            assert client.send("PATCH", "/x", dict, body, write=True) == {"n": Decimal("1.10")}
        client.close()
        seen.extend(request.endswith(b"\r\n\r\n" + body) for request in server.requests)
    assert seen == [True, True, True]
    head = server.requests[0].split(b"\r\n")
    assert head[0] == b"PATCH /base/x HTTP/1.1"
    assert b"Authorization: Bearer SECRET-1" in head


def test_fractions_are_never_floats() -> None:
    with scripted(answer(200, b'{"a": 0.1, "b": [1e2]}')) as server:
        client = opened(server.url)
        found = client.get("/x", dict[str, Any])
        client.close()
    assert found == {"a": Decimal("0.1"), "b": [Decimal("1e2")]}
    assert not isinstance(found["a"], float)


def test_query_values_are_escaped() -> None:
    with scripted(answer(200)) as server:
        client = opened(server.url)
        client.get(f"/a/{segment('x/../y?z')}", dict, [("name", "Müller & Co"), ("name", "a=b")])
        client.close()
    assert server.requests[0].split(b" ")[1] == b"/a/x%2F..%2Fy%3Fz?name=M%C3%BCller+%26+Co&name=a%3Db"


@pytest.mark.parametrize("value", ["..", "."])
def test_a_key_of_dots_stays_one_segment(value: str) -> None:
    assert "." not in segment(value)


def test_an_answer_beyond_the_greatest_size_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_BODY", 1000)
    with scripted(answer(200, b" " * 2000)) as server:
        client = opened(server.url)
        with pytest.raises(TransientError, match="more than 1000 bytes came"):
            client.get("/x", dict)
        client.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com",
        "ftp://x",
        "http://",
        "http://u:SECRET-1@x",
        "http://x?a=SECRET-1",
        "http://x:99999",
        "http://x:0",
        "http://a..b",
        "http://xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.com",
    ],
)
def test_an_unusable_address_is_a_configuration_error_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(url)
    assert str(caught.value).startswith("erp: `url` ")
    assert "SECRET-1" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ü", "a\r\nX-Admin: 1"])
def test_a_token_that_no_header_can_carry_is_refused_unseen(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Bearer(token)
    assert not token or token not in str(caught.value)


def test_a_missing_ca_file_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match=r"no-such\.pem"):
        opened("https://127.0.0.1", verify="/no-such.pem")


def test_an_odd_proxy_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="proxy"):
        opened("https://127.0.0.1", proxy="nonsense")


class Renewing:
    """Credentials that are renewed once."""

    def __init__(self, good: bool) -> None:
        self.token = b"old"
        self.good = good
        self.renewed = 0

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        return ((b"Authorization", b"Bearer " + self.token),)

    def renew(self, refused: Sequence[tuple[bytes, bytes]]) -> bool:
        assert refused == ((b"Authorization", b"Bearer old"),)
        self.renewed += 1
        self.token = b"new"
        return self.good


@pytest.mark.parametrize("good", [True, False])
def test_a_refused_token_is_renewed_and_the_call_repeated_once(good: bool) -> None:
    auth = Renewing(good)
    with scripted(answer(401), answer(200), answer(200)) as server:
        client = RestClient("crm", server.url, VirtualClock(), auth=auth, options=FAST)
        if good:
            assert client.send("POST", "/x", dict, b"{}", write=True) == {}
        else:
            with pytest.raises(DeniedError):
                client.send("POST", "/x", dict, b"{}", write=True)
        client.close()
    assert len(server.requests) == (2 if good else 1)
    assert auth.renewed == 1


@pytest.mark.parametrize("status", [403, 500])
def test_credentials_are_renewed_for_a_401_alone(status: int) -> None:
    auth = Renewing(True)
    with scripted(answer(status), answer(200)) as server:
        client = RestClient("crm", server.url, VirtualClock(), auth=auth, options=FAST)
        with pytest.raises(ConnectorError):
            client.get("/x", dict)
        client.close()
    assert (len(server.requests), auth.renewed) == (1, 0)


def test_a_second_refusal_is_final() -> None:
    auth = Renewing(True)
    with scripted(answer(401), answer(401), answer(200)) as server:
        client = RestClient("crm", server.url, VirtualClock(), auth=auth, options=FAST)
        with pytest.raises(DeniedError):
            client.get("/x", dict)
        client.close()
    assert len(server.requests) == 2
