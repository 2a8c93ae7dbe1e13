"""The arithmetic of a document: its lines and what is added to them make its total, to the minor unit. Decimal only."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from connector.model.values import Line, Money, Values

HUNDRED = Decimal(100)


def header_problem(values: Values) -> str | None:
    """What is wrong with a document's arithmetic; None when total = lines + freight + tax to the minor unit.

    None, too, where there is nothing to add up: no lines, no total, or lines without amounts.
    """
    total, rows = values.get("total"), values.get("lines")
    if not isinstance(total, Money) or not isinstance(rows, tuple):
        return None
    lines: Sequence[Line] = [line for line in rows if isinstance(line, Line)]
    amounts = [_line_amount(line, total) for line in lines]
    if any(amount is None for amount in amounts):
        return None
    net = sum((amount for amount in amounts if amount is not None), Decimal(0))
    subtotal = values.get("subtotal")
    if isinstance(subtotal, Money) and subtotal.amount != net:
        return f"lines add up to {net}, the document says {subtotal.amount}"
    extra = sum((v.amount for n in ("freight", "tax") if isinstance(v := values.get(n), Money)), Decimal(0))
    if net + extra != total.amount:
        return f"lines, freight and tax make {net + extra}, the document says {total.amount}"
    return None


def _line_amount(line: Line, total: Money) -> Decimal | None:
    """A line's amount: as shown, else quantity x price less discount, rounded half up like the total."""
    shown = line.values.get("amount")
    quantity, price = line.values.get("quantity"), line.values.get("unit_price")
    if isinstance(shown, Money):
        return shown.amount
    if not isinstance(quantity, Decimal) or not isinstance(price, Money):
        return None
    discount = line.values.get("discount_percent")
    rate = discount if isinstance(discount, Decimal) else Decimal(0)
    return (quantity * price.amount * (HUNDRED - rate) / HUNDRED).quantize(total.amount, ROUND_HALF_UP)
