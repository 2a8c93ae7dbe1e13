"""The judge of what was agreed on: merged values, the journal's lines for what is given up, and what is turned back."""

from __future__ import annotations

from typing import Any

import pytest
from judge_world import NOTHING, Court, company, ids, opened, order, positions, report

from connector.errors import DeniedError
from connector.merge.functions import FUNCTIONS
from connector.model.records import Key, Op
from connector.model.rows import IntentRow, IntentState
from connector.model.values import Side, maybe, shown_value
from connector.testing.simulator.judge_values import told
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE
SENT = IntentState.SENT


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


# ------------------------------------------------------------------------- what nobody was shown on both sides, I4


def look(court: Court, left: str | None, right: str, *, died: bool = False) -> None:
    """A run is shown these two, and changes nothing."""
    if left is not None:
        court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.judge.run_ended(DeniedError("it failed") if died else report())


@pytest.mark.parametrize("ended", ["removed", "not found", ""])
@pytest.mark.parametrize("again", ["", "died", "done"])
def test_i4_what_one_showed_while_nobody_could_see_the_other_is_no_base(court: Court, ended: str, again: str) -> None:
    """again: how a run ended that was shown both, before one of them was typed over."""
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v2")
    if ended == "removed":
        court.world.crm.remove("companies", left)
    look(court, None if ended == "not found" else left, right)
    if ended == "removed":
        court.world.crm.restore("companies", left)
    if again:
        look(court, left, right, died=again == "died")
    court.world.erp.edit("customers", right, tel="v3")
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I4" in court.rules()) is (again == "done" or not ended)


@pytest.mark.parametrize(("noted", "shown"), [(True, "alike"), (False, "alike"), (True, "apart"), (True, "ended")])
def test_i4_what_a_run_noted_before_it_died_is_a_base_where_both_showed_it(
    court: Court, noted: bool, shown: str
) -> None:
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    if shown != "apart":
        court.world.erp.edit("customers", right, tel="v2")
    if shown == "ended":
        court.world.crm.remove("companies", left)
    if noted:
        versions = maybe(court.world.crm.version("companies", left), court.world.erp.version("customers", right))
        court.note("account", left, versions)
    look(court, left, right, died=True)
    if shown == "apart":
        court.world.erp.edit("customers", right, tel="v2")
    if shown == "ended":
        court.world.crm.restore("companies", left)
    look(court, None, right)
    court.world.erp.edit("customers", right, tel="v3")
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I4" in court.rules()) is (noted and shown == "alike")


@pytest.mark.parametrize("slow", [None, DeniedError("it was overtaken"), report()])
def test_i4_what_a_run_noted_is_a_base_though_a_slower_one_was_shown_it_first(court: Court, slow: Any) -> None:
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v2")
    court.judge.ledger.process = "slow"
    court.read(LEFT, "account", left)
    court.judge.ledger.process = ""
    look(court, left, right)
    court.world.erp.edit("customers", right, tel="v3")
    if slow is not None:
        court.judge.ledger.process = "slow"
        court.judge.run_ended(slow)
        court.judge.ledger.process = ""
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert "I4" in court.rules()


@pytest.mark.parametrize("known", ["answered", "shown", "shown with both", ""])
def test_i4_what_a_write_without_answer_brought_to_a_record_that_ended_is_no_base(court: Court, known: str) -> None:
    """Unless it was shown before it was given up, or a run was shown both once it was back."""
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.erp.edit("customers", right, tel="v2")
    court.read(RIGHT, "account", right)
    court.write(LEFT, "account", UPDATE, left, lost=known != "answered", phone="v2")
    if known == "shown":
        court.read(LEFT, "account", left)
    court.world.crm.remove("companies", left)
    look(court, left, right)
    if known == "shown with both":
        court.world.crm.restore("companies", left)
        look(court, left, right)
        court.world.crm.remove("companies", left)
    court.world.erp.edit("customers", right, tel="v3")
    look(court, left, right)
    court.world.crm.restore("companies", left)
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I4" in court.rules()) is bool(known)


@pytest.mark.parametrize("settled", ["by another", "by itself", ""])
def test_i4_what_a_process_brought_and_did_not_write_down_is_no_base_for_one_that_sees_it(
    court: Court, settled: str
) -> None:
    """settled: by the other one, before that is shown both; or by the process that brought it, when it goes on."""
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    note_sent(court, "t", RIGHT, right, left)
    court.judge.process = "slow"
    court.read(LEFT, "account", left)
    court.write(RIGHT, "account", UPDATE, right, token="t", tel="v2")
    court.judge.process = ""
    if settled == "by another":
        forget(court, "t")
    look(court, left, right)
    court.judge.process = "slow"
    if settled == "by itself":
        forget(court, "t")
    court.judge.run_ended(report(updated=1) if settled == "by itself" else DeniedError("it was overtaken"))
    court.judge.process = ""
    court.world.erp.edit("customers", right, tel="v3")
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I4" in court.rules()) is bool(settled)


