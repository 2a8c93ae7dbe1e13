"""100,000 accounts and 100,000 orders with 3 lines, ERP -> CRM: first sync, nothing changed, 1 % edited on each side.

    python benchmarks/scale.py [--accounts N] [--orders N] [--small N] [--report FILE]

Prints calls against pages plus batches, peak memory at the full size against a tenth of it, and CPU per record beside a
straight-line floor (decode, map, fingerprint, state row, encode) of the same run. Exits 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.floor import floor
from benchmarks.systems import Systems, batch, calls, create, reset, running

PAGE = 500
BATCH = 200


# A process inherits the peak memory of the one that started it, so a small one starts and measures the sync.
LAUNCHER = """
import json, os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print()
print(json.dumps({"code": code, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}))
"""


@dataclass(slots=True)
class Measured:
    """One run of one sync in a process of its own. cpu: seconds of user and system time. peak: bytes."""

    cpu: float
    wall: float
    peak: int
    counts: dict[str, int]
    calls: dict[str, dict[str, int]]


def run_sync(systems: Systems, name: str) -> Measured:
    """`sync NAME` in a fresh process, measured from outside with the operating system's own accounting."""
    admins = {system: systems.client(system, "admin") for system in ("crm", "erp")}
    for client in admins.values():
        reset(client)
    began = time.monotonic()
    command = [sys.executable, "-m", "connector.cli.main", "sync", name, "--json", "-c", str(systems.config)]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, *command], capture_output=True, check=False)
    *lines, last = done.stdout.decode().splitlines() or ["{}"]
    usage = json.loads(last)
    text = "\n".join(lines)
    if usage.get("code") != 0:
        raise SystemExit(f"sync {name} ended with {usage.get('code')}: {text[:2000]} {done.stderr.decode()[-2000:]}")
    counted = {system: calls(client) for system, client in admins.items()}
    for client in admins.values():
        client.close()
    return Measured(usage["cpu"], time.monotonic() - began, usage["peak"] * 1024, counts_of(text), counted)


