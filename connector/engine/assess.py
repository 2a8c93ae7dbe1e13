"""Turns what was read into decisions: decodes both sides, resolves references, lets `merge` decide, item by item.

Nothing is written here. The same assessment serves `plan` (which shows it) and `apply` (which carries it out).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connector.engine.children import hold_parents
from connector.engine.effects import Effects, look
from connector.engine.item import Item, ItemPlan, Partners, UnitPlan, UnlinkedError
from connector.engine.units import Units, empty
from connector.engine.work import MISSING, Work
from connector.merge.base import LINE, Base
from connector.merge.documents import header_problem
from connector.merge.fields import Decision, Verb
from connector.merge.records import Status, Step, decide_record
from connector.merge.rules import Flow, Unit
from connector.model.entities import FieldType
from connector.model.records import Key, Record
from connector.model.rows import ConflictRow, LinkState
from connector.model.values import SIDES, Side, Sides, maybe
from connector.ports import Tx


def assess(work: Work, items: Sequence[Item]) -> Effects[list[ItemPlan]]:
    """Decide on a batch of items. Two looks at the store at most, whatever the size."""
    refs = decode_items(work, items)
    links = [item.link.id for item in items if item.link is not None]
    partners, conflicts = yield from look(lambda tx: lookups(tx, work, refs, links))
    taken = yield from look(lambda tx: _taken(tx, work.spec.kind, items))
    by_link: dict[int, dict[str, ConflictRow]] = {}
    for row in conflicts:
        by_link.setdefault(row.link, {})[row.unit] = row
    plans = []
    for item in items:
        if item.link is not None:
            item.conflicts = by_link.get(item.link.id, {})
        if taken and not taken.isdisjoint(zip(SIDES, item.keys, strict=True)) and _is_new(item):
            plans.append(ItemPlan(item, None, None, Base(), reason="was linked meanwhile", taken=True))
        else:
            plans.append(Assessor(work, item, partners).plan())
    yield from hold_parents(work, plans)
    return plans


def decode_items(work: Work, items: Sequence[Item]) -> dict[tuple[str, Side], set[Key]]:
    """Decode what the items' records show; the references they hold, by entity and side."""
    refs: dict[tuple[str, Side], set[Key]] = {}
    for item in items:
        _decode(work, item, refs)
    return refs


def _decode(work: Work, item: Item, refs: dict[tuple[str, Side], set[Key]]) -> None:
    for side in SIDES:
        record = item.records[side]
        if record is None or record.fields is None:
            continue
        if side not in item.decoded:
            item.decoded[side] = work.decode(side, record)
            item.encodings[side] = work.shape.shown(side, item.decoded[side], record.fields)
        if item.link is not None and side not in item.wholes:
            item.wholes[side] = work.shape.whole(item.encodings[side], side, item.link.id)
    for side, decoded in item.decoded.items():
        for ref in work.shape.references(decoded.values):
            refs.setdefault((ref.entity, side), set()).add(ref.key)


def _is_new(item: Item) -> bool:
    return item.link is None or item.fresh


def _taken(tx: Tx, kind: str, items: Sequence[Item]) -> set[tuple[Side, Key | None]]:
    """Keys of new items that belong to a link by now: the answer to another create may have been this very record."""
    found: set[tuple[Side, Key | None]] = set()
    for side in SIDES:
        keys = [key for item in items if _is_new(item) and (key := item.keys[side]) is not None]
        if keys:
            found.update((side, key) for key in tx.partners(kind, side, keys))
    return found


def lookups(
    tx: Tx, work: Work, refs: Mapping[tuple[str, Side], Iterable[Key]], links: Sequence[int]
) -> tuple[Partners, list[ConflictRow]]:
    partners: dict[tuple[str, Side, Key], tuple[int, Key | None]] = {}
    for (entity, side), keys in refs.items():
        kind = work.spec.kind_of(entity)
        found = tx.partners(kind, side, list(keys))
        # What led to one link that is over still is one thing, though it has no partner any more.
        lost = [key for key in keys if key not in found]
        over = tx.links_by_key(kind, side, lost) if lost else {}
        found.update({key: (link.id, None) for key, link in over.items()})
        partners.update({(entity, side, key): partner for key, partner in found.items()})
    return partners, tx.conflicts(work.spec.kind, links) if links else []


