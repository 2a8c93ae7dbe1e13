"""Every row of the contract's table of errors becomes the error that says what happens next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters.hubspot import HubSpotSettings
from connector.adapters.hubspot.client import HubSpotClient
from connector.adapters.hubspot.failures import Problem, RefusedError, read_error, row_error, until_midnight
from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.rest.failures import Place
from tests.unit.rest.scripted import VirtualClock, answer, scripted

PLACE = Place("crm", "https://api.example.com")
KEY = "pat-eu1-KEY"
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC).timestamp()


def opened(url: str, **settings: Any) -> HubSpotClient:
    values = {"url": url, "auth": {"token": KEY}, "timeout": 1, **settings}
    return HubSpotClient("crm", HubSpotSettings.model_validate(values), VirtualClock(NOON))


def said(status: int, extra: str = "", **body: Any) -> bytes:
    return answer(status, json.dumps({"status": "error", "correlationId": "c-7", **body}).encode(), extra=extra)


def limited(policy: str) -> dict[str, Any]:
    return {"message": "You have reached your limit.", "errorType": "RATE_LIMIT", "policyName": policy}


ACCOUNT = answer(200, b'{"portalId": 33, "timeZone": "Europe/Berlin"}')
MIDNIGHT = 11 * 3600.0
"""From noon in UTC to the end of the day in Berlin, where it is one o'clock."""

HTML = (b"<!doctype html><title>x</title>", "text/html")

TABLE: list[tuple[str, bytes, type[ConnectorError], type[ConnectorError], float | None]] = [
    ("400", said(400, category="VALIDATION_ERROR", message="no"), RejectedError, RejectedError, None),
    ("400 without anything", answer(400, b"{}"), RejectedError, RejectedError, None),
    ("401", said(401, category="INVALID_AUTHENTICATION", message="no"), DeniedError, DeniedError, None),
    ("401 expired", said(401, category="EXPIRED_AUTHENTICATION", message="no"), DeniedError, DeniedError, None),
    ("403", said(403, category="MISSING_SCOPES", message="no"), DeniedError, DeniedError, None),
    ("404", said(404, category="OBJECT_NOT_FOUND", message="no"), NotFoundError, NotFoundError, None),
    ("409", said(409, category="CONFLICT", message="no"), RejectedError, RejectedError, None),
    ("412", said(412, message="no"), StaleError, StaleError, None),
    ("414", answer(414, *HTML), RejectedError, RejectedError, None),
    ("423", said(423, message="locked"), TransientError, TransientError, 2.0),
    ("429 rolling", said(429, **limited("TEN_SECONDLY_ROLLING")), TransientError, TransientError, 10.0),
    ("429 search", said(429, **limited("SECONDLY")), TransientError, TransientError, 1.0),
    ("429 daily", said(429, **limited("DAILY")), TransientError, TransientError, MIDNIGHT),
    ("429 of no name", answer(429, b"{}"), TransientError, TransientError, 10.0),
    ("429 told", said(429, "Retry-After: 3\r\n", **limited("DAILY")), TransientError, TransientError, 3.0),
    ("477", answer(477, b"{}", extra="Retry-After: 7200\r\n"), TransientError, TransientError, 7200.0),
    ("477 untold", answer(477, b"{}"), TransientError, TransientError, 3600.0),
    ("530", answer(530, *HTML), DeniedError, DeniedError, None),
    *(
        (str(status), answer(status, *HTML), UncertainError, TransientError, None)
        for status in (500, 502, 503, 504, 521, 522, 523, 524, 525, 526)
    ),
]


