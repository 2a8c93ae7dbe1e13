"""The judge of winners: what counts as a base, and what had not changed against it (I4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_world import Court, company, give_up, opened, order, report

from connector.model.records import Op
from connector.model.rows import IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides
from connector.testing.store import MemoryStore
from connector.testing.world import account

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE = Op.CREATE, Op.UPDATE


@pytest.mark.parametrize("policy", ["crm-wins", "erp-wins", "manual"])
def test_i4_a_side_that_had_not_changed_wins_over_none_that_had(policy: str) -> None:
    with opened(policy=policy) as court:
        _, right = company(court, phone="v1")
        court.world.erp.edit("customers", right, tel="v2")
        court.world.erp.edit("customers", right, tel="v3")
        give_up(court, RIGHT, right, "v3", "v1")
        assert court.rules(rest=True) == {"I4"}


@pytest.mark.parametrize("done", [True, False])
def test_i4_nobody_knows_what_had_changed_until_a_run_after_the_store_was_lost_is_done(
    court: Court, done: bool
) -> None:
    left, right = company(court, phone="v1")
    court.world.store.close()
    court.world.store = MemoryStore()
    court.judge.store_replaced()
    court.link("account", left, right)
    if done:
        court.judge.writes.all_done("account")
    court.world.erp.edit("customers", right, tel="v3")
    give_up(court, RIGHT, right, "v3", "v1")
    assert ("I4" in court.rules()) is done


@pytest.mark.parametrize(("profile", "broken"), [("found-by-creator", set()), ("c--s", {"I4"})])
def test_i4_what_both_show_while_a_create_is_open_is_a_base_only_where_the_record_carries_our_key(
    profile: str, broken: set[str]
) -> None:
    with opened(profile) as court:
        left, right = company(court)
        kind, made = court.world.specs["account"].kind, str(court.judge.ledger.records[RIGHT, "account", right].token)
        row = IntentRow(made, kind, 1, RIGHT, CREATE, None, left, b"", b"", "", None, IntentState.SENT, 1.0, 1.0)
        with court.world.store.begin() as tx:
            tx.put_intents([row])
        court.world.crm.edit("companies", left, phone="v1")
        court.world.erp.edit("customers", right, tel="v1")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.judge.run_ended(report(status="partly"))
        court.world.erp.edit("customers", right, tel="v3")
        with court.world.store.begin() as tx:
            tx.drop_intents([made])
        give_up(court, RIGHT, right, "v3", "v1")
        assert court.rules() == broken


@pytest.mark.parametrize("crossed", [True, False])
@pytest.mark.parametrize("noted", [True, False])
def test_i4_a_reference_to_what_a_merge_made_the_same_thing_is_a_change_until_both_were_looked_at(
    court: Court, noted: bool, crossed: bool
) -> None:
    other, image = company(court, "Other")
    _, third = company(court, "Third")
    deal, made = order(court)
    court.read(RIGHT, "order", made)
    court.judge.run_ended(report("orders"))
    court.world.erp.merge("customers", image, court.world.erp.get("orders", made)["customer"])
    if crossed:
        court.world.crm.merge("companies", court.world.crm.get("deals", deal)["company_id"], other)
    court.world.crm.edit("deals", deal, company_id=other)
    if noted:
        court.read(LEFT, "order", deal)
        court.read(RIGHT, "order", made)
    court.judge.run_ended(report("orders"))
    kept = court.world.erp.get("orders", made)["customer"]
    court.world.erp.edit("orders", made, customer=third)
    court.read(LEFT, "order", deal)
    court.read(RIGHT, "order", made)
    court.lose(RIGHT, "order", made, "account", {"account": third})
    court.write(RIGHT, "order", UPDATE, made, customer=kept)
    assert ("I4" in court.rules()) is noted


@pytest.mark.parametrize(("based", "looked"), [(True, True), (False, True), (True, False)])
def test_i4_a_pair_that_merges_which_crossed_have_left_has_no_base_until_its_link_has_one(
    court: Court, based: bool, looked: bool
) -> None:
    (one, image), (other, survivor) = company(court, "One", phone="v1"), company(court, "Other", phone="v1")
    for side, key in ((LEFT, one), (RIGHT, image), (LEFT, other), (RIGHT, survivor)):
        court.read(side, "account", key)
    court.judge.run_ended(report(created=2))
    court.world.crm.merge("companies", one, other)
    court.world.erp.merge("customers", survivor, image)
    with court.world.store.begin() as tx:
        (link,) = tx.links_by_key(court.world.specs["account"].kind, LEFT, [one]).values()
        tx.update_links([replace(link, keys=Sides(None, None), state=LinkState.CLOSED)])
        (link,) = tx.links_by_key(court.world.specs["account"].kind, LEFT, [other]).values()
        tx.update_links([replace(link, keys=Sides(other, image), base=b"" if based else None)])
    if looked:
        court.read(LEFT, "account", other)
        court.read(RIGHT, "account", image)
        court.judge.run_ended(report())
    court.world.crm.edit("companies", other, phone="v2")
    court.read(LEFT, "account", other)
    court.lose(LEFT, "account", other, "phone", {"phone": "v2"})
    court.write(LEFT, "account", UPDATE, other, phone="v1")
    assert ("I4" in court.rules()) is (based and looked)


@pytest.mark.parametrize("typed", [True, False])
def test_i4_a_base_has_the_name_its_own_side_showed_and_not_that_of_the_other_side(court: Court, typed: bool) -> None:
    gone, image = company(court, "Gone")
    kept, survivor = company(court, "Kept")
    _, third = company(court, "Third")
    made = court.world.erp.add("orders", {"title": "O1", "customer": image, "cur": "EUR", "positions": []})
    court.world.erp.merge("customers", image, survivor)
    court.read(RIGHT, "order", made)
    deal = court.write(LEFT, "order", CREATE, name="O1", company_id=kept, currency="EUR", lines=[])
    court.link("order", deal, made)
    court.judge.run_ended(report("orders", created=1))
    if typed:
        court.world.crm.edit("deals", deal, company_id=gone)  # the same thing by now, and not what this side showed
    court.world.erp.edit("orders", made, customer=third)
    court.read(LEFT, "order", deal)
    court.read(RIGHT, "order", made)
    court.lose(RIGHT, "order", made, "account", {"account": third})
    court.write(RIGHT, "order", UPDATE, made, customer=survivor)
    assert ("I4" in court.rules()) is not typed


@pytest.mark.parametrize("state", ["lead", "customer"])
def test_i4_a_side_that_shows_what_no_value_stands_for_agrees_on_nothing(court: Court, state: str) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    court.world.crm.edit("companies", left, state=state)
    court.read(LEFT, "account", left)
    right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR")
    court.link("account", left, right)
    court.judge.run_ended(report(created=1))
    court.world.erp.edit("customers", right, blocked=False)
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.judge.run_ended(report())
    court.world.crm.edit("companies", left, state="former")
    court.read(LEFT, "account", left)
    court.lose(LEFT, "account", left, "status", {"status": "inactive"})
    court.write(LEFT, "account", UPDATE, left, state="customer")
    assert ("I4" in court.rules()) is (state == "customer")


@pytest.mark.parametrize("unit", ["phone", "email"])
def test_i4_a_unit_that_was_no_part_of_the_sync_has_no_base(court: Court, unit: str) -> None:
    _, right = company(court, phone="v1")
    before = court.world.specs["account"].units
    court.world.set("account", units=tuple(one for one in before if one.name != unit))
    court.judge.remapped("account")
    court.world.set("account", units=before)
    court.judge.remapped("account")
    court.world.erp.edit("customers", right, tel="v3")
    give_up(court, RIGHT, right, "v3", "v1")
    assert ("I4" in court.rules()) is (unit == "email")
