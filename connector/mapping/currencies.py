"""Money and prices: exact amounts in an ISO 4217 currency. Nothing is ever rounded here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import Amount, Beside, Plain, read_beside
from connector.mapping.located import Reader
from connector.mapping.numbers import read_number, shown
from connector.model.entities import Field, FieldType
from connector.model.values import Money

PRICE_DECIMALS = 6
_CONTEXT = Context(prec=80)

# ISO 4217 says 2 for all others. CLDR's digits are customary ones and differ (RSD, ALL, IQD ...), so they do not serve.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_MINOR: Mapping[str, int] = {
    code: decimals
    for decimals, codes in ((0, _NO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    import pycountry

    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


@lru_cache(maxsize=1024)
def currency_code(text: str) -> str | None:
    """The ISO 4217 code of what a system shows; None for blank. Raises NoImageError for anything else."""
    code = text.strip().upper()
    if not code:
        return None
    if code not in _codes():
        raise NoImageError(f"{shown(text)} is not an ISO 4217 currency")
    return code


def minor_unit(code: str) -> int:
    """Decimals of the currency's minor unit (EUR 2, JPY 0, KWD 3)."""
    return _MINOR.get(code, 2)


def exact(amount: Decimal, code: str, decimals: int) -> Decimal:
    """The amount with exactly these decimals. Raises NoImageError where that would round it."""
    fixed = amount.quantize(Decimal(1).scaleb(-decimals), context=_CONTEXT)
    if fixed != amount:
        raise NoImageError(f"{amount} {code} has more than {decimals} decimals and is not rounded silently")
    return fixed


def _beside_code(raw: Any, amount: Any) -> str:
    if raw is None or raw == "":
        raise NoImageError(f"the amount {shown(amount)} has no currency")
    code = currency_code(raw) if isinstance(raw, str) else None
    if code is None:
        raise NoImageError(f"{shown(raw)} is not an ISO 4217 currency")
    return code


def _check(value: Any) -> tuple[Decimal, str]:
    if type(value) is not Money or type(value.amount) is not Decimal:
        raise NoImageError(f"{shown(value)} is not an amount of money")
    code = currency_code(value.currency)
    if code is None:
        raise NoImageError(f"the amount {value.amount} has no currency")
    return read_number(value.amount), code


@lru_cache(maxsize=16384)
def _money_from_text(text: str, raw_code: str) -> Money | None:
    if not text.strip():
        return None
    code = _beside_code(raw_code, text)
    return Money(exact(read_number(text), code, minor_unit(code)), code)


def decode_money(value: Any, raw_code: Any) -> Money | None:
    """Money at the currency's minor unit. Raises NoImageError for more decimals or no currency."""
    if type(value) is str and type(raw_code) is str:
        return _money_from_text(value, raw_code)
    number = None if value == "" and isinstance(value, str) else read_number(value)
    if number is None:
        return None
    code = _beside_code(raw_code, value)
    return Money(exact(number, code, minor_unit(code)), code)


def decode_price(value: Any, raw_code: Any) -> Money | None:
    """Money with up to six decimals."""
    if value == "" and isinstance(value, str):
        return None
    number = read_number(value)
    code = _beside_code(raw_code, value)
    exact(number, code, PRICE_DECIMALS)
    return Money(number, code)


def _encode_money(value: Any) -> tuple[Decimal, str]:
    amount, code = _check(value)
    return exact(amount, code, minor_unit(code)), code


def _encode_price(value: Any) -> tuple[Decimal, str]:
    amount, code = _check(value)
    exact(amount, code, PRICE_DECIMALS)
    return amount, code


def money(options: Reader, field: Field) -> Amount:
    """An amount. currency: the system field that holds its currency, `^field` of the parent, or `=EUR`."""
    beside = _read_currency(options)
    if field.type is FieldType.PRICE:
        return Amount(decode_price, _encode_price, beside)
    return Amount(decode_money, _encode_money, beside)


def _read_currency(options: Reader) -> Beside:
    beside = read_beside(options, "currency", required=True)
    if beside is None:
        return Beside("constant", "")
    if beside.kind == "constant":
        from connector.mapping.located import nearest

        code = beside.name.upper()
        if code not in _codes():
            options.problem("currency", f"`={beside.name}`", "a currency of ISO 4217", nearest(code, _codes()))
        return Beside("constant", code)
    return beside


def currency(options: Reader, field: Field) -> Plain:
    """A currency code of ISO 4217, upper case."""

    def decode(value: Any) -> str | None:
        if type(value) is not str:
            raise NoImageError(f"{shown(value)} is not an ISO 4217 currency")
        return currency_code(value)

    return Plain(decode, decode)
