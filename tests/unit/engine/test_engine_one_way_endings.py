"""A sync of one way never writes the side it reads from, whatever a person chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.merge.rules import Flow
from connector.model.values import Side
from connector.testing.world import World, account


@pytest.mark.parametrize("flow", [Flow.L2R, Flow.R2L])
def test_a_record_of_the_side_that_is_only_read_is_not_deleted_by_choice(world: World, flow: Flow) -> None:
    world.crm.add("companies", account("Acme", phone="1"))
    world.sync()
    ((left, right),) = world.pairs().items()
    spec = world.specs["account"]
    world.specs["account"] = replace(spec, units=tuple(replace(unit, flow=flow) for unit in spec.units))
    if flow is Flow.L2R:
        world.erp.remove("customers", right)
        world.crm.edit("companies", left, phone="later")
        gone = Side.RIGHT
    else:
        world.crm.remove("companies", left)
        world.erp.edit("customers", right, tel="later")
        gone = Side.LEFT
    world.sync()
    assert world.conflicts() == [("*", "deleted and changed")]
    world.choose("account", "*", gone)
    world.sync()
    assert len(world.crm.live("companies")) + len(world.erp.live("customers")) == 1
    assert world.conflicts() == []
