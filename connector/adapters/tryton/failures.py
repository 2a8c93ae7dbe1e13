"""One table from Tryton's own words to one error of `connector.errors`. No I/O.

| what came | error |
|---|---|
| REST 400 `{"status", "message", "description"}`; JSON-RPC 200 with `UserError` | RejectedError |
| the same, saying that the number Tryton itself drew for a party is taken | TransientError |
| JSON-RPC 200 with `ConcurrencyException` | StaleError |
| JSON-RPC 200 with `UserWarning` (a question only a person may answer) | RejectedError |
| JSON-RPC 200 with `LoginException` | DeniedError |
| JSON-RPC 200 with `RateLimitException` | TransientError |
| JSON-RPC 200 with any other exception of the server | as status 500 |
| every other status | as in `connector.rest.failures` |

Contract: Tryton, REST, errors, and traps, 3. Two writers may draw the same number from the party's sequence (SQLite):
the second is refused with 400, nothing is written, and trying again draws another.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from connector.errors import ConnectorError, DeniedError, RejectedError, StaleError, TransientError
from connector.rest.failures import Place, Said, status_error

_NUMBER_TAKEN = re.compile(r"the code on party must be unique", re.IGNORECASE)
"""In English, whatever language the user has: the client asks for messages in it (see client.py)."""

_WENT_MEANWHILE = re.compile(r"trying to read records .* that don't exist", re.IGNORECASE | re.DOTALL)
"""A row was found, and deleted before Tryton had read what it refers to. In another language it is a refusal."""


class _Error(msgspec.Struct):
    status: int
    message: str
    description: str | None = None


_error = msgspec.json.Decoder(_Error)


def read_error(body: bytes) -> Said | None:
    """Reads what Tryton says in a REST error; None when the body is something else."""
    try:
        error = _error.decode(body)
    except msgspec.MsgspecError:
        return None
    return Said(str(error.status), _joined(error.message, error.description))


def rpc_error(place: Place, error: Any, *, write: bool) -> ConnectorError:
    """The one error that the `error` of a JSON-RPC answer becomes."""
    kind, said = _told(error)
    words = f": {said}" if str(said) else ""
    match kind:
        case "UserError" | "UserWarning":
            return RejectedError(f"{place} refuses it{words}.")
        case "ConcurrencyException":
            return StaleError(f"{place} has a newer version of the record{words}.")
        case "LoginException":
            return DeniedError(f"{place} does not accept the credentials{words}: check `auth`.")
        case "RateLimitException":
            return TransientError(f"{place} is busy{words}; run again later.")
        case _:
            return status_error(place, 500, said, write=write)


class NumberTakenError(TransientError):
    """Another writer drew the same number: nothing was written, and trying again draws another."""


def number_taken(error: ConnectorError) -> ConnectorError:
    """The refusal of a party whose number Tryton draws: transient where only that number was taken."""
    if isinstance(error, RejectedError) and _NUMBER_TAKEN.search(str(error)):
        return NumberTakenError(f"{str(error).rstrip('.')}: two writers drew one number; trying again draws another.")
    return error


def went_meanwhile(error: ConnectorError) -> bool:
    """Whether a list was not given because of a record that was deleted while it was made: asked again, it is."""
    return isinstance(error, RejectedError) and _WENT_MEANWHILE.search(str(error)) is not None


def _told(error: Any) -> tuple[str, Said]:
    """Kind and words: `["UserError", [message, description, domain]]`, or `[message, trace]` of a crash."""
    if not isinstance(error, list) or not error or not isinstance(error[0], str):
        return "", Said()
    kind, rest = error[0], error[1] if len(error) > 1 else None
    if kind not in ("UserError", "UserWarning", "ConcurrencyException", "LoginException", "RateLimitException"):
        return "", Said(message=kind)
    parts = [part for part in rest if isinstance(part, str)] if isinstance(rest, list) else [rest]
    return kind, Said(kind, _joined(*parts[:2]))


def _joined(*parts: Any) -> str:
    return " ".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
