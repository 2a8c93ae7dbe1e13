"""Orders and their lines: waiting for references, line by line merge, identity, money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import UncertainError
from connector.merge.rules import Policy
from connector.model.records import Op
from connector.model.rows import LinkState
from connector.model.values import Side
from connector.testing.tables import BUSY
from connector.testing.world import World, account, line, total


def order(world: World, *quantities: str) -> tuple[str, str]:
    """An order of one account with one line per quantity, on both sides: its two keys."""
    company = world.crm.add("companies", account("Acme"))
    product = world.crm.add("products", {"sku": "A-1", "name": "Anvil", "price": "2.5", "currency": "EUR"})
    world.sync("account")
    world.sync("product")
    lines = [line(product, quantity, "2.50", description=f"line {n}") for n, quantity in enumerate(quantities)]
    left = world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": lines})
    world.sync("order")
    return left, world.pairs("order")[left]


def deal(world: World, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.crm.get("deals", key)["lines"]
    return found


def positions(world: World, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.erp.get("orders", key)["positions"]
    return found


def shown(rows: list[dict[str, Any]], quantity: str, text: str) -> list[tuple[str, Decimal]]:
    return sorted((row[text], Decimal(row[quantity])) for row in rows)


def agree(world: World, left: str, right: str) -> bool:
    """Both sides hold the same lines and the same sum."""
    one, other = deal(world, left), positions(world, right)
    same = shown(one, "quantity", "description") == shown(other, "qty", "text")
    return same and total(one, "quantity", "unit_price") == total(other, "qty", "price")


def without(rows: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    return [row for number, row in enumerate(rows) if number != index]


def altered(rows: list[dict[str, Any]], index: int, **fields: Any) -> list[Mapping[str, Any]]:
    return [{**row, **fields} if number == index else row for number, row in enumerate(rows)]


def test_an_order_is_created_with_its_lines_references_and_sum(world: World) -> None:
    left, right = order(world, "1", "2.5")
    found = world.erp.get("orders", right)
    assert found["customer"] in world.erp.live("customers")
    assert all(row["item"] in world.erp.live("items") for row in found["positions"])
    assert agree(world, left, right)
    assert world.plan("order") == []
    assert world.sync("order").counts["read"] == 0


def test_an_order_waits_for_its_account_and_is_released_when_the_account_is_linked(world: World) -> None:
    company = world.crm.add("companies", account("Acme"))
    world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": []})
    report = world.sync("order")
    assert (report.status, report.counts["held"]) == ("partly", 1)
    assert world.erp.live("orders") == {}
    assert [hint.waits for hint in world.hints("order")] == [f"crm/erp/account/left/{company}"]
    world.sync("account")
    world.sync("order")
    (found,) = world.erp.live("orders").values()
    assert found["customer"] == world.pairs()[company]
    assert world.hints("order") == []


def test_an_order_that_waits_for_two_records_is_released_by_the_second(world: World) -> None:
    company = world.crm.add("companies", account("Acme"))
    product = world.crm.add("products", {"sku": "A", "name": "A", "price": "1", "currency": "EUR"})
    world.crm.add(
        "deals", {"name": "D", "company_id": company, "currency": "EUR", "lines": [line(product, "1", "1.00")]}
    )
    world.sync("order")
    world.sync("account")
    world.sync("order")
    assert world.erp.live("orders") == {}
    world.sync("product")
    world.sync("order")
    assert len(world.erp.live("orders")) == 1


def test_an_order_is_released_when_its_account_is_linked_by_a_match(world: World) -> None:
    company = world.crm.add("companies", account("Acme", tax_id="1"))
    world.crm.add("deals", {"name": "Deal", "company_id": company, "currency": "EUR", "lines": []})
    world.sync("order")
    world.erp.add("customers", {"title": "Acme", "vat_number": "1", "cur": "EUR", "blocked": False})
    world.sync("account")
    world.sync("order")
    assert len(world.erp.live("orders")) == 1


@pytest.mark.parametrize("side", list(Side))
def test_a_line_added_changed_or_removed_on_one_side_reaches_the_other(world: World, side: Side) -> None:
    left, right = order(world, "1", "2", "3")
    if side is Side.LEFT:
        rows = altered(without(deal(world, left), 0), 0, quantity="7")
        world.crm.edit("deals", left, lines=[*rows, line(None, "9", "1.00", description="new")])
    else:
        rows = altered(without(positions(world, right), 0), 0, qty="7")
        fresh = {"item": None, "qty": "9", "price": "1.00", "text": "new"}
        world.erp.edit("orders", right, positions=[*rows, fresh])
    world.sync("order")
    assert agree(world, left, right)
    assert shown(deal(world, left), "quantity", "description") == [("line 1", 7), ("line 2", 3), ("new", 9)]
    assert world.plan("order") == []
    assert world.sync("order").counts["updated"] == 0


def test_different_lines_changed_on_both_sides_both_survive(world: World) -> None:
    left, right = order(world, "1", "2", "3")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="10"))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 2, qty="30"))
    world.sync("order")
    assert agree(world, left, right)
    assert [Decimal(row["quantity"]) for row in deal(world, left)] == [10, 2, 30]
    assert world.plan("order") == []
    assert world.conflicts("order") == []


def test_lines_added_on_both_sides_both_survive(world: World) -> None:
    left, right = order(world, "1")
    world.crm.edit("deals", left, lines=[*deal(world, left), line(None, "2", "1.00", description="L")])
    fresh = {"item": None, "qty": "3", "price": "1.00", "text": "R"}
    world.erp.edit("orders", right, positions=[*positions(world, right), fresh])
    world.sync("order")
    assert agree(world, left, right)
    assert len(deal(world, left)) == 3
    world.erp.edit("orders", right, positions=altered(positions(world, right), 1, qty="8"))
    world.sync("order")
    assert agree(world, left, right)
    assert len(deal(world, left)) == 3
    assert world.plan("order") == []


def test_different_fields_of_one_line_changed_on_both_sides_merge(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 1, quantity="20"))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 1, price="9.99"))
    world.sync("order")
    assert agree(world, left, right)
    assert (deal(world, left)[1]["quantity"], deal(world, left)[1]["unit_price"]) == ("20", "9.99")
    assert world.plan("order") == []


def test_one_field_of_one_line_changed_on_both_sides_is_a_conflict_of_the_whole_list(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="10"), notes="L")
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    assert world.conflicts("order") == [("lines", "conflict")]
    assert world.erp.get("orders", right)["remarks"] == "L"
    assert Decimal(positions(world, right)[0]["qty"]) == 20
    assert world.plan("order") == []


@pytest.mark.parametrize("winner", list(Side))
def test_a_choice_settles_a_conflict_of_lines(world: World, winner: Side) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="10"))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    world.choose("order", "lines", winner)
    world.sync("order")
    assert Decimal(positions(world, right)[0]["qty"]) == (10 if winner is Side.LEFT else 20)
    assert agree(world, left, right)
    assert world.conflicts("order") == []
    assert world.plan("order") == []


def test_a_line_removed_on_one_side_and_changed_on_the_other_is_a_conflict(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=without(deal(world, left), 0))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    assert world.conflicts("order") == [("lines", "conflict")]
    assert (len(deal(world, left)), len(positions(world, right))) == (1, 2)


@pytest.mark.parametrize(("policy", "count"), [(Policy.LEFT, 1), (Policy.RIGHT, 2)])
def test_a_policy_decides_between_a_removed_and_a_changed_line(world: World, policy: Policy, count: int) -> None:
    world.rule("order", lines={"policy": policy})
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=without(deal(world, left), 0))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    assert agree(world, left, right)
    assert len(deal(world, left)) == count
    assert world.plan("order") == []


def test_reordering_lines_writes_nothing(world: World) -> None:
    left, _ = order(world, "1", "2", "3")
    before = world.erp.state()
    world.crm.edit("deals", left, lines=list(reversed(deal(world, left))))
    world.sync("order")
    assert world.erp.state() == before
    assert world.plan("order") == []


def test_equal_lines_keep_their_identity(world: World) -> None:
    left, right = order(world, "1")
    world.crm.edit("deals", left, lines=[*deal(world, left), *(line(None, "5", "1.00", description="x") for _ in "ab")])
    world.sync("order")
    ids = [row["no"] for row in positions(world, right)]
    rows = altered(deal(world, left), 2, quantity="6")
    world.crm.edit("deals", left, lines=rows)
    world.sync("order")
    assert [row["no"] for row in positions(world, right)] == ids
    assert [Decimal(row["qty"]) for row in positions(world, right)] == [1, 5, 6]
    assert agree(world, left, right)


def test_a_line_removed_on_both_sides_is_no_conflict(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=without(deal(world, left), 0))
    world.erp.edit("orders", right, positions=without(positions(world, right), 0))
    world.sync("order")
    assert world.conflicts("order") == []
    assert agree(world, left, right)
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="4"))
    world.sync("order")
    assert agree(world, left, right)


def test_all_lines_can_be_removed_and_new_ones_added(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=[])
    world.sync("order")
    assert positions(world, right) == []
    world.erp.edit("orders", right, positions=[{"item": None, "qty": "3", "price": "1.00", "text": "R"}])
    world.sync("order")
    assert agree(world, left, right)
    assert len(deal(world, left)) == 1
    assert world.plan("order") == []


def test_a_line_with_a_product_that_is_not_linked_yet_waits_and_the_header_travels(world: World) -> None:
    left, right = order(world, "1")
    product = world.crm.add("products", {"sku": "B", "name": "B", "price": "1", "currency": "EUR"})
    world.crm.edit("deals", left, lines=[*deal(world, left), line(product, "1", "1.00", description="b")], notes="now")
    world.sync("order")
    assert world.erp.get("orders", right)["remarks"] == "now"
    assert len(positions(world, right)) == 1
    world.sync("product")
    world.sync("order")
    assert agree(world, left, right)
    assert world.plan("order") == []


@pytest.mark.parametrize("winner", list(Side))
def test_a_person_is_asked_about_lines_though_one_refers_to_a_product_that_is_not_linked(
    world: World, winner: Side
) -> None:
    left, right = order(world, "1")
    product = world.crm.add("products", {"sku": "B", "name": "B", "price": "1", "currency": "EUR"})
    fresh = line(product, "1", "1.00", description="b")
    world.crm.edit("deals", left, lines=[*altered(deal(world, left), 0, quantity="10"), fresh])
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    assert world.conflicts("order") == [("lines", "conflict")]
    assert world.hints("order") == []
    world.choose("order", "lines", winner)
    world.sync("order")
    world.sync("product")
    world.sync("order")
    assert agree(world, left, right)
    assert [Decimal(row["qty"]) for row in positions(world, right)] == ([10, 1] if winner is Side.LEFT else [20])
    assert world.conflicts("order") == []
    assert world.plan("order") == []


def test_lines_asked_about_that_differ_in_nothing_but_a_reference_wait_for_it(world: World) -> None:
    left, right = order(world, "1")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="10"))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 0, qty="20"))
    world.sync("order")
    product = world.crm.add("products", {"sku": "B", "name": "B", "price": "1", "currency": "EUR"})
    item = world.erp.add("items", {"code": "B", "title": "B", "price": "1", "cur": "EUR"})
    world.crm.edit("deals", left, lines=[*deal(world, left), {"product_id": product, "quantity": "1"}])
    typed = altered(positions(world, right), 0, qty="10")
    world.erp.edit("orders", right, positions=[*typed, {"item": item, "qty": "1"}])
    world.sync("order")
    assert [hint.reason for hint in world.hints("order")] == ["lines waits"]
    world.sync("product")
    world.sync("order")
    assert world.conflicts("order") == []
    assert world.plan("order") == []


def test_a_new_currency_of_an_order_changes_header_and_lines_together(world: World) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, currency="USD")
    world.sync("order")
    assert world.erp.get("orders", right)["cur"] == "USD"
    assert agree(world, left, right)
    assert world.plan("order") == []
    assert world.conflicts("order") == []


@pytest.mark.parametrize("refuser", list(Side))
def test_lines_edited_on_both_sides_end_the_same_when_one_side_refuses_at_first(world: World, refuser: Side) -> None:
    left, right = order(world, "1", "2")
    world.crm.edit("deals", left, lines=altered(deal(world, left), 0, quantity="9"))
    world.erp.edit("orders", right, positions=altered(positions(world, right), 1, qty="8"))
    system = world.crm if refuser is Side.LEFT else world.erp
    system.reject_where(lambda fields: True)
    world.sync("order")
    system.accept_all()
    if refuser is Side.LEFT:
        world.erp.edit("orders", right, remarks="new")
    else:
        world.crm.edit("deals", left, notes="new")
    world.sync("order")
    assert agree(world, left, right)
    assert shown(deal(world, left), "quantity", "description") == [("line 0", 9), ("line 1", 8)]
    assert world.plan("order") == []


@pytest.mark.parametrize("edited", [False, True])
def test_a_removed_line_stays_removed_when_the_write_that_removes_it_fails_at_first(world: World, edited: bool) -> None:
    """Alone, and beside a write of another line to the other side that succeeds."""
    world.crm.add("companies", account("Acme"))
    world.sync("account")
    rows = [line(None, "1", "2.50", description="one"), line(None, "2", "0.10", description="two")]
    deal = world.crm.add("deals", {"name": "Basket", "company_id": "C00001", "currency": "EUR", "lines": rows})
    world.sync("order")
    order = world.pairs("order")[deal]
    if edited:
        mine = world.crm.get("deals", deal)["lines"]
        world.crm.edit("deals", deal, lines=[{**mine[0], "unit_price": "2.40"}, mine[1]])
    world.erp.edit("orders", order, positions=world.erp.get("orders", order)["positions"][:1])
    world.crm.fail("write", BUSY, object="deals", op=Op.UPDATE)
    world.sync("order")
    world.settle("order")
    assert [row["text"] for row in world.erp.get("orders", order)["positions"]] == ["one"]
    assert [row["description"] for row in world.crm.get("deals", deal)["lines"]] == ["one"]


@pytest.mark.parametrize("error", [BUSY, UncertainError("no answer")])
def test_lines_that_were_never_agreed_on_are_compared_again_when_their_first_write_is_lost(
    world: World, error: Exception
) -> None:
    left, right = order(world, "1", "2")
    row = positions(world, right)[1]
    world.erp.edit("orders", right, positions=[positions(world, right)[0], {**row, "qty": "7", "price": "9"}])
    world.lose_store()
    world.rule("order", lines={"policy": Policy.LEFT, "initial": Policy.LEFT})
    world.sync("account")
    world.sync("product")
    world.erp.fail("write", error, object="orders", op=Op.UPDATE, times=3)
    world.sync("order")
    world.settle("order")
    assert [row["quantity"] for row in deal(world, left)] == ["1", "2"]
    assert agree(world, left, right)
    assert [link.state for link in world.links("order")] == [LinkState.LINKED]


def test_an_added_line_is_known_by_its_name_whatever_became_of_its_figures(world: World) -> None:
    left, right = order(world, "1")
    world.with_idempotency(0.0)
    added = {**deal(world, left)[0], "id": None, "description": "another", "product_id": None, "quantity": "3"}
    world.crm.edit("deals", left, lines=[deal(world, left)[0], added])
    world.erp.fail("write", UncertainError("no answer"), after=True, object="orders", op=Op.UPDATE)
    world.sync("order")
    rows = positions(world, right)
    world.erp.edit("orders", right, positions=altered(rows, 1, qty="4", price="5"))
    world.settle("order")
    assert [row["quantity"] for row in deal(world, left)] == ["1", "4"]
    assert agree(world, left, right)
