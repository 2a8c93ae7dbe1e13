"""The Northwind trading data from an ERP into an empty CRM, then edited on both sides: every value, every cent.

    python benchmarks/northwind.py [--data FOLDER] [--report FILE]

Loads customers, products and orders with their lines into the built-in ERP, runs `check`, `sync`, `verify`, `plan` and
`conflicts` as commands, and compares both systems, read over HTTP, with what the files say. Exits 1 when a check fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from copy import deepcopy
from decimal import Decimal
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.checks import Checks
from benchmarks.northwind_data import Northwind, customer, order, product, read, sums
from benchmarks.northwind_world import OBJECTS, Edit, View, World, apply, differences, sum_of
from benchmarks.systems import Ended, Systems, calls, create, reset, running

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "northwind"
SYNCS = {"accounts": "account", "contacts": "contact", "products": "product", "orders": "order"}
SHARE = 0.05
CONTACTS = "  contacts: {entity: contact, between: [crm, erp], every: 5m}\n"
"""No records of these here, but orders refer to them."""

Conflict = tuple[str, str, str]
"""Entity, key in the ERP, unit."""


def load(systems: Systems, data: Northwind) -> dict[str, dict[str, str]]:
    """Everything into the ERP; id of the files -> id there, per entity."""
    with systems.client("erp") as erp:
        accounts = create(erp, "customers", [customer(row) for row in data.customers])
        by_account = dict(zip([row["CustomerID"] for row in data.customers], accounts, strict=True))
        items = create(erp, "items", [product(row, data.categories) for row in data.products])
        by_item = dict(zip([row["ProductID"] for row in data.products], items, strict=True))
        orders = create(
            erp, "orders", [order(row, data.lines.get(row["OrderID"], []), by_account, by_item) for row in data.orders]
        )
        by_order = dict(zip([row["OrderID"] for row in data.orders], orders, strict=True))
    return {"account": by_account, "product": by_item, "order": by_order}


def story(systems: Systems, data: Northwind, checks: Checks) -> None:
    """Load, first sync, nothing changed, edits on both sides, conflicts resolved; every step checked."""
    checks.begin("Configuration")
    ids = load(systems, data)
    ended(checks, systems.connector("check"), "check")
    first_sync(systems, data, checks, ids)
    nothing_changed(systems, checks)
    edited(systems, checks)


def ended(checks: Checks, ran: Ended, name: str, code: int = 0) -> Ended:
    checks.holds(
        ran.code == code, f"{name} ends with {code}", f"{ran.seconds:.1f} s" if ran.code == code else _why(ran)
    )
    return ran


def _why(ran: Ended) -> str:
    errors = [run["error"] for run in ran.data.get("syncs", ran.data.get("runs", [])) if run.get("error")]
    findings = [str(f) for f in ran.data.get("findings", []) if not f["ok"]]
    return f"ended with {ran.code}: {'; '.join(errors + findings) or ran.said[-500:]} {ran.data.get('differences', '')}"


def counts(ran: Ended) -> dict[str, dict[str, int]]:
    return {SYNCS[run["sync"]]: run["counts"] for run in ran.data["runs"]}


# ---------------------------------------------------------------------------------------------- first sync


def first_sync(systems: Systems, data: Northwind, checks: Checks, ids: dict[str, dict[str, str]]) -> None:
    checks.begin("First sync into an empty CRM")
    ran = ended(checks, systems.connector("sync"), "sync")
    wanted = {"account": len(data.customers), "product": len(data.products), "order": len(data.orders)}
    created = {entity: found.get("created") for entity, found in counts(ran).items()}
    checks.equal("created", created, {**wanted, "contact": 0})
    world = World(systems)
    crm, erp = world.view("crm"), world.view("erp")
    for entity, count in wanted.items():
        found = len(crm[entity]), len(erp[entity]), len(world.raw["crm"][entity])
        checks.equal(f"{entity}s in the CRM, in the ERP", found, (count, count, count))
    lines = tuple(sum(len(record["lines"]) for record in view["order"].values()) for view in (crm, erp))
    checks.equal("order lines in the CRM, in the ERP", lines, (data.count_lines, data.count_lines))
    _money_of_files(checks, data, ids, crm, erp)
    _unchanged(checks, data, ids, crm)
    checks.none("every field is the same on both sides", differences("CRM", crm, erp))
    clean = ended(checks, systems.connector("verify"), "verify")
    checks.holds(clean.data.get("clean") is True, "verify finds no difference", clean.data.get("money") or "")


def _money_of_files(checks: Checks, data: Northwind, ids: dict[str, dict[str, str]], crm: View, erp: View) -> None:
    wanted = {ids["order"][number]: found.total for number, found in sums(data).items()}
    whole = sum(wanted.values())
    for name, view in (("CRM", crm), ("ERP", erp)):
        totals = {key: Decimal(record["total"]) for key, record in view["order"].items()}
        checks.equal(f"sum of orders in the {name}, as in the files", sum(totals.values()), whole)
        wrong = [
            f"{key}: {totals.get(key)} instead of {total}" for key, total in wanted.items() if totals.get(key) != total
        ]
        checks.none(f"each order's total in the {name}, as in the files", wrong)


def _unchanged(checks: Checks, data: Northwind, ids: dict[str, dict[str, str]], crm: View) -> None:
    """Text of the files against the CRM, byte by byte."""
    texts = {
        "account": ("CustomerID", data.customers, {"name": "CompanyName", "street": "Address", "city": "City",
                    "region": "Region", "zip": "PostalCode", "phone": "Phone", "fax": "Fax"}),
        "product": ("ProductID", data.products, {"name": "ProductName", "unit": "QuantityPerUnit"}),
        "order": ("OrderID", data.orders, {"customer_reference": "OrderID", "ship_street": "ShipAddress",
                  "ship_city": "ShipCity", "ship_region": "ShipRegion", "ship_zip": "ShipPostalCode"}),
    }  # fmt: skip
    for entity, (number, rows, fields) in texts.items():
        wrong, compared = [], 0
        for row in rows:
            shown = crm[entity].get(ids[entity][row[number]], {})
            for field, column in fields.items():
                compared += 1
                if (shown.get(field) or "").encode() != row[column].encode():
                    wrong.append(f"{row[number]} {field}: {shown.get(field)!r} instead of {row[column]!r}")
        checks.none(f"{compared} texts of {entity}s arrived byte by byte", wrong)


def nothing_changed(systems: Systems, checks: Checks) -> None:
    checks.begin("Nothing changed")
    _nothing_planned(systems, checks)
    clients = {system: systems.client(system, "admin") for system in ("crm", "erp")}
    for client in clients.values():
        reset(client)
    ran = ended(checks, systems.connector("sync"), "second sync")
    done = {
        name: sum(found.get(name, 0) for found in counts(ran).values()) for name in ("created", "updated", "failed")
    }
    checks.equal("second sync does nothing", done, {"created": 0, "updated": 0, "failed": 0})
    for system, client in clients.items():
        counted = calls(client)
        client.close()
        lists = [counted.get(f"GET /api/{names[system]}", 0) for names in OBJECTS.values()]
        checks.holds(max(lists) <= 1, f"at most one list call per entity in the {system.upper()}", lists)
        others = {name: n for name, n in counted.items() if "/batch/" in name or name.split()[0] in ("PATCH", "PUT")}
        checks.equal(f"reads by key and writes in the {system.upper()}", others, {})


def _nothing_planned(systems: Systems, checks: Checks) -> None:
    planned = ended(checks, systems.connector("plan"), "plan")
    lines = [f"{line['sync']} {line['action']} {line['reason']}" for line in planned.data.get("lines", [])]
    checks.none("plan is empty", lines)


# -------------------------------------------------------------------------------------------------- edits


def edited(systems: Systems, checks: Checks) -> None:
    """A share of accounts and orders changed on each side, some records on both, some in the same field."""
    checks.begin("Edited on both sides")
    before = World(systems)
    edits = choose(before.view("erp"), Random(11))
    wanted, waiting = outlook(before, edits)
    before.edit(systems, edits)
    for system in ("erp", "crm"):
        mine = [edit for edit in edits if edit.system == system]
        records = len({(edit.entity, edit.key) for edit in mine})
        checks.figure(f"edits in the {system.upper()}", f"{len(mine)} fields of {records} records")
    ended(checks, systems.connector("sync"), "sync with conflicts", 4)
    world = World(systems)
    for system in ("crm", "erp"):
        wrong = differences(system.upper(), world.view(system), wanted[system])
        checks.none(f"every edit is in the {system.upper()}, nothing else differs", wrong)
    found = conflicts(systems)
    checks.equal("conflicts that wait", sorted(found), sorted(waiting))
    ended(checks, systems.connector("verify"), "verify with conflicts", 2)
    _resolved(systems, checks, found, wanted, waiting)


def choose(view: View, random: Random) -> list[Edit]:
    """Edits of a share of the accounts and orders per side; six orders and three accounts are edited on both."""
    edits: list[Edit] = []
    accounts = sorted(view["account"], key=_number)
    each = max(5, ceil(SHARE * len(accounts)))
    some = random.sample(accounts, 2 * each - 3)
    edits += [_account_edit("erp", key, n) for n, key in enumerate(some[:each])]
    edits += [_account_edit("crm", key, n) for n, key in enumerate(some[each - 3 :])]
    orders = sorted((key for key, record in view["order"].items() if len(record["lines"]) > 1), key=_number)
    each = max(8, ceil(SHARE * len(view["order"])))
    some = random.sample(orders, 2 * each - 6)
    for n, key in enumerate(some[:each]):
        edits.append(_order_edit("erp", key, n - (each - 6)))
    for n, key in enumerate(some[each - 6 :]):
        edits.append(_order_edit("crm", key, n))
    return edits


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def _account_edit(system: str, key: str, number: int) -> Edit:
    """The last three of the ERP are the first three of the CRM: other fields, the same field, the same value."""
    alone = [("remarks", "Called in spring: Grüße"), ("zip", f"0{number}123"), ("website", "https://example.com/a")]
    if system == "erp" and number < 2:
        field, value = alone[number % len(alone)]
    else:
        place = number if system == "crm" else number - 2
        both = {"erp": ["terms", "industry", "website"], "crm": ["phone", "industry", "website"]}
        field = both[system][place] if place < 3 else alone[place % len(alone)][0]
        value = "https://example.com/same" if place == 2 else f"{field} of the {system}"
        value = f"0{place}321" if field == "zip" else value
    return Edit(system, "account", key, field, value)


def _order_edit(system: str, key: str, place: int) -> Edit:
    """Places 0 to 5 are edited on both sides; the others on one, in turns."""
    erp = system == "erp"
    both = [
        ("carrier", "Federal Shipping", None) if erp else ("tracking", "1Z-0042", None),
        ("remarks", f"as the {system} has it", None),
        ("quantity", "77", 0) if erp else ("discount_percent", "12.5", 1),
        ("freight", "10.01", None) if erp else ("freight", "20.02", None),
        ("quantity", "3", 0) if erp else ("discount_percent", "33", 0),
        ("quantity", "5", 0) if erp else ("quantity", "6", 0),
    ]
    alone = [("freight", "1234.56", None), ("price", "9.99", 1), ("discount_percent", "7.5", 0), ("quantity", "41", 1)]
    alone += [("remarks", f"Only in the {system}", None), ("ship_zip", "00501", None)]
    field, value, line = both[place] if 0 <= place < 6 else alone[place % len(alone)]
    return Edit(system, "order", key, field, value, line)


def outlook(before: World, edits: list[Edit]) -> tuple[dict[str, View], dict[Conflict, list[Edit]]]:
    """What each side must show after the next sync, and the conflicts that must wait, with their edits."""
    wanted = {"crm": deepcopy(before.view("erp")), "erp": deepcopy(before.view("erp"))}
    by_place: dict[Any, list[Edit]] = {}
    for edit in edits:
        by_place.setdefault(edit.place, []).append(edit)
    waiting: dict[Conflict, list[Edit]] = {}
    for found in by_place.values():
        if len({edit.value for edit in found}) > 1:
            waiting[found[0].entity, found[0].key, _unit(found[0])] = found
            for edit in found:
                apply(wanted[edit.system], edit)
        else:
            for view in wanted.values():
                apply(view, found[0])
    return wanted, waiting


def _unit(edit: Edit) -> str:
    return "lines" if edit.line is not None else {"remarks": "notes"}.get(edit.field, edit.field)


def conflicts(systems: Systems) -> dict[Conflict, str]:
    """What waits, and the id by which `conflicts resolve` knows it."""
    listed = systems.connector("conflicts", "list").data["conflicts"]
    return {(entry["entity"], entry["keys"]["erp"], entry["unit"].partition("[")[0]): entry["id"] for entry in listed}


def _resolved(
    systems: Systems,
    checks: Checks,
    found: dict[Conflict, str],
    wanted: dict[str, View],
    waiting: dict[Conflict, list[Edit]],
) -> None:
    """Take one side's value for some, the other's for the rest; then nothing is left and the money adds up."""
    checks.begin("Conflicts resolved")
    for system, chosen in (("crm", sorted(found)[::2]), ("erp", sorted(found)[1::2])):
        ended(checks, systems.connector("conflicts", "resolve", *(found[c] for c in chosen), "--take", system),
              f"resolve {len(chosen)} for the {system.upper()}")  # fmt: skip
        for conflict in chosen:
            taken = next(edit for edit in waiting.get(conflict, []) if edit.system == system)
            for view in wanted.values():
                apply(view, taken)
    ended(checks, systems.connector("verify"), "verify")
    _nothing_planned(systems, checks)
    world = World(systems)
    checks.equal("conflicts left", len(conflicts(systems)), 0)
    meant = sum(sum_of(record).total for record in wanted["erp"]["order"].values())
    for system in ("crm", "erp"):
        view = world.view(system)
        checks.none(
            f"every value of the {system.upper()} is as decided", differences(system.upper(), view, wanted[system])
        )
        total = sum(Decimal(record["total"]) for record in view["order"].values())
        checks.equal(f"sum of orders in the {system.upper()}, as computed", total, meant)


def run(data: Northwind, folder: Path, *, quiet: bool = False, inside: bool = False) -> Checks:
    """The whole story in a folder of its own. inside: commands run in this process, not in ones of their own."""
    checks = Checks(quiet=quiet)
    with running(folder, extra=CONTACTS, inside=inside) as systems:
        story(systems, data, checks)
    return checks


def main() -> int:
    parser = argparse.ArgumentParser(description="The Northwind data, ERP to CRM, edited on both sides, to the cent.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the CSV files")
    parser.add_argument("--report", help="file to save everything to")
    options = parser.parse_args()
    data = read(options.data)
    if data is None:
        print("The Northwind data is not there. Name the folder of its CSV files with --data.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        checks = run(data, Path(folder))
    checks.table("Northwind, ERP to CRM and back")
    checks.save(options.report)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
