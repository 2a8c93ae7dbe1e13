"""Tryton's client over real sockets: each row of the error table, the session, and what an answer leaves out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.tryton import ADAPTERS, TrytonSettings
from connector.adapters.tryton.client import REFUSED, TrytonClient
from connector.adapters.tryton.failures import number_taken, read_error, rpc_error
from connector.adapters.tryton.wire import packed, plain, worded
from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.rest.failures import Place, Said
from tests.unit.rest.scripted import Scripted, VirtualClock, scripted
from tests.unit.rest.scripted import answer as _answer

PLACE = Place("erp", "http://127.0.0.1")
UNIQUE = "The code on party must be unique."


def answer(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """The scripted server serves one connection at a time, and the client keeps one for each way in."""
    return _answer(status, body, content_type, "Connection: close\r\n")


LOGIN = answer(200, json.dumps({"id": 1, "result": [7, "SESSION-1", None]}).encode())
LOGIN_AGAIN = answer(200, json.dumps({"id": 1, "result": [7, "SESSION-2", None]}).encode())


def settings(url: str) -> TrytonSettings:
    auth = {"key": "KEY-1", "login": "admin", "password": "PASSWORD-1"}
    return TrytonSettings.model_validate({"url": f"{url}/demo", "auth": auth, "company": 3, "timeout": 1})


def opened(server: Scripted) -> TrytonClient:
    return TrytonClient("erp", settings(server.url), VirtualClock())


def said(**result: Any) -> bytes:
    return answer(200, json.dumps({"id": 1, **result}).encode())


def refused(message: str) -> bytes:
    return answer(400, json.dumps({"status": 400, "message": message, "description": ""}).encode())


def raised(*script: bytes) -> ConnectorError:
    """The error of one write over JSON-RPC."""
    with scripted(LOGIN, *script) as server:
        client = opened(server)
        try:
            with pytest.raises(ConnectorError) as error:
                client.write("party.party", [(2, {"name": "x"})])
        finally:
            client.close()
    return error.value


RPC = [
    (["UserError", ["no", "", None]], RejectedError, RejectedError),
    (["UserWarning", ["name", "sure?", ""]], RejectedError, RejectedError),
    (["ConcurrencyException", "Records were modified in the meanwhile"], StaleError, StaleError),
    (["LoginException", ["", ""]], DeniedError, DeniedError),
    (["RateLimitException"], TransientError, TransientError),
    (["'nofield'", "Traceback ..."], UncertainError, TransientError),
    ([], UncertainError, TransientError),
    ("odd", UncertainError, TransientError),
]


@pytest.mark.parametrize(("error", "on_write", "on_read"), RPC, ids=[str(row[0])[:24] for row in RPC])
def test_what_json_rpc_says_with_status_200_becomes_the_error_that_fits(
    error: Any, on_write: type[ConnectorError], on_read: type[ConnectorError]
) -> None:
    assert type(rpc_error(PLACE, error, write=True)) is on_write
    assert type(rpc_error(PLACE, error, write=False)) is on_read
    assert type(raised(said(error=error))) is on_write


STATUSES = [
    (refused("A value is required."), RejectedError),
    (answer(401, b"", "text/html"), DeniedError),
    (answer(403, b"<!doctype html>", "text/html"), DeniedError),
    (answer(404, b"{}"), NotFoundError),
    (answer(500, b"<!doctype html>", "text/html"), UncertainError),
    (answer(503, b"<!doctype html>", "text/html"), UncertainError),
    (answer(200, b"<!doctype html>", "text/html"), UncertainError),
    (answer(200, b'{"id": 1}'), UncertainError),
    (answer(200, b'{"result": null}'), UncertainError),
]


@pytest.mark.parametrize(("step", "wanted"), STATUSES, ids=range(len(STATUSES)))
def test_every_status_of_a_write_becomes_the_error_that_fits(step: bytes, wanted: type[ConnectorError]) -> None:
    again = [LOGIN_AGAIN, step] if step.startswith(b"HTTP/1.1 401") else []
    error = raised(step, *again)
    assert type(error) is wanted
    assert not any(secret in str(error) for secret in ("PASSWORD-1", "SESSION", "KEY-1"))


def test_only_the_refusal_of_a_number_tryton_drew_itself_is_transient() -> None:
    assert isinstance(number_taken(RejectedError(f"erp refuses it: {UNIQUE}.")), TransientError)
    other = RejectedError("erp refuses it: Code of active product must be unique.")
    assert number_taken(other) is other
    lost = UncertainError(UNIQUE)
    assert number_taken(lost) is lost


def test_a_rest_error_is_read_and_anything_else_is_not() -> None:
    assert read_error(b'{"status": 400, "message": "No.", "description": "Because"}') == Said("400", "No. Because")
    for body in (b"<!doctype html>", b"{}", b"[]", b""):
        assert read_error(body) is None


WENT = 'You are trying to read records "215" of "Product Template" that don\'t exist.'


def listed(*script: bytes) -> list[dict[str, Any]]:
    with scripted(*script) as server:
        client = opened(server)
        try:
            return client.rows("product.product", ["code"], [], [("id", "ASC")], 5)
        finally:
            client.close()


def test_a_list_that_is_refused_for_a_record_which_went_meanwhile_is_asked_for_again() -> None:
    there = answer(200, b'[{"id": 4, "code": "B-1"}]')
    assert listed(refused(WENT), refused(WENT), there) == [{"id": 4, "code": "B-1"}]
    with pytest.raises(TransientError, match="It went while it was read"):
        listed(*[refused(WENT)] * 4)
    with pytest.raises(RejectedError):
        listed(refused("Something else."), there)


def test_a_session_that_ran_out_is_opened_again_and_the_write_sent_once_more() -> None:
    with scripted(LOGIN, answer(401, b"", "text/html"), LOGIN_AGAIN, said(result=None)) as server:
        client = opened(server)
        client.write("party.party", [(2, {"name": "x"})], {"party.party,2": "1.5"})
        client.close()
    told = base64.b64encode(b"admin:7:SESSION-2")
    assert b"Authorization: Session " + told in server.requests[-1]
    method, params = (json.loads(server.requests[-1].partition(b"\r\n\r\n")[2])[name] for name in ("method", "params"))
    assert method == "model.party.party.write"
    assert params == [[2], {"name": "x"}, {"company": 3, "language": "en", "_timestamp": {"party.party,2": "1.5"}}]


def test_a_login_that_gives_no_session_is_refused() -> None:
    with scripted(said(result=None)) as server:
        client = opened(server)
        with pytest.raises(DeniedError, match="check `auth`"):
            client.open_session()
        client.close()


def test_a_session_of_another_user_than_the_keys_writes_nothing() -> None:
    told = answer(200, b'{"applications": [4], "companies": [3]}')
    with scripted(told, answer(200, b'[{"id": 4, "user": 8}]'), LOGIN) as server:
        client = opened(server)
        assert client.user() == (8, [3])
        with pytest.raises(ConfigError, match="of two users"):
            client.write("party.party", [(2, {"name": "x"})])
        client.close()
        assert len(server.requests) == 3, "nothing was sent in that session"


@pytest.mark.parametrize("result", [None, [1], [1, "2"], {"ids": [1, 2]}, [True, False]])
def test_creates_without_an_id_each_are_in_doubt(result: Any) -> None:
    with scripted(LOGIN, said(result=result)) as server:
        client = opened(server)
        with pytest.raises(UncertainError):
            client.create("party.party", [{}, {}])
        client.close()


def test_every_read_carries_the_company_and_asks_for_inactive_records_too() -> None:
    with scripted(answer(200, b'[{"id": 1, "name": "x"}]')) as server:
        client = opened(server)
        assert client.rows("party.party", ["name"], [["id", ">", 0]], [("id", "ASC")], 5) == [{"id": 1, "name": "x"}]
        client.close()
    head = server.requests[0].decode()
    (context,) = (line.partition(": ")[2] for line in head.splitlines() if line.startswith("X-Tryton-Context"))
    assert json.loads(base64.urlsafe_b64decode(context)) == {"company": 3, "language": "en", "active_test": False}
    assert "Authorization: Bearer KEY-1" in head
    assert f"d={packed([['id', '>', 0]])}".replace("=", "%3D")[4:] in head
    assert "&s=5 " in head


@pytest.mark.parametrize("row", [{"id": 1}, {"id": 1, "lines": [{"id": 2}]}, {"id": 1, "lines": 7}])
def test_a_field_that_tryton_left_out_is_a_missing_right_and_no_empty_value(row: dict[str, Any]) -> None:
    with scripted(answer(200, json.dumps([row]).encode())) as server:
        client = opened(server)
        with pytest.raises(DeniedError, match=r"shows no `lines\.amount`: give this user the right"):
            client.rows("x", ["lines.amount"], [], [], 1)
        client.close()


def test_values_travel_as_tryton_writes_them_and_come_back_equal() -> None:
    values = {
        "price": Decimal("12.5000"),
        "at": datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
        "day": date(2026, 2, 3),
        "rows": [{"n": 1, "none": None, "yes": True}],
    }
    assert plain(json.loads(json.dumps(worded(values)))) == values
    assert str(plain(worded(values))["price"]) == "12.5000"
    for odd in ({"__class__": "Decimal"}, {"__class__": "Decimal", "decimal": "x"}, {"__class__": "date", "year": 1}):
        with pytest.raises(ValueError):
            plain(odd)


def test_there_is_no_connection_without_a_company() -> None:
    assert ADAPTERS["tryton"].settings is TrytonSettings
    auth = {"key": "k", "login": "l", "password": "p"}
    for company in ({}, {"company": 0}, {"company": None}):
        with pytest.raises(ValueError, match="company"):
            TrytonSettings.model_validate({"url": "http://127.0.0.1/demo", "auth": auth, **company})


# -------------------------------------------------------------------------------------------------- refused


def test_a_refused_login_is_not_tried_again_for_an_hour_for_tryton_locks_the_user_out() -> None:
    clock = VirtualClock()
    with scripted(answer(401, b"", "text/html"), LOGIN) as server:
        client = TrytonClient("erp", settings(server.url), clock)
        for _ in range(3):
            with pytest.raises(DeniedError, match="asked with `login` and `password`"):
                client.open_session()
        assert len(server.requests) == 1
        clock.time += REFUSED
        client.open_session()
        assert len(server.requests) == 2
        client.close()


def test_a_user_who_is_locked_out_is_told_why() -> None:
    with scripted(answer(429, b"", "text/html")) as server:
        client = opened(server)
        with pytest.raises(TransientError, match="After several wrong passwords"):
            client.open_session()
        client.close()


def test_a_refused_key_is_told_from_a_refused_password() -> None:
    with scripted(answer(401, b"", "text/html")) as server:
        client = opened(server)
        with pytest.raises(DeniedError, match="asked with `key`, which has to be accepted"):
            client.user()
        client.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/"])
def test_an_address_without_the_databases_name_is_no_address_of_tryton(url: str) -> None:
    with pytest.raises(ValueError, match="the database's name"):
        TrytonSettings.model_validate({**settings("http://127.0.0.1").model_dump(), "url": url})
