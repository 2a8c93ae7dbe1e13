"""Salesforce's client over real sockets: tokens, addresses, pages, and answers nobody can use."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import ValidationError

from connector.adapters.salesforce import SalesforceSettings
from connector.adapters.salesforce.auth import Token, who
from connector.adapters.salesforce.client import SalesforceClient
from connector.errors import ConfigError, DeniedError, TransientError, UncertainError
from tests.unit.rest.scripted import Scripted, VirtualClock, scripted
from tests.unit.rest.scripted import answer as _answer

AUTH = {"flow": "client_credentials", "client_id": "key-1", "client_secret": "SECRET-1"}
IDENTITY = "https://login.salesforce.com/id/00D5g0000048ABcEAM/0055g0000000001"
DATE = (
    "Date: Mon, 12 Jan 1970 13:46:41 GMT\r\nSforce-Limit-Info: api-usage=18/15000; per-app-api-usage=1/9(appName=x)\r\n"
)


def token(number: int = 1, url: str = "http://127.0.0.1") -> dict[str, Any]:
    return {"access_token": f"00D!TOKEN-{number}", "instance_url": url, "id": IDENTITY, "token_type": "Bearer"}


def said(value: Any, status: int = 200, extra: str = "") -> bytes:
    return _answer(status, json.dumps(value).encode(), extra=f"Connection: close\r\n{extra}")


def refused(code: str, status: int = 400) -> bytes:
    return said([{"errorCode": code, "message": "no"}], status)


def settings(url: str | None = None, **more: Any) -> SalesforceSettings:
    where = {"url": url} if url else {}
    return SalesforceSettings.model_validate({**where, "auth": AUTH, "timeout": 1, **more})


def opened(server: Scripted, **more: Any) -> SalesforceClient:
    return SalesforceClient("crm", settings(server.url, **more), VirtualClock())


def bodies(server: Scripted) -> list[dict[str, list[str]]]:
    return [parse_qs(request.partition(b"\r\n\r\n")[2].decode()) for request in server.requests]


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"domain": "acme", "url": "https://x"},
        {"url": "http://acme.my.salesforce.com"},
        {"domain": "acme/../x"},
        {"domain": "acme", "api_version": "59.0"},
        {"domain": "acme", "auth": {**AUTH, "flow": "password"}},
        {"domain": "acme", "webhook_token": "short"},
        {"domain": "acme", "page": 2001},
    ],
)
def test_settings_that_cannot_work_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SalesforceSettings.model_validate({"auth": AUTH, **odd})


def test_the_domain_is_my_domain_and_the_version_the_current_one() -> None:
    made = settings(domain="acme--test.sandbox")
    assert made.address == "https://acme--test.sandbox.my.salesforce.com"
    assert made.api_version == "68.0"
    assert "SECRET-1" not in repr(made)


# ------------------------------------------------------------------------------------------------ tokens


def test_client_credentials_travel_as_basic_and_the_token_as_bearer() -> None:
    with scripted(said(token()), said({"done": True, "records": []}, extra=DATE)) as server:
        client = opened(server, app="sync-1")
        assert client.query("SELECT Id FROM Account", everything=False) == []
        client.close()
    first, second = server.requests
    assert first.startswith(b"POST /services/oauth2/token HTTP/1.1")
    assert b"Authorization: Basic " + base64.b64encode(b"key-1:SECRET-1") in first
    assert first.count(b"Content-Type") == 1
    assert bodies(server)[0] == {"grant_type": ["client_credentials"]}
    assert second.startswith(b"GET /services/data/v68.0/query?q=SELECT+Id+FROM+Account HTTP/1.1")
    assert b"Authorization: Bearer 00D!TOKEN-1" in second
    assert b"Sforce-Call-Options: client=sync-1" in second
    assert b"Duplicate-Rule" not in second
    assert (client.organization, client.principal) == ("00D5g0000048ABcEAM", "0055g0000000001AAA")
    assert client.calls_today == 18
    assert client.server_time().timestamp() == pytest.approx(1_000_001.0)


def test_a_refresh_token_is_a_form_of_its_own() -> None:
    auth = {"flow": "refresh_token", "client_id": "key-1", "client_secret": "SECRET-1", "refresh_token": "REFRESH-1"}
    with scripted(said(token())) as server:
        client = opened(server, auth=auth)
        client.open_session()
        client.close()
    wanted = {"grant_type": "refresh_token", "client_id": "key-1", "client_secret": "SECRET-1"}
    assert bodies(server)[0] == {name: [value] for name, value in {**wanted, "refresh_token": "REFRESH-1"}.items()}


def test_a_signed_claim_names_who_it_is_for_and_ends_in_minutes() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    auth = {"flow": "jwt", "client_id": "key-1", "username": "ann@acme.example", "key": pem}
    with scripted(said(token())) as server:
        client = opened(server, auth=auth)
        client.open_session()
        client.close()
    form = bodies(server)[0]
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    padded = [base64.urlsafe_b64decode(part + "==") for part in (head, claims, signature)]
    key.public_key().verify(padded[2], f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(padded[0])["alg"] == "RS256"
    wanted = {"iss": "key-1", "sub": "ann@acme.example", "aud": "https://login.salesforce.com", "exp": 1_000_180}
    assert json.loads(padded[1]) == wanted


def test_a_key_that_is_none_is_a_mistake_of_the_configuration() -> None:
    auth = {"flow": "jwt", "client_id": "key-1", "username": "ann", "key": "-----BEGIN NOTHING-----"}
    with scripted() as server:
        client = opened(server, auth=auth)
        with pytest.raises(ConfigError, match=r"auth\.key"):
            client.open_session()
        client.close()
    assert server.requests == []


def test_a_refused_token_is_renewed_once_and_the_call_repeated_once() -> None:
    gone = refused("INVALID_SESSION_ID", 401)
    with scripted(
        said(token()), gone, said(token(2)), said({"done": True, "records": []}), gone, said(token(3)), gone
    ) as server:
        client = opened(server)
        client.query("SELECT Id FROM Account", everything=False)
        with pytest.raises(DeniedError) as caught:
            client.query("SELECT Id FROM Account", everything=False)
        client.close()
    assert len(server.requests) == 7
    assert b"TOKEN-2" in server.requests[3]
    assert "TOKEN" not in str(caught.value)


def test_wrong_credentials_are_denied_and_not_shown() -> None:
    with scripted(said({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)) as server:
        client = opened(server)
        with pytest.raises(DeniedError, match="check `auth`") as caught:
            client.open_session()
        client.close()
    assert "SECRET-1" not in str(caught.value)


@respx.mock
def test_calls_go_to_the_address_the_newest_token_names() -> None:
    door = respx.post("https://acme.my.salesforce.com/services/oauth2/token")
    door.side_effect = [
        httpx.Response(200, json=token(1, "https://acme.my.salesforce.com")),
        httpx.Response(200, json=token(2, "https://moved.my.salesforce.com")),
    ]
    old = respx.get("https://acme.my.salesforce.com/services/data/v68.0/query").respond(401, json=[])
    new = respx.get("https://moved.my.salesforce.com/services/data/v68.0/query").respond(
        200, json={"done": True, "records": []}
    )
    client = SalesforceClient("crm", settings(domain="acme"), VirtualClock())
    assert client.query("SELECT Id FROM Account", everything=False) == []
    client.close()
    assert (old.call_count, new.call_count) == (1, 1)
    assert new.calls[0].request.headers["host"] == "moved.my.salesforce.com"


@respx.mock
def test_a_token_for_an_address_without_tls_is_not_used() -> None:
    respx.post("https://acme.my.salesforce.com/services/oauth2/token").respond(
        200, json=token(1, "http://acme.example")
    )
    client = SalesforceClient("crm", settings(domain="acme"), VirtualClock())
    with pytest.raises(DeniedError, match="without TLS"):
        client.query("SELECT Id FROM Account", everything=False)
    client.close()


@pytest.mark.parametrize(
    "odd", ["", "https://login.salesforce.com/id/", "https://x/id/001D000000IRFma/0055g0000000001", "x"]
)
def test_an_identity_that_names_no_user_names_nobody(odd: str) -> None:
    assert who(Token("t", "u", odd)) == (None, None)


# ------------------------------------------------------------------------------------------------ lists


def test_the_next_page_is_followed_on_the_same_host_whatever_it_calls_itself() -> None:
    following = {"done": False, "records": [{"Id": "1"}], "nextRecordsUrl": "/services/data/v68.0/query/01g-2000"}
    with scripted(said(token()), said(following), said({"done": True, "records": [{"Id": "2"}]})) as server:
        client = opened(server)
        assert [row["Id"] for row in client.query("SELECT Id FROM Account", everything=True)] == ["1", "2"]
        client.close()
    assert server.requests[1].startswith(b"GET /services/data/v68.0/queryAll?q=")
    assert server.requests[2].startswith(b"GET /services/data/v68.0/query/01g-2000 ")


@pytest.mark.parametrize("odd", [None, "https://elsewhere.example/services/data/v68.0/query/1", "//elsewhere", "/x"])
def test_a_next_page_elsewhere_is_not_followed(odd: str | None) -> None:
    with scripted(said(token()), said({"done": False, "records": [], "nextRecordsUrl": odd})) as server:
        client = opened(server)
        with pytest.raises(DeniedError):
            client.query("SELECT Id FROM Account", everything=False)
        client.close()
    assert len(server.requests) == 2


def test_several_queries_are_one_call_and_the_error_of_one_is_the_error() -> None:
    rows = [
        {"body": {"done": True, "records": [{"Id": str(n)}]}, "httpStatusCode": 200, "referenceId": f"q{n}"}
        for n in (1, 0)
    ]
    bad = {"body": [{"errorCode": "QUERY_TIMEOUT", "message": "x"}], "httpStatusCode": 400, "referenceId": "q1"}
    with scripted(
        said(token()), said({"compositeResponse": rows}), said({"compositeResponse": [rows[1], bad]})
    ) as server:
        client = opened(server)
        asked = [("SELECT Id FROM Account", True), ("SELECT Id FROM Contact", False)]
        assert [[row["Id"] for row in some] for some in client.queries(asked)] == [["0"], ["1"]]
        with pytest.raises(TransientError):
            client.queries(asked)
        client.close()
    sent = json.loads(server.requests[1].partition(b"\r\n\r\n")[2])
    assert [one["url"].partition("?")[0] for one in sent["compositeRequest"]] == [
        "/services/data/v68.0/queryAll",
        "/services/data/v68.0/query",
    ]


# ------------------------------------------------------------------------------------------------ writes


@pytest.mark.parametrize(
    "odd", [said([]), said([{"success": True, "errors": [], "id": "1"}] * 2), said({}), said(None), said([None])]
)
def test_an_answer_that_does_not_fit_the_writes_leaves_a_doubt(odd: bytes) -> None:
    with scripted(said(token()), odd) as server:
        client = opened(server)
        with pytest.raises(UncertainError):
            client.create([{"Name": "x"}])
        client.close()


def test_graphs_are_told_apart_by_name_and_followers_from_the_cause() -> None:
    made = {"body": {"id": "001", "success": True, "errors": []}, "httpStatusCode": 201, "referenceId": "root"}
    halted = {
        "body": [{"errorCode": "PROCESSING_HALTED", "message": "x"}],
        "httpStatusCode": 400,
        "referenceId": "root",
    }
    cause = {"body": [{"errorCode": "STRING_TOO_LONG", "message": "x"}], "httpStatusCode": 400, "referenceId": "line0"}
    graphs = [
        {"graphId": "g1", "graphResponse": {"compositeResponse": [halted, cause]}, "isSuccessful": False},
        {"graphId": "g0", "graphResponse": {"compositeResponse": [made]}, "isSuccessful": True},
    ]
    with scripted(said(token()), said({"graphs": graphs}), said({"graphs": graphs[:1]})) as server:
        client = opened(server)
        node = client.node("POST", "Account", None, {"Name": "x"}, "root")
        fine, bad = client.graphs([[node], [node]])
        assert fine.ids == {"root": "001"}
        assert (bad.ref, bad.problems[0].code) == ("line0", "STRING_TOO_LONG")
        with pytest.raises(UncertainError):
            client.graphs([[node], [node]])
        client.close()