def counts_of(text: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(text)["runs"][0]["counts"]
    return found


def account(number: int) -> dict[str, Any]:
    return {
        "name": f"Company {number:06d} GmbH",
        "vat_number": f"DE{100000000 + number}",
        "email": f"office{number}@example.com",
        "phone": f"+49 30 {1000000 + number}",
        "website": f"https://c{number}.example.com",
        "industry": "Trade",
        "currency": "EUR",
        "terms": "30 days",
        "credit_limit": f"{number % 9000 + 1000}.00",
        "remarks": "Generated for a benchmark.",
        "street": f"Hauptstr. {number}",
        "city": "Köln",
        "region": "NW",
        "zip": f"{number % 100000:05d}",
        "country": "DE",
        "blocked": False,
    }


def order(number: int, customer: str, items: list[str]) -> dict[str, Any]:
    lines = [
        {
            "item": items[(number + k) % len(items)],
            "text": f"Part {k}",
            "quantity": str(number % 7 + k + 1),
            "price": f"{number % 90 + 10}.{k}5",
            "discount_percent": str(k * 5),
            "vat_percent": "19",
        }
        for k in range(3)
    ]
    return {
        "title": f"Order {number}",
        "customer": customer,
        "customer_reference": f"PO-{number}",
        "order_date": f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "currency": "EUR",
        "freight": f"{number % 50}.90",
        "ship_street": f"Hauptstr. {number}",
        "ship_city": "Köln",
        "ship_zip": f"{number % 100000:05d}",
        "ship_country": "DE",
        "lines": lines,
    }


def fill(systems: Systems, accounts: int, orders: int) -> None:
    with systems.client("erp") as erp:
        items = create(
            erp,
            "items",
            [
                {
                    "code": f"P-{n:04d}",
                    "name": f"Part {n}",
                    "price": "12.50",
                    "currency": "EUR",
                    "vat_percent": "19",
                    "active": True,
                }
                for n in range(100)
            ],
        )
        customers = create(erp, "customers", [account(n) for n in range(accounts)])
        for start_at in range(0, orders, 2000):
            some = range(start_at, min(start_at + 2000, orders))
            create(erp, "orders", [order(n, customers[n % len(customers)], items) for n in some])


def edit(systems: Systems, name: str, field: str, share: float, system: str, offset: int) -> int:
    """Change one field of every n-th record on one side; how many."""
    step = round(1 / share)
    edited = 0
    with systems.client(system) as client:
        cursor = ""
        position = 0
        while True:
            page = client.get(f"/api/{name}", params={"after": cursor, "limit": 1000}).json()
            chosen = [r for k, r in enumerate(page["items"], position) if k % step == offset]
            position += len(page["items"])
            for start_at in range(0, len(chosen), BATCH):
                part = chosen[start_at : start_at + BATCH]
                batch(client, name, "update", [{"id": r["id"], "fields": {field: f"edited {r['id']}"}} for r in part])
            edited += len(chosen)
            cursor = page["cursor"]
            if not page["more"]:
                return edited


class Report:
    """Prints as it goes, remembers what missed its target."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(line, flush=True)

    def target(self, ok: bool, line: str) -> None:
        self.say(f"{'ok  ' if ok else 'MISS'} {line}")
        if not ok:
            self.missed.append(line)


def show(report: Report, title: str, measured: Measured, records: int) -> None:
    report.say(
        f"{title}: {measured.wall:.1f} s, CPU {measured.cpu:.1f} s"
        f" ({1e6 * measured.cpu / max(records, 1):.0f} us a record), peak {measured.peak / 1e6:.0f} MB,"
        f" {json.dumps(measured.counts)}"
    )
    for system, counted in measured.calls.items():
        report.say(f"    {system}: {json.dumps(counted)}")


def of_kind(measured: Measured, system: str, path: str) -> int:
    return sum(count for name, count in measured.calls[system].items() if name.split()[-1] == path)


def first_sync(report: Report, systems: Systems, name: str, objects: tuple[str, str], records: int) -> Measured:
    measured = run_sync(systems, name)
    show(report, f"first sync of {records} {name}", measured, records)
    crm, erp = objects
    pages = of_kind(measured, "erp", f"/api/{erp}")
    report.target(measured.counts["created"] == records, f"{name}: every record created, {measured.counts['created']}")
    report.target(pages <= ceil(records / PAGE) + 1, f"{name}: {pages} pages read in the ERP for {records} records")
    batches = of_kind(measured, "crm", f"/api/{crm}/batch/create")
    report.target(batches <= ceil(records / BATCH) + 1, f"{name}: {batches} batches written to the CRM")
    other = sum(measured.calls["crm"].values()) - batches
    report.target(other <= 3, f"{name}: {other} other calls to the CRM (its one page, its description)")
    return measured


def nothing_changed(report: Report, systems: Systems, name: str, objects: tuple[str, str]) -> None:
    measured = run_sync(systems, name)
    show(report, f"{name}, nothing changed", measured, 0)
    for system, path in zip(("crm", "erp"), objects, strict=True):
        lists = of_kind(measured, system, f"/api/{path}")
        report.target(lists == 1, f"{name}: {lists} list call in the {system}")
        writes = sum(count for path, count in measured.calls[system].items() if "batch" in path)
        report.target(writes == 0, f"{name}: {writes} batch calls in the {system}")


def one_percent(
    report: Report, systems: Systems, name: str, objects: tuple[str, str], fields: tuple[str, str]
) -> Measured:
    crm, erp = objects
    left = edit(systems, crm, fields[0], 0.01, "crm", 3)
    right = edit(systems, erp, fields[1], 0.01, "erp", 57)
    measured = run_sync(systems, name)
    show(report, f"{name}, {left} edited in the CRM and {right} in the ERP", measured, left + right)
    report.target(measured.counts["updated"] == left + right, f"{name}: {measured.counts['updated']} updated")
    for system, path, edited, others in (("crm", crm, left, right), ("erp", erp, right, left)):
        lists = of_kind(measured, system, f"/api/{path}")
        report.target(lists <= ceil(edited / PAGE) + 1, f"{name}: {lists} pages in the {system} for {edited} changes")
        reads = of_kind(measured, system, f"/api/{path}/batch/read")
        report.target(reads <= ceil(others / BATCH) + 2, f"{name}: {reads} batch reads in the {system} for {others}")
        writes = of_kind(measured, system, f"/api/{path}/batch/update")
        report.target(writes <= ceil(others / BATCH) + 2, f"{name}: {writes} batch writes in the {system} for {others}")
    return measured


def at_size(report: Report, accounts: int, orders: int) -> dict[str, Measured]:
    """All three situations at one size, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder, running(Path(folder)) as systems:
        fill(systems, accounts, orders)
        first = {"accounts": first_sync(report, systems, "accounts", ("companies", "customers"), accounts)}
        run_sync(systems, "products")
        first["orders"] = first_sync(report, systems, "orders", ("deals", "orders"), orders)
        nothing_changed(report, systems, "accounts", ("companies", "customers"))
        nothing_changed(report, systems, "orders", ("deals", "orders"))
        edited = {
            "accounts": one_percent(report, systems, "accounts", ("companies", "customers"), ("website", "industry")),
            "orders": one_percent(report, systems, "orders", ("deals", "orders"), ("notes", "customer_reference")),
        }
        for name, measured in edited.items():
            first[name].peak = max(first[name].peak, measured.peak)
        size = (systems.folder / "state.db").stat().st_size
        report.say(f"state file: {size / max(accounts + orders, 1):.0f} bytes a link")
        return first


def compare(report: Report, small: dict[str, Measured], large: dict[str, Measured], sizes: dict[str, int]) -> None:
    floors = floor()
    for name in ("accounts", "orders"):
        ratio = large[name].peak / small[name].peak
        report.target(ratio <= 1.2, f"{name}: peak memory {ratio:.2f} times that of the small run")
        report.target(large[name].peak < 150e6, f"{name}: peak memory {large[name].peak / 1e6:.0f} MB")
        each = 1e6 * large[name].cpu / sizes[name]
        line = f"{name}: {each:.0f} us CPU a record, floor {floors[name]:.0f} us, {each / floors[name]:.2f} times"
        report.target(each <= 3 * floors[name], line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--small", type=int, default=10_000, help="size of the run that peak memory is compared with")
    parser.add_argument("--report", type=Path, help="also write the lines to this file")
    options = parser.parse_args()
    report = Report()
    report.say(f"-- {options.small} accounts, {options.small} orders")
    small = at_size(report, options.small, options.small)
    report.say(f"-- {options.accounts} accounts, {options.orders} orders")
    large = at_size(report, options.accounts, options.orders)
    compare(report, small, large, {"accounts": options.accounts, "orders": options.orders})
    report.say(f"missed: {len(report.missed)}")
    if options.report:
        options.report.write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
