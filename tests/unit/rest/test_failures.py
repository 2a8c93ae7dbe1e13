"""Every status, on a read and on a write, is one error of the tree."""

from __future__ import annotations

import httpx
import pytest
import respx

from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.rest.auth import Bearer
from connector.rest.client import RestClient
from connector.rest.failures import Place, Said, item_error, read_error, retry_after, status_error

from .scripted import VirtualClock

URL = "https://crm.example.com"
PLACE = Place("crm", URL)
STRUCTURED = b'{"error": {"code": "bad", "message": "Name is too long", "field": "name"}}'

# status, structured body?, error on a read, error on a write
TABLE: list[tuple[int, bool, type[ConnectorError], type[ConnectorError]]] = [
    (301, False, DeniedError, DeniedError),
    (307, False, DeniedError, DeniedError),
    (400, True, RejectedError, RejectedError),
    (401, True, DeniedError, DeniedError),
    (402, False, DeniedError, DeniedError),
    (403, True, DeniedError, DeniedError),
    (404, True, NotFoundError, NotFoundError),
    (404, False, NotFoundError, NotFoundError),
    (407, False, DeniedError, DeniedError),
    (408, False, TransientError, UncertainError),
    (408, True, TransientError, UncertainError),
    (409, True, RejectedError, RejectedError),
    (410, True, NotFoundError, NotFoundError),
    (412, True, StaleError, StaleError),
    (413, False, RejectedError, RejectedError),
    (422, True, RejectedError, RejectedError),
    (423, True, TransientError, TransientError),
    (425, False, TransientError, TransientError),
    (429, True, TransientError, TransientError),
    (429, False, TransientError, TransientError),
    (451, False, DeniedError, DeniedError),
    (500, True, TransientError, UncertainError),
    (500, False, TransientError, UncertainError),
    (502, False, TransientError, UncertainError),
    (503, True, TransientError, UncertainError),
    (503, False, TransientError, UncertainError),
    (504, True, TransientError, UncertainError),
    (599, False, TransientError, UncertainError),
]


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(("status", "structured", "on_read", "on_write"), TABLE)
def test_a_status_becomes_the_error_of_the_table(
    status: int, structured: bool, on_read: type[ConnectorError], on_write: type[ConnectorError], write: bool
) -> None:
    client = RestClient("crm", URL, VirtualClock(), auth=Bearer("SECRET-1"))
    with respx.mock() as mock:
        route = mock.post(f"{URL}/x").mock(
            return_value=httpx.Response(status, content=STRUCTURED if structured else b"oops")
        )
        with pytest.raises(ConnectorError) as caught:
            client.call("POST", "/x", body=b'{"name": "VALUE-1"}', write=write)
    assert type(caught.value) is (on_write if write else on_read)
    assert route.call_count == 1
    sentence = str(caught.value)
    assert sentence.startswith("crm at https://crm.example.com")
    assert "SECRET-1" not in sentence
    assert "VALUE-1" not in sentence
    client.close()


def test_a_refusal_tells_the_systems_own_message_and_field() -> None:
    error = status_error(PLACE, 422, read_error(STRUCTURED), write=True)
    assert "name: Name is too long" in str(error)


def test_a_503_in_the_systems_own_words_leaves_a_write_in_doubt_and_only_delays_a_read() -> None:
    said = Said("busy", "try later")
    assert type(status_error(PLACE, 503, said, write=True, after=5.0)) is UncertainError
    read = status_error(PLACE, 503, said, write=False, after=5.0)
    assert type(read) is TransientError
    assert read.after == 5.0
    assert "is busy (status 503: try later) and asks to wait 5 s" in str(read)


def test_html_instead_of_404_is_a_wrong_address_and_never_a_deleted_record() -> None:
    error = status_error(PLACE, 404, None, write=False, html=True)
    assert type(error) is DeniedError
    assert "is the address right?" in str(error)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Mon, 12 Jan 1970 13:47:10 GMT", 30.0),
        ("Mon, 12 Jan 1970 13:46:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_the_wait_a_system_asks_for_comes_as_seconds_or_as_a_date(
    status: int, header: str, seconds: float | None
) -> None:
    client = RestClient("crm", URL, VirtualClock(1_000_000.0))
    with respx.mock() as mock:
        mock.get(f"{URL}/x").mock(
            return_value=httpx.Response(status, content=STRUCTURED, headers={"Retry-After": header})
        )
        with pytest.raises(TransientError) as caught:
            client.call("GET", "/x")
    assert caught.value.after == seconds
    client.close()


def test_no_wait_is_read_from_a_missing_header() -> None:
    assert retry_after(None, 0.0) is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RejectedError),
        (403, DeniedError),
        (404, NotFoundError),
        (409, RejectedError),
        (410, NotFoundError),
        (412, StaleError),
        (422, RejectedError),
        (429, TransientError),
        (500, UncertainError),
        (503, UncertainError),
    ],
)
def test_one_item_of_a_batch_follows_the_same_table(status: int, error: type[ConnectorError]) -> None:
    assert type(item_error(PLACE, status, Said("code", "words"))) is error
    assert type(item_error(PLACE, status, None)) is error


def test_a_long_message_is_cut_and_kept_on_one_line() -> None:
    text = str(Said("code", "x\n" * 1000))
    assert len(text) <= 300
    assert "\n" not in text


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b'{"error": "text"}', b'{"message": "x"}', b"\xff\xfe"])
def test_a_body_that_is_not_an_error_of_the_system_reads_as_none(body: bytes) -> None:
    assert read_error(body) is None
