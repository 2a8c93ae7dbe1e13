"""The judge of winners (I4, I19, rows 6-10): every loser here has its line of the journal, and may be the wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from judge_world import UNGUARDED, Court, company, contest, give_up, opened, order, positions, resolve

from connector.engine import units
from connector.merge.fields import Cell, Decision, decide
from connector.merge.rules import Unit
from connector.model.records import Key, Op, Write
from connector.model.values import Side
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE = Op.CREATE, Op.UPDATE


# ------------------------------------------------------------------------------------------- the policy, rows 6-8


@pytest.mark.parametrize(
    ("policy", "loser", "broken"),
    [
        ("crm-wins", RIGHT, set()),
        ("crm-wins", LEFT, {"row 6"}),
        ("erp-wins", LEFT, set()),
        ("erp-wins", RIGHT, {"row 6"}),
        ("manual", LEFT, {"row 8"}),
        ("manual", RIGHT, {"row 8"}),
    ],
)
def test_the_side_of_the_policy_wins_and_without_one_nobody_does(policy: str, loser: Side, broken: set[str]) -> None:
    with opened(policy=policy) as court:
        assert resolve(court, loser, *contest(court)) == broken


@pytest.mark.parametrize(
    ("wait", "loser", "broken"),
    [(100.0, LEFT, set()), (100.0, RIGHT, {"row 7"}), (30.0, LEFT, {"row 7"}), (30.0, RIGHT, {"row 7"})],
)
def test_row_7_the_newest_wins_beyond_the_margin(wait: float, loser: Side, broken: set[str]) -> None:
    with opened(policy="newest") as court:
        assert resolve(court, loser, *contest(court, wait)) == broken


@pytest.mark.parametrize("wait", [100.0, 3000.0])
def test_row_7_clocks_that_err_let_nobody_win_by_their_error(wait: float) -> None:
    for loser in (LEFT, RIGHT):
        with opened("skewed", "newest") as court:
            left, right = contest(court, wait)
            assert court.world.specs["account"].margin > 1100.0
            fine = loser is LEFT and wait + 1100.0 > court.world.specs["account"].margin
            assert resolve(court, loser, left, right) == (set() if fine else {"row 7"})


@pytest.mark.parametrize(("newer", "broken"), [(LEFT, set()), (RIGHT, {"row 7"})])
def test_row_7_the_record_that_shows_the_value_counts_and_not_the_one_it_was_typed_in(
    newer: Side, broken: set[str]
) -> None:
    with opened(policy="newest") as court:
        left, right = company(court)
        court.world.erp.edit("customers", right, tel="v1")
        court.write(LEFT, "account", UPDATE, left, phone="v1")
        court.judge.store_replaced()
        steps = [
            lambda: court.world.erp.edit("customers", right, tel="v2"),
            lambda: court.world.crm.edit("companies", left, email="v5"),
        ]
        for step in steps if newer is LEFT else reversed(steps):
            step()
            court.world.clock.advance(100.0)
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        give_up(court, RIGHT, right, "v2", "v1")
        assert court.rules() == broken


def test_row_7_a_time_of_our_own_does_not_count() -> None:
    with opened(policy="newest") as court:
        left, right = contest(court)
        court.world.erp.edit("customers", right, mail="v4")
        court.world.clock.advance(100.0)
        court.write(RIGHT, "account", UPDATE, right, limit="1")
        assert "row 7" in resolve(court, LEFT, left, right)


def test_row_6_a_value_that_leaves_no_trace_has_not_changed() -> None:
    with opened(policy="erp-wins") as court:
        _, right = contest(court)
        court.world.erp.edit("customers", right, tel="v1")
        give_up(court, RIGHT, right, "v1", "v2")
        assert court.rules(rest=True) == set()


@pytest.mark.parametrize(("shown", "linked"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(("policy", "row"), [("erp-wins", "row 6"), ("manual", "row 8")])
def test_row_12_a_cleared_value_is_filled_where_nobody_was_shown_a_base(
    policy: str, row: str, shown: bool, linked: bool
) -> None:
    with opened(policy=policy) as court:
        left = court.world.crm.add("companies", account("Acme", phone="v1"))
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        court.link("account", left, right)
        if linked:
            court.world.crm.edit("companies", left, email="v5")
            court.write(RIGHT, "account", UPDATE, right, mail="v5")
            court.judge.ledger.records[RIGHT, "account", right].shows["phone"].noticed.clear()
        if shown:
            court.read(LEFT, "account", left)
            court.read(RIGHT, "account", right)
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.edit("customers", right, tel=None)
        give_up(court, RIGHT, right, "", "v2")
        assert court.rules() == ({row} if shown and linked else set())


@pytest.mark.parametrize("answered", [True, False])
def test_row_6_what_a_write_without_answer_was_to_say_may_be_ours(answered: bool) -> None:
    with opened(policy="erp-wins") as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.judge.ledger.unsure |= set() if answered else {"t9"}
        court.judge.writes.winners.sent(RIGHT, "account", "", [Write(UPDATE, right, b"", None, "t9")])
        court.world.crm.edit("companies", left, phone="v3")
        court.world.erp.edit("customers", right, tel="v2")
        give_up(court, RIGHT, right, "v2", "v3")
        assert court.rules() == ({"row 6"} if answered else set())


def test_row_6_what_nobody_had_seen_yet_is_a_matter_of_the_window() -> None:
    with opened(UNGUARDED, "erp-wins") as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.edit("customers", right, tel="v3")
        give_up(court, RIGHT, right, "v3", "v2")
        assert court.rules(rest=True) == set()


def test_row_6_the_field_of_a_line_is_judged_like_any_other() -> None:
    with opened(policy="erp-wins") as court:
        deal, made = order(court, ("a", "2", "1.50"))
        (row,) = court.world.crm.get("deals", deal)["lines"]
        court.world.crm.edit("deals", deal, lines=[{**row, "quantity": "7"}])
        (row,) = court.world.erp.get("orders", made)["positions"]
        court.world.erp.edit("orders", made, positions=[{**row, "qty": "9"}])
        court.lose(RIGHT, "order", made, "lines", {"lines": "description a, quantity 9, unit_price 1.50 EUR"})
        court.write(RIGHT, "order", UPDATE, made, positions=positions(("a", "7", "1.50"), a=row["no"]))
        assert "row 6" in court.rules()


# --------------------------------------------------------------------------------------- one way, rows 9 and 10


def owned(court: Court) -> tuple[Key, Key]:
    """A company of the right system, which owns it, with its image."""
    right = court.world.erp.add("customers", customer("Acme", tel="v1"))
    court.read(RIGHT, "account", right)
    left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer", phone="v1")
    court.link("account", left, right)
    return left, right


def test_row_9_the_owner_of_a_field_is_not_written() -> None:
    with opened(policy="one-way-restore") as court:
        left, right = owned(court)
        court.world.crm.edit("companies", left, phone="v2")
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert "row 9" in court.rules()


@pytest.mark.parametrize(("drift", "broken"), [("restore", set()), ("ignore", {"row 10"}), ("report", {"row 10"})])
def test_row_10_what_was_typed_over_an_owners_value_goes_back_only_where_the_settings_say(
    drift: str, broken: set[str]
) -> None:
    with opened(policy=f"one-way-{drift}") as court:
        left, _ = owned(court)
        court.world.crm.edit("companies", left, phone="v2")
        give_up(court, LEFT, left, "v2", "v1")
        assert court.rules() == broken


@pytest.mark.parametrize("drift", ["restore", "ignore", "report"])
def test_row_9_what_the_owner_changed_is_written_over_all_others(drift: str) -> None:
    with opened(policy=f"one-way-{drift}") as court:
        left, right = owned(court)
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.edit("customers", right, tel="v3")
        give_up(court, LEFT, left, "v2", "v3")
        assert court.rules() == set()


# ------------------------------------------------------------------------------------------- an engine that errs

BOTH = ("add crm account N1 phone=a email=b", "sync account", "edit crm account 0 phone=L", "wait 300")
BOTH += ("edit erp account 0 phone=R", "sync account")


def _wrong(unit: Unit, cell: Cell) -> Decision:
    """The field table with its winners swapped."""
    chosen = cell.chosen.other if cell.chosen is not None else None
    newer = cell.newer.other if cell.newer is not None else None
    return decide(replace(unit, policy=unit.policy.mirrored), replace(cell, chosen=chosen, newer=newer))


@pytest.mark.parametrize("broken", [True, False])
@pytest.mark.parametrize(
    ("policy", "rule", "more"),
    [
        ("crm-wins", "row 6", ()),
        ("erp-wins", "row 6", ()),
        ("newest", "row 7", ()),
        ("manual", "I19", ("decide 0 left", "sync account")),
    ],
)
def test_an_engine_that_lets_the_wrong_side_win_is_found(
    monkeypatch: pytest.MonkeyPatch, policy: str, rule: str, more: tuple[str, ...], broken: bool
) -> None:
    monkeypatch.setattr(units, "decide", _wrong if broken else decide)
    simulation = Simulation(PROFILES["cuis"], POLICIES[policy])
    simulation.play([*BOTH, *more])
    simulation.close()
    found: Any = {name for name, _ in simulation.findings}
    assert found == ({rule} if broken else set())
