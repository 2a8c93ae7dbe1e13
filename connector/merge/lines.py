"""Merges the lines of an order or invoice as one aggregate, line by line and field by field, by line identity.

Lines are paired through the base, then through the partner id a system keeps, then by equal content. A paired line
merges per field with the field table. A line that only one side has is new there, or was removed on the other side:
the base tells which.
One line that cannot be decided makes the whole unit a conflict: half an order never travels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connector.merge.base import PRINT, LineBase, Pair
from connector.merge.fields import Cell, Decision, Verb, decide
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.values import Line, Side, Sides, Value

Prints = Mapping[str, bytes]
NONE = bytes(PRINT)
"""Stands for the print of a line that is not there."""


@dataclass(frozen=True, slots=True)
class LineTools:
    """What merging needs from outside: prints of a line's fields, agreement of one field, carrying a value across.

    agree(field, left line, right line). carry(from side, field, line) -> value in the other side's terms; it raises
    the caller's own error when there is no image or the reference is not linked yet.
    """

    fields: tuple[str, ...]
    prints: Callable[[Side, Line], Prints]
    agree: Callable[[str, Line, Line], bool]
    carry: Callable[[Side, str, Line], Value]


@dataclass(slots=True)
class LineWrite:
    """One line of the list to write. source: the other side's line key. fields: those this write settles."""

    source: str | None
    line: Line
    fields: tuple[str, ...]


@dataclass(slots=True)
class LinesPlan:
    """writes: the whole list each side should hold, or None.

    removed: pairs that end when that write settles; of a line that never had a partner, one key is empty.

    base: the line table after what needs no write (adopted fields, lines gone on both sides).
    """

    decision: Decision
    base: list[LineBase]
    writes: Sides[list[LineWrite] | None] = field(default_factory=lambda: Sides(None, None))
    removed: Sides[list[Pair]] | None = None


@dataclass(slots=True)
class _Work:
    """The merge in progress: what each side should hold afterwards. removed: see LinesPlan."""

    keep: Sides[dict[str, LineWrite]]
    added: Sides[list[LineWrite]]
    base: list[LineBase]
    removed: Sides[list[Pair]] = field(default_factory=lambda: Sides([], []))
    row: int = 1
    touched: set[Side] = field(default_factory=set)
    loser: Side | None = None
    conflict: bool = False
    adopted: bool = False

    def note(self, decision: Decision) -> None:
        self.row = max(self.row, decision.row)
        self.loser = decision.loser or self.loser


def merge_lines(
    unit: Unit,
    base: Sequence[LineBase] | None,
    lines: Sides[tuple[Line, ...]],
    tools: LineTools,
    *,
    frozen: bool = False,
    chosen: Side | None = None,
    newer: Side | None = None,
) -> LinesPlan:
    """One plan for the whole list of lines. `chosen`: a person took that side's list as it is."""
    if unit.flow is Flow.NONE:
        return LinesPlan(Decision(Verb.KEEP, 0), list(base or ()))
    pairs, alone, gone = _pair(base, lines, tools)
    if frozen and chosen is not None and not unit.flow.allows(chosen.other):
        # A person decided to keep what the target of one way has: accept the lists as they are.
        return LinesPlan(Decision(Verb.ADOPT, 15, closes=True), _accepted(pairs, alone, gone, lines, tools))
    work = _Work(
        keep=lines.map(lambda side: {str(line.key): LineWrite(None, line, ()) for line in side}),
        added=Sides([], []),
        base=[],
    )
    rule = unit
    if frozen:
        if chosen is None:
            rule = replace(unit, policy=Policy.MANUAL, initial=Policy.MANUAL)
        else:
            rule = replace(unit, flow=Flow.L2R if chosen is Side.LEFT else Flow.R2L, drift=Drift.RESTORE)
    for left, right, known in pairs:
        _merge_pair(rule, work, left, right, known, tools, newer=newer)
    for known in gone:
        _merge_gone(rule, work, known, lines, tools)
    for side in (Side.LEFT, Side.RIGHT):
        for line in alone[side]:
            _merge_alone(rule, work, side, line, tools, other_alone=bool(alone[side.other]), first=base is None)
    return _finish(work, lines, base, frozen=frozen, chosen=chosen)


