"""The person before whom things are put: decides conflicts, takes dead letters up again. As the program does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.model.rows import ConflictRow, HintRow, LinkRow
from connector.model.values import SIDES, Side, Sides
from connector.testing.tables import alive
from connector.testing.world import World

Decided = Callable[[LinkRow, str, Side], None]


class Desk:
    """decided: told of every choice, before it is carried out."""

    def __init__(self, world: World, decided: Decided) -> None:
        self.world = world
        self.decided = decided

    def conflicts(self) -> list[tuple[SyncSpec, ConflictRow]]:
        """Everything that waits for a decision, in the order of the syncs."""
        found = []
        for spec in self.world.specs.values():
            with self.world.store.look() as tx:
                found += [(spec, row) for row in sorted(tx.conflicts(spec.kind), key=lambda r: (r.link, r.unit))]
        return found

    def decide(self, place: int, side: Side) -> bool:
        """Take that side's value for one conflict, over what both systems show now; False when none can be decided."""
        rows = [(s, row) for s, row in self.conflicts() if row.unit == "*" or row.reason == "conflict"]
        if not rows:
            return False
        spec, row = rows[place % len(rows)]
        with self.world.store.look() as tx:
            link = tx.links_by_id([row.link])[row.link]
        prints = self._prints(spec, link, row.unit)
        if row.unit == "*":
            prints = Sides(*(prints[side] or row.prints[side] for side in SIDES))
        elif prints.left is None or prints.right is None:
            return False
        row = replace(row, prints=prints, choice=None)
        self.decided(link, row.unit, side)
        now = self.world.clock.now()
        keys = {side: key for side in SIDES if (key := link.keys[side]) is not None}
        with self.world.store.begin() as tx:
            tx.put_conflicts([row])
            tx.choose(row.link, row.unit, side)
            tx.put_hints([HintRow(link.kind, s, key, None, "resolved", now, first=now) for s, key in keys.items()])
        return True

    def _prints(self, spec: SyncSpec, link: LinkRow, unit: str) -> Sides[bytes | None]:
        """The unit's prints, or the record's, as both systems show it now; None where one does not."""
        shape = Shape(spec, self.world.vault)
        found: Sides[bytes | None] = Sides(None, None)
        for side in SIDES:
            system = self.world.crm if side is Side.LEFT else self.world.erp
            mapping = spec.systems[side].mapping
            row = next((r for r in system.rows(mapping.object) if r.key == link.keys[side] and alive(r)), None)
            if row is not None:
                encodings = shape.shown(side, mapping.decode(row.fields), row.fields)
                if unit == "*":
                    found = found.with_(side, shape.whole(encodings, side, link.id))
                elif unit in encodings:
                    found = found.with_(side, shape.print(unit, encodings[unit], side, link.id))
        return found

    def retry(self) -> int:
        """Take every dead letter up again, as `connector dead-letters retry` does; how many."""
        now = self.world.clock.now()
        with self.world.store.begin() as tx:
            rows = [row for spec in self.world.specs.values() for row in tx.dead(spec.kind)]
            for row in rows:
                tx.drop_dead(row.kind, row.side, [row.key])
            tx.put_hints([HintRow(row.kind, row.side, row.key, None, "retry", now, first=now) for row in rows])
        return len(rows)
