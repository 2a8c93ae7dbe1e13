"""One table from HubSpot's own words to one error of `connector.errors`. No I/O. Contract: sections 5 and 6.

| what came | error |
|---|---|
| 409, or a refusal that names a record which is there already | RejectedError; `RefusedError.existing` is its id |
| 429 `TEN_SECONDLY_ROLLING` | TransientError, 10 s |
| 429 `DAILY` | TransientError, until midnight where the portal is |
| 429 `SECONDLY` (search) | TransientError, 1 s |
| any other 429 | TransientError, 10 s |
| 423 | TransientError, 2 s |
| 477 (the portal is being moved) | TransientError, an hour unless it says more |
| 530 (a token no token can look like) | DeniedError |
| 403 | DeniedError with the scopes that are missing |
| every other status | as in `connector.rest.failures` |

`Retry-After` goes before each of these waits. Every field of an error may be missing: the status decides, the words
only explain. A row of a batch has no status: its category stands for one, and where it has none, nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connector.errors import ConnectorError, DeniedError, RejectedError, TransientError
from connector.rest.failures import Place, Said
from connector.rest.failures import status_error as common_error

ROLLING = 10.0
SECONDLY = 1.0
LOCKED = 2.0
MOVING = 3600.0

_EXISTING = re.compile(r"Existing ID:\s*(\d{1,20})", re.IGNORECASE)
_ROW_STATUS: Mapping[str, int] = {
    "VALIDATION_ERROR": 400,
    "BAD_REQUEST": 400,
    "OBJECT_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "OBJECT_ALREADY_EXISTS": 409,
    "MISSING_SCOPES": 403,
    "RATE_LIMIT": 429,
    "RATE_LIMITS": 429,
}
"""What a row's category would have been as the status of a call."""


class RefusedError(RejectedError):
    """existing: the id of the record that is in the way, where HubSpot names it."""

    def __init__(self, message: str, existing: str | None = None) -> None:
        super().__init__(message)
        self.existing = existing


class Detail(msgspec.Struct):
    message: str = ""
    code: str | None = None
    context: dict[str, list[str]] = {}


class Problem(msgspec.Struct):
    """An error of a call, or of one row of a batch."""

    message: str = ""
    category: str | None = None
    policy: str | None = msgspec.field(name="policyName", default=None)
    correlation: str | None = msgspec.field(name="correlationId", default=None)
    errors: list[Detail] = []
    context: dict[str, list[str]] = {}

    def said(self) -> Said:
        """Its words: the message, what it says of single properties, and the id by which HubSpot's support finds it."""
        parts = [self.message, *self._details()]
        if self.correlation:
            parts.append(f"(correlation id {self.correlation})")
        return Said(self.policy or self.category or "", " ".join(filter(None, parts)))

    def _details(self) -> Iterator[str]:
        for detail in self.errors:
            names = [name for name in detail.context.get("propertyName", ()) if name not in detail.message]
            if detail.message not in self.message:
                yield f"{', '.join(names)}: {detail.message}" if names else detail.message
        contexts = [self.context, *(detail.context for detail in self.errors)]
        scopes = [scope for context in contexts for scope in context.get("requiredGranularScopes", ())]
        if scopes:
            yield f"scopes that are needed: {', '.join(dict.fromkeys(scopes))}"


_problem = msgspec.json.Decoder(Problem)


def read_error(body: bytes) -> Said | None:
    """Reads what HubSpot says in an error; None when the body is something else."""
    try:
        problem = _problem.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return problem.said() if problem.message or problem.category or problem.policy else None


def status_error(
    place: Place,
    status: int,
    said: Said | None,
    *,
    write: bool,
    html: bool = False,
    after: float | None = None,
    midnight: float = 0.0,
) -> ConnectorError:
    """The one error a status becomes. midnight: seconds until the portal's next day."""
    words = f": {said}" if said and str(said) else ""
    if status == 477:
        wait = MOVING if after is None else after
        return TransientError(f"{place} is being moved by HubSpot (status 477{words}); run again later.", wait)
    if status == 530:
        return DeniedError(f"{place} takes the token for none (status 530{words}): check `auth`.")
    if status in (423, 429) and after is None:
        after = LOCKED if status == 423 else _wait(said.code if said else "", midnight)
    error = common_error(place, status, said, write=write, html=html, after=after)
    if type(error) is RejectedError:
        found = _EXISTING.search(said.message) if said else None
        return RefusedError(str(error), found.group(1) if found else None)
    return error


def row_error(place: Place, problem: Problem, *, write: bool) -> ConnectorError:
    """The error of one row of a batch that did answer."""
    status = _ROW_STATUS.get(problem.category or "", 500)
    return status_error(place, status, problem.said(), write=write, midnight=ROLLING)


def until_midnight(now: datetime, zone: ZoneInfo) -> float:
    """Seconds until the next day begins there."""
    local = now.astimezone(zone)
    start = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return max(1.0, (start - now).total_seconds())


def named(context: Mapping[str, Sequence[str]], *names: str) -> Iterator[Any]:
    """The values under these names in the context of an error."""
    for name in names:
        yield from context.get(name, ())


def _wait(policy: str, midnight: float) -> float:
    return {"DAILY": midnight, "SECONDLY": SECONDLY}.get(policy.upper(), ROLLING)
