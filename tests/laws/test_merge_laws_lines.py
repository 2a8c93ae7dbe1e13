"""Laws of merging lines: symmetric, local, settled after one merge, and no line lost without a word."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from connector.merge.base import LineBase
from connector.merge.fields import Verb
from connector.merge.lines import LinesPlan, LineTools, merge_lines
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.canonical import encode
from connector.model.values import Line, Side, Sides, Value

FIELDS = ("description", "quantity")
Lines = tuple[Line, ...]
Case = tuple[list[LineBase] | None, Sides[Lines]]


def prints(side: Side, line: Line) -> dict[str, bytes]:
    return {name: f"{side}|{line.key}|".encode() + encode(line.values[name]) for name in FIELDS}


def carry(_: Side, name: str, line: Line) -> Value:
    return line.values[name]


TOOLS = LineTools(FIELDS, prints, lambda name, left, right: left.values[name] == right.values[name], carry)
CONTENT = st.tuples(st.sampled_from("abc"), st.integers(1, 3))
LINE_RULES = st.builds(
    Unit,
    name=st.just("lines"),
    fields=st.just(("lines",)),
    flow=st.sampled_from([Flow.BOTH, Flow.L2R, Flow.R2L]),
    policy=st.sampled_from([Policy.MANUAL, Policy.LEFT, Policy.RIGHT]),
    initial=st.sampled_from([Policy.MANUAL, Policy.LEFT, Policy.RIGHT]),
    drift=st.sampled_from(Drift),
)


def made(key: str, content: tuple[str, int], partner: str | None = None) -> Line:
    return Line(key, partner, {"description": content[0], "quantity": Decimal(content[1])})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Lines in base order; each side kept, changed or removed some and added others, in any order.

    Some lines of the left know their partner's id although the base does not.
    """
    pairs: list[tuple[Line, Line]] = []
    for number, content in enumerate(draw(st.lists(CONTENT, max_size=3))):
        pairs.append((made(f"l{number}", content), made(f"r{number}", content)))
    base: list[LineBase] | None = [
        LineBase(str(a.key), str(b.key), {n: (prints(Side.LEFT, a)[n], prints(Side.RIGHT, b)[n]) for n in FIELDS})
        for a, b in pairs
    ]
    sides: dict[str, list[Line]] = {"l": [], "r": []}
    for index, side in enumerate("lr"):
        for number, pair in enumerate(pairs):
            edit = draw(st.one_of(st.none(), st.just("remove"), CONTENT))
            if isinstance(edit, tuple):
                sides[side].append(made(f"{side}{number}", edit))
            elif edit is None:
                sides[side].append(pair[index])
        sides[side] += [made(f"{side}+{n}", c) for n, c in enumerate(draw(st.lists(CONTENT, max_size=2)))]
    for number in range(draw(st.integers(0, 2))):
        sides["l"].append(made(f"lp{number}", draw(CONTENT), f"rp{number}"))
        sides["r"].append(made(f"rp{number}", draw(CONTENT)))
    if draw(st.booleans()) and not pairs:
        base = None
    return base, Sides(tuple(draw(st.permutations(sides["l"]))), tuple(draw(st.permutations(sides["r"]))))


def settled(plan: LinesPlan, base: list[LineBase] | None, lines: Sides[Lines]) -> Case:
    """Both sides and the line table after the plan was carried out."""
    table = {(row.left, row.right): row for row in plan.base}
    after: dict[Side, Lines] = {}
    for side in Side:
        writes = plan.writes[side]
        if writes is None:
            after[side] = lines[side]
            continue
        shown = [
            w.line if w.line.key is not None else replace_key(w.line, f"{side}new{n}") for n, w in enumerate(writes)
        ]
        after[side] = tuple(shown)
        sources = {line.key: line for line in lines[side.other]}
        for write, line in zip(writes, shown, strict=True):
            source = sources.get(write.source)
            if source is None:
                continue
            left, right = (source, line) if side is Side.RIGHT else (line, source)
            row = table.setdefault((str(left.key), str(right.key)), LineBase(str(left.key), str(right.key), {}))
            for name in write.fields:
                row.prints[name] = (prints(Side.LEFT, left)[name], prints(Side.RIGHT, right)[name])
    removed = {(a.decode(), b.decode()) for side in Side for a, b in (plan.removed[side] if plan.removed else [])}
    rows = [row for ids, row in table.items() if ids not in removed]
    return rows, Sides(after[Side.LEFT], after[Side.RIGHT])


def replace_key(line: Line, key: str) -> Line:
    return Line(key, line.partner, line.values)


def content_of(lines: Lines) -> list[tuple[str, str]]:
    return sorted((str(row.values["description"]), str(row.values["quantity"])) for row in lines)


@given(cases(), LINE_RULES)
def test_i01_merged_lines_settle_a_second_merge_writes_nothing(case: Case, unit: Unit) -> None:
    base, lines = case
    plan = merge_lines(unit, base, lines, TOOLS)
    assume(plan.decision.verb is not Verb.CONFLICT)
    once = settled(plan, base, lines)
    again = merge_lines(unit, once[0], once[1], TOOLS)
    assert again.writes == Sides(None, None)
    assert again.decision.verb is not Verb.CONFLICT or plan.writes == Sides(None, None)