def note_sent(court: Court, token: str, side: Side, key: Key, source: Key) -> None:
    """The store says that this write is sent."""
    kind = court.world.specs["account"].kind
    row = IntentRow(token, kind, 1, side, "update", key, source, b"", b"", "phone", None, SENT, 1.0, 1.0)
    with court.world.store.begin() as tx:
        tx.put_intents([row])


def forget(court: Court, token: str) -> None:
    """The store says no more that this write is open."""
    with court.world.store.begin() as tx:
        tx.drop_intents([token])


@pytest.mark.parametrize(
    ("known", "typed", "broken"),
    [
        ("", "v1", set()),
        ("shown and left open", "v1", set()),
        ("", "v3", {"row 8"}),
        ("shown", "v1", {"I4"}),
        ("shown with both", "v1", {"I4"}),
        ("answered", "v1", {"I4"}),
    ],
)
def test_row_8_who_is_back_at_the_base_from_before_a_write_that_was_given_up_has_not_changed(
    known: str, typed: str, broken: set[str]
) -> None:
    with opened(policy="manual") as court:
        left, right = company(court, phone="v1")
        court.judge.run_ended(report(created=1))
        court.world.erp.edit("customers", right, tel="v2")
        court.read(RIGHT, "account", right)
        court.write(LEFT, "account", UPDATE, left, "t9", lost=known != "answered", phone="v2")
        if "shown" in known:
            court.read(LEFT, "account", left)
        if "open" in known:
            court.judge.ledger.left_open({"t9"})
        court.world.crm.remove("companies", left)
        look(court, left, right)
        if "both" in known:
            court.world.crm.restore("companies", left)
            look(court, left, right)
            court.world.crm.remove("companies", left)
        court.world.erp.edit("customers", right, tel=typed)
        look(court, left, right)
        court.world.crm.restore("companies", left)
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.lose(RIGHT, "account", right, "phone", {"phone": typed})
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert court.rules() == broken


@pytest.mark.parametrize(("state", "broken"), [("lead", set()), ("former", {"I7"})])
def test_i7_what_stood_there_before_what_has_no_image_is_shown_to_nobody(state: str, broken: set[str]) -> None:
    with opened(policy="one-way-report") as court:
        left, right = company(court, state="customer")
        court.judge.run_ended(report(created=1))
        court.world.erp.edit("customers", right, blocked=True)
        court.read(RIGHT, "account", right)
        court.write(LEFT, "account", UPDATE, left, "t9", lost=True, state="former")
        court.world.crm.edit("companies", left, state=state, phone="v2")
        court.read(LEFT, "account", left)
        court.judge.ledger.left_open(set())
        look(court, left, right)
        court.judge.run_ended(report())
        court.world.crm.edit("companies", left, state="customer")
        court.read(LEFT, "account", left)
        court.write(LEFT, "account", UPDATE, left, state="former")
        assert court.rules() == broken


@pytest.mark.parametrize("given_up", [True, False])
def test_i4_what_was_given_up_before_it_left_is_no_base_though_its_sender_was_answered(given_up: bool) -> None:
    with opened(policy="manual") as court:
        left, right = company(court, phone="v1")
        court.judge.run_ended(report(created=1))
        court.world.erp.edit("customers", right, tel="v2")
        note_sent(court, "t9", LEFT, left, right)
        court.judge.process = "slow"
        court.judge.run_begins()
        court.read(RIGHT, "account", right)
        court.read(LEFT, "account", left)
        court.judge.process = "next"
        court.judge.run_begins()
        look(court, left, right)
        if given_up:
            forget(court, "t9")
        court.judge.run_ended(report())
        court.judge.process = "slow"
        court.write(LEFT, "account", UPDATE, left, "t9", phone="v2")
        forget(court, "t9")
        court.judge.run_ended(DeniedError("it was overtaken") if given_up else report(updated=1))
        court.judge.process = ""
        court.world.erp.edit("customers", right, tel="v1")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.lose(RIGHT, "account", right, "phone", {"phone": "v1"})
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert court.rules() == (set() if given_up else {"I4"})


@pytest.mark.parametrize("agreed", [True, False])
def test_i4_what_a_create_left_empty_is_a_base_though_its_answer_was_lost(court: Court, agreed: bool) -> None:
    right = court.world.erp.add("customers", customer("Acme", tel=None if agreed else "v1"))
    court.read(RIGHT, "account", right)
    court.judge.run_ended(report(status="partly"))
    left = court.write(LEFT, "account", CREATE, lost=True, name="Acme", currency="EUR", state="customer")
    court.link("account", left, right)
    court.judge.run_ended(DeniedError("it failed"))
    court.world.erp.edit("customers", right, tel="v3")
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel=None)
    assert ("I4" in court.rules()) is agreed


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
