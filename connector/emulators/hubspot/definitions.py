"""Property definitions: HubSpot's own, as data, and how a definition goes over the wire (contract 3.3, 8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from connector.emulators.hubspot.catalog import TYPES, ObjectType
from connector.reference.kit.store import stamp

FIELD_TYPES = {
    "string": ("text", "textarea", "html", "phonenumber", "file"),
    "number": ("number",),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox"),
    "bool": ("booleancheckbox",),
}
"""Which `fieldType` goes with which `type`; the first is what HubSpot's own properties have."""

LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
INVOICE_STATUS = ("draft", "open", "paid", "voided")


class Option(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """One value of an enumeration; what is written is `value`, what people see is `label`."""

    label: str
    value: str
    display_order: int
    hidden: bool
    description: str = ""


class Definition(msgspec.Struct, rename="camel", kw_only=True):
    """One property of one object type. external: its values are kept elsewhere, such as the stages of pipelines."""

    name: str
    label: str
    type: str
    field_type: str
    group_name: str
    description: str = ""
    options: list[Option] = []
    has_unique_value: bool = False
    calculated: bool = False
    read_only: bool = False
    external: bool = False
    hidden: bool = False
    form_field: bool = True
    display_order: int = -1
    hubspot_defined: bool = False
    at: int = 0

    @property
    def computed(self) -> bool:
        return self.read_only or self.calculated

    @property
    def multiple(self) -> bool:
        return self.field_type == "checkbox"

    def wire(self) -> dict[str, Any]:
        """The definition as the properties API answers it."""
        at = stamp(self.at)
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": self.group_name,
            "description": self.description,
            "options": [msgspec.to_builtins(option) for option in self.options],
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.external,
            "hasUniqueValue": self.has_unique_value,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "formField": self.form_field,
            "archived": False,
            "createdAt": at,
            "updatedAt": at,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.computed,
                "readOnlyOptions": self.hubspot_defined,
            },
        }


_ADDRESS = "address address2 city state zip country"
_SHIPPING = " ".join(f"hs_shipping_address_{part}" for part in ("street", "city", "state", "postal_code", "country"))

# Names by type. An enumeration is written NAME=VALUE|VALUE, one whose values are kept elsewhere NAME=.
_DEFAULTS: dict[str, dict[str, str]] = {
    "companies": {
        "string": f"name domain phone website {_ADDRESS} industry description",
        "enumeration": f"lifecyclestage={'|'.join(LIFECYCLE)}",
    },
    "contacts": {
        "string": f"email firstname lastname phone mobilephone jobtitle company website {_ADDRESS}",
        "enumeration": f"lifecyclestage={'|'.join(LIFECYCLE)}",
    },
    "deals": {
        "string": "dealname description",
        "number": "amount",
        "datetime": "closedate",
        "enumeration": "pipeline= dealstage= deal_currency_code=",
    },
    "products": {
        "string": "name hs_sku description hs_folder",
        "number": "price hs_cost_of_goods_sold",
        "enumeration": "hs_product_type=inventory|non_inventory|service",
    },
    "line_items": {
        "string": "name hs_sku hs_line_item_currency_code description",
        "number": "quantity price hs_product_id amount",
    },
    "orders": {
        "string": "hs_order_name hs_external_order_id hs_external_order_status hs_currency_code hs_fulfillment_status"
        f" hs_source_store {_SHIPPING} hs_shipping_tracking_number",
        "number": "hs_total_price hs_subtotal_price",
        "enumeration": "hs_pipeline= hs_pipeline_stage=",
    },
    "invoices": {
        "string": "hs_currency hs_number hs_purchase_order_number hs_comments",
        "date": "hs_invoice_date hs_due_date",
        "bool": "hs_invoice_billable",
        "enumeration": f"hs_invoice_status={'|'.join(INVOICE_STATUS)}",
    },
    "commerce_payments": {
        "string": "hs_currency_code hs_customer_email hs_payment_method_type hs_reference_number hs_processor_type",
        "number": "hs_initial_amount hs_refunds_amount",
        "datetime": "hs_initiated_date",
        "enumeration": "hs_latest_status=processing|succeeded|failed|refunded|partially_refunded",
    },
}
_CALCULATED = {("line_items", "amount")}
MERGED_IDS = "hs_merged_object_ids"


def defaults(kind: ObjectType, currencies: Iterable[str]) -> list[Definition]:
    """HubSpot's own properties of one object type, those every record has included."""
    found = [
        _own(kind, "hs_object_id", "number", read_only=True),
        _own(kind, "createdate", "datetime", read_only=True),
        _own(kind, kind.modified, "datetime", read_only=True),
        _own(kind, MERGED_IDS, "string", read_only=True),
    ]
    for type_, words in _DEFAULTS[kind.name].items():
        for word in words.split():
            name, _, values = word.partition("=")
            options = tuple(currencies) if name == "deal_currency_code" else tuple(filter(None, values.split("|")))
            found.append(_own(kind, name, type_, options=options))
    return found


def _own(
    kind: ObjectType, name: str, type_: str, *, options: tuple[str, ...] = (), read_only: bool = False
) -> Definition:
    shown = [
        Option(label=value.replace("_", " ").capitalize(), value=value, display_order=n, hidden=False)
        for n, value in enumerate(options)
    ]
    return Definition(
        name=name,
        label=name.removeprefix("hs_").replace("_", " ").capitalize(),
        type=type_,
        field_type=FIELD_TYPES[type_][0],
        group_name=kind.group,
        options=shown,
        has_unique_value=name == "hs_object_id" or name in kind.unique,
        calculated=(kind.name, name) in _CALCULATED,
        read_only=read_only,
        external=type_ == "enumeration" and not options,
        hubspot_defined=True,
    )


def all_defaults(currencies: Iterable[str]) -> dict[str, dict[str, Definition]]:
    """By object type and name."""
    given = tuple(currencies)
    return {kind.name: {known.name: known for known in defaults(kind, given)} for kind in TYPES}
