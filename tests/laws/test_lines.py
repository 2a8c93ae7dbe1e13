"""Merging lines: symmetric, local, invents nothing, loses nothing silently, settles."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from connector.merge.base import LineBase
from connector.merge.fields import Verb
from connector.merge.lines import LinesPlan, LineTools, merge_lines
from connector.merge.rules import Flow, Policy, Unit
from connector.model.canonical import encode
from connector.model.values import Line, Side, Sides, Value

FIELDS = ("description", "quantity")
POLICIES = (Policy.MANUAL, Policy.LEFT, Policy.RIGHT)
Lines = tuple[Line, ...]


def prints(side: Side, line: Line) -> dict[str, bytes]:
    return {name: f"{side}|{line.key}|".encode() + encode(line.values[name]) for name in FIELDS}


def carry(_: Side, name: str, line: Line) -> Value:
    return line.values[name]


TOOLS = LineTools(FIELDS, prints, lambda name, left, right: left.values[name] == right.values[name], carry)


def line(key: str, values: tuple[str, int]) -> Line:
    return Line(key, None, {"description": values[0], "quantity": Decimal(values[1])})


def base_of(pairs: list[tuple[Line, Line]]) -> list[LineBase]:
    found = []
    for left, right in pairs:
        one, other = prints(Side.LEFT, left), prints(Side.RIGHT, right)
        found.append(LineBase(str(left.key), str(right.key), {name: (one[name], other[name]) for name in FIELDS}))
    return found


CONTENT = st.tuples(st.sampled_from("abc"), st.integers(1, 3))
EDIT = st.one_of(st.none(), st.just("remove"), CONTENT)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]]:
    """Lines both sides agreed on, then what each side did: kept, removed or rewrote some, and added others."""
    agreed = draw(st.lists(CONTENT, max_size=4))
    pairs = [(line(f"l{n}", c), line(f"r{n}", c)) for n, c in enumerate(agreed)]

    def side(prefix: str, index: int) -> Lines:
        kept = []
        for number, pair in enumerate(pairs):
            edit = draw(EDIT)
            if edit is None:
                kept.append(pair[index])
            elif edit != "remove":
                kept.append(line(f"{prefix}{number}", edit))
        added = draw(st.lists(CONTENT, max_size=2))
        return (*kept, *(line(f"{prefix}+{n}", c) for n, c in enumerate(added)))

    return base_of(pairs), Sides(side("l", 0), side("r", 1)), agreed


def content(lines: Lines) -> list[tuple[str, Decimal]]:
    return sorted((str(row.values["description"]), Decimal(str(row.values["quantity"]))) for row in lines)


def after(plan: LinesPlan, lines: Sides[Lines], side: Side) -> Lines:
    """What the side holds once its write is carried out; new lines get an id."""
    writes = plan.writes[side]
    if writes is None:
        return lines[side]
    return tuple(
        w.line if w.line.key is not None else Line(f"{side}new{n}", w.line.partner, w.line.values)
        for n, w in enumerate(writes)
    )


@given(cases(), st.sampled_from(POLICIES))
def test_both_sides_hold_the_same_lines_afterwards_or_the_whole_list_waits(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]], policy: Policy
) -> None:
    base, lines, _ = case
    plan = merge_lines(Unit("lines", ("lines",), policy=policy, initial=policy), base, lines, TOOLS)
    if plan.decision.verb is Verb.CONFLICT:
        assert plan.writes.left is None
        assert plan.writes.right is None
        assert plan.base == base
    else:
        assert content(after(plan, lines, Side.LEFT)) == content(after(plan, lines, Side.RIGHT))


@given(cases(), st.sampled_from(POLICIES))
def test_merging_the_mirror_is_the_mirror_of_merging(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]], policy: Policy
) -> None:
    base, lines, _ = case
    mirrored_base = [
        LineBase(row.right, row.left, {name: (pair[1], pair[0]) for name, pair in row.prints.items()}) for row in base
    ]
    plain = merge_lines(Unit("lines", ("lines",), policy=policy, initial=policy), base, lines, TOOLS)
    tools = LineTools(FIELDS, lambda side, row: prints(side.other, row), TOOLS.agree, carry)
    mirror = merge_lines(
        Unit("lines", ("lines",), policy=policy.mirrored, initial=policy.mirrored),
        mirrored_base,
        lines.mirrored(),
        tools,
    )
    assert mirror.decision.verb is plain.decision.verb.mirrored
    for side in Side:
        assert content(after(mirror, lines.mirrored(), side)) == content(after(plain, lines, side.other))


@given(cases())
def test_one_side_unchanged_takes_the_other_sides_lines_exactly(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]],
) -> None:
    base, lines, agreed = case
    right = tuple(line(f"r{n}", c) for n, c in enumerate(agreed))
    plan = merge_lines(Unit("lines", ("lines",)), base, Sides(lines.left, right), TOOLS)
    assert plan.decision.verb in (Verb.KEEP, Verb.WRITE_RIGHT)
    assert plan.writes.left is None
    assert content(after(plan, Sides(lines.left, right), Side.RIGHT)) == content(lines.left)


@given(cases(), st.sampled_from(POLICIES))
def test_no_value_is_invented(case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]], policy: Policy) -> None:
    base, lines, _ = case
    plan = merge_lines(Unit("lines", ("lines",), policy=policy, initial=policy), base, lines, TOOLS)
    typed = {name: {row.values[name] for side in Side for row in lines[side]} for name in FIELDS}
    for side in Side:
        for row in after(plan, lines, side):
            assert all(row.values[name] in typed[name] for name in FIELDS)


@given(cases())
def test_without_a_policy_no_changed_or_added_line_disappears(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]],
) -> None:
    base, lines, _ = case
    plan = merge_lines(Unit("lines", ("lines",)), base, lines, TOOLS)
    if plan.decision.verb is Verb.CONFLICT:
        return
    for side in Side:
        held = {row.key: row for row in after(plan, lines, side)}
        known = {row.left if side is Side.LEFT else row.right for row in base}
        for row in lines[side]:
            if row.key not in known:
                assert row.key in held


@given(cases(), st.sampled_from(list(Side)))
def test_a_choice_leaves_both_sides_with_the_chosen_lines(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]], chosen: Side
) -> None:
    base, lines, _ = case
    plan = merge_lines(Unit("lines", ("lines",)), base, lines, TOOLS, frozen=True, chosen=chosen)
    assert plan.decision.closes
    assert plan.writes[chosen] is None
    assert content(after(plan, lines, chosen.other)) == content(lines[chosen])


@given(cases(), st.sampled_from([Flow.L2R, Flow.R2L]))
def test_one_way_lines_never_write_their_source(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]], flow: Flow
) -> None:
    base, lines, _ = case
    plan = merge_lines(Unit("lines", ("lines",), flow=flow), base, lines, TOOLS)
    source = Side.LEFT if flow is Flow.L2R else Side.RIGHT
    assert plan.writes[source] is None
    assert content(after(plan, lines, source.other)) == content(lines[source])


@given(cases())
def test_a_list_that_only_changed_its_order_is_kept(
    case: tuple[list[LineBase], Sides[Lines], list[tuple[str, int]]],
) -> None:
    base, _, agreed = case
    left = tuple(line(f"l{n}", c) for n, c in reversed(list(enumerate(agreed))))
    right = tuple(line(f"r{n}", c) for n, c in enumerate(agreed))
    assert merge_lines(Unit("lines", ("lines",)), base, Sides(left, right), TOOLS).decision.verb is Verb.KEEP


@given(CONTENT, st.sampled_from(list(Side)), st.sampled_from(list(Flow)), st.sampled_from(POLICIES), st.booleans())
def test_a_line_both_never_agreed_on_is_not_dropped_unnamed(
    shown: tuple[str, int], side: Side, flow: Flow, policy: Policy, part: bool
) -> None:
    left, right = line("l0", shown), line("r0", shown)
    (row,) = base_of([(left, right)])
    row.prints = {name: pair for name, pair in row.prints.items() if part and name == "quantity"}
    lines: Sides[Lines] = Sides((left,), ()) if side is Side.LEFT else Sides((), (right,))
    plan = merge_lines(Unit("lines", ("lines",), flow, policy, policy), [row], lines, TOOLS)
    if plan.writes[side] == []:
        assert plan.decision.loser is side
