"""Turns what was read into decisions: decodes both sides, resolves references, lets `merge` decide, item by item.

Nothing is written here. The same assessment serves `plan` (which shows it) and `apply` (which carries it out).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.engine.effects import Effects, look
from connector.engine.work import Work
from connector.errors import NoImageError
from connector.mapping.translate import Decoded
from connector.merge.base import Base, unpack
from connector.merge.fields import Cell, Decision, Verb, decide
from connector.merge.functions import FUNCTIONS
from connector.merge.lines import LinesPlan, LineTools, merge_lines
from connector.merge.records import Status, Step, decide_record
from connector.merge.rules import Flow, Unit
from connector.model.canonical import load
from connector.model.records import Key, Record
from connector.model.rows import ConflictRow, LinkRow, LinkState
from connector.model.values import SIDES, Line, Ref, Side, Sides, Value
from connector.ports import Tx

Partners = Mapping[tuple[str, Side, Key], Key | None]


class UnlinkedError(Exception):
    """A reference whose target has no partner on the other side yet. `waits`: what would release it."""

    def __init__(self, waits: str) -> None:
        super().__init__(waits)
        self.waits = waits


@dataclass(slots=True)
class Item:
    """One thing to decide on: a link with what both sides show, or one unlinked record.

    fresh: the link is new in this run (records just matched) and not stored yet. rounds: how often it was written.
    """

    link: LinkRow | None
    records: Sides[Record | None]
    keys: Sides[Key | None]
    doubt: str | None = None
    own: bool = False
    fresh: bool = False
    rounds: int = 0
    decoded: dict[Side, Decoded] = field(default_factory=dict)
    encodings: dict[Side, dict[str, bytes]] = field(default_factory=dict)
    wholes: dict[Side, bytes] = field(default_factory=dict)
    conflicts: dict[str, ConflictRow] = field(default_factory=dict)

    @property
    def single(self) -> Side | None:
        """The only side that exists, for an unlinked record or a half link; None when both do."""
        if self.keys.left is None:
            return Side.RIGHT
        return Side.LEFT if self.keys.right is None else None


@dataclass(slots=True)
class UnitPlan:
    """What happens to one unit. values: what each written side gets, in that side's terms. waits: see HintRow."""

    unit: Unit
    decision: Decision
    values: dict[Side, dict[str, Value]] = field(default_factory=dict)
    lines: LinesPlan | None = None
    waits: str | None = None
    reason: str = ""


@dataclass(slots=True)
class ItemPlan:
    """What happens to one item: a step for the record, and where it merges, a plan per unit that is not kept."""

    item: Item
    step: Step | None
    status: Sides[Status] | None
    base: Base
    units: list[UnitPlan] = field(default_factory=list)
    create: Side | None = None
    values: dict[str, Value] = field(default_factory=dict)
    waits: str | None = None
    reason: str = ""
    refused: bool = False

    def targets(self) -> list[Side]:
        """Sides that get a write."""
        if self.create is not None:
            return [self.create]
        return [side for side in SIDES if any(side in plan.values for plan in self.units)]


def assess(work: Work, items: Sequence[Item]) -> Effects[list[ItemPlan]]:
    """Decide on a batch of items. Two looks at the store at most, whatever the size."""
    refs = decode_items(work, items)
    links = [item.link.id for item in items if item.link is not None]
    partners, conflicts = yield from look(lambda tx: lookups(tx, work, refs, links))
    by_link: dict[int, dict[str, ConflictRow]] = {}
    for row in conflicts:
        by_link.setdefault(row.link, {})[row.unit] = row
    plans = []
    for item in items:
        if item.link is not None:
            item.conflicts = by_link.get(item.link.id, {})
        plans.append(Assessor(work, item, partners).plan())
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
            item.encodings[side] = work.shape.encodings(item.decoded[side].values)
        if item.link is not None and side not in item.wholes:
            item.wholes[side] = work.shape.whole(item.encodings[side], side, item.link.id)
    for side, decoded in item.decoded.items():
        for ref in work.shape.references(decoded.values):
            refs.setdefault((ref.entity, side), set()).add(ref.key)


def lookups(
    tx: Tx, work: Work, refs: Mapping[tuple[str, Side], Iterable[Key]], links: Sequence[int]
) -> tuple[Partners, list[ConflictRow]]:
    partners: dict[tuple[str, Side, Key], Key | None] = {}
    for (entity, side), keys in refs.items():
        found = tx.partners(work.spec.kind_of(entity), side, list(keys))
        for key, (_, other) in found.items():
            partners[entity, side, key] = other
    return partners, tx.conflicts(work.spec.kind, links) if links else []


