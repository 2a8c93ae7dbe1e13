"""What the emulator is started with, and the clock it goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from connector.emulators.hubspot.catalog import ALL_SCOPES
from connector.emulators.hubspot.switches import Switches
from connector.reference.kit.store import Clock, system_clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Plan: TypeAlias = Literal["free", "professional", "enterprise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One portal and the ways into it.

    db: file of the database, or `:memory:`. service_key: the Bearer token of a service key or private app, which may
    do what `scopes` name. client_id, client_secret, refresh_token: the OAuth app. plan and packs: decide the limits
    (contract 5). first_id: where ids start in every object type; two digits, so that they outgrow comparison as text.
    """

    admin_token: str
    service_key: str = "pat-eu1-00000000-0000-0000-0000-000000000000"
    scopes: frozenset[str] = ALL_SCOPES
    client_id: str = "emulated-client"
    client_secret: str = "emulated-secret"
    refresh_token: str = "emulated-refresh"
    db: str = ":memory:"
    portal_id: int = 33
    app_id: int = 7
    time_zone: str = "Europe/Berlin"
    company_currency: str = "EUR"
    currencies: tuple[str, ...] = ("EUR", "USD", "GBP")
    plan: Plan = "professional"
    packs: int = 0
    first_id: int = 91
    switches: Switches = field(default_factory=Switches)
    clock: Clock = system_clock


class Time:
    """The clock, which a test may put forward."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = 0

    def ms(self) -> int:
        """Milliseconds since the epoch."""
        return (self._clock() - EPOCH) // timedelta(milliseconds=1) + self.ahead

    def now(self) -> datetime:
        return EPOCH + timedelta(milliseconds=self.ms())

    def advance(self, seconds: float) -> None:
        self.ahead += round(seconds * 1000)
