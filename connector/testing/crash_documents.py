"""A day of bookkeeping around a crash: contacts, and the invoices, payments and balances that the ERP tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from connector.merge.rules import Flow
from connector.model.entities import DEPENDENCY_ORDER
from connector.model.values import Side
from connector.testing.crash_acts import Scenario, edit, key_of, shown
from connector.testing.tables import Fields
from connector.testing.world import World, customer

NET = "net"


def _bill(number: str, world: World, owner: str, rows: Sequence[tuple[str, str]], **fields: Any) -> None:
    """The ERP bills a customer. rows: (quantity, price) of Anvils; net, tax and total are what they come to."""
    world.erp.add(
        "bills",
        {
            "number": number,
            "customer": key_of(world, Side.RIGHT, "account", owner),
            "state": "open",
            "cur": "EUR",
            "freight": "0.00",
            **_figures(world, rows, Decimal(0)),
            **fields,
        },
    )


def _figures(world: World, rows: Sequence[tuple[str, str]], freight: Decimal, known: Sequence[Fields] = ()) -> Fields:
    """Positions and what they come to. known: positions that are there already keep their numbers."""
    anvil = key_of(world, Side.RIGHT, "product", "A")
    net = sum((Decimal(quantity) * Decimal(price) for quantity, price in rows), Decimal(0)).quantize(Decimal("0.01"))
    vat = (net * Decimal("0.20")).quantize(Decimal("0.01"))
    total = net + vat + freight
    positions: list[Fields] = [
        {"item": anvil, "qty": quantity, "price": price, "text": f"row {number}"}
        for number, (quantity, price) in enumerate(rows)
    ]
    for position, old in zip(positions, known, strict=False):
        position["no"] = old["no"]
    return {NET: str(net), "vat": str(vat), "total": str(total), "open": str(total), "positions": positions}


def _positions(bill: Fields) -> list[Fields]:
    """A bill's positions, in the order of their texts."""
    return sorted(bill["positions"], key=lambda row: str(row["text"]))


def _receipt(number: str, world: World, owner: str, bill: str | None, amount: str) -> None:
    fields = {"number": number, "customer": key_of(world, Side.RIGHT, "account", owner), "amount": amount}
    on = None if bill is None else key_of(world, Side.RIGHT, "invoice", bill)
    world.erp.add("receipts", {**fields, "bill": on, "cur": "EUR", "text": number})


def _balance(world: World, owner: str, figure: str) -> None:
    """The ERP opens an account of figures for a customer, under the customer's key."""
    key = key_of(world, Side.RIGHT, "account", owner)
    world.erp.add("balances", {"name": owner, "open": figure, "overdue": "0.00", "cur": "EUR"}, key=key)


def _person(world: World, name: str, owner: str) -> None:
    key = key_of(world, Side.RIGHT, "account", owner)
    world.erp.add("persons", {"family_name": name, "given_name": "Ann", "customer": key, "blocked": False})


def _books(world: World, full: bool) -> None:
    """Customers, an item, persons, bills, receipts and balances, in step; the ERP tells of money, the CRM shows it."""
    for entity in ("invoice", "payment", "balance"):
        world.one_way(entity, Flow.R2L)
    world.specs["balance"] = replace(world.specs["balance"], creates=frozenset())
    world.set("invoice", deletes="archive")
    for number in range(5):
        world.erp.add("customers", customer(f"Acme {number}", tel=str(number)))
        _balance(world, f"Acme {number}", f"{number}.00")
        _person(world, f"Person {number}", f"Acme {number}")
    world.erp.add("items", {"code": "A", "title": "Anvil", "price": "2.50", "cur": "EUR"})
    for number in range(5):
        _bill(f"B{number}", world, f"Acme {number}", [("1", "2.50"), ("3", "0.35")])
        _receipt(f"R{number}", world, f"Acme {number}", f"B{number}", "1.00")
    for _ in range(3):
        for entity in world.entities:
            world.sync(entity, full=full)
        world.clock.advance(1000)
    assert [row["open_balance"] for row in shown(world, Side.LEFT, "account").values()] == [f"{n}.00" for n in range(5)]


