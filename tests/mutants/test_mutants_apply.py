"""The catalogue of mutants fits the program as it is: each can be put in, and compiles. `make mutants` runs them."""

from __future__ import annotations

from functools import cache

import pytest

from .catalogue import MUTANTS
from .mutant import ROOT, Mutant

NAMES = [mutant.name for mutant in MUTANTS]


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def test_there_are_many_mutants_in_every_part_and_no_two_have_one_name() -> None:
    assert len(MUTANTS) >= 40
    assert len(set(NAMES)) == len(NAMES)
    parts = {mutant.file.split("/")[1] for mutant in MUTANTS}
    assert {"merge", "engine", "state", "mapping", "wrappers.py"} <= parts


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_mutant_can_be_put_in_once_and_compiles(mutant: Mutant) -> None:
    mutated = mutant.apply(_text(mutant.file))
    assert mutated != _text(mutant.file)
    compile(mutated, mutant.file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_mutant_says_which_rule_is_off_and_which_tests_are_to_see_it(mutant: Mutant) -> None:
    assert mutant.says.endswith(".")
    assert mutant.rule
    assert mutant.hints
    assert [hint for hint in mutant.hints if not (ROOT / hint.partition(" ")[0]).exists()] == []


def test_an_old_text_that_does_not_occur_once_is_named() -> None:
    mutant = Mutant("twice", "Says.", "I1", "a.py", "x", "y", ("tests",))
    for text in ("x and x", "nothing"):
        with pytest.raises(ValueError, match="not once"):
            mutant.apply(text)
