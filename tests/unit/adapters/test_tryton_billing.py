"""Tryton's invoices and payments as flat records. No server."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.tryton.invoice import Invoice, Payment
from connector.errors import RejectedError

from .tryton_rows import WORLD, line, row


def test_an_invoice_names_its_sale_where_it_is_of_one_only() -> None:
    lines = [{**line(5), "unit_price": Decimal("8.5000")}]
    due = [{"maturity_date": date(2026, 4, day)} for day in (5, 7)]
    fields = {"number": "1", "party": 3, "invoice_date": date(2026, 3, 6), "state": "posted", "lines_to_pay": due,
              "currency": {"code": "EUR"}, "untaxed_amount": Decimal(20), "tax_amount": Decimal("3.80"),
              "total_amount": Decimal("23.80"), "amount_to_pay": Decimal("3.80"), "lines": lines}  # fmt: skip
    shown = Invoice(WORLD, "Freight").shown(row(4, **fields, sales=[{"id": 7}]))
    assert (shown["sale"], shown["due_date"], shown["amount_to_pay"]) == ("7", "2026-04-07", "3.80")
    assert shown["lines"][0]["unit_price"] == "8.5000"
    assert Invoice(WORLD, "Freight").shown(row(4, **fields, sales=[{"id": 7}, {"id": 8}]))["sale"] is None


def booked(credit: str, foreign: str | None = None, receivable: bool = True) -> dict[str, Any]:
    second = {"code": "USD"} if foreign else None
    return row(9, party=3 if receivable else None, debit=Decimal(0), credit=Decimal(credit), second_currency=second,
               account={"type": {"receivable": receivable}},
               amount_second_currency=Decimal(foreign) if foreign else None)  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "amount"),
    [
        ([booked("23.80"), booked("-23.80", receivable=False)], ("23.80", "EUR")),
        ([booked("20", "-22.00")], ("22.00", "USD")),
        ([booked("-5.00")], ("-5.00", "EUR")),
    ],
)
def test_a_payment_is_what_the_customers_account_got(lines: list[Any], amount: tuple[str, str]) -> None:
    fields = {"number": "2", "date": date(2026, 3, 9), "description": "4711", "journal": {"name": "Cash"},
              "origin": "account.invoice,3", "company": {"currency": {"code": "EUR"}}, "lines": lines}  # fmt: skip
    shown = Payment(WORLD).shown(row(2, **fields))
    assert (shown["amount"], shown["currency"]) == amount
    assert (shown["party"], shown["invoice"], shown["journal"]) == ("3", "3", "Cash")


def test_what_tryton_makes_shows_nobody_as_its_maker() -> None:
    """Confirming a sale makes Tryton write the invoice in the name of the connection: it is no double of ours."""
    fields = {"number": "2", "date": date(2026, 3, 9), "description": None, "journal": {"name": "Cash"},
              "origin": None, "company": {"currency": {"code": "EUR"}}, "lines": [booked("1")]}  # fmt: skip
    record = Payment(WORLD).record(row(2, **fields))
    assert (record.created_by, record.modified_by) == (None, None)
    for made in (Payment(WORLD), Invoice(WORLD, "Freight")):
        with pytest.raises(RejectedError, match="by Tryton"):
            made.creating({})
        with pytest.raises(RejectedError, match="by Tryton"):
            made.updating(row(2), {})
