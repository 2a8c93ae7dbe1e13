"""Lines of sales and invoices: which of Tryton's count, what each shows, and the commands that make them as wanted.

A line of the type `line` counts; titles, comments and subtotals are layout. The line without a product whose text is
the freight's word is the freight. The external keys of a sale and of its lines stand in the first row of the
lines' notes; what people wrote there stays below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote, unquote

from connector.adapters.tryton.kinds import MARK, World, marked
from connector.adapters.tryton.wire import Row
from connector.errors import RejectedError

PRICE = Decimal("0.0001")
"""Tryton keeps prices to four decimals unless its configuration says more."""

ZERO, HUNDRED = Decimal(0), Decimal(100)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a line takes from its product. taxes: those the product's customers pay."""

    unit: int
    taxes: Sequence[int]


def goods(row: Row, word: str) -> list[Row]:
    """The lines that sell something, in Tryton's order."""
    return [line for line in _ordered(row) if not _is_freight(line, word)]


def freight_of(row: Row, word: str) -> Row | None:
    return next((line for line in _ordered(row) if _is_freight(line, word)), None)


def shown_line(line: Row) -> dict[str, Any]:
    """What lines of sales and invoices show alike."""
    rates = [tax["rate"] for tax in line["taxes"] if tax["rate"] is not None]
    return {
        "id": str(line["id"]),
        "product": None if line["product"] is None else str(line["product"]),
        "description": line["description"],
        "quantity": number(line["quantity"]),
        "tax_percent": digits((sum(rates, ZERO) * HUNDRED).normalize()),
        "amount": digits(line["amount"]),
    }


def amounts(row: Row, word: str) -> dict[str, Any]:
    """Freight and totals of a document. subtotal: of the lines without the freight."""
    line, untaxed = freight_of(row, word), row["untaxed_amount"]
    freight = line["amount"] if line else None
    return {
        "freight": digits(freight),
        "subtotal": digits(None if untaxed is None else untaxed - (freight or ZERO)),
        "tax_amount": digits(row["tax_amount"]),
        "total_amount": digits(row["total_amount"]),
    }


def number(value: Any) -> str | None:
    """A quantity, which travels as a JSON number, in its shortest decimal digits."""
    return None if value is None else digits(Decimal(str(value)).normalize())


def digits(value: Decimal | int | None) -> str | None:
    """A number as text, never with an exponent."""
    return None if value is None else f"{value:f}"


# ------------------------------------------------------------------------------------------- external keys


def mark(order: str | None, line: str | None) -> str | None:
    """The note of a line: the external keys of its order and of itself; None where there are none."""
    parts = [quote(part or "", safe="") for part in (order, line)]
    return f"{MARK}{parts[0]}/{parts[1]}" if any(parts) else None


def unmarked(note: Any) -> tuple[str | None, str | None]:
    """Order's and line's key out of a note."""
    order, _, line = (marked(_rows(note)[0]) or "").partition("/")
    return unquote(order) or None, unquote(line) or None


def noted(there: Any, order: str | None, line: str | None) -> str | None:
    """The note with these keys, or with none, and all that people wrote in it."""
    first, rest = _rows(there)
    if marked(first) is None:
        rest = there
    return "\n".join(part for part in (mark(order, line), rest) if part) or None


def _rows(note: Any) -> tuple[str, str]:
    """The first row of a note, and the others."""
    first, _, rest = (note or "").partition("\n")
    return first.rstrip("\r"), rest


# ------------------------------------------------------------------------------------------------ commands


