"""The judge of winners (I4, I19, rows 6-10): every loser here has its line of the journal, and may be the wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from judge_world import UNGUARDED, Court, company, opened, order, positions, report

from connector.engine import units
from connector.merge.fields import Cell, Decision, decide
from connector.merge.rules import Unit
from connector.model.records import Key, Op, Write
from connector.model.rows import ConflictRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.store import MemoryStore
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


def contest(court: Court, wait: float = 0.0) -> tuple[Key, Key]:
    """A company whose phone was v1 on both sides, and was changed to v2 on the left and, later, to v3 on the right."""
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.clock.advance(wait)
    court.world.erp.edit("customers", right, tel="v3")
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    return left, right


def give_up(court: Court, side: Side, key: Key, here: str, there: str) -> None:
    """Overwrite the phone of that side, and say so in the journal."""
    court.lose(side, "account", key, "phone", {"phone": here})
    court.write(side, "account", UPDATE, key, **{"phone" if side is LEFT else "tel": there})


def resolve(court: Court, loser: Side, left: Key, right: Key) -> set[str]:
    """Carry one phone across; the rules found broken."""
    give_up(court, loser, *((left, "v2", "v3") if loser is LEFT else (right, "v3", "v2")))
    return court.rules(rest=True)


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


# ------------------------------------------------------------------------------------ what had not changed, I4


@pytest.mark.parametrize("policy", ["crm-wins", "erp-wins", "manual"])
def test_i4_a_side_that_had_not_changed_wins_over_none_that_had(policy: str) -> None:
    with opened(policy=policy) as court:
        _, right = company(court, phone="v1")
        court.world.erp.edit("customers", right, tel="v2")
        court.world.erp.edit("customers", right, tel="v3")
        give_up(court, RIGHT, right, "v3", "v1")
        assert court.rules(rest=True) == {"I4"}


@pytest.mark.parametrize("done", [True, False])
def test_i4_nobody_knows_what_had_changed_until_a_run_after_the_store_was_lost_is_done(
    court: Court, done: bool
) -> None:
    left, right = company(court, phone="v1")
    court.world.store.close()
    court.world.store = MemoryStore()
    court.judge.store_replaced()
    court.link("account", left, right)
    if done:
        court.judge.writes.all_done("account")
    court.world.erp.edit("customers", right, tel="v3")
    give_up(court, RIGHT, right, "v3", "v1")
    assert ("I4" in court.rules()) is done


@pytest.mark.parametrize(("profile", "broken"), [("found-by-creator", set()), ("c--s", {"I4"})])
def test_i4_what_both_show_while_a_create_is_open_is_a_base_only_where_the_record_carries_our_key(
    profile: str, broken: set[str]
) -> None:
    with opened(profile) as court:
        left, right = company(court)
        kind, made = court.world.specs["account"].kind, str(court.judge.ledger.records[RIGHT, "account", right].token)
        row = IntentRow(made, kind, 1, RIGHT, CREATE, None, left, b"", b"", "", None, IntentState.SENT, 1.0, 1.0)
        with court.world.store.begin() as tx:
            tx.put_intents([row])
        court.world.crm.edit("companies", left, phone="v1")
        court.world.erp.edit("customers", right, tel="v1")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.judge.run_ended(report(status="partly"))
        court.world.erp.edit("customers", right, tel="v3")
        with court.world.store.begin() as tx:
            tx.drop_intents([made])
        give_up(court, RIGHT, right, "v3", "v1")
        assert court.rules() == broken


@pytest.mark.parametrize("crossed", [True, False])
@pytest.mark.parametrize("noted", [True, False])
def test_i4_a_reference_to_what_a_merge_made_the_same_thing_is_a_change_until_both_were_looked_at(
    court: Court, noted: bool, crossed: bool
) -> None:
    other, image = company(court, "Other")
    _, third = company(court, "Third")
    deal, made = order(court)
    court.read(RIGHT, "order", made)
    court.judge.run_ended(report("orders"))
    court.world.erp.merge("customers", image, court.world.erp.get("orders", made)["customer"])
    if crossed:
        court.world.crm.merge("companies", court.world.crm.get("deals", deal)["company_id"], other)
    court.world.crm.edit("deals", deal, company_id=other)
    if noted:
        court.read(LEFT, "order", deal)
        court.read(RIGHT, "order", made)
    court.judge.run_ended(report("orders"))
    kept = court.world.erp.get("orders", made)["customer"]
    court.world.erp.edit("orders", made, customer=third)
    court.read(LEFT, "order", deal)
    court.read(RIGHT, "order", made)
    court.lose(RIGHT, "order", made, "account", {"account": third})
    court.write(RIGHT, "order", UPDATE, made, customer=kept)
    assert ("I4" in court.rules()) is noted


@pytest.mark.parametrize(("based", "looked"), [(True, True), (False, True), (True, False)])
def test_i4_a_pair_that_merges_which_crossed_have_left_has_no_base_until_its_link_has_one(
    court: Court, based: bool, looked: bool
) -> None:
    (one, image), (other, survivor) = company(court, "One", phone="v1"), company(court, "Other", phone="v1")
    for side, key in ((LEFT, one), (RIGHT, image), (LEFT, other), (RIGHT, survivor)):
        court.read(side, "account", key)
    court.judge.run_ended(report(created=2))
    court.world.crm.merge("companies", one, other)
    court.world.erp.merge("customers", survivor, image)
    with court.world.store.begin() as tx:
        (link,) = tx.links_by_key(court.world.specs["account"].kind, LEFT, [one]).values()
        tx.update_links([replace(link, keys=Sides(None, None), state=LinkState.CLOSED)])
        (link,) = tx.links_by_key(court.world.specs["account"].kind, LEFT, [other]).values()
        tx.update_links([replace(link, keys=Sides(other, image), base=b"" if based else None)])
    if looked:
        court.read(LEFT, "account", other)
        court.read(RIGHT, "account", image)
        court.judge.run_ended(report())
    court.world.crm.edit("companies", other, phone="v2")
    court.read(LEFT, "account", other)
    court.lose(LEFT, "account", other, "phone", {"phone": "v2"})
    court.write(LEFT, "account", UPDATE, other, phone="v1")
    assert ("I4" in court.rules()) is (based and looked)


@pytest.mark.parametrize("typed", [True, False])
def test_i4_a_base_has_the_name_its_own_side_showed_and_not_that_of_the_other_side(court: Court, typed: bool) -> None:
    gone, image = company(court, "Gone")
    kept, survivor = company(court, "Kept")
    _, third = company(court, "Third")
    made = court.world.erp.add("orders", {"title": "O1", "customer": image, "cur": "EUR", "positions": []})
    court.world.erp.merge("customers", image, survivor)
    court.read(RIGHT, "order", made)
    deal = court.write(LEFT, "order", CREATE, name="O1", company_id=kept, currency="EUR", lines=[])
    court.link("order", deal, made)
    court.judge.run_ended(report("orders", created=1))
    if typed:
        court.world.crm.edit("deals", deal, company_id=gone)  # the same thing by now, and not what this side showed
    court.world.erp.edit("orders", made, customer=third)
    court.read(LEFT, "order", deal)
    court.read(RIGHT, "order", made)
    court.lose(RIGHT, "order", made, "account", {"account": third})
    court.write(RIGHT, "order", UPDATE, made, customer=survivor)
    assert ("I4" in court.rules()) is not typed


@pytest.mark.parametrize("state", ["lead", "customer"])
def test_i4_a_side_that_shows_what_no_value_stands_for_agrees_on_nothing(court: Court, state: str) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    court.world.crm.edit("companies", left, state=state)
    court.read(LEFT, "account", left)
    right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR")
    court.link("account", left, right)
    court.judge.run_ended(report(created=1))
    court.world.erp.edit("customers", right, blocked=False)
    court.read(LEFT, "account", left)
    court.read(RIGHT, "account", right)
    court.judge.run_ended(report())
    court.world.crm.edit("companies", left, state="former")
    court.read(LEFT, "account", left)
    court.lose(LEFT, "account", left, "status", {"status": "inactive"})
    court.write(LEFT, "account", UPDATE, left, state="customer")
    assert ("I4" in court.rules()) is (state == "customer")


@pytest.mark.parametrize("unit", ["phone", "email"])
def test_i4_a_unit_that_was_no_part_of_the_sync_has_no_base(court: Court, unit: str) -> None:
    _, right = company(court, phone="v1")
    before = court.world.specs["account"].units
    court.world.set("account", units=tuple(one for one in before if one.name != unit))
    court.judge.remapped("account")
    court.world.set("account", units=before)
    court.judge.remapped("account")
    court.world.erp.edit("customers", right, tel="v3")
    give_up(court, RIGHT, right, "v3", "v1")
    assert ("I4" in court.rules()) is (unit == "email")


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


# ------------------------------------------------------------------------------------------------ choices, I19


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
