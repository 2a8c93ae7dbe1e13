"""How often one may call: a rolling window of ten seconds, a day of the portal, and single ones (contract 5)."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import RateLimitError
from connector.emulators.hubspot.wire import Principal

Budget: TypeAlias = Literal["window", "day", "search", "journal"]
"""What a route counts against. `day`: exempt from the window, as batches of associations are."""

WINDOW = 10_000
SECOND = 1_000
TEN_SECONDS = {"free": 100, "professional": 190, "enterprise": 190}
TEN_SECONDS_WITH_PACK, TEN_SECONDS_OAUTH = 250, 110
DAILY = {"free": 250_000, "professional": 625_000, "enterprise": 1_000_000}
DAILY_PER_PACK, MAX_PACKS = 1_000_000, 2


class Limits:
    """Counts calls per principal, per account where the contract says so, and refuses those above a limit."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._zone = ZoneInfo(portal.settings.time_zone)
        self._windows: dict[str, deque[int]] = {}
        self._day = ""
        self._today = 0

    def reset(self) -> None:
        self._windows.clear()
        self._day, self._today = "", 0

    def admit(self, principal: Principal, budget: Budget) -> dict[str, str]:
        """Count one call and return the headers of its answer. Raises RateLimitError."""
        switches = self._portal.switches
        match budget:
            case "journal":
                self._count("journal", SECOND, switches.journal_per_second, "SECONDLY", "secondly")
                return {}
            case "search":
                self._count_day(principal)
                self._count("search", SECOND, switches.search_per_second, "SECONDLY", "secondly")
                self._today += 1
                return {}
        self._count_day(principal)
        if budget == "window":
            most = self.ten_seconds(principal)
            self._count(principal.name, WINDOW, most, "TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
        self._today += 1
        return self._headers(principal)

    def ten_seconds(self, principal: Principal) -> int:
        """Calls per ten seconds; 0 for no limit."""
        if self._portal.switches.ten_seconds is not None:
            return self._portal.switches.ten_seconds
        if principal.kind != "service":
            return TEN_SECONDS_OAUTH
        return TEN_SECONDS_WITH_PACK if self._portal.settings.packs else TEN_SECONDS[self._portal.settings.plan]

    def daily(self, principal: Principal) -> int:
        """Calls per day of the account; 0 for no limit, as OAuth apps have it."""
        if principal.kind != "service":
            return 0
        if self._portal.switches.daily is not None:
            return self._portal.switches.daily
        settings = self._portal.settings
        return DAILY[settings.plan] + DAILY_PER_PACK * min(settings.packs, MAX_PACKS)

    def used(self) -> dict[str, int]:
        """Calls by window, and of today."""
        now = self._portal.time.ms()
        used = {
            name: self._recent(name, now, WINDOW if name not in ("search", "journal") else SECOND)
            for name in self._windows
        }
        return {**used, "today": self._today if self._day == self._date() else 0}

    def _count_day(self, principal: Principal) -> None:
        today = self._date()
        if today != self._day:
            self._day, self._today = today, 0
        most = self.daily(principal)
        if most and self._today >= most:
            raise RateLimitError("DAILY", "daily", self._retry_after(self._to_midnight()))

    def _count(self, name: str, span: int, most: int, policy: str, words: str) -> None:
        now = self._portal.time.ms()
        used = self._recent(name, now, span)
        if most and used >= most:
            raise RateLimitError(policy, words, self._retry_after(span // 1000))
        self._windows[name].append(now)

    def _recent(self, name: str, now: int, span: int) -> int:
        window = self._windows.setdefault(name, deque())
        while window and window[0] <= now - span:
            window.popleft()
        return len(window)

    def _headers(self, principal: Principal) -> dict[str, str]:
        most = self.ten_seconds(principal)
        headers: dict[str, str] = {}
        if most:
            used = self._recent(principal.name, self._portal.time.ms(), WINDOW)
            headers["x-hubspot-ratelimit-max"] = str(most)
            headers["x-hubspot-ratelimit-remaining"] = str(max(0, most - used))
            headers["x-hubspot-ratelimit-interval-milliseconds"] = str(WINDOW)
        daily = self.daily(principal)
        if daily:
            headers["x-hubspot-ratelimit-daily"] = str(daily)
            headers["x-hubspot-ratelimit-daily-remaining"] = str(max(0, daily - self._today))
        return headers

    def _retry_after(self, seconds: int) -> int | None:
        return seconds if self._portal.switches.retry_after_on_429 else None

    def _local(self) -> datetime:
        return self._portal.time.now().astimezone(self._zone)

    def _date(self) -> str:
        return self._local().date().isoformat()

    def _to_midnight(self) -> int:
        local = self._local()
        midnight = datetime.fromordinal(local.toordinal() + 1).replace(tzinfo=self._zone)
        return int((midnight.astimezone(UTC) - local.astimezone(UTC)).total_seconds()) + 1
