"""The ERP's documents: orders, shipping, invoices, payments, stock, periods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from reference_calls import Answer, Caller

from connector.reference.erp import app as erp_app
from connector.reference.kit.app import Settings
from connector.reference.kit.money import LineNames, totals


def _customer(erp: Caller, **fields: Any) -> str:
    return erp.make("customers", **{"name": "Acme", "currency": "EUR", **fields})


def _item(erp: Caller, code: str = "P1", stock: str | None = "100") -> str:
    key = erp.make("items", code=code, name="Pen")
    if stock is not None:
        erp.post(f"/api/items/{key}/receive", {"quantity": stock})
    return key


def _order(erp: Caller, customer: str, item: str | None = None, **fields: Any) -> str:
    line = {"item": item, "quantity": "2", "price": "10.00", "vat_percent": "19"}
    return erp.make("orders", **{"customer": customer, "currency": "EUR", "lines": [line], **fields})


def _act(erp: Caller, name: str, key: str, action: str, **given: Any) -> Answer:
    return erp.post(f"/api/{name}/{key}/{action}", given)


def _invoiced(erp: Caller, customer: str, **given: Any) -> Any:
    order = _order(erp, customer)
    _act(erp, "orders", order, "ship")
    answer = _act(erp, "orders", order, "invoice", **given)
    assert answer.status == 201, answer.body
    return answer.json


def test_numbers_are_given_in_series_and_pass_by_those_people_gave(erp: Caller) -> None:
    _customer(erp, number="C1002")
    first, second = _customer(erp), _customer(erp)
    assert erp.get(f"/api/customers/{first}").fields["number"] == "C1001"
    assert erp.get(f"/api/customers/{second}").fields["number"] == "C1003"
    assert erp.post("/api/customers", {"name": "B", "currency": "EUR", "number": "C1001"}).code == "duplicate"
    order = erp.get(f"/api/orders/{_order(erp, first)}").fields
    assert (order["number"], order["state"], order["order_date"]) == ("SO-1001", "confirmed", "2026-03-10")
    assert erp.post("/api/orders", {"customer": first, "currency": "EUR", "number": "X"}).code == "read_only"


def test_a_refused_order_uses_up_no_number(erp: Caller) -> None:
    customer, blocked = _customer(erp), _customer(erp, blocked=True)
    good = {"fields": {"customer": customer, "currency": "EUR"}}
    bad = {"fields": {"customer": blocked, "currency": "EUR"}}
    answer = erp.batch("orders", "create", good, bad, good)
    assert [item["status"] for item in answer["items"]] == [201, 409, 201]
    assert answer["items"][1]["error"]["code"] == "blocked"
    assert answer["items"][2]["record"]["fields"]["number"] == "SO-1002"


def test_an_order_goes_from_confirmed_to_closed(erp: Caller) -> None:
    customer = _customer(erp, terms="net 14")
    order = _order(erp, customer, _item(erp), freight="5")
    shipped = _act(erp, "orders", order, "ship", tracking="T1", carrier="DHL")
    assert shipped.status == 200
    assert {name: shipped.fields[name] for name in ("state", "ship_date", "tracking")} == {
        "state": "shipped",
        "ship_date": "2026-03-10",
        "tracking": "T1",
    }
    invoice = _act(erp, "orders", order, "invoice")
    fields = invoice.fields
    assert (invoice.status, fields["number"], fields["due"], fields["order"]) == (201, "INV-1001", "2026-03-24", order)
    assert (fields["net"], fields["vat"], fields["total"], fields["open"]) == ("20.00", "3.80", "28.80", "28.80")
    assert erp.get(f"/api/orders/{order}").fields["state"] == "invoiced"
    part = _act(erp, "invoices", invoice.json["id"], "pay", amount="8.80", method="card")
    assert (part.status, part.fields["number"], part.fields["amount"], part.fields["method"]) == (
        201,
        "PAY-1001",
        "8.80",
        "card",
    )
    after = erp.get(f"/api/invoices/{invoice.json['id']}").json
    assert (after["fields"]["state"], after["fields"]["open"], after["version"]) == ("open", "20.00", 2)
    _act(erp, "invoices", invoice.json["id"], "pay")
    assert erp.get(f"/api/invoices/{invoice.json['id']}").fields["state"] == "paid"
    record = erp.get(f"/api/orders/{order}").json
    assert (record["fields"]["state"], record["version"]) == ("closed", 4)


def test_stock_moves_once_per_item_and_never_below_zero(erp: Caller) -> None:
    customer, item = _customer(erp), _item(erp, stock="5")
    line = {"item": item, "quantity": "2", "price": "1"}
    order = _order(erp, customer, lines=[line, line, line])
    refused = _act(erp, "orders", order, "ship")
    assert (refused.status, refused.code) == (409, "no_stock")
    assert erp.get(f"/api/items/{item}").json["version"] == 2
    assert _act(erp, "items", item, "receive", quantity="1.50").fields["stock"] == "6.5"
    assert _act(erp, "orders", order, "ship").status == 200
    record = erp.get(f"/api/items/{item}").json
    assert (record["fields"]["stock"], record["version"]) == ("0.5", 4)
    moves = erp.app.service.store.rows("SELECT kind, document, quantity FROM stock_moves ORDER BY n")
    assert moves == [("receive", None, "5"), ("receive", None, "1.5"), ("ship", order, "-6")]


def test_an_item_on_backorder_ships_without_stock(erp: Caller) -> None:
    item = erp.make("items", code="S", name="Service", backorder=True)
    order = _order(erp, _customer(erp), item)
    assert _act(erp, "orders", order, "ship").status == 200
    assert erp.get(f"/api/items/{item}").fields["stock"] == "-2"


def test_merged_items_share_their_stock(erp: Caller) -> None:
    winner, loser = _item(erp, "A", stock="3"), _item(erp, "B", stock="4.5")
    order = _order(erp, _customer(erp), loser)
    assert erp.post("/api/items/merge", {"winner": winner, "loser": loser}).fields["stock"] == "7.5"
    _act(erp, "orders", order, "ship")
    assert erp.get(f"/api/items/{winner}").fields["stock"] == "5.5"
    moves = erp.app.service.store.rows("SELECT DISTINCT item FROM stock_moves")
    assert moves == [(winner,)]


@pytest.mark.parametrize("quantity", [None, "0", "0.00", 5, "x", ""])
def test_only_a_real_quantity_is_received(erp: Caller, quantity: Any) -> None:
    assert _act(erp, "items", _item(erp, stock=None), "receive", quantity=quantity).status == 422


@pytest.mark.parametrize(
    ("steps", "change", "code"),
    [
        (("ship",), {"lines": []}, "posted"),
        (("ship",), {"customer": "K-2"}, "posted"),
        (("ship",), {"currency": "USD"}, "posted"),
        (("ship",), {"state": "cancelled"}, "posted"),
        (("ship",), {"tracking": "T"}, None),
        (("ship", "invoice"), {"tracking": "T"}, "posted"),
        (("ship", "invoice"), {"external_id": "T"}, "posted"),
        (("ship", "invoice"), {"remarks": "R"}, None),
        (("cancel",), {"title": "T"}, "posted"),
        (("cancel",), {"remarks": "R"}, None),
        ((), {"state": "shipped"}, "read_only"),
        ((), {"state": "open"}, "read_only"),
        ((), {"state": None}, "read_only"),
        ((), {"state": "cancelled"}, None),
        ((), {"ship_date": "2026-03-10"}, "read_only"),
        ((), {"lines": []}, None),
    ],
)
def test_what_is_posted_stays(erp: Caller, steps: tuple[str, ...], change: dict[str, Any], code: str | None) -> None:
    order = _order(erp, _customer(erp))
    _customer(erp)
    for step in steps:
        assert _act(erp, "orders", order, step).status < 300
    answer = erp.patch(f"/api/orders/{order}", change)
    if code is None:
        assert answer.status == 200, answer.body
    else:
        assert (answer.code, answer.json["error"]["field"]) == (code, next(iter(change)))


@pytest.mark.parametrize(
    ("steps", "action"),
    [
        ((), "confirm"),
        ((), "invoice"),
        (("ship",), "ship"),
        (("ship",), "cancel"),
        (("ship", "invoice"), "invoice"),
        (("cancel",), "ship"),
    ],
)
def test_an_action_out_of_order_is_a_conflict(erp: Caller, steps: tuple[str, ...], action: str) -> None:
    order = _order(erp, _customer(erp))
    for step in steps:
        _act(erp, "orders", order, step)
    before = erp.get(f"/api/orders/{order}").json
    assert _act(erp, "orders", order, action).status == 409
    assert erp.get(f"/api/orders/{order}").json == before


def test_orders_wait_for_confirmation_when_they_are_not_confirmed_at_once(erp: Caller) -> None:
    app = erp_app.create_app(Settings(":memory:", {"secret": "connector"}, auto_confirm=False, clock=erp.clock))
    slow = Caller(app, erp.clock)
    order = _order(slow, _customer(slow))
    assert slow.get(f"/api/orders/{order}").fields["state"] == "open"
    assert _act(slow, "orders", order, "ship").code == "wrong_state"
    assert _act(slow, "orders", order, "confirm").fields["state"] == "confirmed"
    app.close()


def test_nothing_is_dated_in_a_closed_period(erp: Caller) -> None:
    customer = _customer(erp)
    order, shipped = _order(erp, customer), _order(erp, customer)
    _act(erp, "orders", shipped, "ship")
    invoice = _invoiced(erp, customer, date="2026-02-15")
    assert erp.get("/api/periods").json == {"closed_until": None}
    assert erp.call("PUT", "/api/periods", {"closed_until": "2026-02-28"}).json == {"closed_until": "2026-02-28"}
    day = "2026-02-28"
    for answer in (
        erp.post("/api/orders", {"customer": customer, "currency": "EUR", "order_date": day}),
        erp.patch(f"/api/orders/{order}", {"order_date": day}),
        _act(erp, "orders", order, "ship", date=day),
        _act(erp, "orders", shipped, "invoice", date=day),
        _act(erp, "invoices", invoice["id"], "pay", date=day),
        _act(erp, "invoices", invoice["id"], "void"),
        erp.post("/api/payments", {"customer": customer, "amount": "1", "date": day}),
    ):
        assert (answer.status, answer.code) == (409, "closed_period")
    assert _act(erp, "orders", shipped, "invoice", date="2026-03-01").status == 201
    erp.call("PUT", "/api/periods", {"closed_until": None})
    assert _act(erp, "invoices", invoice["id"], "void").status == 200
    assert erp.call("PUT", "/api/periods", {"closed_until": "soon"}).status == 422


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": "23.81"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"amount": 1}, "amount"),
        ({"date": "x"}, "date"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_payment_that_does_not_fit_is_refused(erp: Caller, given: dict[str, Any], field: str) -> None:
    invoice = _invoiced(erp, _customer(erp))
    answer = _act(erp, "invoices", invoice["id"], "pay", **given)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)
    assert erp.get("/api/payments").json["items"] == []


def test_a_posted_payment_stays_but_for_its_notes(erp: Caller) -> None:
    invoice = _invoiced(erp, _customer(erp))
    payment = _act(erp, "invoices", invoice["id"], "pay").json["id"]
    assert erp.patch(f"/api/payments/{payment}", {"amount": "1.00"}).code == "posted"
    assert erp.patch(f"/api/payments/{payment}", {"reference": "R"}).status == 200
    assert erp.call("DELETE", f"/api/payments/{payment}").code == "not_deletable"
    assert _act(erp, "invoices", invoice["id"], "pay").code == "wrong_state"
    assert _act(erp, "invoices", invoice["id"], "void").code == "wrong_state"


def test_an_invoice_is_made_and_changed_by_actions_only(erp: Caller) -> None:
    invoice = _invoiced(erp, _customer(erp))
    assert erp.post("/api/invoices", {"customer": "K-1"}).code == "not_creatable"
    assert erp.patch(f"/api/invoices/{invoice['id']}", {"freight": "1"}).code == "read_only"
    assert erp.call("DELETE", f"/api/invoices/{invoice['id']}").code == "not_deletable"
    fields = erp.get("/api/describe").json["objects"]["invoices"]
    assert (fields["creatable"], fields["deletable"], fields["fields"]["freight"]["writable"]) == (False, False, False)


def test_a_voided_invoice_frees_its_order_unless_something_was_paid(erp: Caller) -> None:
    customer = _customer(erp)
    invoice, paid = _invoiced(erp, customer), _invoiced(erp, customer)
    _act(erp, "invoices", paid["id"], "pay", amount="1")
    assert _act(erp, "invoices", paid["id"], "void").code == "posted"
    void = _act(erp, "invoices", invoice["id"], "void")
    assert (void.status, void.fields["state"], void.fields["open"]) == (200, "void", "0.00")
    again = _act(erp, "orders", invoice["fields"]["order"], "invoice")
    assert (again.status, again.fields["number"]) == (201, "INV-1003")


def test_an_invoice_over_nothing_is_paid_at_once(erp: Caller) -> None:
    order = _order(erp, _customer(erp), lines=[])
    _act(erp, "orders", order, "ship")
    assert _act(erp, "orders", order, "invoice").fields["state"] == "paid"
    assert erp.get(f"/api/orders/{order}").fields["state"] == "closed"


def test_documents_hold_their_customer_and_a_shipped_order_stays(erp: Caller) -> None:
    customer = _customer(erp)
    person = erp.make("persons", last_name="Doe", customer=customer)
    order = _order(erp, customer, person=person)
    assert erp.call("DELETE", f"/api/customers/{customer}").code == "has_children"
    assert erp.call("DELETE", f"/api/persons/{person}").code == "has_children"
    _act(erp, "orders", order, "ship")
    assert erp.call("DELETE", f"/api/orders/{order}").code == "posted"


def test_a_repeated_action_under_its_key_posts_once(erp: Caller) -> None:
    order = _order(erp, _customer(erp))
    _act(erp, "orders", order, "ship")
    answers = [erp.post(f"/api/orders/{order}/invoice", {}, idempotency_key="k") for _ in range(2)]
    assert [(answer.status, answer.body) for answer in answers] == [(201, answers[0].body)] * 2
    assert len(erp.get("/api/invoices").json["items"]) == 1


@pytest.mark.parametrize("country", ["ZZ", "de", "Germany", 1])
def test_countries_are_iso_codes(erp: Caller, country: Any) -> None:
    answer = erp.post("/api/customers", {"name": "A", "currency": "EUR", "country": country})
    assert (answer.status, answer.json["error"]["field"]) == (422, "country")


NAMES = LineNames("price", "vat_percent", "total")


@pytest.mark.parametrize(
    ("quantity", "price", "discount", "vat", "currency", "expected"),
    [
        ("1", "0.005", None, None, "EUR", ("0.01", "0.00")),
        ("1", "2.675", None, "10", "EUR", ("2.68", "0.27")),
        ("-1", "2.675", None, None, "EUR", ("-2.68", "0.00")),
        ("3", "10", "33.3333", "19", "EUR", ("20.00", "3.80")),
        ("1", "10", "100", "19", "EUR", ("0.00", "0.00")),
        ("1", "100.5", None, "10", "JPY", ("101", "10")),
        ("1", "1.0005", None, None, "KWD", ("1.001", "0.000")),
        ("0.1", "0.1", None, None, None, ("0.01", "0.00")),
        ("-0.001", "1", None, None, "EUR", ("0.00", "0.00")),
        ("999999999999999.9999999999", "1.0000000001", None, None, "EUR", ("1000000000100000.00", "0.00")),
    ],
)
def test_line_totals_round_half_up_per_line(
    quantity: str, price: str, discount: str | None, vat: str | None, currency: str | None, expected: tuple[str, str]
) -> None:
    line = {"quantity": quantity, "price": price, "discount_percent": discount, "vat_percent": vat}
    sums = totals([line, line], NAMES, None, currency)
    assert sums.line_totals == (expected[0],) * 2
    assert Decimal(sums.net) == 2 * Decimal(expected[0])
    assert Decimal(sums.tax) == 2 * Decimal(expected[1])
