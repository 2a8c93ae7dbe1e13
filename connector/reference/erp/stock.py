"""Stock: every change of what is on hand is a move, and an item's stock is the sum of its moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connector.reference.kit.money import plain
from connector.reference.kit.problems import conflict
from connector.reference.kit.records import Record
from connector.reference.kit.tx import Tx
from connector.reference.kit.values import shortest

DDL = (
    "CREATE TABLE IF NOT EXISTS stock_moves (n INTEGER PRIMARY KEY, item TEXT NOT NULL, kind TEXT NOT NULL,"
    " document TEXT, date TEXT NOT NULL, quantity TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS stock_moves_item ON stock_moves (item)",
)


def needs(order: Record) -> Mapping[str, Decimal]:
    """Quantity per item of the order's lines."""
    wanted: dict[str, Decimal] = {}
    for line in order.fields["lines"]:
        if line["item"] is not None:
            wanted[line["item"]] = wanted.get(line["item"], Decimal(0)) + Decimal(line["quantity"])
    return wanted


def ship(tx: Tx, order: Record, day: str) -> None:
    """Take the order's items from stock. Raises ServiceError 409 `no_stock`."""
    items = tx.store.types["items"]
    for key, quantity in needs(order).items():
        n = items.number(key)
        item = None if n is None else tx.get(items, n)
        assert item is not None
        on_hand = Decimal(item.fields["stock"])
        if quantity > on_hand and not item.fields["backorder"]:
            code = item.fields["code"]
            message = f"Item {code}: {plain(quantity)} are ordered and {item.fields['stock']} are in stock."
            raise conflict("no_stock", message, "lines")
        if quantity:
            move(tx, item, "ship", order.id, day, -quantity)


def merge(tx: Tx, winner: Record, loser: Record) -> None:
    """The loser's moves, and with them its stock, become the winner's."""
    tx.add("UPDATE stock_moves SET item = ? WHERE item = ?", (winner.id, loser.id))
    left = Decimal(loser.fields["stock"])
    if left:
        stock = shortest(plain(Decimal(winner.fields["stock"]) + left))
        tx.change(winner, fields={**winner.fields, "stock": stock})


def move(tx: Tx, item: Record, kind: str, document: str | None, day: str, quantity: Decimal) -> Record:
    """One stock move; returns the item as it is then."""
    row = (item.id, kind, document, day, plain(quantity))
    tx.add("INSERT INTO stock_moves (item, kind, document, date, quantity) VALUES (?, ?, ?, ?, ?)", row)
    stock = shortest(plain(Decimal(item.fields["stock"]) + quantity))
    return tx.change(item, fields={**item.fields, "stock": stock})
