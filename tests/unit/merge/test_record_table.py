"""The record table, cell by cell, and the rules that hold over all of it."""

from __future__ import annotations

import itertools

import pytest

from connector.merge.records import Status, Step, decide_record
from connector.model.values import Side, Sides

U, C, D, M, X = (Status(letter) for letter in "UCDMX")
PAGE = {
    U: "keep merge delete_left confirm_right wait",
    C: "merge merge hold confirm_right wait",
    D: "delete_right hold close confirm_right wait",
    M: "confirm_left confirm_left confirm_left confirm_both wait",
    X: "wait wait wait wait wait",
}
CELLS = [
    (left, right, Step(word))
    for left, row in PAGE.items()
    for right, word in zip((U, C, D, M, X), row.split(), strict=True)
]
MIRROR = {
    Step.DELETE_LEFT: Step.DELETE_RIGHT,
    Step.DELETE_RIGHT: Step.DELETE_LEFT,
    Step.CONFIRM_LEFT: Step.CONFIRM_RIGHT,
    Step.CONFIRM_RIGHT: Step.CONFIRM_LEFT,
}


@pytest.mark.parametrize(("left", "right", "step"), CELLS)
def test_each_cell_of_the_page_steps_as_written(left: Status, right: Status, step: Step) -> None:
    assert decide_record(Sides(left, right)) is step


def test_the_table_is_total_and_symmetric() -> None:
    for left, right in itertools.product(Status, Status):
        step = decide_record(Sides(left, right))
        assert decide_record(Sides(right, left)) is MIRROR.get(step, step)


def test_i16_i17_a_delete_needs_proof_on_one_side_and_an_untouched_record_on_the_other() -> None:
    for left, right in itertools.product(Status, Status):
        step = decide_record(Sides(left, right))
        if step.target is Side.LEFT:
            assert (left, right) == (U, D)
        if step.target is Side.RIGHT:
            assert (left, right) == (D, U)


def test_i42_a_merge_never_deletes_the_image() -> None:
    for other in Status:
        assert decide_record(Sides(Status.MERGED, other)).target is None
        assert decide_record(Sides(other, Status.MERGED)).target is None
