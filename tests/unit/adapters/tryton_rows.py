"""Rows as Tryton shows them, with what every one has in common filled in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connector.adapters.tryton.kinds import STAMP, World

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
WORLD = World(
    "EUR", 1, {"AT": 4, "DE": 5}, currencies={"EUR": 1, "USD": 2}, taxes={Decimal("0.19"): 7, Decimal("0.07"): 8}
)


def row(key: int, model: str = "x", **values: Any) -> dict[str, Any]:
    stamps = {STAMP: NOON, "create_date": NOON, "create_uid": 1, "write_uid": None, "_timestamp": "1"}
    return {"id": key, "__name__": model, **stamps, **values}


def address(key: int, **values: Any) -> dict[str, Any]:
    parts = {"street": None, "city": None, "postal_code": None, "country": None, "attn": None}
    return row(key, "party.address", **{**parts, "active": True, "invoice": False, "delivery": False, **values})


def line(key: int, product: int | None = 3, quantity: Any = 2, price: str = "10", **values: Any) -> dict[str, Any]:
    fields = {"type": "line", "sequence": None, "product": product, "description": None, "quantity": quantity,
              "unit_price": Decimal(price), "base_price": None, "discount_rate": None, "note": None,
              "amount": Decimal(price) * Decimal(quantity or 0), "taxes": []}  # fmt: skip
    return row(key, "sale.line", **{**fields, **values})
