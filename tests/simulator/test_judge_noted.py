"""The judge of what was agreed on: what nobody was shown on both sides is no base (I4)."""

from __future__ import annotations

from typing import Any

import pytest
from judge_world import Court, company, opened, report

from connector.errors import DeniedError
from connector.model.records import Key, Op
from connector.model.rows import IntentRow, IntentState
from connector.model.values import Side, maybe
from connector.testing.world import customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE = Op.CREATE, Op.UPDATE
SENT = IntentState.SENT


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
