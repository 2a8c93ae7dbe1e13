"""The judge has teeth: for each rule a history it must flag, by a connector that does wrong, and one it must not."""

from __future__ import annotations

from typing import Any

import pytest
from judge_world import Court, company, opened, order, report

from connector.errors import ConnectorError
from connector.merge.rules import Policy
from connector.model.records import Op
from connector.model.values import Side
from connector.testing.driver import Crash
from connector.testing.world import account, changed, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


def test_a_history_without_fault_is_clean(court: Court) -> None:
    left, right = company(court, phone="v1", email="v2")
    court.world.crm.edit("companies", left, phone="v3")
    court.write(RIGHT, "account", UPDATE, right, tel="v3")
    court.world.erp.edit("customers", right, mail="v4")
    court.write(LEFT, "account", UPDATE, left, email="v4")
    order(court, ("a", "2", "1.50"))
    assert court.rules(rest=True) == set()


def test_what_the_engine_does_is_clean_and_rests(court: Court) -> None:
    world = court.world
    for name in ("Acme", "Globex"):
        world.crm.add("companies", account(name, phone=f"{name}1"))
    world.erp.add("customers", customer("Initech", tel="7"))
    for entity in ("account", "product", "order"):
        court.judge.run_ended(world.sync(entity))
    world.erp.edit("customers", world.pairs()["C00001"], tel="v8")
    world.settle()
    assert court.judge.at_rest() == []


# ------------------------------------------------------------------------------------------ echoes and counts


def test_i29_a_write_that_changes_nothing(court: Court) -> None:
    _, right = company(court, phone="v1")
    court.write(RIGHT, "account", UPDATE, right, tel="v1")
    assert court.rules() == {"I29"}


def test_i30_one_edit_is_brought_twice(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    for value in ("v2", "v1", "v2"):
        court.write(RIGHT, "account", UPDATE, right, tel=value)
    assert "I30" in court.rules()


def test_i30_a_value_restored_over_each_new_edit_is_fine() -> None:
    with opened(policy="one-way-restore") as court:
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer", phone="v1")
        court.link("account", left, right)
        for value in ("v2", "v3"):
            court.world.crm.edit("companies", left, phone=value)
            court.lose(LEFT, "account", left, "phone", {"phone": value})
            court.write(LEFT, "account", UPDATE, left, phone="v1")
        assert court.rules(rest=True) == set()


def test_i25_a_cursor_ahead_of_what_the_system_has(court: Court) -> None:
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        tx.set_cursor(kind, LEFT, "0")
    assert court.rules() == set()
    with court.world.store.begin() as tx:
        tx.set_cursor(kind, LEFT, "3")
    assert court.rules() == {"I25"}


@pytest.mark.parametrize(
    "told",
    [
        report(read=2, created=1),
        report(read=1, held=1),
        report(trouble=("no answer came",)),
        ConnectorError("accounts: counts do not balance: {}"),
    ],
)
def test_counts_that_do_not_fit_what_happened(court: Court, told: Any) -> None:
    assert {finding.rule for finding in court.judge.run_ended(told)} == {"counts"}


def test_a_run_that_says_less_than_it_did(court: Court) -> None:
    company(court)
    assert {finding.rule for finding in court.judge.run_ended(report(read=1, unchanged=1))} == {"counts"}
    company(court, "Globex")
    assert court.judge.run_ended(report(read=1, created=1)) == []


@pytest.mark.parametrize(
    ("error", "found"), [(KeyError("x"), {"error"}), (Crash(), set()), (ConnectorError("x"), set())]
)
def test_a_run_ends_in_a_way_the_program_knows(court: Court, error: BaseException, found: set[str]) -> None:
    assert {finding.rule for finding in court.judge.run_ended(error)} == found


def test_what_a_system_makes_of_a_value_it_is_given_counts_as_that_value(court: Court) -> None:
    court.world.erp.rewrites("customers", lambda fields: {k: v[:3] if k == "tel" else v for k, v in fields.items()})
    left, right = company(court, phone="v12345")
    assert court.world.erp.get("customers", right)["tel"] == "v12"
    assert court.rules(rest=True) == set(), left


def test_a_mapping_that_changes_makes_no_value_of_the_connectors(court: Court) -> None:
    units = court.world.specs["account"].units
    court.world.set("account", units=tuple(unit for unit in units if unit.name != "phone"))
    left, right = company(court)
    court.world.crm.edit("companies", left, phone="v2")
    court.world.set("account", units=changed(units, email={"policy": Policy.LEFT}))
    court.world.crm.edit("companies", left, email="v3")
    court.write(RIGHT, "account", UPDATE, right, mail="v3", tel="v2")
    assert court.rules(rest=True) == set()
