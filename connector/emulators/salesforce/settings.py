"""What an emulated org is given at the start, and what can be switched while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

import msgspec

from connector.reference.kit.store import Clock, system_clock

FaultKind: TypeAlias = Literal[
    "status", "done_but_status", "html", "truncated", "drop_before", "drop_after", "slow", "quota", "concurrent", "rows"
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One fault on the calls that match.

    path: pattern with `*`. status, code, message: what `status`, `done_but_status` and `rows` answer. after: matching
    calls let through first. times: how often it strikes then, null without end. seconds: how long `slow` waits. rows:
    which rows of a batch fail, from 1; null for all.
    """

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    status: int = 503
    code: str = "SERVER_UNAVAILABLE"
    message: str = "The server is unavailable."
    times: int | None = 1
    after: int = 0
    seconds: float = 1.0
    rows: list[int] | None = None

    def strikes(self, method: str, path: str) -> bool:
        """Whether this call is hit; counts the call."""
        if self.method not in (None, method) or (self.path is not None and not fnmatchcase(path, self.path)):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            if self.times <= 0:
                return False
            self.times -= 1
        return True


class ValidationRule(msgspec.Struct, forbid_unknown_fields=True):
    """Refuses records for which a SOQL condition holds, as an admin's validation rule does."""

    object: str
    condition: str
    message: str
    field: str | None = None


class OutboundMessage(msgspec.Struct, forbid_unknown_fields=True):
    """Posts the fields of each created or changed record of an object to a URL (contract §6)."""

    object: str
    url: str
    fields: list[str]


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """How the org behaves; README.md beside this file says what each switch does.

    The defaults are the harsher reading wherever the contract leaves a choice.
    """

    session_calls: int | None = None
    session_seconds: float | None = None
    instance_url: str | None = None
    jwt_max_seconds: int = 180
    granularity: Literal["seconds", "milliseconds"] = "seconds"
    numbers: Literal["java", "plain"] = "java"
    unordered: Literal["shuffled", "id"] = "shuffled"
    page_rows: int = 2000
    locator_seconds: float = 172_800
    locators_open: int = 100
    subquery_rows: int = 200
    retrieve_rows: int = 200
    duplicate_rows: Literal["all", "later"] = "all"
    parser_errors: Literal["request", "row"] = "request"
    empty_update: bool = False
    trim_text: bool = True
    daily_limit: int = 15_000
    concurrent_limit: int = 5
    long_call_seconds: float = 20
    limits_exempt: bool = False
    replication_lag: int = 60
    recycle_days: int = 15
    reprice: bool = True
    activate_orders: bool = True
    edit_activated_orders: bool = False
    edit_activated: list[str] = msgspec.field(default_factory=list)
    duplicate_rules: list[str] = msgspec.field(default_factory=list)
    validation_rules: list[ValidationRule] = msgspec.field(default_factory=list)
    outbound: list[OutboundMessage] = msgspec.field(default_factory=list)
    outbound_twice: bool = False
    bulk_seconds: float = 0
    bulk_polls: int = 1
    bulk_stop_after: int | None = None
    bulk_session_error: Literal["bulk", "rest"] = "bulk"
    field_security: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """An org as it starts.

    db: file of the records, or `:memory:`. public_key: PEM of the key or certificate that JWT assertions are checked
    with. currencies: of a multi-currency org, the corporate one first. order_statuses: label -> Draft or Activated.
    setup: metadata of custom objects and fields, as `erp_fields.json` shows.
    """

    db: str = ":memory:"
    client_id: str = "consumer-key"
    client_secret: str = "consumer-secret"
    username: str = "integration@acme.example"
    refresh_token: str = "refresh-token"
    public_key: str | None = None
    admin_token: str = "admin"
    sandbox: bool = True
    currencies: tuple[str, ...] = ()
    order_statuses: Mapping[str, str] = field(default_factory=lambda: {"Draft": "Draft", "Activated": "Activated"})
    setup: Sequence[Mapping[str, Any]] = ()
    switches: Switches = field(default_factory=Switches)
    clock: Clock = system_clock


def changed(switches: Switches, given: Any) -> Switches:
    """The switches after a partial change. Raises msgspec.ValidationError."""
    return msgspec.convert({**msgspec.to_builtins(switches), **msgspec.convert(given, dict[str, Any])}, Switches)
