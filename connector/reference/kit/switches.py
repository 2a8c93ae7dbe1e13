"""Switches of a running application, and the faults it can be told to show."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

import msgspec

from connector.reference.kit.problems import ServiceError

FaultKind: TypeAlias = Literal[
    "lost_answer", "status", "html", "slow", "drop_before", "done_but_status", "undone", "empty", "stranger"
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One fault on the calls that match.

    path: pattern with `*`. status: what `status` and `done_but_status` answer. after: matching calls let through
    first. times: how often it strikes then, None without end. seconds: how long `slow` waits, and Retry-After of a
    status.
    """

    kind: FaultKind
    object: str | None = None
    method: str | None = None
    path: str | None = None
    status: int = 503
    times: int | None = 1
    after: int = 0
    seconds: float = 1.0

    def strikes(self, method: str, path: str, name: str | None) -> bool:
        """Whether this call is hit; counts the call."""
        if self.object not in (None, name) or self.method not in (None, method):
            return False
        if self.path is not None and not fnmatchcase(path, self.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            if self.times <= 0:
                return False
            self.times -= 1
        return True


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """rate: calls per second and principal, None for no limit. daily_limit: calls per day and principal.

    feed: `commit` has positions; `modified` has only the time of the last change to go by. stamps: `exact` shows
    milliseconds, `seconds` leaves them out though they are kept, `local` shows another zone's time and names no zone.
    """

    external_key: Literal["unique", "search", "none"] = "unique"
    idempotency: Literal["on", "off"] = "on"
    conditional: Literal["on", "off"] = "on"
    feed: Literal["commit", "modified"] = "commit"
    stamps: Literal["exact", "seconds", "local"] = "exact"
    rate: float | None = None
    daily_limit: int | None = None
    fault: list[Fault] = msgspec.field(default_factory=list)


def changed(switches: Switches, given: Any) -> Switches:
    """The switches after a partial change. Raises ServiceError 422."""
    if not isinstance(given, Mapping):
        raise ServiceError(422, "invalid", "Switches must be an object.")
    try:
        after = msgspec.convert({**msgspec.to_builtins(switches), **given}, Switches)
    except msgspec.ValidationError as error:
        raise ServiceError(422, "invalid", f"Switches: {error}.") from None
    if after.rate is not None and after.rate <= 0:
        raise ServiceError(422, "invalid", "rate: must be above zero, or null for no limit.", "rate")
    if any(not 400 <= fault.status <= 599 for fault in after.fault):
        raise ServiceError(422, "invalid", "fault: status must be between 400 and 599.", "fault")
    return after


def strike(switches: Switches, method: str, path: str, name: str | None) -> Fault | None:
    """The first fault that hits this call."""
    return next((fault for fault in switches.fault if fault.strikes(method, path, name)), None)
