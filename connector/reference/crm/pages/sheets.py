"""How the CRM's objects are shown, but for deals."""

from __future__ import annotations

from collections.abc import Mapping

from connector.reference.crm import objects
from connector.reference.kit.records import Record
from connector.reference.kit.web import show
from connector.reference.kit.web.desk import Desk, Sheet, box
from connector.reference.kit.web.documents import amount, lines, reference, value
from connector.reference.kit.web.forms import layout
from connector.reference.kit.web.site import Call
from connector.reference.kit.web.tables import Box, Column, Fact

BILLING = tuple(f"billing_{part}" for part in objects.ADDRESS)
SHIPPING = tuple(f"shipping_{part}" for part in objects.ADDRESS)

COMPANY_FORM = layout(
    objects.COMPANIES,
    {
        "Company": ("name", "number", "tax_id", "status", "industry", "parent_id"),
        "Phone and web": ("email", "phone", "fax", "website"),
        "Terms": ("currency", "payment_terms", "credit_limit"),
        "Billing address": BILLING,
        "Shipping address": SHIPPING,
        "Notes": ("notes", "external_id"),
    },
)
CONTACT_FORM = layout(
    objects.CONTACTS,
    {
        "Contact": ("first_name", "last_name", "company_id", "job_title", "status"),
        "Phone and web": ("email", "phone", "mobile"),
        "Notes": ("notes", "external_id"),
    },
)
PRODUCT_FORM = layout(
    objects.PRODUCTS,
    {
        "Product": ("name", "sku", "category", "unit", "status", "description"),
        "Price and stock": ("price", "currency", "tax_percent", "stock", "external_id"),
    },
)
LINES = (
    Column("product_id", "ref", ref="products"),
    Column("description"),
    Column("quantity", "number"),
    Column("unit_price", "money"),
    Column("discount_percent", "number"),
    Column("tax_percent", "number"),
    Column("amount", "money"),
)
TOTALS = (("Subtotal", "subtotal"), ("Freight", "freight"), ("Tax", "tax"), ("Amount", "amount"))
INVOICES_EMPTY = "No invoices yet. They appear here when the ERP has invoiced an order."
COMPANIES_EMPTY = "No companies yet. Create the first one; with the connector running it also appears in the ERP."


def companies(desk: Desk) -> Sheet:
    """Companies, with their figures from the ERP and everything that belongs to them."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        return {
            "side": (_balance(record), _address("Billing address", record, "billing")),
            "tables": (
                desk.related("deals", "company_id", record, empty="No deals with this company yet."),
                desk.related("contacts", "company_id", record, empty="Nobody is known at this company yet."),
                desk.related("invoices", "company_id", record, empty=INVOICES_EMPTY),
                desk.related("payments", "company_id", record, empty="No payments yet."),
            ),
        }

    columns = (
        Column("name", "link"),
        Column("number"),
        Column("billing_city", title="City"),
        Column("billing_country", title="Country"),
        Column("status", "pill"),
        Column("open_balance", "money", currency="balance_currency"),
        Column("overdue_balance", "money", title="Overdue", currency="balance_currency"),
    )
    return Sheet(
        "companies", "Companies", "company", columns, "Name, number, tax id or email", COMPANIES_EMPTY,
        COMPANY_FORM, creatable=True, status="status", extra=extra,
    )  # fmt: skip


def _balance(record: Record) -> Box:
    """What the ERP says the company owes."""
    overdue = show.decimal(record.fields["overdue_balance"])
    facts = (
        amount(record, "open_balance", css="big", currency="balance_currency"),
        amount(record, "overdue_balance", "Overdue", "bad" if overdue else "", "balance_currency"),
        amount(record, "erp_credit_limit", "Credit limit", currency="balance_currency"),
        value(record, "balance_as_of", "As of"),
    )
    empty = "The ERP has not reported a balance yet. It comes with the first invoice."
    return box("Figures from the ERP", facts, empty)


def _address(title: str, record: Record, prefix: str) -> Box:
    parts = (record.fields[f"{prefix}_{part}"] for part in objects.ADDRESS)
    return box(title, (Fact("Address", ", ".join(str(part) for part in parts if part)),), "No address yet.")


def contacts() -> Sheet:
    columns = (
        Column("last_name", "link"),
        Column("first_name"),
        Column("company_id", "ref", ref="companies"),
        Column("job_title"),
        Column("email"),
        Column("phone"),
        Column("status", "pill"),
    )
    return Sheet(
        "contacts", "Contacts", "contact", columns, "Name or email",
        "No contacts yet. Add the first person you talk to.", CONTACT_FORM, creatable=True, status="status",
    )  # fmt: skip


def products() -> Sheet:
    columns = (
        Column("name", "link"),
        Column("sku"),
        Column("category"),
        Column("price", "money"),
        Column("stock", "number"),
        Column("unit"),
        Column("status", "pill"),
    )
    return Sheet(
        "products", "Products", "product", columns, "Name or SKU",
        "No products yet. They usually come from the ERP's items; you can also create one here.",
        PRODUCT_FORM, creatable=True, status="status",
    )  # fmt: skip


def invoices(desk: Desk) -> Sheet:
    """Invoices as the ERP wrote them: to look at."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        facts = (
            amount(record, "open_amount", "Open", css="big"),
            amount(record, "amount", "Total"),
            reference(desk, record, "company_id"),
            reference(desk, record, "deal_id"),
            value(record, "invoice_date", "Date"),
            value(record, "due_date", "Due"),
        )
        unpaid = "Nothing has been paid on this invoice yet."
        return {
            "lines": lines(desk, record, LINES, TOTALS),
            "side": (box("Invoice", facts),),
            "tables": (desk.related("payments", "invoice_id", record, empty=unpaid),),
        }

    columns = (
        Column("number", "link"),
        Column("company_id", "ref", ref="companies"),
        Column("deal_id", "ref", ref="deals"),
        Column("invoice_date", "date", title="Date"),
        Column("due_date", "date", title="Due"),
        Column("amount", "money"),
        Column("open_amount", "money", title="Open"),
        Column("status", "pill"),
    )
    return Sheet(
        "invoices", "Invoices", "invoice", columns, "Invoice number",
        INVOICES_EMPTY, status="status", extra=extra,
    )  # fmt: skip


def payments(desk: Desk) -> Sheet:
    """Payments as the ERP booked them: to look at."""

    def extra(record: Record, call: Call) -> Mapping[str, object]:
        facts = (
            amount(record, "amount", css="big"),
            reference(desk, record, "company_id"),
            reference(desk, record, "invoice_id"),
            value(record, "payment_date", "Date"),
            value(record, "method"),
            value(record, "reference"),
        )
        return {"side": (box("Payment", facts),)}

    columns = (
        Column("payment_date", "date", title="Date"),
        Column("number", "link"),
        Column("company_id", "ref", ref="companies"),
        Column("invoice_id", "ref", ref="invoices"),
        Column("method"),
        Column("amount", "money"),
    )
    return Sheet(
        "payments", "Payments", "payment", columns, "Payment number",
        "No payments yet. They appear here when the ERP has booked one.", extra=extra,
    )  # fmt: skip
