"""The CRM's objects as data."""

from __future__ import annotations

from connector.reference.crm.rules import TotalsRules
from connector.reference.kit.objects import Field, ObjectType, amount, choice, external_id, reference, text, texts
from connector.reference.kit.tree import TreeRules

ADDRESS = ("street", "city", "region", "postal_code", "country")
CURRENCY = Field(name="currency", type="currency", max_length=3)
NOTES = text("notes", length=10_000)


def _address(prefix: str) -> tuple[Field, ...]:
    return texts(*(f"{prefix}_{part}" for part in ADDRESS))


def _dates(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name=name, type="date") for name in names)


LINES = Field(
    name="lines",
    type="lines",
    lines=(
        reference("product_id", "products", holds=True),
        text("description", length=2000),
        Field(name="quantity", type="decimal", required=True),
        Field(name="unit_price", type="price", required=True),
        Field(name="discount_percent", type="decimal"),
        Field(name="tax_percent", type="decimal"),
        amount("amount", writable=False),
    ),
)
TOTALS = tuple(amount(name, writable=False) for name in ("subtotal", "tax", "amount"))

COMPANIES = ObjectType(
    "companies",
    "C",
    (
        text("name", required=True, indexed=True, searched=True),
        external_id(),
        text("number", indexed=True, searched=True),
        text("tax_id", indexed=True, searched=True),
        text("email", indexed=True, searched=True),
        *texts("phone", "fax", "website", "industry"),
        choice("status", "customer", "former", default="customer"),
        CURRENCY,
        text("payment_terms"),
        amount("credit_limit"),
        reference("parent_id", "companies", holds=True),
        NOTES,
        *_address("billing"),
        *_address("shipping"),
        *(
            amount(name, currency="balance_currency")
            for name in ("open_balance", "overdue_balance", "erp_credit_limit")
        ),
        Field(name="balance_currency", type="currency", max_length=3),
        *_dates("balance_as_of"),
    ),
    label="name",
    rules=TreeRules("parent_id"),
    mergeable=True,
)

CONTACTS = ObjectType(
    "contacts",
    "CT",
    (
        external_id(),
        reference("company_id", "companies"),
        text("first_name", searched=True),
        text("last_name", required=True, indexed=True, searched=True),
        text("job_title"),
        text("email", indexed=True, searched=True),
        *texts("phone", "mobile"),
        choice("status", "active", "inactive", default="active"),
        NOTES,
    ),
    label="last_name",
    mergeable=True,
)

PRODUCTS = ObjectType(
    "products",
    "PR",
    (
        external_id(),
        text("sku", required=True, indexed=True, searched=True),
        text("name", required=True, indexed=True, searched=True),
        text("description", length=10_000),
        *texts("category", "unit"),
        Field(name="price", type="price"),
        CURRENCY,
        Field(name="tax_percent", type="decimal"),
        Field(name="stock", type="decimal"),
        choice("status", "active", "retired", default="active"),
    ),
    label="name",
    mergeable=True,
)

DEALS = ObjectType(
    "deals",
    "D",
    (
        external_id(),
        text("name", required=True, indexed=True, searched=True),
        reference("company_id", "companies", required=True),
        reference("contact_id", "contacts"),
        choice("stage", "prospect", "proposal", "won", "lost", default="prospect", indexed=True),
        text("po_number", indexed=True, searched=True),
        *_dates("close_date", "required_date"),
        choice("erp_status", "confirmed", "shipped", "invoiced", "closed", "cancelled"),
        text("erp_number", indexed=True, searched=True),
        *_dates("ship_date"),
        *texts("tracking", "carrier"),
        CURRENCY,
        amount("freight"),
        NOTES,
        *_address("shipping"),
        LINES,
        *TOTALS,
    ),
    label="name",
    rules=TotalsRules(),
    mergeable=True,
)

INVOICES = ObjectType(
    "invoices",
    "I",
    (
        external_id(),
        text("number", required=True, indexed=True, searched=True),
        reference("company_id", "companies", required=True),
        reference("deal_id", "deals"),
        *_dates("invoice_date", "due_date"),
        choice("status", "draft", "open", "paid", "void", default="draft"),
        CURRENCY,
        amount("freight"),
        amount("open_amount"),
        LINES,
        *TOTALS,
    ),
    label="number",
    rules=TotalsRules(),
)

PAYMENTS = ObjectType(
    "payments",
    "PM",
    (
        external_id(),
        text("number", indexed=True, searched=True),
        reference("company_id", "companies", required=True),
        reference("invoice_id", "invoices"),
        *_dates("payment_date"),
        amount("amount", required=True),
        CURRENCY,
        *texts("method", "reference"),
    ),
    label="number",
)

TYPES = (COMPANIES, CONTACTS, PRODUCTS, DEALS, INVOICES, PAYMENTS)
