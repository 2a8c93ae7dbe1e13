"""What people do day by day in both systems: nothing of it stops a sync, rewrites the past or unbalances it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .site import Site, clean, company, newest, site, sold, won
from .tryton.person import Person
from .tryton.server import Tryton

SHIPPED_TO = ("shipping_street", "shipping_city")


@pytest.fixture
def loop(seeded: Tryton, tmp_path: Path) -> Iterator[Site]:
    with site(seeded, tmp_path) as found:
        found.configure(look_back="0")
        yield found


@pytest.fixture
def person(loop: Site) -> Person:
    return Person(loop.tryton)


def decimal(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def today() -> dict[str, Any]:
    day = datetime.now(UTC).date()
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def first(person: Person, model: str, *domain: Any) -> int:
    key: int = person.call(f"model.{model}.search", list(domain), 0, 1, [["id", "ASC"]])[0]
    return key


def posted(person: Person) -> int:
    """The invoice of the newest sale, posted."""
    (invoice,) = newest(person, "sale.sale", "invoices")["invoices"]
    person.post(invoice)
    return int(invoice)


# ------------------------------------------------------------------------------------------------- deletes


def test_a_company_deleted_in_the_crm_goes_where_nothing_refers_to_it_and_stops_nobody(loop: Site) -> None:
    loop.configure(deletes="propagate", look_back="0")
    buyer, _ = sold(loop)
    idle, other = (loop.crm.create("companies", **company(number)) for number in (2, 3))
    loop.sync()
    loop.crm.delete("companies", idle)
    loop.crm.edit("companies", other, email="new@quarzwerk.example")
    loop.run("sync")
    loop.sync()
    person = Person(loop.tryton)
    names = person.call("model.party.party.search_read", [["name", "like", "Quarzwerk %"]], 0, 9, None, ["name"])
    assert sorted(row["name"] for row in names) == ["Quarzwerk 0001 GmbH", "Quarzwerk 0003 GmbH"]
    mails = person.call("model.party.contact_mechanism.search_read", [["type", "=", "email"]], 0, 9, None, ["value"])
    assert "new@quarzwerk.example" in [row["value"] for row in mails]
    assert loop.crm.get("companies", buyer)["name"] == "Quarzwerk 0001 GmbH"


# ----------------------------------------------------------------------------------------------- addresses


def test_where_an_order_ships_is_no_address_of_the_company_and_stays_when_that_gets_one(loop: Site) -> None:
    buyer = loop.crm.create("companies", name="Ohne Adresse GmbH")
    site_address = {"shipping_street": "Baustelle 7", "shipping_city": "Kiel", "shipping_country": "Germany"}
    deal = won(loop, buyer, **site_address)
    loop.sync()
    loop.sync()
    shown = loop.crm.get("companies", buyer)
    assert [shown[f"{group}_street"] for group in ("billing", "shipping")] == [None, None]
    loop.crm.edit("companies", buyer, billing_street="Zentrale 1", billing_city="Berlin", billing_country="Germany")
    loop.sync()
    loop.sync()
    assert [loop.crm.get("deals", deal)[name] for name in SHIPPED_TO] == ["Baustelle 7", "Kiel"]
    clean(loop)


def test_what_was_sold_keeps_its_addresses_when_the_company_moves(loop: Site, person: Person) -> None:
    buyer, deal = sold(loop)
    loop.sync()
    person.pay(posted(person), Decimal("23.80"), "PAY-1")
    loop.sync()
    loop.crm.edit("companies", buyer, billing_street="Neue Str. 99", billing_city="Hamburg")
    loop.sync()
    loop.sync()
    assert [loop.crm.get("deals", deal)[name] for name in SHIPPED_TO] == ["Basaltweg 1", "Berlin"]
    (invoiced,) = person.call("model.account.invoice.search_read", [], 0, 1, None, ["invoice_address.city"])
    assert invoiced["invoice_address."]["city"] == "Berlin"
    second = won(loop, buyer, name="Summer")
    loop.sync()
    loop.sync()
    assert [loop.crm.get("deals", second)[name] for name in SHIPPED_TO] == ["Neue Str. 99", "Hamburg"]
    clean(loop)


def test_goods_go_to_the_delivery_address_where_the_deal_names_none(loop: Site) -> None:
    there = {"shipping_street": "Lager 2", "shipping_city": "Augsburg", "shipping_country": "Germany"}
    buyer = loop.crm.create("companies", **company(1, **there))
    deal = won(loop, buyer)
    loop.sync()
    loop.sync()
    assert [loop.crm.get("deals", deal)[name] for name in SHIPPED_TO] == ["Lager 2", "Augsburg"]


# --------------------------------------------------------------------------------------------------- money


def test_what_is_paid_to_a_supplier_is_no_payment_of_a_customer(loop: Site, person: Person) -> None:
    loop.crm.create("companies", **company(2))
    loop.sync()
    party = first(person, "party.party", ["name", "like", "Quarzwerk 0002%"])
    euro = loop.tryton.facts["currencies"]["EUR"]
    line = {
        "type": "line",
        "quantity": 1,
        "unit_price": decimal("50"),
        "description": "rent",
        "currency": euro,
        "account": first(person, "account.account", ["type.expense", "=", True], ["closed", "!=", True]),
    }
    values = {
        "type": "in",
        "party": party,
        "currency": euro,
        "reference": "SUP-1",
        "invoice_date": today(),
        "invoice_address": first(person, "party.address", ["party", "=", party]),
        "account": first(person, "account.account", ["type.payable", "=", True], ["closed", "!=", True]),
        "journal": first(person, "account.journal", ["type", "=", "expense"]),
        "lines": [["create", [line]]],
    }
    (invoice,) = person.call("model.account.invoice.create", [values])
    person.post(invoice)
    person.pay(invoice, Decimal("50.00"), "RENT")
    loop.sync()
    assert loop.crm.all("payments") == {}
    clean(loop)


def test_a_payment_taken_back_is_shown_as_such_and_the_money_adds_up(loop: Site, person: Person) -> None:
    buyer, _ = sold(loop)
    loop.sync()
    person.pay(posted(person), Decimal("20.00"), "PAY-1")
    loop.sync()
    move = first(person, "account.move", ["journal.type", "=", "cash"])
    person.cancel(move, "bounced")
    loop.sync()
    assert loop.crm.get("companies", buyer)["open_balance"] == "23.80"
    amounts = {one["reference"]: one["amount"] for one in loop.crm.all("payments").values()}
    assert amounts == {"PAY-1": "20.00", "bounced": "-20.00"}
    clean(loop)


def test_a_payment_booked_without_its_invoice_is_one_all_the_same(loop: Site, person: Person) -> None:
    buyer, _ = sold(loop)
    loop.sync()
    posted(person)
    loop.sync()
    party = first(person, "party.party", ["name", "like", "Quarzwerk %"])
    receivable = first(person, "account.account", ["type.receivable", "=", True], ["closed", "!=", True])
    lines = [
        {"account": receivable, "party": party, "debit": decimal("0"), "credit": decimal("23.80")},
        {"account": first(person, "account.account", ["code", "=", "1.1.1"]), "debit": decimal("23.80"),
         "credit": decimal("0")},
    ]  # fmt: skip
    period = first(person, "account.period", ["start_date", "<=", today()], ["end_date", ">=", today()])
    journal = first(person, "account.journal", ["type", "=", "cash"])
    values = {"journal": journal, "period": period, "date": today(), "lines": [["create", lines]]}
    (move,) = person.call("model.account.move.create", [values])
    loop.sync()
    assert loop.crm.get("companies", buyer)["open_balance"] == "23.80", "a draft is not paid"
    person.call("model.account.move.post", [move])
    loop.sync()
    assert loop.crm.get("companies", buyer)["open_balance"] == "0.00"
    assert [(one["amount"], one["invoice_id"]) for one in loop.crm.all("payments").values()] == [("23.80", None)]
    clean(loop)


def test_a_customer_made_since_has_a_balance_of_nothing(loop: Site) -> None:
    loop.sync()
    late = loop.crm.create("companies", **company(7))
    loop.sync()
    loop.sync()
    assert loop.crm.get("companies", late)["open_balance"] == "0.00"
    clean(loop)


def test_what_is_open_in_another_currency_is_said_to_be_not_compared(loop: Site, person: Person) -> None:
    usable = ["closed", "!=", True]
    exchange = {
        "currency_exchange_credit_account": first(person, "account.account", ["type.revenue", "=", True], usable),
        "currency_exchange_debit_account": first(person, "account.account", ["type.expense", "=", True], usable),
        "currency_exchange_journal": first(person, "account.journal", ["type", "=", "write-off"]),
    }
    known = person.call("model.account.configuration.search", [])
    known = known or person.call("model.account.configuration.create", [{}])
    person.call("model.account.configuration.write", known[:1], exchange)
    sold(loop, currency="USD")
    loop.sync()
    posted(person)
    loop.sync()
    verified = loop.run("verify")
    assert verified.code == 0, verified.text
    assert "erp: 23.80 USD is open, and balances are kept in EUR: not compared" in verified.text


# ------------------------------------------------------------------------------------------------- texts


def test_what_a_person_noted_on_a_line_stays_when_the_line_changes(loop: Site, person: Person) -> None:
    _, deal = sold(loop)
    loop.sync()
    (line,) = person.call("model.sale.line.search", [])
    note = newest(person, "sale.line", "note")["note"]
    assert note == f"connector:{deal}/L-1"
    made = newest(person, "sale.sale", "party", "invoice_address", "shipment_address")
    values = {name: made[name] for name in ("party", "invoice_address", "shipment_address")}
    item = newest(person, "sale.line", "product", "unit", "unit_price", "base_price")
    item = {name: item[name] for name in ("product", "unit", "unit_price", "base_price")}
    typed = {**item, "quantity": 3, "note": "Call before delivery!"}
    person.call("model.sale.sale.create", [{**values, "description": "Typed", "lines": [["create", [typed]]]}])
    loop.run("sync")
    (key,) = [key for key in loop.crm.all("deals") if key != deal]
    lines = [{**one, "quantity": "4"} for one in loop.crm.get("deals", key)["lines"]]
    loop.crm.edit("deals", key, lines=[{n: v for n, v in one.items() if n != "amount"} for one in lines])
    loop.run("sync")
    changed = newest(person, "sale.line", "quantity", "note")
    assert (changed["quantity"], changed["note"].split("\n")[1:]) == (4.0, ["Call before delivery!"])
    assert line != changed["id"]


def test_a_name_no_database_takes_is_one_dead_letter_and_the_others_go_on(loop: Site, person: Person) -> None:
    loop.crm.create("companies", **company(1))
    broken = loop.crm.create("companies", name="N\0ul GmbH")
    loop.crm.create("companies", **company(2))
    loop.sync(code=4)
    rows = person.call("model.party.party.search_read", [["name", "like", "Quarzwerk %"]], 0, 9, None, ["name"])
    assert sorted(row["name"] for row in rows) == ["Quarzwerk 0001 GmbH", "Quarzwerk 0002 GmbH"]
    (letter,) = loop.run("dead-letters", "list", "--json").data["dead_letters"]
    assert "NUL" in letter["reason"]
    loop.crm.edit("companies", broken, name="Null GmbH")
    loop.sync()
    assert loop.run("dead-letters", "list", "--json").data["dead_letters"] == []
    clean(loop)
