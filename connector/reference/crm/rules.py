"""The CRM's rules: figures of deals and invoices are computed from their lines; a company is not its own parent."""

from __future__ import annotations

from connector.reference.kit.money import LineNames
from connector.reference.kit.objects import Fields, Rules
from connector.reference.kit.records import Record
from connector.reference.kit.totals import set_totals
from connector.reference.kit.tx import Tx

_NAMES = LineNames(price="unit_price", tax="tax_percent", total="amount")


class TotalsRules(Rules):
    def derive(self, tx: Tx, before: Record | None, after: Fields) -> None:
        set_totals(after, _NAMES, "subtotal", "tax", "amount")
