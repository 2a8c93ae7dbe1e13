"""The calls one system grants: never above its rate, never into the reserve, never while it asked to wait.

One Budget stands for one vendor account; everything that calls that account in this process shares it.
A pace of our own instead of pyrate-limiter: that one sleeps on the real clock and lets a full second's calls through at
once, which a system with a smaller bucket answers with 429. Calls here are evenly spaced beyond a stated burst.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from connector.errors import TransientError
from connector.ports import Clock

DAY = 86_400.0
HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the account grants. None: no limit.

    rate: calls per second, `burst` of them at once. concurrency: calls at a time. calls_per_day: in any 24 hours.
    reserve: share of the day kept for recovery and verification. patience: the longest wait in seconds before a call
    is refused instead.
    """

    rate: float | None = None
    burst: int = 1
    concurrency: int | None = None
    calls_per_day: int | None = None
    reserve: float = 0.25
    patience: float = 60.0

    def __post_init__(self) -> None:
        if (self.rate is not None and self.rate <= 0) or self.burst < 1 or not 0 <= self.reserve < 1:
            raise ValueError("rate and burst are above zero, reserve is from 0 up to but not 1")


@runtime_checkable
class Metered(Protocol):
    """An adapter whose system tells how many calls the whole account made today."""

    def calls_today(self) -> int | None:
        """The latest count told; None before the first."""


class Budget:
    """Thread-safe. Waits on the clock it is given."""

    def __init__(self, system: str, clock: Clock, limits: Limits | None = None) -> None:
        self.system = system
        self.limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.limits.concurrency) if self.limits.concurrency else None
        # Turns are kept in a time of their own that stands still while the system asked for quiet: after a pause the
        # calls that waited go on as evenly spaced as before, not all at once.
        self._paused = 0.0  # own time = clock - paused
        self._full_at = float("-inf")  # own time when the bucket is full again
        self._held_until = float("-inf")
        self._counts: Counter[str] = Counter()
        self._hours: deque[tuple[float, int]] = deque()  # (start of the hour, calls in it), oldest first
        self._own = 0
        self._others = 0

    @contextmanager
    def call(self, kind: str, *, essential: bool = False) -> Iterator[None]:
        """The block makes one call, or a few that belong together: each waits for its turn and counts under `kind`.

        essential: recovery and verification; may use the reserve. Raises TransientError, with the seconds until it is
        worth trying, when the day's calls are used up or the wait would be longer than `patience`. What `exchange`
        announces within the block beyond the first call is asked for its turn only: what was begun is ended.
        """
        with self._slots or nullcontext():  # before the turn: a turn that waits for a slot would be late, and bunch
            self._wait(kind, essential)
            before = _turns.set(_Turns(self, kind))
            try:
                yield
            finally:
                _turns.reset(before)

    def hold(self, seconds: float) -> None:
        """The system asked for quiet: no call of anyone for that long."""
        with self._lock:
            now = self._clock.now()
            until = now + seconds
            if until > self._held_until:
                self._paused += until - max(now, self._held_until)
                self._held_until = until

    def told(self, used: int) -> None:
        """The system's own count of today's calls, which includes those of other programs on the account."""
        with self._lock:
            self._forget(self._clock.now())
            self._others = max(0, used - self._own)

    def counts(self) -> Mapping[str, int]:
        """Calls made so far per kind (list, read, find, write, other)."""
        with self._lock:
            return dict(self._counts)

    def left(self, *, essential: bool = False) -> int | None:
        """Calls that may still be made today; None without a daily limit."""
        with self._lock:
            self._forget(self._clock.now())
            return self._left(essential)

    def _wait(self, kind: str, essential: bool, *, begun: bool = False) -> None:
        with self._lock:
            now = self._clock.now()
            self._forget(now)
            left = None if begun else self._left(essential)
            if left is not None and left <= 0:
                raise TransientError(self._used_up(essential), self._until_free(now))
            turn = self._turn(now)
            self._refuse_beyond_patience(turn + self._paused - now)
            self._book(kind, turn)
        # Slept outside the lock: the turn is ours already, and others may take theirs meanwhile.
        while (wait := self._remaining(kind, turn)) > 0:
            self._clock.sleep(wait)

    def _remaining(self, kind: str, turn: float) -> float:
        """Seconds to our turn, which a pause may have moved since. A turn given up is not counted as a call."""
        with self._lock:
            wait = turn + self._paused - self._clock.now()
            try:
                self._refuse_beyond_patience(wait)
            except TransientError:
                self._counts[kind] -= 1
                raise
            return wait

    def _refuse_beyond_patience(self, wait: float) -> None:
        if wait > self.limits.patience:
            raise TransientError(f"{self.system} takes no call for {wait:.0f} s more; run again then.", wait)

    def _turn(self, now: float) -> float:
        """Own time at which the next call may go: the bucket has room for it and no pause is on."""
        at = max(now, self._held_until) - self._paused
        if self.limits.rate is None:
            return at
        return max(at, self._full_at - (self.limits.burst - 1) / self.limits.rate)

    def _book(self, kind: str, turn: float) -> None:
        if self.limits.rate is not None:
            self._full_at = max(self._full_at, turn) + 1 / self.limits.rate
        self._counts[kind] += 1
        self._own += 1
        at = turn + self._paused
        hour = at - at % HOUR
        if self._hours and self._hours[-1][0] >= hour:
            start, calls = self._hours.pop()
            self._hours.append((start, calls + 1))
        else:
            self._hours.append((hour, 1))

    def _forget(self, now: float) -> None:
        """Drops hours that ended more than a day ago; a whole hour is kept until its last call is a day old."""
        while self._hours and self._hours[0][0] + HOUR + DAY <= now:
            self._own -= self._hours.popleft()[1]

    def _left(self, essential: bool) -> int | None:
        limit = self.limits.calls_per_day
        if limit is None:
            return None
        usable = limit if essential else int(limit * (1 - self.limits.reserve))
        return max(0, usable - self._own - self._others)

    def _until_free(self, now: float) -> float:
        return self._hours[0][0] + HOUR + DAY - now if self._hours else HOUR

    def _used_up(self, essential: bool) -> str:
        used, limit = self._own + self._others, self.limits.calls_per_day
        kept = "" if essential else f" but the reserve of {self.limits.reserve:.0%}"
        return f"{self.system}: {used} of {limit} calls a day are used, all{kept}; the rest waits for free calls."


class _Turns:
    """The exchanges of one block of `Budget.call`. The first one has its turn already."""

    def __init__(self, budget: Budget, kind: str) -> None:
        self._budget = budget
        self._kind = kind
        self._first = True

    def next(self) -> None:
        if not self._first:
            self._budget._wait(self._kind, essential=True, begun=True)
        self._first = False


_turns: ContextVar[_Turns | None] = ContextVar("turns", default=None)


def exchange() -> None:
    """A request is about to go out: within `Budget.call` it waits for its turn and is counted.

    Raises TransientError where the system asked for a longer quiet than the budget's patience.
    """
    turns = _turns.get()
    if turns is not None:
        turns.next()
