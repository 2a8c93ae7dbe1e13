"""Each row of the contract's error table (5) becomes one error."""

from __future__ import annotations

import json

import pytest

from connector.adapters.salesforce.failures import BUSY, HOUR, Problem, call_error, read_error, row_error, said_of
from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    TransientError,
    UncertainError,
)
from connector.rest.failures import Place

PLACE = Place("crm", "https://acme.my.salesforce.com")

CALLS: list[tuple[str, int, type[ConnectorError], type[ConnectorError]]] = [
    # code, status, on a read, on a write
    ("INVALID_SESSION_ID", 401, DeniedError, DeniedError),
    ("INVALID_AUTH_HEADER", 400, DeniedError, DeniedError),
    ("API_DISABLED_FOR_ORG", 403, DeniedError, DeniedError),
    ("API_CURRENTLY_DISABLED", 403, DeniedError, DeniedError),
    ("INSUFFICIENT_ACCESS_OR_READONLY", 403, DeniedError, DeniedError),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", 400, DeniedError, DeniedError),
    ("REQUEST_LIMIT_EXCEEDED", 403, TransientError, TransientError),
    ("UNABLE_TO_LOCK_ROW", 400, TransientError, TransientError),
    ("SERVER_UNAVAILABLE", 503, TransientError, UncertainError),
    ("SERVICE_UNAVAILABLE", 503, TransientError, UncertainError),
    ("UNKNOWN_EXCEPTION", 500, TransientError, UncertainError),
    ("", 502, TransientError, UncertainError),
    ("", 504, TransientError, UncertainError),
    ("QUERY_TIMEOUT", 400, TransientError, TransientError),
    ("OPERATION_TOO_LARGE", 400, TransientError, TransientError),
    ("EXCEEDED_ID_LIMIT", 400, TransientError, TransientError),
    ("INVALID_QUERY_LOCATOR", 400, TransientError, TransientError),
    ("TXN_SECURITY_METERING_ERROR", 400, TransientError, TransientError),
    ("DATACLOUD_API_CLIENT_EXCEPTION", 400, TransientError, TransientError),
    ("NOT_FOUND", 404, NotFoundError, NotFoundError),
    ("INVALID_FIELD", 400, ConfigError, ConfigError),
    ("INVALID_TYPE", 400, ConfigError, ConfigError),
    ("MALFORMED_QUERY", 400, ConfigError, ConfigError),
    ("MALFORMED_ID", 400, RejectedError, RejectedError),
    ("JSON_PARSER_ERROR", 400, RejectedError, RejectedError),
    ("STORAGE_LIMIT_EXCEEDED", 403, DeniedError, DeniedError),
    ("UNSUPPORTED_API_VERSION", 410, ConfigError, ConfigError),
    ("GONE", 410, ConfigError, ConfigError),
    ("", 414, RejectedError, RejectedError),
    ("", 431, RejectedError, RejectedError),
]

ROWS: list[tuple[str, type[ConnectorError], type[ConnectorError]]] = [
    # code, on a create, on an update
    ("UNABLE_TO_LOCK_ROW", TransientError, TransientError),
    ("UNKNOWN_EXCEPTION", TransientError, TransientError),
    ("SERVER_UNAVAILABLE", TransientError, TransientError),
    ("DUPLICATES_DETECTED", RejectedError, RejectedError),
    ("DUPLICATE_VALUE", RejectedError, RejectedError),
    ("ENTITY_IS_DELETED", RejectedError, NotFoundError),
    ("NOT_FOUND", RejectedError, NotFoundError),
    ("INVALID_CROSS_REFERENCE_KEY", RejectedError, NotFoundError),
    ("REQUIRED_FIELD_MISSING", RejectedError, RejectedError),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", RejectedError, RejectedError),
    ("STRING_TOO_LONG", RejectedError, RejectedError),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", RejectedError, RejectedError),
    ("INVALID_EMAIL_ADDRESS", RejectedError, RejectedError),
    ("NUMBER_OUTSIDE_VALID_RANGE", RejectedError, RejectedError),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", RejectedError, RejectedError),
    ("FIELD_INTEGRITY_EXCEPTION", RejectedError, RejectedError),
    ("FIELD_FILTER_VALIDATION_EXCEPTION", RejectedError, RejectedError),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", RejectedError, RejectedError),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", RejectedError, RejectedError),
    ("STORAGE_LIMIT_EXCEEDED", DeniedError, DeniedError),
    ("INSUFFICIENT_ACCESS_OR_READONLY", DeniedError, DeniedError),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", TransientError, TransientError),
    ("PROCESSING_HALTED", TransientError, TransientError),
    ("REQUEST_LIMIT_EXCEEDED", TransientError, TransientError),
    ("A_CODE_OF_NEXT_YEAR", RejectedError, RejectedError),
]


