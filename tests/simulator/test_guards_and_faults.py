"""Guards that stop a run, faults that hit something: what the simulator plays is played in earnest."""

from __future__ import annotations

from collections import Counter

import pytest

from connector.engine import sync
from connector.merge.guards import Stop
from connector.testing.simulator.campaign import play_tasks, tasks
from connector.testing.simulator.play import Setup

# ------------------------------------------------------------------------------------------------------ guards

MANY = [*(f"add crm account N{number} phone=v{number}" for number in range(6)), "sync account"]


def unguarded(*_: object, **__: object) -> list[Stop]:
    return []


def test_a_run_over_a_guard_is_stopped_and_goes_ahead_when_a_person_lets_it_through() -> None:
    lines = [*MANY, *["remove crm account 0"] * 3, "sync account", "sync account", "sync account allow"]
    played = Setup("cuis", "guarded").play(lines, keep_log=True)
    assert played.findings == ()
    assert (played.counts["halted deletes"], played.counts["let through"]) == (2, 1)


def test_a_run_over_a_guard_is_stopped_until_a_person_takes_the_deletes_back() -> None:
    lines = [*MANY, *["remove crm account 0"] * 3, "sync account", *["restore crm account 0"] * 3, "sync account"]
    played = Setup("cuis", "guarded").play(lines, keep_log=True)
    assert played.findings == ()
    assert (played.counts["halted deletes"], played.counts["let through"]) == (1, 0)
    assert not any("erp remove" in line for line in played.log)


@pytest.mark.parametrize(
    "acts",
    [["remove crm account 0"] * 3, [f"edit crm account {number} phone=w{number}" for number in range(4)]],
    ids=["deletes", "updates"],
)
@pytest.mark.parametrize("sound", [True, False])
def test_an_engine_that_does_not_ask_its_guards_is_found_out(
    monkeypatch: pytest.MonkeyPatch, acts: list[str], sound: bool
) -> None:
    if not sound:
        monkeypatch.setattr(sync, "check_guards", unguarded)
    rules = {rule for rule, _ in Setup("cuis", "guarded").play([*MANY, *acts, "sync account"]).findings}
    assert rules == (set() if sound else {"I18"})


# ------------------------------------------------------------------------------------------------------ faults


def hits(*lines: str, profile: str = "cuis") -> Counter[str]:
    """How often each fault of these lines changed an answer."""
    counts = Setup(profile, "manual").play([*MANY, *lines]).counts
    return Counter({name.split()[-1]: count for name, count in counts.items() if name.startswith("fault ")})


def test_a_listing_fails_on_its_second_page_and_begins_again_in_the_next_run() -> None:
    lines = ["fault crm scan broken number=2", "edit crm account 5 phone=w5", "sync account full"]
    played = Setup("cuis", "manual").play([*MANY, *lines], keep_log=True)
    assert played.findings == ()
    assert played.counts["fault crm broken"] == 1
    assert any("crm scan TransientError" in line for line in played.log)


@pytest.mark.parametrize(
    ("line", "run", "kind", "count"),
    [
        ("fault crm scan broken number=6", "sync account full", "broken", 0),
        ("fault crm scan cut number=6", "sync account full", "cut", 0),
        ("fault crm scan cut number=5", "sync account full", "cut", 1),
        ("fault crm changes empty", "sync account", "empty", 0),
        ("fault crm scan empty", "sync account full", "empty", 1),
        ("outage crm", "sync account full", "outage", 1),
        ("fault erp write some-busy number=2", "sync account", "some-busy", 0),
    ],
)
def test_a_fault_is_counted_when_it_changed_an_answer(line: str, run: str, kind: str, count: int) -> None:
    assert hits(line, run, run)[kind] == count


@pytest.mark.parametrize(("number", "kind"), [(1, "some-busy"), (2, "some-busy"), (7, "all-busy")])
def test_part_of_a_batch_is_told_from_all_of_it(number: int, kind: str) -> None:
    edits = [f"edit crm account {place} phone=w{place}" for place in range(3)]
    found = hits(*edits, f"fault erp write some-busy number={number}", "sync account")
    assert [name for name in found if name.endswith("-busy")] == [kind]


def test_batches_are_hit_in_part_most_of_the_time_when_they_have_several_writes() -> None:
    counts = play_tasks(tasks(range(20), ["cuis", "----"], ["manual"])).counts
    part = sum(count for name, count in counts.items() if " some-" in name)
    assert part >= 20