def _finish(
    work: _Work,
    lines: Sides[tuple[Line, ...]],
    base: Sequence[LineBase] | None,
    *,
    frozen: bool,
    chosen: Side | None,
) -> LinesPlan:
    if work.conflict:
        return LinesPlan(Decision(Verb.CONFLICT, 8), list(base or ()))
    if not work.touched:
        changed = work.adopted or base is None or len(work.base) != len(base)
        if frozen:
            return LinesPlan(Decision(Verb.ADOPT, 14, closes=True), work.base)
        return LinesPlan(Decision(Verb.ADOPT, work.row) if changed else Decision(Verb.KEEP, 1), work.base)
    if frozen and chosen is None:
        return LinesPlan(Decision(Verb.CONFLICT, 8), list(base or ()))
    writes: dict[Side, list[LineWrite] | None] = {Side.LEFT: None, Side.RIGHT: None}
    for side in work.touched:
        writes[side] = [*work.keep[side].values(), *work.added[side]]
    if len(work.touched) == 2:
        decision = Decision(Verb.MERGE, 5, work.loser, closes=frozen)
    else:
        verb = Verb.WRITE_LEFT if Side.LEFT in work.touched else Verb.WRITE_RIGHT
        decision = Decision(verb, 15 if frozen else work.row, work.loser, closes=frozen)
    return LinesPlan(
        decision,
        work.base,
        Sides(writes[Side.LEFT], writes[Side.RIGHT]),
        work.removed,
    )


_Paired = tuple[Line, Line, "LineBase | None"]


def _pair(
    base: Sequence[LineBase] | None, lines: Sides[tuple[Line, ...]], tools: LineTools
) -> tuple[list[_Paired], Sides[list[Line]], list[LineBase]]:
    left = {str(line.key): line for line in lines.left}
    right = {str(line.key): line for line in lines.right}
    pairs: list[_Paired] = []
    gone: list[LineBase] = []
    for known in base or ():
        if known.left in left and known.right in right:
            pairs.append((left.pop(known.left), right.pop(known.right), known))
        else:
            gone.append(known)
    # A row one of whose lines has another partner by now is over.
    gone = [row for row in gone if (row.left in left) + (row.right in right) or not _is_shown(row, lines)]
    in_gone = Sides({known.left for known in gone}, {known.right for known in gone})
    free_left = [line for key, line in left.items() if key not in in_gone.left]
    free_right = [line for key, line in right.items() if key not in in_gone.right]
    same: list[Callable[[Line, Line], bool]] = [
        _partners,
        lambda one, other: all(tools.agree(name, one, other) for name in tools.fields),
        lambda one, other: _alike(one, other, tools),
    ]
    for mates in same:
        for line in list(free_left):
            mate = next((other for other in free_right if mates(line, other)), None)
            if mate is not None:
                pairs.append((line, mate, None))
                free_left.remove(line)
                free_right.remove(mate)
        gone = [known for known in gone if not _is_back(known, left, right, free_left, free_right, mates, pairs)]
    return pairs, Sides(free_left, free_right), gone


def _is_shown(row: LineBase, lines: Sides[tuple[Line, ...]]) -> bool:
    return any(line.key == row.left for line in lines.left) or any(line.key == row.right for line in lines.right)


