"""Balances: sums over the ledger, with a version that moves when a figure moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_calls import Caller


def _customer(erp: Caller, **fields: Any) -> str:
    return erp.make("customers", **{"name": "Acme", "currency": "EUR", **fields})


def _invoice(erp: Caller, customer: str, price: str, currency: str = "EUR", **given: Any) -> str:
    order = erp.make("orders", customer=customer, currency=currency, lines=[{"quantity": "1", "price": price}])
    erp.post(f"/api/orders/{order}/ship")
    return str(erp.post(f"/api/orders/{order}/invoice", given).json["id"])


def _balance(erp: Caller, customer: str) -> tuple[int, str, str]:
    record = erp.get(f"/api/balances/{customer}").json
    return record["version"], record["fields"]["open"], record["fields"]["overdue"]


def test_there_is_no_balance_before_the_first_posting(erp: Caller) -> None:
    customer = _customer(erp, credit_limit="500")
    erp.make("orders", customer=customer, currency="EUR")
    assert erp.get(f"/api/balances/{customer}").status == 404
    _invoice(erp, customer, "10")
    fields = erp.get(f"/api/balances/{customer}").fields
    assert fields == {
        "open": "10.00",
        "overdue": "0.00",
        "credit_limit": "500.00",
        "currency": "EUR",
        "as_of": "2026-03-10",
    }


def test_every_posting_moves_the_balance_once_and_tells_the_feed(erp: Caller) -> None:
    customer = _customer(erp)
    invoice = _invoice(erp, customer, "10")
    _, cursor = erp.feed("balances")
    erp.post(f"/api/invoices/{invoice}/pay", {"amount": "4"})
    items, cursor = erp.feed("balances", cursor)
    assert [(item["id"], item["version"], item["fields"]["open"]) for item in items] == [(customer, 2, "6.00")]
    erp.patch(f"/api/customers/{customer}", {"phone": "1"})
    assert erp.feed("balances", cursor) == ([], cursor)
    erp.patch(f"/api/customers/{customer}", {"credit_limit": "7"})
    assert [item["fields"]["credit_limit"] for item in erp.feed("balances", cursor)[0]] == ["7.00"]


def test_an_invoice_turns_overdue_the_day_after_it_was_due(erp: Caller) -> None:
    customer, other = _customer(erp), _customer(erp)
    invoice = _invoice(erp, customer, "10", due_days=5)
    _invoice(erp, other, "10", due_days=50)
    _, cursor = erp.feed("balances")
    erp.clock.advance(days=5)
    assert erp.feed("balances", cursor) == ([], cursor)
    erp.clock.advance(days=1)
    items, cursor = erp.feed("balances", cursor)
    assert [(item["id"], item["version"], item["modified_by"]) for item in items] == [(customer, 2, "system")]
    assert _balance(erp, customer) == (2, "10.00", "10.00")
    assert erp.get(f"/api/balances/{customer}").fields["as_of"] == "2026-03-16"
    assert erp.feed("balances", cursor) == ([], cursor)
    erp.post(f"/api/invoices/{invoice}/pay", {"amount": "4"})
    assert _balance(erp, customer) == (3, "6.00", "6.00")


def test_each_read_path_sees_what_fell_due(erp: Caller) -> None:
    customer = _customer(erp)
    for path in ("/api/balances", f"/api/balances/{customer}", "/api/balances?after=", "/api/balances?currency=EUR"):
        _invoice(erp, customer, "1", due_days=0)
        erp.clock.advance(days=1)
        assert b'"overdue":"0.00"' not in erp.get(path).body
    _invoice(erp, customer, "1", due_days=0)
    erp.clock.advance(days=1)
    read = erp.post("/api/balances/batch/read", {"ids": [customer]}).json["items"]
    assert read[0]["fields"]["overdue"] == "5.00"


def test_a_payment_without_invoice_lowers_what_is_open(erp: Caller) -> None:
    customer = _customer(erp)
    answer = erp.post("/api/payments", {"customer": customer, "amount": "4"})
    assert (answer.status, answer.fields["currency"], answer.fields["date"]) == (201, "EUR", "2026-03-10")
    assert _balance(erp, customer) == (1, "-4.00", "0.00")


def test_payments_in_a_batch_settle_their_invoices_one_after_the_other(erp: Caller) -> None:
    customer = _customer(erp)
    invoice = _invoice(erp, customer, "10")
    pay = {"fields": {"invoice": invoice, "amount": "6"}}
    rest = {"fields": {"invoice": invoice, "amount": "4"}}
    answer = erp.batch("payments", "create", pay, pay, rest)
    assert [item["status"] for item in answer["items"]] == [201, 422, 201]
    assert erp.get(f"/api/invoices/{invoice}").fields["state"] == "paid"
    assert _balance(erp, customer) == (2, "0.00", "0.00")
    assert erp.app.service.store.rows("SELECT sum(amount), count(*) FROM ledger") == [(0, 3)]


def test_postings_in_another_currency_are_not_in_the_figures(erp: Caller) -> None:
    customer = _customer(erp)
    _invoice(erp, customer, "10")
    _invoice(erp, customer, "1000", currency="JPY")
    assert _balance(erp, customer) == (1, "10.00", "0.00")
    assert erp.patch(f"/api/customers/{customer}", {"currency": "USD"}).code == "posted"


def test_a_merge_adds_the_balances(erp: Caller) -> None:
    winner, loser = _customer(erp), _customer(erp)
    _invoice(erp, winner, "10")
    invoice = _invoice(erp, loser, "5")
    erp.post("/api/customers/merge", {"winner": winner, "loser": loser})
    assert _balance(erp, winner) == (2, "15.00", "0.00")
    assert erp.get(f"/api/balances/{loser}").json["merged_into"] == winner
    assert erp.get(f"/api/invoices/{invoice}").fields["customer"] == winner
    erp.post(f"/api/invoices/{invoice}/pay")
    assert _balance(erp, winner) == (3, "10.00", "0.00")
    dollars = _customer(erp, currency="USD")
    _invoice(erp, dollars, "5", currency="USD")
    assert erp.post("/api/customers/merge", {"winner": winner, "loser": dollars}).code == "posted"


def test_balances_are_written_by_nobody(erp: Caller) -> None:
    customer = _customer(erp)
    _invoice(erp, customer, "1")
    assert erp.post("/api/balances", {"open": "1"}).code == "not_creatable"
    assert erp.patch(f"/api/balances/{customer}", {"open": "5.00"}).code == "read_only"
    assert erp.call("DELETE", f"/api/balances/{customer}").code == "not_deletable"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["invoice", "pay", "void", "free", "wait", "merge"]), st.integers(0, 3), st.integers(1, 999)
    ),
    max_size=25,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_open_is_invoices_less_payments_whatever_happens(erp: Caller, steps: list[tuple[str, int, int]]) -> None:
    customers = [_customer(erp) for _ in range(3)]
    invoices: list[str] = []
    for step, index, cents in steps:
        amount = str(Decimal(cents) / 100)
        customer = customers[index % len(customers)]
        if step == "invoice":
            invoices.append(_invoice(erp, customer, amount, due_days=index))
        elif step == "free":
            erp.post("/api/payments", {"customer": customer, "amount": amount})
        elif step == "wait":
            erp.clock.advance(days=index)
        elif step == "merge" and len(customers) > 1 and index:
            loser = customers.pop()
            erp.post("/api/customers/merge", {"winner": customers[0], "loser": loser})
        elif invoices and step in ("pay", "void"):
            erp.post(
                f"/api/invoices/{invoices[index % len(invoices)]}/{step}", {"amount": amount} if step == "pay" else {}
            )
    today = erp.clock.now.date().isoformat()
    found = {item["id"]: item["fields"] for item in erp.feed("invoices")[0]}
    payments = [item["fields"] for item in erp.feed("payments")[0]]
    shown = {item["id"]: item["fields"] for item in erp.feed("balances")[0]}
    for customer in customers:
        own = [fields for fields in found.values() if fields["customer"] == customer]
        free = sum(
            Decimal(fields["amount"]) for fields in payments if fields["customer"] == customer and not fields["invoice"]
        )
        open_ = sum(Decimal(fields["open"]) for fields in own) - free
        overdue = sum(Decimal(fields["open"]) for fields in own if fields["due"] < today)
        figures = shown.get(customer, {"open": "0", "overdue": "0"})
        assert (Decimal(figures["open"]), Decimal(figures["overdue"])) == (open_, overdue)