def _bookkeeping(world: World, creates: bool) -> None:
    if creates:
        _new(world)
    _figures_move(world)
    _crm_interferes(world)
    _ends(world)


def _new(world: World) -> None:
    """A customer with everything that hangs on it, and a contact on each side."""
    world.erp.add("customers", customer("Initech"))
    _balance(world, "Initech", "7.00")
    _bill("B7", world, "Initech", [("2", "3.50")])
    _receipt("R7", world, "Initech", "B7", "7.00")
    _receipt("R8", world, "Acme 0", None, "-2.00")
    _person(world, "Person 7", "Initech")
    company = key_of(world, Side.LEFT, "account", "Acme 0")
    world.crm.add("contacts", {"last_name": "Person 8", "first_name": "Bo", "company_id": company, "active": True})


def _figures_move(world: World) -> None:
    """Paid; a position added and the total with it; a total that does not add up; a receipt put right; balances."""
    edit(world, Side.RIGHT, "invoice", "B0", state="paid", open="0.00")
    edit(
        world, Side.RIGHT, "invoice", "B1", **_figures(world, [("1", "2.50"), ("3", "0.35"), ("1", "9.99")], Decimal(0))
    )
    edit(world, Side.RIGHT, "invoice", "B2", total="99.99", open="99.99")
    edit(world, Side.RIGHT, "payment", "R0", amount="4.26", text="in full")
    for number in range(3):
        edit(world, Side.RIGHT, "balance", f"Acme {number}", open=f"1{number}.50", overdue="0.50")


def _crm_interferes(world: World) -> None:
    """People change in the CRM what the ERP tells; contacts are edited on both sides, one of them in one field."""
    edit(world, Side.LEFT, "invoice", "B0", status="void", open_amount="1.00")
    edit(world, Side.LEFT, "invoice", "B3", lines=[])
    edit(world, Side.LEFT, "payment", "R3", amount="100.00")
    edit(world, Side.LEFT, "account", "Acme 1", open_balance="0.00", phone="L1")
    edit(world, Side.LEFT, "contact", "Person 0", email="left@example.com")
    edit(world, Side.RIGHT, "contact", "Person 0", given_name="Right")
    edit(world, Side.LEFT, "contact", "Person 1", first_name="Left")
    edit(world, Side.RIGHT, "contact", "Person 1", given_name="Right")


def _ends(world: World) -> None:
    """A bill and a receipt withdrawn, a contact deleted, an image deleted by hand, two companies merged."""
    world.erp.remove("receipts", key_of(world, Side.RIGHT, "payment", "R4"))
    world.erp.remove("bills", key_of(world, Side.RIGHT, "invoice", "B4"))
    world.crm.remove("contacts", key_of(world, Side.LEFT, "contact", "Person 3"))
    world.crm.remove("payments", key_of(world, Side.LEFT, "payment", "R2"))
    survivor = key_of(world, Side.LEFT, "account", "Acme 2")
    world.crm.merge("companies", key_of(world, Side.LEFT, "account", "Acme 3"), survivor)


def _next_month(world: World) -> None:
    """Every figure moves again, and every contact is edited, each side another field."""
    for key, bill in shown(world, Side.RIGHT, "invoice").items():
        known = _positions(bill)
        rows = [("7", known[0]["price"]), *((row["qty"], row["price"]) for row in known[1:])]
        world.erp.edit("bills", key, freight="5.00", **_figures(world, rows, Decimal(5), known))
    for key in shown(world, Side.RIGHT, "payment"):
        world.erp.edit("receipts", key, text="next month")
    for key in shown(world, Side.RIGHT, "balance"):
        world.erp.edit("balances", key, overdue="9.00")
    for key in shown(world, Side.LEFT, "contact"):
        world.crm.edit("contacts", key, email="next@example.com")
    for key in shown(world, Side.RIGHT, "contact"):
        world.erp.edit("persons", key, blocked=True)


DOCUMENTS = Scenario("documents", _books, _bookkeeping, _next_month, entities=DEPENDENCY_ORDER)
