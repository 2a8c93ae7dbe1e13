"""The object types: their ids, what a new record needs, and the scopes that open them (contract 1, 2, 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from connector.emulators.hubspot.problems import invalid

LINE_ITEM_PARENTS = ("deals", "orders", "invoices")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One object type.

    singular: its name in events and in the type of an association. modified: the property with the time of the last
    change. required: groups of properties of which a new record needs one each. events: has event types of its own.
    new_id: a merge makes a new record (contract 3.6). unique: defined properties no two records share.
    """

    name: str
    type_id: str
    singular: str
    label: str
    group: str
    scope: str
    required: tuple[tuple[str, ...], ...] = ()
    modified: str = "hs_lastmodifieddate"
    older_scope: str | None = None
    schema_scope: str | None = None
    events: bool = True
    new_id: bool = False
    unique: tuple[str, ...] = ()

    def scopes(self, action: str) -> tuple[str, ...]:
        """Scopes of which one suffices to `read` or `write` records."""
        granular = f"crm.objects.{self.scope}.{action}"
        return (granular,) if self.older_scope is None else (granular, self.older_scope)

    def schema_scopes(self, action: str) -> tuple[str, ...]:
        """Scopes of which one suffices to `read` or `write` property definitions."""
        if action == "read" or self.schema_scope is None:
            return self.scopes(action)
        return (self.schema_scope,)


COMPANIES = ObjectType(
    name="companies",
    type_id="0-2",
    singular="company",
    label="COMPANY",
    group="companyinformation",
    scope="companies",
    required=(("name", "domain"),),
    schema_scope="crm.schemas.companies.write",
    new_id=True,
)
CONTACTS = ObjectType(
    name="contacts",
    type_id="0-1",
    singular="contact",
    label="CONTACT",
    group="contactinformation",
    scope="contacts",
    required=(("email", "firstname", "lastname"),),
    modified="lastmodifieddate",
    schema_scope="crm.schemas.contacts.write",
    new_id=True,
    unique=("email",),
)
DEALS = ObjectType(
    name="deals",
    type_id="0-3",
    singular="deal",
    label="DEAL",
    group="dealinformation",
    scope="deals",
    required=(("dealname",), ("dealstage",), ("pipeline",)),
    schema_scope="crm.schemas.deals.write",
)
PRODUCTS = ObjectType(
    name="products",
    type_id="0-7",
    singular="product",
    label="PRODUCT",
    group="productinformation",
    scope="products",
    required=(("name",),),
    older_scope="e-commerce",
)
LINE_ITEMS = ObjectType(
    name="line_items",
    type_id="0-8",
    singular="line_item",
    label="LINE_ITEM",
    group="lineiteminformation",
    scope="line_items",
    older_scope="e-commerce",
)
ORDERS = ObjectType(
    name="orders",
    type_id="0-123",
    singular="order",
    label="ORDER",
    group="order_information",
    scope="orders",
    required=(("hs_order_name",),),
    schema_scope="crm.schemas.orders.write",
    events=False,
)
INVOICES = ObjectType(
    name="invoices",
    type_id="0-53",
    singular="invoice",
    label="INVOICE",
    group="invoice_information",
    scope="invoices",
    required=(("hs_currency",),),
    schema_scope="crm.schemas.invoices.write",
    events=False,
)
PAYMENTS = ObjectType(
    name="commerce_payments",
    type_id="0-101",
    singular="commerce_payment",
    label="COMMERCE_PAYMENT",
    group="commerce_payments_information",
    scope="commercepayments",
    required=(("hs_initial_amount",), ("hs_initiated_date",)),
    events=False,
)

TYPES = (COMPANIES, CONTACTS, DEALS, PRODUCTS, LINE_ITEMS, ORDERS, INVOICES, PAYMENTS)
LISTED_FOR_PRODUCTS = (("name",), ("price",), ("description",), ("hs_sku",), ("hs_folder",))
BY_NAME = {kind.name: kind for kind in TYPES}
_BY_KEY = {key: kind for kind in TYPES for key in (kind.name, kind.type_id)}

ALL_SCOPES = frozenset(
    scope
    for kind in TYPES
    for action in ("read", "write")
    for scope in (*kind.scopes(action), *kind.schema_scopes(action))
)


def object_type(key: str, payments: bool) -> ObjectType:
    """The type by name or id. Raises HubSpotError 400, for payments also where the account takes none."""
    kind = _BY_KEY.get(key)
    if kind is None or (kind is PAYMENTS and not payments):
        raise invalid(f"Unable to infer object type from: {key[:80]}")
    return kind
