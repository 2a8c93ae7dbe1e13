"""Ids of 15 and 18 characters, and numbers as Java writes them."""

from __future__ import annotations

import pytest

from connector.emulators.salesforce.ids import full, numbered
from connector.emulators.salesforce.values import java_number


@pytest.mark.parametrize(
    ("short", "long"), [("00D5g0000048ABc", "00D5g0000048ABcEAM"), ("001D000000IRFma", "001D000000IRFmaIAH")]
)
def test_the_suffix_says_which_letters_are_capitals(short: str, long: str) -> None:
    assert full(short) == full(long) == long


@pytest.mark.parametrize("given", ["", "001D000000IRFm", "001D000000IRFmaIAI", "001D000000IRFm-", "001D000000IRFmaI"])
def test_what_is_no_id_has_no_long_form(given: str) -> None:
    assert full(given) is None


def test_ids_differ_by_case_alone_and_sort_as_they_were_drawn() -> None:
    ids = [numbered("001", number) for number in range(1, 5000)]
    assert len({key[:15].lower() for key in ids}) < len(ids) == len({key.lower() for key in ids})
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"), (1.5, "1.5"), (9999999.99, "9999999.99"), (1e7, "1.0E7"), (-12345678.9, "-1.23456789E7"),
        (0.001, "0.001"), (0.0005, "5.0E-4"),
    ],
)  # fmt: skip
def test_a_double_is_written_as_java_does(value: float, text: str) -> None:
    assert java_number(value) == text
    assert float(text) == value
