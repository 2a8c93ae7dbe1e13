"""Drivers of the engine's effects for tests: a clock that moves by hand, and a crash before or after any effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from connector.engine.effects import Call, Commit, Effect, Effects, Look, NewId, Now, Sleep, Tell
from connector.errors import ConnectorError
from connector.model.values import Sides
from connector.ports import Adapter, Clock, Store

T = TypeVar("T")

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


@dataclass(slots=True)
class CrashDriver:
    """Carries out effects in the calling thread, one after the other, and dies at one of them.

    crash: number of the effect to die at, None for never; every effect of a list counts, so a crash may fall in the
    middle of one. when: before it is carried out, or after. Effects that reach nothing outside (the time, a name,
    progress, a look) are not counted: dying there is dying before the next one. count: effects counted so far.
    """

    adapters: Sides[Adapter]
    store: Store
    clock: Clock
    new_id: Callable[[], str]
    crash: int | None = None
    when: When = "before"
    count: int = 0
    trace: list[str] = field(default_factory=list)

    def run(self, generator: Effects[T]) -> T:
        """Drive the generator to its end; its return value. A crash closes nothing: the generator is dropped."""
        answer: Any = None
        failure: Exception | None = None
        while True:
            try:
                effect = generator.throw(failure) if failure is not None else generator.send(answer)
            except StopIteration as stop:
                result: T = stop.value
                return result
            answer, failure = None, None
            try:
                if isinstance(effect, Sequence):
                    answer = [self._guarded(one) for one in effect]
                else:
                    answer = self._one(effect)
            except Exception as error:
                failure = error

    def _guarded(self, effect: Effect) -> Any:
        try:
            return self._one(effect)
        except ConnectorError as error:
            return error

    def _one(self, effect: Effect) -> Any:
        if not isinstance(effect, Call | Commit):
            return self._quiet(effect)
        self.count += 1
        die = self.crash == self.count
        self.trace.append(f"{effect.side} {effect.method}" if isinstance(effect, Call) else "commit")
        if die and self.when == "before":
            raise Crash
        try:
            return self._loud(effect)
        finally:
            if die:
                raise Crash

    def _loud(self, effect: Call | Commit) -> Any:
        if isinstance(effect, Call):
            return getattr(self.adapters[effect.side], effect.method)(*effect.args)
        with self.store.begin(durable=effect.durable) as tx:
            return effect.body(tx)

    def _quiet(self, effect: Effect) -> Any:
        match effect:
            case Look(body):
                with self.store.look() as tx:
                    return body(tx)
            case Now():
                return self.clock.now()
            case Sleep(seconds):
                return self.clock.sleep(seconds)
            case NewId():
                return self.new_id()
            case Tell():
                return None
            case _:
                raise TypeError(f"not an effect: {effect!r}")
