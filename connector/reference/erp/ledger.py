"""The ledger: one row per posting, and the balances that are sums over it.

Amounts are whole minor units of their currency. Rows of a payment carry the due date of the invoice they pay, so the
rows that are due before today add up to what is overdue.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.reference.kit.money import minor_digits, plain
from connector.reference.kit.objects import Fields, ObjectType
from connector.reference.kit.records import MERGED, Record
from connector.reference.kit.service import Service
from connector.reference.kit.store import marks
from connector.reference.kit.tx import Tx

DDL = (
    "CREATE TABLE IF NOT EXISTS ledger (n INTEGER PRIMARY KEY, customer INTEGER NOT NULL, invoice TEXT,"
    " kind TEXT NOT NULL, document TEXT NOT NULL, date TEXT NOT NULL, due TEXT, currency TEXT NOT NULL,"
    " amount INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_customer ON ledger (customer, currency)",
    "CREATE INDEX IF NOT EXISTS ledger_due ON ledger (due, customer)",
)
_COLUMNS = "customer, invoice, kind, document, date, due, currency, amount"
_AGED = "aged"


def minor_units(value: str, currency: str) -> int:
    return int(Decimal(value).scaleb(minor_digits(currency)))


def amount_text(units: int, currency: str) -> str:
    return plain(Decimal(units).scaleb(-minor_digits(currency)))


def post(tx: Tx, kind: str, document: Record, invoice: Record | None, day: str, value: str) -> None:
    """One posting on the customer of the document; a negative value lowers what the customer owes."""
    fields = document.fields
    n = tx.store.types["customers"].number(fields["customer"])
    assert n is not None
    units = minor_units(value, fields["currency"])
    due = None if invoice is None else invoice.fields["due"]
    key = None if invoice is None else invoice.id
    tx.add(
        f"INSERT INTO ledger ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (n, key, kind, document.id, day, due, fields["currency"], units),
    )
    tx.touched.add(n)


def move(tx: Tx, winner: Record, loser: Record) -> None:
    """The loser's postings become the winner's."""
    tx.add("UPDATE ledger SET customer = ? WHERE customer = ?", (winner.n, loser.n))
    tx.touched.update((winner.n, loser.n))


def settle_balances(tx: Tx) -> None:
    """Bring the balances of the touched customers up to date; a balance moves only when a figure moves."""
    touched = sorted(tx.touched)
    if not touched:
        return
    tx.flush()
    customers, balances = tx.store.types["customers"], tx.store.types["balances"]
    tx.load(customers, touched)
    tx.load(balances, touched)
    sums = _sums(tx, touched)
    for n in touched:
        customer, balance = tx.get(customers, n), tx.get(balances, n)
        assert customer is not None
        if customer.state == MERGED:
            if balance is not None and balance.live:
                tx.change(balance, state=MERGED, merged=customer.merged)
        elif balance is not None or n in sums:
            _settle(tx, balances, balance, customer, sums.get(n, {}))
    tx.touched.clear()


def _sums(tx: Tx, customers: list[int]) -> dict[int, dict[str, tuple[int, int]]]:
    """Open and overdue in minor units, by customer and currency."""
    found: dict[int, dict[str, tuple[int, int]]] = {}
    for start in range(0, len(customers), 10_000):
        part = customers[start : start + 10_000]
        rows = tx.store.rows(
            "SELECT customer, currency, sum(amount), sum(CASE WHEN due < ? THEN amount ELSE 0 END) FROM ledger"
            f" WHERE customer IN ({marks(part)}) GROUP BY customer, currency",
            (tx.today.isoformat(), *part),
        )
        for customer, currency, open_, overdue in rows:
            found.setdefault(customer, {})[currency] = (open_, overdue)
    return found


def _settle(
    tx: Tx, balances: ObjectType, balance: Record | None, customer: Record, sums: Mapping[str, tuple[int, int]]
) -> None:
    currency = customer.fields["currency"]
    open_, overdue = sums.get(currency, (0, 0))
    figures: dict[str, Any] = {
        "open": amount_text(open_, currency),
        "overdue": amount_text(overdue, currency),
        "credit_limit": customer.fields["credit_limit"],
        "currency": currency,
    }
    if balance is not None and {name: balance.fields[name] for name in figures} == figures:
        return
    fields: Fields = {**figures, "as_of": tx.today.isoformat()}
    if balance is None:
        tx.create(balances, fields, n=customer.n)
    else:
        tx.change(balance, fields=fields)


def age(service: Service) -> None:
    """Once a day: invoices that fell due since make their customers' balances move."""
    today = service.store.clock().date()
    rows = service.store.rows("SELECT value FROM counters WHERE name = ?", (_AGED,))
    last = int(rows[0][0]) if rows else 0
    if last >= today.toordinal():
        return
    with service.write("system") as tx:
        # A little more than fell due is asked for: a figure that has not moved moves nothing.
        since = tx.today.fromordinal(max(1, last - 1)).isoformat()
        tx.touched.update(
            row[0]
            for row in service.store.rows(
                "SELECT DISTINCT customer FROM ledger WHERE due >= ? AND due < ?", (since, tx.today.isoformat())
            )
        )
        tx.counters[_AGED] = tx.today.toordinal()
