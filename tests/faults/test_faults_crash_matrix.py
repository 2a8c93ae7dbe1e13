"""A crash at every step, before and after it, in every profile of powers: the end is the same as without (I11, I12)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.model.rows import LinkState
from connector.model.values import Side, Sides
from connector.testing.crash import ALL, CrashReport, Depth, Matrix, StoreName, crash_matrix, main, new_world
from connector.testing.crash_acts import edit
from connector.testing.crash_profiles import PROFILES, CrashProfile
from connector.testing.crash_scenarios import SCENARIOS
from connector.testing.tables import LOST
from connector.testing.world import FULL, account, make_world

SPREAD = 21
NOTHING = replace(
    FULL, conditional_write=False, idempotency=0.0, external_key="none", created_by=False, versions="opaque"
)
OTHERS = [name for name in SCENARIOS if name != "sync"]


def gone_through(scenario: str, profile: str, folder: Path, depth: Depth, store: StoreName = "memory") -> CrashReport:
    """The matrix of a cell; fails with the first ends that differ."""
    report = crash_matrix(SCENARIOS[scenario], PROFILES[profile], folder, depth=depth, store=store)
    assert report.differences[:3] == []
    return report


def spread(number: int) -> Depth:
    """A few steps of each kind; which ones moves with the profile, so that all profiles together take all."""
    return Depth(kills=SPREAD, pairs=6 * SPREAD, faults=3 * SPREAD, offset=number)


def other_of(number: int) -> str:
    """A second scenario for each profile, in turn; one it can do."""
    turn = [*OTHERS[number % len(OTHERS) :], *OTHERS]
    creates = list(PROFILES.values())[number].creates
    return next(name for name in turn if creates or not SCENARIOS[name].creates)


@pytest.mark.parametrize(("number", "profile"), list(enumerate(PROFILES)))
def test_i11_a_crash_or_a_fault_at_a_spread_of_steps_changes_nothing_of_the_end(
    number: int, profile: str, tmp_path: Path
) -> None:
    assert gone_through("sync", profile, tmp_path, spread(number)).points >= 5


@pytest.mark.parametrize(("number", "profile"), list(enumerate(PROFILES)))
def test_i11_so_it_is_with_policies_a_saved_plan_and_a_migration(number: int, profile: str, tmp_path: Path) -> None:
    assert gone_through(other_of(number), profile, tmp_path, spread(number)).points >= 5


@pytest.mark.slow
def test_i11_i12_every_step_killed_failing_and_without_answer_changes_nothing_of_the_end(tmp_path: Path) -> None:
    report = gone_through("sync", "unconditional, traced", tmp_path, Depth(pairs=97))
    assert report.points == 3 * report.steps + 1
    assert report.pairs > 30


@pytest.mark.slow
def test_i11_so_it_is_with_the_real_store(tmp_path: Path) -> None:
    report = gone_through("sync", "rich left, poor right", tmp_path, Depth(kills=6, faults=19), "sqlite")
    assert (report.store, report.points > 20) == ("SqliteStore", True)


def test_a_system_that_tells_nothing_of_a_lost_create_shows_as_a_difference(tmp_path: Path) -> None:
    """The matrix sees what it looks for: without any power a duplicate is the documented limit, and it is found."""
    profile = CrashProfile("nothing", Sides(NOTHING, NOTHING))
    report = crash_matrix(SCENARIOS["migrate"], profile, tmp_path, depth=Depth(kills=0))
    at = {d.at for d in report.differences if any("companies: not wanted: Holding" in text for text in d.what)}
    assert any("write companies" in text and text.endswith("lost") for text in at), report.differences


def test_an_end_that_differs_is_reported_with_its_step_and_its_record(tmp_path: Path) -> None:
    """The same matrix over systems that forget what was agreed: somebody edits a record at one of the steps."""
    quiet = SCENARIOS["sync"]
    matrix = Matrix(quiet, PROFILES["overlap feed"], new_world(PROFILES["overlap feed"].powers, tmp_path, "memory"))
    edit(matrix.start, Side.RIGHT, "account", "Acme 0", remarks="not in the plain day")
    matrix.fault_everywhere(Depth(faults=60))
    assert matrix.report.differences[0].at.startswith("step ")
    assert any("Acme 0" in text and "not in the plain day" in text for text in matrix.report.differences[0].what)


@pytest.mark.parametrize("words", [["--workers", "-1"], ["--pairs", "-1"], ["--workers", "x"]])
def test_numbers_nobody_can_use_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "expected a whole number" in capsys.readouterr().err


def test_the_command_line_says_what_was_gone_through_and_refuses_what_makes_no_sense(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--scenario", "migrate", "--profile", "unconditional"]) == 2
    assert "needs creates" in capsys.readouterr().err
    assert main(["--scenario", "migrate", "--profile", "overlap feed", "--pairs", "0", "--json"]) == 0
    assert '"differences": 0' in capsys.readouterr().out


def test_one_step_can_be_gone_through_alone(tmp_path: Path) -> None:
    report = gone_through("migrate", "overlap feed", tmp_path, replace(ALL, only=9))
    assert (report.points, report.pairs > 0) == (3, True)


def test_without_any_power_a_lost_create_may_come_twice_and_nothing_else_goes_wrong(tmp_path: Path) -> None:
    """The documented limit: no key, no search, no writer's name. Nothing tells our record from a person's."""
    world = make_world(tmp_path, NOTHING, NOTHING)
    for number in range(3):
        world.crm.add("companies", account(f"Acme {number}"))
    world.sync()
    world.crm.add("companies", account("New"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    world.settle()
    titles = sorted(row["title"] for row in world.erp.live("customers").values())
    assert titles.count("New") in (1, 2)
    assert [title for title in titles if title != "New"] == ["Acme 0", "Acme 1", "Acme 2"]
    assert len([link for link in world.links() if link.state is LinkState.HALF]) == 0
    assert world.plan() == []
    world.store.close()


def test_the_day_of_bookkeeping_ends_as_bookkeepers_expect(tmp_path: Path) -> None:
    """What the matrix compares other ends with is right itself: to the cent, and nothing is lost without a row."""
    scenario, profile = SCENARIOS["documents"], PROFILES["overlap feed"]
    ends = Matrix(scenario, profile, new_world(profile.powers, tmp_path, "memory", scenario.entities)).ends
    balances = {row.split(" cur=")[0]: row for row in ends.rest["balances"]}
    for company in ends.rest["companies"]:
        figures = company[company.index("open_balance") :].split()[:2]
        (name,) = (name for name in balances if company.startswith(name + " "))
        assert [f.partition("_balance")[0] + f.partition("_balance")[2] for f in figures] == balances[name].split()[-2:]
    assert ends.rest["invoice conflicts"] == ["B2 - B2: lines: held", "B2 - B2: open_amount: held"]
    assert ends.later["invoice conflicts"] == []
    assert [text.split()[0] for text in ends.rest["invoices"] if "'void'" in text] == ["B4"]
    assert [text.split()[0] for text in ends.rest["payments"]] == ["R0", "R1", "R3", "R7", "R8"]
    assert ends.rest["payment losers"] == ['left R3: amount: {"amount":"100.00 EUR"}']
    assert ends.rest["contact conflicts"] == ["Person 1 - Person 1: first_name: conflict"]
