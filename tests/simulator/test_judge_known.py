"""The judge of what a run could know (I9, I15, I41) and says it did: a history it must flag beside one it must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from judge_world import GUARDED, NOTHING, Court, company, opened, report

from connector.errors import ConnectorError, UncertainError
from connector.model.records import Key, Op, Page, Write
from connector.model.rows import IntentRow, IntentState, LinkState
from connector.model.values import Side
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.simulation import Simulation
from connector.testing.simulator.systems import Trick
from connector.testing.world import World, account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE, DELETE = Op.CREATE, Op.UPDATE, Op.DELETE
SENT = IntentState.SENT


def pages(court: Court, side: Side, most: int = 99, entity: str = "account", *, after: str | None = None) -> str | None:
    """The connector reads so many pages of a feed, from the first one on or after a cursor; the cursor it gets to."""
    cursor, more = after, True
    while more and most:
        page = court.system(side).changes(court.object(entity, side), cursor)
        cursor, more, most = page.cursor, page.more, most - 1
    return cursor


def image(court: Court, name: str, token: str | None = None, *, lost: bool = False, **fields: Any) -> Key:
    shown = {"title": name, "cur": "EUR", "blocked": False, **fields}
    return court.write(RIGHT, "account", CREATE, None, token, lost=lost, **shown)


# -------------------------------------------------------------------------------------------------- I41


@pytest.mark.parametrize(("left", "right", "right_"), [(99, 99, True), (1, 99, False), (99, 1, False), (99, 0, False)])
def test_i41_nothing_is_created_before_both_systems_were_read_to_the_last_page(
    left: int, right: int, right_: bool
) -> None:
    with opened("small", listed=False) as court:
        for number in range(3):
            court.world.crm.add("companies", account(f"L{number}"))
            court.world.erp.add("customers", customer(f"R{number}"))
        pages(court, LEFT, left)
        pages(court, RIGHT, right)
        image(court, "L0")
        assert court.rules() == (set() if right_ else {"I41"})


def _plan(court: Court) -> None:
    court.judge.plan_ended()


def _dead(court: Court) -> None:
    court.judge.run_ended(ConnectorError("it failed"))


def _kept(court: Court) -> None:
    with court.world.store.begin() as tx:
        for side in Side:
            tx.set_cursor(court.world.specs["account"].kind, side, "1")
    court.judge.run_ended(report())


def _lost(court: Court) -> None:
    _kept(court)
    with court.world.store.begin() as tx:
        for side in Side:
            tx.set_cursor(court.world.specs["account"].kind, side, None)
    court.judge.store_replaced()


def _lost_and_found(court: Court) -> None:
    _lost(court)
    _kept(court)
    court.judge.store_replaced()


@pytest.mark.parametrize(
    ("ended", "broken"), [(_plan, True), (_dead, True), (_kept, False), (_lost, True), (_lost_and_found, False)]
)
def test_i41_what_a_run_read_is_known_to_the_next_as_far_as_the_store_says_so(
    ended: Callable[[Court], None], broken: bool
) -> None:
    with opened(listed=False) as court:
        court.world.crm.add("companies", account("Acme"))
        court.world.erp.add("customers", customer("Globex"))
        for side in Side:
            pages(court, side)
        ended(court)
        image(court, "Acme")
        assert ("I41" in court.rules()) is broken


@pytest.mark.parametrize(("most", "broken"), [(99, False), (1, True)])
def test_i41_a_run_that_has_a_cursor_from_another_that_is_not_over_knows_what_that_one_listed(
    most: int, broken: bool
) -> None:
    """It wrote down its cursors, and sleeps before it gives back its lease; or it wrote down those of a first page."""
    with opened("small", listed=False) as court:
        for number in range(3):
            court.world.crm.add("companies", account(f"L{number}"))
            court.world.erp.add("customers", customer(f"R{number}"))
        court.judge.process = "sleeps"
        cursors = {side: pages(court, side, most) for side in Side}
        court.judge.process = "goes on"
        for side, cursor in cursors.items():
            pages(court, side, after=cursor)
        image(court, "L0")
        assert ("I41" in court.rules()) is broken


def test_i41_an_engine_that_takes_the_first_page_for_all_is_found_out() -> None:
    sim = Simulation(PROFILES["small"], POLICIES["crm-wins"])
    for system in sim.systems.values():
        system.changes = _first_page(system.changes)  # type: ignore[method-assign, assignment]
    try:
        sim.play(
            [f"add crm account N{number} phone=a{number}" for number in range(6)]
            + [f"add erp account N{5 - number} phone=b{number}" for number in range(6)]
            + ["sync account", "wait 10"]
        )
    finally:
        sim.close()
    assert {"I9", "I41"} <= {rule for rule, _ in sim.findings}


def _first_page(changes: Callable[[str, str | None], Page]) -> Callable[[str, str | None], Page]:
    return lambda object_, cursor: replace(changes(object_, cursor), more=False)


# -------------------------------------------------------------------------------------------------- I9


@pytest.mark.parametrize(
    ("profile", "hidden", "late", "age", "broken"),
    [
        (GUARDED, False, False, 1.0, True),
        (GUARDED, True, False, 1.0, False),
        (GUARDED, False, True, 1.0, False),
        ("lagging", False, False, 100.0, False),
        ("lagging", False, False, 300.0, True),
    ],
)
def test_i9_what_was_there_to_be_read_is_linked_and_not_created_whether_it_was_read_or_not(
    profile: str, hidden: bool, late: bool, age: float, broken: bool
) -> None:
    """Not what a system hides or lists late, nor what came after the run had begun to read."""
    with opened(profile) as court:
        court.world.crm.add("companies", account("Acme", tax_id="T1"))
        if late:
            court.system(RIGHT).changes("customers", "0")
        typed = court.world.erp.add("customers", customer("Acme", vat_number="T1"))
        court.world.clock.advance(age)
        if hidden:
            court.system(RIGHT).hidden[typed] = court.world.clock.now() + 500  # type: ignore[attr-defined]
        court.system(RIGHT).changes("customers", "1")  # what comes after it
        image(court, "Acme", vat_number="T1")
        assert court.rules() == ({"I9"} if broken else set())


# -------------------------------------------------------------------------------------------------- I9, I15


@pytest.mark.parametrize("linked", [True, False])
def test_i15_a_create_whose_answer_was_lost_is_known_once_a_link_names_what_it_made(court: Court, linked: bool) -> None:
    left = court.world.crm.add("companies", account("Acme"))
    made = image(court, "Acme", "t", lost=True)
    if linked:
        court.link("account", left, made)
    court.rules()
    court.world.erp.remove("customers", made)
    image(court, "Acme", "u")
    assert court.rules() == ({"I15"} if linked else set())
    assert {finding.rule for finding in court.judge.verdicts.limits} == (set() if linked else {"I15"})


def test_i15_a_key_sent_again_long_after_it_was_answered_makes_nothing_again() -> None:
    with opened(NOTHING) as court:
        left = court.world.crm.add("companies", account("Acme"))
        image(court, "Acme", "t", lost=True)
        made = image(court, "Acme", "t")
        court.link("account", left, made)
        court.rules()
        for key in list(court.world.erp.live("customers")):
            court.world.erp.remove("customers", key)
        image(court, "Acme", "t")
        assert "I15" in court.rules()


@pytest.mark.parametrize("before", [True, False])
def test_i15_an_older_store_excuses_only_what_it_does_not_know(court: Court, before: bool) -> None:
    if before:
        court.judge.store_replaced()
    left = court.world.crm.add("companies", account("Acme"))
    made = image(court, "Acme")
    if before:
        court.link("account", left, made)
        court.rules()
    else:
        court.judge.store_replaced()
    court.world.erp.remove("customers", made)
    image(court, "Acme")
    assert court.rules() == ({"I15"} if before else set())


@pytest.mark.parametrize("whole", [True, False])
def test_i15_a_key_that_leads_to_a_survivor_tells_what_it_was_made_of_only_where_that_leads_on_with_it(
    court: Court, whole: bool
) -> None:
    """Of a record that no link ever knew its system tells the same: that it was merged."""
    _, survivor = company(court, "Globex")
    left = court.world.crm.add("companies", account("Acme"))
    made = image(court, "Acme")
    court.judge.store_replaced()
    court.world.erp.merge("customers", made, survivor)
    kind = court.world.specs["account"].kind
    with court.world.store.begin() as tx:
        link = tx.links_by_key(kind, RIGHT, [survivor])[survivor].id
        tx.add_aliases(kind, RIGHT, {made: link})
        if whole:
            tx.add_aliases(kind, LEFT, {left: link})
    image(court, "Acme")
    assert court.rules() == ({"I15"} if whole else set())


def test_i9_one_double_that_could_not_be_avoided_excuses_no_other() -> None:
    with opened(NOTHING) as court:
        left = court.world.crm.add("companies", account("Acme", tax_id=None))
        image(court, "Acme", "t", lost=True)
        second = image(court, "Acme", "t")
        court.link("account", left, second)
        assert court.rules() == set()
        court.judge.run_ended(report(created=1))
        court.write(LEFT, "account", CREATE, None, "a", name="Acme", currency="EUR", state="customer")
        court.write(LEFT, "account", CREATE, None, "b", name="Acme", currency="EUR", state="customer")
        assert len(court.judge.verdicts.limits) == 2  # the double, and its image
        assert court.rules() == {"I9"}


# -------------------------------------------------------------------------------------------------- counts, I2


def test_i2_a_write_sent_again_at_rest_counts(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = company(court)
    court.world.crm.edit("companies", left, phone="1")
    court.write(RIGHT, "account", UPDATE, right, "t", tel="1")

    def again(world: World, entity: str, **options: Any) -> Any:
        if entity == "account":
            court.write(RIGHT, "account", UPDATE, right, "t", tel="1")
        return report()

    monkeypatch.setattr(World, "plan", lambda world, entity: [])
    monkeypatch.setattr(World, "sync", again)
    assert "a run at rest wrote to a system" in {finding.what for finding in court.judge.at_rest()}


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ({"created": 1, "updated": 1, "deleted": 1}, False),
        ({"created": 2, "updated": 1, "deleted": 1}, True),
        ({"created": 0, "updated": 2, "deleted": 1}, True),
        ({"created": 1, "updated": 0, "deleted": 1}, True),
        ({"created": 1, "updated": 1, "deleted": 0}, True),
        ({"created": 1, "updated": 1, "deleted": 2}, True),
    ],
)
def test_a_run_says_what_it_did_no_less_and_no_more(court: Court, told: dict[str, int], broken: bool) -> None:
    pairs = [company(court, name) for name in ("Globex", "Initech")]
    court.judge.run_ended(report(read=2, created=2))
    court.world.crm.add("companies", account("Acme"))
    image(court, "Acme")
    court.world.crm.edit("companies", pairs[0][0], phone="1")
    court.write(RIGHT, "account", UPDATE, pairs[0][1], tel="1")
    court.world.crm.remove("companies", pairs[1][0])
    court.read(LEFT, "account", pairs[1][0])
    court.write(RIGHT, "account", DELETE, pairs[1][1])
    read = told["created"] + told["updated"]
    found = {finding.rule for finding in court.judge.run_ended(report(read=read, **told))}
    assert found == ({"counts"} if broken else set())


@pytest.mark.parametrize(
    ("first", "edited", "told", "broken"),
    [
        ("some-refused", True, {"created": 1}, False),
        ("some-refused", False, {}, True),
        ("some-lost", False, {}, False),
        ("some-lost", True, {}, True),
        ("some-lost", True, {"recovered": 1, "updated": 1}, False),
    ],
)
def test_what_is_written_to_a_record_after_its_create_is_reported_with_it(
    court: Court, first: str, edited: bool, told: dict[str, int], broken: bool
) -> None:
    """A create that was refused is sent again with the key it had; one that was open is not reported as created."""
    left = court.world.crm.add("companies", account("Acme"))
    body = {"title": "Acme", "cur": "EUR", "blocked": False}
    court.trick(RIGHT, Trick("write", first, number=1))
    court.world.erp.write("customers", [Write(CREATE, None, msgspec.json.encode(body), None, "t")])
    if first == "some-lost":
        kind, number = court.world.specs["account"].kind, court.link("account", left, None, LinkState.HALF)
        with court.world.store.begin() as tx:
            tx.put_intents([IntentRow("t", kind, number, RIGHT, "create", None, left, b"", b"", "", None, SENT, 1, 1)])
    court.judge.run_ended(report(status="partly", read=1, failed=1))
    made = image(court, "Acme", "t")
    if edited:
        court.write(RIGHT, "account", UPDATE, made, tel="1")
    read = told.get("created", 0) + told.get("updated", 0)
    found = court.judge.run_ended(report(read=read, **told))
    assert ("counts" in {finding.rule for finding in found}) is broken


@pytest.mark.parametrize("answered", [True, False])
def test_what_is_written_to_a_record_that_a_create_was_answered_with_is_reported_with_it(
    court: Court, answered: bool
) -> None:
    """A store that was put back knows nothing of the record, and makes it again: its key leads to the one there is."""
    court.world.crm.add("companies", account("Acme"))
    made = image(court, "Acme", "t")
    court.judge.run_ended(report(read=1, created=1))
    court.judge.store_replaced()
    if answered:
        assert image(court, "Acme", "t") == made
    court.write(RIGHT, "account", UPDATE, made, tel="1")
    found = court.judge.run_ended(report(read=1, **({"created": 1} if answered else {"unchanged": 1})))
    assert ("counts" in {finding.rule for finding in found}) is not answered


@pytest.mark.parametrize("noted", [True, False])
def test_what_was_open_when_a_run_began_another_may_report_as_recovered(court: Court, noted: bool) -> None:
    """A delete that this run was the first to send is its own to report, whoever learns what became of it."""
    left, right = company(court)
    court.judge.run_ended(report(created=1))
    court.world.crm.remove("companies", left)
    court.read(LEFT, "account", left)
    kind, delete = court.world.specs["account"].kind, [Write(DELETE, right, b"", None, "t")]
    if noted:
        court.trick(RIGHT, Trick("write", "lost-before"))
        with pytest.raises(UncertainError):
            court.world.erp.write("customers", delete)
        with court.world.store.begin() as tx:
            tx.put_intents([IntentRow("t", kind, 1, RIGHT, "delete", right, left, b"", b"", "", None, SENT, 1, 1)])
        court.judge.run_ended(report(status="partly", read=1, failed=1))
    court.judge.run_begins()
    court.trick(RIGHT, Trick("write", "lost-after"))
    with pytest.raises(UncertainError):
        court.world.erp.write("customers", delete)
    court.judge.process = "another"
    court.judge.run_begins()
    with court.world.store.begin() as tx:
        tx.drop_intents(["t"])
    assert court.judge.run_ended(report(recovered=1)) == []
    court.judge.process = ""
    found = {finding.rule for finding in court.judge.run_ended(report())}
    assert found == (set() if noted else {"counts"})
