"""OAuth, sessions, hosts and versions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from salesforce_org import START, ManualClock, OrgClient, check_shape

from connector.emulators.salesforce import Settings, create_app

TOKEN = "/services/oauth2/token"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NOW = int(START.timestamp())


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def test_client_credentials_give_a_token_that_works(org: OrgClient) -> None:
    answer = org.form(
        TOKEN, {"grant_type": "client_credentials"}, authorization=basic("consumer-key", "consumer-secret")
    )
    assert answer.status == 200
    check_shape("TokenResponse", answer.json)
    assert answer.json["instance_url"] == "http://acme.example:80"
    assert "expires_in" not in answer.json
    org.token = answer.json["access_token"]
    assert org.get("limits").status == 200


@pytest.mark.parametrize(
    ("form", "authorization", "error"),
    [
        ({"grant_type": "client_credentials"}, basic("consumer-key", "wrong"), "invalid_client"),
        ({"grant_type": "client_credentials"}, basic("wrong", "consumer-secret"), "invalid_client_id"),
        ({"grant_type": "client_credentials"}, "Basic ???", "invalid_client"),
        ({"grant_type": "client_credentials"}, "", "invalid_client"),
        ({"grant_type": "password"}, "", "unsupported_grant_type"),
        ({}, "", "unsupported_grant_type"),
        ({"grant_type": JWT, "assertion": "a.b.c"}, "", "invalid_client"),
    ],
)
def test_a_token_request_that_is_wrong_is_refused(
    org: OrgClient, form: dict[str, str], authorization: str, error: str
) -> None:
    answer = org.form(TOKEN, form, authorization=authorization)
    assert answer.status == 400
    check_shape("TokenError", answer.json)
    assert answer.json["error"] == error


def test_a_token_request_has_to_be_a_form(org: OrgClient) -> None:
    assert org.call("POST", TOKEN, {"grant_type": "client_credentials"}).json["error"] == "invalid_request"


def test_client_credentials_are_refused_at_another_host(org: OrgClient) -> None:
    org.host = "login.example"
    answer = org.form(
        TOKEN, {"grant_type": "client_credentials"}, authorization=basic("consumer-key", "consumer-secret")
    )
    assert answer.json["error"] == "invalid_grant"


def refresh(org: OrgClient, **changes: str) -> Any:
    form = {"grant_type": "refresh_token", "client_id": "consumer-key", "client_secret": "consumer-secret"}
    return org.form(TOKEN, {**form, "refresh_token": "refresh-token", **changes})


def test_a_refresh_token_gives_a_token_until_it_is_revoked(org: OrgClient) -> None:
    assert refresh(org).status == 200
    assert refresh(org, refresh_token="other").json["error"] == "invalid_grant"
    assert refresh(org, client_secret="other").json["error"] == "invalid_client"
    assert org.form("/services/oauth2/revoke", {"token": "refresh-token"}).status == 200
    assert refresh(org).json["error"] == "invalid_grant"


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def assertion(header: dict[str, Any] | None = None, key: rsa.RSAPrivateKey = KEY, **changes: Any) -> str:
    claims = {"iss": "consumer-key", "sub": "integration@acme.example", "aud": "https://test.salesforce.com"}
    signed = f"{part(header or {'alg': 'RS256'})}.{part({**claims, 'exp': NOW + 120, **changes})}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.fixture
def certified() -> Iterator[OrgClient]:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, kind)
    clock = ManualClock()
    app = create_app(Settings(public_key=public.decode(), clock=clock))
    yield OrgClient(app, clock)
    app.close()


def test_a_signed_assertion_gives_a_token_at_any_host(certified: OrgClient) -> None:
    certified.host = "login.example"
    answer = certified.form(TOKEN, {"grant_type": JWT, "assertion": assertion()})
    assert answer.status == 200
    certified.host, certified.token = "acme.example", answer.json["access_token"]
    assert certified.get("limits").status == 200


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda: assertion(iss="other"), "invalid_client_id"),
        (lambda: assertion(sub="other@acme.example"), "invalid_grant"),
        (lambda: assertion(aud="https://elsewhere.example"), "invalid_grant"),
        (lambda: assertion(exp=NOW - 1), "invalid_grant"),
        (lambda: assertion(exp=NOW + 3600), "invalid_grant"),
        (lambda: assertion(exp=None), "invalid_grant"),
        (lambda: assertion({"alg": "none"}), "invalid_grant"),
        (lambda: assertion(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)), "invalid_grant"),
        (lambda: assertion()[:-8] + "AAAAAAAA", "invalid_grant"),
        (lambda: "nonsense", "invalid_grant"),
    ],
)
def test_an_assertion_that_is_wrong_is_refused(certified: OrgClient, made: Callable[[], str], error: str) -> None:
    answer = certified.form(TOKEN, {"grant_type": JWT, "assertion": made()})
    assert (answer.status, answer.json["error"]) == (400, error)


def test_a_call_without_a_session_is_refused(org: OrgClient) -> None:
    org.token = None
    answer = org.get("limits")
    assert (answer.status, answer.code) == (401, "INVALID_SESSION_ID")
    org.token = "00D!nonsense"
    assert org.get("limits").status == 401


def test_another_kind_of_authorization_is_refused(org: OrgClient) -> None:
    org.token, org.extra = None, {"authorization": "Basic YTpi"}
    answer = org.get("limits")
    assert (answer.status, answer.code) == (403, "INVALID_AUTH_HEADER")


def test_a_session_ends_after_so_many_calls(org: OrgClient) -> None:
    org.switch(session_calls=2)
    assert [org.get("limits").status for _ in range(4)] == [200, 200, 401, 401]


def test_a_session_ends_after_so_many_seconds(org: OrgClient) -> None:
    org.switch(session_seconds=60)
    org.clock.advance(seconds=59)
    assert org.get("limits").status == 200
    org.clock.advance(seconds=1)
    assert org.get("limits").status == 401


def test_every_session_ends_on_command(org: OrgClient) -> None:
    org.control("POST", "sessions/expire")
    assert org.get("limits").code == "INVALID_SESSION_ID"


def test_a_revoked_token_is_no_session(org: OrgClient) -> None:
    assert org.form("/services/oauth2/revoke", {"token": org.token or ""}).status == 200
    assert org.get("limits").status == 401
    assert org.form("/services/oauth2/revoke", {"token": "other"}).json["error"] == "invalid_token"


def test_only_the_host_of_the_instance_is_served(org: OrgClient) -> None:
    org.switch(instance_url="http://moved.example")
    answer = org.get("limits")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    org.host = "moved.example"
    assert org.get("limits").status == 200


def test_the_identity_names_user_and_org(org: OrgClient) -> None:
    shown = org.call("GET", "/services/oauth2/userinfo").json
    assert org.call("GET", f"/id/{shown['organization_id']}/{shown['user_id']}").json["user_id"] == shown["user_id"]
    assert org.rows("SELECT Id FROM User WHERE Username = 'integration@acme.example'")[0]["Id"] == shown["user_id"]
    assert org.rows("SELECT IsSandbox FROM Organization")[0]["IsSandbox"] is True


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [("v30.0", 410, "GONE"), ("v69.0", 404, "NOT_FOUND"), ("68.0", 404, "NOT_FOUND"), ("v31.0", 200, "")],
)
def test_a_version_that_is_retired_is_gone(org: OrgClient, version: str, status: int, code: str) -> None:
    org.base = f"/services/data/{version}"
    answer = org.get("limits")
    assert answer.status == status
    assert status == 200 or answer.code == code


def test_the_versions_are_told_without_a_session(org: OrgClient) -> None:
    org.token = None
    assert org.call("GET", "/services/data").json[-1]["version"] == "68.0"


def test_the_server_tells_its_own_time(org: OrgClient) -> None:
    assert org.get("limits").headers["date"] == "Sun, 01 Nov 2026 09:00:30 GMT"
