"""What the judge lets pass when a value is overwritten, each with the neighbouring history that it does not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from judge_world import GUARDED, UNGUARDED, Court, company, ids, opened, order, positions, report

from connector.errors import UncertainError
from connector.model.records import Op, Write
from connector.model.rows import IntentRow, IntentState, LinkState
from connector.model.values import Side, Sides, maybe
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer, line

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
        court.read(RIGHT, "account", right)  # nothing is settled without an answer or a look
        with court.world.store.begin() as tx:
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


@pytest.mark.parametrize(
    ("profile", "lost"), [(UNGUARDED, False), (GUARDED, False), (GUARDED, True), (UNGUARDED, True)]
)
@pytest.mark.parametrize("done", [True, False])
def test_i7_a_line_comes_twice_only_while_its_base_is_lost_whatever_guards_the_write(
    profile: str, lost: bool, done: bool
) -> None:
    with opened(profile) as court:
        deal, made = order(court, ("a", "2", "1.50"))
        rows = court.world.crm.get("deals", deal)["lines"]
        if lost:
            court.judge.store_replaced()
        if done:
            court.judge.run_ended(report("orders", created=1))
        court.world.crm.edit("deals", deal, lines=[{**rows[0], "quantity": "7", "unit_price": "9.00"}])
        twice = [*positions(("a", "2", "1.50"), a=ids(court, made)["a"]), *positions(("a", "7", "9.00"))]
        court.write(RIGHT, "order", UPDATE, made, positions=twice)
        assert ("I7" in court.rules()) is not (lost and not done)


@pytest.mark.parametrize(("found_out", "broken"), [(False, False), (True, True)])
def test_i7_a_line_comes_twice_only_while_its_create_is_found_out_about(found_out: bool, broken: bool) -> None:
    with opened() as court:
        left, right = company(court, "Buyer")
        shown = [line(None, "2", "1.50", description="a")]
        deal = court.world.crm.add("deals", {"name": "O1", "company_id": left, "currency": "EUR", "lines": shown})
        body = {"title": "O1", "customer": right, "cur": "EUR", "positions": positions(("a", "2", "1.50"))}
        court.trick(RIGHT, Trick("write", "lost-after"))
        with pytest.raises(UncertainError):
            court.world.erp.write("orders", [Write(CREATE, None, msgspec.json.encode(body), None, "open")])
        (made,) = court.world.erp.live("orders")
        number, kind = court.link("order", deal, made), court.world.specs["order"].kind
        with court.world.store.begin() as tx:
            row = IntentRow("open", kind, number, RIGHT, "create", None, deal, b"", b"", "lines", None, SENT, 1.0, 1.0)
            tx.put_intents([] if found_out else [row])
        court.judge.run_ended(report("orders"))
        rows = court.world.crm.get("deals", deal)["lines"]
        court.world.crm.edit("deals", deal, lines=[{**rows[0], "quantity": "7", "unit_price": "9.00"}])
        twice = [*positions(("a", "2", "1.50"), a=ids(court, made)["a"]), *positions(("a", "7", "9.00"))]
        court.write(RIGHT, "order", UPDATE, made, positions=twice)
        assert ("I7" in court.rules()) is broken


@pytest.mark.parametrize(("price", "found"), [("1.50", set()), ("1.60", {"I6", "I21"})])
def test_i21_the_money_of_lines_that_nothing_tells_apart_is_judged(price: str, found: set[str]) -> None:
    with opened() as court:
        deal, made = order(court, ("a", "2", "1.50"))
        (row,) = court.world.crm.get("deals", deal)["lines"]
        changed = {**row, "quantity": "7", "unit_price": "9.00"}
        court.world.crm.edit("deals", deal, lines=[changed])
        court.judge.store_replaced()
        twice = [*positions(("a", "2", "1.50"), a=ids(court, made)["a"]), *positions(("a", "7", "9.00"))]
        court.write(RIGHT, "order", UPDATE, made, positions=twice)
        again = line(None, "2", price, description="a")
        court.write(LEFT, "order", UPDATE, deal, lines=[changed, again])
        rules = {finding.rule for finding in court.sentences()}
        assert {"I6", "I21"} & rules == found


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


@pytest.mark.parametrize("noted", ["both", "no base", "newer", ""])
def test_i7_what_an_old_read_agreed_with_stays_agreed_when_its_run_died_if_it_was_noted_before(noted: str) -> None:
    with opened("lagging") as court:
        right = court.world.erp.add("customers", customer("Acme", tel="v1"))
        court.read(RIGHT, "account", right)
        old = court.world.erp.version("customers", right)
        court.world.erp.edit("customers", right, tel="v2")
        left = court.world.crm.add("companies", account("Acme", phone="v1"))
        court.read(LEFT, "account", left)
        court.link("account", left, right)
        if noted:
            seen = court.world.erp.version("customers", right) if noted == "newer" else old
            versions = maybe(court.world.crm.version("companies", left), seen)
            court.note("account", left, versions, None if noted == "no base" else b"\x01\x00")
        court.judge.run_ended(UncertainError("it died"))
        court.read(RIGHT, "account", right)
        court.write(LEFT, "account", UPDATE, left, phone="v2")
        assert ("I7" in court.rules()) is (noted != "both")


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


@pytest.mark.parametrize("typed", [True, False])
def test_i8_who_replaces_a_reference_is_known_where_merges_make_a_third_like_both(court: Court, typed: bool) -> None:
    left, right = company(court)
    other, image = company(court, "Globex")
    third, last = company(court, "Initech")
    deal = court.world.crm.add("deals", {"name": "O1", "company_id": other, "currency": "EUR", "lines": []})
    made = court.write(RIGHT, "order", CREATE, title="O1", customer=image, cur="EUR", positions=[])
    court.link("order", deal, made)
    court.world.crm.edit("deals", deal, company_id=left)
    court.world.erp.merge("customers", image, right)
    court.world.crm.merge("companies", other, third)
    if typed:
        court.world.crm.edit("deals", deal, company_id=third)
    else:
        court.write(LEFT, "order", UPDATE, deal, company_id=third)
    court.write(RIGHT, "order", UPDATE, made, customer=last)
    assert ("I8" in court.rules(rest=True)) is not typed


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
