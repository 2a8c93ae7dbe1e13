"""Two systems as most tests have them: mappings of accounts, products and orders, and records to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from connector.mapping.translate import Mapping as ParsedMapping
from connector.mapping.translate import load_mapping
from connector.merge.rules import Unit
from connector.model.entities import ENTITIES
from connector.model.records import Key
from connector.model.values import Side, Sides
from connector.ports import Capabilities
from connector.testing.samples_documents import DOCUMENT_TEXTS
from connector.testing.tables import Fields, MemoryObject

CRM_ACCOUNT = """
entity: account
object: companies
external_key: external_id
fields:
  name: name
  tax_id: tax_id
  phone: phone
  email: email
  status: {field: state, values: {active: customer, inactive: former}, unmapped: hold}
  currency: currency
  credit_limit: {field: credit_limit, currency: currency}
  parent: {field: parent_id, ref: account}
  notes: notes
  billing_address: {street: street, city: city, postal_code: zip}
"""

ERP_ACCOUNT = """
entity: account
object: customers
external_key: crm_ref
filter: "kind != 'internal'"
fields:
  name: {field: title, max_length: 60}
  tax_id: vat_number
  phone: tel
  email: mail
  status: {field: blocked, values: {active: false, inactive: true}}
  currency: cur
  credit_limit: {field: limit, currency: cur}
  parent: {field: group_of, ref: account}
  notes: remarks
  billing_address: {street: addr1, city: addr2, postal_code: addr3}
"""

CRM_PRODUCT = """
entity: product
object: products
external_key: external_id
fields:
  sku: sku
  name: name
  price: {field: price, currency: currency}
"""

ERP_PRODUCT = """
entity: product
object: items
external_key: crm_ref
fields:
  sku: code
  name: title
  price: {field: price, currency: cur}
"""

CRM_ORDER = """
entity: order
object: deals
external_key: external_id
fields:
  name: name
  account: {field: company_id, ref: account}
  po_number: po
  notes: notes
  currency: currency
  freight: {field: freight, currency: currency}
  lines:
    field: lines
    id: id
    external_key: external_id
    fields:
      product: {field: product_id, ref: product}
      description: description
      quantity: quantity
      unit_price: {field: unit_price, currency: ^currency}
"""

ERP_ORDER = """
entity: order
object: orders
external_key: crm_ref
fields:
  name: title
  account: {field: customer, ref: account}
  po_number: customer_reference
  notes: remarks
  currency: cur
  freight: {field: freight, currency: cur}
  lines:
    field: positions
    id: no
    fields:
      product: {field: item, ref: product}
      description: text
      quantity: qty
      unit_price: {field: price, currency: ^cur}
"""

TEXTS = {
    "account": (CRM_ACCOUNT, ERP_ACCOUNT),
    "product": (CRM_PRODUCT, ERP_PRODUCT),
    "order": (CRM_ORDER, ERP_ORDER),
    **DOCUMENT_TEXTS,
}
CORE = ("account", "product", "order")
"""What most worlds keep in step."""
MATCH: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "account": (("tax_id",), ("name", "billing_address.postal_code")),
    "contact": (("email",),),
    "product": (("sku",),),
    "invoice": (("number",),),
    "payment": (("number",),),
}
PREFIXES = {
    "companies": "C",
    "customers": "K",
    "products": "P",
    "items": "I",
    "deals": "D",
    "orders": "O",
    "contacts": "E",
    "persons": "H",
    "invoices": "V",
    "bills": "B",
    "payments": "Y",
    "receipts": "R",
}
"""The first letter of an object's keys."""

FULL = Capabilities(
    conditional_write=True,
    idempotency=86400.0,
    external_key="unique",
    created_by=True,
    feed="exact",
    versions="counter",
    deletes="feed",
    batch_read=50,
    batch_write=20,
    page=40,
    concurrency=2,
    granularity=0.001,
)


def objects(side: Side, capabilities: Capabilities, entities: Iterable[str] = CORE) -> list[MemoryObject]:
    """The objects of one side; they show every field that the mappings of these entities name."""
    found: dict[str, MemoryObject] = {}
    for entity in entities:
        mapping = parsed(Sides(*TEXTS[entity])[side], f"{entity}.yaml")
        ids = {entry.source: entry.lines.id for entry in mapping.spec.entries if entry.source and entry.lines}
        lines = {name: line_id for name, line_id in ids.items() if line_id is not None}
        inner = frozenset(name for fields in mapping.line_fields.values() for name in fields)
        known = found.get(mapping.object)
        if known is not None:  # two entities in one object, as a balance is
            found[mapping.object] = replace(known, fields=known.fields | mapping.system_fields)
            continue
        prefix = PREFIXES.get(mapping.object, "")
        found[mapping.object] = MemoryObject(
            mapping.object, capabilities, prefix, mapping.system_fields, lines, inner - set(lines.values())
        )
    return list(found.values())


@lru_cache(maxsize=64)
def parsed(text: str, file: str) -> ParsedMapping:
    """The mapping of this text; parsed once per process."""
    return load_mapping(text, file)


def default_units(entity: str) -> tuple[Unit, ...]:
    """One unit per field both sides read; the address as one."""
    left, right = (parsed(text, f"{entity}.yaml") for text in TEXTS[entity])
    shared = left.readable & right.readable
    both = [name for name, field in ENTITIES[entity].fields.items() if name in shared and not field.computed]
    address = tuple(name for name in both if name.startswith("billing_address."))
    single = [Unit(name, (name,)) for name in both if name not in address]
    return (*single, Unit("billing_address", address)) if address else tuple(single)


def changed(units: Iterable[Unit], **rules: Mapping[str, Any]) -> tuple[Unit, ...]:
    """The units with some of their rules replaced: `changed(units, phone={"policy": Policy.LEFT})`."""
    return tuple(replace(unit, **rules.get(unit.name, {})) for unit in units)


def account(name: str, **fields: Any) -> Fields:
    """A company as the left system shows it."""
    shown: Fields = {"name": name, "currency": "EUR", "state": "customer", **fields}
    return shown


def customer(name: str, **fields: Any) -> Fields:
    """A customer as the right system shows it."""
    shown: Fields = {"title": name, "cur": "EUR", "blocked": False, **fields}
    return shown


def line(product: Key | None, quantity: str, price: str, **fields: Any) -> Fields:
    """A line of a deal."""
    shown: Fields = {"product_id": product, "quantity": quantity, "unit_price": price, "description": None, **fields}
    return shown


def total(lines: Iterable[Mapping[str, Any]], quantity: str, price: str) -> Decimal:
    """Sum of quantity times price, exactly."""
    return sum((Decimal(str(row[quantity])) * Decimal(str(row[price])) for row in lines), Decimal(0))
