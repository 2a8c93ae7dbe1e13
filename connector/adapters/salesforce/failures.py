"""One table from Salesforce's own codes to one error of `connector.errors`. No I/O.

| code | error |
|---|---|
| INVALID_AUTH_HEADER, API_*DISABLED*, INSUFFICIENT_ACCESS*, STORAGE_LIMIT_EXCEEDED | DeniedError |
| an OAuth error (invalid_grant, invalid_client ...) | DeniedError |
| REQUEST_LIMIT_EXCEEDED | TransientError: in 10 s where it is about calls at a time, else in an hour |
| UNABLE_TO_LOCK_ROW, also named within another refusal | TransientError |
| SERVER_UNAVAILABLE and its kin in a row, TXN_SECURITY_METERING_ERROR, DATACLOUD_* | TransientError |
| QUERY_TIMEOUT, OPERATION_TOO_LARGE, EXCEEDED_ID_LIMIT | TransientError; the next page is smaller |
| INVALID_QUERY_LOCATOR | TransientError; the page is asked for again from its beginning |
| ALL_OR_NONE_OPERATION_ROLLED_BACK, PROCESSING_HALTED | TransientError: it follows from another refusal |
| ENTITY_IS_DELETED, NOT_FOUND, INVALID_CROSS_REFERENCE_KEY | NotFoundError; about a field or a create: RejectedError |
| INVALID_FIELD, INVALID_TYPE, MALFORMED_QUERY of a call, status 410 | ConfigError |
| any other code, status 300 | RejectedError |
| a status from 500 | as in `connector.rest.failures` |

Contract: 5. An answered row that failed is known not to have been written; a whole call that failed with 5xx is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    TransientError,
)
from connector.rest.failures import Place, Said, status_error

BUSY = 10.0
"""Seconds until another call may find room, where too many long ones run at a time."""

HOUR = 3_600.0
"""Seconds until a daily quota that is used up is worth another look."""

FOLLOWERS = ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "PROCESSING_HALTED")
DUPLICATE = "DUPLICATE_VALUE"
SHRINK = ("QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "EXCEEDED_ID_LIMIT")

_DENIED = ("INVALID_AUTH_HEADER", "INVALID_SESSION_ID", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED")
_DENIED_START = "INSUFFICIENT_ACCESS"
_BUSY = ("SERVER_UNAVAILABLE", "SERVICE_UNAVAILABLE", "UNKNOWN_EXCEPTION", "TXN_SECURITY_METERING_ERROR")
_BUSY_START = "DATACLOUD_"
_GONE = ("ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY")
_MAPPING = ("INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY")
_LOCK = "UNABLE_TO_LOCK_ROW"


class ShrinkError(TransientError):
    """A page was too much for Salesforce: a smaller one may do."""


class StaleSchemaError(ConfigError):
    """A field or object is not there: what was learned of this org may be old."""


class Problem(msgspec.Struct):
    """One error: `errorCode` of a call, `statusCode` of a row."""

    message: str = ""
    error_code: str = msgspec.field(default="", name="errorCode")
    status_code: str = msgspec.field(default="", name="statusCode")
    fields: list[str] | None = None

    @property
    def code(self) -> str:
        return self.error_code or self.status_code


class _TokenProblem(msgspec.Struct):
    error: str
    error_description: str = ""


_problems = msgspec.json.Decoder(list[Problem])
_choices = msgspec.json.Decoder(list[str])
_token_problem = msgspec.json.Decoder(_TokenProblem)

SEVERAL = "MULTIPLE_CHOICES"
OAUTH = "oauth "


def read_error(body: bytes) -> Said | None:
    """What Salesforce says in an error: a list of problems, several records, or an OAuth error; None for the rest."""
    try:
        problems = _problems.decode(body)
    except msgspec.MsgspecError:
        return _read_odd(body)
    return said_of(problems) if any(problem.code for problem in problems) else None


def _read_odd(body: bytes) -> Said | None:
    try:
        return Said(SEVERAL, f"{len(_choices.decode(body))} records have this external id")
    except msgspec.MsgspecError:
        pass
    try:
        told = _token_problem.decode(body)
    except msgspec.MsgspecError:
        return None
    return Said(OAUTH + told.error, f"{told.error} {told.error_description}".strip())


def said_of(problems: Sequence[Problem]) -> Said:
    """The problem that is the cause, in words: followers only say that there is another."""
    cause = next((one for one in problems if one.code not in FOLLOWERS), None) or (problems or [Problem()])[0]
    fields = ", ".join(cause.fields or ()) or None
    return Said(cause.code, f"{cause.code}: {cause.message}" if cause.message else cause.code, fields)


def call_error(
    place: Place, status: int, said: Said | None, *, write: bool, html: bool = False, after: float | None = None
) -> ConnectorError:
    """The error of a whole call: what its code means, and where that says nothing more, its status."""
    known = _meant(place, status, said) if said else None
    return known or status_error(place, status, said, write=write, html=html, after=after)


def _meant(place: Place, status: int, said: Said) -> ConnectorError | None:
    """What the code of a whole call means; None where the status decides."""
    if said.code.startswith(OAUTH) and status < 500:
        return DeniedError(f"{place} gives no token ({said}): check `auth`.")
    if status == 410 or said.code in ("UNSUPPORTED_API_VERSION", "GONE"):
        return ConfigError(f"{place} does not speak this version any more ({said}): raise `api_version`.")
    if status >= 500 or (status in (401, 404, 412, 429) and said.code not in _MAPPING):
        return None
    if said.code in _MAPPING:
        return StaleSchemaError(f"{place} knows no such thing ({said}): correct the mapping, or the rights to a field.")
    if said.code == SEVERAL:
        return RejectedError(f"{place} refuses it ({said}).")
    return _known(place, said)


def row_error(place: Place, problems: Sequence[Problem], *, create: bool) -> ConnectorError:
    """The error of one row that was answered and not done."""
    said = said_of(problems)
    if said.code in _GONE and not create and said.field in (None, "Id", "id"):
        return NotFoundError(f"{place} does not have it ({said}).")
    return _known(place, said) or RejectedError(f"{place} refuses it ({said}).")


def _known(place: Place, said: Said) -> ConnectorError | None:
    """Codes that mean the same in a call and in a row."""
    code = said.code
    if code in _DENIED or code.startswith(_DENIED_START):
        return DeniedError(f"{place} denies this ({said}): give this connection the right.")
    if code == "STORAGE_LIMIT_EXCEEDED":
        return DeniedError(f"{place} has no room left ({said}): make room in the org.")
    if code == "REQUEST_LIMIT_EXCEEDED":
        wait = BUSY if "concurrent" in said.message.lower() else HOUR
        return TransientError(f"{place} takes no more calls for now ({said}); run again later.", wait)
    if code in SHRINK:
        return ShrinkError(f"{place} finds it too much at once ({said}); run again later.")
    if code == "INVALID_QUERY_LOCATOR":
        return TransientError(f"{place} has forgotten the rest of a list ({said}); it is asked for again.")
    if code in _BUSY or code.startswith(_BUSY_START) or _LOCK in said.message or code == _LOCK:
        return TransientError(f"{place} is busy ({said}); run again later.")
    if code in FOLLOWERS:
        return TransientError(f"{place} did not try it ({said}), for another one was refused; run again later.")
    return None
