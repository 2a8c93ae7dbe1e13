"""The judge of winners: what a person chose (I19), in which copy of the store, and for how long."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_world import Court, company, contest, give_up, opened, resolve

from connector.model.records import Op
from connector.model.rows import ConflictRow
from connector.model.values import Side, Sides

LEFT, RIGHT = Side.LEFT, Side.RIGHT
UPDATE, DELETE = Op.UPDATE, Op.DELETE


def choose(court: Court, link: int, unit: str, side: Side) -> None:
    """A person decides, and the next run begins."""
    court.judge.decided(link, unit, side)
    court.rules()


@pytest.mark.parametrize("policy", ["manual", "crm-wins", "erp-wins"])
@pytest.mark.parametrize("chosen", [LEFT, RIGHT])
def test_i19_what_a_person_chose_wins(policy: str, chosen: Side) -> None:
    for loser in (LEFT, RIGHT):
        with opened(policy=policy) as court:
            left, right = contest(court)
            choose(court, 1, "phone", chosen)
            assert resolve(court, loser, left, right) == ({"I19"} if loser is chosen else set())


@pytest.mark.parametrize("edited", [LEFT, RIGHT])
def test_i19_a_choice_ends_with_the_next_edit(edited: Side) -> None:
    with opened(policy="manual") as court:
        left, right = contest(court)
        choose(court, 1, "phone", LEFT)
        if edited is LEFT:
            court.world.crm.edit("companies", left, phone="v4")
            give_up(court, RIGHT, right, "v3", "v4")
        else:
            court.world.erp.edit("customers", right, tel="v4")
            give_up(court, RIGHT, right, "v4", "v2")
        assert court.rules() == {"row 8"}


def test_i19_the_last_choice_counts_and_for_its_own_records_only() -> None:
    with opened(policy="manual") as court:
        other, _ = company(court, phone="v9")
        left, right = company(court, "Acme", phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.edit("customers", right, tel="v3")
        choose(court, 2, "phone", LEFT)
        choose(court, 2, "phone", RIGHT)
        choose(court, 1, "phone", LEFT)
        give_up(court, LEFT, left, "v2", "v3")
        assert court.rules() == set()
        assert court.world.crm.get("companies", other)["phone"] == "v9"


def test_i19_a_choice_made_while_a_run_goes_on_is_for_the_next() -> None:
    with opened(policy="manual") as court:
        left, right = contest(court)
        choose(court, 1, "phone", RIGHT)
        court.judge.decided(1, "phone", LEFT)
        court.lose(LEFT, "account", left, "phone", {"phone": "v2"})
        court.write(LEFT, "account", UPDATE, left, phone="v3")
        assert court.rules() == set()
        assert court.world.erp.get("customers", right)["tel"] == "v3"


@pytest.mark.parametrize("loser", [LEFT, RIGHT])
def test_i19_an_older_store_may_know_of_a_choice_or_not(loser: Side) -> None:
    with opened(policy="erp-wins") as court:
        left, right = contest(court)
        choose(court, 1, "phone", LEFT)
        court.judge.store_replaced()
        assert resolve(court, loser, left, right) == set()


@pytest.mark.parametrize(("copied", "broken"), [("before both", {"row 8"}), ("between", set()), ("after", {"row 8"})])
def test_row_8_an_older_store_knows_of_the_choice_that_was_made_before_it_and_of_none_since(
    copied: str, broken: set[str]
) -> None:
    with opened(policy="manual") as court:
        left, right = contest(court)
        made = {"before both": court.judge.ledger.number}
        if copied != "before both":
            choose(court, 1, "phone", RIGHT)
        made["between"] = court.judge.ledger.number
        choose(court, 1, "phone", LEFT)
        made["after"] = court.judge.ledger.number
        court.judge.store_replaced(made[copied])
        court.rules()
        assert resolve(court, LEFT, left, right) == broken


@pytest.mark.parametrize(("last", "broken"), [("second", set()), ("third", {"row 8"})])
def test_row_8_a_copy_knows_what_the_store_knew_when_it_was_made(last: str, broken: set[str]) -> None:
    with opened(policy="manual") as court:
        left, right = contest(court)
        made = {"first": court.judge.ledger.number}
        choose(court, 1, "phone", RIGHT)
        made["second"] = court.judge.ledger.number
        choose(court, 1, "phone", LEFT)
        made["third"] = court.judge.ledger.number
        court.judge.ledger.number += 1
        court.judge.store_replaced(made["first"])
        court.judge.ledger.number += 1
        court.judge.store_replaced(made[last])
        court.rules()
        assert resolve(court, LEFT, left, right) == broken


def test_row_8_a_choice_made_anew_in_the_store_that_was_put_back_counts() -> None:
    with opened(policy="manual") as court:
        left, right = contest(court)
        choose(court, 1, "phone", RIGHT)
        made = court.judge.ledger.number
        choose(court, 1, "phone", LEFT)
        court.judge.store_replaced(made)
        choose(court, 1, "phone", LEFT)
        assert resolve(court, LEFT, left, right) == {"I19"}


def test_i19_a_choice_is_about_two_records_and_ends_with_their_link() -> None:
    with opened(policy="erp-wins") as court:
        left, right = contest(court)
        choose(court, 1, "phone", LEFT)
        with court.world.store.begin() as tx:
            tx.update_links([replace(tx.links_by_id([1])[1], keys=Sides(left, "K9"))])
        give_up(court, LEFT, left, "v2", "v3")
        assert court.rules() == set()
        assert court.world.erp.get("customers", right)["tel"] == "v3"


@pytest.mark.parametrize("edited", [True, False])
def test_i19_a_choice_that_was_never_carried_out(edited: bool) -> None:
    with opened(policy="manual") as court:
        left, _ = contest(court)
        kind = court.world.specs["account"].kind
        with court.world.store.begin() as tx:
            tx.put_conflicts([ConflictRow(1, "phone", kind, "conflict", Sides(b"1" * 8, b"2" * 8), 1.0)])
        assert court.rules(rest=True) == set()
        court.judge.decided(1, "phone", LEFT)
        with court.world.store.begin() as tx:
            tx.choose(1, "phone", LEFT)
        if edited:
            court.world.crm.edit("companies", left, phone="v4")
        assert court.rules(rest=True) == (set() if edited else {"I19"})


@pytest.mark.parametrize(("chosen", "broken"), [(LEFT, set()), (RIGHT, {"I17", "I19"})])
def test_i19_a_record_a_person_chose_to_keep_is_not_deleted(court: Court, chosen: Side, broken: set[str]) -> None:
    left, right = company(court, phone="v1")
    court.world.erp.edit("customers", right, tel="v3")
    court.world.crm.remove("companies", left)
    choose(court, 1, "*", chosen)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == broken