def _is_back(
    known: LineBase,
    left: dict[str, Line],
    right: dict[str, Line],
    free_left: list[Line],
    free_right: list[Line],
    mates: Callable[[Line, Line], bool],
    pairs: list[_Paired],
) -> bool:
    """Whether the line that one side lost is there again under another key: added anew by a write we heard nothing of,
    or by a person. It is paired then, and not added a second time."""
    one, other = left.get(known.left), right.get(known.right)
    if one is not None and other is None and known.right:
        mate = next((line for line in free_right if mates(one, line)), None)
        if mate is not None:
            free_right.remove(mate)
            pairs.append((one, mate, None))
        return mate is not None
    if other is not None and one is None and known.left:
        mate = next((line for line in free_left if mates(line, other)), None)
        if mate is not None:
            free_left.remove(mate)
            pairs.append((mate, other, None))
        return mate is not None
    return False


def _partners(left: Line, right: Line) -> bool:
    """Whether one of them carries the other's key."""
    return bool((left.partner and left.partner == right.key) or (right.partner and right.partner == left.key))


def _alike(left: Line, right: Line, tools: LineTools) -> bool:
    """Whether the two differ in one field only. Added on both sides each would be there twice; so they are one line,
    and the field is decided on."""
    shown = [n for n in tools.fields if left.values.get(n) not in (None, "") or right.values.get(n) not in (None, "")]
    return len(shown) > 2 and sum(tools.agree(name, left, right) for name in shown) == len(shown) - 1


def _accepted(
    pairs: Sequence[_Paired],
    alone: Sides[list[Line]],
    gone: Sequence[LineBase],
    lines: Sides[tuple[Line, ...]],
    tools: LineTools,
) -> list[LineBase]:
    """A base that takes both lists as they are. A line that only one side has is known by an empty key on the other."""
    rows = []
    for left, right, _ in pairs:
        prints = Sides(tools.prints(Side.LEFT, left), tools.prints(Side.RIGHT, right))
        both = prints.left.keys() & prints.right.keys()
        rows.append(LineBase(str(left.key), str(right.key), {n: (prints.left[n], prints.right[n]) for n in both}))
    for side in (Side.LEFT, Side.RIGHT):
        known = {row.left if side is Side.LEFT else row.right for row in gone}
        for line in (*(line for line in lines[side] if line.key in known), *alone[side]):
            rows.append(_one_sided(side, line, tools))
    return rows


def _one_sided(side: Side, line: Line, tools: LineTools) -> LineBase:
    shown = tools.prints(side, line)
    if side is Side.LEFT:
        return LineBase(str(line.key), "", {name: (value, NONE) for name, value in shown.items()})
    return LineBase("", str(line.key), {name: (NONE, value) for name, value in shown.items()})


def _merge_pair(
    unit: Unit,
    work: _Work,
    left: Line,
    right: Line,
    known: LineBase | None,
    tools: LineTools,
    *,
    newer: Side | None,
) -> None:
    prints = Sides(tools.prints(Side.LEFT, left), tools.prints(Side.RIGHT, right))
    line_base = LineBase(str(left.key), str(right.key), dict(known.prints) if known else {})
    new_values: dict[Side, dict[str, Value]] = {Side.LEFT: {}, Side.RIGHT: {}}
    for name in tools.fields:
        if name not in left.values or name not in right.values:
            continue
        old = line_base.prints.get(name)
        now = (prints.left[name], prints.right[name])
        if old == now:
            continue
        cell = Cell(
            has_base=old is not None,
            changed_left=old is not None and old[0] != now[0],
            changed_right=old is not None and old[1] != now[1],
            agree=tools.agree(name, left, right),
            empty_left=left.values[name] in (None, ""),
            empty_right=right.values[name] in (None, ""),
            newer=newer,
        )
        decision = decide(unit, cell)
        target = decision.verb.target
        if decision.verb is Verb.CONFLICT:
            work.conflict = True
        elif target is not None:
            source = right if target is Side.LEFT else left
            new_values[target][name] = tools.carry(target.other, name, source)
            work.note(decision)
        elif decision.verb is Verb.ADOPT:
            line_base.prints[name] = now
            work.adopted = True
            work.note(decision)
    work.base.append(line_base)
    for side, own, source in ((Side.LEFT, left, right), (Side.RIGHT, right, left)):
        changed = new_values[side]
        values = {**own.values, **changed} if changed else own.values
        work.keep[side][str(own.key)] = LineWrite(source.key, Line(own.key, source.key, values), tuple(changed))
        if changed:
            work.touched.add(side)


