"""Decides on the units of one item: compares both sides with their base, carries values across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connector.engine.item import Item, Partners, UnitPlan, UnlinkedError
from connector.engine.work import Work
from connector.errors import NoImageError
from connector.merge.base import Base
from connector.merge.fields import Cell, Decision, Verb, decide, naming
from connector.merge.functions import FUNCTIONS
from connector.merge.lines import LineTools, merge_lines
from connector.merge.oscillation import oscillates
from connector.merge.rules import Flow, Unit
from connector.model.canonical import load
from connector.model.rows import FROZEN, OSCILLATION, ConflictRow
from connector.model.values import SIDES, Line, Ref, Side, Sides, Value


class Units:
    """The units of one item."""

    def __init__(self, work: Work, item: Item, partners: Partners) -> None:
        self.work = work
        self.spec = work.spec
        self.item = item
        self.partners = partners

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
            # Of two references that are not linked, only the one that keeps it from being written is waited for.
            alone = [t for t in waits if decide(unit, replace(cell, unlinked=frozenset({t}))).verb is Verb.DEFER]
            plan.waits = waits[alone[-1]]
        elif decision.verb is Verb.MERGE:
            plan.values = self._merged(unit, base)
        elif decision.verb.target is not None:
            plan.values[decision.verb.target] = carried[decision.verb.target]
        return self._unless_looping(plan, base, conflict)

    def _unless_looping(self, plan: UnitPlan, base: Base, conflict: ConflictRow | None) -> UnitPlan:
        """The plan, or a conflict where its writes would repeat a loop (row 18)."""
        link = self.item.link
        if link is not None and plan.values:
            prints = {side: self.work.shape.written(values, side, link.id) for side, values in plan.values.items()}
            values = {side: found[plan.unit.name] for side, found in prints.items() if plan.unit.name in found}
            if oscillates(base, plan.unit.name, plan.decision, values, self.work.started):
                decision = Decision(Verb.CONFLICT, 18)
                return UnitPlan(plan.unit, decision, reason="the same value again and again", freezes=OSCILLATION)
        if conflict is not None and conflict.reason == OSCILLATION:
            plan.freezes = OSCILLATION
        return plan

    def _print(self, unit: Unit, side: Side) -> bytes:
        link = self.item.link.id if self.item.link is not None else 0
        return self.work.shape.print(unit.name, self.item.encodings[side][unit.name], side, link)

    def _cell(
        self, unit: Unit, base: Base, now: Sides[bytes], conflict: ConflictRow | None, newer: Side | None
    ) -> tuple[Cell, dict[Side, dict[str, Value]], str, dict[Side, str]]:
        old = base.prints.get(unit.name)
        values = Sides(
            self.work.shape.unit_value(unit, self.item.decoded[Side.LEFT].values),
            self.work.shape.unit_value(unit, self.item.decoded[Side.RIGHT].values),
        )
        carried: dict[Side, dict[str, Value]] = {}
        no_image: set[Side] = set()
        waits: dict[Side, str] = {}
        reason = ""
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
                waits[target] = error.waits
        if len(unit.fields) == 1:
            agree = agree or self.same_reference(*(values[side].get(unit.fields[0]) for side in SIDES))
        chosen = conflict.choice if conflict is not None and _still(conflict, now) else None
        cell = Cell(
            has_base=old is not None,
            changed_left=old is not None and old[0] != now.left,
            changed_right=old is not None and old[1] != now.right,
            agree=agree,
            empty_left=empty(values.left),
            empty_right=empty(values.right),
            frozen=_is_frozen(conflict),
            chosen=chosen,
            newer=newer,
            mergeable=self._mergeable(unit, base),
            no_image=frozenset(no_image),
            unlinked=frozenset(waits),
            doubted=_doubted(base, unit),
            brought=frozenset(side for side in SIDES if base.brought and (unit.name, now[side]) in base.brought),
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

    def same_reference(self, left: Value, right: Value) -> bool:
        """Whether both lead to the same thing: also where one of them names a record that was merged into it."""
        if not isinstance(left, Ref) or not isinstance(right, Ref):
            return False
        one = self.partners.get((left.entity, Side.LEFT, left.key))
        other = self.partners.get((right.entity, Side.RIGHT, right.key))
        return one is not None and other is not None and one[0] == other[0]

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
            _, other = self.partners.get((value.entity, source, value.key), (0, None))
            if other is None:
                raise UnlinkedError(f"{self.spec.kind_of(value.entity)}/{source}/{value.key}")
            return Ref(value.entity, other)
        if isinstance(value, tuple) and name == "lines":
            lines = [line for line in value if isinstance(line, Line)]
            return tuple(Line(None, line.key, self._carry_line(source, line)) for line in lines)
        return value

    def _carry_line(self, source: Side, line: Line) -> dict[str, Value]:
        shape, shown = self.work.shape, line.values
        values = {name: shown[name] for name in shape.line_fields if name in shown}
        for name in shape.line_refs:
            if name in values:
                values[name] = self.carry(source, name, values[name])
        return values

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
        unlinked: list[str] = []

        def carry(source: Side, name: str, line: Line) -> Value:
            try:
                return self.carry(source, name, line.values[name])
            except UnlinkedError as error:
                unlinked.append(error.waits)
                return None

        tools = LineTools(
            shape.line_fields, lambda side, line: shape.line_prints(line, side, link), self._agree_line, carry
        )
        conflict = self.item.conflicts.get(unit.name)
        now = Sides(self._print(unit, Side.LEFT), self._print(unit, Side.RIGHT))
        frozen = _is_frozen(conflict)
        chosen = conflict.choice if conflict is not None and _still(conflict, now) else None
        if conflict is None and base.prints.get(unit.name) == (now.left, now.right):
            return None
        sides = Sides(self._line_values(Side.LEFT), self._line_values(Side.RIGHT))
        try:
            merged = merge_lines(unit, base.lines, sides, tools, frozen=frozen, chosen=chosen, newer=newer)
        except NoImageError as error:
            return UnitPlan(unit, Decision(Verb.HOLD, 16), reason=str(error))
        if unlinked and not self._is_asked(merged.decision, sides):
            return UnitPlan(unit, Decision(Verb.DEFER, 17), waits=unlinked[0])
        if merged.decision.verb is Verb.KEEP and merged.decision.row != 0 and not frozen:
            # Looked at in full, and nothing to do: drift that is ignored, or lines in another order. So it stays.
            merged.decision = Decision(Verb.ADOPT, 2 if unit.flow is Flow.BOTH else 10)
        plan = UnitPlan(unit, naming(merged.decision, _doubted(base, unit)), lines=merged)
        for side in SIDES:
            writes = merged.writes[side]
            if writes is not None:
                plan.values[side] = {"lines": tuple(write.line for write in writes)}
        return self._unless_looping(plan, base, conflict)

    def _is_asked(self, decision: Decision, sides: Sides[tuple[Line, ...]]) -> bool:
        """Whether a person is asked about these lines, whatever a reference in them comes to lead to.

        Then nothing travels, and what could not travel is not waited for. Lists that differ in nothing but references
        may turn out to be the same: those wait.
        """
        names = [name for name in self.work.shape.line_fields if name not in self.work.shape.line_refs]
        return decision.verb is Verb.CONFLICT and not self.same_lines(sides.left, sides.right, names)

    def same_lines(self, left: Value, right: Value, names: Sequence[str] | None = None) -> bool:
        """Whether both sides show the same lines, in whatever order: a matching partner for each. names: in these."""
        if not isinstance(left, tuple) or not isinstance(right, tuple):
            return left == right
        names = self.work.shape.line_fields if names is None else names
        rest = [line for line in right if isinstance(line, Line)]
        for line in left:
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
        if self.same_reference(left.values[name], right.values[name]):
            return True
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


def empty(values: Mapping[str, Value]) -> bool:
    return all(value is None or value == "" or value == () for value in values.values())


def _doubted(base: Base, unit: Unit) -> frozenset[Side]:
    return frozenset(side for side in SIDES if (unit.name, side is Side.LEFT) in base.doubted)


def _is_frozen(conflict: ConflictRow | None) -> bool:
    """Whether a person is asked about it, or has answered and it could not be carried out yet."""
    return conflict is not None and (conflict.reason in FROZEN or conflict.choice is not None)


def _still(conflict: ConflictRow, now: Sides[bytes]) -> bool:
    """Whether both sides still show what a person saw when choosing."""
    return conflict.prints == now
