"""`account.invoice` and the payments of invoices: made in Tryton, read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.adapters.tryton.kinds import READ_ONLY, Kind, World, is_key
from connector.adapters.tryton.lines import amounts, digits, goods, shown_line
from connector.adapters.tryton.wire import Domain, Row
from connector.ports import FieldSchema

ORIGIN = "account.invoice,"


class _Shown(Kind):
    """What can only be looked at. texts, decimals: names of its fields by type."""

    creatable = deletable = False
    capabilities = READ_ONLY
    texts: Sequence[str]
    decimals: Sequence[str]

    def fields(self) -> Sequence[FieldSchema]:
        return [
            *(FieldSchema(name, "text", writable=False) for name in self.texts),
            *(FieldSchema(name, "decimal", writable=False) for name in self.decimals),
        ]


class Invoice(_Shown):
    """What customers were or will be billed; a credit note is one with a negative total."""

    name = model = "account.invoice"
    inner = ("lines",)
    own = live = (["type", "=", "out"],)
    of = "company"
    texts = ("number", "party", "sale", "invoice_date", "due_date", "state", "currency")
    decimals = ("freight", "subtotal", "tax_amount", "total_amount", "amount_to_pay")
    reads = (
        *("number", "party", "invoice_date", "state", "currency.code", "sales.id", "lines_to_pay.maturity_date"),
        *("untaxed_amount", "tax_amount", "total_amount", "amount_to_pay"),
        *(f"lines.{name}" for name in ("type", "sequence", "product", "description", "quantity", "unit_price")),
        *("lines.amount", "lines.taxes.id", "lines.taxes.rate"),
    )

    def __init__(self, world: World, freight: str) -> None:
        self._word = freight
        super().__init__(world)

    def fields(self) -> Sequence[FieldSchema]:
        known = [FieldSchema(name, "text", writable=False) for name in ("id", "product", "description")]
        numbers = ("quantity", "unit_price", "tax_percent", "amount")
        known += [FieldSchema(name, "decimal", writable=False) for name in numbers]
        lines = FieldSchema("lines", "lines", writable=False, lines={one.name: one for one in known})
        return [*super().fields(), lines]

    def shown(self, row: Row) -> dict[str, Any]:
        """sale: where it is of exactly one."""
        due = [one["maturity_date"].isoformat() for one in row["lines_to_pay"] if one["maturity_date"]]
        sales = [str(one["id"]) for one in row["sales"]]
        dated = row["invoice_date"]
        return {
            **amounts(row, self._word),
            "number": row["number"],
            "party": str(row["party"]),
            "sale": sales[0] if len(sales) == 1 else None,
            "invoice_date": dated.isoformat() if dated else None,
            "due_date": max(due, default=None),
            "state": row["state"],
            "currency": row["currency"]["code"],
            "amount_to_pay": digits(row["amount_to_pay"]),
            "lines": [
                {**shown_line(line), "unit_price": digits(line["unit_price"])} for line in goods(row, self._word)
            ],
        }

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        match field:
            case "number" | "state":
                return [[field, "in", values]]
            case "party" | "sale":
                path = {"party": "party", "sale": "sales"}[field]
                return [[path, "in", [int(value) for value in values if is_key(value)]]]
            case _:
                return None


class Payment(_Shown):
    """Posted moves of cash and write-off journals on a customer's account.

    amount: what the account got, in its currency; negative where a move takes another one back. invoice: what it paid.
    """

    name = model = "account.move"
    inner = ("lines",)
    own = live = (
        ["journal.type", "in", ["cash", "write-off"]],
        ["state", "=", "posted"],
        ["lines", "where", [["account.type.receivable", "=", True], ["party", "!=", None]]],
    )
    of = "company"
    texts = ("number", "party", "invoice", "date", "currency", "journal", "description")
    decimals = ("amount",)
    reads = (
        *("number", "date", "description", "journal.name", "origin", "company.currency.code"),
        *(f"lines.{name}" for name in ("party", "debit", "credit", "account.type.receivable")),
        *("lines.amount_second_currency", "lines.second_currency.code"),
    )

    def shown(self, row: Row) -> dict[str, Any]:
        lines = [line for line in row["lines"] if line["account"]["type"] and line["account"]["type"]["receivable"]]
        foreign = [line for line in lines if line["second_currency"]]
        parties = {line["party"] for line in lines if line["party"] is not None}
        if foreign and len(foreign) == len(lines):
            currency = foreign[0]["second_currency"]["code"]
            amount = -sum((line["amount_second_currency"] or Decimal(0) for line in lines), Decimal(0))
        else:
            currency = row["company"]["currency"]["code"]
            amount = sum((line["credit"] - line["debit"] for line in lines), Decimal(0))
        return {
            "number": row["number"],
            "party": str(min(parties)) if parties else None,
            "invoice": invoice_of(row["origin"]),
            "date": row["date"].isoformat(),
            "amount": digits(amount),
            "currency": currency,
            "journal": row["journal"]["name"],
            "description": row["description"],
        }

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        match field:
            case "number" | "description":
                return [[field, "in", values]]
            case "party":
                return [["lines.party", "in", [int(value) for value in values if is_key(value)]]]
            case "invoice":
                return [["origin", "in", [f"{ORIGIN}{value}" for value in values if is_key(value)]]]
            case _:
                return None


def invoice_of(value: Any) -> str | None:
    """The invoice of a reference, which comes as `model,id` or as the row; None for what is of something else."""
    if isinstance(value, Mapping):
        value = f"{value['__name__']},{value['id']}"
    return value.removeprefix(ORIGIN) if isinstance(value, str) and value.startswith(ORIGIN) else None
