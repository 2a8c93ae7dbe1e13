"""Hints as a receiver of webhooks would store them, in every disorder: prompt, twice, late and reversed, or never."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.simulator.people import OBJECTS, side_of
from connector.testing.simulator.systems import TrickySystem
from connector.testing.tables import Touch
from connector.testing.world import World

MODES = ("prompt", "twice", "late", "none")
ENTITIES = {name: entity for entity, names in OBJECTS.items() for name in names}


@dataclass(slots=True)
class Webhooks:
    """Turns changes into hints. modes: by system. Changes of ours are told, too: the vendor knows no difference."""

    world: World
    modes: dict[str, str] = field(default_factory=lambda: {"crm": "none", "erp": "none"})
    told: Counter[str] = field(default_factory=Counter)
    _prompt: list[HintRow] = field(default_factory=list)
    _late: list[HintRow] = field(default_factory=list)

    def seen(self, touch: Touch) -> None:
        """A change of a record; see `MemorySystem.watchers`."""
        mode = self.modes[touch.system]
        if mode == "none":
            return
        system = self.world.crm if touch.system == "crm" else self.world.erp
        assert isinstance(system, TrickySystem)
        side = Side.LEFT if side_of(system) == 0 else Side.RIGHT
        kind = self.world.specs[ENTITIES[touch.object]].kind
        version = system.version(touch.object, touch.key)
        hint = HintRow(kind, side, touch.key, version, "webhook", self.world.clock.now(), first=self.world.clock.now())
        if mode in ("prompt", "twice"):
            self._prompt.append(hint)
        if mode in ("twice", "late"):
            self._late.append(hint)
        self.told[f"webhook {mode}"] += 1

    def deliver(self, *, late: bool = False) -> None:
        """Store the hints that have arrived; with `late` those that were held up, too, newest first."""
        rows, self._prompt = self._prompt, []
        if late:
            rows, self._late = [*rows, *reversed(self._late)], []
        for row in rows:
            # One by one, as they come: a later hint of the same record replaces an earlier one.
            with self.world.store.begin() as tx:
                tx.put_hints([row])
