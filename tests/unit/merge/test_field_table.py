"""The field table: row by row as the protocol page writes it, then every cell there is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from connector.merge.fields import Cell, Decision, Verb, decide
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.values import Side

L, R = Side.LEFT, Side.RIGHT
TWO_WAY = Unit("name", ("name",))


def cell(base: bool, cl: int, cr: int, agree: bool, **more: object) -> Cell:
    return Cell(base, bool(cl), bool(cr), agree, **more)  # type: ignore[arg-type]


# (row of the page, unit, cell, verb, loser)
ROWS = [
    (1, TWO_WAY, cell(True, 0, 0, True), Verb.KEEP, None),
    (1, TWO_WAY, cell(True, 0, 0, False), Verb.KEEP, None),
    (2, TWO_WAY, cell(True, 1, 0, True), Verb.ADOPT, None),
    (2, TWO_WAY, cell(True, 0, 1, True), Verb.ADOPT, None),
    (2, TWO_WAY, cell(True, 1, 1, True), Verb.ADOPT, None),
    (3, TWO_WAY, cell(True, 1, 0, False), Verb.WRITE_RIGHT, None),
    (4, TWO_WAY, cell(True, 0, 1, False), Verb.WRITE_LEFT, None),
    (5, replace(TWO_WAY, function="union"), cell(True, 1, 1, False, mergeable=True), Verb.MERGE, None),
    (6, replace(TWO_WAY, policy=Policy.LEFT), cell(True, 1, 1, False), Verb.WRITE_RIGHT, R),
    (6, replace(TWO_WAY, policy=Policy.RIGHT), cell(True, 1, 1, False), Verb.WRITE_LEFT, L),
    (7, replace(TWO_WAY, policy=Policy.NEWEST), cell(True, 1, 1, False, newer=L), Verb.WRITE_RIGHT, R),
    (7, replace(TWO_WAY, policy=Policy.NEWEST), cell(True, 1, 1, False, newer=R), Verb.WRITE_LEFT, L),
    (8, replace(TWO_WAY, policy=Policy.NEWEST), cell(True, 1, 1, False), Verb.CONFLICT, None),
    (8, TWO_WAY, cell(True, 1, 1, False), Verb.CONFLICT, None),
    (9, replace(TWO_WAY, flow=Flow.L2R), cell(True, 1, 0, False), Verb.WRITE_RIGHT, None),
    (9, replace(TWO_WAY, flow=Flow.L2R), cell(True, 1, 1, False), Verb.WRITE_RIGHT, R),
    (9, replace(TWO_WAY, flow=Flow.R2L), cell(True, 1, 1, False), Verb.WRITE_LEFT, L),
    (10, replace(TWO_WAY, flow=Flow.L2R, drift=Drift.IGNORE), cell(True, 0, 1, False), Verb.ADOPT, None),
    (10, replace(TWO_WAY, flow=Flow.L2R, drift=Drift.RESTORE), cell(True, 0, 1, False), Verb.WRITE_RIGHT, R),
    (10, replace(TWO_WAY, flow=Flow.L2R, drift=Drift.REPORT), cell(True, 0, 1, False), Verb.CONFLICT, None),
    (10, replace(TWO_WAY, flow=Flow.R2L, drift=Drift.RESTORE), cell(True, 1, 0, False), Verb.WRITE_LEFT, L),
    (11, TWO_WAY, cell(False, 0, 0, True), Verb.ADOPT, None),
    (12, TWO_WAY, cell(False, 0, 0, False, empty_left=True), Verb.WRITE_LEFT, None),
    (12, TWO_WAY, cell(False, 0, 0, False, empty_right=True), Verb.WRITE_RIGHT, None),
    (13, TWO_WAY, cell(False, 0, 0, False), Verb.CONFLICT, None),
    (13, replace(TWO_WAY, initial=Policy.LEFT), cell(False, 0, 0, False), Verb.WRITE_RIGHT, R),
    (13, replace(TWO_WAY, flow=Flow.R2L), cell(False, 0, 0, False), Verb.WRITE_LEFT, L),
    (13, replace(TWO_WAY, flow=Flow.L2R), cell(False, 0, 0, False), Verb.WRITE_RIGHT, R),
    (14, TWO_WAY, cell(True, 1, 1, True, frozen=True), Verb.ADOPT, None),
    (8, TWO_WAY, cell(True, 1, 1, False, frozen=True), Verb.CONFLICT, None),
    (15, TWO_WAY, cell(True, 1, 1, False, frozen=True, chosen=L), Verb.WRITE_RIGHT, R),
    (15, TWO_WAY, cell(True, 1, 1, False, frozen=True, chosen=R), Verb.WRITE_LEFT, L),
    (16, TWO_WAY, cell(True, 1, 0, False, no_image=frozenset({R})), Verb.HOLD, None),
    (3, TWO_WAY, cell(True, 1, 0, False, no_image=frozenset({L})), Verb.WRITE_RIGHT, None),
    (17, TWO_WAY, cell(True, 1, 0, False, unlinked=frozenset({R})), Verb.DEFER, None),
    (3, TWO_WAY, cell(True, 1, 0, False, unlinked=frozenset({L})), Verb.WRITE_RIGHT, None),
    (0, replace(TWO_WAY, flow=Flow.NONE), cell(True, 1, 1, False), Verb.KEEP, None),
]


@pytest.mark.parametrize(("row", "unit", "given", "verb", "loser"), ROWS)
def test_each_row_of_the_page_decides_as_written(
    row: int, unit: Unit, given: Cell, verb: Verb, loser: Side | None
) -> None:
    decision = decide(unit, given)
    assert (decision.row, decision.verb, decision.loser) == (row, verb, loser)


BOOLS = (False, True)
SIDES: tuple[Side | None, ...] = (None, L, R)
SETS: tuple[frozenset[Side], ...] = (frozenset(), frozenset({L}), frozenset({R}), frozenset({L, R}))
UNITS = [
    Unit("f", ("f",), flow, policy, policy, fill_empty=fill, drift=drift)
    for flow, policy, fill, drift in itertools.product(Flow, Policy, BOOLS, Drift)
]


def every_cell() -> list[Cell]:
    cells = []
    for base, cl, cr, agree, el, er, frozen, merge in itertools.product(BOOLS, repeat=8):
        if not base and (cl or cr):
            continue
        for chosen, newer in itertools.product(SIDES if frozen else (None,), SIDES):
            for no_image, unlinked in ((SETS[0], SETS[0]), (SETS[1], SETS[2]), (SETS[3], SETS[0]), (SETS[0], SETS[3])):
                cells.append(Cell(base, cl, cr, agree, el, er, frozen, chosen, newer, merge, no_image, unlinked))
    return cells


CELLS = every_cell()


def other(side: Side | None) -> Side | None:
    return side.other if side else None


def mirror_cell(c: Cell) -> Cell:
    return Cell(
        c.has_base, c.changed_right, c.changed_left, c.agree, c.empty_right, c.empty_left, c.frozen, other(c.chosen),
        other(c.newer), c.mergeable, frozenset(s.other for s in c.no_image), frozenset(s.other for s in c.unlinked),
        frozenset(s.other for s in c.doubted), frozenset(s.other for s in c.brought),
    )  # fmt: skip


def mirror_unit(u: Unit) -> Unit:
    return replace(u, flow=u.flow.mirrored, policy=u.policy.mirrored, initial=u.initial.mirrored)


def mirror_decision(d: Decision) -> Decision:
    row = {3: 4, 4: 3}.get(d.row, d.row)
    return Decision(d.verb.mirrored, row, other(d.loser), d.closes)


def test_i7_a_value_that_may_be_a_persons_after_all_is_named_when_it_is_overwritten() -> None:
    for c in CELLS:
        doubtful = replace(c, doubted=frozenset({L, R}))
        for unit in UNITS:
            sure, named = decide(unit, c), decide(unit, doubtful)
            assert named == replace(sure, loser=sure.loser or sure.verb.target), (unit, c)


@pytest.mark.parametrize("drift", Drift)
def test_one_way_what_we_may_have_brought_is_no_drift_where_its_source_is_back_at_its_base(drift: Drift) -> None:
    unit, drifted = replace(TWO_WAY, flow=Flow.L2R, drift=drift), cell(True, 0, 1, False)
    assert decide(unit, replace(drifted, brought=frozenset({R}))) == Decision(Verb.WRITE_RIGHT, 9, R)
    assert decide(unit, replace(drifted, brought=frozenset({L}))) == decide(unit, drifted)
    assert decide(unit, replace(drifted, brought=frozenset({R}), agree=True)).verb is Verb.ADOPT


def test_i5_deciding_the_mirror_is_the_mirror_of_deciding_for_every_cell() -> None:
    count = 0
    for unit in UNITS:
        mirrored = mirror_unit(unit)
        for c in CELLS:
            assert decide(mirrored, mirror_cell(c)) == mirror_decision(decide(unit, c)), (unit, c)
            count += 1
    assert count == len(UNITS) * len(CELLS) > 200_000


def test_i3_both_sides_at_base_is_always_keep_unless_a_person_chose() -> None:
    for unit in UNITS:
        for c in CELLS:
            if c.has_base and not c.changed_left and not c.changed_right and not c.frozen:
                assert decide(unit, c).verb is Verb.KEEP, (unit, c)


def test_i4_a_changed_side_is_never_overwritten_by_an_unchanged_one_in_a_two_way_unit() -> None:
    for unit in UNITS:
        if unit.flow is not Flow.BOTH:
            continue
        for c in CELLS:
            if c.has_base and not c.frozen and c.changed_left != c.changed_right:
                target = decide(unit, c).verb.target
                assert target is not (L if c.changed_left else R), (unit, c)


def test_i7_whoever_loses_a_changed_value_is_named() -> None:
    for unit in UNITS:
        for c in CELLS:
            decision = decide(unit, c)
            target = decision.verb.target
            if target is None:
                continue
            changed = c.changed_left if target is L else c.changed_right
            if changed:
                assert decision.loser is target, (unit, c, decision)


def test_nothing_is_ever_written_against_the_flow() -> None:
    for unit in UNITS:
        for c in CELLS:
            target = decide(unit, c).verb.target
            assert target is None or unit.flow.allows(target), (unit, c)


def test_nothing_is_written_where_it_has_no_image_or_its_reference_is_not_linked() -> None:
    for unit in UNITS:
        for c in CELLS:
            target = decide(unit, c).verb.target
            assert target not in c.no_image | c.unlinked


def test_an_open_conflict_stays_until_both_agree_or_a_person_chose() -> None:
    for unit in UNITS:
        if unit.flow is Flow.NONE:
            continue
        for c in CELLS:
            if c.frozen and not c.agree and c.chosen is None:
                # The row stays in both cases; with a reference that leads nowhere yet, the record is looked at again.
                assert decide(unit, c).verb is (Verb.DEFER if c.unlinked else Verb.CONFLICT)
            if c.frozen and c.agree:
                assert decide(unit, c).closes
