"""The ERP's pages for people."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from connector.reference.erp.pages.customers import customers, persons
from connector.reference.erp.pages.documents import INVOICE_DEEDS, invoices, payments
from connector.reference.erp.pages.items import ITEM_DEEDS, items
from connector.reference.erp.pages.orders import ORDER_DEEDS, orders
from connector.reference.erp.pages.periods import add_periods
from connector.reference.kit.service import Service
from connector.reference.kit.web.actions import receive_deeds
from connector.reference.kit.web.desk import Desk
from connector.reference.kit.web.home import Tile, add_home, amounts, sums
from connector.reference.kit.web.site import Link, Site, peer_of

MENU = tuple(
    Link(title, f"/{path}")
    for title, path in (
        ("Customers", "customers"),
        ("Orders", "orders"),
        ("Items", "items"),
        ("Invoices", "invoices"),
        ("Payments", "payments"),
        ("Persons", "persons"),
        ("Periods", "periods"),
    )
)


def mount(app: FastAPI, service: Service) -> None:
    """Puts the pages at `/` of the application; `app.state.peer_url` is the address of the CRM."""
    site = Site("erp", "Orders and accounts", MENU, peer_of(app))
    desk = Desk(site, service)
    order_sheet, item_sheet, invoice_sheet = orders(desk), items(), invoices(desk)
    for sheet in (customers(desk), order_sheet, item_sheet, invoice_sheet, payments(desk), persons()):
        desk.add(sheet)
    receive_deeds(desk, order_sheet, ORDER_DEEDS)
    receive_deeds(desk, item_sheet, ITEM_DEEDS)
    receive_deeds(desk, invoice_sheet, INVOICE_DEEDS)
    add_periods(desk)
    add_home(desk, "Overview", _tiles, (Link("New order", "/orders/new"), Link("New customer", "/customers/new")))
    app.mount("/", site.app())


def _tiles(service: Service) -> Sequence[Tile]:
    orders, bills = sums(service, "orders", "state", "total"), sums(service, "invoices", "state", "open")
    todo = [orders[state] for state in ("open", "confirmed") if state in orders]
    shipped, unpaid = orders.get("shipped", (0, {})), bills.get("open", (0, {}))
    return (
        Tile("Customers", f"{service.store.count(service.type('customers')):,}", "", "/customers"),
        Tile(
            "Orders to ship",
            f"{sum(count for count, _ in todo):,}",
            amounts(pair for _, totals in todo for pair in totals.items()),
            "/orders",
        ),
        Tile("Orders to invoice", f"{shipped[0]:,}", amounts(shipped[1].items()), "/orders"),
        Tile("Open invoices", f"{unpaid[0]:,}", amounts(unpaid[1].items()), "/invoices"),
    )
