"""Seeds a company that can sell: what a person sets up before the first order, and nothing of any customer.

Run by Tryton's own Python: seed.py CONFIG FACTS. Writes the ids of what it made, and the connector's key, to FACTS.
"""

from __future__ import annotations

import datetime
import json
import secrets
import sys
from decimal import Decimal
from typing import Any

import pycountry
from proteus import Model, Wizard
from proteus import config as proteus_config

CURRENCIES = {"EUR": ("Euro", "€", "1"), "USD": ("U.S. Dollar", "$", "1.1")}
TAXES = {"19": Decimal("0.19"), "7": Decimal("0.07")}
GROUPS = (
    "Sales",
    "Accounting",
    "Party Administration",
    "Product Administration",
    "Account Product Administration",
)


def named(model: str, **values: Any) -> Any:
    """The one record that holds these values."""
    (record,) = Model.get(model).find([(field, "=", value) for field, value in values.items()])
    return record


def made(model: str, **values: Any) -> Any:
    record = Model.get(model)(**values)
    record.save()
    return record


def finish_installation() -> None:
    for item in Model.get("ir.module.config_wizard.item").find([("state", "!=", "done")]):
        item.state = "done"
        item.save()


def countries() -> None:
    country = Model.get("country.country")
    country.save([country(name=one.name, code=one.alpha_2, code3=one.alpha_3) for one in pycountry.countries])
    ids = {one.code: one.id for one in country.find([])}
    rows = [{"name": one.name, "code": one.code, "country": ids[one.country_code]} for one in pycountry.subdivisions]
    Model.get("country.subdivision")._proxy.create(rows, proteus_config.get_config().context)


def company(currency: Any) -> Any:
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = made("party.party", name="Example Trading")
    wizard.form.currency = currency
    wizard.execute("add")
    connection = proteus_config.get_config()
    connection._context = Model.get("res.user").get_preferences(True, {})
    return named("company.company")


def chart(owner: Any) -> dict[str, Any]:
    """The universal chart of accounts; the accounts that sales and purchases go to by default."""
    template = Model.get("ir.model.data").get_id(
        "account.account_template_root_en", proteus_config.get_config().context
    )
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = Model.get("account.account.template")(template)
    wizard.form.company = owner
    wizard.execute("create_account")
    found = {}
    for kind in ("receivable", "payable", "revenue", "expense"):
        found[kind] = Model.get("account.account").find([(f"type.{kind}", "=", True), ("closed", "!=", True)], limit=1)[
            0
        ]
    for name, code in (("cash", "1.1.1"), ("tax", "6.3.6")):
        found[name] = named("account.account", code=code)
    wizard.form.account_receivable = found["receivable"]
    wizard.form.account_payable = found["payable"]
    wizard.form.category_account_revenue = found["revenue"]
    wizard.form.category_account_expense = found["expense"]
    wizard.execute("create_properties")
    return found


def fiscal_year(owner: Any, year: int) -> None:
    def numbers(kind: str) -> Any:
        type_ = named("ir.sequence.type", name=kind)
        return made("ir.sequence.strict", name=f"{kind} {year}", sequence_type=type_, company=owner)

    record = Model.get("account.fiscalyear")(name=str(year), company=owner)
    record.start_date, record.end_date = datetime.date(year, 1, 1), datetime.date(year, 12, 31)
    record.move_sequence = numbers("Account Move")
    (sequences,) = record.invoice_sequences
    sequences.out_invoice_sequence = sequences.out_credit_note_sequence = numbers("Invoice")
    sequences.in_invoice_sequence = sequences.in_credit_note_sequence = numbers("Invoice")
    record.save()
    record.click("create_period")


def tax(name: str, rate: Decimal, account: Any) -> Any:
    return made(
        "account.tax",
        name=f"VAT {name} %",
        description=f"VAT {name} %",
        type="percentage",
        rate=rate,
        invoice_account=account,
        credit_note_account=account,
    )


def category(name: str, taxes: list[Any], accounts: dict[str, Any]) -> Any:
    record = Model.get("product.category")(name=name, accounting=True)
    record.account_revenue, record.account_expense = accounts["revenue"], accounts["expense"]
    record.customer_taxes.extend(taxes)
    record.save()
    return record


def term(name: str, days: int) -> Any:
    record = Model.get("account.invoice.payment_term")(name=name)
    line = record.lines.new(type="remainder")
    if days:
        line.relativedeltas.new(days=days)
    record.save()
    return record


def payment_method(accounts: dict[str, Any]) -> Any:
    journal = named("account.journal", type="cash")
    accounts_of = {"credit_account": accounts["cash"], "debit_account": accounts["cash"]}
    return made("account.invoice.payment.method", name="Bank", journal=journal, **accounts_of)


def connector(owner: Any) -> dict[str, str]:
    """A user of the connector's own with the rights it needs and no more, and its application key."""
    password = secrets.token_urlsafe(16)
    user = Model.get("res.user")(name="Connector", login="connector", password=password)
    for group in GROUPS:
        user.groups.append(named("res.group", name=group))
    user.companies.append(owner)
    user.company = owner
    user.save()
    key = made("res.user.application", user=user, application="rest").key
    return {"login": "connector", "password": password, "key": key}


def main(config: str, facts: str) -> None:
    proteus_config.set_trytond("demo", user="admin", config_file=config)
    finish_installation()
    countries()
    today = datetime.datetime.now(datetime.UTC).date()
    money = {}
    for code, (name, symbol, rate) in CURRENCIES.items():
        money[code] = made("currency.currency", name=name, code=code, symbol=symbol, rounding=Decimal("0.01"))
        made("currency.currency.rate", currency=money[code], date=datetime.date.min, rate=Decimal(rate))
    owner = company(money["EUR"])
    accounts = chart(owner)
    for year in (today.year - 1, today.year, today.year + 1):
        fiscal_year(owner, year)
    taxes = {percent: tax(percent, rate, accounts["tax"]) for percent, rate in TAXES.items()}
    terms = {name: term(name, days) for name, days in (("Direct", 0), ("30 days", 30))}
    found = {
        "company": owner.id,
        "currency": "EUR",
        "currencies": {code: record.id for code, record in money.items()},
        "taxes": {percent: record.id for percent, record in taxes.items()},
        "terms": {name: record.id for name, record in terms.items()},
        "payment_method": payment_method(accounts).id,
        "category": category("Goods", [taxes["19"]], accounts).id,
        "untaxed_category": category("Goods without tax", [], accounts).id,
        "unit": named("product.uom", name="Unit").id,
        **connector(owner),
    }
    with open(facts, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
