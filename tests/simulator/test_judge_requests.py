"""What the judge allows where a request meets what its sender had not seen: each with the history that is a finding."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from judge_world import NOTHING, UNGUARDED, Court, company, opened, order, report

from connector.errors import ConnectorError
from connector.model.records import Op, Write
from connector.model.rows import IntentRow, IntentState, LinkState
from connector.model.values import Side
from connector.testing.simulator.systems import Trick
from connector.testing.world import account, customer

LEFT, RIGHT = Side.LEFT, Side.RIGHT
CREATE, UPDATE = Op.CREATE, Op.UPDATE


@pytest.fixture
def court() -> Iterator[Court]:
    with opened() as made:
        yield made


@pytest.mark.parametrize("looked", [True, False])
def test_i24_a_reference_typed_after_the_last_look_is_not_cleared_for_being_unknown(looked: bool) -> None:
    with opened(UNGUARDED) as court:
        parent = company(court, "Parent")
        left, right = company(court, "Child")
        court.read(RIGHT, "account", right)
        court.world.erp.edit("customers", right, group_of=parent[1])
        if looked:
            court.read(RIGHT, "account", right)
        court.world.crm.edit("companies", left, phone="v2")
        court.write(RIGHT, "account", UPDATE, right, group_of=None, tel="v2")
        assert ("I24" in court.rules()) is looked


@pytest.mark.parametrize("linked", [True, False])
def test_i23_a_late_request_is_judged_by_what_was_linked_when_it_was_sent(court: Court, linked: bool) -> None:
    left = court.world.crm.add("companies", account("Buyer"))
    right = court.write(RIGHT, "account", CREATE, title="Buyer", cur="EUR", blocked=False)
    court.world.crm.add("deals", {"name": "O1", "company_id": left, "currency": "EUR"})
    number = court.link("account", None, right, LinkState.HALF) if linked else 0
    court.trick(RIGHT, Trick("write", "late"))
    body = msgspec.json.encode({"title": "O1", "customer": right, "cur": "EUR"})
    with pytest.raises(ConnectorError):
        court.world.erp.write("orders", [Write(CREATE, None, body, None, "late")])
    if linked:
        with court.world.store.begin() as tx:
            tx.drop_links([number])  # as an older store would
    else:
        court.link("account", left, right)
    court.world.clock.sleep(2.0)
    court.read(RIGHT, "account", right)
    assert court.judge.ledger.of(RIGHT, "order")
    assert ("I23" in court.rules()) is not linked


@pytest.mark.parametrize(("seconds", "broken"), [(100.0, set()), (30.0, {"row 7"})])
def test_row_7_what_another_process_sends_first_is_judged_by_what_it_was_planned_on(
    seconds: float, broken: set[str]
) -> None:
    with opened(policy="newest") as court:
        left, right = company(court, phone="v1")
        court.world.crm.edit("companies", left, phone="v2")
        court.world.clock.advance(seconds)
        court.world.erp.edit("customers", right, tel="v3")
        court.read(LEFT, "account", left)
        court.read(RIGHT, "account", right)
        court.lose(LEFT, "account", left, "phone", {"phone": "v2"})
        court.judge.ledger.process = "another"
        court.write(LEFT, "account", UPDATE, left, version=court.world.crm.version("companies", left), phone="v3")
        assert court.rules() == broken


@pytest.mark.parametrize("looked", [True, False])
def test_i7_the_journal_names_a_line_as_it_was_at_the_last_look(looked: bool) -> None:
    with opened(UNGUARDED) as court:
        _, made = order(court, ("a", "2", "1.50"))
        (row,) = court.world.erp.get("orders", made)["positions"]
        court.world.erp.edit("orders", made, positions=[{**row, "qty": "9"}])
        shown = "description a, quantity 9, unit_price 1.50 EUR"
        court.read(RIGHT, "order", made)
        court.lose(RIGHT, "order", made, "lines", {"lines": shown})
        court.world.erp.edit("orders", made, positions=[{**row, "qty": "9", "price": "4"}])
        if looked:
            court.read(RIGHT, "order", made)
        court.write(RIGHT, "order", UPDATE, made, positions=[row])
        assert ("I7" in court.rules()) is looked


@pytest.mark.parametrize(
    ("history", "broken"),
    [
        (("look", "note", "end"), set()),
        (("look", "note", "end", "told", "over"), set()),
        (("look", "end", "told", "over"), {"I9"}),
        (("end", "look", "note"), {"I9"}),
        (("look", "end"), set()),
        (("look", "end", "told"), {"I9"}),
        (("end", "look"), {"I9"}),
        (("end", "read"), {"I9"}),
        (("look", "lost", "end"), set()),
        (("look", "lost", "end", "told", "over"), set()),
        (("look", "end", "told", "lost"), {"I9"}),
        (("end", "look", "lost"), {"I9"}),
        (("look", "refused", "look", "end"), set()),
        (("look", "refused", "look", "end", "told"), {"I9"}),
        (("look", "refused", "end", "look"), {"I9"}),
        (("look", "note", "refused", "look", "end", "told"), {"I9"}),
    ],
)
def test_i9_the_image_of_a_double_is_made_though_the_double_has_ended_since_it_was_planned(
    history: tuple[str, ...], broken: set[str]
) -> None:
    """Note: the run that planned the create noted it, and died. Told: an answer says that the double has ended.

    Lost, refused: a run sends the create, to no answer or to a refusal, and ends; nothing was made.
    """
    with opened(NOTHING) as court:
        court.world.erp.add("customers", customer("Acme", vat_number=None))
        double = court.write(LEFT, "account", CREATE, lost=True, name="Acme", currency="EUR", state="customer")
        cursor = court.world.crm.changes("companies", None).cursor
        court.judge.run_ended(report())
        for step in history:
            if step in ("look", "told"):
                court.world.crm.changes("companies", cursor)
            elif step == "end":
                court.world.crm.remove("companies", double)
            elif step == "read":
                court.read(LEFT, "account", double)
            else:
                _run_ends(court, double, step)
        court.write(RIGHT, "account", CREATE, None, "t", title="Acme", cur="EUR", blocked=False)
        assert court.rules() == broken


def _run_ends(court: Court, source: str, how: str) -> None:
    """The run that is going on ends, with a create of that source noted, sent without success, or not at all."""
    if how in ("lost", "refused"):
        court.trick(RIGHT, Trick("write", f"some-{how}"))
        body = msgspec.json.encode({"title": "Acme", "cur": "EUR", "blocked": False})
        court.world.erp.write("customers", [Write(CREATE, None, body, None, "t")])
    if how in ("lost", "note"):
        kind = court.world.specs["account"].kind
        half = court.link("account", source, None, LinkState.HALF)
        row = IntentRow("t", kind, half, RIGHT, "create", None, source, b"", b"", "", None, IntentState.SENT, 1, 1)
        with court.world.store.begin() as tx:
            tx.put_intents([row])
    court.judge.run_ended(ConnectorError("it died") if how == "note" else report())
