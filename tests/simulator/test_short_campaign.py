"""A day of people, faults and crashes in each profile under each policy: nothing may be found."""

from __future__ import annotations

import pytest

from connector.testing.simulator.campaign import play_tasks, tasks
from connector.testing.simulator.profiles import POLICIES, PROFILES

SEEDS = len(PROFILES) * len(POLICIES)
CHUNK = 28


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, SEEDS, CHUNK))
def test_nothing_is_lost_doubled_or_silently_overwritten(start: int) -> None:
    totals = play_tasks(tasks(range(start, min(SEEDS, start + CHUNK)), spread=True))
    kinds = totals.findings.values()
    found = [f"{kind.rule}: {what}\n    {command}" for kind in kinds for command, what in kind.examples]
    assert not found, "\n".join(["play these again with:", *found])
    assert totals.seeds == min(SEEDS, start + CHUNK) - start
