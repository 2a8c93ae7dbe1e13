"""Drives one run's effects, and lets things happen between them: a crash, people's edits, another process's run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from connector.engine.effects import Call, Commit, Effect, Sleep
from connector.errors import ConnectorError, TransientError
from connector.model.values import Sides
from connector.state.errors import StoreError
from connector.testing.driver import CrashDriver
from connector.testing.world import World

STORE_TRICKS: Mapping[str, tuple[str, ...]] = {"busy": ("commit",), "down": ("commit",), "lost-after": ("commit",)}
"""Faults of the store: refused and may work later; refused; done, and the answer that says so is lost."""
CALL_SECONDS = 0.25
"""How long a call takes: edits made between two calls get stamps of their own."""


class SimDriver(CrashDriver):
    """Carries out effects one after the other. Every effect that reaches the outside counts, one of a list, too.

    between: what happens right before an effect, by its number. backwards: lists of effects are carried out in reverse
    order, as parallel calls may be. tick: called whenever time may have passed. note: called with a line for the log.
    commits: which of STORE_TRICKS hits the next commit, "" for none. abreast: what lasts while a list is carried out.
    """

    def __init__(
        self,
        world: World,
        tick: Callable[[], None],
        note: Callable[[str], None],
        commits: Callable[[], str],
        abreast: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__(Sides(world.crm, world.erp), world.store, world.clock, world.names)
        self.names = Sides(world.crm.name, world.erp.name)
        self.advance = world.clock.advance
        self.tick, self.note, self.commits, self.abreast = tick, note, commits, abreast
        self.between: dict[int, list[Callable[[], None]]] = {}
        self.backwards = False

    def _several(self, effects: Sequence[Effect]) -> list[Any]:
        with self.abreast():
            if not self.backwards:
                return super()._several(effects)
            return super()._several(effects[::-1])[::-1]

    def _one(self, effect: Effect) -> Any:
        answer = super()._one(effect)
        if isinstance(effect, Sleep):
            self.tick()
        return answer

    def _begins(self) -> None:
        for happen in self.between.pop(self.count, ()):
            happen()

    def _loud(self, effect: Call | Commit) -> Any:
        if isinstance(effect, Commit):
            return self._commit(effect)
        self.advance(CALL_SECONDS)
        self.tick()
        name = self.names[effect.side]
        try:
            answer = super()._loud(effect)
        except ConnectorError as error:
            self.note(f"{self.count} {name} {effect.method} {type(error).__name__}")
            raise
        self.note(f"{self.count} {name} {effect.method}")
        return answer

    def _commit(self, effect: Commit) -> Any:
        trick = self.commits()
        self.note(f"{self.count} commit {trick}".rstrip())
        if trick == "busy":
            raise TransientError("the state store is busy; nothing was changed")
        if trick == "down":
            raise StoreError("the state store cannot be used: disk full")
        answer = super()._loud(effect)
        if trick:
            raise StoreError("the state store cannot be used: connection lost")
        return answer
