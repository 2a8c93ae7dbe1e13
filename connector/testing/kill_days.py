"""Days of work on two equal sites; on one of them the program is killed. Each evening both must show the same.

    python -m connector.testing.kill_days [--kills N] [--servers N] [--seed N] [--state URL] [--json]

Each day both sites get the same creates, edits on both sides, a conflict, a delete and changed order lines. One runs
`connector sync` undisturbed, which also tells how many steps it takes; on the other it is killed at one of these, and
the ordinary command is run again until it is done. Exits 1 when an evening differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from connector.clock import SystemClock
from connector.testing.crash_picture import compared
from connector.testing.kill import Death
from connector.testing.kill_site import SETTLE, Site, running

PATIENCE = 120.0
"""Seconds until nothing may be open any more: a system that was killed is left alone for half a minute."""

LINES = 3
DONE = (0, 4)
"""Exit codes of a run that went to its end; 4: something waits for a person."""


@dataclass(slots=True)
class KillReport:
    """What a campaign did. differences: day and death -> what differs that evening."""

    seed: int
    days: int = 0
    kills: int = 0
    servers: int = 0
    steps: int = 0
    runs: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)


def first_day(site: Site) -> None:
    """What both systems hold before anything is killed."""
    for name in ("Both", "Dispute", "Gone 1"):
        site.add("crm", "companies", name=name, currency="EUR", tax_id=f"T {name}")
    for sku in ("A", "B"):
        site.add("erp", "items", code=sku, name=f"Item {sku}", price="2.50", currency="EUR")
    finish(site)
    product = site.find("crm", "products", "A")["id"]
    rows = [
        {"product_id": product, "description": f"line {n}", "quantity": "1", "unit_price": "2.50"} for n in range(LINES)
    ]
    company = site.find("crm", "companies", "Both")["id"]
    site.add("crm", "deals", name="Standing", stage="won", company_id=company, currency="EUR", lines=rows)
    finish(site)


def day(site: Site, number: int) -> None:
    """What people do on that day, the same on every site."""
    owner = site.add("crm", "companies", name=f"New {number}", currency="EUR", tax_id=f"N {number}")
    site.add("crm", "companies", name=f"Gone {number + 1}", currency="EUR", tax_id=f"G {number + 1}")
    site.add("erp", "customers", name=f"Theirs {number}", currency="EUR", vat_number=f"E {number}")
    site.add("crm", "products", sku=f"P {number}", name=f"Product {number}", price="1.00", currency="EUR")
    site.edit("crm", "companies", "Both", notes=f"crm {number}")
    site.edit("erp", "customers", "Both", terms=f"erp {number}")
    site.edit("crm", "companies", "Dispute", website=f"crm {number}")
    site.edit("erp", "customers", "Dispute", website=f"erp {number}")
    site.remove("crm", "companies", f"Gone {number}")
    rows = site.find("crm", "deals", "Standing")["fields"]["lines"]
    site.edit("crm", "deals", "Standing", lines=[{"id": row["id"], "quantity": str(number + 1)} for row in rows])
    site.edit("erp", "orders", "Standing", remarks=f"erp {number}")
    product = site.find("crm", "products", "B")["id"]
    line = {"product_id": product, "description": "only", "quantity": "2", "unit_price": "2.50"}
    site.add("crm", "deals", name=f"Order {number}", stage="won", company_id=owner, currency="EUR", lines=[line])


def finish(site: Site) -> int:
    """Run the ordinary command until it ends well and nothing is open; how often.

    Raises RuntimeError when that never is.
    """
    clock = SystemClock()
    end = clock.now() + PATIENCE
    tries = 1
    ran = site.command("sync")
    while ran.code not in DONE or site.is_open():
        if clock.now() > end:
            raise RuntimeError(f"not done after {tries} runs and {PATIENCE:.0f} seconds: {ran.said}")
        clock.sleep(SETTLE * 1.1)
        ran = site.command("sync")
        tries += 1
    return tries


def campaign(folder: Path, *, kills: int, seed: int = 1, servers: int = 0, state: str | None = None) -> KillReport:
    """That many days, one kill a day, spread over the steps of the day; after them days on which a system is killed.

    folder: empty. state: address of the killed site's store, where a dead run's lease is waited out; a file by default.
    """
    report = KillReport(seed)
    chance = Random(seed)
    (folder / "killed").mkdir()
    (folder / "calm").mkdir()
    with running(folder / "killed", state=state) as site, running(folder / "calm") as calm:
        for each in (site, calm):
            first_day(each)
        for number in range(1, kills + servers + 1):
            report.days += 1
            day(calm, number)
            calmly = calm.command("sync")
            steps = calmly.steps or 1
            report.steps += steps
            report.runs += 1
            if calmly.code not in DONE or calm.is_open():
                report.runs += finish(calm)
            day(site, number)
            text = _kill(site, report, number, kills, steps, chance)
            if state is not None:
                site.wait_out()
            report.runs += finish(site)
            differences = compared(calm.picture(), site.picture())
            if differences:
                report.differences[f"day {number}, {text}"] = differences
                return report  # what differs once goes on differing
    return report


def _kill(site: Site, report: KillReport, number: int, kills: int, steps: int, chance: Random) -> str:
    """Kill the program at one of the day's steps, or a system while the program waits for it; what was done."""
    report.runs += 1
    if number <= kills:
        share = (number - chance.random()) / kills
        death = Death(max(1, round(share * steps)), chance.choice(("before", "after")))
        ran = site.command("sync", death=death)
        report.kills += ran.killed
        return f"killed {death}"
    system = chance.choice(("crm", "erp"))
    step = chance.randint(1, steps)
    ran = site.command("sync", death=Death(step, "before", site.servers[system].process.pid))
    site.kill_server(system)
    report.servers += 1
    return f"{system} killed before step {step}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m connector.testing.kill_days", description="Kills real processes.")
    parser.add_argument("--kills", type=_number, default=100, help="days on which the program is killed, once each")
    parser.add_argument("--servers", type=_number, default=10, help="days on which the CRM or the ERP is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", help="address of the store; a file by default")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = parser.parse_args(arguments)
    if not options.kills + options.servers:
        parser.error("--kills 0 --servers 0: there is nothing to do")
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        report = campaign(
            Path(folder), kills=options.kills, seed=options.seed, servers=options.servers, state=options.state
        )
    if options.json:
        sys.stdout.write(json.dumps(asdict(report), indent=1) + "\n")
    else:
        sys.stdout.write(
            f"{report.days} days, {report.kills} kills, {report.servers} systems killed, {report.runs} runs\n"
        )
        for at, sentences in report.differences.items():
            sys.stdout.write("\n".join([at, *(f"  {text}" for text in sentences), ""]))
    return 1 if report.differences else 0


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, for example 10")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
