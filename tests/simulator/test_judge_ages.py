"""What the judge says of ages that are not those of the wait."""

from __future__ import annotations

from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.simulator.judge_ages import AgeRules
from connector.testing.simulator.judge_findings import Verdicts


def told(*rounds: tuple[object, str, float]) -> list[str]:
    verdicts = Verdicts()
    rules = AgeRules(verdicts)
    for changes, reason, first in rounds:
        rules.round_ended(changes, [HintRow("account", Side.LEFT, "K", None, reason, first + 900, first=first)])
    return [finding.rule for finding in verdicts.new()]


def test_a_wait_that_goes_on_has_the_age_it_had() -> None:
    assert told((1, "missing", 5.0), (1, "missing", 5.0)) == []


def test_a_wait_that_goes_on_and_is_listed_as_younger_is_found() -> None:
    assert told((1, "missing", 5.0), (1, "missing", 7.0)) == ["I44"]


def test_a_wait_for_another_reason_has_an_age_of_its_own() -> None:
    assert told((1, "missing", 5.0), (1, "name waits", 7.0)) == []


def test_a_wait_may_have_begun_again_where_a_record_changed() -> None:
    assert told((1, "missing", 5.0), (2, "missing", 7.0)) == []
