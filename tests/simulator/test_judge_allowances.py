"""What the judge allows is as narrow as the case: each allowance with the history next to it that is a finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from judge_world import GUARDED, UNGUARDED, Court, company, ids, opened, order, positions, report

from connector.errors import UncertainError
from connector.merge.rules import Drift, Flow
from connector.model.records import Op, Write
from connector.model.rows import ConflictRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE, SENT = Op.CREATE, Op.UPDATE, Op.DELETE, IntentState.SENT


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


@pytest.mark.parametrize("short", [True, False])
def test_i7_a_batch_that_is_answered_short_leaves_the_outcome_of_its_first_write_open_too(short: bool) -> None:
    with opened(UNGUARDED) as court:
        left, right = company(court, phone="v1")
        _, other = company(court, "Globex")
        court.world.crm.edit("companies", left, phone="v2")
        if short:
            court.trick(RIGHT, Trick("write", "short"))
        writes = [Write(UPDATE, right, b'{"tel": "v2"}', None, "one"), Write(UPDATE, other, b"{}", None, "two")]
        court.world.erp.write("customers", writes)
        kind = court.world.specs["account"].kind
        with court.world.store.begin() as tx:
            rows = [(1, "one", right), (2, "two", other)] if short else []
            tx.put_intents(
                [
                    IntentRow(token, kind, link, RIGHT, "update", key, left, b"", b"", "", None, SENT, 1.0, 1.0)
                    for link, token, key in rows
                ]
            )
        court.judge.run_ended(report(created=2))
        court.world.erp.edit("customers", right, tel="v1")
        court.read(RIGHT, "account", right)
        court.write(RIGHT, "account", UPDATE, right, tel="v2")
        assert ("I7" in court.rules()) is not short


@pytest.mark.parametrize(
    ("profile", "looked", "broken"),
    [(UNGUARDED, "before", False), (UNGUARDED, "after", True), (GUARDED, "before", True)],
)
def test_i7_a_list_may_put_back_what_its_target_showed_at_the_last_look_where_nothing_guards_the_write(
    profile: str, looked: str, broken: bool
) -> None:
    with opened(profile) as court:
        deal, made = order(court, ("a", "2", "1.50"))
        (row,) = court.world.crm.get("deals", deal)["lines"]
        court.world.crm.edit("deals", deal, lines=[{**row, "quantity": "5"}])
        court.read(LEFT, "order", deal)
        court.world.crm.edit("deals", deal, lines=[{**row, "quantity": "7"}])
        if looked == "after":
            court.read(LEFT, "order", deal)
        court.world.erp.edit("orders", made, positions=positions(("a", "2", "9.00"), a=ids(court, made)["a"]))
        court.write(LEFT, "order", UPDATE, deal, lines=[{**row, "quantity": "5", "unit_price": "9.00"}])
        assert ("I7" in court.rules()) is broken
        assert bool(court.judge.verdicts.narrowed) is not broken


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


@pytest.mark.parametrize(("typed", "broken"), [("7", False), ("8", True)])
def test_i7_a_line_that_came_twice_may_have_another_name_on_the_other_side(typed: str, broken: bool) -> None:
    with opened() as court:
        deal, made = order(court, ("a", "2", "1.50"))
        (row,) = court.world.crm.get("deals", deal)["lines"]
        court.world.crm.edit("deals", deal, lines=[{**row, "quantity": "7", "unit_price": "9.00"}])
        court.judge.store_replaced()
        own = ids(court, made)["a"]
        twice = [*positions(("a", "2", "1.50"), a=own), *positions(("a", "7", "9.00"))]
        court.write(RIGHT, "order", UPDATE, made, positions=twice)
        second = court.world.erp.get("orders", made)["positions"][1]["no"]
        again = [*positions(("a", "2", "1.50"), a=own), *positions(("a", typed, "9.00"), a=second)]
        court.world.erp.edit("orders", made, positions=again)
        court.read(RIGHT, "order", made)
        last = [*positions(("a", "2", "1.50"), a=own), *positions(("a", "9", "9.00"), a=second)]
        court.write(RIGHT, "order", UPDATE, made, positions=last)
        assert ("I7" in court.rules()) is broken


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


@pytest.mark.parametrize("again", [True, False])
def test_i19_a_conflict_may_be_open_over_a_name_that_was_merged_away_and_made_again(again: bool) -> None:
    with opened(GUARDED) as court:
        left, right = company(court, "Child")
        parent, image = company(court, "Parent")
        survivor, _ = company(court, "Globex")
        court.world.crm.edit("companies", left, parent_id=parent)
        court.world.erp.edit("customers", right, group_of=image)
        court.world.crm.merge("companies", parent, survivor)
        if again:
            court.judge.store_replaced()
            court.write(LEFT, "account", CREATE, name="Parent", currency="EUR", state="customer")
        with court.world.store.begin() as tx:
            kind = court.world.specs["account"].kind
            tx.put_conflicts([ConflictRow(1, "parent", kind, "conflict", Sides(b"1" * 8, b"2" * 8), 1.0)])
        assert ("I19" in court.rules(rest=True)) is not again


@pytest.mark.parametrize("merged", [True, False])
def test_i17_references_that_a_merge_makes_lead_to_one_thing_were_on_both_sides(merged: bool) -> None:
    with opened() as court:
        deal, made = order(court)
        buyer = court.world.crm.get("deals", deal)["company_id"]
        other, image = company(court, "Globex")
        court.world.erp.edit("orders", made, customer=image)
        if merged:
            court.world.crm.merge("companies", buyer, other)
        court.world.crm.remove("deals", deal)
        court.write(RIGHT, "order", Op.DELETE, made)
        assert ("I17" in court.rules()) is not merged


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


@pytest.mark.parametrize(
    ("profile", "known", "back", "allowed"),
    [
        ("-u--", False, True, True),
        ("-uis", False, True, False),  # there a deleted record tells that it was us
        ("no-delete-feed", False, True, True),
        ("-u--", True, True, False),  # the store knows of the delete
        ("-u--", False, False, False),  # nobody had deleted its partner: the first delete was wrong, too
    ],
)
def test_i16_a_delete_that_the_store_forgot_counts_as_a_persons_where_nothing_tells_who_deletes(
    profile: str, known: bool, back: bool, allowed: bool
) -> None:
    with opened(profile) as court:
        left, right = company(court)
        if back:
            court.world.crm.remove("companies", left)
        court.write(RIGHT, "account", DELETE, right)
        if back:
            court.world.crm.restore("companies", left)
        earlier = court.rules()
        court.judge.store_replaced()
        if known:
            with court.world.store.begin() as tx:
                tx.add_tombstones(court.world.specs["account"].kind, RIGHT, [right], 1.0)
        court.write(LEFT, "account", DELETE, left)
        assert earlier == (set() if back else {"I16"})
        assert court.rules() == (set() if allowed else {"I16"})
        assert bool(court.judge.verdicts.limits) is allowed


@pytest.mark.parametrize("merged_on", [True, False])
def test_i42_a_survivor_whose_other_side_was_merged_on_is_the_image_of_a_merged_record(merged_on: bool) -> None:
    with opened() as court:
        left, right = company(court)
        other, image = company(court, "Globex")
        third, last = company(court, "Initech")
        court.world.crm.merge("companies", other, left)
        court.world.erp.merge("customers", right, image)
        if merged_on:
            court.world.erp.merge("customers", image, last)
        court.world.crm.remove("companies", third)
        court.world.erp.remove("customers", last)
        kind = court.world.specs["account"].kind
        with court.world.store.begin() as tx:
            links = [replace(link, state=LinkState.CLOSED) for link in tx.links_by_id([1, 2, 3]).values()]
            none: Sides[str | None] = Sides(None, None)
            tx.update_links([link if link.id == 3 else replace(link, keys=none) for link in links])
            tx.add_aliases(kind, LEFT, {left: 3, other: 3})
            tx.add_aliases(kind, RIGHT, {right: 3, image: 3})
        assert court.rules(rest=True) == (set() if merged_on else {"I42"})


@pytest.mark.parametrize("typed", [True, False])
def test_i7_a_reference_that_merges_gave_another_name_was_typed_by_nobody(court: Court, typed: bool) -> None:
    left, right = company(court)
    other, image = company(court, "Globex")
    third, last = company(court, "Initech")
    deal = court.world.crm.add("deals", {"name": "O1", "company_id": other, "currency": "EUR", "lines": []})
    made = court.write(RIGHT, "order", CREATE, title="O1", customer=image, cur="EUR", positions=[])
    court.link("order", deal, made)
    court.world.crm.merge("companies", other, left)
    court.world.erp.merge("customers", right, image)
    court.world.crm.edit("deals", deal, company_id=third)
    if typed:
        _, shown = company(court, "Umbrella")
        court.world.erp.edit("orders", made, customer=shown)
    else:
        court.world.erp.edit("orders", made, title="O1")
    court.write(RIGHT, "order", UPDATE, made, customer=last)
    assert ("I7" in court.rules()) is typed


@pytest.mark.parametrize("agreed", [True, False])
def test_i8_who_replaces_one_of_two_that_crosswise_merges_made_agree_replaces_both(court: Court, agreed: bool) -> None:
    left, right = company(court, phone="v1")
    other = court.world.crm.add("companies", account("Globex"))
    image = court.world.erp.add("customers", customer("Globex", tel="v1" if agreed else "v2"))
    court.link("account", other, image)
    court.world.crm.merge("companies", other, left)
    court.world.erp.merge("customers", right, image)
    with court.world.store.begin() as tx:
        one, two = tx.links_by_id([1, 2]).values()
        tx.update_links([replace(two, state=LinkState.CLOSED, keys=maybe(None, None))])
        tx.update_links([replace(one, keys=Sides(left, image))])
        tx.add_aliases(one.kind, LEFT, {other: 1})
        tx.add_aliases(one.kind, RIGHT, {right: 1})
    court.world.crm.edit("companies", left, phone="v3")
    court.write(RIGHT, "account", UPDATE, image, tel="v3")
    assert [found.rule for found in court.sentences() if "phone" in found.what] == ([] if agreed else ["I7"])


@pytest.mark.parametrize("held", [True, False])
def test_i8_what_was_merged_of_a_merged_value_holds_it(held: bool) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="a")
        court.world.erp.edit("customers", right, remarks="b")
        court.write(RIGHT, "account", UPDATE, right, remarks="a, b")  # the one to the left is lost
        court.world.crm.edit("companies", left, notes="a, c")
        if held:
            court.write(LEFT, "account", UPDATE, left, notes="a, b, c")
        court.write(RIGHT, "account", UPDATE, right, remarks="a, b, c" if held else "a, c")
        assert court.rules(rest=True) == (set() if held else {"I8"})


@pytest.mark.parametrize("late", [True, False])
def test_i8_what_is_typed_while_a_merged_value_is_on_its_way_is_no_part_of_it(late: bool) -> None:
    with opened(policy="functions") as court:
        left, right = company(court)
        court.world.crm.edit("companies", left, notes="c")
        court.write(RIGHT, "account", UPDATE, right, remarks="c")
        court.world.crm.edit("companies", left, notes="a")
        court.world.erp.edit("customers", right, remarks="b")
        write = Write(UPDATE, left, b'{"notes": "a, b"}', None, "merged")
        if late:
            court.trick(LEFT, Trick("write", "late", number=60))
            with pytest.raises(UncertainError):
                court.world.crm.write("companies", [write])
        court.world.erp.edit("customers", right, remarks="b, c")
        if late:
            court.world.clock.advance(60)
            court.read(LEFT, "account", left)
        else:
            court.world.crm.write("companies", [write])
        court.write(RIGHT, "account", UPDATE, right, remarks="a, b")
        assert ("I8" in court.rules(rest=True)) is late


@pytest.mark.parametrize(
    ("profile", "bytes_", "arrives", "limit"),
    [
        ("c-is", "other", "after the look", True),
        ("c-is", "other", "before the look", False),
        ("c-is", "same", "after the look", False),
        ("c--s", "same", "after the look", True),
        ("cuis", "other", "after the look", False),
    ],
)
def test_i9_a_create_on_its_way_while_the_store_is_replaced_is_a_limit_where_no_key_and_no_answer_tells_of_it(
    profile: str, bytes_: str, arrives: str, limit: bool
) -> None:
    with opened(profile) as court:
        court.world.crm.add("companies", account("Acme"))
        court.trick(RIGHT, Trick("write", "late", number=60))
        fields: dict[str, Any] = {"title": "Acme", "cur": "EUR", "blocked": False}
        with pytest.raises(UncertainError):
            court.write(RIGHT, "account", CREATE, None, "first", **fields)
        court.rules()
        court.judge.store_replaced()
        court.world.clock.sleep(100.0)
        if arrives == "before the look":
            court.world.erp.scan("customers", None)
        if bytes_ == "other":
            fields["tel"] = "v1"
        court.write(RIGHT, "account", CREATE, None, "second", **fields)
        assert ("I9" in court.rules()) is not limit
