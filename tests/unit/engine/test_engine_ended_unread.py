"""A choice to delete a record that shows what no value stands for (row 16)."""

from __future__ import annotations

import pytest

from connector.engine.endings import CHANGED_AGAIN
from connector.model.values import Side
from connector.testing.world import World, account, line


@pytest.mark.parametrize(
    "later", ["54.067", "60.001", 10**40, "\ud800"], ids=["as it was", "another", "huge", "no text"]
)
def test_who_types_another_amount_nobody_can_carry_across_after_a_choice_to_delete_is_asked_again(
    world: World, later: str | int
) -> None:
    left = world.crm.add("companies", account("Acme"))
    world.sync()
    world.erp.remove("customers", world.pairs()[left])
    world.crm.edit("companies", left, credit_limit="54.067")
    world.sync()
    world.choose("account", "*", Side.RIGHT)
    world.crm.edit("companies", left, credit_limit=later)
    world.sync()
    assert list(world.crm.live("companies")) == ([] if later == "54.067" else [left])
    world.sync()
    assert world.conflicts() == ([] if later == "54.067" else [("*", CHANGED_AGAIN)])


def test_who_edits_another_line_of_an_order_that_cannot_be_read_after_a_choice_to_delete_is_asked_again(
    world: World,
) -> None:
    company = world.crm.add("companies", account("Acme"))
    world.sync()
    lines = [line(None, quantity, "1.00", description=quantity) for quantity in ("1", "2")]
    left = world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": lines})
    world.sync("order")
    world.erp.remove("orders", world.pairs("order")[left])
    first, second = world.crm.get("deals", left)["lines"]
    world.crm.edit("deals", left, lines=[{**first, "quantity": "many"}, second])
    world.sync("order")
    world.choose("order", "*", Side.RIGHT)
    world.crm.edit("deals", left, lines=[{**first, "quantity": "many"}, {**second, "quantity": "20"}])
    world.sync("order")
    assert list(world.crm.live("deals")) == [left]
    world.choose("order", "*", Side.RIGHT)
    world.sync("order")
    assert list(world.crm.live("deals")) == []
