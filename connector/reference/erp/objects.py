"""The ERP's objects as data."""

from __future__ import annotations

from connector.reference.erp.rules import CustomerRules, InvoiceRules, ItemRules, OrderRules, PaymentRules
from connector.reference.kit.objects import Field, ObjectType, amount, choice, external_id, reference, text, texts

CURRENCY = Field(name="currency", type="currency", max_length=3)
REMARKS = text("remarks", length=10_000)
NUMBER = text("number", writable=False, unique=True, searched=True)


def _address(prefix: str = "") -> tuple[Field, ...]:
    return (
        *texts(*(f"{prefix}{part}" for part in ("street", "city", "region", "zip"))),
        Field(name=f"{prefix}country", type="country", max_length=2),
    )


def _date(name: str, *, writable: bool = True) -> Field:
    return Field(name=name, type="date", writable=writable)


def _required_currency() -> Field:
    return Field(name="currency", type="currency", max_length=3, required=True)


def _boolean(name: str, default: bool) -> Field:
    return Field(name=name, type="boolean", default=default)


LINES = Field(
    name="lines",
    type="lines",
    lines=(
        reference("item", "items", holds=True),
        text("text", length=2000),
        Field(name="quantity", type="decimal", required=True),
        Field(name="price", type="price", required=True),
        Field(name="discount_percent", type="decimal"),
        Field(name="vat_percent", type="decimal"),
        amount("total", writable=False),
    ),
)
TOTALS = tuple(amount(name, writable=False) for name in ("net", "vat", "total"))

CUSTOMERS = ObjectType(
    "customers",
    "K",
    (
        text("number", unique=True, searched=True),
        external_id(),
        text("name", required=True, indexed=True, searched=True),
        text("vat_number", indexed=True, searched=True),
        text("email", indexed=True, searched=True),
        *texts("phone", "fax", "website", "industry"),
        _boolean("blocked", False),
        _required_currency(),
        text("terms"),
        amount("credit_limit"),
        reference("parent", "customers", holds=True),
        REMARKS,
        *_address(),
        *_address("ship_"),
    ),
    label="name",
    rules=CustomerRules("parent"),
    mergeable=True,
)

PERSONS = ObjectType(
    "persons",
    "P",
    (
        external_id(),
        reference("customer", "customers"),
        text("first_name", searched=True),
        text("last_name", required=True, indexed=True, searched=True),
        text("role"),
        text("email", indexed=True, searched=True),
        *texts("phone", "mobile"),
        _boolean("active", True),
        REMARKS,
    ),
    label="last_name",
    mergeable=True,
)

ITEMS = ObjectType(
    "items",
    "A",
    (
        external_id(),
        text("code", required=True, unique=True, searched=True),
        text("name", required=True, indexed=True, searched=True),
        text("description", length=10_000),
        *texts("group", "unit"),
        Field(name="price", type="price"),
        CURRENCY,
        Field(name="vat_percent", type="decimal"),
        Field(name="stock", type="decimal", writable=False, default="0"),
        _boolean("backorder", False),
        _boolean("active", True),
    ),
    label="name",
    rules=ItemRules(),
    mergeable=True,
)


def orders(auto_confirm: bool) -> ObjectType:
    """auto_confirm: a new order is confirmed at once."""
    return ObjectType(
        "orders",
        "O",
        (
            NUMBER,
            external_id(),
            reference("customer", "customers", required=True),
            reference("person", "persons", holds=True),
            text("customer_reference", indexed=True, searched=True),
            text("title", searched=True),
            _date("order_date"),
            _date("due_date"),
            choice(
                "state", "open", "confirmed", "shipped", "invoiced", "closed", "cancelled", default="open", indexed=True
            ),
            _date("ship_date", writable=False),
            *texts("tracking", "carrier"),
            _required_currency(),
            amount("freight"),
            REMARKS,
            *_address("ship_"),
            LINES,
            *TOTALS,
        ),
        label="number",
        rules=OrderRules(auto_confirm),
    )


INVOICES = ObjectType(
    "invoices",
    "I",
    (
        NUMBER,
        external_id(),
        reference("customer", "customers", holds=True),
        reference("order", "orders", holds=True),
        _date("date"),
        _date("due"),
        choice("state", "open", "paid", "void", default="open", indexed=True),
        CURRENCY,
        amount("freight"),
        LINES,
        *TOTALS,
        amount("open", writable=False),
    ),
    label="number",
    rules=InvoiceRules(),
    read_only=True,
)

PAYMENTS = ObjectType(
    "payments",
    "Z",
    (
        NUMBER,
        external_id(),
        reference("customer", "customers", holds=True),
        reference("invoice", "invoices", holds=True),
        _date("date"),
        amount("amount", required=True),
        CURRENCY,
        *texts("method", "reference"),
    ),
    label="number",
    rules=PaymentRules(),
    deletable=False,
)

BALANCES = ObjectType(
    "balances",
    CUSTOMERS.prefix,
    (amount("open"), amount("overdue"), amount("credit_limit"), CURRENCY, _date("as_of")),
    label="currency",
    read_only=True,
)


def types(auto_confirm: bool) -> tuple[ObjectType, ...]:
    return (CUSTOMERS, PERSONS, ITEMS, orders(auto_confirm), INVOICES, PAYMENTS, BALANCES)
