"""The shipped mappings fit the live schema, leave no field out silently, and bring values back as they went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.mapping.cases import run_tests
from connector.mapping.certify import certify
from connector.mapping.translate import Mapping as Translator
from connector.mapping.translate import load_mapping
from connector.model.entities import ENTITIES
from connector.model.records import Op, Record, Write
from connector.model.values import Line, Money, Ref
from connector.ports import Adapter

from .servers import next_number

ROOT = Path(__file__).parents[3] / "mappings"
FILES = sorted(path for kind in ("crm", "erp") for path in (ROOT / f"reference_{kind}").glob("*.yaml"))


def shipped(kind: str, entity: str) -> Translator:
    path = ROOT / f"reference_{kind}" / f"{entity}.yaml"
    return load_mapping(path.read_text(encoding="utf-8"), path.name)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def test_every_entity_is_mapped_on_both_systems() -> None:
    for kind in ("crm", "erp"):
        assert {path.stem for path in FILES if path.parent.name == f"reference_{kind}"} == set(ENTITIES)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_mappings_own_tests_pass_and_no_law_is_broken(path: Path) -> None:
    mapping = load_mapping(path.read_text(encoding="utf-8"), path.name)
    assert len(mapping.spec.tests) >= 1
    assert run_tests(mapping) == []
    assert certify(mapping) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_mapping_fits_the_live_schema_and_leaves_no_field_out_silently(
    path: Path, crm: Adapter, erp: Adapter
) -> None:
    adapter = crm if path.parent.name == "reference_crm" else erp
    text = path.read_text(encoding="utf-8")
    mapping = load_mapping(text, path.name)
    schema = adapter.describe().objects[mapping.object]
    assert mapping.system_fields <= set(schema.fields)
    written = set() if mapping.read_only else written_fields(mapping)
    assert not [field for field in written if not schema.fields[field].writable]
    comments = " ".join(line.lstrip("# ") for line in text.splitlines() if line.lstrip().startswith("#"))
    if (mapping.entity.name, adapter) != ("balance", crm):  # its comment names all other fields of a company at once
        silent = [f for f in schema.fields if f not in mapping.system_fields and f not in comments]
        assert silent == []
    for source, fields in mapping.line_fields.items():
        assert set(fields) - {"id"} == set(schema.fields[source].lines)


def written_fields(mapping: Translator) -> set[str]:
    return {e.source for e in mapping.spec.entries if e.write and e.source} | set(mapping.spec.constants)


# ------------------------------------------------------------------------------------ there and back again


def create(adapter: Adapter, mapping: Translator, values: Mapping[str, Any]) -> Record:
    body = json.dumps(mapping.encode(values, create=True), default=str).encode()
    outcome = adapter.write(mapping.object, [Write(Op.CREATE, None, body, None, f"map-{next_number()}")]).outcomes[0]
    assert outcome.error is None
    assert outcome.key is not None
    return adapter.read(mapping.object, [outcome.key])[outcome.key]


def comes_back(mapping: Translator, record: Record, values: Mapping[str, Any]) -> None:
    assert record.fields is not None
    decoded = mapping.decode(record.fields)
    assert decoded.held == {}
    assert decoded.in_scope
    for name, value in values.items():
        if name in mapping.writable and name != "lines":
            assert decoded.values[name] == value, name


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


ACCOUNT = {
    "number": "100",
    "name": "Müller & Söhne",
    "tax_id": "DE 1",
    "email": "a@example.com",
    "phone": "+4930123456",
    "fax": "030 1",
    "website": "https://example.com",
    "industry": "Steel",
    "payment_terms": "30 days",
    "status": "inactive",
    "currency": "EUR",
    "credit_limit": euro("1500.00"),
    "parent": None,
    "notes": "one\ntwo",
    "billing_address.street": "Hauptstr. 1",
    "billing_address.city": "Berlin",
    "billing_address.region": None,
    "billing_address.postal_code": "01067",
    "billing_address.country": "DE",
    "shipping_address.country": "US",
}


def test_everything_of_an_account_contact_product_and_order_survives_both_systems(crm: Adapter, erp: Adapter) -> None:
    for kind, adapter in (("crm", crm), ("erp", erp)):
        maps = {entity: shipped(kind, entity) for entity in ("account", "contact", "product", "order")}
        account = create(adapter, maps["account"], {**ACCOUNT, "status": "active"})
        comes_back(maps["account"], account, {**ACCOUNT, "status": "active"})
        retired = create(adapter, maps["account"], {**ACCOUNT, "number": "101"})
        comes_back(maps["account"], retired, {**ACCOUNT, "number": "101"})
        owner = Ref("account", account.key)
        contact = {
            "account": owner,
            "first_name": "Ann",
            "last_name": "Lee",
            "title": "CEO",
            "email": "ann@example.com",
            "phone": "+4930123456",
            "mobile": "+491701234567",
            "status": "inactive",
            "notes": None,
        }
        person = create(adapter, maps["contact"], contact)
        comes_back(maps["contact"], person, contact)
        product = {
            "sku": f"SKU-{next_number()}",
            "name": "Bolt",
            "description": "M8",
            "category": "Parts",
            "unit": "pc",
            "price": Money(Decimal("0.125"), "EUR"),
            "tax_percent": Decimal("19"),
            "status": "active",
        }
        item = create(adapter, maps["product"], product)
        comes_back(maps["product"], item, product)
        line = {
            "product": Ref("product", item.key),
            "description": "Bolt",
            "quantity": Decimal("3"),
            "unit_price": Money(Decimal("0.335"), "EUR"),
            "tax_percent": Decimal("19"),
        }
        order = {
            "name": "Spring order",
            "account": owner,
            "contact": Ref("contact", person.key),
            "po_number": "PO 7",
            "order_date": date(2026, 3, 1),
            "required_date": date(2026, 3, 20),
            "currency": "EUR",
            "freight": euro("4.90"),
            "notes": "ring twice",
            "shipping_address.country": "AT",
            "lines": (Line(None, "X-1", line),),
        }
        record = create(adapter, maps["order"], order)
        comes_back(maps["order"], record, order)
        assert record.fields is not None
        decoded = maps["order"].decode(record.fields).values
        assert (decoded["subtotal"], decoded["tax"], decoded["total"]) == (euro("1.01"), euro("0.19"), euro("6.10"))
        (back,) = decoded["lines"]  # type: ignore[misc]
        assert back.partner == "X-1"  # type: ignore[union-attr]
        assert {name: back.values[name] for name in line} == line  # type: ignore[union-attr]


def test_an_erp_order_walks_through_its_states_in_words_both_mappings_know(
    crm: Adapter, erp: Adapter, servers: Any
) -> None:
    account, order = shipped("erp", "account"), shipped("erp", "order")
    customer = create(erp, account, {"name": "Acme", "currency": "EUR"})
    line = {"description": "Bolt", "quantity": Decimal("1"), "unit_price": euro("100"), "tax_percent": Decimal("0")}
    values = {"account": Ref("account", customer.key), "currency": "EUR", "lines": (Line(None, None, line),)}
    record = create(erp, order, values)
    seen = []
    for action in (None, "ship", "invoice"):
        if action is not None:
            servers["erp"].admin("POST", f"/api/orders/{record.key}/{action}", {})
        fields = erp.read("orders", [record.key])[record.key].fields
        assert fields is not None
        decoded = order.decode(fields)
        assert decoded.held == {}
        seen.append(decoded.values["status"])
        shown = shipped("crm", "order").encode({"status": decoded.values["status"]}, create=False)
        assert shown == {"erp_status": decoded.values["status"]}
    assert seen == ["confirmed", "shipped", "invoiced"]
    (invoice,) = erp.find("invoices", "customer", [customer.key])
    assert invoice.fields is not None
    billed = shipped("erp", "invoice").decode(invoice.fields)
    assert billed.held == {}
    assert billed.values["status"] == "open"
    assert billed.values["order"] == Ref("order", record.key)
    assert billed.values["open_amount"] == billed.values["total"] == euro("100.00")
    servers["erp"].admin("POST", f"/api/invoices/{invoice.key}/pay", {"amount": "40.00"})
    (payment,) = erp.find("payments", "customer", [customer.key])
    assert payment.fields is not None
    assert shipped("erp", "payment").decode(payment.fields).values["amount"] == euro("40.00")
    balance = erp.read("balances", [customer.key])[customer.key]
    assert balance.fields is not None
    figures = shipped("erp", "balance").decode(balance.fields)
    assert figures.held == {}
    assert figures.values["open"] == euro("60.00")
    company = create(crm, shipped("crm", "account"), {"name": "Acme"})
    update = shipped("crm", "balance").encode(figures.values, create=False)
    body = json.dumps(update, default=str).encode()
    outcome = crm.write("companies", [Write(Op.UPDATE, company.key, body, company.version, f"m-{next_number()}")])
    assert outcome.outcomes[0].error is None
    comes_back(shipped("crm", "balance"), crm.read("companies", [company.key])[company.key], figures.values)
