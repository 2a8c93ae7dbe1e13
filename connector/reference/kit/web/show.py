"""How values look on a page: money, dates, instants, words. Pure."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from connector.reference.kit.money import minor_digits

TONES = {
    "good": {"won", "paid", "active", "closed"},
    "warn": {"draft", "former", "inactive", "retired", "blocked", "deleted", "partly paid"},
    "bad": {"lost", "void", "cancelled", "overdue"},
    "live": {"proposal", "confirmed", "shipped", "invoiced", "open"},
}


def decimal(text: object) -> Decimal | None:
    """The number in an API string; None for null, blank and what is no finite number."""
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def money(amount: object, currency: object = None) -> str:
    """`12,345.50 EUR`: grouped, with at least the decimals of the currency; empty for null."""
    value = decimal(amount)
    if value is None:
        return ""
    # A price may be finer than the currency's minor unit; what is stored is shown.
    places = max(minor_digits(str(currency) if currency else None), -int(value.as_tuple().exponent))
    text = f"{value:,.{places}f}"
    return f"{text} {currency}" if currency else text


def number(value: object) -> str:
    """`1,250` or `2.5`: grouped, without trailing zeros; empty for null."""
    amount = decimal(value)
    if amount is None:
        return ""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant(text: object) -> str:
    """`2026-03-01 09:30:00 UTC` from an API instant; what is no instant is shown as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z", str(text or ""))
    return f"{found[1]} {found[2]} UTC" if found else str(text or "")


def words(value: object) -> str:
    """`Net 30 days` from `net_30_days`: a code as a person reads it."""
    text = str(value or "").replace("_", " ")
    return text[:1].upper() + text[1:]


def label(name: str, reference: bool = False) -> str:
    """`VAT %` from `vat_percent`, `Company` from the reference `company_id`: the label of a field."""
    text = words(name.removesuffix("_id") if reference else name).replace(" percent", " %")
    return re.sub(r"\b(vat|erp|po|crm|sku)\b", lambda found: found[0].upper(), text, flags=re.IGNORECASE)


def tone(value: object) -> str:
    """The colour class of a status: good, warn, bad, live or none."""
    key = str(value or "").lower().replace("_", " ")
    return next((name for name, members in TONES.items() if key in members), "")
