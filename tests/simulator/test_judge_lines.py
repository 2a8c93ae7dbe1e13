"""The judge of lines, amounts and references (I21-I24): a history it must flag beside one it must not."""

from __future__ import annotations

from judge_world import Court, company, ids, order, positions

from connector.model.records import Key, Op
from connector.model.values import Side
from connector.testing.world import account, line

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


# ------------------------------------------------------------------------------------------- lines and amounts


def test_lines_carried_edited_added_and_removed_in_order_are_clean(court: Court) -> None:
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    rows = court.world.crm.get("deals", deal)["lines"]
    court.world.crm.edit("deals", deal, lines=[{**rows[0], "quantity": "7"}, line(None, "3", "9", description="c")])
    wanted = positions(("a", "7", "1.50"), ("c", "3", "9"), a=ids(court, made)["a"])
    court.write(RIGHT, "order", UPDATE, made, positions=wanted)
    assert court.rules(rest=True) == set()


def test_i8_a_removed_line_is_back(court: Court) -> None:
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    rows = court.world.crm.get("deals", deal)["lines"]
    court.world.crm.edit("deals", deal, lines=rows[:1])
    court.write(LEFT, "order", UPDATE, deal, lines=[rows[0], line(None, "1", "4", description="b")])
    assert "I7" in court.rules(rest=True), made


def test_i7_a_line_only_one_side_has_is_dropped(court: Court) -> None:
    _, made = order(court, ("a", "2", "1.50"))
    rows = court.world.erp.get("orders", made)["positions"]
    court.world.erp.edit("orders", made, positions=[*rows, *positions(("c", "1", "8"))])
    court.write(RIGHT, "order", UPDATE, made, positions=rows)
    assert "I7" in court.rules(rest=True)


def test_i7_a_line_comes_twice(court: Court) -> None:
    _, made = order(court, ("a", "2", "1.50"))
    rows = court.world.erp.get("orders", made)["positions"]
    court.write(RIGHT, "order", UPDATE, made, positions=[*rows, *positions(("a", "2", "1.50"))])
    assert {"I7", "I6", "I21"} <= court.rules(rest=True)


def test_i7_a_quantity_typed_on_one_side_is_overwritten(court: Court) -> None:
    _, made = order(court, ("a", "2", "1.50"))
    rows = court.world.erp.get("orders", made)["positions"]
    court.world.erp.edit("orders", made, positions=[{**rows[0], "qty": "9"}])
    court.write(RIGHT, "order", UPDATE, made, positions=[{**rows[0], "qty": "2"}])
    assert "I7" in court.rules()


def test_i7_a_line_the_journal_names_may_be_given_up(court: Court) -> None:
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    typed = court.world.crm.get("deals", deal)["lines"]
    court.world.crm.edit("deals", deal, lines=[{**typed[0], "quantity": "7"}, typed[1]])
    rows = court.world.erp.get("orders", made)["positions"]
    court.world.erp.edit("orders", made, positions=[{**rows[0], "qty": "9"}, rows[1]])
    shown = "description a, quantity 9, unit_price 1.50 EUR; description b, quantity 1, unit_price 4 EUR"
    court.lose(RIGHT, "order", made, "lines", {"lines": shown})
    court.write(RIGHT, "order", UPDATE, made, positions=[{**rows[0], "qty": "7"}, rows[1]])
    assert court.rules(rest=True) == set()


def _typed_back(court: Court) -> tuple[Key, Key]:
    """A quantity that was typed, carried over and typed back; the other line moved in the ERP, and is carried here."""
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    rows, shown = court.world.crm.get("deals", deal)["lines"], court.world.erp.get("orders", made)["positions"]
    court.world.crm.edit("deals", deal, lines=[{**rows[0], "quantity": "3"}, rows[1]])
    court.read(LEFT, "order", deal)
    court.write(RIGHT, "order", UPDATE, made, positions=[{**shown[0], "qty": "3"}, shown[1]])
    court.world.erp.edit("orders", made, positions=[{**shown[0], "qty": "3"}, {**shown[1], "qty": "8"}])
    court.world.crm.edit("deals", deal, lines=rows)
    for side, key in ((LEFT, deal), (RIGHT, made)):
        court.read(side, "order", key)
    court.write(LEFT, "order", UPDATE, deal, currency="EUR", lines=[rows[0], {**rows[1], "quantity": "8"}])
    return deal, made


