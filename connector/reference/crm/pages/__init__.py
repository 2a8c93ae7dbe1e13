"""The CRM's pages for people."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from connector.reference.crm.pages.deals import deals
from connector.reference.crm.pages.sheets import companies, contacts, invoices, payments, products
from connector.reference.kit.service import Service
from connector.reference.kit.web.desk import Desk
from connector.reference.kit.web.home import Tile, add_home, amounts, sums
from connector.reference.kit.web.site import Link, Site, peer_of

MENU = tuple(
    Link(title, f"/{path}")
    for title, path in (
        ("Companies", "companies"),
        ("Contacts", "contacts"),
        ("Deals", "deals"),
        ("Products", "products"),
        ("Invoices", "invoices"),
        ("Payments", "payments"),
    )
)


def mount(app: FastAPI, service: Service) -> None:
    """Puts the pages at `/` of the application; `app.state.peer_url` is the address of the ERP."""
    site = Site("crm", "Customer relations", MENU, peer_of(app))
    desk = Desk(site, service)
    for sheet in (companies(desk), contacts(), deals(desk), products(), invoices(desk), payments(desk)):
        desk.add(sheet)
    add_home(desk, "Overview", _tiles, (Link("New deal", "/deals/new"), Link("New company", "/companies/new")))
    app.mount("/", site.app())


def _tiles(service: Service) -> Sequence[Tile]:
    stages = sums(service, "deals", "stage", "amount")
    bills = sums(service, "invoices", "status", "open_amount")
    running = [stages[stage] for stage in ("prospect", "proposal") if stage in stages]
    won, unpaid = stages.get("won", (0, {})), bills.get("open", (0, {}))
    companies = service.store.count(service.type("companies"))
    contacts = service.store.count(service.type("contacts"))
    return (
        Tile("Companies", f"{companies:,}", f"{contacts:,} contacts", "/companies"),
        Tile(
            "Deals under way",
            f"{sum(count for count, _ in running):,}",
            amounts(pair for _, totals in running for pair in totals.items()),
            "/deals",
        ),
        Tile("Deals won", f"{won[0]:,}", amounts(won[1].items()), "/deals"),
        Tile("Open invoices", f"{unpaid[0]:,}", amounts(unpaid[1].items()), "/invoices"),
    )
