"""SIGKILL at random moments: the first sync of many accounts, ERP -> CRM, and a run with edits on both sides.

    python benchmarks/kill.py [--records N] [--edits N] [--kills N] [--seed N] [--profile NAME] [--report FILE]

The real `connector sync` is killed while it writes, once the CRM itself too, and started again until it ends with 0.
Then nothing may be there twice, nothing missing, every link right, no edit lost or undone, and `verify` clean. Each
profile takes powers away from the CRM; two more lose answers after the CRM has committed. Exits 1 when a check fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.checks import Checks
from benchmarks.scale import account
from benchmarks.systems import Systems, batch, calls, create, records, reset, running

OFF = {"idempotency": "off"}
LOOSE = {"idempotency": "off", "conditional": "off"}
LOST = [
    {"kind": "lost_answer", "path": "*/companies/batch/create", "after": 1, "times": 2},
    {"kind": "lost_answer", "path": "*/companies/batch/update", "times": 1},
]
SETTLE = 1.0
TRIES = 60

FIELDS = {name: name for name in ("name", "email", "phone", "website", "industry", "currency", "credit_limit")}
FIELDS |= {"terms": "payment_terms", "remarks": "notes", "street": "billing_street", "zip": "billing_postal_code"}
FIELDS["city"] = "billing_city"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the CRM offers; faults instead of kills where there are some."""

    name: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Mapping[str, Any], ...] = ()


PROFILES = (
    Profile("everything"),
    Profile("everything, conditional off", {"conditional": "off"}),
    Profile("external key search, idempotency off", {"external_key": "search", **OFF}),
    Profile("external key search, idempotency and conditional off", {"external_key": "search", **LOOSE}),
    Profile("external key none, idempotency off", {"external_key": "none", **OFF}),
    Profile("external key none, idempotency and conditional off", {"external_key": "none", **LOOSE}),
    Profile("lost answers", {}, tuple(LOST)),
    Profile("lost answers, all of it off", {"external_key": "none", **LOOSE}, tuple(LOST)),
)


@dataclass(slots=True)
class Campaign:
    """One profile: how many records, edits per side and kills; counts what happened."""

    profile: Profile
    count: int
    edits: int
    kills: int
    random: Random
    killed: int = 0
    served: int = 0
    runs: int = 0
    codes: Counter[int] = field(default_factory=Counter)


# ---------------------------------------------------------------------------------------------- killed runs


