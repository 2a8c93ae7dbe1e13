"""The judge has teeth: for each rule a history it must flag, by a connector that does wrong, and one it must not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from judge_world import GUARDED, NOTHING, UNGUARDED, Court, company, ids, opened, order, positions, report

from connector.errors import ConnectorError, Halted
from connector.merge.rules import Drift, Flow, Policy
from connector.model.plan import PlanLine, Report
from connector.model.records import Key, Op, Write
from connector.model.rows import ConflictRow, DeadRow, HintRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.driver import Crash
from connector.testing.simulator.judge_rest import RestRules
from connector.testing.simulator.judge_rows import read_rows
from connector.testing.simulator.systems import Trick
from connector.testing.store import MemoryStore
from connector.testing.world import World, account, changed, customer, line

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


@pytest.fixture
def court() -> Iterator[Court]:
    with opened() as made:
        yield made


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


# ------------------------------------------------------------------------------------------------------- I7


def test_i7_a_value_the_other_side_never_had_is_overwritten(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert court.rules() == {"I7"}


def test_i7_a_line_of_the_journal_that_names_the_loser_is_enough(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert court.rules(rest=True) == set()


@pytest.mark.parametrize("kept", [True, False])
def test_i7_a_line_of_a_journal_that_is_lost_later_was_said(court: Court, kept: bool) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    if kept:
        court.judge.store_ends()
    court.world.store.close()
    court.world.store = MemoryStore()
    court.judge.store_replaced()
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I7" in court.rules()) is not kept


@pytest.mark.parametrize(("side", "value"), [(RIGHT, "v9"), (LEFT, "v3")])
def test_i7_a_line_of_the_journal_that_names_another_value_or_side_is_not(court: Court, side: Side, value: str) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    court.lose(side, "account", right, "phone", {"phone": value})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert "I7" in court.rules()


def test_i7_a_value_nobody_typed_is_written(court: Court) -> None:
    _, right = company(court, phone="v1")
    court.write(RIGHT, "account", UPDATE, right, tel="v77")
    assert court.rules() == {"I7"}


def test_i7_an_edit_right_before_an_unguarded_write_is_counted_apart() -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.read(RIGHT, "account", right)
        court.world.erp.edit("customers", right, tel="v3")
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert court.rules(rest=True) == set()
        assert [finding.rule for finding in court.judge.verdicts.narrowed] == ["I7"]


def test_i7_an_edit_the_connector_had_read_is_no_window() -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.world.erp.edit("customers", right, tel="v3")
        court.read(RIGHT, "account", right)
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert court.rules() == {"I7"}


def test_i7_what_another_process_read_does_not_count_for_this_one() -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.read(RIGHT, "account", right)
        court.world.erp.edit("customers", right, tel="v3")
        court.judge.process = "second"
        court.read(RIGHT, "account", right)
        court.judge.process = ""
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert court.rules() == set()


def test_i7_what_a_merge_function_made_of_both_is_no_loss() -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, credit_limit="10")
        court.write(RIGHT, "account", UPDATE, right, limit="10")
        court.world.crm.edit("companies", left, credit_limit="12")
        court.world.erp.edit("customers", right, limit="7")
        court.write(LEFT, "account", UPDATE, left, credit_limit="9")
        court.write(RIGHT, "account", UPDATE, right, limit="9")
        assert court.rules(rest=True) == set()
        court.write(RIGHT, "account", UPDATE, right, limit="8")
        assert court.rules() == {"I7"}


@pytest.mark.parametrize(("ending", "limit"), [(Crash(), True), (report(created=1, updated=1), False)])
def test_i7_a_value_that_goes_back_to_its_base_leaves_no_trace_only_where_the_write_in_between_is_not_known(
    court: Court, ending: Report | BaseException, limit: bool
) -> None:
    left, right = company(court, phone="v1")
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    court.judge.run_ended(ending)
    court.world.erp.edit("customers", right, tel="v1")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert ("I7" in court.rules()) is not limit
    assert [finding.rule for finding in court.judge.verdicts.limits] == ["I7"] * limit


def test_i7_an_answer_without_the_record_tells_that_the_write_was_done(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.trick(RIGHT, Trick("write", "bare"))
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    court.world.erp.edit("customers", right, tel="v1")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert "I7" in court.rules()


@pytest.mark.parametrize("back", ["v1", "v3"])
def test_i7_a_value_typed_and_taken_back_is_no_edit_and_another_one_is(court: Court, back: str) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    for typed in ("v2", back):  # for a while both show the same, and nobody looks
        court.world.erp.edit("customers", right, tel=typed)
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert court.rules(rest=True) == (set() if back == "v1" else {"I7"})


@pytest.mark.parametrize("restored", ["before", "after", "never"])
def test_i7_a_line_dropped_before_the_store_was_restored_is_a_known_limit(court: Court, restored: str) -> None:
    deal, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    if restored == "before":
        court.judge.store_replaced()
        court.judge.run_ended(report("orders", created=1))
    kept = positions(("a", "2", "1.50"), a=ids(court, made)["a"])
    court.world.erp.edit("orders", made, positions=kept)
    if restored == "after":
        court.judge.store_replaced()
    court.write(RIGHT, "order", UPDATE, made, positions=[*kept, *positions(("b", "1", "4"))])
    assert ("I7" in court.rules()) is (restored != "after"), deal
    assert bool(court.judge.verdicts.limits) is (restored == "after")


@pytest.mark.parametrize("built_on_it", [True, False])
def test_i7_what_is_typed_over_a_merged_value_holds_what_was_merged(built_on_it: bool) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, credit_limit="10")
        court.write(RIGHT, "account", UPDATE, right, limit="10")
        court.world.crm.edit("companies", left, credit_limit="12")
        court.world.erp.edit("customers", right, limit="7")
        if built_on_it:
            court.write(RIGHT, "account", UPDATE, right, limit="9")  # the left system is busy
        court.world.erp.edit("customers", right, limit="20")
        court.write(LEFT, "account", UPDATE, left, credit_limit="20")
        assert court.rules() == (set() if built_on_it else {"I7"})


# ------------------------------------------------------------------------------------------------------- I8


def test_i8_an_older_value_is_back_at_rest(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v1")
    court.write(LEFT, "account", UPDATE, left, phone="v1")
    assert "I8" in court.rules(rest=True)


def test_i8_a_value_that_went_with_its_record_is_accounted_for(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.crm.remove("companies", left)
    court.write(RIGHT, "account", DELETE, right)
    assert court.rules() == set()


def test_i8_a_value_typed_back_before_anything_was_agreed_is_no_revert(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.crm.edit("companies", left, phone="v1")
    court.world.erp.edit("customers", right, tel="v3")
    court.write(LEFT, "account", UPDATE, left, phone="v3")
    assert court.rules(rest=True) == set()


# ------------------------------------------------------------------------------------------------- I6, I19, I20


def test_i6_a_field_that_differs_at_rest_without_a_row(court: Court) -> None:
    left, _ = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    assert court.rules(rest=True) == {"I6"}


@pytest.mark.parametrize("unit", ["phone", "*", "email"])
def test_i6_a_conflict_on_that_field_or_on_the_record_explains_it(court: Court, unit: str) -> None:
    left, _ = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    with court.world.store.begin() as tx:
        row = ConflictRow(1, unit, court.world.specs["account"].kind, "held", Sides(None, None), 1.0)
        tx.put_conflicts([row])
    assert court.rules(rest=True) == ({"I6"} if unit == "email" else set())


@pytest.mark.parametrize(("drift", "broken"), [(Drift.IGNORE, set()), (Drift.RESTORE, {"I6"}), (Drift.REPORT, {"I6"})])
def test_i6_a_one_way_target_may_differ_only_where_the_settings_leave_it_alone(drift: Drift, broken: set[str]) -> None:
    with opened() as court:
        units = court.world.specs["account"].units
        court.world.set("account", units=tuple(replace(u, flow=Flow.R2L, drift=drift) for u in units))
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer", phone="v1")
        court.link("account", left, right)
        court.world.crm.edit("companies", left, phone="v2")
        assert court.rules(rest=True) == broken


def test_i19_an_open_conflict_where_both_sides_agree(court: Court) -> None:
    company(court, phone="v1")
    with court.world.store.begin() as tx:
        row = ConflictRow(1, "phone", court.world.specs["account"].kind, "conflict", Sides(b"1" * 8, b"2" * 8), 1.0)
        tx.put_conflicts([row])
    assert court.rules(rest=True) == {"I19"}


def test_i19_a_conflict_that_does_not_hold_both_values(court: Court) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    with court.world.store.begin() as tx:
        row = ConflictRow(1, "phone", court.world.specs["account"].kind, "conflict", Sides(b"1" * 8, None), 1.0)
        tx.put_conflicts([row])
    assert court.rules(rest=True) == {"I19"}


@pytest.mark.parametrize("named", [True, False])
def test_i19_a_decision_names_the_other_value_in_the_journal(court: Court, named: bool) -> None:
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.erp.edit("customers", right, tel="v3")
    court.judge.decided(1, "phone", LEFT)
    if named:
        court.lose(RIGHT, "account", right, "phone", {"phone": "v3"})
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    assert court.rules(rest=True) == (set() if named else {"I19"})


# ------------------------------------------------------------------------------------------------ I9, I10, I44


def test_i9_a_record_is_created_twice(court: Court) -> None:
    company(court)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    assert "I9" in court.rules(rest=True)


def test_i9_a_link_is_rooted_in_our_own_creation(court: Court) -> None:
    company(court)
    court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer")
    assert "I9" in court.rules()


def test_i9_people_may_add_the_same_twice(court: Court) -> None:
    company(court)
    second = court.world.crm.add("companies", account("Acme"))
    image = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
    court.link("account", second, image)
    assert court.rules(rest=True) == set()


@pytest.mark.parametrize("known", [True, False])
def test_i9_a_record_that_was_there_to_be_linked_is_not_created(court: Court, known: bool) -> None:
    left = court.world.crm.add("companies", account("Acme", tax_id="T1"))
    right = court.world.erp.add("customers", customer("Acme", vat_number="T1"))
    court.read(LEFT, "account", left)
    if known:
        court.read(RIGHT, "account", right)
    court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False, vat_number="T1")
    assert court.rules() == ({"I9"} if known else set())


@pytest.mark.parametrize(("again", "tax_id", "limit"), [(True, None, True), (False, None, False), (True, "T1", False)])
def test_i9_where_nothing_tells_a_record_from_another_a_create_sent_again_is_a_known_limit(
    again: bool, tax_id: str | None, limit: bool
) -> None:
    with opened(NOTHING) as court:
        court.world.crm.add("companies", account("Acme", tax_id=tax_id))
        for token in ("t", "t" if again else "u"):
            shown = {"title": "Acme", "cur": "EUR", "blocked": False, "vat_number": tax_id}
            court.write(RIGHT, "account", CREATE, None, token, **shown)
        assert court.rules() == (set() if limit else {"I9"})
        assert bool(court.judge.verdicts.limits) is limit


def test_i9_a_natural_key_that_two_records_share_tells_nothing() -> None:
    with opened(NOTHING) as court:
        for name in ("Acme", "Globex"):
            court.world.crm.add("companies", account(name, tax_id="T1"))
            court.write(RIGHT, "account", CREATE, None, name, title=name, cur="EUR", blocked=False, vat_number="T1")
        court.write(RIGHT, "account", CREATE, None, "Acme", title="Acme", cur="EUR", blocked=False, vat_number="T1")
        assert court.rules() == set()


@pytest.mark.parametrize(
    ("profile", "lost", "limit"), [(NOTHING, True, True), (NOTHING, False, False), ("cu--", True, False)]
)
def test_i9_the_image_of_a_record_whose_create_had_no_answer_is_a_limit_where_its_system_gives_nothing_away(
    profile: str, lost: bool, limit: bool
) -> None:
    with opened(profile) as court:
        court.world.erp.add("customers", customer("Acme", vat_number=None))
        if lost:
            court.trick(LEFT, Trick("write", "some-lost", number=255))
        write = Write(CREATE, None, b'{"name": "Acme", "currency": "EUR", "state": "customer"}', None, "t")
        court.world.crm.write("companies", [write])
        court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        assert ("I9" in court.rules()) is not limit


@pytest.mark.parametrize("lost", [True, False])
def test_i9_a_record_created_again_because_the_store_was_lost_may_meet_the_one_that_is_restored(lost: bool) -> None:
    with opened() as court:
        left, right = company(court)
        court.world.erp.remove("customers", right)
        if lost:
            court.judge.store_replaced()
        again = court.write(RIGHT, "account", CREATE, title="Acme", cur="EUR", blocked=False)
        court.world.erp.restore("customers", right)
        found = {finding.rule for finding in court.sentences()}
        assert ("I9" in found) is not lost, (left, again)


def test_i9_a_process_that_wakes_up_late_and_sends_again_is_a_known_limit_without_a_unique_key() -> None:
    for profile, broken in (("c--s", set()), ("cu--", {"I9"})):
        with opened(profile) as court:
            court.world.crm.add("companies", account("Acme"))
            for process in ("first", "second"):
                court.judge.process = process
                court.write(RIGHT, "account", CREATE, None, "t", title="Acme", cur="EUR", blocked=False)
            assert court.rules() == broken


def test_i10_two_records_of_different_things_are_linked(court: Court) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    right = court.world.erp.add("customers", customer("Globex"))
    court.link("account", left, right)
    assert court.rules(rest=True) == {"I10"}


def test_i10_a_record_is_in_two_links(court: Court) -> None:
    """The store forbids it; the judge does not take its word for it."""
    left, right = company(court)
    rows = read_rows(court.world, "account")
    judge = court.judge
    RestRules(judge.ledger, judge.verdicts, judge.writes, "account", rows).judge()
    assert judge.verdicts.found == []
    rows.aliases.append((LEFT, left, 1))
    RestRules(judge.ledger, judge.verdicts, judge.writes, "account", rows).judge()
    assert {finding.rule for finding in judge.verdicts.found} == {"I10"}, right


def test_i44_a_record_that_is_not_linked_needs_a_row(court: Court) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    assert court.rules(rest=True) == {"I44"}
    assert key == "C00001"


@pytest.mark.parametrize("row", ["dead", "hint"])
def test_i44_a_dead_letter_or_a_hint_says_why(court: Court, row: str) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        if row == "dead":
            tx.put_dead([DeadRow(kind, LEFT, key, "create", "refused", "refused", 1.0, 1)])
        else:
            tx.put_hints([HintRow(kind, LEFT, key, None, "waits", 1.0, first=1.0)])
    assert court.rules(rest=True) == set()


def test_i44_what_waits_has_an_age(court: Court) -> None:
    key = court.world.crm.add("companies", account("Acme"))
    with court.world.store.begin() as tx:
        later = court.world.clock.now() + 500
        tx.put_dead([DeadRow(court.world.specs["account"].kind, LEFT, key, "create", "refused", "x", later, 1)])
    assert court.rules(rest=True) == {"I44"}


def test_i1_an_open_write_at_rest(court: Court) -> None:
    left, right = company(court)
    with court.world.store.begin() as tx:
        kind = court.world.specs["account"].kind
        tx.put_intents(
            [IntentRow("k", kind, 1, RIGHT, "update", right, left, b"", b"", "phone", None, IntentState.SENT, 1.0, 1.0)]
        )
    assert court.rules(rest=True) == {"I1"}


@pytest.mark.parametrize(
    ("profile", "others", "limit"), [("no-delete-feed", 0, True), ("no-delete-feed", 1, False), (GUARDED, 0, False)]
)
def test_i1_a_plan_may_confirm_for_ever_only_what_nobody_can_confirm_as_deleted(
    monkeypatch: pytest.MonkeyPatch, profile: str, others: int, limit: bool
) -> None:
    with opened(profile) as court:
        pairs = [company(court, f"N{number}") for number in range(1 + others)]
        court.world.crm.remove("companies", pairs[0][0])
        line = PlanLine("accounts", "confirm", None, maybe(*pairs[0]))
        monkeypatch.setattr(World, "plan", lambda world, entity: [line] if entity == "account" else [])
        monkeypatch.setattr(World, "sync", lambda world, entity: report())
        found = {finding.rule for finding in court.judge.at_rest()}
        assert ("I1" in found) is not limit
        assert {finding.rule for finding in court.judge.verdicts.limits} == ({"I16"} if limit else set())


def test_i1_and_i2_a_plan_at_rest_that_still_wants_to_write(court: Court) -> None:
    court.world.crm.add("companies", account("Acme"))
    assert {"I1", "I2"} <= {finding.rule for finding in court.judge.at_rest()}


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


@pytest.mark.parametrize(("sentence", "broken"), [("Nothing was written.", {"I18"}), ("None was carried over.", set())])
def test_i18_a_run_that_a_guard_stopped_wrote_nothing(court: Court, sentence: str, broken: set[str]) -> None:
    left, right = company(court)
    court.judge.run_ended(report(created=1))
    court.world.crm.edit("companies", left, phone="v2")
    court.write(RIGHT, "account", UPDATE, right, tel="v2")
    found = court.judge.run_ended(Halted(f"accounts: too many. {sentence}", "deletes"))
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
    _, made = order(court, ("a", "2", "1.50"), ("b", "1", "4"))
    rows = court.world.erp.get("orders", made)["positions"]
    court.world.erp.edit("orders", made, positions=[{**rows[0], "qty": "9"}, rows[1]])
    shown = "description a, quantity 9, unit_price 1.50 EUR; description b, quantity 1, unit_price 4 EUR"
    court.lose(RIGHT, "order", made, "lines", {"lines": shown})
    court.write(RIGHT, "order", UPDATE, made, positions=rows)
    assert court.rules(rest=True) == set()


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
    assert {"I24"} <= court.rules() <= {"I24", "I7"}


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
