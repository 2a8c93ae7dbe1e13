"""What happens around a crash: two systems in step, a day of people's work, the runs that carry it, a day after."""

from __future__ import annotations

from typing import Any

from connector.engine.migrate import one_way
from connector.merge.rules import Policy
from connector.model.values import Side
from connector.testing.crash_acts import POISON, Scenario, edit, key_of, shown, system
from connector.testing.crash_documents import DOCUMENTS
from connector.testing.samples import CORE
from connector.testing.world import World, account, customer, line


def _rows(world: World, name: str) -> list[dict[str, Any]]:
    """A deal's lines, in the order of their descriptions."""
    fields = world.crm.get("deals", key_of(world, Side.LEFT, "order", name))
    return sorted(fields["lines"], key=lambda row: str(row["description"]))


def _positions(world: World, name: str) -> list[dict[str, Any]]:
    fields = world.erp.get("orders", key_of(world, Side.RIGHT, "order", name))
    return sorted(fields["positions"], key=lambda row: str(row["text"]))


# --------------------------------------------------------------------------------------------- both in step


def _in_step(world: World, full: bool) -> None:
    """Accounts, products and orders, linked; one account was deleted, and that is over."""
    for number in range(8):
        world.crm.add("companies", account(f"Acme {number}", phone=f"p{number}", email="a", zip=str(number)))
    for number in range(2):
        world.erp.add("customers", customer(f"Globex {number}", tel="1", mail="a", limit="10.00", remarks="a,b"))
    anvil = world.crm.add("products", {"sku": "A", "name": "Anvil", "price": "2.50", "currency": "EUR"})
    world.erp.add("items", {"code": "B", "title": "Bolt", "price": "0.10", "cur": "EUR"})
    for entity in CORE:
        world.sync(entity)
    bolt = key_of(world, Side.LEFT, "product", "B")
    lines = [line(anvil, "1", "2.50", description="one"), line(bolt, "2", "0.10", description="two")]
    for name, owner in (("Deal", "Acme 0"), ("Basket", "Acme 1"), ("Dispute", "Acme 2"), ("Old", "Globex 0")):
        company = key_of(world, Side.LEFT, "account", owner)
        world.crm.add("deals", {"name": name, "company_id": company, "currency": "EUR", "lines": lines, "po": name})
    for entity in CORE:
        world.sync(entity)
    world.crm.remove("companies", key_of(world, Side.LEFT, "account", "Acme 7"))
    edit(world, Side.LEFT, "account", "Globex 1", street="L street")
    edit(world, Side.RIGHT, "account", "Globex 1", addr1="R street")
    for _ in range(4):
        world.clock.advance(1000)
        for entity in CORE:
            world.sync(entity, full=full)
    assert world.conflicts() == [("billing_address", "conflict")]


def _with_policies(world: World, full: bool) -> None:
    """As `_in_step`, where one side wins, both changes count, or a deleted record is put out of use."""
    world.rule(
        "account",
        phone={"policy": Policy.LEFT},
        email={"policy": Policy.RIGHT},
        credit_limit={"function": "add_changes", "sealed": True},
        notes={"function": "union", "sealed": True},
    )
    world.rule("order", lines={"policy": Policy.LEFT})
    world.set("account", deletes="archive")
    world.set("order", deletes="ask")
    _in_step(world, full)


def _day(world: World, creates: bool) -> None:
    if creates:
        _new_records(world)
    _edits(world)
    _ends(world)
    _orders(world, creates)


def _new_records(world: World) -> None:
    """On one side, on both sides at once, a child before its parent, and one that the other system refuses."""
    parent = world.crm.add("companies", account("Parent"), key="CX1")
    world.crm.add("companies", account("Child", parent_id=parent), key="CA1")
    world.erp.add("customers", customer("Initech", tel="5"))
    world.crm.add("companies", account("Twin", tax_id="T1", phone="9"))
    world.erp.add("customers", customer("Twin", vat_number="T1", tel="9", remarks="known"))
    world.crm.add("companies", account(POISON))
    world.crm.add("products", {"sku": "C", "name": "Crate", "price": "7.00", "currency": "EUR"})
    world.erp.add("items", {"code": "D", "title": "Drum", "price": "8.00", "cur": "EUR"})


