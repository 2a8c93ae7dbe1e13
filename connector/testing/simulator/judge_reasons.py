"""Which rows excuse what at rest: a conflict, a wait for something still unlinked, what a dead letter carried.

And when such a row says too much.
"""

from __future__ import annotations

from connector.merge.rules import Unit
from connector.model.records import Key, Op
from connector.model.rows import DeadRow, HintRow, LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_rows import Rows
from connector.testing.simulator.judge_things import Held
from connector.testing.simulator.judge_values import references
from connector.testing.simulator.judge_writes import WriteRules
from connector.testing.simulator.systems import TrickySystem
from connector.testing.world import World

MISSING = "missing"
PARTNER_MISSING = "its partner is missing"


class Reasons:
    """The rows of one sync, as reasons why something is not as it should be."""

    def __init__(self, writes: WriteRules, verdicts: Verdicts, entity: str, rows: Rows) -> None:
        self.writes = writes
        self.ledger = writes.ledger
        self.world = writes.ledger.world
        self.verdicts = verdicts
        self.spec = writes.ledger.world.specs[entity]
        self.entity = entity
        self.rows = rows

    # ------------------------------------------------------------------------------------------------ rows

    def judge(self) -> None:
        """Nothing is due any more, nothing waits in vain, and no dead letter outlived a change of its record."""
        now = self.world.clock.now()
        for (side, key), hint in self.rows.hints.items():
            if hint.due <= now:
                what = self._held(side, key) or f"{self.entity} {side} {key}"
                self.verdicts.find("I1", f"{what}: still due at rest: {hint.reason}")
            survivor = self._resolved(hint.waits) if hint.waits is not None else None
            if survivor is not None:
                what = self._held(side, key) or f"{self.entity} {side} {key}"
                self.verdicts.find("I26", f"{what}: waits for {hint.waits}, and {survivor} is linked, its survivor")
        for (side, key), letter in self.rows.dead.items():
            held = self._held(side, key)
            if held is not None and is_released(letter, held):
                self.verdicts.find("I26", f"{held}: changed since it was refused, and not tried again")

    def _held(self, side: Side, key: Key) -> Held | None:
        return self.ledger.records.get((side, self.entity, key))

    # --------------------------------------------------------------------------------------------- reasons

    def says(self, link: LinkRow, name: str) -> bool:
        """Whether a row says why this unit (`*`: the record) of a link is not as it should be."""
        if {name, "*"} & self.rows.conflicts.get(link.id, {}).keys():
            return True
        places = [(side, key) for side in SIDES if (key := link.keys[side]) is not None]
        if any(self._carried(link, self.rows.dead[place], name) for place in places if place in self.rows.dead):
            return True
        hints = [hint for place in places if (hint := self.rows.hints.get(place)) is not None]
        unit = self.spec.unit(name)
        if unit is None:
            return any(hint.reason == MISSING for hint in hints)
        return any(_is_about(hint, name) for hint in hints) and any(self._waits(unit, *place) for place in places)

    def _carried(self, link: LinkRow, letter: DeadRow, name: str) -> bool:
        """What was refused was what the write carried; a refused end, or create, is one of the record."""
        if letter.op != Op.UPDATE:
            return name == "*"
        target = letter.side.other
        return name in self.writes.carried.get((target, self.entity, str(link.keys[target])), ())

    def _waits(self, unit: Unit, side: Side, key: Key) -> bool:
        """Row 17: whether one of this unit's references leads to what has no partner (yet)."""
        held = self._held(side, key)
        shown = {name: held.values[name] for name in unit.fields if name in held.values} if held is not None else {}
        return any(not self._is_linked(self.spec.kind_of(ref.entity), side, ref.key) for ref in references(shown))

    def _is_linked(self, kind: str, side: Side, key: Key) -> bool:
        link: LinkRow | None = self.world.look("links_by_key", kind, side, [key]).get(key)
        return link is not None and link.state is LinkState.LINKED

    def _resolved(self, waits: str) -> Held | None:
        """What a record without a link, that a row waits for, was merged into, if that is linked: children resolve to
        it (2.2, G). None where no feed told of the merge, or the store that knew was lost; and where the survivor had
        ended on the way and came back (Z): what has ended proves that nothing comes. A run that died or was stopped,
        and a plan, leave the cursors where they were (3.1, 0002): from the beginning no feed tells the next of it.
        """
        kind, where, key = waits.rsplit("/", 2)
        side, entity = Side(where), next(name for name, spec in self.ledger.specs.items() if spec.kind == kind)
        first = self.ledger.records.get((side, entity, key))
        if first is None or self.writes.restored or not first.heard or is_left_out(self.world, first):
            return None
        if self.world.look("links_by_key", kind, side, [key]):
            return None
        path = [first]
        while (held := self.ledger.survivor_of(path[-1])) is not None and held not in path:
            path.append(held)
        last = path[-1]
        came_back = any(one.back for one in path)
        return last if last.live and not came_back and self._is_linked(kind, side, last.key) else None

    def names_any(self, link: LinkRow) -> bool:
        """Whether a row says why a link is half: its record waits for what it refers to, or was refused."""
        return any(self.names(side, key) for side in SIDES if (key := link.keys[side]) is not None)

    def names(self, side: Side, key: Key) -> bool:
        """Whether a row says why this unlinked record is alone.

        A record has a hint and a dead letter at once: its references wait for a merge, and a write of it was refused.
        """
        hint = self.rows.hints.get((side, key))
        if hint is not None and hint.waits is not None:
            kind, where, awaited = hint.waits.rsplit("/", 2)
            if not self._is_linked(kind, Side(where), awaited):
                return True
        return (side, key) in self.rows.dead

    def waits_for_missing(self, held: Held) -> bool:
        """Whether a row says that this unlinked record waits for one that is missing, and will be for ever (2.1)."""
        hint = self.rows.hints.get((held.side, held.key))
        if hint is None or hint.reason != PARTNER_MISSING:
            return False
        mates = self.ledger.things[self.entity, held.identity].records[held.side.other]
        rows = [(mate, self.rows.hints.get((mate.side, mate.key))) for mate in mates]
        missing = [mate for mate, row in rows if row is not None and row.reason == MISSING]
        return any(self.writes.is_past_telling(mate) for mate in missing)


def is_left_out(world: World, held: Held) -> bool:
    """Whether the lists left out its last change, because it was hidden: they turn to it again at its next one."""
    system = world.crm if held.side is Side.LEFT else world.erp
    object_ = world.specs[held.entity].systems[held.side].object
    return isinstance(system, TrickySystem) and held.key in system.untold[object_]


def _is_about(hint: HintRow, name: str) -> bool:
    about, waits, _ = hint.reason.partition(" wait")
    return bool(waits) and hint.waits is not None and name in about.split(", ")


def is_released(letter: DeadRow, held: Held) -> bool:
    """Protocol 3: DEAD is released when either side changes; a create of unknown outcome by a person only (3.2).

    What was refused is the version that was sent: a change since then counts, also one before the refusal.
    """
    if not held.live or (letter.op == Op.CREATE and letter.code == "uncertain"):
        return False
    sent = held.made.get(letter.version) if letter.version is not None else None
    return held.changed > letter.since or (sent is not None and held.moved > sent)
