"""The judge of deletes and merges (I15-I18, I42): a history it must flag beside one it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_world import Court, company, opened, order, report

from connector.errors import Halted
from connector.model.records import Op
from connector.model.rows import ConflictRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.driver import Crash
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer, line

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


# ------------------------------------------------------------------------------------------- I15-I18, I42


def test_i15_a_deleted_record_is_created_again(court: Court) -> None:
    left, right = company(court)
    court.world.erp.remove("customers", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert court.rules() == {"I15"}, left


def test_i15_a_record_two_people_had_typed_is_created_again_after_its_end(court: Court) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    right = court.world.erp.add("customers", customer("Acme"))
    court.link("account", left, right)
    court.world.erp.remove("customers", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert court.rules() == {"I15"}


@pytest.mark.parametrize("explained", [True, False])
def test_i15_a_delete_is_not_forgotten(court: Court, explained: bool) -> None:
    left, _ = company(court)
    court.world.crm.remove("companies", left)
    if explained:
        with court.world.store.begin() as tx:
            kind = court.world.specs["account"].kind
            tx.put_conflicts([ConflictRow(1, "*", kind, "delete", Sides(None, None), 1.0)])
    assert court.rules(rest=True) == (set() if explained else {"I15"})


@pytest.mark.parametrize(("policy", "broken"), [("manual", {"I15"}), ("deletes-ignore", set())])
def test_i15_the_policy_says_whether_the_partner_of_a_deleted_record_stays(policy: str, broken: set[str]) -> None:
    with opened(policy=policy) as court:
        left = court.world.crm.add("companies", account("Acme"))
        right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        court.world.crm.remove("companies", left)
        court.link("account", left, right, LinkState.CLOSED)
        assert court.rules(rest=True) == broken


@pytest.mark.parametrize("retired", [True, False])
def test_i15_a_partner_is_put_out_of_use_where_the_policy_says_so(retired: bool) -> None:
    with opened(policy="deletes-archive") as court:
        left = court.world.crm.add("companies", account("Acme"))
        right = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        court.world.crm.remove("companies", left)
        if retired:
            court.write(RIGHT, "account", UPDATE, right, blocked=True)
        court.link("account", left, right, LinkState.CLOSED)
        assert court.rules(rest=True) == (set() if retired else {"I15"})


@pytest.mark.parametrize("policy", ["deletes-ignore", "deletes-archive", "deletes-ask"])
def test_i15_no_delete_under_a_policy_that_sends_none(policy: str) -> None:
    with opened(policy=policy) as court:
        left, right = company(court)
        court.world.crm.remove("companies", left)
        court.write(RIGHT, "account", DELETE, right)
        assert court.rules() == {"I15"}


def test_i15_a_person_may_decide_to_delete() -> None:
    with opened(policy="deletes-ask") as court:
        left, right = company(court)
        court.world.crm.remove("companies", left)
        court.judge.decided(1, "*", LEFT)
        court.write(RIGHT, "account", DELETE, right)
        assert court.rules() == set()


def test_i15_a_delete_of_a_record_whose_partner_is_known_to_be_back(court: Court) -> None:
    left, right = company(court)
    court.world.crm.remove("companies", left)
    court.world.crm.restore("companies", left)
    court.read(LEFT, "account", left)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == {"I15"}


@pytest.mark.parametrize("versions", [1, 2], ids=["deleted", "before its delete"])
def test_i15_an_old_answer_does_not_tell_that_the_partner_is_back(court: Court, versions: int) -> None:
    left, right = company(court)
    court.world.crm.remove("companies", left)
    court.world.crm.restore("companies", left)
    court.trick(LEFT, Trick("read", "stale", number=versions))
    court.read(LEFT, "account", left)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == set()


def test_i16_a_record_is_deleted_though_its_partner_is_there(court: Court) -> None:
    _, right = company(court)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == {"I16"}


def test_i17_a_record_is_deleted_with_a_value_the_other_side_never_had(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.remove("companies", left)
    court.world.erp.edit("customers", right, tel="v2")
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == {"I17"}


@pytest.mark.parametrize(("typed", "broken"), [("", set()), ("v2", set()), ("v3", {"I17"})])
def test_i17_a_person_chose_to_delete_what_it_showed_then(court: Court, typed: str, broken: set[str]) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.remove("companies", left)
    court.world.erp.edit("customers", right, tel="v2")
    court.judge.decided(1, "*", LEFT)
    if typed:
        court.world.erp.edit("customers", right, tel="v4")
        court.world.erp.edit("customers", right, tel=typed)
    court.read(RIGHT, "account", right)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == broken


@pytest.mark.parametrize(
    ("chosen", "later", "broken"),
    [("54.067", "54.067", set()), ("54.067", "60.001", {"I17"}), ("29.99", "60.001", {"I17"})],
    ids=["as it was", "another", "none then"],
)
@pytest.mark.parametrize("agreed", [True, False], ids=["over what both had", "over an edit"])
def test_i17_a_person_chose_to_delete_what_no_value_stands_for(
    agreed: bool, chosen: str, later: str, broken: set[str]
) -> None:
    with opened(policy="manual") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, credit_limit="29.99")
        if agreed:
            court.world.erp.edit("customers", right, limit="29.99")
        court.world.erp.remove("customers", right)
        court.world.crm.edit("companies", left, credit_limit=chosen)
        court.judge.decided(1, "*", RIGHT)
        court.world.crm.edit("companies", left, credit_limit=later)
        court.read(LEFT, "account", left)
        court.write(LEFT, "account", DELETE, left)
        assert court.rules() == broken


def test_i17_a_person_chose_to_keep_what_is_deleted_by_a_later_choice(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.remove("companies", left)
    court.world.erp.edit("customers", right, tel="v2")
    court.judge.decided(1, "*", RIGHT)
    court.world.erp.edit("customers", right, tel="v3")
    court.judge.decided(1, "*", LEFT)
    court.world.erp.edit("customers", right, tel="v2")
    court.read(RIGHT, "account", right)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == {"I17"}


@pytest.mark.parametrize("there", [True, False])
def test_i17_a_line_added_and_dropped_again_is_no_difference(there: bool) -> None:
    with opened() as court:
        deal, made = order(court, ("a", "2", "1.50"))
        rows = court.world.crm.get("deals", deal)["lines"]
        court.world.crm.edit("deals", deal, lines=[*rows, line(None, "1", "4", description="b")])
        court.world.crm.edit("deals", deal, lines=rows if not there else [])
        court.world.erp.remove("orders", made)
        court.write(LEFT, "order", DELETE, deal)
        assert court.rules() == ({"I17"} if there else set())


def test_i18_more_deletes_in_a_day_than_the_guard_lets_through(court: Court) -> None:
    pairs = [company(court, f"N{number}") for number in range(26)]
    for left, right in pairs:
        court.world.crm.remove("companies", left)
        court.write(RIGHT, "account", DELETE, right)
        assert (court.rules() == {"I18"}) is (right == pairs[-1][1])


def test_i18_deletes_on_different_days_are_fine(court: Court) -> None:
    pairs = [company(court, f"N{number}") for number in range(26)]
    for left, right in pairs:
        court.world.crm.remove("companies", left)
        court.world.clock.advance(4000)
        court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == set()


@pytest.mark.parametrize(
    ("sentence", "broken"), [("Nothing of this plan was written.", {"I18"}), ("None was carried over.", set())]
)
def test_i18_a_run_that_a_guard_stopped_wrote_nothing(court: Court, sentence: str, broken: set[str]) -> None:
    left, right = company(court)
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    found = court.judge.run_ended(Halted(f"accounts: too many. {sentence}", "deletes"))
    assert {finding.rule for finding in found} == broken


@pytest.mark.parametrize(
    ("state", "noted", "broken"),
    [
        (IntentState.SENT, "by one that died", set()),
        (IntentState.SENT, "by one that is slow", set()),
        (IntentState.SENT, "by itself", {"I18"}),
        (IntentState.PLANNED, "by one that died", {"I18"}),
        (IntentState.PLANNED, "by one that is slow", {"I18"}),
    ],
)
def test_i18_what_another_run_had_noted_as_sent_is_recovered_whatever_the_guards_say(
    court: Court, state: IntentState, noted: str, broken: set[str]
) -> None:
    left, right = company(court)
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.judge.process = "process 2" if noted == "by itself" else "process 1"
    court.judge.run_begins()
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        tx.put_intents(
            [IntentRow("k", kind, 1, RIGHT, "update", right, left, b"", b"", "phone", None, state, 1.0, 1.0)]
        )
    if noted == "by one that died":
        court.judge.run_ended(Crash())
    if noted != "by itself":
        court.judge.process = "process 2"
        court.judge.run_begins()
    court.write(RIGHT, "account", UPDATE, right, "k", tel="v2")
    found = court.judge.run_ended(Halted("accounts: too many. Nothing of this plan was written.", "deletes"))
    assert {finding.rule for finding in found} == broken


def test_i42_the_image_of_a_merged_record_is_deleted(court: Court) -> None:
    left, right = company(court)
    survivor, _ = company(court, "Globex")
    court.world.crm.merge("companies", left, survivor)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == {"I42"}


def test_i42_a_system_that_tells_neither_merges_nor_deletes_is_a_known_limit() -> None:
    with opened("no-delete-feed") as court:
        left, right = company(court)
        survivor, _ = company(court, "Globex")
        court.world.crm.merge("companies", left, survivor)
        court.write(RIGHT, "account", DELETE, right)
        assert court.rules() == set()
        assert [finding.rule for finding in court.judge.verdicts.limits] == ["I42"]


@pytest.mark.parametrize("known", [True, False])
def test_i42_the_image_of_a_merged_record_is_not_written_any_more(court: Court, known: bool) -> None:
    left, right = company(court, phone="v1")
    survivor, _ = company(court, "Globex")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.crm.merge("companies", left, survivor)
    if known:
        court.read(LEFT, "account", left)
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert court.rules() == ({"I42"} if known else set())


@pytest.mark.parametrize("profile", ["cuis", "no-delete-feed"])
def test_i42_merges_that_cross_and_no_system_tells_are_a_known_limit(profile: str) -> None:
    with opened(profile) as court:
        left, right = company(court)
        other, image = company(court, "Globex")
        court.world.crm.merge("companies", other, left)
        court.world.erp.merge("customers", right, image)
        with court.world.store.begin() as tx:
            tx.update_links([replace(link, state=LinkState.CLOSED) for link in tx.links_by_id([1, 2]).values()])
        told = profile == "cuis"
        assert ("I42" in court.rules(rest=True)) is told
        assert ("I42" in [limit.rule for limit in court.judge.verdicts.limits]) is not told


@pytest.mark.parametrize("listed", [True, False])
def test_i42_the_survivor_of_a_merge_belongs_to_a_live_link(court: Court, listed: bool) -> None:
    left, right = company(court)
    other, image = company(court, "Globex")
    court.world.crm.merge("companies", other, left)
    court.world.erp.merge("customers", right, image)
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        links = tx.links_by_id([1, 2])
        tx.update_links([replace(link, state=LinkState.CLOSED, keys=maybe(None, None)) for link in links.values()])
        tx.add_aliases(kind, LEFT, {left: 2, other: 1})
        tx.add_aliases(kind, RIGHT, {right: 2, image: 1})
        if listed:
            tx.put_conflicts([ConflictRow(n, "*", kind, "merged crosswise", maybe(None, None), 1.0) for n in (1, 2)])
    assert court.rules(rest=True) == (set() if listed else {"I42"})