def _edits(world: World) -> None:
    """Different fields, the same field, the same value on both sides; a group, a reference, a value without image."""
    edit(world, Side.LEFT, "account", "Acme 0", phone="L0")
    edit(world, Side.RIGHT, "account", "Acme 0", mail="R0", addr1="R street")
    edit(world, Side.LEFT, "account", "Acme 1", phone="L1", notes="mine")
    edit(world, Side.RIGHT, "account", "Acme 1", tel="R1")
    edit(world, Side.LEFT, "account", "Acme 2", email="same", street="L street", city="L city")
    edit(world, Side.RIGHT, "account", "Acme 2", mail="same", limit="100.00")
    edit(world, Side.LEFT, "account", "Globex 0", state="prospect", phone="L2")
    edit(world, Side.LEFT, "account", "Globex 1", parent_id=key_of(world, Side.LEFT, "account", "Acme 0"))
    edit(world, Side.LEFT, "account", "Globex 0", credit_limit="12.00", notes="a,b,c")
    edit(world, Side.RIGHT, "account", "Globex 0", limit="7.00", remarks="b")
    world.choose("account", "billing_address", Side.LEFT)
    edit(world, Side.LEFT, "product", "A", price="2.75")
    edit(world, Side.RIGHT, "product", "B", title="Bolt M4")


def _ends(world: World) -> None:
    """Deleted; deleted here and changed there; merged into another; alive again after its link was over."""
    world.crm.remove("companies", key_of(world, Side.LEFT, "account", "Acme 3"))
    world.erp.remove("customers", key_of(world, Side.RIGHT, "account", "Acme 4"))
    edit(world, Side.LEFT, "account", "Acme 4", phone="kept")
    survivor = key_of(world, Side.LEFT, "account", "Acme 6")
    world.crm.merge("companies", key_of(world, Side.LEFT, "account", "Acme 5"), survivor)
    edit(world, Side.LEFT, "account", "Acme 6", notes="took over Acme 5")
    world.crm.restore("companies", "C00008")
    assert world.crm.get("companies", "C00008")["name"] == "Acme 7"
    world.crm.remove("deals", key_of(world, Side.LEFT, "order", "Old"))


def _orders(world: World, creates: bool) -> None:
    """Lines changed here and added there, removed there and changed here, changed on both sides; new orders."""
    rows = _rows(world, "Deal")
    edit(world, Side.LEFT, "order", "Deal", lines=[{**rows[0], "quantity": "9"}, rows[1]])
    new = {"item": None, "qty": "3", "price": "1.00", "text": "new"}
    edit(world, Side.RIGHT, "order", "Deal", positions=[*_positions(world, "Deal"), new], remarks="R note")
    rows = _rows(world, "Basket")
    edit(world, Side.LEFT, "order", "Basket", lines=[{**rows[0], "unit_price": "2.40"}, rows[1]], po="L po")
    edit(world, Side.RIGHT, "order", "Basket", positions=_positions(world, "Basket")[:1])
    rows, theirs = _rows(world, "Dispute"), _positions(world, "Dispute")
    edit(world, Side.LEFT, "order", "Dispute", lines=[{**rows[0], "quantity": "5"}, rows[1]])
    edit(world, Side.RIGHT, "order", "Dispute", positions=[{**theirs[0], "qty": "6"}, theirs[1]])
    if not creates:
        return
    lines = [line(key_of(world, Side.LEFT, "product", "C"), "1", "7.00", description="c")]
    company = key_of(world, Side.LEFT, "account", "Parent")
    world.crm.add("deals", {"name": "Second", "company_id": company, "currency": "EUR", "lines": lines})
    positions = [{"item": key_of(world, Side.RIGHT, "product", "D"), "qty": "4", "price": "8.00", "text": "d"}]
    owner = key_of(world, Side.RIGHT, "account", "Initech")
    world.erp.add("orders", {"title": "Third", "customer": owner, "cur": "EUR", "positions": positions})


