"""The ERP's rules: what a posted document allows, what is computed, what a payment does."""

from __future__ import annotations

from decimal import Decimal

from connector.reference.erp import ledger, stock
from connector.reference.erp.periods import check_open
from connector.reference.kit.money import LineNames, plain
from connector.reference.kit.objects import Fields, Rules
from connector.reference.kit.problems import conflict, invalid
from connector.reference.kit.records import Record
from connector.reference.kit.totals import set_totals
from connector.reference.kit.tree import TreeRules
from connector.reference.kit.tx import Tx

_NAMES = LineNames(price="price", tax="vat_percent", total="total")
_FIRST_NUMBER = 1001

POSTED = ("shipped", "invoiced", "closed")
FROZEN = {
    "shipped": frozenset(("lines", "customer", "currency", "state")),
    "invoiced": None,
    "closed": None,
    "cancelled": None,
}
"""By state, the fields of an order that may not change; None: all but remarks."""


def next_number(tx: Tx, name: str, prefix: str) -> str:
    """The next document number, passing by those that people gave themselves."""
    kind = tx.store.types[name]
    while True:
        number = f"{prefix}{tx.next(f'number:{name}', _FIRST_NUMBER)}"
        if tx.holder(kind, "number", number) is None:
            return number


class CustomerRules(TreeRules):
    def prepare(self, tx: Tx, changes: Fields) -> None:
        if changes.get("number") is None:
            changes["number"] = next_number(tx, "customers", "C")

    def check(self, tx: Tx, before: Record | None, after: Fields) -> None:
        super().check(tx, before, after)
        if after["number"] is None:
            raise invalid("number", "must not be empty.", "required")
        if before is not None and after["currency"] != before.fields["currency"] and self._has_balance(tx, before):
            raise conflict("posted", f"currency: customer {before.id} has postings in its currency.", "currency")

    def saved(self, tx: Tx, before: Record | None, record: Record) -> Record:
        if before is not None and before.fields["credit_limit"] != record.fields["credit_limit"]:
            tx.touched.add(record.n)
        return record

    def check_merge(self, tx: Tx, winner: Record, loser: Record) -> None:
        if winner.fields["currency"] != loser.fields["currency"] and self._has_balance(tx, loser):
            raise conflict("posted", f"Customer {loser.id} has postings in another currency than {winner.id}.")

    def merged(self, tx: Tx, winner: Record, loser: Record) -> None:
        ledger.move(tx, winner, loser)

    def _has_balance(self, tx: Tx, customer: Record) -> bool:
        return tx.get(tx.store.types["balances"], customer.n) is not None


class ItemRules(Rules):
    def merged(self, tx: Tx, winner: Record, loser: Record) -> None:
        stock.merge(tx, winner, loser)


class OrderRules(Rules):
    def __init__(self, auto_confirm: bool) -> None:
        self._first_state = "confirmed" if auto_confirm else "open"

    def prepare(self, tx: Tx, changes: Fields) -> None:
        changes["number"] = next_number(tx, "orders", "SO-")
        if changes.get("order_date") is None:
            changes["order_date"] = tx.today.isoformat()
        if changes.get("state") in (None, "open"):
            changes["state"] = self._first_state

    def derive(self, tx: Tx, before: Record | None, after: Fields) -> None:
        set_totals(after, _NAMES, "net", "vat", "total")

    def check(self, tx: Tx, before: Record | None, after: Fields) -> None:
        if before is None:
            self._check_new(tx, after)
            return
        old = before.fields
        changed = [name for name in after if after[name] != old[name]]
        if old["state"] in FROZEN:
            frozen = FROZEN[old["state"]]
            for name in changed:
                if name != "remarks" if frozen is None else name in frozen:
                    raise conflict("posted", f"{name}: order {old['number']} is {old['state']}.", name)
        if "state" in changed and after["state"] != "cancelled":
            raise invalid("state", "can only be set to cancelled; use the actions for the rest.", "read_only")
        if "order_date" in changed:
            check_open(tx, "order_date", after["order_date"])

    def _check_new(self, tx: Tx, after: Fields) -> None:
        if after["state"] not in (self._first_state, "cancelled"):
            raise invalid("state", "can only be set to cancelled; use the actions for the rest.", "read_only")
        customers = tx.store.types["customers"]
        n = customers.number(after["customer"])
        customer = None if n is None else tx.get(customers, n)
        if customer is not None and customer.fields["blocked"]:
            raise conflict("blocked", f"Customer {customer.fields['number']} is blocked for new orders.", "customer")
        check_open(tx, "order_date", after["order_date"])

    def check_delete(self, tx: Tx, record: Record) -> None:
        if record.fields["state"] in POSTED:
            raise conflict("posted", f"Order {record.fields['number']} is {record.fields['state']}: it stays.")


