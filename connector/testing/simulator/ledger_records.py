"""Every record there ever was on either side, what it stands for, and what leads where through merges."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from connector.model.records import Key
from connector.model.values import Ref, Side, Value
from connector.testing.simulator.judge_things import Edit, Held, Thing
from connector.testing.simulator.judge_values import LABELS, REF, decoded, units_of
from connector.testing.simulator.ledger_turns import Turns
from connector.testing.tables import Fields
from connector.testing.world import World


class Records:
    """What the ledger is asked about. things: by entity and identity; the same on both sides. labels: (entity, unit,
    what somebody typed there) -> name of the record.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.specs = dict(world.specs)  # a unit left out for a while is typed into all the same
        self.records: dict[tuple[Side, str, Key], Held] = {}
        self.things: dict[tuple[str, str], Thing] = {}
        self.turns = Turns()
        self.labels: dict[tuple[str, str, Hashable], str] = {}

    def named(self, entity: str, label: str) -> str:
        """The name of what bears this label, or bore it: a person may have given it another one since."""
        return self.labels.get((entity, LABELS.get(entity, "name"), label), label)

    def of(self, side: Side, entity: str) -> list[Held]:
        """Every record of that entity there ever was on that side."""
        return [held for (where, name, _), held in self.records.items() if (where, name) == (side, entity)]

    def name_of(self, side: Side, entity: str, key: Key) -> str:
        held = self.records.get((side, entity, key))
        return held.identity if held is not None else f"{side}:{key}"

    def target_of(self, side: Side, value: Value) -> Held | None:
        """The record that a reference names on its own side."""
        return self.records.get((side, value.entity, value.key)) if isinstance(value, Ref) else None

    def partner_of(self, held: Held) -> Held | None:
        """The record that the store has in one link with this one, as its own or as an alias, also if that is over."""
        kind, other = self.specs[held.entity].kind, held.side.other
        link = self.world.look("links_by_key", kind, held.side, [held.key]).get(held.key)
        return self.records.get((other, held.entity, str(link.keys[other]))) if link is not None else None

    def survivors(self, entity: str, identity: str) -> set[str]:
        """The identity itself and those that took it over, on either side, in as many steps as it took."""
        found, open_ = set[str](), [identity]
        while open_:
            name = open_.pop()
            if name not in found:
                found.add(name)
                thing = self.things.get((entity, name))
                if thing is not None:
                    open_ += thing.merged_to
        return found

    def survivor_of(self, held: Held) -> Held | None:
        """What the record was merged into, if its system tells: in one that does not, it is gone like a deleted one."""
        if held.into is None or self.specs[held.entity].systems[held.side].capabilities.deletes == "none":
            return None
        return self.records.get((held.side, held.entity, held.into))

    def same(self, one: Hashable, other: Hashable) -> bool:
        """Equal, references through merges."""
        if one == other:
            return True
        if not (isinstance(one, tuple) and isinstance(other, tuple) and one[:1] == other[:1] == (REF,)):
            return False
        return one[1] == other[1] and bool(self.survivors(*one[1:]) & self.survivors(*other[1:]))

    def read(self, held: Held, fields: Fields) -> tuple[dict[str, Value], dict[str, Hashable]]:
        """A record's canonical values, and its comparable ones by unit."""
        values = decoded(self.world.specs[held.entity], held.side, fields)
        return values, units_of(self.specs[held.entity], held.side, values, self.name_of)

    def keyed(self, held: Held, values: Mapping[str, Value]) -> dict[str, Hashable]:
        """Comparable values of a record, as its own system has them: references by their keys."""
        return units_of(self.specs[held.entity], held.side, values, lambda side, entity, key: key)

    def agreeing(self, thing: Thing) -> Iterator[tuple[Edit, Edit]]:
        """What both sides of a thing show alike now, unit by unit."""
        for held in thing.live(Side.LEFT):
            for mate in thing.live(Side.RIGHT):
                for unit, edit in held.shows.items():
                    other = mate.shows.get(unit)
                    dark = unit in held.dark | mate.dark
                    if other is not None and not dark and self.same(edit.value, other.value):
                        yield edit, other

    def was_agreed(self, edit: Edit) -> bool:
        """Whether the value went back to what both sides had last agreed on, before we brought anything else across."""
        old = edit.before
        while old is not None and not old.brought:
            if old.settled and self.same(old.value, edit.value):
                return True
            old = old.before
        return old is not None and self.same(old.value, edit.value)


def leads_to(entity: str, value: Hashable) -> bool:
    return isinstance(value, tuple) and value[:2] == (REF, entity)


def is_ref(value: Hashable) -> bool:
    return isinstance(value, tuple) and value[:1] == (REF,)
