"""Northwind from the CRM into Tryton: every order confirmed there once, to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks.northwind import DATA
from benchmarks.northwind_data import Northwind, country, country_name, read, sums

from .site import Site, site
from .tryton.person import Person
from .tryton.server import Tryton

CURRENCY = "EUR"
"""As the company of the seed has it: Tryton prices products in no other."""

DATA_SET = read(DATA)


def batches(site_: Site, name: str, items: list[dict[str, Any]]) -> list[str]:
    """Many records typed into the CRM; their ids."""
    keys: list[str] = []
    for start in range(0, len(items), 200):
        body = {"items": [{"fields": item} for item in items[start : start + 200]]}
        found = site_.crm.send("POST", f"/api/{name}/batch/create", body)["items"]
        assert all(item["status"] == 201 for item in found), found
        keys += [item["record"]["id"] for item in found]
    return keys


def load(site_: Site, data: Northwind) -> dict[str, str]:
    """Everything into the CRM; OrderID -> id of its deal."""
    buyers = batches(site_, "companies", [_company(row) for row in data.customers])
    by_buyer = dict(zip([row["CustomerID"] for row in data.customers], buyers, strict=True))
    products = batches(site_, "products", [_product(row) for row in data.products])
    by_product = dict(zip([row["ProductID"] for row in data.products], products, strict=True))
    orders = [_deal(row, data.lines.get(row["OrderID"], []), by_buyer, by_product) for row in data.orders]
    deals = batches(site_, "deals", orders)
    return dict(zip([row["OrderID"] for row in data.orders], deals, strict=True))


def _company(row: dict[str, str]) -> dict[str, Any]:
    parts = {"street": "Address", "city": "City", "postal_code": "PostalCode"}
    return {
        "name": row["CompanyName"],
        "phone": row["Phone"] or None,
        "fax": row["Fax"] or None,
        "billing_country": country_name(country(row["Country"])),
        # Tryton quotes nothing for a party without an address.
        **{f"billing_{part}": row[column] or None for part, column in parts.items()},
        "billing_street": row["Address"] or "unknown",
    }


def _product(row: dict[str, str]) -> dict[str, Any]:
    return {
        "sku": f"NW-{row['ProductID']}",
        "name": row["ProductName"],
        "price": row["UnitPrice"],
        "currency": CURRENCY,
    }


def _deal(row: dict[str, str], lines: list[Any], buyers: dict[str, str], products: dict[str, str]) -> dict[str, Any]:
    return {
        "name": f"{row['ShipName']} {row['OrderID']}",
        "stage": "won",
        "company_id": buyers[row["CustomerID"]],
        "po_number": row["OrderID"],
        "close_date": row["OrderDate"][:10] or None,
        "required_date": row["RequiredDate"][:10] or None,
        "currency": CURRENCY,
        "freight": row["Freight"],
        "shipping_street": row["ShipAddress"] or None,
        "shipping_city": row["ShipCity"] or None,
        "shipping_postal_code": row["ShipPostalCode"] or None,
        "shipping_country": country_name(country(row["ShipCountry"])),
        "lines": [
            {
                "product_id": products[line["ProductID"]],
                "quantity": line["Quantity"],
                "unit_price": line["UnitPrice"],
                "discount_percent": str(Decimal(line["Discount"]) * 100),
                "tax_percent": "0",
            }
            for line in lines
        ],
    }


@pytest.fixture
def trade(seeded: Tryton, tmp_path: Path) -> Iterator[Site]:
    with site(seeded, tmp_path) as found:
        found.configure("accounts", "contacts", "products", "orders", look_back="1")
        yield found


@pytest.mark.skipif(DATA_SET is None, reason="the data set is not beside the repository")
def test_every_order_arrives_once_and_to_the_cent(trade: Site) -> None:
    data = DATA_SET
    assert data is not None
    deals = load(trade, data)
    checked = trade.run("check")
    assert checked.code == 0, checked.text
    counts = trade.sync()
    assert {name: one["created"] for name, one in counts.items()} == {
        "accounts": len(data.customers) + 1,  # the company's own party comes to the CRM
        "contacts": 0,
        "products": len(data.products),
        "orders": len(data.orders),
    }
    names = ["reference", "total_amount", "lines", "state", "invoices"]
    rows = Person(trade.tryton).call("model.sale.sale.search_read", [], 0, None, None, names)
    wanted = {number: found.total for number, found in sums(data).items()}
    assert {row["reference"]: Decimal(row["total_amount"]["decimal"]) for row in rows} == wanted
    assert len(rows) == len(deals)
    assert {(row["state"], len(row["invoices"])) for row in rows} == {("processing", 1)}
    with_freight = sum(Decimal(row["Freight"]) != 0 for row in data.orders)
    assert sum(len(row["lines"]) for row in rows) == data.count_lines + with_freight
    verified = trade.run("verify")
    assert verified.code == 0, verified.text[:2000]
    again = trade.sync()
    assert {name: (one["created"], one["updated"], one["failed"]) for name, one in again.items()} == dict.fromkeys(
        again, (0, 0, 0)
    )
