"""The shipped mappings of HubSpot fit the portal they were prepared for, and bring values back as they went."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connector.config.mappings import packaged
from connector.mapping.cases import run_tests
from connector.mapping.certify import certify
from connector.mapping.translate import Mapping as Translator
from connector.mapping.translate import load_mapping
from connector.model.entities import ENTITIES
from connector.model.records import Op, Record, Write
from connector.model.values import Line, Money, Ref
from connector.ports import Adapter

from .conftest import prepared
from .servers import Portal

FOLDER = packaged() / "hubspot"
FILES = sorted(FOLDER.rglob("*.yaml"))
_numbers = count(1)


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def shipped(name: str) -> Translator:
    path = FOLDER / f"{name}.yaml"
    return load_mapping(path.read_text(encoding="utf-8"), path.name)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_every_entity_is_mapped() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(ENTITIES)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_mappings_own_tests_pass_and_no_law_is_broken(path: Path) -> None:
    mapping = load_mapping(path.read_text(encoding="utf-8"), path.name)
    assert len(mapping.spec.tests) >= 2
    assert run_tests(mapping) == []
    assert certify(mapping) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_mapping_names_only_what_the_portal_has_and_writes_what_it_lets(path: Path, crm: Adapter) -> None:
    mapping = load_mapping(path.read_text(encoding="utf-8"), path.name)
    schema = crm.describe().objects[mapping.object]
    assert mapping.system_fields <= set(schema.fields)
    written = {entry.source for entry in mapping.spec.entries if entry.write and entry.source}
    assert [name for name in written | set(mapping.spec.constants) if not schema.fields[name].writable] == []
    demanded = {name for name, field in schema.fields.items() if field.required}
    assert demanded <= written | set(mapping.spec.constants)
    for source, fields in mapping.line_fields.items():
        assert set(fields) <= set(schema.fields[source].lines)


def test_a_portal_is_prepared_once(portal: Portal, tmp_path: Path) -> None:
    assert prepared(tmp_path / "again", portal) == [], "what was made is not found again"


def create(crm: Adapter, mapping: Translator, values: Mapping[str, Any]) -> Record:
    number = next(_numbers)
    fields = {**mapping.encode(values, create=True), str(mapping.spec.external_key): f"map-{number}"}
    write = Write(Op.CREATE, None, json.dumps(fields, default=str).encode(), None, f"map-{number}")
    (outcome,) = crm.write(mapping.object, [write]).outcomes
    assert outcome.error is None
    assert outcome.key is not None
    return crm.read(mapping.object, [outcome.key])[outcome.key]


def comes_back(mapping: Translator, record: Record, values: Mapping[str, Any]) -> None:
    assert record.fields is not None
    decoded = mapping.decode(record.fields)
    assert decoded.held == {}
    assert decoded.in_scope
    for name, value in values.items():
        if name in mapping.writable and name != "lines":
            assert decoded.values[name] == value, name


ACCOUNT = {
    "number": "100",
    "name": "Müller & Söhne",
    "tax_id": "DE 1",
    "email": "a@example.com",
    "phone": "+4930123456",
    "website": "https://example.com",
    "payment_terms": "30 days",
    "status": "active",
    "currency": "EUR",
    "parent": None,
    "notes": "one\ntwo",
    "billing_address.street": "Hauptstr. 1",
    "billing_address.city": "Berlin",
    "billing_address.postal_code": "01067",
    "billing_address.country": "DE",
}
LINE = {
    "description": "Bolt",
    "quantity": Decimal("3"),
    "unit_price": Money(Decimal("0.335"), "EUR"),
    "discount_percent": Decimal("10"),
    "tax_percent": Decimal("19"),
}
ORDER = {
    "number": "4711",
    "name": "Spring order",
    "po_number": "PO 7",
    "required_date": date(2026, 3, 20),
    "status": "shipped",
    "ship_date": date(2026, 3, 22),
    "tracking": "T1",
    "carrier": "DHL",
    "currency": "EUR",
    "freight": euro("4.90"),
    "shipping_address.country": "AT",
}


@pytest.mark.parametrize("order", ["order", "orders_object/order"])
def test_everything_of_every_entity_survives_the_portal(crm: Adapter, order: str) -> None:
    maps = {entity: shipped(entity) for entity in ENTITIES} | {"order": shipped(order)}
    account = create(crm, maps["account"], ACCOUNT)
    comes_back(maps["account"], account, ACCOUNT)
    owner = Ref("account", account.key)
    child = {**ACCOUNT, "parent": owner, "status": "inactive"}
    comes_back(maps["account"], create(crm, maps["account"], child), child)
    contact = {
        "account": owner,
        "first_name": "Ann",
        "last_name": "Lee",
        "title": "CEO",
        "email": f"ann.{next(_numbers)}@example.com",
        "mobile": "+491701234567",
        "status": "inactive",
    }
    person = create(crm, maps["contact"], contact)
    comes_back(maps["contact"], person, contact)
    product = {"sku": f"S-{next(_numbers)}", "name": "Bolt", "price": Money(Decimal("0.125"), "EUR"), "unit": "pc"}
    product |= {"stock_on_hand": Decimal("7.5"), "tax_percent": Decimal("19"), "status": "active"}
    item = create(crm, maps["product"], product)
    comes_back(maps["product"], item, product)
    line = Line(None, "X-1", {"product": Ref("product", item.key), **LINE})
    values = {**ORDER, "number": f"O-{next(_numbers)}", "account": owner, "contact": Ref("contact", person.key)}
    sold = create(crm, maps["order"], {**values, "lines": (line,)})
    comes_back(maps["order"], sold, values)
    lines_come_back(maps["order"], sold, line)
    bill = {"number": "RE-1", "account": owner, "invoice_date": date(2026, 3, 6), "due_date": date(2026, 4, 5)}
    bill |= {"status": "open", "currency": "EUR", "freight": euro("4.90"), "open_amount": euro("23.80")}
    bill |= {"order": Ref("order", sold.key)} if order == "order" else {}
    invoice = create(crm, maps["invoice"], {**bill, "lines": (line,)})
    comes_back(maps["invoice"], invoice, bill)
    lines_come_back(maps["invoice"], invoice, line)
    paid = {"number": "P-1", "account": owner, "invoice": Ref("invoice", invoice.key), "amount": euro("23.80")}
    paid |= {"payment_date": date(2026, 3, 9), "method": "transfer", "reference": "4711"}
    comes_back(maps["payment"], create(crm, maps["payment"], paid), paid)


def lines_come_back(mapping: Translator, record: Record, line: Line) -> None:
    assert record.fields is not None
    (back,) = mapping.decode(record.fields).values["lines"]  # type: ignore[misc]
    assert back.partner == line.partner  # type: ignore[union-attr]
    assert {name: back.values[name] for name in line.values} == line.values  # type: ignore[union-attr]


def test_a_balance_is_written_onto_its_company(crm: Adapter) -> None:
    company = create(crm, shipped("account"), ACCOUNT)
    figures = {"open": euro("60.00"), "overdue": euro("0.00"), "credit_limit": euro("-5.00"), "as_of": date(2026, 3, 9)}
    mapping = shipped("balance")
    body = json.dumps(mapping.encode(figures, create=False), default=str).encode()
    (outcome,) = crm.write("companies", [Write(Op.UPDATE, company.key, body, None, "balance")]).outcomes
    assert outcome.error is None
    comes_back(mapping, crm.read("companies", [company.key])[company.key], figures)
