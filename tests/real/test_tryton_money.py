"""How money moves in Tryton, and what of it a sync gets to see."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from .test_tryton_answers import amount, read, sale
from .tryton.person import Person, PersonError
from .tryton.server import Tryton, coded
from .tryton_subject import RealClock, build, place_of


@pytest.fixture
def person(tryton: Tryton) -> Person:
    return Person(tryton)


def invoiced(tryton: Tryton, person: Person, reference: str) -> tuple[int, int, int]:
    """Sale, its posted invoice of 44.62, and the party that owes it."""
    made = sale(tryton, reference)
    for action in ("quote", "confirm"):
        assert tryton.ask("POST", f"model/sale.sale/{made['id']}/{action}?f=id", {})[0] == 200
    (invoice,) = read(tryton, "sale.sale", made["id"], "invoices")["invoices"]
    person.post(invoice)
    return made["id"], invoice, made["party"]


def owed(tryton: Tryton, party: int) -> Decimal:
    return Decimal(read(tryton, "party.party", party, "receivable")["receivable"]["decimal"])


def payments(tryton: Tryton, invoice: int) -> list[dict[str, Any]]:
    """As mappings/tryton/payment.yaml has them: moves of cash journals that come from the invoice."""
    domain = [["origin", "=", f"account.invoice,{invoice}"], ["journal.type", "=", "cash"]]
    order = coded([["id", "ASC"]])
    status, found = tryton.ask("GET", f"model/account.move?f=description&f=date&d={coded(domain)}&o={order}")
    assert status == 200, found
    assert isinstance(found, list)
    return found


def test_a_balance_moves_while_its_party_does_not(tryton: Tryton, person: Person) -> None:
    _, invoice, party = invoiced(tryton, person, "BALANCE")
    stamp = read(tryton, "party.party", party, "last_modified_at")
    person.pay(invoice, Decimal("20.00"), "first part")
    assert owed(tryton, party) == Decimal("24.62")
    person.pay(invoice, Decimal("24.62"), "the rest")
    assert owed(tryton, party) == 0
    assert read(tryton, "party.party", party, "last_modified_at") == stamp


def test_a_part_paid_moves_the_invoice_and_only_the_whole_its_sale(tryton: Tryton, person: Person) -> None:
    number, invoice, _ = invoiced(tryton, person, "PARTS")
    sale_before = read(tryton, "sale.sale", number, "last_modified_at")
    invoice_before = read(tryton, "account.invoice", invoice, "last_modified_at")
    person.pay(invoice, Decimal("20.00"), "first part")
    assert read(tryton, "sale.sale", number, "last_modified_at") == sale_before
    assert read(tryton, "account.invoice", invoice, "last_modified_at") != invoice_before
    person.pay(invoice, Decimal("24.62"), "the rest")
    assert read(tryton, "account.invoice", invoice, "state")["state"] == "paid"
    after = read(tryton, "sale.sale", number, "state", "last_modified_at")
    assert (after["state"], after["last_modified_at"] != sale_before["last_modified_at"]) == ("done", True)


def test_a_payment_is_found_by_what_was_typed_and_the_invoice_it_paid(tryton: Tryton, person: Person) -> None:
    _, invoice, _ = invoiced(tryton, person, "FOUND")
    person.pay(invoice, Decimal("20.00"), "PAY-1")
    person.pay(invoice, Decimal("24.62"), "PAY-2")
    assert [payment["description"] for payment in payments(tryton, invoice)] == ["PAY-1", "PAY-2"]


def test_open_receivable_lines_add_up_to_what_a_party_owes(tryton: Tryton, person: Person) -> None:
    _, invoice, party = invoiced(tryton, person, "LINES")
    person.pay(invoice, Decimal("20.00"), "part")
    domain = [["party", "=", party], ["account.type.receivable", "=", True], ["reconciliation", "=", None]]
    _, lines = tryton.ask("GET", f"model/account.move.line?f=debit&f=credit&d={coded(domain)}")
    figures = [Decimal(line["debit"]["decimal"]) - Decimal(line["credit"]["decimal"]) for line in lines]
    assert sum(figures) == owed(tryton, party) == Decimal("24.62")


def test_an_invoice_that_falls_due_is_told_of_on_the_new_day_although_nothing_moved(
    tryton: Tryton, person: Person
) -> None:
    clock = RealClock()
    adapter = build(place_of(tryton), tryton.url, clock, look_back=0)
    cursor = told(adapter, None)[1]
    _, invoice, party = invoiced(tryton, person, "DUE")
    person.pay(invoice, Decimal("20.00"), "part")
    shown, cursor = told(adapter, cursor)
    assert (shown[str(party)]["open"], shown[str(party)]["overdue"]) == ("24.62", "0")
    clock.ahead = 90 * 86400.0
    shown, cursor = told(adapter, cursor)
    assert (shown[str(party)]["open"], shown[str(party)]["overdue"]) == ("24.62", "24.62")
    assert len(told(adapter, cursor)[0]) <= 1, "the newest line alone is looked at again"
    adapter.close()


def told(adapter: Any, cursor: str | None) -> tuple[dict[str, Any], str]:
    """The balances that one walk tells of, and where the next one starts."""
    shown: dict[str, Any] = {}
    while True:
        page = adapter.changes("party.balance", cursor)
        shown |= {record.key: record.fields for record in page.records}
        cursor = page.cursor
        if not page.more:
            return shown, cursor


def test_too_much_is_taken_and_nothing_more_after_it(tryton: Tryton, person: Person) -> None:
    _, invoice, party = invoiced(tryton, person, "TOO-MUCH")
    person.pay(invoice, Decimal("50.00"), "rounded up")
    assert owed(tryton, party) == Decimal("-5.38")
    assert len(payments(tryton, invoice)) == 1
    with pytest.raises(PersonError, match="overpay"):
        person.pay(invoice, Decimal("1.00"), "again")


def test_a_credit_note_is_no_payment_and_leaves_nothing_owed(tryton: Tryton, person: Person) -> None:
    _, invoice, party = invoiced(tryton, person, "CREDIT")
    person.credit(invoice)
    assert owed(tryton, party) == 0
    assert payments(tryton, invoice) == []
    assert read(tryton, "account.invoice", invoice, "state")["state"] == "cancelled"
    domain = coded([["party", "=", party], ["state", "=", "paid"]])
    (note,) = tryton.ask("GET", f"model/account.invoice?f=total_amount&d={domain}")[1]
    assert note["total_amount"] == amount("-44.62")
