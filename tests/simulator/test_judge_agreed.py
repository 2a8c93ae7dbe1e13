"""The judge of what was agreed on: merged values, the journal's lines for what is given up, and what is turned back."""

from __future__ import annotations

import pytest
from judge_world import NOTHING, Court, company, ids, opened, order, positions, report

from connector.errors import DeniedError
from connector.merge.functions import FUNCTIONS
from connector.model.records import Op
from connector.model.values import Side, shown_value
from connector.testing.simulator.judge_values import told
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


@pytest.mark.parametrize(("result", "found"), [("24", set()), ("34", {"I7"})])
def test_i7_what_a_merge_function_makes_counts_from_what_was_agreed_on_last(result: str, found: set[str]) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        for agreed in ("10", "20"):
            court.world.crm.edit("companies", left, credit_limit=agreed)
            court.read(LEFT, "account", left)
            court.write(RIGHT, "account", UPDATE, right, limit=agreed)
            court.judge.run_ended(report(created=1, updated=1))
        court.world.crm.edit("companies", left, credit_limit="21")
        court.world.erp.edit("customers", right, limit="23")
        court.write(LEFT, "account", UPDATE, left, credit_limit=result)
        court.write(RIGHT, "account", UPDATE, right, limit=result)
        assert court.rules() == found


@pytest.mark.parametrize("restored", [True, False])
def test_i7_where_the_store_was_lost_a_merge_may_count_from_an_older_value(restored: bool) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        for agreed in ("10", "20"):
            court.world.crm.edit("companies", left, credit_limit=agreed)
            court.read(LEFT, "account", left)
            court.write(RIGHT, "account", UPDATE, right, limit=agreed)
            court.judge.run_ended(report(created=1, updated=1))
        court.world.crm.edit("companies", left, credit_limit="21")
        court.world.erp.edit("customers", right, limit="23")
        if restored:
            court.judge.store_replaced()
        court.write(LEFT, "account", UPDATE, left, credit_limit="34")
        assert ("I7" in court.rules()) is not restored


@pytest.mark.parametrize(("part", "found"), [("a, b, c", set()), ("a, c", {"I7"}), ("a, b", {"I7"})])
def test_i7_what_a_set_function_makes_holds_what_either_side_put_in(
    part: str, found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FUNCTIONS, "union", lambda base, left, right: part)  # as wrong as the write
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="c")
        court.write(RIGHT, "account", UPDATE, right, remarks="c")
        court.world.crm.edit("companies", left, notes="a, c")
        court.world.erp.edit("customers", right, remarks="b, c")
        court.write(RIGHT, "account", UPDATE, right, remarks=part)
        assert court.rules() == found


@pytest.mark.parametrize("first", [LEFT, RIGHT])
@pytest.mark.parametrize("lost", [True, False])
def test_i7_what_was_merged_is_agreed_on_when_both_writes_had_an_answer(first: Side, lost: bool) -> None:
    """Until then a base is what one side showed, and what the other got for it, in whatever order they went."""
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="c")
        court.read(LEFT, "account", left)
        court.write(RIGHT, "account", UPDATE, right, remarks="c")
        court.judge.run_ended(report(updated=1))
        court.world.crm.edit("companies", left, notes="a, c")
        court.world.erp.edit("customers", right, remarks="b, c")
        for side in (first, first.other):
            if side is LEFT:
                court.write(LEFT, "account", UPDATE, left, lost=lost, notes="a, b, c")
            else:
                court.write(RIGHT, "account", UPDATE, right, remarks="a, b, c")
        court.judge.run_ended(report(updated=2))
        court.world.crm.edit("companies", left, notes="z")
        court.write(RIGHT, "account", UPDATE, right, remarks="b, z")
        court.write(LEFT, "account", UPDATE, left, notes="b, z")
        assert court.rules() == (set() if lost else {"I7"})


@pytest.mark.parametrize("first", list(Side))
@pytest.mark.parametrize("lost", [True, False])
def test_i7_half_of_a_merged_value_is_known_whichever_of_its_two_writes_came_first(first: Side, lost: bool) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="a")
        court.world.erp.edit("customers", right, remarks="b")
        for side in (first, first.other):
            if side is LEFT:
                court.write(LEFT, "account", UPDATE, left, lost=lost, notes="a, b")
            else:
                court.write(RIGHT, "account", UPDATE, right, remarks="a, b")
        court.judge.run_ended(report(created=1, updated=1))
        court.world.crm.edit("companies", left, notes="c")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        for side in (first.other, first):
            if side is LEFT:
                court.write(LEFT, "account", UPDATE, left, notes="b, c")
            else:
                court.write(RIGHT, "account", UPDATE, right, remarks="b, c")
        assert court.rules() == (set() if lost else {"I7"})


