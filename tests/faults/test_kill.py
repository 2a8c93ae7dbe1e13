"""SIGKILL at random moments, and lost answers, against the real command line: nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.checks import Checks
from benchmarks.kill import PROFILES, Profile, run

KILLED = [profile for profile in PROFILES if not profile.faults]
LOST = [profile for profile in PROFILES if profile.faults]


def _named(profile: Profile) -> str:
    return profile.name.replace(", ", "-").replace(" ", "-")


@pytest.mark.slow
@pytest.mark.parametrize("profile", [KILLED[0], KILLED[2], KILLED[4]], ids=_named)
def test_a_first_sync_killed_again_and_again_makes_every_record_once(profile: Profile, tmp_path: Path) -> None:
    checks = Checks(quiet=True)
    run(profile, tmp_path, checks, count=600, edits=0, kills=2, seed=5, inside=True)
    assert checks.failed == []


@pytest.mark.slow
@pytest.mark.parametrize("profile", [KILLED[5]], ids=_named)
def test_a_killed_run_of_edits_loses_none_and_undoes_none(profile: Profile, tmp_path: Path) -> None:
    checks = Checks(quiet=True)
    run(profile, tmp_path, checks, count=300, edits=60, kills=2, seed=7, inside=True)
    assert checks.failed == []


@pytest.mark.slow
@pytest.mark.parametrize("profile", LOST, ids=_named)
def test_answers_lost_after_the_commit_change_nothing_of_the_end(profile: Profile, tmp_path: Path) -> None:
    checks = Checks(quiet=True)
    run(profile, tmp_path, checks, count=500, edits=60, kills=0, seed=9, inside=True)
    assert checks.failed == []
