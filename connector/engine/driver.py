"""The production driver: runs an engine generator against real adapters, store and clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.engine.effects import Call, Commit, Effect, Effects, Look, NewId, Now, Sleep, Tell
from connector.errors import ConnectorError
from connector.model.values import Sides
from connector.ports import Adapter, Clock, Store

T = TypeVar("T")


@dataclass(slots=True)
class Driver:
    """Carries out effects. Lists of effects run on a bounded pool of threads; single ones in the calling thread.

    tell: called with (phase, done, total). new_id: makes names. Close it when done.
    """

    adapters: Sides[Adapter]
    store: Store
    clock: Clock
    new_id: Callable[[], str]
    tell: Callable[[str, int, int | None], None] = lambda phase, done, total: None
    threads: int = 8
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)

    def run(self, generator: Effects[T]) -> T:
        """Drive the generator to its end; its return value. Exceptions of effects are thrown into the generator."""
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
                answer = self._several(effect) if isinstance(effect, Sequence) else self._one(effect)
            except Exception as error:
                failure = error

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _several(self, effects: Sequence[Effect]) -> list[Any]:
        if len(effects) == 1:
            return [self._guarded(effects[0])]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="effect")
        return list(self._pool.map(self._guarded, effects))

    def _guarded(self, effect: Effect) -> Any:
        try:
            return self._one(effect)
        except ConnectorError as error:
            return error

    def _one(self, effect: Effect) -> Any:
        match effect:
            case Call(side, method, args):
                return getattr(self.adapters[side], method)(*args)
            case Commit(body, durable):
                with self.store.begin(durable=durable) as tx:
                    return body(tx)
            case Look(body):
                with self.store.look() as tx:
                    return body(tx)
            case Now():
                return self.clock.now()
            case Sleep(seconds):
                return self.clock.sleep(seconds)
            case NewId():
                return self.new_id()
            case Tell(phase, done, total):
                return self.tell(phase, done, total)