def _after(world: World) -> None:
    """Everybody edits every record, each side other fields; lines too. Only a right base carries all of it."""
    for side, entity, fields in (
        (Side.LEFT, "account", {"credit_limit": "7.00"}),
        (Side.RIGHT, "account", {"mail": "later"}),
        (Side.LEFT, "product", {"price": "9.99"}),
        (Side.RIGHT, "product", {"title": "Later"}),
        (Side.RIGHT, "order", {"remarks": "later"}),
    ):
        for key in shown(world, side, entity):
            system(world, side).edit(world.specs[entity].systems[side].object, key, **fields)
    for key, deal in shown(world, Side.LEFT, "order").items():
        rows = sorted(deal["lines"] or [], key=lambda row: str(row["description"]))
        if rows:
            world.crm.edit("deals", key, lines=[{**rows[0], "quantity": "77"}, *rows[1:]])


# ------------------------------------------------------------------------------------------ plans, migration


def _drift(world: World) -> None:
    """After the plan was saved: two planned records change, and one that was not planned."""
    edit(world, Side.LEFT, "account", "Acme 0", phone="L0 again")
    edit(world, Side.RIGHT, "account", "Acme 2", remarks="meanwhile")
    edit(world, Side.LEFT, "account", "Acme 6", email="meanwhile")


def _unlinked(world: World, full: bool) -> None:
    """Two systems that know nothing of each other, some of their records the same."""
    for entity, spec in world.specs.items():
        world.specs[entity] = one_way(spec, Side.LEFT)
    world.crm.add("companies", account("Acme 0", tax_id="T0", phone="old"))
    world.crm.add("companies", account("Acme 1", tax_id="T1", email="kept"))
    world.crm.add("companies", account("Only here"))
    world.crm.add("products", {"sku": "A", "name": "Anvil", "price": "2.50", "currency": "EUR"})


def _first_load(world: World, creates: bool) -> None:
    parent = world.erp.add("customers", customer("Holding"), key="KX1")
    for number in range(6):
        fields = {"vat_number": f"T{number}", "tel": str(number), "group_of": parent}
        world.erp.add("customers", customer(f"Acme {number}", **fields))
    anvil = world.erp.add("items", {"code": "A", "title": "Anvil", "price": "2.50", "cur": "EUR"})
    bolt = world.erp.add("items", {"code": "B", "title": "Bolt", "price": "0.10", "cur": "EUR"})
    rows = [
        {"item": anvil, "qty": "1", "price": "2.50", "text": "one"},
        {"item": bolt, "qty": "2", "price": "0.10", "text": "two"},
    ]
    for name, owner in (("Deal", "Acme 0"), ("Basket", "Acme 5")):
        who = key_of(world, Side.RIGHT, "account", owner)
        world.erp.add("orders", {"title": name, "customer": who, "cur": "EUR", "positions": rows})


def _moved_on(world: World) -> None:
    """The source goes on being used until everybody has moved."""
    for key in shown(world, Side.RIGHT, "account"):
        world.erp.edit("customers", key, mail="later")
    for key, order in shown(world, Side.RIGHT, "order").items():
        rows = sorted(order["positions"], key=lambda row: str(row["text"]))
        world.erp.edit("orders", key, positions=[{**rows[0], "qty": "77"}, *rows[1:]])


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("sync", _in_step, _day, _after),
        Scenario("policies", _with_policies, _day, _after),
        Scenario("apply", _in_step, _day, _after, plans=True, drift=_drift),
        Scenario("migrate", _unlinked, _first_load, _moved_on, full=True, creates=True),
        DOCUMENTS,
    )
}
"""By name."""
