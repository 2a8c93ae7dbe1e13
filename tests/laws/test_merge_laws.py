"""Laws of merging, for functions, units and lines: symmetric, local, invents nothing, loses nothing, settles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.merge.fields import Cell, Decision, Verb, decide
from connector.merge.functions import FUNCTIONS, MergeFunction, add_changes, union
from connector.merge.records import Status, Step, decide_record
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.values import Money, Side, Sides, Value

# ------------------------------------------------------------------------------------------- merge functions

SETS = st.one_of(st.none(), st.lists(st.sampled_from("abcd"), unique=True).map(lambda items: ", ".join(items) or None))
NUMBERS = st.decimals(-1000, 1000, places=2)
MONEY = NUMBERS.map(lambda amount: Money(amount, "EUR"))
INPUTS: dict[str, list[st.SearchStrategy[Value]]] = {
    "union": [SETS],
    "add_changes": [NUMBERS, MONEY, st.integers(-99, 99)],
}
CASES = [(name, kind) for name, kinds in INPUTS.items() for kind in kinds]


def test_every_merge_function_is_held_to_the_laws() -> None:
    assert set(INPUTS) == set(FUNCTIONS)


@pytest.mark.parametrize(("name", "values"), CASES)
@given(data=st.data())
def test_a_merge_function_takes_the_only_change_and_agrees_with_agreement(
    name: str, values: st.SearchStrategy[Value], data: st.DataObject
) -> None:
    merge = FUNCTIONS[name]
    base, left, right = (data.draw(values) for _ in "blr")
    assert merge(base, base, right) == right
    assert merge(base, left, base) == left
    assert merge(base, left, left) == left


@pytest.mark.parametrize(("name", "values"), CASES)
@given(data=st.data())
def test_a_merge_function_is_symmetric_and_settles(
    name: str, values: st.SearchStrategy[Value], data: st.DataObject
) -> None:
    merge: MergeFunction = FUNCTIONS[name]
    base, left, right = (data.draw(values) for _ in "blr")
    merged = merge(base, left, right)
    assert merged == merge(base, right, left)
    assert merge(merged, merged, merged) == merged


def items(value: Value) -> set[str]:
    return set(str(value).split(", ")) if value else set()


@given(SETS, SETS, SETS)
def test_a_union_invents_nothing_and_loses_only_what_a_side_took_out(
    base: str | None, left: str | None, right: str | None
) -> None:
    merged = items(union(base, left, right))
    assert merged <= items(left) | items(right)
    lost = (items(left) | items(right)) - merged
    assert lost <= items(base) - (items(left) & items(right))
    assert (items(left) | items(right)) - items(base) <= merged


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_counters_take_changes_in_any_order_to_the_same_sum(
    base: Decimal, first: Decimal, second: Decimal, third: Decimal
) -> None:
    assume(first != second and base + third not in (first, second))
    one = add_changes(base, first, second)
    assert isinstance(one, Decimal)
    assume(one != base + third and first != base + third)
    other = add_changes(base, first, base + third)
    assert isinstance(other, Decimal)
    assume(other != second)
    assert one + third == other + (second - base)


@given(MONEY, MONEY, NUMBERS)
def test_counters_of_two_currencies_are_no_merge(left: Money, right: Money, base: Decimal) -> None:
    with pytest.raises(ValueError, match="currency"):
        add_changes(Money(base, "USD"), left, right)
    with pytest.raises(ValueError, match="numbers"):
        add_changes(base, left, right)


# ------------------------------------------------------------------------------------------------- one unit

VALUES = st.integers(0, 2)
RULES = st.builds(
    Unit,
    name=st.just("f"),
    fields=st.just(("f",)),
    flow=st.sampled_from(Flow),
    policy=st.sampled_from(Policy),
    initial=st.sampled_from(Policy),
    fill_empty=st.booleans(),
    drift=st.sampled_from(Drift),
)


@dataclass(frozen=True, slots=True)
class State:
    """What both sides show (0 is empty), their base, and an open conflict with what a person chose."""

    left: int
    right: int
    base: tuple[int, int] | None
    frozen: bool = False
    chosen: Side | None = None

    def shown(self, side: Side) -> int:
        return self.left if side is Side.LEFT else self.right


@dataclass(frozen=True, slots=True)
class Image:
    """What each side makes of the other's values: any function, no inverse of the other's."""

    right: tuple[int, int, int]
    left: tuple[int, int, int]

    def agree(self, state: State) -> bool:
        return self.right[state.left] == state.right or self.left[state.right] == state.left


STATES = st.builds(
    State,
    VALUES,
    VALUES,
    st.one_of(st.none(), st.tuples(VALUES, VALUES)),
    st.booleans(),
    st.sampled_from([None, *Side]),
)
IMAGES = st.builds(Image, st.tuples(VALUES, VALUES, VALUES), st.tuples(VALUES, VALUES, VALUES))
NEWER = st.sampled_from([None, *Side])


def cell_of(state: State, image: Image, newer: Side | None) -> Cell:
    base = state.base
    return Cell(
        has_base=base is not None,
        changed_left=base is not None and base[0] != state.left,
        changed_right=base is not None and base[1] != state.right,
        agree=image.agree(state),
        empty_left=state.left == 0,
        empty_right=state.right == 0,
        frozen=state.frozen,
        chosen=state.chosen if state.frozen else None,
        newer=newer,
    )


def carried_out(state: State, decision: Decision, image: Image) -> State:
    """The state after the verb: the target shows its image of the source, and the base is what both show."""
    left, right, base = state.left, state.right, state.base
    if decision.verb is Verb.WRITE_RIGHT:
        right = image.right[left]
    elif decision.verb is Verb.WRITE_LEFT:
        left = image.left[right]
    if decision.verb not in (Verb.KEEP, Verb.CONFLICT):
        base = (left, right)
    frozen = (state.frozen and not decision.closes) or decision.verb is Verb.CONFLICT
    return State(left, right, base, frozen, None if decision.closes else state.chosen)


@given(RULES, STATES, IMAGES, NEWER)
def test_i01_carrying_a_decision_out_leaves_nothing_to_decide_whatever_the_mapping(
    unit: Unit, state: State, image: Image, newer: Side | None
) -> None:
    once = carried_out(state, decide(unit, cell_of(state, image, newer)), image)
    again = decide(unit, cell_of(once, image, newer))
    assert again.verb in (Verb.KEEP, Verb.CONFLICT)
    assert again.verb is Verb.KEEP or once.frozen
    assert carried_out(once, again, image) == once


@given(RULES, STATES, IMAGES, NEWER)
def test_i07_a_value_that_is_overwritten_was_settled_or_is_named_as_the_loser(
    unit: Unit, state: State, image: Image, newer: Side | None
) -> None:
    decision = decide(unit, cell_of(state, image, newer))
    after = carried_out(state, decision, image)
    for index, side in enumerate(Side):
        if after.shown(side) != state.shown(side):
            settled = state.base is not None and state.base[index] == state.shown(side)
            empty = state.base is None and state.shown(side) == 0
            assert settled or empty or decision.loser is side


@given(RULES, VALUES, VALUES, st.integers(1, 2), st.sampled_from(Side), IMAGES, NEWER)
def test_i04_a_two_way_unit_keeps_the_only_change(
    unit: Unit, left: int, right: int, by: int, changed: Side, image: Image, newer: Side | None
) -> None:
    state = State((left + by) % 3, right, (left, right))
    if changed is Side.RIGHT:
        state = State(left, (right + by) % 3, (left, right))
    decision = decide(replace(unit, flow=Flow.BOTH), cell_of(state, image, newer))
    assert carried_out(state, decision, image).shown(changed) == state.shown(changed)


@given(st.sampled_from(Status), st.sampled_from(Status))
def test_a_record_is_deleted_only_where_the_other_side_ended_and_this_one_is_as_agreed(
    left: Status, right: Status
) -> None:
    step = decide_record(Sides(left, right))
    assert (step is Step.DELETE_RIGHT) == ((left, right) == (Status.DELETED, Status.UNCHANGED))
    assert (step is Step.DELETE_LEFT) == ((left, right) == (Status.UNCHANGED, Status.DELETED))
