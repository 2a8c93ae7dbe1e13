"""Customers with their balance and ledger, and the persons who work there."""

from __future__ import annotations

from collections.abc import Mapping

from connector.reference.erp import ledger, objects
from connector.reference.kit.records import Record
from connector.reference.kit.web import show
from connector.reference.kit.web.desk import Desk, Sheet, box
from connector.reference.kit.web.documents import amount, value
from connector.reference.kit.web.forms import layout
from connector.reference.kit.web.site import Call
from connector.reference.kit.web.tables import Box, Cell, Column, Row, Table

ADDRESS = ("street", "city", "region", "zip", "country")
SHIPPING = tuple(f"ship_{part}" for part in ADDRESS)
LEDGER_ROWS = 50

CUSTOMER_FORM = layout(
    objects.CUSTOMERS,
    {
        "Customer": ("name", "number", "vat_number", "industry", "parent", "blocked"),
        "Phone and web": ("email", "phone", "fax", "website"),
        "Terms": ("currency", "terms", "credit_limit"),
        "Address": ADDRESS,
        "Shipping address": SHIPPING,
        "Remarks": ("remarks", "external_id"),
    },
)
PERSON_FORM = layout(
    objects.PERSONS,
    {
        "Person": ("first_name", "last_name", "customer", "role", "active"),
        "Phone and web": ("email", "phone", "mobile"),
        "Remarks": ("remarks", "external_id"),
    },
)


def customers(desk: Desk) -> Sheet:
    """Customers, with what they owe and everything that belongs to them."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        return {
            "side": (_balance(desk, record),),
            "tables": (
                desk.related("orders", "customer", record, empty="No orders from this customer yet."),
                desk.related("invoices", "customer", record, empty="No invoices yet. Ship an order and invoice it."),
                _ledger(desk, record),
                desk.related("payments", "customer", record, empty="No payments yet. Pay an invoice on its page."),
                desk.related("persons", "customer", record, empty="Nobody is known at this customer yet."),
            ),
        }

    columns = (
        Column("name", "link"),
        Column("number"),
        Column("city"),
        Column("country"),
        Column("terms"),
        Column("credit_limit", "money"),
        Column("blocked", "bool"),
    )
    empty = "No customers yet. Create the first one; with the connector running, those of the CRM arrive here too."
    return Sheet(
        "customers", "Customers", "customer", columns, "Name, number, VAT number or email", empty,
        CUSTOMER_FORM, creatable=True, extra=extra,
    )  # fmt: skip


def _balance(desk: Desk, record: Record) -> Box:
    """What the ledger says the customer owes."""
    found = desk.service.read("balances", (record.id,)).get(record.id)
    if found is None:
        return box("Balance", (), "Nothing has been posted for this customer yet.")
    overdue = show.decimal(found.fields["overdue"])
    facts = (
        amount(found, "open", "Open balance", "big"),
        amount(found, "overdue", css="bad" if overdue else ""),
        amount(found, "credit_limit"),
        value(found, "as_of", "As of"),
    )
    return box("Balance", facts)


def _ledger(desk: Desk, record: Record) -> Table:
    """The last postings, with the document each came from."""
    rows = desk.service.store.rows(
        "SELECT n, date, kind, document, currency, amount FROM ledger WHERE customer = ? ORDER BY n DESC LIMIT ?",
        (record.n, LEDGER_ROWS),
    )
    heads = (Column("date", "date"), Column("posting"), Column("document"), Column("amount", "money"))
    cells = []
    for n, day, kind, document, currency, units in rows:
        target = "payments" if kind == "payment" else "invoices"
        text = show.money(ledger.amount_text(units, currency), currency)
        link = Cell(desk.name(target, document), "link", f"/{target}/{document}")
        cells.append(Row(f"ledger-{n}", (Cell(day, css="n"), Cell(show.words(kind)), link, Cell(text, css="r"))))
    return Table("Ledger", heads, tuple(cells), "No postings yet. Invoices and payments are posted here.")


def persons() -> Sheet:
    columns = (
        Column("last_name", "link"),
        Column("first_name"),
        Column("customer", "ref", ref="customers"),
        Column("role"),
        Column("email"),
        Column("phone"),
        Column("active", "bool"),
    )
    return Sheet(
        "persons", "Persons", "person", columns, "Name or email", "Nobody is known yet. Add the first person.",
        PERSON_FORM, creatable=True,
    )  # fmt: skip
