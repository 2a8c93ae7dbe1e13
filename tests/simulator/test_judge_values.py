"""The judge of values and conflicts (I6-I8, I19, I20): a history it must flag beside one it must not."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from judge_world import UNGUARDED, Court, company, ids, opened, order, positions, report

from connector.errors import UncertainError
from connector.merge.rules import Drift, Flow
from connector.model.plan import Report
from connector.model.records import Op
from connector.model.rows import ConflictRow
from connector.model.values import Side, Sides
from connector.testing.driver import Crash
from connector.testing.simulator.systems import Trick
from connector.testing.store import MemoryStore
from connector.testing.world import customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE


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


@pytest.mark.parametrize(
    ("between", "broken"), [("nothing", False), ("call", True), ("call beside it", False), ("call of another", False)]
)
def test_i7_the_window_of_an_unguarded_write_is_the_time_of_one_call(between: str, broken: bool) -> None:
    with opened(UNGUARDED) as court, ExitStack() as beside:
        left, right = company(court, phone="v1")
        _, other = company(court, "Globex", phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.read(RIGHT, "account", right)
        if between == "call beside it":
            beside.enter_context(court.judge.abreast())
        court.judge.process = "second" if between == "call of another" else ""
        if between != "nothing":
            court.read(RIGHT, "account", other)
        court.judge.process = ""
        court.world.erp.edit("customers", right, tel="v3")
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert ("I7" in court.rules()) is broken
        assert [finding.rule for finding in court.judge.verdicts.narrowed] == ["I7"] * (not broken)


def test_i7_an_edit_made_while_an_unguarded_write_is_on_its_way_is_in_the_window_whatever_came_before() -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.read(RIGHT, "account", right)
        court.read(LEFT, "account", left)
        court.trick(RIGHT, Trick("write", "late", number=100))
        with pytest.raises(UncertainError):
            court.write(RIGHT, "account", UPDATE, right, tel="v2")
        court.world.erp.edit("customers", right, tel="v3")
        court.world.clock.advance(200)
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        assert court.rules() == set()
        assert [finding.rule for finding in court.judge.verdicts.narrowed] == ["I7"]


@pytest.mark.parametrize("looked", [True, False])
def test_i17_an_unguarded_delete_that_is_sent_again_goes_by_the_look_before_it(looked: bool) -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        court.world.crm.remove("companies", left)
        court.read(RIGHT, "account", right)
        court.trick(RIGHT, Trick("write", "down"))
        with pytest.raises(UncertainError):
            court.write(RIGHT, "account", Op.DELETE, right, "t")
        if looked:
            court.world.erp.edit("customers", right, tel="v3")
        court.read(RIGHT, "account", right)
        if not looked:
            court.world.erp.edit("customers", right, tel="v3")
        court.write(RIGHT, "account", Op.DELETE, right, "t")
        assert ("I17" in court.rules()) is looked
        assert [finding.rule for finding in court.judge.verdicts.narrowed] == ["I17"] * (not looked)


@pytest.mark.parametrize("between", [True, False])
def test_i17_the_window_of_an_unguarded_delete_is_the_time_of_one_call(between: bool) -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        _, other = company(court, "Globex")
        court.world.crm.remove("companies", left)
        court.read(RIGHT, "account", right)
        if between:
            court.read(RIGHT, "account", other)
        court.world.erp.edit("customers", right, tel="v3")
        court.write(RIGHT, "account", Op.DELETE, right)
        assert ("I17" in court.rules()) is between
        assert [finding.rule for finding in court.judge.verdicts.narrowed] == ["I17"] * (not between)


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
