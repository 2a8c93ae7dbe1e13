"""What the judge allows is as narrow as the case: each allowance with the history next to it that is a finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from judge_world import GUARDED, Court, company, opened, order

from connector.errors import UncertainError
from connector.merge.rules import Drift, Flow
from connector.model.records import Op, Write
from connector.model.rows import ConflictRow, HintRow, IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE, SENT = Op.CREATE, Op.UPDATE, Op.DELETE, IntentState.SENT


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


@pytest.mark.parametrize(("name", "broken"), [("Acme", False), ("Globex", False), ("Initech", True)])
def test_i10_what_is_made_after_merges_that_crossed_goes_by_their_one_name(
    court: Court, name: str, broken: bool
) -> None:
    left, right = company(court)
    other, image = company(court, "Globex")
    court.world.crm.merge("companies", other, left)
    court.world.erp.merge("customers", right, image)
    made = court.write(LEFT, "account", CREATE, name=name, currency="EUR", state="customer")
    with court.world.store.begin() as tx:
        links = tx.links_by_id([1, 2])
        tx.update_links([replace(link, state=LinkState.CLOSED, keys=maybe(None, None)) for link in links.values()])
    court.link("account", made, image)
    assert ("I10" in court.rules(rest=True)) is broken


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
            made = court.write(LEFT, "account", CREATE, name="Parent", currency="EUR", state="customer")
            with court.world.store.begin() as tx:
                tx.update_links([replace(tx.links_by_id([2])[2], keys=Sides(made, image))])
        _put_conflict(court)
        assert ("I19" in court.rules(rest=True)) is not again


@pytest.mark.parametrize(("profile", "told"), [(GUARDED, True), ("no-delete-feed", False)])
def test_i19_a_conflict_may_be_open_over_a_merge_that_its_system_does_not_tell(profile: str, told: bool) -> None:
    with opened(profile) as court:
        left, right = company(court, "Child")
        parent, _ = company(court, "Parent")
        survivor, image = company(court, "Globex")
        court.world.crm.edit("companies", left, parent_id=parent)
        court.world.erp.edit("customers", right, group_of=image)
        court.world.crm.merge("companies", parent, survivor)
        _put_conflict(court)
        assert ("I19" in court.rules(rest=True)) is told


@pytest.mark.parametrize("crosswise", [True, False])
def test_i19_a_conflict_may_be_open_over_two_pairs_of_a_name(crosswise: bool) -> None:
    with opened(GUARDED) as court:
        left, right = company(court, "Child")
        parent, image = company(court, "Parent")
        _, other = company(court, "Parent")
        court.world.crm.edit("companies", left, parent_id=parent)
        court.world.erp.edit("customers", right, group_of=other if crosswise else image)
        _put_conflict(court)
        assert ("I19" in court.rules(rest=True)) is not crosswise


@pytest.mark.parametrize(("profile", "told"), [(GUARDED, True), ("no-delete-feed", False)])
def test_i19_a_conflict_may_be_open_over_merges_that_crossed_and_nobody_told(profile: str, told: bool) -> None:
    with opened(profile) as court:
        left, right = company(court, "Child")
        parent, image = company(court, "Parent")
        other, kept = company(court, "Globex")
        court.world.crm.edit("companies", left, parent_id=other)
        court.world.erp.edit("customers", right, group_of=image)
        court.world.crm.merge("companies", parent, other)
        court.world.erp.merge("customers", kept, image)
        _put_conflict(court)
        assert ("I19" in court.rules(rest=True)) is told


@pytest.mark.parametrize("linked", [True, False])
def test_i19_a_conflict_may_be_open_over_one_of_two_of_a_name_while_they_are_in_two_links(linked: bool) -> None:
    with opened(GUARDED) as court:
        left, right = company(court, "Child")
        _, image = company(court, "Parent")
        survivor, _ = company(court, "Globex")
        twin = court.world.crm.add("companies", account("Parent"))
        court.world.crm.edit("companies", left, parent_id=survivor)
        court.world.erp.edit("customers", right, group_of=image)
        court.world.crm.merge("companies", twin, survivor)
        kind = court.world.specs["account"].kind
        if linked:
            with court.world.store.begin() as tx:
                parent = tx.links_by_id([2])[2]
                tx.update_links([replace(parent, state=LinkState.CLOSED, keys=maybe(None, None))])
                tx.add_aliases(kind, RIGHT, {image: 3})
        _put_conflict(court)
        assert ("I19" in court.rules(rest=True)) is linked


def _put_conflict(court: Court) -> None:
    """The first account's parent is in conflict."""
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        tx.put_conflicts([ConflictRow(1, "parent", kind, "conflict", Sides(b"1" * 8, b"2" * 8), 1.0)])


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


@pytest.mark.parametrize(
    ("profile", "reason", "partner", "another", "allowed"),
    [
        ("no-delete-feed", "its partner is missing", "missing", False, True),
        ("no-delete-feed", "an old version was read of its partner", "missing", False, False),  # which is not so
        ("no-delete-feed", "its partner is missing", None, False, False),  # nobody looks for it any more
        ("no-delete-feed", "its partner is missing", "missing", True, False),  # the other one can be read: it is gone
        (GUARDED, "its partner is missing", "missing", False, False),  # there a feed tells of deletes
    ],
)
def test_i44_a_record_may_wait_for_one_that_is_missing_where_nothing_can_tell_that_it_was_deleted(
    profile: str, reason: str, partner: str | None, another: bool, allowed: bool
) -> None:
    with opened(profile) as court:
        right = court.world.erp.add("customers", customer("Acme"))
        court.read(RIGHT, "account", right)
        left = court.write(LEFT, "account", CREATE, name="Acme", currency="EUR", state="customer")
        court.world.erp.remove("customers", right)
        if another:
            company(court, "Globex")
        kind, now = court.world.specs["account"].kind, court.world.clock.now()
        told = [(LEFT, left, reason), (RIGHT, right, partner)]
        with court.world.store.begin() as tx:
            tx.put_hints([HintRow(kind, s, k, None, why, now + 900, first=now) for s, k, why in told if why])
        assert court.rules(rest=True) == (set() if allowed else {"I44"})
        assert bool(court.judge.verdicts.limits) is allowed


@pytest.mark.parametrize("times", [1, 2])
def test_i9_what_is_left_of_two_merged_crosswise_is_not_what_a_lost_create_made(times: int) -> None:
    with opened("-u--") as court:
        left, other = (court.world.crm.add("companies", account(name)) for name in ("Acme", "Globex"))
        court.trick(RIGHT, Trick("write", "short"))
        bodies = [{"title": name, "cur": "EUR", "blocked": False} for name in ("Acme", "Globex")]
        writes = [Write(CREATE, None, msgspec.json.encode(body), None, str(body["title"])) for body in bodies]
        court.world.erp.write("customers", writes)
        first, second = sorted(court.world.erp.live("customers"))
        court.world.crm.merge("companies", other, left)
        court.world.erp.merge("customers", first, second)
        for _ in range(times):
            court.write(RIGHT, "account", CREATE, None, "Acme", **bodies[0])
        assert court.rules() == (set() if times == 1 else {"I9"})
        assert court.judge.verdicts.limits


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
