"""`Product2` and the entry of a price book that holds its price. Contract: 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.adapters.salesforce.client import Node, Row, SalesforceClient
from connector.adapters.salesforce.entries import CURRENCY, ENTRY, Entries
from connector.adapters.salesforce.kinds import Change, Inner, Kind, World
from connector.adapters.salesforce.soql import identity, ids, one_of
from connector.adapters.salesforce.table import DELETED, Table
from connector.errors import RejectedError
from connector.ports import FieldSchema

PRICE = "UnitPrice"


class Product(Kind):
    """`Product2` with its price in the price book that counts, as two flat fields.

    A price of null is an entry that is not active: Salesforce knows no entry without a price.
    """

    def __init__(self, table: Table, world: World, prices: Table | None) -> None:
        if prices is not None and world.book is not None:
            books = dict.fromkeys([world.book, world.standard or world.book])
            self.inner = Inner(prices, "Product2Id", (one_of("Pricebook2Id", ids(books)),))
        super().__init__(table, world)

    def described(self) -> Sequence[FieldSchema]:
        found = list(super().described())
        if self.inner is None:
            return found
        if CURRENCY not in self.table.columns and self.world.currency is not None:
            found.append(FieldSchema(CURRENCY, "text", max_length=3))
        return [*found, FieldSchema(PRICE, "decimal")]

    def shown(self, row: Row, inside: Sequence[Row]) -> dict[str, Any]:
        fields = super().shown(row, inside)
        if self.inner is None:
            return fields
        currency = self.world.currency or fields.get(CURRENCY)
        if CURRENCY in self.fields:
            fields[CURRENCY] = currency
        entry = self._entry(inside, self.world.book, currency)
        active = entry is not None and entry.get("IsActive", True)
        fields[PRICE] = self.inner.table.columns[PRICE].shown(entry[PRICE]) if entry is not None and active else None
        return fields

    def parted(self, body: dict[str, Any], *, create: bool) -> tuple[dict[str, Any], Mapping[str, Any]]:
        if self.inner is None:
            return body, {}
        root = {name: value for name, value in body.items() if name != PRICE}
        if self.world.currency is not None and CURRENCY in root:
            same_currency(root.pop(CURRENCY), self.world.currency)
            if create and CURRENCY in self.table.columns:
                root[CURRENCY] = self.world.currency
        if PRICE not in body or (create and body[PRICE] is None):
            return root, {}
        price = body[PRICE]
        column = self.inner.table.columns[PRICE]
        return root, {PRICE: None if price is None else column.written(price, PRICE)}

    def nodes(
        self, client: SalesforceClient, change: Change, row: Row, inside: Sequence[Row], prices: Entries
    ) -> list[Node]:
        """The product first, then its standard price where there is none, then its price in another book."""
        assert self.inner is not None
        made = super().nodes(client, change, row, inside, prices)
        key = "@{root.id}" if change.create else str(row["Id"])
        currency = self.world.currency or change.root.get(CURRENCY) or row.get(CURRENCY)
        world, price = self.world, change.inside[PRICE]
        books = [book for book in dict.fromkeys([world.standard, world.book]) if book is not None]
        for number, book in enumerate(books):
            entry = self._entry(inside, book, currency)
            body = self._body(entry, price, needed=book == world.book)
            if body is None:
                continue
            if entry is None:
                body |= {"Pricebook2Id": book, "Product2Id": key}
                body |= {CURRENCY: currency} if currency and self.inner.table.has(CURRENCY) else {}
                made.append(client.node("POST", ENTRY, None, body, f"price{number}"))
            else:
                made.append(client.node("PATCH", ENTRY, str(entry["Id"]), body, f"price{number}"))
        return made

    def _body(self, entry: Row | None, price: Any, *, needed: bool) -> dict[str, Any] | None:
        """What an entry is to be; None where it stays. needed: it is the one that counts, not the standard one under
        it, which only has to be there."""
        assert self.inner is not None
        if price is None:
            return {"IsActive": False} if needed and entry is not None else None
        if not needed and entry is not None:
            return None
        if (
            entry is None
            and self.inner.table.has("UseStandardPrice")
            and needed
            and self.world.book != self.world.standard
        ):
            return {PRICE: price, "IsActive": True, "UseStandardPrice": False}
        return {PRICE: price, "IsActive": True}

    def _entry(self, inside: Sequence[Row], book: str | None, currency: str | None) -> Row | None:
        assert self.inner is not None
        many = self.inner.table.has(CURRENCY)
        for row in inside:
            same = not many or row.get(CURRENCY) == currency
            if identity(row["Pricebook2Id"]) == book and same and not row.get(DELETED):
                return row
        return None


def same_currency(value: Any, currency: str) -> None:
    """Raises RejectedError for another currency than the one there is."""
    if value not in (None, currency):
        raise RejectedError(f"`{CURRENCY}`: prices are kept in {currency} here; another currency was sent.")
