"""Scripts after which both systems have to show one thing, where the judge would let pass more than that one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.testing.simulator.play import read_script
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation

FOUND = Path(__file__).parent / "found"


@contextmanager
def played(name: str, *, rest: bool = True) -> Iterator[Simulation]:
    """The world after that script; rest: and after all that follows from it by itself."""
    setup, lines = read_script(FOUND / f"{name}.txt")
    simulation = Simulation(PROFILES[setup.profile], POLICIES[setup.policy])
    try:
        for line in lines:
            simulation.do(line)
        if rest:
            simulation.come_to_rest()
        yield simulation
    finally:
        simulation.close()


def test_what_was_typed_after_a_short_answer_outlives_the_refusal_of_the_second_try() -> None:
    """The names of two people's edits: which of them was refused, nothing shows; none of them may go."""
    with played("refused_as_changed_when_sent_again_and_edited_since") as simulation:
        (company,) = simulation.world.crm.live("companies").values()
        (customer,) = simulation.world.erp.live("customers").values()
        assert (company["street"], customer["addr1"], customer["remarks"]) == ("v59", "v59", "v31")


def test_a_copy_that_lags_behind_does_not_bring_back_what_was_there_before() -> None:
    with played("refused_as_changed_when_sent_again_and_an_old_copy_is_read") as simulation:
        (company,) = simulation.world.crm.live("companies").values()
        (customer,) = simulation.world.erp.live("customers").values()
        assert (company["street"], customer["addr1"]) == ("v59", "v59")


def test_a_create_that_nothing_would_find_is_not_given_up_at_its_first_refusal() -> None:
    with played("refused_second_try_of_a_create_that_nothing_finds", rest=False) as simulation:
        assert simulation.world.look("dead") == []