class LineWriter:
    """Makes the lines of one sale as wanted. products: of every product in it. digits: of its currency."""

    def __init__(self, name: str, products: Mapping[str, Goods], world: World, digits: int) -> None:
        self._name = name
        self._products = products
        self._taxes = world.taxes
        self._discounts = world.discounts
        self._unit = Decimal(1).scaleb(-digits)

    def commands(
        self, there: Sequence[Row], shown: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], order: Any
    ) -> Iterator[list[Any]]:
        """there, shown: the lines as they are, as rows and as fields. order: the external key of the sale."""
        known = {fields["id"]: (row, fields) for row, fields in zip(there, shown, strict=True)}
        kept = [line["id"] for line in wanted if line.get("id") is not None]
        if len(kept) != len(set(kept)) or not known.keys() >= set(kept):
            raise RejectedError(f"{self._name}: `lines` names a line twice or one that is not there; read it again.")
        if gone := [int(key) for key in known if key not in kept]:
            yield ["delete", gone]
        sequences = [(key, row["sequence"]) for key, (row, _) in known.items()]
        for line, place in zip(wanted, _places(wanted, kept, sequences), strict=True):
            row, before = known.get(line.get("id") or "", (None, {}))
            values = self._values(row, before, line, order)
            if place is not None and (row is None or row["sequence"] != place):
                values["sequence"] = place
            if row is None:
                yield ["create", [{"type": "line", **values}]]
            elif values:
                yield ["write", [row["id"]], values]

    def _values(
        self, row: Row | None, before: Mapping[str, Any], line: Mapping[str, Any], order: Any
    ) -> dict[str, Any]:
        new = {name: value for name, value in line.items() if name != "id" and not _same(before.get(name), value)}
        if row is None:
            new = {"quantity": None, "base_price": None, "product": None, **line}
        values: dict[str, Any] = {name: new[name] for name in ("description",) if name in new}
        if "quantity" in new:
            values["quantity"] = self._quantity(new["quantity"])
        product = new["product"] if "product" in new else before.get("product")
        if "product" in new:
            values["product"] = None if product is None else int(product)
            values["unit"] = None if product is None else self._products[product].unit
        if new.keys() & {"quantity", "base_price", "discount_percent"}:
            prices = self._prices({**before, **new})
            values |= {name: value for name, value in prices.items() if row is None or _price_of(row, name) != value}
        if "tax_percent" in new or row is None:
            values["taxes"] = self._tax_commands(row, new.get("tax_percent"), product)
        if "external_id" in new or row is None:
            values["note"] = noted(row and row["note"], order, new.get("external_id"))
        return {name: value for name, value in values.items() if row is not None or value not in (None, [])}

    def _quantity(self, value: Decimal | None) -> float | None:
        if value is not None and Decimal(repr(float(value))) != value:
            raise RejectedError(f"{self._name}: a quantity has more digits than Tryton keeps.")
        return None if value is None else float(value)

    def _prices(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """Both prices: Tryton computes the discount from them."""
        base, off, quantity = (Decimal(line.get(name) or 0) for name in ("base_price", "discount_percent", "quantity"))
        if off and not self._discounts:
            raise RejectedError(
                f"{self._name}: this Tryton knows no discounts: activate the module sale_discount there."
            )
        price = (base * (HUNDRED - off) / HUNDRED).quantize(PRICE, ROUND_HALF_EVEN)
        if not self._discounts:
            return {"unit_price": price}
        return {"unit_price": self._rounding_up(base, price, quantity), "base_price": base}

    def _rounding_up(self, base: Decimal, price: Decimal, quantity: Decimal) -> Decimal:
        """The price that brings a line of half a cent to the cent above, as everybody else rounds it.

        Tryton rounds half a cent to the even neighbour. The least step of the price turns it round; it is taken only
        where the discount that Tryton computes stays the same.
        """
        wanted = (quantity * price).quantize(self._unit, ROUND_HALF_UP)
        near = price + PRICE.copy_sign(price)
        if not base or (quantity * price).quantize(self._unit, ROUND_HALF_EVEN) == wanted:
            return price
        same = _discount(base, near) == _discount(base, price)
        return near if same and (quantity * near).quantize(self._unit, ROUND_HALF_EVEN) == wanted else price

    def _tax_commands(self, row: Row | None, percent: Decimal | None, product: str | None) -> list[list[Any]]:
        """percent None: what the product's customers pay; 0: nothing, also where there is a tax of 0 %."""
        if percent is None:
            ids = list(self._products[product].taxes) if product is not None else []
        elif not percent:
            ids = []
        elif (rate := (percent / HUNDRED).normalize()) in self._taxes:
            ids = [self._taxes[rate]]
        else:
            raise RejectedError(f"{self._name}: Tryton has no tax of {digits(percent)} %: create it there.")
        old = [tax["id"] for tax in row["taxes"]] if row else []
        gone, new = [one for one in old if one not in ids], [one for one in ids if one not in old]
        return [[word, some] for word, some in (("remove", gone), ("add", new)) if some]


def _places(
    wanted: Sequence[Mapping[str, Any]], kept: Sequence[str], there: Sequence[tuple[str, int | None]]
) -> list[int | None]:
    """The sequence of each line; None keeps the one it has. Only lines in another order are numbered anew."""
    old = [line.get("id") is not None for line in wanted]
    stays = kept == [key for key, _ in there if key in kept] and old == sorted(old, reverse=True)
    if not stays:
        return list(range(1, len(wanted) + 1))
    last = max((sequence or 0 for key, sequence in there if key in kept), default=0)
    return [None if is_old else last + 1 + place - len(kept) for place, is_old in enumerate(old)]


def freight_command(row: Row | None, amount: Decimal | None, word: str) -> list[list[Any]]:
    """The freight's line as wanted: there with this amount, or not there."""
    line = freight_of(row, word) if row else None
    if line is None:
        new = {"type": "line", "quantity": 1, "unit_price": amount, "description": word, "sequence": 9999}
        return [["create", [new]]] if amount else []
    return [["write", [line["id"]], {"quantity": 1, "unit_price": amount}]] if amount else [["delete", [line["id"]]]]


def _ordered(row: Row) -> list[Row]:
    lines = [line for line in row["lines"] if line["type"] == "line"]
    return sorted(lines, key=lambda line: (line["sequence"] is not None, line["sequence"] or 0, line["id"]))


def _is_freight(line: Row, word: str) -> bool:
    return line["product"] is None and (line["description"] or "").strip() == word


def _price_of(row: Row, name: str) -> Any:
    """A line that was never discounted has no price before discount of its own."""
    return row["unit_price"] if row.get(name) is None else row[name]


def _discount(base: Decimal, price: Decimal) -> Decimal:
    return (1 - price / base).quantize(PRICE, ROUND_HALF_EVEN)


def _same(before: Any, wanted: Any) -> bool:
    if isinstance(wanted, Decimal):
        return before is not None and Decimal(before) == wanted
    return bool(before == wanted)
