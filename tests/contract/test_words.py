"""A failed test of the suite says what was done, what came of it and what was expected."""

from __future__ import annotations

import pytest

from .sabotages import SABOTAGES
from .test_suite_has_teeth import run

SAID = [
    (
        "IgnoresConditions",
        "a_write_on_a_moved_version_is_stale_and_changes_nothing",
        "the update on the old or unknown version '000000000001' was taken; StaleError was expected",
    ),
    (
        "IgnoresConditions",
        "of_two_writes_on_one_version_exactly_one_is_done",
        "4 of 4 writes on one version were taken, not 1",
    ),
    (
        "StopsAtTheFirstRefusal",
        "of_a_batch_any_items_may_be_refused_and_the_others_are_done_once",
        "of a valid and a refused and a valid create, the valid one got RejectedError('no'); it has to be taken",
    ),
    (
        "FindsNothingWhereNothingIs",
        "find_by_a_field_that_is_not_there_is_a_mistake_and_never_an_empty_answer",
        "find by a field that is not there was answered; ConfigError or RejectedError was expected. It gave []",
    ),
    ("ScansTwice", "a_scan_lists_every_live_record_once_and_in_one_order", "came twice: ['T00001', 'T00002'"),
    (
        "RequiresNothing",
        "a_create_without_a_required_field_is_refused",
        "a create without the required `note` was taken; RejectedError was expected",
    ),
    (
        "DropsTheLastLine",
        "lines_are_created_each_once_and_in_order",
        "`lines` after a create: lines written: 3, shown: 2; lost or changed: [{'sku': 'B-7'",
    ),
    (
        "MakesAllLinesNew",
        "a_line_is_added_and_the_others_stay",
        "`lines` after adding one line: line 1 has the id TL6 and had TL4; a line keeps its id",
    ),
]


@pytest.mark.parametrize(("name", "test", "said"), SAID, ids=lambda value: value[:40])
def test_a_failed_test_says_what_was_expected(name: str, test: str, said: str) -> None:
    kind = next(kind for kind, _ in SABOTAGES if kind.__name__ == name)
    with pytest.raises(AssertionError) as caught:
        run(f"test_{test}", kind)
    assert str(caught.value).startswith(said)