@pytest.mark.parametrize("first", list(Side))
@pytest.mark.parametrize("both", [True, False])
def test_i7_a_merged_value_that_came_to_both_sides_may_be_merged_over_though_the_run_failed(
    first: Side, both: bool
) -> None:
    """What that run had settled is durable; half of a merged value is none."""
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="a")
        court.world.erp.edit("customers", right, remarks="b")

        def write(side: Side, notes: str) -> None:
            key, name = (left, "notes") if side is LEFT else (right, "remarks")
            court.write(side, "account", UPDATE, key, **{name: notes})

        write(first, "a, b")
        court.judge.run_ended(report(created=1, updated=1))
        if both:
            write(first.other, "a, b")
        court.judge.run_ended(DeniedError("it failed"))
        notes = {first: "a, b, c", first.other: "z"}
        court.world.crm.edit("companies", left, notes=notes[LEFT])
        court.world.erp.edit("customers", right, remarks=notes[RIGHT])
        for side in (first, first.other):
            court.read(side, "account", left if side is LEFT else right)
            write(side, "c, z")
        assert ("I7" in court.rules()) is not both


@pytest.mark.parametrize("again", [True, False])
def test_i7_a_line_of_the_journal_names_no_value_that_was_typed_after_it(court: Court, again: bool) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="busy")
    court.lose(RIGHT, "account", right, "phone", {"phone": "busy"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    court.world.crm.edit("companies", left, phone="v3")
    court.world.erp.edit("customers", right, tel="busy")
    if not again:
        court.lose(RIGHT, "account", right, "phone", {"phone": "busy"})
    court.write(RIGHT, "account", UPDATE, right, tel="v3")
    assert ("I7" in court.rules()) is again


def test_i7_a_line_of_the_journal_that_accounted_for_nothing_names_no_later_value(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.erp.edit("customers", right, tel="busy")
    court.lose(RIGHT, "account", right, "phone", {"phone": "busy"})  # and the write was refused
    court.world.erp.edit("customers", right, tel="free")
    court.world.erp.edit("customers", right, tel="busy")
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert "I7" in court.rules()


@pytest.mark.parametrize("lines", [1, 2])
def test_i7_one_line_of_the_journal_accounts_for_one_write(court: Court, lines: int) -> None:
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    own = ids(court, made)
    court.world.erp.edit("orders", made, positions=positions(("a", "7", "1.50"), ("b", "8", "4"), **own))
    first, second = (
        positions(("a", "2", "1.50"), ("b", "8", "4"), **own),
        positions(("a", "2", "1.50"), ("b", "1", "4"), **own),
    )
    court.world.crm.edit("deals", deal, name="O2")
    for place, rows in enumerate((first, second)):
        if place < lines:
            shown = court.judge.ledger.records[RIGHT, "order", made].values["lines"]
            court.lose(RIGHT, "order", made, "lines", {"lines": shown_value(shown) or ""})
        court.write(RIGHT, "order", UPDATE, made, positions=rows)
    named = [found for found in court.sentences() if found.rule == "I7"]
    assert len(named) == 2 - lines


@pytest.mark.parametrize(("shown", "named"), [(1, True), (2, False)])
def test_i7_a_dropped_line_is_named_by_a_list_that_shows_it_less_often(shown: int, named: bool) -> None:
    lines = "; ".join(["description a, quantity 1"] * shown)
    assert told("lines/a~2", {"lines": ()}, ("lines",), {"lines": lines}) is named


@pytest.mark.parametrize(("value", "found"), [("v1", {"I8"}), ("v3", set())])
def test_i8_what_both_sides_had_is_not_turned_back_though_one_of_them_still_shows_it(
    court: Court, value: str, found: set[str]
) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    if value == "v3":
        court.world.crm.edit("companies", left, phone="v3")
    court.write(RIGHT, "account", UPDATE, right, tel=value)
    assert court.rules() == found


def test_i8_what_is_typed_again_is_not_turned_back(court: Court) -> None:
    left, right = company(court, phone="v1")
    for value in ("v2", "v1"):
        court.world.crm.edit("companies", left, phone=value)
        court.write(RIGHT, "account", UPDATE, right, tel=value)
    assert court.rules(rest=True) == set()


@pytest.mark.parametrize(("again", "found"), [(True, set()), (False, {"I8"})])
@pytest.mark.parametrize("ended", [True, False])
def test_i8_what_is_typed_again_does_not_come_from_another_record_of_its_name(
    court: Court, again: bool, found: set[str], ended: bool
) -> None:
    left, right = company(court, phone="v1")
    company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    if again:
        court.world.crm.edit("companies", left, phone="v1")
    court.world.crm.edit("companies", left, phone="v3")
    if ended:
        court.world.crm.remove("companies", left)
    court.write(RIGHT, "account", UPDATE, right, tel="v1")
    assert court.rules() == found


@pytest.mark.parametrize("named", [True, False])
def test_i8_what_is_turned_back_is_named(court: Court, named: bool) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    if named:
        court.lose(RIGHT, "account", right, "phone", {"phone": "v2"})
    court.write(RIGHT, "account", UPDATE, right, tel="v1")
    assert ("I8" in court.rules()) is not named


@pytest.mark.parametrize("restored", [True, False])
def test_i7_a_record_that_is_back_agrees_with_what_the_other_side_shows_by_then(court: Court, restored: bool) -> None:
    left, right = company(court, phone="v1")
    court.world.erp.edit("customers", right, tel="v2")
    court.world.erp.remove("customers", right)
    court.world.crm.edit("companies", left, phone="v2" if restored else "v3")
    court.world.erp.restore("customers", right)
    court.world.crm.edit("companies", left, phone="v4")
    court.write(RIGHT, "account", UPDATE, right, tel="v4")
    assert ("I7" in court.rules()) is not restored


@pytest.mark.parametrize(("seen", "broken"), [(True, True), (False, False)])
def test_i15_a_record_that_was_seen_alive_again_is_alive_whatever_is_typed_there(
    court: Court, seen: bool, broken: bool
) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.remove("companies", left)
    court.world.crm.restore("companies", left)
    if seen:
        court.read(LEFT, "account", left)
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", DELETE, right)
    assert ("I15" in court.rules()) is broken


@pytest.mark.parametrize("looked", [False, True])
def test_i7_a_record_is_made_of_what_its_sender_was_shown(looked: bool) -> None:
    with opened(policy="functions") as court:
        left = court.world.crm.add("companies", account("Acme"))
        court.read(LEFT, "account", left)
        court.world.crm.edit("companies", left, notes="a")
        if looked:
            court.read(LEFT, "account", left)  # shown, and not sent: nobody agreed on an empty one
        right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        court.link("account", left, right)
        court.judge.run_ended(report(created=1))
        court.world.erp.edit("customers", right, remarks="b")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.write(LEFT, "account", UPDATE, left, notes="a, b")
        court.write(RIGHT, "account", UPDATE, right, remarks="a, b")
        assert court.rules() == ({"I7"} if looked else set())


# ------------------------------------------------------------------------------------- what an old copy shows, row 10


def made_and_typed_over(court: Court, *, lost: bool, later: bool = False) -> str:
    """An image whose phone was brought by its create; a person types over it. later: another run goes on then."""
    right = court.world.erp.add("customers", customer("Acme", tel="v1"))
    court.read(RIGHT, "account", right)
    left = court.write(LEFT, "account", CREATE, lost=lost, name="Acme", currency="EUR", state="customer", phone="v1")
    court.link("account", left, right)
    if later:
        court.judge.run_ended(report(status="partly"))
    court.world.crm.edit("companies", left, phone="v2")
    return left


def put_back(court: Court, left: str) -> set[str]:
    """The other side's value is written over it, and a line names what was there; the rules found broken."""
    court.lose(LEFT, "account", left, "phone", {"phone": "v2"})
    court.write(LEFT, "account", UPDATE, left, phone="v1")
    return court.rules()


@pytest.mark.parametrize(("lost", "found"), [(True, set()), (False, {"row 10"})])
def test_row_10_what_an_old_copy_shows_of_a_write_that_is_open_is_no_base(lost: bool, found: set[str]) -> None:
    """Its record is left alone, whether it shows what it is now or what it was."""
    with opened(NOTHING, "one-way-report") as court:
        left = made_and_typed_over(court, lost=lost)
        court.trick(LEFT, Trick("read", "stale"))
        court.read(LEFT, "account", left)
        court.read(LEFT, "account", left)
        assert put_back(court, left) == found


@pytest.mark.parametrize(("known", "found"), [(True, set()), (False, {"row 10"})])
def test_row_10_what_a_copy_shows_that_is_older_than_what_is_known_is_no_base(known: bool, found: set[str]) -> None:
    with opened(NOTHING, "one-way-report") as court:
        left = made_and_typed_over(court, lost=True, later=True)
        if known:
            court.read(LEFT, "account", left)
        court.trick(LEFT, Trick("read", "stale"))
        court.read(LEFT, "account", left)
        court.read(LEFT, "account", left)
        assert put_back(court, left) == found
