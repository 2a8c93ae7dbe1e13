"""Entries of price books, through which a line names its product. Contract: 7."""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapters.salesforce.client import Row, SalesforceClient
from connector.adapters.salesforce.soql import ROOM, fitting, identity, ids, one_of, select
from connector.adapters.salesforce.table import Table
from connector.errors import RejectedError

ENTRY = "PricebookEntry"
CURRENCY = "CurrencyIsoCode"


class Entries:
    """Entries of some products. found: by product."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._found: dict[str, list[Row]] = {}
        for row in rows:
            self._found.setdefault(str(identity(row["Product2Id"])), []).append(row)

    def pick(self, product: str, book: str, currency: str | None) -> str:
        """The id of the entry a line needs. Raises RejectedError."""
        some = [row for row in self._found.get(product, ()) if identity(row["Pricebook2Id"]) == book]
        fit = [row for row in some if currency is None or row.get(CURRENCY, currency) == currency]
        active = [row for row in fit if row.get("IsActive", True)]
        if len(active) != 1:
            what = "no price" if not active else "several prices"
            money = f" in {currency}" if currency else ""
            raise RejectedError(f"product {product} has {what}{money} in the price book {book}: give it one there.")
        return str(active[0]["Id"])


def entries(client: SalesforceClient, table: Table, products: set[str]) -> Entries:
    """The entries of these products in every price book, in as few calls as hold them."""
    fields = [name for name in ("Id", "Product2Id", "Pricebook2Id", CURRENCY, "IsActive") if _has(table, name)]
    rows: list[Row] = []
    for part in fitting(ids(sorted(products)), ROOM):
        rows += client.query(select(fields, ENTRY, [one_of("Product2Id", part)]), everything=False)
    return Entries(rows)


def _has(table: Table, name: str) -> bool:
    return name == "Id" or table.has(name)
