"""What the judge allows is as narrow as the case: each allowance with the history next to it that is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from judge_world import GUARDED, UNGUARDED, Court, company, ids, opened, order, positions, report

from connector.merge.rules import Drift, Flow
from connector.model.records import Op, Write
from connector.model.rows import ConflictRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, SENT = Op.CREATE, Op.UPDATE, IntentState.SENT


@pytest.fixture
def court() -> Iterator[Court]:
    with opened() as made:
        yield made


@pytest.mark.parametrize("settled", [True, False])
def test_i7_a_write_without_answer_moves_no_base_while_it_is_open_whatever_its_target_shows(settled: bool) -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.trick(RIGHT, Trick("write", "short"))
        write = Write(UPDATE, right, b'{"tel": "v2"}', None, "open")
        court.world.erp.write("customers", [write])
        kind = court.world.specs["account"].kind
        with court.world.store.begin() as tx:
            row = IntentRow("open", kind, 1, RIGHT, "update", right, left, b"", b"", "phone", None, SENT, 1.0, 1.0)
            tx.put_intents([row])
            if settled:
                tx.drop_intents(["open"])
        court.judge.run_ended(report(created=1))
        court.read(RIGHT, "account", right)
        court.judge.run_ended(report())
        court.world.erp.edit("customers", right, tel="v1")
        court.read(RIGHT, "account", right)
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert ("I7" in court.rules()) is settled


@pytest.mark.parametrize("differ", [1, 2])
def test_i7_a_line_that_nothing_tells_from_another_may_come_twice_after_the_store_was_lost(differ: int) -> None:
    with opened() as court:
        deal, made = order(court, ("a", "2", "1.50"))
        rows = court.world.crm.get("deals", deal)["lines"]
        changed = {"quantity": "7", "unit_price": "9.00"} if differ == 2 else {"quantity": "7"}
        court.world.crm.edit("deals", deal, lines=[{**rows[0], **changed}])
        court.judge.store_replaced()
        twice = [*positions(("a", "2", "1.50"), a=ids(court, made)["a"]), *positions(("a", "7", "9.00"))]
        court.write(RIGHT, "order", UPDATE, made, positions=twice)
        assert ("I7" in court.rules()) is (differ == 1)


@pytest.mark.parametrize("another", [True, False])
def test_i15_the_same_record_added_by_another_person_may_be_created(court: Court, another: bool) -> None:
    right = court.world.erp.add("customers", customer("Acme"))
    left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer")
    court.link("account", left, right)
    if another:
        court.world.crm.add("companies", account("Acme"))
    else:
        court.world.crm.add("companies", account("Globex"))
    court.world.erp.remove("customers", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert ("I15" in court.rules()) is not another


@pytest.mark.parametrize(("edited", "broken"), [("before", False), ("after", True)])
def test_i6_a_one_way_target_stays_as_a_person_decided_until_its_source_changes(edited: str, broken: bool) -> None:
    with opened() as court:
        units = court.world.specs["account"].units
        court.world.set("account", units=tuple(replace(u, flow=Flow.R2L, drift=Drift.REPORT) for u in units))
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer", phone="v1")
        court.link("account", left, right)
        if edited == "before":
            court.world.erp.edit("customers", right, tel="v2")
        court.judge.decided(1, "phone", LEFT)
        if edited == "after":
            court.world.erp.edit("customers", right, tel="v2")
        assert ("I6" in court.rules(rest=True)) is broken


@pytest.mark.parametrize("crosswise", [True, False])
def test_i10_records_that_people_merged_crosswise_may_be_linked(court: Court, crosswise: bool) -> None:
    left, right = company(court)
    other, image = company(court, "Globex")
    court.world.crm.merge("companies", other, left)
    if crosswise:
        court.world.erp.merge("customers", right, image)
    with court.world.store.begin() as tx:
        links = tx.links_by_id([1, 2])
        tx.update_links([replace(link, state=LinkState.CLOSED, keys=maybe(None, None)) for link in links.values()])
    court.link("account", left, image)
    assert ("I10" in court.rules(rest=True)) is not crosswise


@pytest.mark.parametrize("merged", [True, False])
def test_i19_a_conflict_over_references_may_stay_open_where_they_came_to_agree_by_a_merge(merged: bool) -> None:
    with opened(GUARDED) as court:
        left, right = company(court, "Child")
        parent, image = company(court, "Parent")
        survivor, _ = company(court, "Globex")
        court.world.crm.edit("companies", left, parent_id=survivor if merged else parent)
        court.world.erp.edit("customers", right, group_of=image)
        if merged:
            court.world.crm.merge("companies", parent, survivor)
        with court.world.store.begin() as tx:
            kind = court.world.specs["account"].kind
            tx.put_conflicts([ConflictRow(1, "parent", kind, "conflict", Sides(b"1" * 8, b"2" * 8), 1.0)])
        assert ("I19" in court.rules(rest=True)) is not merged


@pytest.mark.parametrize("when", ["open", "later"])
def test_i17_a_delete_decided_under_other_fields_is_a_known_limit_and_a_later_one_is_not(when: str) -> None:
    with opened() as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.remove("customers", right)
        kind = court.world.specs["account"].kind
        with court.world.store.begin() as tx:
            row = IntentRow("t", kind, 1, LEFT, "delete", left, right, b"", b"", "", None, SENT, 1.0, 1.0)
            tx.put_intents([row])
        if when == "open":
            court.judge.remapped("account")
        court.write(LEFT, "account", Op.DELETE, left, "t")
        assert ("I17" in court.rules()) is (when == "later")


@pytest.mark.parametrize(("profile", "late"), [("lagging", True), (GUARDED, False)])
def test_i7_a_value_that_was_agreed_with_an_old_read_is_a_limit_only_where_lists_are_late(
    profile: str, late: bool
) -> None:
    with opened(profile) as court:
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        court.read(RIGHT, "account", right)
        court.world.erp.edit("customers", right, tel="v2")
        left = court.world.crm.add("companies", account("Acme", phone="v1"))
        court.read(LEFT, "account", left)
        court.link("account", left, right)
        court.write(LEFT, "account", UPDATE, left, phone="v2")
        assert ("I7" in court.rules()) is not late


@pytest.mark.parametrize("looked", [True, False])
def test_i9_a_record_that_comes_back_right_before_a_create_was_not_there_to_be_linked(
    court: Court, looked: bool
) -> None:
    left = court.world.crm.add("companies", account("Acme", tax_id="T1"))
    court.read(LEFT, "account", left)
    court.world.crm.remove("companies", left)
    court.world.erp.add("customers", customer("Acme", vat_number="T1"))
    court.world.crm.restore("companies", left)
    if looked:
        court.read(LEFT, "account", left)
    court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer", tax_id="T1")
    assert ("I9" in court.rules()) is looked
