"""Amounts: the currency's minor unit, half-up rounding, totals of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

# Currencies whose minor unit is not a hundredth (ISO 4217).
_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_UNITS = {digits: Decimal(1).scaleb(-digits) for digits in range(5)}
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


def minor_digits(currency: str | None) -> int:
    """Decimals of the currency; two when it is not known."""
    return 2 if currency is None else _DIGITS.get(currency, 2)


def rounded(value: Decimal, currency: str | None) -> Decimal:
    """Half up, away from zero, to the currency's minor unit."""
    # Adding zero turns a minus zero into zero.
    return value.quantize(_UNITS[minor_digits(currency)], ROUND_HALF_UP) + _ZERO


def number(value: str | None) -> Decimal:
    return _ZERO if value is None else Decimal(value)


def plain(value: Decimal) -> str:
    """The number as text without exponent."""
    return format(value, "f")


def money(value: Decimal, currency: str | None) -> str:
    """Rounded and as text."""
    return plain(rounded(value, currency))


@dataclass(frozen=True, slots=True)
class LineNames:
    """What an application calls the parts of a line."""

    price: str
    tax: str
    total: str


@dataclass(frozen=True, slots=True)
class Totals:
    net: str
    tax: str
    total: str
    line_totals: tuple[str, ...]


def totals(lines: Sequence[Mapping[str, Any]], names: LineNames, freight: str | None, currency: str | None) -> Totals:
    """Line total = quantity x price x (1 - discount/100), tax likewise, each rounded; total = net + freight + tax."""
    with localcontext(_WIDE):
        return _totals(lines, names, freight, currency)


# Wide enough for any product of a quantity, a price and two percents: the only rounding is the one that is written.
_WIDE = Context(prec=120)


def _totals(lines: Sequence[Mapping[str, Any]], names: LineNames, freight: str | None, currency: str | None) -> Totals:
    net = tax = _ZERO
    line_totals = []
    for line in lines:
        total = number(line["quantity"]) * number(line[names.price])
        if line["discount_percent"] is not None:
            total = total * (_HUNDRED - Decimal(line["discount_percent"])) / _HUNDRED
        total = rounded(total, currency)
        net += total
        if line[names.tax] is not None:
            tax += rounded(total * Decimal(line[names.tax]) / _HUNDRED, currency)
        line_totals.append(plain(total))
    whole = net + tax + number(freight)
    return Totals(money(net, currency), money(tax, currency), money(whole, currency), tuple(line_totals))
