"""Faults a call can be made to show: how it fails, and what of it is done all the same."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

import msgspec

from connector.emulators.hubspot.problems import VALIDATION, GatewayError, HubSpotError, RateLimitError, invalid
from connector.emulators.hubspot.wire import Call

FaultKind: TypeAlias = Literal[
    "status", "status_after", "drop_before", "drop_after", "slow", "html", "truncated", "quota", "row"
]
Policy: TypeAlias = Literal["TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY"]

GATEWAY = (502, 503, 504, 521, 522, 523, 524, 525, 526, 530)
"""Statuses that come from what stands before HubSpot, with a page instead of a body."""
WITH_RETRY_AFTER = (477,)
MESSAGES = {
    401: ("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."),
    403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    409: ("CONFLICT", "The record was changed by another call."),
    423: ("LOCKED", "The record is locked. Wait at least two seconds."),
    477: ("MIGRATION_IN_PROGRESS", "The account is being migrated to another data hosting location."),
    500: (None, "internal error"),
}
WORDS = {"TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "SECONDLY": "secondly", "DAILY": "daily"}


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One fault on the calls that match.

    method, path: which calls; the path is a pattern with `*`. skip: matching calls let through first. times: how
    often it strikes then, None without end. status: of `status`, `status_after`, `html` and of a failing `row`.
    seconds: how long `slow` waits, and Retry-After of a 477. row, code: which input of a batch that writes fails, from
    0, with which code. policy: which limit `quota` names.
    """

    kind: FaultKind
    method: str | None = None
    path: str = "*"
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    seconds: float = 1.0
    row: int = 0
    code: str = "VALIDATION_ERROR"
    policy: Policy = "TEN_SECONDLY_ROLLING"

    def strikes(self, call: Call) -> bool:
        """Whether this call is hit; counts the call."""
        if self.method not in (None, call.method) or not fnmatchcase(call.path, self.path):
            return False
        if self.kind == "row" and ("/batch/" not in call.path or call.path.endswith("/read")):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            if self.times <= 0:
                return False
            self.times -= 1
        return True


class Faults:
    """The faults that are set; the first that matches a call strikes."""

    def __init__(self) -> None:
        self.set: list[Fault] = []

    def add(self, given: Any) -> Fault:
        """Raises HubSpotError 400."""
        if not isinstance(given, Mapping):
            raise invalid("A fault must be an object.")
        try:
            fault = msgspec.convert(given, Fault)
        except msgspec.ValidationError as error:
            raise invalid(f"Fault: {error}.") from None
        if fault.status is not None and not (fault.kind == "html" or 400 <= fault.status <= 599):
            raise invalid("Fault: status must be from 400 to 599.")
        self.set.append(fault)
        return fault

    def strike(self, call: Call) -> Fault | None:
        return next((fault for fault in self.set if fault.strikes(call)), None)


def strike_row(call: Call, n: int) -> None:
    """Raises HubSpotError where a fault of kind `row` hits this input."""
    fault = call.row_fault
    if fault is not None and fault.row == n:
        errors = [{"message": "This row was made to fail.", "code": fault.code}]
        category = fault.code if fault.status != 400 else VALIDATION
        raise HubSpotError(fault.status, "This row was made to fail.", category=category, errors=errors)


def refusal(fault: Fault) -> HubSpotError | GatewayError:
    """What a fault of kind `status` answers: a page for a gateway's status, else HubSpot's own body (contract 6)."""
    status = fault.status or 503
    if status in GATEWAY:
        return GatewayError(status)
    if status == 429:
        return quota(fault)
    category, message = MESSAGES.get(status, ("VALIDATION_ERROR" if status == 400 else None, f"status {status}"))
    headers = {"retry-after": str(max(1, round(fault.seconds)))} if status in WITH_RETRY_AFTER else {}
    return HubSpotError(status, message, category=category, headers=headers)


def quota(fault: Fault) -> RateLimitError:
    return RateLimitError(fault.policy, WORDS[fault.policy])
