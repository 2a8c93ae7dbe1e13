"""The closed loop: a deal won in the CRM is sold and billed in Tryton, and what is paid there clears its balance."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from .site import Site, clean, newest, site, sold
from .tryton.person import Person
from .tryton.server import Tryton


@pytest.fixture
def loop(seeded: Tryton, tmp_path: Path) -> Iterator[Site]:
    with site(seeded, tmp_path) as found:
        yield found


def test_a_won_deal_becomes_a_sale_and_an_invoice_and_its_payment_clears_the_balance(loop: Site) -> None:
    buyer, deal = sold(loop)
    assert loop.run("check").code == 0
    loop.sync()
    person = Person(loop.tryton)
    sale = newest(person, "sale.sale", "state", "number", "invoices")
    assert (sale["state"], loop.crm.get("deals", deal)["erp_number"]) == ("processing", sale["number"])

    (invoice,) = sale["invoices"]
    person.post(invoice)
    loop.sync()
    assert loop.crm.get("companies", buyer)["open_balance"] == "23.80"
    (shown,) = loop.crm.all("invoices").values()
    assert (shown["amount"], shown["open_amount"], shown["status"]) == ("23.80", "23.80", "open")

    person.pay(invoice, Decimal("20.00"), "PAY-1")
    person.pay(invoice, Decimal("3.80"), "PAY-2")
    loop.sync()
    assert loop.crm.get("companies", buyer)["open_balance"] == "0.00"
    assert sorted(one["amount"] for one in loop.crm.all("payments").values()) == ["20.00", "3.80"]
    assert [one["status"] for one in loop.crm.all("invoices").values()] == ["paid"]
    assert loop.crm.get("deals", deal)["erp_status"] == "closed"
    clean(loop)


def test_a_sale_typed_into_tryton_arrives_as_a_won_deal_with_its_lines(loop: Site) -> None:
    buyer, deal = sold(loop)
    loop.sync()
    person = Person(loop.tryton)
    first = newest(person, "sale.sale", "party", "invoice_address", "shipment_address")
    (unit,) = person.call("model.product.uom.search", [["name", "=", "Unit"]])
    (product,) = person.call("model.product.product.search", [["code", "=", "B-1"]])
    price = {"__class__": "Decimal", "decimal": "8.50"}
    line = {"product": product, "unit": unit, "quantity": 3, "unit_price": price, "base_price": price}
    addresses = {name: first[name] for name in ("party", "invoice_address", "shipment_address")}
    values = {**addresses, "description": "Typed", "reference": "T-1", "lines": [["create", [line]]]}
    (sale,) = person.call("model.sale.sale.create", [values])
    for button in ("quote", "confirm"):
        person.call(f"model.sale.sale.{button}", [sale])
    loop.sync()
    (arrived,) = [one for key, one in loop.crm.all("deals").items() if key != deal]
    assert (arrived["stage"], arrived["po_number"], arrived["company_id"]) == ("won", "T-1", buyer)
    assert [(one["quantity"], one["unit_price"], one["amount"]) for one in arrived["lines"]] == [("3", "8.50", "25.50")]
    clean(loop)


def test_an_edit_on_each_side_of_one_party_arrives_and_the_same_field_waits(loop: Site) -> None:
    buyer, _ = sold(loop)
    loop.sync()
    person = Person(loop.tryton)
    (party,) = person.call("model.party.party.search", [["name", "=", "Quarzwerk 0001 GmbH"]])
    phones = person.call("model.party.contact_mechanism.search", [["party", "=", party], ["type", "=", "phone"]])
    person.call("model.party.contact_mechanism.write", phones, {"value": "+49 30 1234567"})
    loop.crm.edit("companies", buyer, email="new@quarzwerk.example")
    loop.sync()
    shown = loop.crm.get("companies", buyer)
    assert (shown["phone"].replace(" ", ""), shown["email"]) == ("+49301234567", "new@quarzwerk.example")
    mails = person.call("model.party.contact_mechanism.search_read",
                        [["party", "=", party], ["type", "=", "email"]], 0, 9, None, ["value"])  # fmt: skip
    assert [mail["value"] for mail in mails] == ["new@quarzwerk.example"]

    person.call("model.party.contact_mechanism.write", phones, {"value": "+49 30 1"})
    loop.crm.edit("companies", buyer, phone="+49 30 2")
    loop.sync(code=4)
    listed = loop.run("conflicts", "list", "--json").data["conflicts"]
    assert [one["unit"] for one in listed] == ["phone"]
    assert loop.run("conflicts", "resolve", listed[0]["id"], "--take", "crm").code == 0
    rows = person.call("model.party.contact_mechanism.read", phones, ["value"])
    assert [row["value"].replace(" ", "") for row in rows] == ["+49302"]
    clean(loop)
