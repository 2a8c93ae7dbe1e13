"""What people do with documents: confirm, ship, invoice, cancel, pay, void, receive.

Each takes the transaction, the id of the record and the fields given, and returns the record to answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from re import search
from typing import Any

from connector.reference.erp import ledger, stock
from connector.reference.erp.periods import check_open
from connector.reference.kit import operations
from connector.reference.kit.domain import Action
from connector.reference.kit.money import money, plain
from connector.reference.kit.problems import conflict, invalid
from connector.reference.kit.records import Record
from connector.reference.kit.tx import Tx
from connector.reference.kit.values import clean, parse_date

DEFAULT_DUE_DAYS = 30
MAX_DUE_DAYS = 3650

Given = Mapping[str, Any]


def confirm(tx: Tx, key: str, given: Given) -> Record:
    """An open order becomes confirmed."""
    _allow(given)
    order = _order(tx, key, "open", "confirmed")
    return tx.change(order, fields={**order.fields, "state": "confirmed"})


def ship(tx: Tx, key: str, given: Given) -> Record:
    """A confirmed order becomes shipped; its items leave the stock. Raises ServiceError 409 `no_stock`."""
    _allow(given, "date", "tracking", "carrier")
    order = _order(tx, key, "confirmed", "shipped")
    day = _day(tx, given)
    texts = clean(order.type, {name: given[name] for name in ("tracking", "carrier") if given.get(name) is not None})
    stock.ship(tx, order, day)
    return tx.change(order, fields={**order.fields, **texts, "state": "shipped", "ship_date": day})


def invoice(tx: Tx, key: str, given: Given) -> Record:
    """A shipped order becomes invoiced; returns the invoice. An invoice over nothing is paid at once."""
    _allow(given, "date", "due_days")
    order = _order(tx, key, "shipped", "invoiced")
    day, fields = _day(tx, given), order.fields
    due = _due(day, _due_days(tx, given, fields["customer"]))
    names = ("text", "item", "quantity", "price", "discount_percent", "vat_percent", "external_id")
    made = {name: fields[name] for name in ("customer", "currency", "freight")}
    made |= {"order": order.id, "date": day, "due": due}
    made["lines"] = [{name: line[name] for name in names} for line in fields["lines"]]
    record = operations.insert(tx, tx.store.types["invoices"], made)
    closed = not Decimal(record.fields["total"])
    tx.change(order, fields={**fields, "state": "closed" if closed else "invoiced"})
    return _paid_at_once(tx, record) if closed else record


def _paid_at_once(tx: Tx, record: Record) -> Record:
    return tx.change(record, fields={**record.fields, "state": "paid"})


def cancel(tx: Tx, key: str, given: Given) -> Record:
    """An order that was not shipped becomes cancelled."""
    _allow(given)
    order = operations.find_record(tx, tx.store.types["orders"], key)
    return operations.revise(tx, order, {"state": "cancelled"}, user=True)


def pay(tx: Tx, key: str, given: Given) -> Record:
    """Pay an invoice, in full unless an amount is given; returns the payment."""
    _allow(given, "amount", "date", "method", "reference")
    record = operations.find_record(tx, tx.store.types["invoices"], key)
    fields = {name: value for name, value in given.items() if value is not None}
    fields.setdefault("amount", record.fields["open"])
    if record.fields["state"] != "open":
        raise _wrong_state(record, "paid", "open")
    return operations.create(tx, tx.store.types["payments"], {**fields, "invoice": record.id})


def void(tx: Tx, key: str, given: Given) -> Record:
    """Take back an invoice nothing was paid on; its order can be invoiced again."""
    _allow(given)
    record = operations.find_record(tx, tx.store.types["invoices"], key)
    fields = record.fields
    if fields["state"] != "open":
        raise _wrong_state(record, "voided", "open")
    if fields["open"] != fields["total"]:
        raise conflict("posted", f"Invoice {fields['number']} has payments: it stays.")
    check_open(tx, "date", fields["date"])
    ledger.post(tx, "void", record, record, fields["date"], plain(-Decimal(fields["total"])))
    order = operations.find_record(tx, tx.store.types["orders"], fields["order"])
    tx.change(order, fields={**order.fields, "state": "shipped"})
    return tx.change(record, fields={**fields, "state": "void", "open": money(Decimal(0), fields["currency"])})


def receive(tx: Tx, key: str, given: Given) -> Record:
    """Take a quantity of an item into stock; a negative one corrects."""
    _allow(given, "quantity")
    item = operations.find_record(tx, tx.store.types["items"], key)
    quantity = clean(item.type, {"stock": given.get("quantity")}, application=True)["stock"]
    if quantity in (None, "0"):
        raise invalid("quantity", 'must be a number other than zero, such as "5".')
    return stock.move(tx, item, "receive", None, tx.today.isoformat(), Decimal(quantity))


ACTIONS: Mapping[tuple[str, str], Action] = {
    ("orders", "confirm"): confirm,
    ("orders", "ship"): ship,
    ("orders", "invoice"): invoice,
    ("orders", "cancel"): cancel,
    ("invoices", "pay"): pay,
    ("invoices", "void"): void,
    ("items", "receive"): receive,
}


def _allow(given: Given, *names: str) -> None:
    for name in given:
        if name not in names:
            raise invalid(name[:80], "is not a field of this action.", "unknown_field")


def _order(tx: Tx, key: str, needed: str, wanted: str) -> Record:
    order = operations.find_record(tx, tx.store.types["orders"], key)
    if order.fields["state"] != needed:
        raise _wrong_state(order, wanted, needed)
    return order


def _wrong_state(record: Record, wanted: str, needed: str) -> Exception:
    fields = record.fields
    message = f"{fields['number']} is {fields['state']}; only what is {needed} can be {wanted}."
    return conflict("wrong_state", message, "state")


def _day(tx: Tx, given: Given) -> str:
    day = tx.today.isoformat() if given.get("date") is None else parse_date("date", given["date"])
    check_open(tx, "date", day)
    return day


def _due(day: str, days: int) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days)).isoformat()
    except OverflowError:
        raise invalid("date", "is too far in the future.") from None


def _due_days(tx: Tx, given: Given, customer: str) -> int:
    """As given, or the number in the customer's terms (`net 30`), or 30."""
    days = given.get("due_days")
    if days is None:
        terms = operations.find_record(tx, tx.store.types["customers"], customer).fields["terms"] or ""
        found = search(r"\d{1,4}", terms)
        return min(int(found[0]), MAX_DUE_DAYS) if found else DEFAULT_DUE_DAYS
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MAX_DUE_DAYS:
        raise invalid("due_days", f"must be a whole number from 0 to {MAX_DUE_DAYS}.")
    return days