class Assessor:
    """Decides on one item."""

    def __init__(self, work: Work, item: Item, partners: Partners) -> None:
        self.work = work
        self.spec = work.spec
        self.item = item
        self.partners = partners

    # ------------------------------------------------------------------------------------------ record level

    def plan(self) -> ItemPlan:
        item, link = self.item, self.item.link
        if item.single is not None:
            return self._plan_single(item.single)
        assert link is not None
        status = Sides(self._status(Side.LEFT), self._status(Side.RIGHT))
        step = decide_record(status)
        blob_units = self.work.layouts.get(link.layout, ())
        base = unpack(link.base, blob_units)
        if step.target is not None and self._differs(base, step.target):
            return ItemPlan(item, Step.HOLD, status, base)
        if step in (Step.KEEP, Step.MERGE):
            # Looked at although both sides are as last seen: a unit that was put off then may be due now.
            return self._merge(base, status)
        return ItemPlan(item, step, status, base)

    def _status(self, side: Side) -> Status:
        record, link = self.item.records[side], self.item.link
        assert link is not None
        if record is None:
            return self._missing(side)
        if record.merged_into is not None:
            return Status.MERGED
        if record.deleted:
            return Status.DELETED
        if link.state is LinkState.CLOSED:
            return Status.RESTORED
        if self.work.later(side, link.seen[side], record.version):
            return Status.UNKNOWN
        return Status.UNCHANGED if self.item.wholes[side] == link.prints[side] else Status.CHANGED

    def _differs(self, base: Base, side: Side) -> bool:
        """Whether a record that would be deleted shows something the other side never agreed to (I17)."""
        decoded = self.item.decoded[side]
        index = 0 if side is Side.LEFT else 1
        for unit in self.spec.units:
            if any(name in decoded.held for name in unit.fields):
                return True
            if unit.flow is Flow.NONE or _empty(self.work.shape.unit_value(unit, decoded.values)):
                continue
            old = base.prints.get(unit.name)
            if unit.is_lines:
                if self._lines_differ(base, side):
                    return True
            elif old is None or old[index] != self._print(unit, side):
                return True
        return False

    def _lines_differ(self, base: Base, side: Side) -> bool:
        assert self.item.link is not None
        known = {row.left if side is Side.LEFT else row.right: row.prints for row in base.lines or ()}
        index = 0 if side is Side.LEFT else 1
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
        since = self.work.missing_since.get((side, str(self.item.keys[side])))
        proved = since is not None and self.work.started - since >= self.spec.settle and self.work.alive[side] > 0
        return Status.DELETED if proved else Status.MISSING

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

    def _merge(self, base: Base, status: Sides[Status] | None) -> ItemPlan:
        plan = ItemPlan(self.item, Step.MERGE, status, base)
        newer = self._newer()
        for unit in self.spec.units:
            unit_plan = self._lines(unit, base, newer) if unit.is_lines else self._unit(unit, base, newer)
            if unit_plan is not None and unit_plan.decision.verb is not Verb.KEEP:
                plan.units.append(unit_plan)
        return plan

    def _present(self, unit: Unit) -> bool:
        return all(unit.name in self.item.encodings[side] for side in SIDES)

    def _held(self, unit: Unit) -> str | None:
        for side in SIDES:
            for name in unit.fields:
                reason = self.item.decoded[side].held.get(name)
                if reason is not None:
                    return f"{name} in {self.spec.names[side]}: {reason}"
        return None

    def _unit(self, unit: Unit, base: Base, newer: Side | None) -> UnitPlan | None:
        held = self._held(unit)
        if held is not None:
            return UnitPlan(unit, Decision(Verb.HOLD, 16), reason=held)
        if not self._present(unit):
            return None
        now = Sides(self._print(unit, Side.LEFT), self._print(unit, Side.RIGHT))
        old = base.prints.get(unit.name)
        conflict = self.item.conflicts.get(unit.name)
        if old is not None and conflict is None and old == (now.left, now.right):
            return None
        cell, carried, reason, waits = self._cell(unit, base, now, conflict, newer)
        decision = decide(unit, cell)
        plan = UnitPlan(unit, decision, reason=reason)
        if decision.verb is Verb.DEFER:
            plan.waits = waits
        elif decision.verb is Verb.MERGE:
            plan.values = self._merged(unit, base)
        elif decision.verb.target is not None:
            plan.values[decision.verb.target] = carried[decision.verb.target]
        return plan

    def _print(self, unit: Unit, side: Side) -> bytes:
        link = self.item.link.id if self.item.link is not None else 0
        return self.work.shape.print(unit.name, self.item.encodings[side][unit.name], side, link)

    def _cell(
        self, unit: Unit, base: Base, now: Sides[bytes], conflict: ConflictRow | None, newer: Side | None
    ) -> tuple[Cell, dict[Side, dict[str, Value]], str, str | None]:
        old = base.prints.get(unit.name)
        values = Sides(
            self.work.shape.unit_value(unit, self.item.decoded[Side.LEFT].values),
            self.work.shape.unit_value(unit, self.item.decoded[Side.RIGHT].values),
        )
        carried: dict[Side, dict[str, Value]] = {}
        no_image: set[Side] = set()
        unlinked: set[Side] = set()
        reason, waits = "", None
        agree = False
        for target in SIDES:
            try:
                moved = {name: self.carry(target.other, name, v) for name, v in values[target.other].items()}
                carried[target] = moved
                agree = agree or self.same(target, moved, values[target])
            except NoImageError as error:
                no_image.add(target)
                reason = str(error)
            except UnlinkedError as error:
                unlinked.add(target)
                waits = error.waits
        chosen = conflict.choice if conflict is not None and _still(conflict, now) else None
        cell = Cell(
            has_base=old is not None,
            changed_left=old is not None and old[0] != now.left,
            changed_right=old is not None and old[1] != now.right,
            agree=agree,
            empty_left=_empty(values.left),
            empty_right=_empty(values.right),
            frozen=conflict is not None and conflict.reason == "conflict",
            chosen=chosen,
            newer=newer,
            mergeable=self._mergeable(unit, base),
            no_image=frozenset(no_image),
            unlinked=frozenset(unlinked),
        )
        return cell, carried, reason, waits

    def same(self, target: Side, moved: Mapping[str, Value], shown: Mapping[str, Value]) -> bool:
        """Whether the target shows what it would show if it were written with the moved values."""
        if moved == shown:
            return True
        mapping = self.spec.systems[target].mapping
        context = self._beside(target)
        return (
            all(
                name in mapping.writable and mapping.image(name, value, context) == shown.get(name)
                for name, value in moved.items()
            )
            and moved.keys() == shown.keys()
        )

    def _beside(self, target: Side) -> dict[str, Value]:
        """The target's values, but those that others cannot be expressed without (a currency) as the source has them.

        They change together: an amount in a new currency is judged beside that currency.
        """
        mapping, source = self.spec.systems[target].mapping, self.item.decoded[target.other].values
        needed = {other for others in mapping.together.values() for other in others}
        return {**self.item.decoded[target].values, **{name: source[name] for name in needed if name in source}}

    def carry(self, source: Side, name: str, value: Value) -> Value:
        """A value in the other side's terms: references re-pointed. Raises UnlinkedError."""
        if isinstance(value, Ref):
            other = self.partners.get((value.entity, source, value.key))
            if other is None:
                raise UnlinkedError(f"{self.spec.kind_of(value.entity)}/{source}/{value.key}")
            return Ref(value.entity, other)
        if isinstance(value, tuple) and name == "lines":
            lines = [line for line in value if isinstance(line, Line)]
            return tuple(Line(None, line.key, self._carry_line(source, line)) for line in lines)
        return value

    def _carry_line(self, source: Side, line: Line) -> dict[str, Value]:
        return {
            name: self.carry(source, name, line.values[name])
            for name in self.work.shape.line_fields
            if name in line.values
        }

    def _newer(self) -> Side | None:
        """The side changed later beyond doubt: by more than the margin, and not by ourselves."""
        records = self.item.records
        left, right = records.left, records.right
        if left is None or right is None or left.modified is None or right.modified is None:
            return None
        for side, record in ((Side.LEFT, left), (Side.RIGHT, right)):
            if record.modified_by is None or record.modified_by == self.spec.systems[side].principal:
                return None
        gap = (left.modified - right.modified).total_seconds()
        margin = self.spec.margin + max(s.capabilities.granularity for s in self.spec.systems)
        if abs(gap) <= margin:
            return None
        return Side.LEFT if gap > 0 else Side.RIGHT

    def _mergeable(self, unit: Unit, base: Base) -> bool:
        return bool(unit.function and unit.name in base.sealed and self._merged(unit, base))

    def _merged(self, unit: Unit, base: Base) -> dict[Side, dict[str, Value]]:
        """The merge function's result for each side that differs from it; empty where it does not apply."""
        if unit.function is None or unit.name not in base.sealed or len(unit.fields) != 1:
            return {}
        name = unit.fields[0]
        old, _ = load(self.work.vault.open(base.sealed[unit.name], b"base"))
        left, right = (self.item.decoded[side].values[name] for side in SIDES)
        try:
            result = FUNCTIONS[unit.function](old, left, right)
        except ValueError:
            return {}
        return {side: {name: result} for side, value in ((Side.LEFT, left), (Side.RIGHT, right)) if value != result}

    # ------------------------------------------------------------------------------------------------- lines

    def _lines(self, unit: Unit, base: Base, newer: Side | None) -> UnitPlan | None:
        held = self._held(unit)
        if held is not None:
            return UnitPlan(unit, Decision(Verb.HOLD, 16), reason=held)
        if not self._present(unit):
            return None
        link = self.item.link.id if self.item.link is not None else 0
        shape = self.work.shape
        tools = LineTools(
            shape.line_fields,
            lambda side, line: shape.line_prints(line, side, link),
            self._agree_line,
            lambda source, name, line: self.carry(source, name, line.values[name]),
        )
        conflict = self.item.conflicts.get(unit.name)
        now = Sides(self._print(unit, Side.LEFT), self._print(unit, Side.RIGHT))
        frozen = conflict is not None and conflict.reason == "conflict"
        chosen = conflict.choice if conflict is not None and _still(conflict, now) else None
        if conflict is None and base.prints.get(unit.name) == (now.left, now.right):
            return None
        sides = Sides(self._line_values(Side.LEFT), self._line_values(Side.RIGHT))
        try:
            merged = merge_lines(unit, base.lines, sides, tools, frozen=frozen, chosen=chosen, newer=newer)
        except NoImageError as error:
            return UnitPlan(unit, Decision(Verb.HOLD, 16), reason=str(error))
        except UnlinkedError as error:
            return UnitPlan(unit, Decision(Verb.DEFER, 17), waits=error.waits)
        plan = UnitPlan(unit, merged.decision, lines=merged)
        for side in SIDES:
            writes = merged.writes[side]
            if writes is not None:
                plan.values[side] = {"lines": tuple(write.line for write in writes)}
        return plan

    def same_lines(self, left: Value, right: Value) -> bool:
        """Whether both sides show the same lines, in whatever order: a matching partner for each."""
        if not isinstance(left, tuple) or not isinstance(right, tuple):
            return left == right
        rest = [line for line in right if isinstance(line, Line)]
        for line in left:
            names = self.work.shape.line_fields
            mate = next(
                (r for r in rest if isinstance(line, Line) and all(self._agree_line(n, line, r) for n in names)), None
            )
            if mate is None:
                return False
            rest.remove(mate)
        return not rest

    def _line_values(self, side: Side) -> tuple[Line, ...]:
        value = self.item.decoded[side].values["lines"]
        assert isinstance(value, tuple)
        return tuple(line for line in value if isinstance(line, Line))

    def _agree_line(self, name: str, left: Line, right: Line) -> bool:
        if name not in left.values or name not in right.values:
            return name not in left.values and name not in right.values
        for target, source_line, shown in ((Side.RIGHT, left, right), (Side.LEFT, right, left)):
            try:
                moved = self.carry(target.other, name, source_line.values[name])
                if moved == shown.values[name] or self._line_image(target, name, moved) == shown.values[name]:
                    return True
            except (UnlinkedError, NoImageError):
                continue
        return False

    def _line_image(self, target: Side, name: str, moved: Value) -> Value:
        mapping = self.spec.systems[target].mapping
        context = self._beside(target)
        return mapping.image_line(Line(None, None, {name: moved}), context).values.get(name, moved)


def _empty(values: Mapping[str, Value]) -> bool:
    return all(value is None or value == "" or value == () for value in values.values())


def _still(conflict: ConflictRow, now: Sides[bytes]) -> bool:
    """Whether both sides still show what a person saw when choosing."""
    return conflict.prints == now
