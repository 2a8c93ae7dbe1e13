"""Drivers of the engine's effects for tests: a clock that moves by hand, and a crash before or after any effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from connector.engine.driver import Driver
from connector.engine.effects import Call, Commit, Effect
from connector.model.values import Sides
from connector.ports import Adapter, Clock, Store

When = Literal["before", "after"]
START = 1_750_000_000.0


class Crash(BaseException):
    """The process died here. Never caught by the engine: a BaseException that no code of it names."""


@dataclass(slots=True)
class HandClock:
    """A clock that moves only when told, and by a sleep."""

    seconds: float = START
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.seconds += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        self.sleep(seconds)


@dataclass(slots=True)
class Names:
    """Names never used before, the same in every process."""

    count: int = 0

    def __call__(self) -> str:
        self.count += 1
        return f"run{self.count:05d}"


class CrashDriver(Driver):
    """The production driver in the calling thread alone. It dies at one of the effects that reach the outside.

    crash: number of the effect to die at, None for never; every effect of a list counts, so a crash may fall in the
    middle of one. when: before it is carried out, or after. Calls and commits are counted; dying at anything else (the
    time, a name, progress, a look) is dying before the next one. count: effects counted so far. trace: what they were.
    """

    def __init__(
        self,
        adapters: Sides[Adapter],
        store: Store,
        clock: Clock,
        new_id: Callable[[], str],
        crash: int | None = None,
        when: When = "before",
    ) -> None:
        super().__init__(adapters, store, clock, new_id)
        self.crash = crash
        self.when = when
        self.count = 0
        self.trace: list[str] = []

    def _several(self, effects: Sequence[Effect]) -> list[Any]:
        return [self._guarded(effect) for effect in effects]

    def _one(self, effect: Effect) -> Any:
        if not isinstance(effect, Call | Commit):
            return super()._one(effect)
        self.count += 1
        self._begins()
        self.trace.append(f"{effect.side} {effect.method}" if isinstance(effect, Call) else "commit")
        die = self.crash == self.count
        if die and self.when == "before":
            raise Crash
        try:
            return self._loud(effect)
        finally:
            if die:
                raise Crash

    def _begins(self) -> None:
        """The effect with number `count` is about to be carried out."""

    def _loud(self, effect: Call | Commit) -> Any:
        """Carry it out."""
        return super()._one(effect)
