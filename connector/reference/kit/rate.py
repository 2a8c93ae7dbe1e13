"""Rate: a token bucket and a daily count per principal."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from connector.reference.kit.problems import ServiceError


@dataclass(slots=True)
class _Account:
    tokens: float
    filled: float
    rate: float | None = None
    day: str = ""
    today: int = 0


class Gate:
    """Counts calls and refuses those above the rate or the daily limit."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def today(self, principal: str) -> int:
        account = self._accounts.get(principal)
        return 0 if account is None else account.today

    def admit(self, principal: str, rate: float | None, limit: int | None, now: datetime) -> None:
        """Count one call. Raises ServiceError 429 with the seconds to wait."""
        instant = time.monotonic()
        account = self._accounts.setdefault(principal, _Account(0.0, instant))
        day = now.date().isoformat()
        if account.day != day:
            account.day, account.today = day, 0
        if limit is not None and account.today >= limit:
            left = 86_400 - (now.hour * 3600 + now.minute * 60 + now.second)
            raise ServiceError(429, "daily_limit", f"The limit of {limit} calls a day is used up.", retry_after=left)
        if rate is not None:
            room = max(1.0, rate)
            if account.rate != rate:
                account.rate, account.tokens = rate, room
            account.tokens = min(room, account.tokens + (instant - account.filled) * rate)
            account.filled = instant
            if account.tokens < 1.0:
                wait = ceil((1.0 - account.tokens) / rate)
                message = f"More than {rate:g} calls per second: wait {wait} s."
                raise ServiceError(429, "rate", message, retry_after=wait)
            account.tokens -= 1.0
        account.today += 1