@pytest.mark.parametrize(("step", "on_write", "on_read", "after"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_every_status_becomes_the_error_that_fits(
    step: bytes, on_write: type[ConnectorError], on_read: type[ConnectorError], after: float | None
) -> None:
    with scripted(ACCOUNT, step, step) as server:
        client = opened(server.url)
        client.account()
        errors = []
        for go in (lambda: client.write("companies", "create", [{}]), lambda: client.read("companies", ["1"], [])):
            with pytest.raises(ConnectorError) as error:
                go()
            errors.append(error.value)
        client.close()
    for raised, wanted in zip(errors, (on_write, on_read), strict=True):
        assert isinstance(raised, wanted)
        assert KEY not in str(raised)
        if isinstance(raised, TransientError):
            assert raised.after == after


def test_the_words_name_property_scope_and_correlation() -> None:
    detail = {"message": "was not one of the allowed options", "code": "INVALID_OPTION"}
    context = {"propertyName": ["erp_status"]}
    body = {"message": "Property values were not valid", "errors": [{**detail, "context": context}]}
    found = read_error(json.dumps({**body, "category": "VALIDATION_ERROR", "correlationId": "c-7"}).encode())
    assert str(found) == (
        "Property values were not valid erp_status: was not one of the allowed options (correlation id c-7)"
    )
    scopes = {"requiredGranularScopes": ["crm.objects.orders.read"]}
    for where in ({"context": scopes}, {"errors": [{"message": "x", "context": scopes}]}):
        missing = read_error(json.dumps({"message": "no", "category": "MISSING_SCOPES", **where}).encode())
        assert "scopes that are needed: crm.objects.orders.read" in str(missing)
    for body in (b"", b"{}", b"[]", b"<html>", b"\xff"):
        assert read_error(body) is None


def test_a_refusal_names_the_record_that_is_there_already() -> None:
    told = said(409, category="CONFLICT", message="Contact already exists. Existing ID: 551")
    with scripted(told) as server:
        client = opened(server.url)
        with pytest.raises(RefusedError) as error:
            client.write("contacts", "create", [{}])
        client.close()
    assert error.value.existing == "551"


ROWS = [
    ("VALIDATION_ERROR", RejectedError),
    ("OBJECT_NOT_FOUND", NotFoundError),
    ("CONFLICT", RejectedError),
    ("OBJECT_ALREADY_EXISTS", RejectedError),
    ("MISSING_SCOPES", DeniedError),
    ("RATE_LIMIT", TransientError),
    ("INTERNAL_ERROR", UncertainError),
    (None, UncertainError),
]


@pytest.mark.parametrize(("category", "wanted"), ROWS)
def test_every_row_of_a_batch_becomes_the_error_that_fits(category: str | None, wanted: type[ConnectorError]) -> None:
    assert isinstance(row_error(PLACE, Problem("no", category), write=True), wanted)
    on_read = row_error(PLACE, Problem("no", category), write=False)
    assert isinstance(on_read, TransientError if wanted is UncertainError else wanted)


def test_a_row_of_a_read_that_fails_is_raised_and_one_that_is_not_there_is_left_out() -> None:
    missing = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "no", "context": {"ids": ["2"]}}
    failed = {**missing, "category": "INTERNAL_ERROR"}
    with scripted(*(answer(207, json.dumps({"results": [], "errors": [e]}).encode()) for e in (missing, failed))) as s:
        client = opened(s.url)
        assert client.read("companies", ["2"], []) == []
        with pytest.raises(TransientError):
            client.read("companies", ["2"], [])
        client.close()


@pytest.mark.parametrize(
    ("now", "zone", "wanted"),
    [
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "UTC", 12 * 3600),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "America/New_York", 17 * 3600),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), "Europe/Berlin", 24.5 * 3600),  # the night that has 25 hours
    ],
)
def test_a_day_ends_where_the_portal_is(now: datetime, zone: str, wanted: float) -> None:
    assert until_midnight(now, ZoneInfo(zone)) == wanted


def test_the_day_used_up_and_the_time_of_the_system_are_told_by_headers() -> None:
    daily = "X-HubSpot-RateLimit-Daily: 250000\r\nX-HubSpot-RateLimit-Daily-Remaining: 249000\r\n"
    late = "Date: Sun, 01 Nov 2026 11:50:00 GMT\r\n"
    same = "Date: Sun, 01 Nov 2026 11:59:59 GMT\r\n"
    with scripted(
        *(answer(200, b'{"portalId": 1, "timeZone": "Mars/Base"}', extra=e) for e in (daily, late, same))
    ) as s:
        client = opened(s.url)
        assert client.calls_today is None
        client.account()
        assert (client.calls_today, client.now()) == (1000, NOON)
        client.account()
        assert (client.calls_today, client.now()) == (1000, NOON - 600)
        client.account()
        assert client.now() == NOON, "a second is within what a header can tell"
        client.close()
