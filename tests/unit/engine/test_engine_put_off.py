"""What is put off or not answered: it is remembered as it was seen, and its time counts from the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from moments import at_the_first_write

from connector.errors import UncertainError
from connector.model.rows import IntentState
from connector.model.values import Side
from connector.testing.world import FULL, World, account, customer, make_world


@pytest.mark.parametrize("emptied", list(Side))
def test_a_value_that_was_held_and_is_emptied_then_is_named_when_the_other_side_fills_it(
    world: World, emptied: Side
) -> None:
    """Both showed a limit at the first link, one of them one that cannot be carried across: nothing was agreed on."""
    limits = {emptied: "500", emptied.other: "1.005"}
    left = world.crm.add("companies", account("A", tax_id="T1", credit_limit=limits[Side.LEFT]))
    right = world.erp.add("customers", customer("A", vat_number="T1", limit=limits[Side.RIGHT]))
    world.sync()
    typed = {emptied: None, emptied.other: "7"}
    world.crm.edit("companies", left, credit_limit=typed[Side.LEFT])
    world.erp.edit("customers", right, limit=typed[Side.RIGHT])
    world.sync()
    lines = [row for row in world.look("journal", None, None, None, 100) if row.event == "overwritten"]
    assert [(row.side, row.fields) for row in lines] == [(emptied, "credit_limit")]


def test_the_settle_time_of_a_write_begins_with_its_lost_answer_and_not_with_its_note(tmp_path: Path) -> None:
    """A slow process notes a create, sends it late, and gets no answer: it may be done any moment now."""
    blind = replace(FULL, external_key="none", idempotency=0.0)
    world = make_world(tmp_path, blind, blind)
    world.crm.add("companies", account("A"))
    world.erp.fail("write", UncertainError("lost"))
    at_the_first_write(world, lambda: world.clock.advance(2000))
    world.sync()
    world.sync()
    assert world.erp.live("customers") == {}
    assert world.look("count_intents", world.specs["account"].kind)[IntentState.SENT] == 1
    world.settle()
    assert len(world.erp.live("customers")) == 1
    world.store.close()
