"""A subject that is wrong itself is told so in one sentence, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from connector.errors import DeniedError
from connector.testing.contract import Sample, Trouble
from connector.testing.contract.checking import mistake

from .memory.subjects import BARE, FULL, LINES, SAMPLE, MemorySubject


def subject(*samples: Sample, **more: Any) -> MemorySubject:
    made = MemorySubject(FULL)
    made.samples = samples
    for name, value in more.items():
        setattr(made, name, value)
    return made


def creating(**more: Any) -> Sample:
    return replace(SAMPLE, create=lambda number: {**SAMPLE.create(number), **more}, kept={})


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (subject(), "MemorySubject has no `samples`"),
        (subject("things"), "MemorySubject has no `samples`"),  # type: ignore[arg-type]
        (subject(SAMPLE, troubles=(Trouble.LOST,)), "MemorySubject sets `troubles`"),
        (subject(replace(SAMPLE, object="order")), "`order` is not described, .* described are: things"),
        (subject(creating(name="always")), "`name` as 'always' whatever its number is"),
        (subject(replace(SAMPLE, create=lambda number: {"lines": LINES})), "leaves `name` out"),
        (subject(replace(SAMPLE, change=("note", ("1", "2")))), "has 2 different values of `note` and needs 7"),
        (subject(replace(SAMPLE, change=("note", (*"123456", "first")))), "has the value 'first' that `create` gives"),
        (subject(replace(SAMPLE, change=("nota", tuple("1234567")))), "`nota` of the sample is not described"),
        (subject(creating(lines=LINES[:1])), "`things.lines` holds lines and the sample knows 1 of them"),
        (subject(creating(lines=[LINES[0]] * 3)), "the sample knows 1 of them"),
        (subject(creating(lines=None)), "`things.lines` holds lines and the sample writes none"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(made: MemorySubject, said: str) -> None:
    problem = mistake(made)
    assert problem is not None
    with pytest.raises(ValueError, match=said):
        raise ValueError(problem)
    assert "\n" not in problem


def test_a_system_that_does_not_answer_is_said_to() -> None:
    made = subject(SAMPLE)
    made.system.fail("describe", DeniedError("memory does not accept the credentials; check `auth`"))
    assert "check `auth`" in str(mistake(made))


@pytest.mark.parametrize("samples", [[SAMPLE], [SAMPLE, SAMPLE]])
def test_nothing_is_wrong_with_what_is_right(samples: Sequence[Sample]) -> None:
    assert mistake(subject(*samples)) is None
    assert mistake(MemorySubject(BARE, line_id="")) is None


def test_lines_may_be_told_apart_by_what_is_kept() -> None:
    assert mistake(subject(replace(creating(lines=LINES[:1]), kept={"lines": (LINES[1:],)}))) is None
