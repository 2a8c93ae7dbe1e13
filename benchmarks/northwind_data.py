"""The Northwind trading data as the built-in ERP takes it, and the sums its files say. Decimal throughout, no float."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pycountry
from babel import Locale

Row = dict[str, str]

FILES = ("customers", "products", "categories", "orders", "order_details")
SAID_OTHERWISE = {"UK": "GB", "USA": "US", "Venezuela": "VE"}
"""Country names of the files that are not a standard's name of the country."""
CENT = Decimal("0.01")
CURRENCY = "USD"


@dataclass(slots=True)
class Northwind:
    """Rows as the files have them, trimmed; `lines` by OrderID. Ids stay exactly as written."""

    customers: list[Row]
    products: list[Row]
    categories: dict[str, str]
    orders: list[Row]
    lines: dict[str, list[Row]]

    @property
    def count_lines(self) -> int:
        return sum(len(lines) for lines in self.lines.values())


def read(folder: Path) -> Northwind | None:
    """The data set of a folder with the five files; None where one is not there."""
    if not all((folder / f"{name}.csv").is_file() for name in FILES):
        return None
    rows = {name: _rows(folder / f"{name}.csv") for name in FILES}
    lines: dict[str, list[Row]] = {}
    for row in rows["order_details"]:
        lines.setdefault(row["OrderID"], []).append(row)
    categories = {row["CategoryID"]: row["CategoryName"] for row in rows["categories"]}
    return Northwind(rows["customers"], rows["products"], categories, rows["orders"], lines)


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: text if name.endswith("ID") else text.strip() for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def country(name: str) -> str | None:
    """The two-letter code of a country of the files; None for an empty one. Raises LookupError for an unknown one."""
    if not name:
        return None
    return SAID_OTHERWISE.get(name) or str(pycountry.countries.lookup(name).alpha_2)


def country_name(code: str | None) -> str | None:
    """What the CRM is to show for a code."""
    return str(Locale("en").territories[code]) if code else None


# ---------------------------------------------------------------------------------------- as the ERP takes it


def customer(row: Row) -> dict[str, Any]:
    return {
        "name": row["CompanyName"],
        "currency": CURRENCY,
        "street": row["Address"] or None,
        "city": row["City"] or None,
        "region": row["Region"] or None,
        "zip": row["PostalCode"] or None,
        "country": country(row["Country"]),
        "phone": row["Phone"] or None,
        "fax": row["Fax"] or None,
    }


def product(row: Row, categories: dict[str, str]) -> dict[str, Any]:
    return {
        "code": f"NW-{row['ProductID']}",
        "name": row["ProductName"],
        "group": categories[row["CategoryID"]],
        "unit": row["QuantityPerUnit"] or None,
        "price": row["UnitPrice"],
        "currency": CURRENCY,
        "active": row["Discontinued"] == "0",
    }


def order(row: Row, lines: list[Row], customers: dict[str, str], products: dict[str, str]) -> dict[str, Any]:
    """customers, products: id of the files -> id in the ERP."""
    return {
        "title": f"{row['ShipName']} {row['OrderID']}",
        "customer": customers[row["CustomerID"]],
        "customer_reference": row["OrderID"],
        "order_date": row["OrderDate"][:10] or None,
        "due_date": row["RequiredDate"][:10] or None,
        "currency": CURRENCY,
        "freight": row["Freight"],
        "ship_street": row["ShipAddress"] or None,
        "ship_city": row["ShipCity"] or None,
        "ship_region": row["ShipRegion"] or None,
        "ship_zip": row["ShipPostalCode"] or None,
        "ship_country": country(row["ShipCountry"]),
        "lines": [
            {
                "item": products[line["ProductID"]],
                "quantity": line["Quantity"],
                "price": line["UnitPrice"],
                "discount_percent": str(Decimal(line["Discount"]) * 100),
            }
            for line in lines
        ],
    }


# ------------------------------------------------------------------------------------------------- the sums


@dataclass(slots=True)
class Sum:
    """What one order comes to: freight, and per line quantity, price and discount in percent."""

    freight: Decimal
    lines: list[list[Decimal]]

    @property
    def total(self) -> Decimal:
        return self.freight + sum((_line(*line) for line in self.lines), Decimal(0))


def _line(quantity: Decimal, price: Decimal, percent: Decimal) -> Decimal:
    return (quantity * price * (1 - percent / 100)).quantize(CENT, ROUND_HALF_UP)


def sums(data: Northwind) -> dict[str, Sum]:
    """By OrderID, straight from the files."""
    return {
        row["OrderID"]: Sum(
            Decimal(row["Freight"]),
            [
                [Decimal(line["Quantity"]), Decimal(line["UnitPrice"]), Decimal(line["Discount"]) * 100]
                for line in data.lines.get(row["OrderID"], [])
            ],
        )
        for row in data.orders
    }
