"""Orders: the page of one order with its lines, and its way from confirmed to paid."""

from __future__ import annotations

from collections.abc import Mapping

from connector.reference.erp import objects
from connector.reference.erp.pages.customers import SHIPPING
from connector.reference.kit.records import Record
from connector.reference.kit.web.actions import Actions, Deed, deed_view
from connector.reference.kit.web.desk import Desk, Sheet, box
from connector.reference.kit.web.documents import lines, reference, value
from connector.reference.kit.web.forms import Control, Layout, layout
from connector.reference.kit.web.site import Call
from connector.reference.kit.web.tables import Column, way

WAY = ("confirmed", "shipped", "invoiced", "closed")
HEAD = ("customer", "person", "customer_reference", "title", "order_date", "due_date", "currency", "freight")
LINE_FIELDS = ("item", "text", "quantity", "price", "discount_percent", "vat_percent")
ORDERS = objects.orders(auto_confirm=True)
FORM = layout(
    ORDERS,
    {
        "Order": HEAD,
        "Delivery": ("carrier", "tracking"),
        "Shipping address": SHIPPING,
        "Remarks": ("remarks", "external_id"),
    },
    LINE_FIELDS,
)
SHIPPED_FORM = layout(
    ORDERS,
    {
        "Order": tuple(name for name in HEAD if name not in ("customer", "currency")),
        "Delivery": ("carrier", "tracking"),
        "Shipping address": SHIPPING,
        "Remarks": ("remarks", "external_id"),
    },
)
POSTED_FORM = layout(ORDERS, {"Remarks": ("remarks",)})
LINES = (
    Column("item", "ref", ref="items"),
    Column("text"),
    Column("quantity", "number"),
    Column("price", "money"),
    Column("discount_percent", "number"),
    Column("vat_percent", "number"),
    Column("total", "money"),
)
TOTALS = (("Net", "net"), ("Freight", "freight"), ("VAT", "vat"), ("Total", "total"))

CONFIRM = Deed("confirm", "Confirm", css="main")
SHIP = Deed(
    "ship",
    "Ship",
    (
        Control("date", "date", "Ship date"),
        Control("carrier", "text", "Carrier"),
        Control("tracking", "text", "Tracking"),
    ),
    "main",
)
INVOICE = Deed(
    "invoice",
    "Invoice",
    (Control("date", "date", "Invoice date"), Control("due_days", "integer", "Due in days")),
    "main",
    follow=True,
)
CANCEL = Deed("cancel", "Cancel the order", css="risk", confirm="Cancel this order?")
ORDER_DEEDS = (CONFIRM, SHIP, INVOICE, CANCEL)
OFFERED = {"open": (CONFIRM, CANCEL), "confirmed": (SHIP, CANCEL), "shipped": (INVOICE,)}
NEXT = {
    "open": "Confirm the order to release it for shipping.",
    "confirmed": "Shipping takes the items from the stock.",
    "shipped": "The goods are on their way. Lines, customer and currency are fixed now.",
    "invoiced": "Pay the invoice below to close the order.",
    "closed": "Paid and done.",
    "cancelled": "This order was cancelled.",
}


def orders(desk: Desk) -> Sheet:
    """The page of an order."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        fields, state = record.fields, record.fields["state"]
        today = desk.service.store.clock().date().isoformat()
        defaults = {"date": today, "carrier": fields["carrier"] or "", "tracking": fields["tracking"] or ""}
        deeds = tuple(deed_view(deed, record, call, **defaults) for deed in OFFERED.get(state, ()))
        facts = (
            reference(desk, record, "customer"),
            value(record, "customer_reference", "Their reference"),
            value(record, "order_date"),
            value(record, "ship_date"),
            value(record, "carrier"),
            value(record, "tracking"),
        )
        empty = "No invoice yet. Invoice the order when it has been shipped."
        return {
            "actions": Actions("Next step", NEXT.get(state, ""), way(WAY, state), deeds),
            "side": (box("Order", facts),),
            "lines": None if _open(record).lines else lines(desk, record, LINES, TOTALS),
            "tables": (desk.related("invoices", "order", record, empty=empty),),
        }

    columns = (
        Column("number", "link"),
        Column("customer", "ref", ref="customers"),
        Column("title"),
        Column("order_date", "date", title="Date"),
        Column("ship_date", "date"),
        Column("total", "money"),
        Column("state", "pill"),
    )
    empty = "No orders yet. Win a deal in the CRM, or create an order here."
    return Sheet(
        "orders", "Orders", "order", columns, "Order number, title or customer reference", empty, FORM,
        creatable=True, status="state", totals=TOTALS, extra=extra, open=_open,
        fill={"price": "price", "vat_percent": "vat_percent"},
    )  # fmt: skip


def _open(record: Record) -> Layout:
    """What a person may still change in this state."""
    return {"open": FORM, "confirmed": FORM, "shipped": SHIPPED_FORM}.get(record.fields["state"], POSTED_FORM)
