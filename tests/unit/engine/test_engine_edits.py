"""Edits after the first sync: both directions, merges field by field, conflicts, policies, one-way, groups, enums."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.errors import UncertainError
from connector.merge.rules import Drift, Flow, Policy
from connector.model.values import Side
from connector.testing.world import FULL, World, account, make_world


def linked(world: World, **fields: Any) -> tuple[str, str]:
    """One account on both sides, synced: its two keys."""
    left = world.crm.add("companies", account("Acme", **{"phone": "1", "email": "a", "notes": "n", **fields}))
    world.sync()
    return left, world.pairs()[left]


def test_an_edit_on_either_side_reaches_the_other(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="2")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    world.erp.edit("customers", right, tel="3")
    world.sync()
    assert world.crm.get("companies", left)["phone"] == "3"
    assert world.plan() == []


def test_edits_of_different_fields_of_one_record_both_survive(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="2")
    world.erp.edit("customers", right, mail="b")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    assert world.crm.get("companies", left)["email"] == "b"
    assert world.crm.get("companies", left)["phone"] == "2"
    assert world.plan() == []
    assert world.conflicts() == []


def test_clearing_a_field_travels_like_any_edit(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone=None)
    world.sync()
    assert world.erp.get("customers", right)["tel"] is None
    assert world.plan() == []


def test_one_field_changed_on_both_sides_is_a_conflict_and_the_other_fields_travel(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L", email="new")
    world.erp.edit("customers", right, tel="R", remarks="new")
    report = world.sync()
    assert report.status == "partly"
    assert report.counts["held"] == 1
    assert world.conflicts() == [("phone", "conflict")]
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == ("L", "R")
    assert world.erp.get("customers", right)["mail"] == "new"
    assert world.crm.get("companies", left)["notes"] == "new"
    assert world.plan() == []


def test_a_conflict_planned_twice_is_one_row_and_later_edits_of_other_fields_still_flow(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.crm.edit("companies", left, phone="L2", email="later")
    world.sync()
    assert world.conflicts() == [("phone", "conflict")]
    assert world.erp.get("customers", right)["mail"] == "later"
    assert world.erp.get("customers", right)["tel"] == "R"


@pytest.mark.parametrize("winner", list(Side))
def test_a_choice_settles_the_conflict_keeps_the_loser_in_the_journal_and_leaves_nothing_to_plan(
    world: World, winner: Side
) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.choose("account", "phone", winner)
    world.sync()
    value = "L" if winner is Side.LEFT else "R"
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == (value, value)
    assert world.conflicts() == []
    assert "overwritten" in [row.event for row in world.look("journal")]
    assert world.plan() == []
    assert world.hints() == []


def test_a_choice_made_over_values_that_changed_since_is_not_carried_out(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.choose("account", "phone", Side.LEFT)
    world.erp.edit("customers", right, tel="R2")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "R2"
    assert world.conflicts() == [("phone", "conflict")]


def test_a_conflict_ends_by_itself_when_both_sides_agree_again(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    world.erp.edit("customers", right, tel="L")
    world.sync()
    assert world.conflicts() == []
    world.crm.edit("companies", left, phone="3")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "3"


@pytest.mark.parametrize(("policy", "value"), [(Policy.LEFT, "L"), (Policy.RIGHT, "R")])
def test_a_policy_lets_one_side_win_and_journals_the_other_value(world: World, policy: Policy, value: str) -> None:
    world.rule("account", phone={"policy": policy})
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.erp.edit("customers", right, tel="R")
    world.sync()
    assert (world.crm.get("companies", left)["phone"], world.erp.get("customers", right)["tel"]) == (value, value)
    assert [row.event for row in world.look("journal")].count("overwritten") == 1
    assert world.plan() == []


def test_the_newest_edit_wins_only_beyond_the_clock_error(world: World) -> None:
    world.rule("account", phone={"policy": Policy.NEWEST})
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L")
    world.clock.advance(3600)
    world.erp.edit("customers", right, tel="R")
    world.sync()
    assert world.crm.get("companies", left)["phone"] == "R"
    world.clock.advance(3600)
    world.crm.edit("companies", left, phone="L2")
    world.clock.advance(5)
    world.erp.edit("customers", right, tel="R2")
    world.sync()
    assert world.conflicts() == [("phone", "conflict")]


@pytest.mark.parametrize(
    ("drift", "shown", "conflicts"),
    [(Drift.IGNORE, "R", 0), (Drift.RESTORE, "1", 0), (Drift.REPORT, "R", 1)],
)
def test_an_edit_of_the_target_of_a_one_way_field_is_ignored_restored_or_reported(
    world: World, drift: Drift, shown: str, conflicts: int
) -> None:
    world.rule("account", phone={"flow": Flow.L2R, "drift": drift})
    left, right = linked(world)
    world.erp.edit("customers", right, tel="R")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == shown
    assert world.crm.get("companies", left)["phone"] == "1"
    assert len(world.conflicts()) == conflicts
    assert world.plan() == []
    world.crm.edit("companies", left, phone="2")
    world.sync()
    if not conflicts:
        assert world.erp.get("customers", right)["tel"] == "2"


def test_an_address_travels_as_one_and_its_parts_never_mix(world: World) -> None:
    left, right = linked(world, street="S1", city="C1", zip="1")
    world.crm.edit("companies", left, street="S2")
    world.erp.edit("customers", right, addr2="C2")
    world.sync()
    assert world.conflicts() == [("billing_address", "conflict")]
    assert world.crm.get("companies", left)["city"] == "C1"
    assert world.erp.get("customers", right)["addr1"] == "S1"
    world.choose("account", "billing_address", Side.RIGHT)
    world.sync()
    found = world.crm.get("companies", left)
    assert (found["street"], found["city"], found["zip"]) == ("S1", "C2", "1")
    assert world.plan() == []


def test_a_choice_without_a_counterpart_is_held_listed_and_never_nulled(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, state="prospect", phone="2")
    report = world.sync()
    assert report.status == "partly"
    assert world.conflicts() == [("status", "held")]
    assert world.erp.get("customers", right)["blocked"] is False
    assert world.erp.get("customers", right)["tel"] == "2"
    assert world.plan() == []
    world.crm.edit("companies", left, state="former")
    world.sync()
    assert world.conflicts() == []
    assert world.erp.get("customers", right)["blocked"] is True


def test_a_value_too_long_for_the_other_side_is_held_while_the_other_fields_travel(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, name="x" * 61, phone="2")
    world.sync()
    assert world.conflicts() == [("name", "held")]
    assert world.erp.get("customers", right)["title"] == "Acme"
    assert world.erp.get("customers", right)["tel"] == "2"
    world.crm.edit("companies", left, name="y" * 60)
    world.sync()
    assert world.erp.get("customers", right)["title"] == "y" * 60
    assert world.conflicts() == []
    assert world.plan() == []


def test_what_a_system_trims_or_rounds_is_no_change(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, notes="  padded  ", credit_limit="10.500")
    world.sync()
    assert world.erp.get("customers", right)["remarks"] == "padded"
    assert world.erp.get("customers", right)["limit"] == "10.50"
    assert world.plan() == []


def test_a_money_field_is_written_together_with_its_currency(world: World) -> None:
    left, right = linked(world, credit_limit="10")
    world.crm.edit("companies", left, currency="JPY", credit_limit="1000")
    world.sync()
    found = world.erp.get("customers", right)
    assert (found["cur"], found["limit"]) == ("JPY", "1000")
    assert world.plan() == []


def test_records_with_differing_values_at_first_link_become_conflicts_and_empty_ones_are_filled(world: World) -> None:
    left = world.crm.add("companies", account("Acme", tax_id="1", phone="L", email="e"))
    right = world.erp.add("customers", {"title": "Acme", "vat_number": "1", "tel": "R", "cur": "EUR", "blocked": False})
    world.sync()
    assert world.conflicts() == [("phone", "conflict")]
    assert world.erp.get("customers", right)["mail"] == "e"
    assert world.crm.get("companies", left)["phone"] == "L"


def test_a_choice_over_two_conflicts_of_one_record_settles_one_and_leaves_the_other(world: World) -> None:
    left, right = linked(world)
    world.crm.edit("companies", left, phone="L", email="L")
    world.erp.edit("customers", right, tel="R", mail="R")
    world.sync()
    world.choose("account", "phone", Side.RIGHT)
    world.sync()
    assert world.conflicts() == [("email", "conflict")]
    assert world.crm.get("companies", left)["phone"] == "R"
    assert (world.crm.get("companies", left)["email"], world.erp.get("customers", right)["mail"]) == ("L", "R")


def test_a_currency_is_held_when_it_would_change_the_meaning_of_an_amount_that_stays(world: World) -> None:
    left, right = linked(world, credit_limit="10")
    world.crm.edit("companies", left, currency="USD", phone="2")
    world.erp.edit("customers", right, limit="20")
    world.sync()
    found = world.erp.get("customers", right)
    assert (found["cur"], found["limit"], found["tel"]) == ("EUR", "20", "2")
    assert sorted(world.conflicts()) == [("credit_limit", "conflict"), ("currency", "held")]


@pytest.mark.parametrize("field", ["credit_limit", "currency"])
def test_a_choice_that_cannot_be_written_yet_stays_and_is_carried_out_when_it_can(world: World, field: str) -> None:
    left, right = linked(world, credit_limit="10.00")
    world.crm.edit("companies", left, currency="USD", credit_limit="12.50")
    world.erp.edit("customers", right, cur="GBP", limit="20.00")
    world.sync()
    assert sorted(world.conflicts()) == [("credit_limit", "conflict"), ("currency", "conflict")]
    world.choose("account", field, Side.LEFT)
    world.crm.edit("companies", left, phone="2")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    assert (field, "held") in world.conflicts()
    world.sync(full=True)
    other = "currency" if field == "credit_limit" else "credit_limit"
    assert sorted(world.conflicts()) == sorted([(field, "held"), (other, "conflict")])
    world.choose("account", other, Side.LEFT)
    world.sync()
    found = world.erp.get("customers", right)
    assert (found["cur"], found["limit"]) == ("USD", "12.50")
    assert world.conflicts() == []
    assert world.plan() == []


def test_a_choice_that_could_not_be_written_is_not_taken_for_other_values(world: World) -> None:
    left, right = linked(world, credit_limit="10.00")
    world.crm.edit("companies", left, currency="USD", credit_limit="12.50")
    world.erp.edit("customers", right, cur="GBP", limit="20.00")
    world.sync()
    world.choose("account", "credit_limit", Side.LEFT)
    world.sync()
    world.crm.edit("companies", left, currency="GBP", credit_limit="13.00")
    world.sync()
    assert world.conflicts() == [("credit_limit", "conflict")]
    assert world.erp.get("customers", right)["limit"] == "20.00"


def test_what_is_held_is_decided_again_after_another_field_of_the_record_was_written(world: World) -> None:
    """Our own write hides who was the last to edit the record; a full run later must not be the first to notice."""
    world.rule("account", currency={"policy": Policy.NEWEST})
    left, right = linked(world)
    world.crm.edit("companies", left, currency="USD", credit_limit="19.45", phone="2")
    world.clock.advance(4000)
    world.erp.edit("customers", right, cur="JPY")
    world.sync()
    assert world.erp.get("customers", right)["tel"] == "2"
    rows = sorted(world.conflicts())
    assert rows == [("credit_limit", "held"), ("currency", "conflict")]
    world.sync(full=True)
    assert sorted(world.conflicts()) == rows


def test_a_merge_function_joins_both_edits_and_leaves_both_sides_at_their_base(world: World) -> None:
    world.rule("account", notes={"function": "union", "sealed": True})
    left, right = linked(world, notes="a, b")
    world.crm.edit("companies", left, notes="a, b, c")
    world.erp.edit("customers", right, remarks="b, d")
    world.sync()
    assert world.crm.get("companies", left)["notes"] == "b, c, d"
    assert world.erp.get("customers", right)["remarks"] == "b, c, d"
    assert world.plan() == []
    world.crm.edit("companies", left, notes="b, c")
    world.erp.edit("customers", right, remarks="b, c, d, e")
    world.sync()
    assert world.crm.get("companies", left)["notes"] == "b, c, e"
    assert world.erp.get("customers", right)["remarks"] == "b, c, e"
    world.crm.edit("companies", left, notes=None)
    world.sync()
    assert world.erp.get("customers", right)["remarks"] is None


@pytest.mark.parametrize("typed", ["20", None])
def test_what_is_typed_over_a_merged_value_of_which_nobody_knows_is_named(tmp_path: Path, typed: str | None) -> None:
    blind = replace(FULL, conditional_write=False, idempotency=0.0)
    world = make_world(tmp_path, blind, blind)
    world.rule("account", credit_limit={"function": "add_changes", "sealed": True})
    left, right = linked(world, credit_limit="10")
    world.crm.edit("companies", left, credit_limit="12")
    world.erp.edit("customers", right, limit="15")
    world.crm.fail("write", UncertainError("lost"), after=typed is not None)
    world.sync()
    if typed:
        world.crm.edit("companies", left, credit_limit=typed)
    world.clock.advance(4000)
    world.sync()
    shown = {world.crm.get("companies", left)["credit_limit"], world.erp.get("customers", right)["limit"]}
    assert {Decimal(value) for value in shown} == {Decimal(25 if typed else 17)}
    lines = [row for row in world.look("journal", None, None, None, 100) if row.event == "overwritten"]
    assert [(row.side, row.fields) for row in lines] == ([(Side.LEFT, "credit_limit")] if typed else [])
    world.store.close()


def test_who_types_the_old_value_again_over_what_has_no_image_and_a_write_nobody_knows_of_is_named(
    tmp_path: Path,
) -> None:
    blind = replace(FULL, conditional_write=False, idempotency=0.0)
    world = make_world(tmp_path, blind, blind)
    left, right = linked(world)
    world.erp.edit("customers", right, blocked=True)
    world.crm.fail("write", UncertainError("lost"), after=True)
    world.sync()
    world.crm.edit("companies", left, state="lead")
    world.clock.advance(4000)
    world.sync()
    world.crm.edit("companies", left, state="customer")
    world.sync()
    assert world.crm.get("companies", left)["state"] == "former"
    lines = [row for row in world.look("journal", None, None, None, 100) if row.event == "overwritten"]
    assert [(row.side, row.fields) for row in lines] == [(Side.LEFT, "status")]
    world.store.close()


@pytest.mark.parametrize("refuser", list(Side))
def test_a_merge_that_one_side_refuses_reaches_it_later_without_counting_an_edit_twice(
    world: World, refuser: Side
) -> None:
    world.rule("account", credit_limit={"function": "add_changes", "sealed": True})
    left, right = linked(world, credit_limit="10")
    world.crm.edit("companies", left, credit_limit="12")
    world.erp.edit("customers", right, limit="7")
    system = world.crm if refuser is Side.LEFT else world.erp
    system.reject_where(lambda fields: True)
    world.sync()
    assert len(world.dead()) == 1
    system.accept_all()
    if refuser is Side.LEFT:
        world.erp.edit("customers", right, tel="new")
    else:
        world.crm.edit("companies", left, phone="new")
    world.sync()
    assert Decimal(world.crm.get("companies", left)["credit_limit"]) == 9
    assert Decimal(world.erp.get("customers", right)["limit"]) == 9
    assert world.plan() == []
