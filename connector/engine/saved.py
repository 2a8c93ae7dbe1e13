"""A saved plan as it is carried out: its actions, and what follows from them. Everything else is left, and due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connector.engine.item import Item, ItemPlan
from connector.engine.survey import lines_of
from connector.engine.work import Work
from connector.merge.fields import Verb
from connector.model.plan import PlanLine
from connector.model.records import Key
from connector.model.values import SIDES, Side

Wanted = Mapping[tuple[Key | None, Key | None], Collection[str]]
Place = tuple[Side, Key]


@dataclass(slots=True)
class _Begun:
    """A record whose actions are being done. waiting: units that were put off meanwhile; they follow."""

    digests: Collection[str]
    waiting: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Saved:
    """wanted: digests of the actions, by the keys of both sides. drifted: what was left, since it is not as planned.

    begun: what this run may look at again. A record that was left is none of it, and none that the plan does not have.
    """

    wanted: Wanted
    drifted: list[PlanLine] = field(default_factory=list)
    begun: dict[Place, _Begun] = field(default_factory=dict)

    def choose(self, work: Work, plans: Sequence[ItemPlan]) -> list[ItemPlan]:
        """The plans that still are exactly what was saved, or follow from it; the others are left and listed."""
        chosen = []
        for plan in plans:
            lines = [line for line in lines_of(work, plan) if line.digest]
            begun, wanted = self._begun(plan.item), self.wanted.get((plan.item.keys.left, plan.item.keys.right))
            exact = bool(lines) and wanted is not None and {line.digest for line in lines} == set(wanted)
            if exact or (begun is not None and all(_follows(begun, line) for line in lines)):
                chosen.append(plan)
                continue
            work.tally.add("skipped")
            if begun is not None or wanted is not None:
                left = PlanLine(work.spec.name, "nothing", None, plan.item.keys, reason="already as planned")
                self.drifted.extend(lines or [left])
            for place in _places(plan.item):
                self.begun.pop(place, None)
        return chosen

    def note(self, plans: Sequence[ItemPlan]) -> None:
        """These were carried out: what they left to be done is this run's."""
        for plan in plans:
            keys = plan.item.keys
            begun = self._begun(plan.item) or _Begun(self.wanted.get((keys.left, keys.right), ()))
            begun.waiting.update(unit.unit.name for unit in plan.units if unit.decision.verb is Verb.DEFER)
            self.begun.update(dict.fromkeys(_places(plan.item), begun))

    def _begun(self, item: Item) -> _Begun | None:
        return next((self.begun[place] for place in _places(item) if place in self.begun), None)


def _places(item: Item) -> list[Place]:
    return [(side, key) for side in SIDES if (key := item.keys[side]) is not None]


def _follows(begun: _Begun, line: PlanLine) -> bool:
    """Whether a record that is looked at again gets what was saved, or only what waited for another one."""
    return line.digest in begun.digests or (line.action == "update" and begun.waiting.issuperset(line.fields))