@given(cases(), LINE_RULES)
def test_i14_the_order_of_lines_changes_nothing_of_what_is_written(case: Case, unit: Unit) -> None:
    base, lines = case
    turned = lines.map(lambda side: tuple(reversed(side)))
    plain, other = merge_lines(unit, base, lines, TOOLS), merge_lines(unit, base, turned, TOOLS)
    assert other.decision.verb is plain.decision.verb
    for side in Side:
        one, two = settled(plain, base, lines)[1][side], settled(other, base, turned)[1][side]
        assert content_of(one) == content_of(two)


@given(cases())
def test_lines_that_know_each_other_stay_together_whatever_else_looks_alike(case: Case) -> None:
    base, lines = case
    plan = merge_lines(Unit("lines", ("lines",), policy=Policy.LEFT, initial=Policy.LEFT), base, lines, TOOLS)
    assume(plan.decision.verb is not Verb.CONFLICT)
    partners = {(str(row.key), row.partner) for row in lines.left if row.partner is not None}
    known = {row.key for row in lines.right}
    rows = {(row.left, row.right) for row in settled(plan, base, lines)[0] or ()}
    assert {pair for pair in partners if pair[1] in known} <= rows


@given(cases(), st.sampled_from([Flow.L2R, Flow.R2L]), st.sampled_from([Drift.IGNORE, Drift.REPORT]))
def test_row_10_for_lines_what_only_the_target_changed_is_not_written_over(
    case: Case, flow: Flow, drift: Drift
) -> None:
    base, lines = case
    assume(base is not None)
    target = Side.RIGHT if flow is Flow.L2R else Side.LEFT
    index = 0 if target is Side.RIGHT else 1
    assert base is not None
    agreed = tuple(_of_base(row, target.other, index) for row in base)
    now = lines.with_(target.other, agreed)
    now = now.map(lambda side: tuple(row for row in side if row.partner is None))
    plan = merge_lines(Unit("lines", ("lines",), flow=flow, drift=drift), base, now, TOOLS)
    assert plan.writes == Sides(None, None)
    if drift is Drift.REPORT and content_of(now.left) != content_of(now.right):
        assert plan.decision.verb is Verb.CONFLICT


def _of_base(row: LineBase, side: Side, index: int) -> Line:
    """The line as it was when both sides agreed, read back from its own prints."""
    key = (row.left, row.right)[index]
    values: dict[str, Value] = {}
    for name in FIELDS:
        text = row.prints[name][index].decode().split("|", 2)[2]
        values[name] = text[1:] if text[0] == "s" else Decimal(text[1:])
    return Line(key, None, values)


@given(cases(), st.sampled_from([Policy.LEFT, Policy.RIGHT]))
def test_i07_a_line_changed_or_added_that_disappears_names_its_side_as_loser(case: Case, policy: Policy) -> None:
    base, lines = case
    plan = merge_lines(Unit("lines", ("lines",), policy=policy, initial=policy), base, lines, TOOLS)
    assume(plan.decision.verb is not Verb.CONFLICT)
    table = {key: row for row in base or () for key in ((Side.LEFT, row.left), (Side.RIGHT, row.right))}
    after = settled(plan, base, lines)[1]
    losers = set()
    for index, side in enumerate(Side):
        held = {row.key: row for row in after[side]}
        for row in lines[side]:
            old = table.get((side, str(row.key)))
            typed = old is None or any(old.prints[n][index] != prints(side, row)[n] for n in FIELDS)
            kept = held.get(row.key)
            if typed and (kept is None or prints(side, kept) != prints(side, row)):
                changed = [n for n in FIELDS if kept is None or kept.values[n] != row.values[n]]
                if old is None or any(old.prints[n][index] != prints(side, row)[n] for n in changed):
                    losers.add(side)
    assert losers <= {plan.decision.loser}


@given(cases(), LINE_RULES)
def test_a_merge_of_lines_is_local_a_line_both_keep_stays_as_it_is(case: Case, unit: Unit) -> None:
    """Two more lines, equal and at their base, change nothing of the rest and are not changed themselves."""
    base, lines = case
    assume(base is not None)
    assert base is not None
    extra = Sides(made("l!", ("z", 9)), made("r!", ("z", 9)))
    pair = {n: (prints(Side.LEFT, extra.left)[n], prints(Side.RIGHT, extra.right)[n]) for n in FIELDS}
    more = Sides((extra.left, *lines.left), (extra.right, *lines.right))
    plain = merge_lines(unit, base, lines, TOOLS)
    other = merge_lines(unit, [LineBase("l!", "r!", pair), *base], more, TOOLS)
    assert other.decision.verb is plain.decision.verb
    for side in Side:
        kept = [row for row in settled(other, base, more)[1][side] if row.values["description"] == "z"]
        assert [(row.key, row.values) for row in kept] == [(extra[side].key, extra[side].values)]
        rest = tuple(row for row in settled(other, base, more)[1][side] if row.values["description"] != "z")
        assert content_of(rest) == content_of(settled(plain, base, lines)[1][side])


@given(cases())
def test_i03_lines_at_their_base_are_kept_under_every_rule(case: Case) -> None:
    base, _ = case
    assume(base is not None)
    assert base is not None
    lines = Sides(
        tuple(_of_base(row, Side.LEFT, 0) for row in base), tuple(_of_base(row, Side.RIGHT, 1) for row in base)
    )
    for flow in Flow:
        for policy in Policy:
            unit = replace(Unit("lines", ("lines",)), flow=flow, policy=policy, initial=policy)
            assert merge_lines(unit, base, lines, TOOLS).decision.verb is Verb.KEEP
