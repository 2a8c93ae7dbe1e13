"""Recovery where the target keeps no key of ours: the record we made is told by what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.model.rows import HintRow
from connector.model.values import Side
from connector.testing.tables import LOST
from connector.testing.world import FULL, World, account, customer, make_world


@pytest.fixture
def keyless(tmp_path: Path) -> Iterator[World]:
    powers = replace(FULL, external_key="none", idempotency=0.0)
    world = make_world(tmp_path, powers, powers)
    yield world
    world.store.close()


def _lost_creates(world: World, phones: list[str]) -> dict[str, str]:
    """Accounts of one name whose creates were done and not answered; phone -> key in the CRM."""
    keys = {phone: world.crm.add("companies", account("Twin", phone=phone)) for phone in phones}
    world.erp.fail("write", LOST, after=True)
    world.sync()
    assert len(world.erp.live("customers")) == len(phones)
    assert world.pairs() == {} or all(right is None for right in world.pairs().values())
    return keys


def test_records_of_one_name_are_each_linked_with_their_own(keyless: World) -> None:
    keys = _lost_creates(keyless, [str(n) for n in range(8)])
    keyless.settle()
    customers = keyless.erp.live("customers")
    assert len(customers) == 8
    assert {phone: customers[keyless.pairs()[key]]["tel"] for phone, key in keys.items()} == {p: p for p in keys}
    assert keyless.plan() == []


def test_the_only_one_of_its_name_is_ours_although_a_person_changed_it(keyless: World) -> None:
    keys = _lost_creates(keyless, ["1"])
    (right,) = keyless.erp.live("customers")
    keyless.erp.edit("customers", right, tel="9")
    keyless.settle()
    assert list(keyless.erp.live("customers")) == [right]
    assert keyless.crm.get("companies", keys["1"])["phone"] == "9"
    assert keyless.conflicts() == []


def test_where_several_could_be_it_a_person_looks_and_nothing_is_made_twice(keyless: World) -> None:
    _lost_creates(keyless, ["1", "2", "3"])
    for right, fields in list(keyless.erp.live("customers").items()):
        if fields["tel"] != "3":
            keyless.erp.edit("customers", right, tel="changed")
    keyless.settle()
    assert len(keyless.erp.live("customers")) == 3
    assert len(keyless.crm.live("companies")) == 3
    assert len([dead for dead in keyless.dead() if dead[0] == "left"]) == 2


@pytest.mark.parametrize("twins", [False, True])
def test_records_that_people_renamed_are_told_by_their_natural_key_where_each_has_its_own(
    keyless: World, twins: bool
) -> None:
    taxes = ["T1", "T1" if twins else "T2"]
    keys = [keyless.crm.add("companies", account(f"A{n}", tax_id=tax)) for n, tax in enumerate(taxes)]
    keyless.erp.fail("write", LOST, after=True)
    keyless.sync()
    made = {fields["title"]: right for right, fields in keyless.erp.live("customers").items()}
    for title, right in made.items():
        keyless.erp.edit("customers", right, title=f"{title} renamed")
    keyless.settle()
    assert len(keyless.erp.live("customers")) == 2
    assert len([dead for dead in keyless.dead() if dead[0] == "left"]) == (2 if twins else 0)
    if not twins:
        assert keyless.pairs() == {key: made[f"A{n}"] for n, key in enumerate(keys)}
        assert keyless.crm.get("companies", keys[0])["name"] == "A0 renamed"


@pytest.mark.parametrize("left_over", [0, 1, 2])
def test_a_create_taken_up_again_is_looked_for_before_it_is_sent(tmp_path: Path, left_over: int) -> None:
    powers = replace(FULL, external_key="search", idempotency=0.0)
    world = make_world(tmp_path, powers, powers)
    left = world.crm.add("companies", account("Acme"))
    world.erp.fail("write", LOST, after=True)
    world.sync()
    twins = [*world.erp.live("customers"), world.erp.add("customers", customer("Acme", crm_ref=left), by="connector")]
    world.settle()
    assert ("left", left) in [dead[:2] for dead in world.dead()]
    for key in twins[left_over:]:
        world.erp.remove("customers", key)
    kind, now = world.specs["account"].kind, world.clock.now()
    with world.store.begin() as tx:
        tx.drop_dead(kind, Side.LEFT, [left])
        tx.put_hints([HintRow(kind, Side.LEFT, left, None, "retry", now, first=now)])
    assert [line.action for line in world.plan()].count("create") == (left_over == 0)
    world.sync()
    assert len(world.erp.live("customers")) == max(1, left_over)
    assert (("left", left) in [dead[:2] for dead in world.dead()]) is (left_over == 2)
    assert (world.pairs().get(left) in world.erp.live("customers")) is (left_over < 2)
    world.store.close()