def killed_run(systems: Systems, campaign: Campaign, name: str, batches: int, *, server: bool = False) -> None:
    """One `sync`, killed a moment after the CRM got that many batches; or the CRM is, and the run ends by itself."""
    campaign.runs += 1
    with systems.client("crm", "admin") as admin:
        reset(admin)
        process = subprocess.Popen(
            systems.command("sync", "accounts"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while process.poll() is None and calls(admin).get(f"POST /api/companies/batch/{name}", 0) < batches:
                time.sleep(0.002)
            time.sleep(campaign.random.random() ** 2 * 0.15)
            if server:
                systems.restart("crm")
                campaign.served += 1
            elif process.poll() is None:
                process.kill()
                campaign.killed += 1
            campaign.codes[process.wait(300)] += 1
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def until_done(systems: Systems, campaign: Campaign) -> str:
    """Run again until it ends with 0, waiting for what must settle; empty, or what the last run said."""
    last = ""
    for _ in range(TRIES):
        campaign.runs += 1
        ran = systems.connector("sync", "accounts")
        campaign.codes[ran.code] += 1
        status = systems.connector("status", "accounts").data["syncs"][0]
        if ran.code == 0 and not status["open_writes"] and not status["hints"]:
            return ""
        waiting = f"{status['open_writes']} open writes, {status['hints']} to look at"
        last = f"{ran.code}: {ran.data.get('runs') or ran.said}; {waiting}"
        time.sleep(SETTLE * 1.1)
    return last


@contextmanager
def faults(systems: Systems, campaign: Campaign) -> Iterator[None]:
    with systems.client("crm", "admin") as admin:
        found = [dict(fault) for fault in campaign.profile.faults]
        admin.put("/api/admin/switches", json={"fault": found}).raise_for_status()
        yield
        admin.put("/api/admin/switches", json={"fault": []}).raise_for_status()


# ------------------------------------------------------------------------------------------------- creates


def generated(number: int) -> dict[str, Any]:
    """An account; every fifth is called like the one before it, and differs in its address and tax id alone."""
    found = account(number)
    if number % 5 == 4:
        found["name"] = account(number - 1)["name"]
    return found


def first_sync(systems: Systems, campaign: Campaign, checks: Checks) -> None:
    with systems.client("erp") as erp:
        create(erp, "customers", [generated(number) for number in range(campaign.count)])
    _interrupted(systems, campaign, "create", max(1, campaign.count // 200 // (campaign.kills + 1)))
    failed = until_done(systems, campaign)
    checks.holds(not failed, f"{campaign.profile.name}: first sync ends with 0", failed)
    _whole(systems, campaign, checks)


def _interrupted(systems: Systems, campaign: Campaign, name: str, share: int) -> None:
    if campaign.profile.faults:
        with faults(systems, campaign):
            for _ in range(2):
                campaign.runs += 1
                campaign.codes[systems.connector("sync", "accounts").code] += 1
        return
    for n in range(campaign.kills):
        server = n == campaign.kills // 2
        killed_run(systems, campaign, name, campaign.random.randint(1, share), server=server)
        if campaign.random.random() < 0.5:
            time.sleep(SETTLE * 1.1)


def _whole(systems: Systems, campaign: Campaign, checks: Checks) -> None:
    """Once each, linked with its own, and clean."""
    name = campaign.profile.name
    left, right = both(systems)
    twice = [tax for tax, found in left.items() if len(found) > 1]
    checks.none(f"{name}: nothing is there twice", twice)
    checks.none(f"{name}: nothing is missing", sorted(right.keys() - left.keys()))
    checks.equal(f"{name}: records in the CRM, in the ERP", (_count(left), _count(right)), (campaign.count,) * 2)
    tax_ids = {r["id"]: tax for side in (left, right) for tax, found in side.items() for r in found}
    listed = systems.connector("links", "list", "accounts", "--limit", "100000").data["links"]
    pairs = [(entry["keys"]["left"], entry["keys"]["right"], entry["state"]) for entry in listed]
    wrong = [str(pair) for pair in pairs if pair[2] != "linked" or tax_ids.get(pair[0]) != tax_ids.get(pair[1])]
    checks.none(f"{name}: every link is right", wrong)
    checks.equal(f"{name}: links", len(pairs), campaign.count)
    verified = systems.connector("verify", "accounts")
    checks.holds(verified.code == 0, f"{name}: verify ends with 0", _shown(verified.data))
    planned = systems.connector("plan", "accounts")
    checks.none(f"{name}: plan is empty", [str(line) for line in planned.data.get("lines", ["no answer"])])


def _shown(data: Mapping[str, Any]) -> str:
    return str(data.get("differences", "no answer"))[:600] if not data.get("clean") else ""


def both(systems: Systems) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Records of the CRM and of the ERP by tax id."""
    found = []
    for system, objects, tax in (("crm", "companies", "tax_id"), ("erp", "customers", "vat_number")):
        by_tax: dict[str, list[dict[str, Any]]] = {}
        with systems.client(system) as client:
            for record in records(client, objects):
                by_tax.setdefault(record["fields"][tax], []).append(record)
        found.append(by_tax)
    return found[0], found[1]


def _count(found: Mapping[str, list[Any]]) -> int:
    return sum(len(records_) for records_ in found.values())


# ------------------------------------------------------------------------------------------------- updates


class People:
    """Somebody in each system edits while runs are killed: first many records at once, then a few at a time.

    The CRM's people change notes and websites, the ERP's terms and industries: nothing conflicts, all must arrive.
    """

    CHANGES: Mapping[str, tuple[str, ...]] = {"crm": ("remarks", "website"), "erp": ("terms", "industry")}

    def __init__(self, systems: Systems, random: Random) -> None:
        self.systems = systems
        self.random = random
        left, right = both(systems)
        self.ids = {
            "crm": {tax: found[0]["id"] for tax, found in left.items()},
            "erp": {tax: found[0]["id"] for tax, found in right.items()},
        }
        self.wanted = {tax: _terms("erp", found[0]["fields"]) for tax, found in right.items()}
        self.turn = 0

    def edit(self, count: int) -> None:
        """So many records on each side, chosen anew each time."""
        for system, names in self.CHANGES.items():
            self.turn += 1
            items = []
            for tax in self.random.sample(sorted(self.wanted), count):
                name = self.random.choice(names)
                value = f"{system} {self.turn} {tax}"
                self.wanted[tax][name] = value
                shown = FIELDS[name] if system == "crm" else name
                items.append({"id": self.ids[system][tax], "fields": {shown: value}})
            name = "companies" if system == "crm" else "customers"
            for start in range(0, len(items), 200):
                self._insist(system, name, items[start : start + 200])

    def _insist(self, system: str, name: str, items: list[dict[str, Any]]) -> None:
        """A person whose answer is lost, or whose system is down, saves once more."""
        for _ in range(100):
            try:
                with self.systems.client(system) as client:
                    batch(client, name, "update", items)
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError(f"the {system} did not come back")


def _terms(system: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {own: fields[other if system == "crm" else own] for own, other in FIELDS.items()}


def updates(systems: Systems, campaign: Campaign, checks: Checks) -> None:
    people = People(systems, campaign.random)
    people.edit(campaign.edits)
    ended = threading.Event()
    busy = threading.Thread(target=_keep_editing, args=(people, ended), daemon=True)
    busy.start()
    try:
        share = max(1, campaign.edits // 200 // (campaign.kills + 1))
        _interrupted(systems, campaign, "update", share)
    finally:
        ended.set()
        busy.join(60)
    failed = until_done(systems, campaign)
    name = campaign.profile.name
    checks.holds(not failed, f"{name}: run of edits ends with 0", failed)
    for system, side in zip(("crm", "erp"), both(systems), strict=True):
        wrong = [
            f"{tax} {field_}: {shown!r} instead of {people.wanted[tax][field_]!r}"
            for tax, found in side.items()
            for field_, shown in _terms(system, found[0]["fields"]).items()
            if shown != people.wanted[tax][field_]
        ]
        checks.none(f"{name}: every edit is in the {system.upper()}, nothing undone", wrong)
    _whole(systems, campaign, checks)


def _keep_editing(people: People, ended: threading.Event) -> None:
    while not ended.wait(0.3):
        people.edit(3)


# ---------------------------------------------------------------------------------------------------- all


def run(profile: Profile, folder: Path, checks: Checks, *, count: int, edits: int, kills: int, seed: int,
        inside: bool = False) -> None:  # fmt: skip
    """First sync and edits of one profile in a folder of its own; one line with figures."""
    campaign = Campaign(profile, count, edits, kills, Random(seed))
    began = time.monotonic()
    before = len(checks.failed)
    with running(folder, crm=profile.switches, inside=inside) as systems:
        first_sync(systems, campaign, checks)
        if edits and len(checks.failed) == before:
            updates(systems, campaign, checks)
    codes = ", ".join(f"{number} ended with {code}" for code, number in sorted(campaign.codes.items()))
    checks.say(
        f"{'ok  ' if len(checks.failed) == before else 'FAIL'} {profile.name}: {count} accounts, {edits} edits on each"
        f" side, {campaign.runs} runs ({codes}), CRM killed {campaign.served} times, {time.monotonic() - began:.1f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="SIGKILL at random moments: nothing twice, nothing lost.")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--edits", type=int, default=1_000, help="records edited on each side")
    parser.add_argument("--kills", type=int, default=5, help="per first sync and per run of edits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", help="only the profile of this name")
    parser.add_argument("--report", help="file to save everything to")
    options = parser.parse_args()
    checks = Checks()
    for n, profile in enumerate(PROFILES):
        if options.profile not in (None, profile.name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            run(profile, Path(folder), checks, count=options.records, edits=options.edits, kills=options.kills,
                seed=options.seed + n)  # fmt: skip
    checks.save(options.report)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