def _merge_gone(unit: Unit, work: _Work, known: LineBase, lines: Sides[tuple[Line, ...]], tools: LineTools) -> None:
    """A paired line that at least one side no longer has. The pair stays known until the write that ends it is done."""
    left = next((line for line in lines.left if line.key == known.left), None)
    right = next((line for line in lines.right if line.key == known.right), None)
    if left is None and right is None:
        work.adopted = True
        return
    side, line = (Side.LEFT, left) if left is not None else (Side.RIGHT, right)
    assert line is not None
    work.base.append(known)
    pair = (known.left.encode(), known.right.encode())
    changed = _is_changed(known, side, line, tools)
    keeper = Policy.LEFT if side is Side.LEFT else Policy.RIGHT
    accepted = not (known.left and known.right)
    if unit.flow is Flow.BOTH:
        removes = (not changed and not accepted) or unit.policy is keeper.mirrored
        restores = changed and unit.policy is keeper
    else:
        removes = unit.flow.allows(side) and not accepted
        restores = unit.flow.allows(side.other) and (changed or (unit.drift is Drift.RESTORE and not accepted))
    left_as_it_is = accepted or (not unit.flow.allows(side) and unit.drift is Drift.IGNORE)
    if not removes and not restores and not changed and left_as_it_is:
        return
    if removes:
        del work.keep[side][str(line.key)]
        work.touched.add(side)
        work.removed[side].append(pair)
        work.note(Decision(Verb.KEEP, 3 if side is Side.RIGHT else 4, side if changed else None))
    elif restores:
        _add(work, side, line, tools)
        work.removed[side.other].append(pair)
        work.note(Decision(Verb.KEEP, 6 if unit.flow is Flow.BOTH else 10, side.other))
    else:
        work.conflict = True


def _is_changed(known: LineBase, side: Side, line: Line, tools: LineTools) -> bool:
    """Whether the line shows what its row does not have: it changed since, or both never agreed on it.

    A row is known as soon as two lines are paired; its prints come with the write that settles them, if that is made.
    """
    index = 0 if side is Side.LEFT else 1
    for name, shown in tools.prints(side, line).items():
        both = known.prints.get(name)
        if both is None:
            if line.values[name] not in (None, ""):
                return True
        elif both[index] != shown:
            return True
    return False


def _merge_alone(
    unit: Unit, work: _Work, side: Side, line: Line, tools: LineTools, *, other_alone: bool, first: bool
) -> None:
    """A line one side has and the base does not know."""
    undecided = first and other_alone and unit.flow is Flow.BOTH
    keeper = Policy.LEFT if side is Side.LEFT else Policy.RIGHT
    if undecided and unit.initial not in (Policy.LEFT, Policy.RIGHT):
        work.conflict = True
    elif (undecided and unit.initial is keeper.mirrored) or not unit.flow.allows(side.other):
        if unit.drift is Drift.REPORT:
            work.conflict = True
        elif unit.drift is Drift.RESTORE or undecided:
            own = str(line.key)
            del work.keep[side][own]
            work.touched.add(side)
            work.removed[side].append((own.encode(), b"") if side is Side.LEFT else (b"", own.encode()))
            work.note(Decision(Verb.KEEP, 10, side))
    else:
        _add(work, side, line, tools)
        work.note(Decision(Verb.KEEP, 12 if first else 3 if side is Side.LEFT else 4))


def _add(work: _Work, side: Side, line: Line, tools: LineTools) -> None:
    values = {name: tools.carry(side, name, line) for name in tools.fields if name in line.values}
    work.added[side.other].append(LineWrite(line.key, Line(None, line.key, values), tuple(values)))
    work.touched.add(side.other)
