"""Everything that goes wrong between an adapter and its system, and the one error each has to become."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)

WAIT = 7.0
"""Seconds of quiet the system asks for in the troubles that ask for it."""


class Trouble(Enum):
    """What a call may meet. The value says it in words.

    Statuses up to 429 come with an error in the system's own words, those from 500 without, as a gateway sends them;
    `*_SAID` are the system's own again.
    """

    REFUSED = "nothing listens"
    CLOSED = "the connection closes before the request is passed on"
    LOST = "the request is carried out and the connection closes without an answer"
    SLOW = "the request is carried out and the answer is slower than the time-out"
    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    TIMEOUT = "408"
    CONFLICT = "409"
    MOVED = "412"
    INVALID = "422"
    BUSY = "429 with Retry-After in seconds"
    BUSY_UNTIL = "429 with Retry-After as a date"
    FAILED = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    FAILED_SAID = "500 in the system's own words"
    UNAVAILABLE_SAID = "503 in the system's own words"
    REDIRECT = "a redirect to another address"
    HTML = "200 with a page for people"
    EMPTY = "200 with nothing"
    BROKEN = "200 with JSON that ends too early"
    FOREIGN = "200 with JSON of another shape"
    SHORT = "200 that ends before its stated length"
    GARBLED = "200 with bytes that are no text"

    @property
    def carried_out(self) -> bool:
        """Whether the system does what the request says."""
        return self in (Trouble.LOST, Trouble.SLOW, *UNREADABLE)


UNREADABLE = (Trouble.HTML, Trouble.EMPTY, Trouble.BROKEN, Trouble.FOREIGN, Trouble.SHORT, Trouble.GARBLED)
"""A 2xx answer nobody can read: the write was done, or stopped by something in between."""

ASKS_TO_WAIT = (Trouble.BUSY, Trouble.BUSY_UNTIL)

Errors = tuple[type[ConnectorError], ...]

_SAME: Mapping[Trouble, Errors] = {
    Trouble.REFUSED: (TransientError,),
    Trouble.BUSY: (TransientError,),
    Trouble.BUSY_UNTIL: (TransientError,),
    Trouble.BAD_REQUEST: (RejectedError,),
    Trouble.CONFLICT: (RejectedError,),
    Trouble.INVALID: (RejectedError,),
    Trouble.UNAUTHORIZED: (DeniedError,),
    Trouble.FORBIDDEN: (DeniedError,),
    Trouble.REDIRECT: (DeniedError,),
    Trouble.NOT_FOUND: (NotFoundError,),
    Trouble.MOVED: (StaleError,),
}


def expected(trouble: Trouble, *, write: bool) -> Errors:
    """The error this trouble has to become; of several, any.

    A read that cannot be understood may be tried again or need a person. A write that may have been done is never
    anything but uncertain: a second try could double it.
    """
    if trouble in _SAME:
        return _SAME[trouble]
    if write:
        return (UncertainError,)
    return (TransientError, DeniedError) if trouble in UNREADABLE else (TransientError,)