def test_what_goes_along_with_a_list_stays_to_be_carried_across(court: Court) -> None:
    _, made = _typed_back(court)
    shown = court.world.erp.get("orders", made)["positions"]
    court.write(RIGHT, "order", UPDATE, made, positions=[{**shown[0], "qty": "2"}, shown[1]])
    assert court.rules(rest=True) == set()


def test_i7_what_went_along_with_a_list_is_overwritten(court: Court) -> None:
    deal, _ = _typed_back(court)
    rows = court.world.crm.get("deals", deal)["lines"]
    court.write(LEFT, "order", UPDATE, deal, lines=[{**rows[0], "quantity": "3"}, rows[1]])
    assert "I7" in court.rules(rest=True)


def test_i21_amounts_that_are_not_equal_to_the_cent(court: Court) -> None:
    deal, _ = order(court, ("a", "2", "1.50"))
    rows = court.world.crm.get("deals", deal)["lines"]
    court.world.crm.edit("deals", deal, lines=[{**rows[0], "unit_price": "1.51"}])
    assert court.rules(rest=True) == {"I6", "I21"}


def test_i21_a_float_in_a_body(court: Court) -> None:
    court.world.crm.add("products", {"sku": "A", "name": "Anvil", "price": "2.5", "currency": "EUR"})
    court.write(RIGHT, "product", CREATE, code="A", title="Anvil", cur="EUR", price=2.5)
    assert court.rules() == {"I21"}


# ------------------------------------------------------------------------------------------------- references


def child(court: Court) -> tuple[Key, Key, tuple[Key, Key]]:
    """A company under another, on both sides."""
    parent = company(court, "Parent")
    left, right = company(court, "Child")
    court.world.crm.edit("companies", left, parent_id=parent[0])
    court.write(RIGHT, "account", UPDATE, right, group_of=parent[1])
    return left, right, parent


def test_i24_a_reference_that_nobody_cleared_is_cleared(court: Court) -> None:
    _, right, _ = child(court)
    court.write(RIGHT, "account", UPDATE, right, group_of=None)
    assert {"I24"} <= court.rules() <= {"I24", "I7", "I8"}


def test_i24_a_reference_that_a_person_cleared_is_cleared_there_too(court: Court) -> None:
    left, right, _ = child(court)
    court.world.crm.edit("companies", left, parent_id=None)
    court.write(RIGHT, "account", UPDATE, right, group_of=None)
    assert court.rules(rest=True) == set()


def test_i23_a_child_is_created_before_its_parent_is_linked(court: Court) -> None:
    left = court.world.crm.add("companies", account("Buyer"))
    right = court.write(RIGHT, "account", CREATE, title="Buyer", cur="EUR", blocked=False)
    court.world.crm.add("deals", {"name": "O1", "company_id": left, "currency": "EUR"})
    court.write(RIGHT, "order", CREATE, title="O1", customer=right, cur="EUR")
    assert court.rules() == {"I23"}


def test_i23_an_order_is_created_without_its_account(court: Court) -> None:
    left, _ = company(court, "Buyer")
    court.world.crm.add("deals", {"name": "O1", "company_id": left, "currency": "EUR"})
    court.write(RIGHT, "order", CREATE, title="O1", cur="EUR")
    assert court.rules() == {"I23"}


def test_a_reference_to_a_merged_record_and_to_its_survivor_are_the_same(court: Court) -> None:
    left, _, parent = child(court)
    survivor, _ = company(court, "Globex")
    court.world.crm.merge("companies", parent[0], survivor)
    court.world.crm.edit("companies", left, parent_id=survivor)
    found = [finding for finding in court.sentences() if "parent" in finding.what]
    assert found == []
