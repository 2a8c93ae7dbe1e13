"""From one item's plan to the rows and writes of a draft: creates, and merges of records both sides have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.engine.draft import Rows, Thread
from connector.engine.item import Item, ItemPlan, UnitPlan
from connector.engine.settle import Settlement, settled_lines
from connector.engine.settle_lines import SettledLine
from connector.engine.shape import ABSENT, is_blank
from connector.errors import NoImageError, RejectedError
from connector.merge.base import Base, pack
from connector.merge.fields import Verb
from connector.merge.oscillation import forget_writes
from connector.merge.rules import Unit
from connector.model.canonical import CANON_REV, dump
from connector.model.records import Key, Op
from connector.model.rows import HELD, LinkRow, LinkState
from connector.model.values import SIDES, Line, Ref, Side, Sides, Value, maybe, only

WAITS = 6 * 3600.0


class Drafter(Rows):
    """Drafts item by item."""

    # --------------------------------------------------------------------------------------------- creates

    def create(self, plan: ItemPlan) -> Thread:
        """Half link, intent and write for a record that exists on one side only."""
        item, target = plan.item, plan.create
        assert target is not None
        source = target.other
        record, key = item.records[source], item.keys[source]
        assert record is not None
        assert key is not None
        link = item.link
        if link is None:
            keys: Sides[Key | None] = only(source, key)
            seen = only(source, record.version)
            link = LinkRow(self.work.ids.pop(), self.spec.kind, LinkState.HALF, keys, 1, seen, layout=self.work.layout)
        else:
            link = replace(link, gen=link.gen + 1, layout=self.work.layout)
        try:
            fields, values = self._encode_create(target, plan.values)
        except RejectedError as error:
            self.refuse(item, source, "create", str(error), error.code)
            return Thread(item, link, Base(), "failed")
        (self.draft.updates if item.link is not None else self.draft.inserts).append(link)
        thread = Thread(item, link, Base(), "created")
        units = tuple(u.name for u in self.spec.units if any(name in values for name in u.fields))
        settlement = self._settlement(thread, source, units)
        shown = item.encodings[source]
        settlement.match = list(self.work.match_prints(source, item.decoded[source])) if self.spec.match else []
        settlement.blank = [
            u.name
            for u in self.spec.units
            if u.fill_empty and not u.is_lines and u.flow.allows(source) and u.name in shown and is_blank(shown[u.name])
        ]
        lines = plan.values.get("lines")
        if isinstance(lines, tuple) and "lines" in units:
            settlement.lines = self._lines_of_create(source, link.id, item)
        external_key = self.spec.systems[target].mapping.external_key
        external = None
        if external_key is not None and self.spec.systems[target].capabilities.external_key != "none":
            fields[external_key] = key
            if self.spec.systems[target].capabilities.external_key == "unique":
                external = (external_key, key)
        self.pend(thread, target, Op.CREATE, fields, None, settlement, values, units, external=external)
        return thread

    def _encode_create(self, target: Side, values: Mapping[str, Value]) -> tuple[dict[str, Any], dict[str, Value]]:
        """System fields and the values they carry; a field without image is left out, unless it is required."""
        left = dict(values)
        mapping = self.spec.systems[target].mapping
        for _ in range(len(values) + 1):
            try:
                return mapping.encode(left, create=True), left
            except NoImageError as error:
                name = field_of(error, left)
                if name is None or self.spec.entity.fields[name].required or name == "lines":
                    raise
                del left[name]
        raise RejectedError("no field could be written")

    def _lines_of_create(self, source: Side, link: int, item: Item) -> list[SettledLine]:
        value = item.decoded[source].values["lines"]
        lines = [line for line in value if isinstance(line, Line)] if isinstance(value, tuple) else []
        return [SettledLine(line.key, None, self.work.shape.line_prints(line, source, link)) for line in lines]

    # --------------------------------------------------------------------------------------------- updates

    def merge(self, plan: ItemPlan) -> Thread:
        """Adopts, conflicts, holds and writes of a record that exists on both sides."""
        item = plan.item
        link = item.link
        assert link is not None
        thread = Thread(item, link, plan.base)
        if item.fresh:
            self.journal("linked", "match", link=link.id, side=None, key=item.keys.left, detail=str(item.keys.right))
            self.work.tally.extra["linked"] += 1
        for unit in plan.units:
            self._unit(thread, unit)
        targets = plan.targets()
        written = [side for side in targets if self._write_side(thread, plan, side, alone=len(targets) == 1)]
        self.draft.closed.extend((link.id, name) for name in self._ended(thread))
        prints = thread.link.prints
        if not written:
            prints = maybe(self._whole(item, Side.LEFT, link.id), self._whole(item, Side.RIGHT, link.id))
        seen = Sides(self._version(item, Side.LEFT), self._version(item, Side.RIGHT))
        settled = self._end_doubts(thread, plan)
        thread.link = replace(
            thread.link,
            gen=thread.link.gen + len(written),
            prints=prints,
            seen=seen,
            layout=self.work.layout,
            canon=CANON_REV,
            base=pack(thread.base, self.work.shape.layout),
        )
        if item.fresh:
            self.draft.inserts.append(thread.link)
        elif (
            written
            or plan.units
            or settled
            or (prints, seen, self.work.layout) != (link.prints, link.seen, link.layout)
        ):
            self.draft.updates.append(thread.link)
        return thread

    def _ended(self, thread: Thread) -> list[str]:
        """Units whose rows are over: those that are held no longer, and those that the mapping knows no more.

        Both records are there, so nothing about the record as a whole waits either. A choice ends once carried out.
        """
        known = self.work.shape.by_name
        rows = thread.item.conflicts.items()
        over = {name for name, row in rows if row.reason == HELD and row.choice is None and name not in thread.held}
        return [name for name, _ in rows if name not in known or name in over]

    def _hold(self, thread: Thread, unit: str, detail: str) -> None:
        """Row 16. What a person chose for the unit stays chosen, over the values it was chosen for."""
        thread.result = "held"
        thread.held.add(unit)
        old = thread.item.conflicts.get(unit)
        nothing: Sides[bytes | None] = Sides(None, None)
        prints = old.prints if old is not None and old.choice is not None else nothing
        self.conflict(thread.link.id, unit, HELD, prints, detail)

    def _end_doubts(self, thread: Thread, plan: ItemPlan) -> bool:
        """Both sides were looked at: what agrees is agreed, whoever wrote it, and what was overwritten is named.

        What a write is made of agrees when that is done, and not before.
        """
        base = thread.base
        undecided = (Verb.CONFLICT, Verb.DEFER)
        still = {unit.unit.name for unit in plan.units if unit.decision.verb in undecided} | thread.held
        sources = {(unit.unit.name, unit.decision.verb.target is Side.RIGHT) for unit in plan.units if unit.values}
        ended = {place for place in base.doubted if place[0] not in still and place not in sources}
        base.doubted -= ended
        base.brought = {(unit, value) for unit, value in base.brought if unit in still}
        return bool(ended)

    def _unit(self, thread: Thread, plan: UnitPlan) -> None:
        """Rows for one unit that is not kept."""
        item, link, verb = thread.item, thread.link, plan.decision.verb
        name = plan.unit.name
        old = item.conflicts.get(name)
        if verb is Verb.ADOPT:
            self._adopt(thread, plan)
        elif verb is Verb.CONFLICT:
            thread.result = "held"
            self.conflict(link.id, name, plan.freezes, self._prints(thread, name))
            self._await_merge(item, plan.unit)
            self.work.tally.extra["conflicts"] += 1
        elif verb is Verb.HOLD:
            self._hold(thread, name, plan.reason)
        elif verb is Verb.DEFER:
            side = self._deferred_from(item, plan)
            self.draft.awaited.update([plan.waits] if plan.waits else [])
            self._defer(side, str(item.keys[side]), name, plan.waits)
            self.work.tally.extra["deferred"] += 1
            self._await_merge(item, plan.unit, [side.other])
        if verb in (Verb.HOLD, Verb.DEFER):
            self._note_put_off(thread, plan.unit)
        for side in _losers(thread.base, plan):
            self._lose(thread, plan, side)
        if plan.decision.closes:
            forget_writes(thread.base, [name])
        if old is not None and plan.decision.closes and verb.target is None and verb is not Verb.MERGE:
            self.draft.closed.append((link.id, name))

    def _note_put_off(self, thread: Thread, unit: Unit) -> None:
        """A value seen before it was agreed on: once emptied, it is not filled as if it never held one.

        What was agreed on a list of lines says nothing of those that were added to it since.
        """
        agreed = thread.base.prints.get(unit.name)
        if agreed is not None and not unit.is_lines:
            return
        for side, known in zip(SIDES, agreed or (None, None), strict=True):
            shown = thread.item.encodings[side].get(unit.name, ABSENT)
            if not is_blank(shown) and known != self.work.shape.print(unit.name, shown, side, thread.link.id):
                thread.base.doubted = thread.base.doubted | {(unit.name, side is Side.LEFT)}

    def _defer(self, side: Side, key: Key, unit: str, waits: str | None) -> None:
        """A hint that ends with the wait. A record has one hint: it waits for a link rather than for a merge.

        A link comes most often, and the record is looked at as a whole then, and what else it waits for noted again.
        """
        reason = f"{unit} waits"
        last = self.draft.hints.get((side, key))
        if last is not None and last.waits is not None:
            names = last.reason.removesuffix(" waits").removesuffix(" wait")
            reason = f"{names}, {unit} wait"
            waits = waits if last.waits not in self.draft.awaited and waits in self.draft.awaited else last.waits
        self.hint(side, key, reason, self.now + WAITS, waits)

    def _await_merge(self, item: Item, unit: Unit, sides: Collection[Side] = SIDES) -> None:
        """References that differ come to lead to one thing where either of theirs is merged: then it is looked at."""
        for side in sides if len(unit.fields) == 1 else ():
            ref = item.decoded[side].values.get(unit.fields[0])
            if isinstance(ref, Ref):
                self._defer(side, str(item.keys[side]), unit.name, f"{self.spec.kind_of(ref.entity)}/{side}/{ref.key}")

    def _deferred_from(self, item: Item, plan: UnitPlan) -> Side:
        parts = (plan.waits or "").split("/")
        return Side.RIGHT if len(parts) > 3 and parts[3] == Side.RIGHT.value else Side.LEFT

    def _prints(self, thread: Thread, unit: str) -> Sides[bytes | None]:
        shape = self.work.shape
        item = thread.item
        return maybe(
            shape.print(unit, item.encodings[Side.LEFT][unit], Side.LEFT, thread.link.id),
            shape.print(unit, item.encodings[Side.RIGHT][unit], Side.RIGHT, thread.link.id),
        )

    def _adopt(self, thread: Thread, plan: UnitPlan) -> None:
        name = plan.unit.name
        prints = self._prints(thread, name)
        assert prints.left is not None
        assert prints.right is not None
        thread.base.prints[name] = (prints.left, prints.right)
        if plan.lines is not None:
            thread.base.lines = plan.lines.base
        if plan.unit.sealed and len(plan.unit.fields) == 1:
            field_name = plan.unit.fields[0]
            pair = tuple(thread.item.decoded[side].values[field_name] for side in SIDES)
            thread.base.sealed[name] = self.work.vault.seal(dump((pair[0], pair[1])), b"base")

    def _lose(self, thread: Thread, plan: UnitPlan, side: Side) -> None:
        body = self._before(thread.item, side, (plan.unit.name,))
        self.journal(
            "overwritten",
            f"{plan.unit.source} row {plan.decision.row}",
            link=thread.link.id,
            side=side,
            key=thread.item.keys[side],
            fields=plan.unit.name,
            body=body,
        )

    def _write_side(self, thread: Thread, plan: ItemPlan, side: Side, *, alone: bool) -> bool:
        """The write that brings one side in line; False when nothing of it can be expressed."""
        item = thread.item
        values: dict[str, Value] = {}
        units: list[UnitPlan] = []
        for unit in plan.units:
            if side in unit.values:
                values.update(unit.values[side])
                units.append(unit)
        mapping = self.spec.systems[side].mapping
        whole = self._with_companions(item, side, values)
        try:
            self._check_companions(item, side, values)
            fields = mapping.encode(whole, create=False)
        except NoImageError as error:
            name = field_of(error, {**whole, **dict.fromkeys(item.decoded[side].held)})
            causes = {name} if name in values else mapping.together.get(name or "", frozenset())
            unit_name = next((u.unit.name for u in units if causes.intersection(u.unit.fields)), units[0].unit.name)
            self._hold(thread, unit_name, str(error))
            plan.units = [u for u in plan.units if u.unit.name != unit_name]
            return bool(plan.units) and self._write_side(thread, plan, side, alone=alone) if len(units) > 1 else False
        names = tuple(unit.unit.name for unit in units)
        settlement = self._update_settlement(thread, units, side, alone=alone)
        record = item.records[side]
        assert record is not None
        if thread.result == "unchanged":
            thread.result = "updated"
        rule = "; ".join(dict.fromkeys(f"{u.unit.source} row {u.decision.row}" for u in units))
        self.pend(
            thread,
            side,
            Op.UPDATE,
            fields,
            record.version,
            settlement,
            values,
            names,
            rule=rule,
            before=self._before(item, side, names),
        )
        return True

    def _update_settlement(self, thread: Thread, units: Sequence[UnitPlan], side: Side, *, alone: bool) -> Settlement:
        settlement = self._settlement(thread, side.other, tuple(unit.unit.name for unit in units))
        settlement.closes = [u.unit.name for u in units if u.decision.closes]
        sent = {name: value for unit in units for name, value in unit.values[side].items()}
        settlement.written = self.work.shape.written(sent, side, thread.link.id)
        settlement.shared = [u.unit.name for u in units if side.other in u.values]
        shown, print_of = thread.item.encodings[side], self.work.shape.print
        settlement.halves = {n: print_of(n, shown[n], side, thread.link.id) for n in settlement.shared if n in shown}
        settlement.over = {n: print_of(n, shown[n], side, thread.link.id) for n in settlement.closes if n in shown}
        if not alone:
            # The other side's write may fail: the records as wholes, and lists of lines, agree only after both.
            settlement.whole = None
            settlement.units.pop("lines", None)
        for unit in units:
            if unit.lines is not None:
                self._line_settlement(thread, unit, side, settlement)
        return settlement

    def _with_companions(self, item: Item, side: Side, values: Mapping[str, Value]) -> dict[str, Value]:
        """The values to write with those that belong to them, as the target has them.

        These are what a value cannot be expressed without (an amount's currency), and what would mean something else
        beside the new value (the amounts of a currency): such a one has no image there, and the write is held.
        """
        shown = item.decoded[side].values
        return {**{name: shown[name] for name in self._companions(item, side, values) if name in shown}, **values}

    def _companions(self, item: Item, side: Side, values: Mapping[str, Value]) -> set[str]:
        mapping, shown = self.spec.systems[side].mapping, item.decoded[side].values
        changed = {name for name, value in values.items() if value != shown.get(name)}
        needed = {other for name in values for other in mapping.together.get(name, ())}
        return needed | {name for name, others in mapping.together.items() if changed & others}

    def _check_companions(self, item: Item, side: Side, values: Mapping[str, Value]) -> None:
        """Raises NoImageError where something that cannot be read would mean something else beside the new values."""
        held = item.decoded[side].held
        for name in sorted(self._companions(item, side, values) - values.keys()):
            if name in held:
                raise NoImageError(f"{name}: {held[name]}")

    def _line_settlement(self, thread: Thread, unit: UnitPlan, side: Side, settlement: Settlement) -> None:
        assert unit.lines is not None
        source = side.other
        value = thread.item.decoded[source].values["lines"]
        lines = [line for line in value if isinstance(line, Line)] if isinstance(value, tuple) else []
        writes = unit.lines.writes[side] or []
        settlement.lines = settled_lines(self.work, source, thread.link.id, writes, lines)
        settlement.removed = unit.lines.removed[side] if unit.lines.removed is not None else []
        if thread.base.lines is None:
            # Not agreed on before the write is done: should it be lost, both lists are compared as on a first link.
            settlement.table = unit.lines.base
        else:
            thread.base.lines = unit.lines.base


def field_of(error: NoImageError, values: Mapping[str, Value]) -> str | None:
    """The canonical field a NoImageError speaks of: its message starts with the name."""
    head = str(error).split(":", 1)[0].split(" ", 1)[0]
    return head if head in values else head.split("[")[0].split(".")[0] if head.split(".")[0] in values else None


def _losers(base: Base, plan: UnitPlan) -> list[Side]:
    """Sides whose value is given up. What is merged into a side in doubt may be less, or more, than was typed there."""
    merged = plan.values if plan.decision.verb is Verb.MERGE else ()
    doubted = {side for side in merged if (plan.unit.name, side is Side.LEFT) in base.doubted}
    return [side for side in SIDES if side is plan.decision.loser or side in doubted]
