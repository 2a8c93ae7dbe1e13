"""The closed loop on the built-in systems, step by step; each step is checked on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connector.app import people, running
from connector.app.demo import DemoError, Step, World, expect, only
from connector.model.values import Side


def closed_loop(world: World) -> Iterator[Step]:
    """Every step as it is done. Raises DemoError at the first that does not end as it must."""
    yield world.seed()
    yield _first(world)
    yield _won(world)
    yield _invoiced(world)
    yield _paid(world)
    yield _merged(world)
    yield from _conflict(world)
    yield _verified(world)
    yield _quiet(world)


def _sync(world: World) -> None:
    """One run of every sync; an error or a halt ends the demonstration."""
    for ran in running.sync(world.app):
        if ran.error is not None:
            raise DemoError(f"The demonstration failed: {ran.error}")


def _first(world: World) -> Step:
    _sync(world)
    crm, erp = world.crm, world.erp
    companies, customers = crm.all("companies"), erp.all("customers")
    expect("companies in the CRM", len(companies), 12)
    expect("customers in the ERP", len(customers), 12)
    expect(
        "names in the ERP", sorted(f["name"] for f in customers.values()), sorted(f["name"] for f in companies.values())
    )
    expect("numbers the CRM lacks", [key for key, f in companies.items() if not f["number"]], [])
    expect("persons in the ERP", len(erp.all("persons")), len(crm.all("contacts")))
    expect("products in the CRM", len(crm.all("products")), len(erp.all("items")))
    facts = [
        "12 companies on both sides: those in both were linked by tax id, the others made; none is there twice",
        f"{len(erp.all('persons'))} contacts went to the ERP, {len(crm.all('products'))} products to the CRM",
    ]
    return Step("First sync", facts)


def _won(world: World) -> Step:
    deal = world.add_deal()
    _sync(world)
    expect("orders before the deal is won", len(world.erp.all("orders")), 0)
    world.crm.change("deals", deal, stage="won")
    _sync(world)
    key, order = only("orders in the ERP", world.erp.all("orders"))
    shown = world.crm.get("deals", deal)
    world.ids["order"] = key
    expect("the order's total", order["total"], shown["amount"])
    expect("the order's lines", len(order["lines"]), 2)
    expect("the deal's order number", shown["erp_number"], order["number"])
    facts = [
        f'CRM: {deal} "{shown["name"]}" {shown["amount"]} {shown["currency"]}, order number {shown["erp_number"]}',
        f"ERP: {key} {order['number']} {order['state']}, total {order['total']} {order['currency']}",
    ]
    return Step("A deal is won in the CRM: an order appears in the ERP", facts)


def _invoiced(world: World) -> Step:
    crm, erp, ids = world.crm, world.erp, world.ids
    erp.act("orders", ids["order"], "ship", tracking="TRK-4711", carrier="DHL")
    erp.act("orders", ids["order"], "invoice")
    order = erp.get("orders", ids["order"])
    ids["erp invoice"], invoice = only("invoices in the ERP", erp.all("invoices"))
    _sync(world)
    deal = crm.get("deals", ids["deal"])
    ids["invoice"], seen = only("invoices in the CRM", crm.all("invoices"))
    company = crm.get("companies", deal["company_id"])
    expect("the deal's status", deal["erp_status"], "invoiced")
    expect("the deal's ship date", deal["ship_date"], order["ship_date"])
    expect("the deal's tracking", deal["tracking"], "TRK-4711")
    expect("the invoice's number", seen["number"], invoice["number"])
    expect("the invoice's total", seen["amount"], invoice["total"])
    expect("the invoice's open amount", seen["open_amount"], invoice["open"])
    expect("the company's open balance", company["open_balance"], invoice["open"])
    total, owed = f"{invoice['total']} {invoice['currency']}", f"{company['name']} owes {company['open_balance']}"
    shipped = f"shipped {deal['ship_date']} with {deal['carrier']} {deal['tracking']}"
    facts = [
        f"ERP: {order['number']} shipped {order['ship_date']}, {invoice['number']} {total}",
        f"CRM: {ids['deal']} {deal['erp_status']}, {shipped}",
        f"CRM: {ids['invoice']} {seen['number']} open {seen['open_amount']}; {owed}",
    ]
    return Step("Shipped and invoiced in the ERP: the CRM shows it", facts)


def _paid(world: World) -> Step:
    crm, erp, ids = world.crm, world.erp, world.ids
    erp.act("invoices", ids["erp invoice"], "pay", method="transfer")
    _, paid = only("payments in the ERP", erp.all("payments"))
    _sync(world)
    key, payment = only("payments in the CRM", crm.all("payments"))
    invoice, deal = crm.get("invoices", ids["invoice"]), crm.get("deals", ids["deal"])
    company = crm.get("companies", deal["company_id"])
    expect("the payment's amount", payment["amount"], paid["amount"])
    expect("the invoice's status", invoice["status"], "paid")
    expect("the invoice's open amount", invoice["open_amount"], "0.00")
    expect("the deal's status", deal["erp_status"], "closed")
    expect("the company's open balance", company["open_balance"], "0.00")
    facts = [
        f"ERP: payment {paid['number']} of {paid['amount']} {paid['currency']}",
        f"CRM: {key} {payment['amount']}, {invoice['number']} {invoice['status']}, {company['name']} owes "
        f"{company['open_balance']}",
    ]
    return Step("Paid in the ERP: nothing is open any more", facts)


# ------------------------------------------------------------------------------------------- both sides edit


def _account(world: World) -> tuple[str, str]:
    """The company of the deal, as both sides know it."""
    company = world.crm.get("deals", world.ids["deal"])["company_id"]
    number = world.crm.get("companies", company)["number"]
    customer, _ = only("customers of that number", world.erp.all("customers", number=number))
    return company, customer


def _merged(world: World) -> Step:
    company, customer = _account(world)
    world.crm.change("companies", company, website="https://spa.example")
    world.erp.change("customers", customer, industry="Hospitality")
    _sync(world)
    left, right = world.crm.get("companies", company), world.erp.get("customers", customer)
    for name, wanted in (("website", "https://spa.example"), ("industry", "Hospitality")):
        expect(f"the CRM's {name}", left[name], wanted)
        expect(f"the ERP's {name}", right[name], wanted)
    facts = [f"{company} and {customer}: website {left['website']}, industry {left['industry']} on both sides"]
    return Step("One account edited on both sides, different fields: merged", facts)


def _conflict(world: World) -> Iterator[Step]:
    company, customer = _account(world)
    world.crm.change("companies", company, email="crm@spa.example", fax="+49 30 5550199")
    world.erp.change("customers", customer, email="erp@spa.example")
    _sync(world)
    left, right = world.crm.get("companies", company), world.erp.get("customers", customer)
    expect("the CRM's email", left["email"], "crm@spa.example")
    expect("the ERP's email", right["email"], "erp@spa.example")
    expect("the ERP's fax", right["fax"], left["fax"])
    waiting = people.conflicts(world.app)
    expect("the conflicts that wait", [(c.entity, c.unit) for c in waiting], [("account", "email")])
    conflict = waiting[0]
    values: dict[Side, Any] = conflict.values
    facts = [
        f"{conflict.id}: email is {values[Side.LEFT]['email']} in the CRM, {values[Side.RIGHT]['email']} in the ERP",
        f"the fax of the same account travelled: {right['fax']}",
    ]
    yield Step("The same field edited on both sides: only that field waits for a person", facts)
    resolved, _ = people.resolve(world.app, [conflict.id], "crm")
    expect("conflicts that stay open", [entry.note for entry in resolved if entry.open], [])
    expect("the ERP's email", world.erp.get("customers", customer)["email"], "crm@spa.example")
    expect("the conflicts left", len(people.conflicts(world.app, live=False)), 0)
    yield Step(
        f"connector conflicts resolve {conflict.id} --take crm",
        [f"ERP: {customer} email is crm@spa.example now; the value it replaced is in the journal, sealed"],
    )


# -------------------------------------------------------------------------------------------------- at rest


def _verified(world: World) -> Step:
    differences: list[Any] = []
    found = running.verify(world.app, [], differences.append)
    if not found.clean:
        first = differences[0] if differences else found.money[0]
        raise DemoError(f"The demonstration failed: verify found {len(differences) or 'money'} differences, {first}")
    facts = []
    for report in found.reports:
        sums = ", ".join(f"{name} {amount} {code}" for (name, code), amount in sorted(report.sums[Side.LEFT].items()))
        facts.append(f"{report.sync}: {report.linked} links, no difference{'; ' + sums if sums else ''}")
    return Step("Verify: every field of every record, and the money to the cent", facts)


def _quiet(world: World) -> Step:
    lines: list[Any] = []
    running.plan(world.app, [], lines.append)
    expect("the next plan", [(line.sync, line.action, line.reason) for line in lines], [])
    return Step("Another plan: nothing to do")
