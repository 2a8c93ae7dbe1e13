"""One table from what went wrong on the wire to one error of `connector.errors`. No I/O.

| what came back | on a write | on a read |
|---|---|---|
| nothing, and the request had not left | TransientError | TransientError |
| nothing, and the request had left | UncertainError | TransientError |
| 408 and every 5xx, 503 in the system's own words too | UncertainError | TransientError |
| 423, 425, 429 | TransientError | TransientError |
| 401, 402, 403, 407, 451; HTML 404; a redirect | DeniedError | DeniedError |
| 404, 410 | NotFoundError | NotFoundError |
| 412 | StaleError | StaleError |
| any other 4xx (400, 409, 422 ...) | RejectedError | RejectedError |
| 2xx that cannot be read | UncertainError | DeniedError (HTML: is the address right?) |

Sentences hold the system's name, its address, and the system's own message. They never hold a header or a body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol

import msgspec

from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)

MESSAGE_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Said:
    """What the system itself said about a failure."""

    code: str = ""
    message: str = ""
    field: str | None = None

    def __str__(self) -> str:
        words = self.message or self.code
        about = f"{self.field}: " if self.field and not words.startswith(self.field) else ""
        text = " ".join((about + words).split()).rstrip(".")
        return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    field: str | None = None


class _Envelope(msgspec.Struct):
    error: _Error


_envelope = msgspec.json.Decoder(_Envelope)


def read_error(body: bytes) -> Said | None:
    """Reads `{"error": {"code", "message", "field"}}`; None when the body is something else."""
    try:
        error = _envelope.decode(body).error
    except msgspec.MsgspecError:
        return None
    return Said(error.code, error.message, error.field)


ReadError = Callable[[bytes], Said | None]
"""How one kind of system words its errors: the body of an error answer to what it said, None if unreadable."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call went: the words every sentence starts with. `host`: scheme, host and port, never path or query."""

    system: str
    host: str

    def __str__(self) -> str:
        return f"{self.system} at {self.host}"


def looks_like_html(content_type: str, body: bytes) -> bool:
    """Whether a page for people came instead of data."""
    return "html" in content_type.lower() or body[:64].lstrip().lower().startswith((b"<!doctype", b"<html"))


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait from a `Retry-After` header: a number of seconds or an HTTP date. None when absent or odd."""
    if not value:
        return None
    value = value.strip()
    if value.replace(".", "", 1).isdecimal() and value.isascii():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)


def status_error(
    place: Place, status: int, said: Said | None, *, write: bool, html: bool = False, after: float | None = None
) -> ConnectorError:
    """The one error a status other than 2xx becomes. `said`: None when the body was not the system's own error."""
    words = f": {said}" if said and str(said) else ""
    if status < 400:
        return DeniedError(f"{place} answered {status} and points elsewhere: use the final address in `url`.")
    # A 503 may come after the system has written, or from a gateway before it: to a write it says nothing certain.
    if status in (423, 425, 429) or (status == 503 and said and not write):
        wait = f" and asks to wait {after:g} s" if after else ""
        return TransientError(f"{place} is busy (status {status}{words}){wait}; run again later.", after)
    if status == 408 or status >= 500:
        return _unanswered(f"{place} failed with status {status}{words}", write=write, after=after)
    if html and status in (404, 405):
        return DeniedError(f"{place} answered {status} with HTML instead of JSON: is the address right?")
    if status in (401, 407):
        return DeniedError(f"{place} does not accept the credentials (status {status}{words}): check `auth`.")
    if status in (402, 403, 451):
        return DeniedError(f"{place} denies this (status {status}{words}): give this connection the right.")
    if status in (404, 410):
        return NotFoundError(f"{place} does not have it (status {status}{words}).")
    if status == 412:
        return StaleError(f"{place} has a newer version of the record{words}.")
    return RejectedError(f"{place} refuses it (status {status}{words}).")


class StatusError(Protocol):
    """`status_error`, or what one kind of system has in its place: most of it the same, some statuses its own."""

    def __call__(
        self, place: Place, status: int, said: Said | None, *, write: bool, html: bool, after: float | None
    ) -> ConnectorError: ...


def item_error(place: Place, status: int, said: Said | None, *, after: float | None = None) -> ConnectorError:
    """The error of one item of a batch write that did answer: the same table."""
    return status_error(place, status, said or Said(), write=True, after=after)


def _unanswered(what: str, *, write: bool, after: float | None = None) -> ConnectorError:
    if write:
        return UncertainError(f"{what}; whether it was written is not known and is found out before anything else.")
    return TransientError(f"{what}: something is wrong there; run again later.", after)


def lost(place: Place, what: str, *, write: bool) -> ConnectorError:
    """The request had left and no whole answer came."""
    if write:
        return _unanswered(f"{place} gave no answer ({what})", write=True)
    return TransientError(f"{place} gave no answer ({what}): is it running? A slow system needs a longer `timeout`.")


def unreachable(place: Place, what: str) -> TransientError:
    """The request never left."""
    return TransientError(f"{place} cannot be reached ({what}): is it running, and is the address right?")


def unreadable(place: Place, *, write: bool, html: bool, detail: str) -> ConnectorError:
    """A 2xx whose body is not what was asked for. `detail`: the place in the document, never its content."""
    if write:
        return _unanswered(f"{place} answered something unreadable", write=True)
    if html:
        return DeniedError(f"{place} answered HTML instead of JSON: is the address right?")
    return DeniedError(f"{place} answered something unreadable ({detail}): is the address right?")