def of_call(code: str, status: int, message: str, *, write: bool) -> ConnectorError:
    said = read_error(json.dumps([{"errorCode": code, "message": message}]).encode())
    return call_error(PLACE, status, said, write=write)


@pytest.mark.parametrize(("code", "status", "on_read", "on_write"), CALLS, ids=[f"{r[0]}-{r[1]}" for r in CALLS])
def test_every_refusal_of_a_call_becomes_the_error_that_fits(
    code: str, status: int, on_read: type[ConnectorError], on_write: type[ConnectorError]
) -> None:
    for write, wanted in ((False, on_read), (True, on_write)):
        error = of_call(code, status, "no", write=write)
        assert isinstance(error, wanted)
        assert error.code == wanted.code
        assert code in str(error)


@pytest.mark.parametrize(("code", "on_create", "on_update"), ROWS, ids=[row[0] for row in ROWS])
def test_every_refusal_of_a_row_becomes_the_error_that_fits(
    code: str, on_create: type[ConnectorError], on_update: type[ConnectorError]
) -> None:
    problem = Problem("no", status_code=code)
    assert type(row_error(PLACE, [problem], create=True)).code == on_create.code
    assert type(row_error(PLACE, [problem], create=False)).code == on_update.code


@pytest.mark.parametrize(
    ("message", "after"),
    [("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", BUSY), ("TotalRequests Limit exceeded.", HOUR)],
)
def test_a_quota_says_when_to_come_back(message: str, after: float) -> None:
    error = of_call("REQUEST_LIMIT_EXCEEDED", 403, message, write=False)
    assert isinstance(error, TransientError)
    assert error.after == after


def test_a_lock_named_within_a_trigger_s_refusal_is_transient() -> None:
    told = "MyFlow: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"
    assert isinstance(
        row_error(PLACE, [Problem(told, status_code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")], create=False),
        TransientError,
    )


def test_what_is_gone_beside_the_record_is_no_end_of_the_record() -> None:
    problem = Problem("gone", status_code="INVALID_CROSS_REFERENCE_KEY", fields=["AccountId"])
    error = row_error(PLACE, [problem], create=False)
    assert isinstance(error, RejectedError)
    assert "AccountId" in str(error)


def test_the_cause_is_told_and_not_what_follows_from_it() -> None:
    problems = [
        Problem("x", "PROCESSING_HALTED"),
        Problem("Required fields are missing: [Name]", "REQUIRED_FIELD_MISSING"),
    ]
    assert said_of(problems).code == "REQUIRED_FIELD_MISSING"


@pytest.mark.parametrize("name", ["invalid_grant", "invalid_client", "unsupported_grant_type"])
def test_a_token_that_is_not_given_out_is_a_matter_of_credentials(name: str) -> None:
    said = read_error(json.dumps({"error": name, "error_description": "no"}).encode())
    assert said is not None
    assert isinstance(call_error(PLACE, 400, said, write=False), DeniedError)


def test_several_records_of_one_external_id_are_a_refusal() -> None:
    said = read_error(b'["/services/data/v68.0/sobjects/Account/001A", "/services/data/v68.0/sobjects/Account/001B"]')
    assert said is not None
    assert isinstance(call_error(PLACE, 300, said, write=False), RejectedError)


def test_pages_for_people_say_nothing() -> None:
    for body in (b"<!doctype html>", b"{}", b"[]", b"", b"[null]"):
        said = read_error(body)
        assert said is None or not said.code.startswith("INVALID")
