"""Invoices and payments: posted, so they are looked at, paid or taken back."""

from __future__ import annotations

from collections.abc import Mapping

from connector.reference.erp.pages.orders import LINES, TOTALS
from connector.reference.kit.records import Record
from connector.reference.kit.web.actions import Actions, Deed, deed_view
from connector.reference.kit.web.desk import Desk, Sheet, box
from connector.reference.kit.web.documents import amount, lines, reference, value
from connector.reference.kit.web.forms import Control
from connector.reference.kit.web.site import Call
from connector.reference.kit.web.tables import Column

PAY = Deed(
    "pay",
    "Pay",
    (
        Control("amount", "money", "Amount"),
        Control("date", "date", "Date"),
        Control("method", "text", "Method"),
        Control("reference", "text", "Reference"),
    ),
    "main",
)
VOID = Deed("void", "Void the invoice", css="risk", confirm="Take this invoice back?")
INVOICE_DEEDS = (PAY, VOID)
NEXT = {
    "open": "Book what the customer has paid; a part is possible.",
    "paid": "Paid in full.",
    "void": "This invoice was taken back. Its order can be invoiced again.",
}


def invoices(desk: Desk) -> Sheet:
    """The page of an invoice, with its payments."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        fields, state = record.fields, record.fields["state"]
        today = desk.service.store.clock().date().isoformat()
        # What has payments on it cannot be taken back.
        deeds = () if state != "open" else (PAY, VOID) if fields["open"] == fields["total"] else (PAY,)
        facts = (
            amount(record, "open", css="big"),
            amount(record, "total"),
            reference(desk, record, "customer"),
            reference(desk, record, "order"),
            value(record, "date"),
            value(record, "due"),
        )
        defaults = {"amount": str(fields["open"] or ""), "date": today}
        views = tuple(deed_view(deed, record, call, **defaults) for deed in deeds)
        return {
            "actions": Actions("Next step", NEXT.get(state, ""), forms=views),
            "side": (box("Invoice", facts),),
            "lines": lines(desk, record, LINES, TOTALS),
            "tables": (desk.related("payments", "invoice", record, empty="Nothing has been paid yet."),),
        }

    columns = (
        Column("number", "link"),
        Column("customer", "ref", ref="customers"),
        Column("order", "ref", ref="orders"),
        Column("date", "date"),
        Column("due", "date"),
        Column("total", "money"),
        Column("open", "money"),
        Column("state", "pill"),
    )
    return Sheet(
        "invoices", "Invoices", "invoice", columns, "Invoice number",
        "No invoices yet. Ship an order, then invoice it on its page.", status="state", extra=extra,
    )  # fmt: skip


def payments(desk: Desk) -> Sheet:
    """The page of a payment."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        facts = (
            amount(record, "amount", css="big"),
            reference(desk, record, "customer"),
            reference(desk, record, "invoice"),
            value(record, "date"),
            value(record, "method"),
            value(record, "reference"),
        )
        return {"side": (box("Payment", facts),)}

    columns = (
        Column("number", "link"),
        Column("customer", "ref", ref="customers"),
        Column("invoice", "ref", ref="invoices"),
        Column("date", "date"),
        Column("method"),
        Column("amount", "money"),
    )
    return Sheet(
        "payments", "Payments", "payment", columns, "Payment number",
        "No payments yet. Open an invoice and book what was paid.", extra=extra,
    )  # fmt: skip
