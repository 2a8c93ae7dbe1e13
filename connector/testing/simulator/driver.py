"""Drives one run's effects, and lets things happen between them: a crash, people's edits, another process's run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.engine.effects import Call, Commit, Effect, Effects, Look, NewId, Now, Sleep, Tell
from connector.errors import ConnectorError, TransientError
from connector.state.errors import StoreError
from connector.testing.driver import Crash, When
from connector.testing.world import World

T = TypeVar("T")

STORE_TRICKS: Mapping[str, tuple[str, ...]] = {"busy": ("commit",), "down": ("commit",), "lost-after": ("commit",)}
"""Faults of the store: refused and may work later; refused; done, and the answer that says so is lost."""
CALL_SECONDS = 0.25
"""How long a call takes: edits made between two calls get stamps of their own."""


@dataclass(slots=True)
class SimDriver:
    """Carries out effects one after the other. Every effect that reaches the outside counts, one of a list, too.

    crash, when: the number of the effect to die at, before it or after it was carried out. between: what happens right
    before an effect, by its number. backwards: lists of effects are carried out in reverse order, as parallel calls
    may be. tick: called whenever time may have passed. note: called with a line for the log. commits: which of
    STORE_TRICKS hits the next commit, "" for none.
    """

    world: World
    crash: int | None = None
    when: When = "before"
    between: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    backwards: bool = False
    tick: Callable[[], None] = lambda: None
    note: Callable[[str], None] = lambda line: None
    commits: Callable[[], str] = lambda: ""
    count: int = 0

    def run(self, generator: Effects[T]) -> T:
        """Drive the generator to its end; its return value. Raises Crash where the process dies."""
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

    def _several(self, effects: Sequence[Effect]) -> list[Any]:
        order = range(len(effects))
        answers: dict[int, Any] = {}
        for number in reversed(order) if self.backwards else order:
            try:
                answers[number] = self._one(effects[number])
            except ConnectorError as error:
                answers[number] = error
        return [answers[number] for number in order]

    def _one(self, effect: Effect) -> Any:
        if not isinstance(effect, Call | Commit):
            return self._quiet(effect)
        self.count += 1
        for happen in self.between.pop(self.count, ()):
            happen()
        die = self.crash == self.count
        if die and self.when == "before":
            raise Crash
        try:
            return self._loud(effect)
        finally:
            if die:
                raise Crash

    def _loud(self, effect: Call | Commit) -> Any:
        if isinstance(effect, Commit):
            return self._commit(effect)
        self.world.clock.advance(CALL_SECONDS)
        self.tick()
        system = self.world.crm if effect.side == "left" else self.world.erp
        try:
            answer = getattr(system, effect.method)(*effect.args)
        except ConnectorError as error:
            self.note(f"{self.count} {system.name} {effect.method} {type(error).__name__}")
            raise
        self.note(f"{self.count} {system.name} {effect.method}")
        return answer

    def _commit(self, effect: Commit) -> Any:
        trick = self.commits()
        self.note(f"{self.count} commit {trick}".rstrip())
        if trick == "busy":
            raise TransientError("the state store is busy; nothing was changed")
        if trick == "down":
            raise StoreError("the state store cannot be used: disk full")
        with self.world.store.begin(durable=effect.durable) as tx:
            answer = effect.body(tx)
        if trick:
            raise StoreError("the state store cannot be used: connection lost")
        return answer

    def _quiet(self, effect: Effect) -> Any:
        match effect:
            case Look(body):
                with self.world.store.look() as tx:
                    return body(tx)
            case Now():
                return self.world.clock.now()
            case Sleep(seconds):
                self.world.clock.sleep(seconds)
                self.tick()
                return None
            case NewId():
                return self.world.names()
            case Tell():
                return None
            case _:
                raise TypeError(f"not an effect: {effect!r}")