class InvoiceRules(Rules):
    def prepare(self, tx: Tx, changes: Fields) -> None:
        changes["number"] = next_number(tx, "invoices", "INV-")

    def derive(self, tx: Tx, before: Record | None, after: Fields) -> None:
        set_totals(after, _NAMES, "net", "vat", "total")
        if before is None:
            after["open"] = after["total"]

    def saved(self, tx: Tx, before: Record | None, record: Record) -> Record:
        if before is None:
            ledger.post(tx, "invoice", record, record, record.fields["date"], record.fields["total"])
        return record


class PaymentRules(Rules):
    """A payment is posted when it is made and stays as it is, but for its method, reference and external id."""

    def prepare(self, tx: Tx, changes: Fields) -> None:
        changes["number"] = next_number(tx, "payments", "PAY-")
        if changes.get("date") is None:
            changes["date"] = tx.today.isoformat()
        invoice = _target(tx, "invoices", changes.get("invoice"))
        if invoice is not None:
            for name in ("customer", "currency"):
                if changes.get(name) is None:
                    changes[name] = invoice.fields[name]
        customer = _target(tx, "customers", changes.get("customer"))
        if customer is not None and changes.get("currency") is None:
            changes["currency"] = customer.fields["currency"]

    def check(self, tx: Tx, before: Record | None, after: Fields) -> None:
        if before is not None:
            for name in after:
                if after[name] != before.fields[name] and name not in ("method", "reference", "external_id"):
                    raise conflict("posted", f"{name}: payment {after['number']} is posted.", name)
            return
        if after["customer"] is None:
            raise invalid("customer", "must not be empty.", "required")
        if not Decimal(after["amount"]):
            raise invalid("amount", "must not be zero.")
        check_open(tx, "date", after["date"])
        invoice = _target(tx, "invoices", after["invoice"])
        if invoice is not None:
            _check_pays(after, invoice)

    def saved(self, tx: Tx, before: Record | None, record: Record) -> Record:
        if before is not None:
            return record
        invoice = _target(tx, "invoices", record.fields["invoice"])
        value = plain(-Decimal(record.fields["amount"]))
        ledger.post(tx, "payment", record, invoice, record.fields["date"], value)
        if invoice is not None:
            pay_off(tx, invoice, record.fields["amount"])
        return record


def _check_pays(payment: Fields, invoice: Record) -> None:
    fields = invoice.fields
    if fields["state"] != "open":
        raise conflict(
            "wrong_state", f"Invoice {fields['number']} is {fields['state']}: it takes no payment.", "invoice"
        )
    for name in ("customer", "currency"):
        if payment[name] != fields[name]:
            raise invalid(name, f"must be that of the invoice, {fields[name]}.")
    paid, left = Decimal(payment["amount"]), Decimal(fields["open"])
    if (paid > 0) != (left > 0) or abs(paid) > abs(left):
        raise invalid("amount", f"must not be more than is open, {fields['open']}.")


def pay_off(tx: Tx, invoice: Record, value: str) -> None:
    """Lower what is open; an invoice paid in full is paid, and its order closed."""
    left = Decimal(invoice.fields["open"]) - Decimal(value)
    state = "open" if left else "paid"
    tx.change(invoice, fields={**invoice.fields, "open": plain(left), "state": state})
    if not left:
        order = _target(tx, "orders", invoice.fields["order"])
        if order is not None and order.fields["state"] == "invoiced":
            tx.change(order, fields={**order.fields, "state": "closed"})


def _target(tx: Tx, name: str, key: str | None) -> Record | None:
    """The live record a reference names, if it names one."""
    kind = tx.store.types[name]
    n = kind.number(key)
    record = None if n is None else tx.get(kind, n)
    return record if record is not None and record.live else None
