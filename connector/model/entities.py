"""The canonical entities and the type of each of their fields. Installations add `custom:` fields in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connector.model.values import Side


class FieldType(StrEnum):
    TEXT = "text"  # NFC; trimmed, inner blanks kept
    NOTE = "note"  # NFC; line ends as \n; outer blanks trimmed
    ENUM = "enum"  # one of `choices`
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"  # plain number without currency: quantity, percent
    MONEY = "money"  # Money at the currency's minor unit
    PRICE = "price"  # Money with up to six decimals (unit prices)
    DATE = "date"
    INSTANT = "instant"  # UTC
    REF = "ref"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field. `computed`: derived by each system from other fields; compared, never written."""

    name: str
    type: FieldType
    choices: tuple[str, ...] = ()
    ref: str | None = None
    required: bool = False
    computed: bool = False
    default_owner: Side | None = None
    lines: Mapping[str, Field] = field(default_factory=dict)

    @property
    def group(self) -> str | None:
        """`billing_address` for `billing_address.city`; None for a plain field."""
        head, dot, _ = self.name.rpartition(".")
        return head if dot else None


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of record.

    projects: the entity onto whose records this one is projected (balance -> account): same key,
    never created nor deleted on its own. status_field: what `deletes: archive` sets, and to which value.
    label: the fields that name a record to a person.
    """

    name: str
    fields: Mapping[str, Field]
    label: tuple[str, ...]
    projects: str | None = None
    retire: tuple[str, str] | None = None
    atomic_groups: frozenset[str] = frozenset()


ADDRESS_PARTS = ("street", "city", "region", "postal_code", "country")


def _address(group: str) -> list[Field]:
    return [Field(f"{group}.{part}", FieldType.TEXT) for part in ADDRESS_PARTS]


def _entity(
    name: str,
    label: tuple[str, ...],
    fields: list[Field],
    *,
    projects: str | None = None,
    retire: tuple[str, str] | None = None,
) -> Entity:
    groups = frozenset(f.group for f in fields if f.group)
    return Entity(name, {f.name: f for f in fields}, label, projects, retire, groups)


def _text(*names: str) -> list[Field]:
    return [Field(name, FieldType.TEXT) for name in names]


_ORDER_LINE = {
    f.name: f
    for f in [
        Field("product", FieldType.REF, ref="product"),
        Field("description", FieldType.TEXT),
        Field("quantity", FieldType.DECIMAL, required=True),
        Field("unit_price", FieldType.PRICE, required=True),
        Field("discount_percent", FieldType.DECIMAL),
        Field("tax_percent", FieldType.DECIMAL),
        Field("amount", FieldType.MONEY, computed=True),
    ]
}

ORDER_STATUS = ("draft", "confirmed", "shipped", "invoiced", "closed", "cancelled")
INVOICE_STATUS = ("draft", "open", "paid", "void")

ENTITIES: Mapping[str, Entity] = {
    e.name: e
    for e in [
        _entity(
            "account",
            ("name",),
            [
                Field("number", FieldType.TEXT),
                Field("name", FieldType.TEXT, required=True),
                *_text("tax_id", "email", "phone", "fax", "website", "industry", "payment_terms"),
                Field("status", FieldType.ENUM, choices=("active", "inactive")),
                Field("currency", FieldType.TEXT),
                Field("credit_limit", FieldType.MONEY),
                Field("parent", FieldType.REF, ref="account"),
                Field("notes", FieldType.NOTE),
                *_address("billing_address"),
                *_address("shipping_address"),
            ],
            retire=("status", "inactive"),
        ),
        _entity(
            "contact",
            ("first_name", "last_name"),
            [
                Field("account", FieldType.REF, ref="account"),
                Field("first_name", FieldType.TEXT),
                Field("last_name", FieldType.TEXT, required=True),
                *_text("title", "email", "phone", "mobile"),
                Field("status", FieldType.ENUM, choices=("active", "inactive")),
                Field("notes", FieldType.NOTE),
            ],
            retire=("status", "inactive"),
        ),
        _entity(
            "product",
            ("sku", "name"),
            [
                Field("sku", FieldType.TEXT, required=True),
                Field("name", FieldType.TEXT, required=True),
                *_text("description", "category", "unit"),
                Field("price", FieldType.PRICE),
                Field("tax_percent", FieldType.DECIMAL),
                Field("stock_on_hand", FieldType.DECIMAL),
                Field("status", FieldType.ENUM, choices=("active", "inactive")),
            ],
            retire=("status", "inactive"),
        ),
        _entity(
            "order",
            ("number", "name"),
            [
                Field("number", FieldType.TEXT),
                Field("name", FieldType.TEXT),
                Field("account", FieldType.REF, ref="account", required=True),
                Field("contact", FieldType.REF, ref="contact"),
                Field("po_number", FieldType.TEXT),
                Field("order_date", FieldType.DATE),
                Field("required_date", FieldType.DATE),
                Field("status", FieldType.ENUM, choices=ORDER_STATUS),
                Field("ship_date", FieldType.DATE),
                *_text("tracking", "carrier"),
                Field("currency", FieldType.TEXT),
                Field("freight", FieldType.MONEY),
                Field("subtotal", FieldType.MONEY, computed=True),
                Field("tax", FieldType.MONEY, computed=True),
                Field("total", FieldType.MONEY, computed=True),
                Field("notes", FieldType.NOTE),
                *_address("shipping_address"),
                Field("lines", FieldType.LINES, lines=_ORDER_LINE),
            ],
            retire=("status", "cancelled"),
        ),
        _entity(
            "invoice",
            ("number",),
            [
                Field("number", FieldType.TEXT),
                Field("account", FieldType.REF, ref="account", required=True),
                Field("order", FieldType.REF, ref="order"),
                Field("invoice_date", FieldType.DATE),
                Field("due_date", FieldType.DATE),
                Field("status", FieldType.ENUM, choices=INVOICE_STATUS),
                Field("currency", FieldType.TEXT),
                Field("freight", FieldType.MONEY),
                Field("subtotal", FieldType.MONEY, computed=True),
                Field("tax", FieldType.MONEY, computed=True),
                Field("total", FieldType.MONEY, computed=True),
                Field("open_amount", FieldType.MONEY),
                Field("lines", FieldType.LINES, lines=_ORDER_LINE),
            ],
            retire=("status", "void"),
        ),
        _entity(
            "payment",
            ("number",),
            [
                Field("number", FieldType.TEXT),
                Field("account", FieldType.REF, ref="account", required=True),
                Field("invoice", FieldType.REF, ref="invoice"),
                Field("payment_date", FieldType.DATE),
                Field("amount", FieldType.MONEY, required=True),
                *_text("method", "reference"),
            ],
        ),
        _entity(
            "balance",
            (),
            [
                Field("open", FieldType.MONEY),
                Field("overdue", FieldType.MONEY),
                Field("credit_limit", FieldType.MONEY),
                Field("as_of", FieldType.DATE),
            ],
            projects="account",
        ),
    ]
}

DEPENDENCY_ORDER: tuple[str, ...] = ("account", "contact", "product", "order", "invoice", "payment", "balance")
"""Parents before children."""