class Assessor(Units):
    """Decides on one item."""

    # ------------------------------------------------------------------------------------------ record level

    def plan(self) -> ItemPlan:
        item, link = self.item, self.item.link
        if item.single is not None:
            return self._plan_single(item.single)
        assert link is not None
        base = self.work.base_of(link)
        status = Sides(self._status(base, Side.LEFT), self._status(base, Side.RIGHT))
        step = decide_record(status)
        if step.target is not None and (self._differs(base, step.target) or self._is_kept(step.target)):
            step = Step.HOLD
        if step is Step.HOLD:
            return ItemPlan(item, step, status, base, told=self._told())
        if step in (Step.KEEP, Step.MERGE):
            # Looked at although both sides are as last seen: a unit that was put off then may be due now.
            return self._merge(base, status)
        return ItemPlan(item, step, status, base)

    def _status(self, base: Base, side: Side) -> Status:
        record, link = self.item.records[side], self.item.link
        assert link is not None
        if record is None:
            return self._missing(side)
        old = self.work.later(side, link.seen[side], record.version) or self._is_behind(side, record)
        gone = record.deleted or record.merged_into is not None
        if gone and old:
            return Status.UNKNOWN  # it may be back since
        if record.merged_into is not None:
            return Status.MERGED
        if record.deleted:
            return Status.DELETED
        if link.state is LinkState.CLOSED:
            return Status.RESTORED
        if old:
            return Status.UNKNOWN
        if self._ended_by_us(side.other):
            return Status.RESTORED
        if self.item.wholes[side] == link.prints[side]:
            return Status.UNCHANGED
        # The print of a whole record is a short cut: a change of the mapping, and writes to both sides at once, leave
        # an old one. Where the other record has ended, what both last agreed on decides, unit by unit.
        other = self.item.records[side.other]
        asked = link.layout != self.work.layout or other is None or other.deleted
        same = asked and link.base is not None and not self._differs(base, side)
        return Status.UNCHANGED if same else Status.CHANGED

    def _is_behind(self, side: Side, record: Record) -> bool:
        """Whether a newer version of the record is known of than could be read, or it could not be read at all."""
        place = (side, record.key)
        return place in self.work.absent or self.work.later(side, self.work.behind.get(place), record.version)

    def _ended_by_us(self, side: Side) -> bool:
        """Whether we deleted this record and an older store knows nothing of it: we do so only when its partner ended.

        What shows of the partner now came back since.
        """
        record = self.item.records[side]
        return record is not None and record.deleted and self.work.is_last_ours(side, record)

    def _told(self) -> bool:
        """Whether a person was asked about exactly this and has not answered."""
        row, wholes = self.item.conflicts.get("*"), self.item.wholes
        if row is None or row.choice is not None:
            return False
        return row.prints == maybe(wholes.get(Side.LEFT), wholes.get(Side.RIGHT))

    def _is_kept(self, side: Side) -> bool:
        """Whether a person decided that this side's record stays, though its partner is gone."""
        row = self.item.conflicts.get("*")
        return row is not None and row.choice is side

    def _differs(self, base: Base, side: Side) -> bool:
        """Whether a record that would be deleted shows something the other side never agreed to (I17)."""
        decoded = self.item.decoded[side]
        index = 0 if side is Side.LEFT else 1
        for unit in self.spec.units:
            if any(name in decoded.held for name in unit.fields):
                return True
            if unit.flow is Flow.NONE:
                continue
            old = base.prints.get(unit.name)
            if unit.is_lines:
                if "lines" in decoded.values and self._lines_differ(base, side):
                    return True
            elif old is None:
                if not empty(self.work.shape.unit_value(unit, decoded.values)):
                    return True
            elif unit.name not in self.item.encodings[side] or old[index] != self._print(unit, side):
                return True
        return False

    def _lines_differ(self, base: Base, side: Side) -> bool:
        assert self.item.link is not None
        known = {row.left if side is Side.LEFT else row.right: row.prints for row in base.lines or ()}
        index = 0 if side is Side.LEFT else 1
        if known.keys() - {"", *(str(line.key) for line in self._line_values(side))}:
            return True  # a line was removed
        for line in self._line_values(side):
            old = known.get(str(line.key), {})
            now = self.work.shape.line_prints(line, side, self.item.link.id)
            if any(name not in old or old[name][index] != value for name, value in now.items()):
                return True
        return False

    def _missing(self, side: Side) -> Status:
        """Missing counts as deleted once it was missing before, the settle time ago, and others can be read.

        Where a person was told that it is gone, that was proved before.
        """
        told = self.item.conflicts.get("*")
        if told is not None and told.prints[side] is None:
            return Status.DELETED
        return Status.DELETED if self.work.is_gone(side, str(self.item.keys[side])) else Status.MISSING

    def _plan_single(self, source: Side) -> ItemPlan:
        item = self.item
        plan = ItemPlan(item, None, None, Base())
        record = item.records[source]
        if record is None or record.deleted or record.merged_into:
            plan.reason = "gone before it was linked"
            return plan
        target = source.other
        if self.spec.entity.projects and not any(unit.flow.allows(target) for unit in self.spec.units):
            plan.reason = f"a {self.spec.entity.name} comes from {self.spec.names[target]}"
        elif self._is_behind(source, record):
            plan.waits = ""
            plan.reason = MISSING if (source, record.key) in self.work.absent else "an old version was read"
        elif item.doubt:
            plan.reason = item.doubt
            plan.refused = True
        elif item.link is None and self.work.open_creates[source] and self._may_be_ours(source):
            plan.waits = ""
            plan.reason = "may be the result of a write whose outcome is not known yet"
        elif item.own and item.link is None:
            plan.reason = "made by this connection, but no link knows it"
            plan.refused = True
        elif not any(unit.flow.allows(target) for unit in self.spec.units):
            plan.reason = f"this sync writes nothing in {self.spec.names[target]}"
        elif self.spec.entity.projects:
            entity = self.spec.entity.projects
            plan.waits = f"{self.spec.kind_of(entity)}/{source}/{item.keys[source]}"
            plan.reason = f"its {entity} is not linked yet"
        elif target not in self.spec.creates:
            plan.reason = f"this sync creates nothing in {self.spec.names[target]}"
        else:
            self._plan_create(plan, source, target)
        return plan

    def _may_be_ours(self, side: Side) -> bool:
        """Whether we may have made the record: it says so, or its system never tells."""
        return self.item.own or self.spec.systems[side].principal is None

    def _plan_create(self, plan: ItemPlan, source: Side, target: Side) -> None:
        """Everything the target can hold and the source may send; a required reference that is not linked waits."""
        decoded = self.item.decoded[source]
        wrong = self._wrong_sum()
        if wrong is not None:
            plan.reason, plan.refused = wrong, True
            return
        writable = self.spec.systems[target].mapping.writable
        for unit in self.spec.units:
            if not unit.flow.allows(target):
                continue
            try:
                for name in unit.fields:
                    if name in decoded.values and name in writable:
                        plan.values[name] = self.carry(source, name, decoded.values[name])
            except UnlinkedError as error:
                if unit.is_lines or self.spec.entity.fields[unit.fields[0]].required:
                    plan.waits = error.waits
                    plan.reason = f"waits for {error.waits}"
                    return
        for name, entity_field in self.spec.entity.fields.items():
            if entity_field.required and name in writable and plan.values.get(name) in (None, ""):
                held = decoded.held.get(name)
                plan.reason = f"{name}: {held or 'is required and empty'}"
                plan.refused = True
                return
        plan.create = target

    # -------------------------------------------------------------------------------------------- unit level

    def _wrong_sum(self) -> str | None:
        """Why no amount of this document may travel: on one of the sides it does not add up (I21)."""
        for side, decoded in self.item.decoded.items():
            problem = header_problem(decoded.values)
            if problem is not None:
                return f"in {self.spec.names[side]} {problem}"
        return None

    def _is_money(self, unit: Unit) -> bool:
        return any(self.spec.entity.fields[name].type is FieldType.MONEY for name in unit.fields)

    def _rules(self, base: Base) -> Sequence[Unit]:
        """The units; those that are read in another way than at the last agreement under the policy for that."""
        if not base.remapped or self.spec.on_remap is None:
            return self.spec.units
        changed, policy = base.remapped, self.spec.on_remap
        lines = any(name.startswith(LINE) for name in changed)
        return [
            replace(unit, initial=policy) if unit.name in changed or (unit.is_lines and lines) else unit
            for unit in self.spec.units
        ]

    def _merge(self, base: Base, status: Sides[Status] | None) -> ItemPlan:
        plan = ItemPlan(self.item, Step.MERGE, status, base)
        newer = self._newer()
        wrong = self._wrong_sum()
        for unit in self._rules(base):
            unit_plan = self._lines(unit, base, newer) if unit.is_lines else self._unit(unit, base, newer)
            if wrong is not None and (unit.is_lines or (unit_plan is not None and self._is_money(unit))):
                unit_plan = UnitPlan(unit, Decision(Verb.HOLD, 16), reason=wrong)
            if unit_plan is not None and unit_plan.decision.verb is not Verb.KEEP:
                plan.units.append(unit_plan)
        return plan
