"""An installation between the built-in CRM and a real Tryton, as the person who carries the pager has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.state.vault import new_key
from tests.surface.acceptance import SECRETS, Ended, Server, command

from .tryton.person import Person
from .tryton.server import Tryton

SYNCS = {
    "accounts": "entity: account, match: [tax_id, [name, billing_address.postal_code]], fields: {number: {owner: erp}}",
    "contacts": "entity: contact, match: [email]",
    "products": "entity: product, match: [sku]",
    "orders": "entity: order, fields: {number: {owner: erp}, status: {owner: erp}, ship_date: {owner: erp}}",
    "invoices": "entity: invoice, direction: erp -> crm, match: [number]",
    "payments": "entity: payment, direction: erp -> crm, match: [number]",
    "balances": "entity: balance, direction: erp -> crm",
}


@dataclass(slots=True)
class Site:
    """The CRM, Tryton, one configuration and the command line."""

    folder: Path
    crm: Server
    tryton: Tryton
    state: str

    def configure(self, *names: str, company: int | None = None, deletes: str = "ask", **settings: str) -> None:
        """Write config.yaml with these syncs, or all. settings: of the system `erp`, as YAML."""
        facts = self.tryton.facts
        auth = f"{{key: {facts['key']}, login: {facts['login']}, password: {facts['password']}}}"
        erp = {
            "url": f'"{self.tryton.url}"',
            "auth": auth,
            "company": str(company or facts["company"]),
            "products": "{category: Goods, type: service}",
            **settings,
        }
        every = f"between: [crm, erp], conflicts: manual, settle: 1ms, deletes: {{policy: {deletes}}}"
        syncs = "".join(
            f"  {name}: {{{rules}, {every}}}\n" for name, rules in SYNCS.items() if not names or name in names
        )
        (self.folder / "config.yaml").write_text(
            f'state: {{url: "{self.state}", key: "${{file:{self.folder}/key}}"}}\n'
            "systems:\n"
            f'  crm: {{adapter: reference_crm, url: "{self.crm.url}", auth: {{token: {SECRETS["connector"]}}}}}\n'
            f"  erp: {{adapter: tryton, {', '.join(f'{name}: {value}' for name, value in erp.items())}}}\n"
            f"syncs:\n{syncs}",
            encoding="utf-8",
        )

    def run(self, *words: str) -> Ended:
        """One command line; whatever it says holds no secret and no traceback."""
        ended = command(*words, "-c", str(self.folder / "config.yaml"))
        assert "Traceback" not in ended.text
        for secret in (*SECRETS.values(), self.tryton.facts["key"], self.tryton.facts["password"]):
            assert secret not in ended.text, f"a secret was shown by {words}"
        return ended

    def sync(self, *words: str, code: int = 0) -> dict[str, dict[str, int]]:
        """One run of every sync; what it counted, by sync."""
        ended = self.run("sync", *words, "--json")
        assert ended.code == code, ended.text
        return {run["sync"]: run["counts"] for run in ended.data["runs"]}

    def process(self, *words: str) -> subprocess.Popen[str]:
        """The same command line in a process of its own."""
        line = [sys.executable, "-m", "connector.cli.main", *words, "-c", str(self.folder / "config.yaml")]
        pipe = subprocess.DEVNULL
        return subprocess.Popen(line, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def site(tryton: Tryton, folder: Path, state: str | None = None) -> Iterator[Site]:
    """An empty CRM, and nothing synced yet."""
    crm = Server("crm", ":memory:")
    try:
        (folder / "key").write_text(new_key() + "\n")
        found = Site(folder, crm, tryton, state or f"sqlite:///{folder}/state.db")
        found.configure()
        yield found
    finally:
        crm.stop()


def company(number: int, **more: Any) -> dict[str, Any]:
    """A company of the CRM with all that Tryton needs to bill it."""
    return {
        "name": f"Quarzwerk {number:04d} GmbH",
        "email": f"office{number:04d}@quarzwerk.example",
        "phone": f"+49 30 77{number:05d}",
        "billing_street": f"Basaltweg {number}",
        "billing_city": "Berlin",
        "billing_postal_code": "10115",
        "billing_country": "Germany",
        **more,
    }


def sold(site_: Site, **more: Any) -> tuple[str, str]:
    """A company and its won deal of 23.80, typed into the CRM."""
    buyer = site_.crm.create("companies", **company(1))
    return buyer, won(site_, buyer, **more)


def won(site_: Site, buyer: str, **more: Any) -> str:
    """A won deal of 23.80, of the one product."""
    products = list(site_.crm.all("products")) or [
        site_.crm.create("products", sku="B-1", name="Bolt", price="10.00", currency="EUR")
    ]
    line = {"product_id": products[0], "quantity": "2", "unit_price": "10", "tax_percent": "19"}
    fields = {"name": "Spring", "stage": "won", "close_date": "2026-03-01", "currency": "EUR", "lines": [line], **more}
    return site_.crm.create("deals", company_id=buyer, **fields)


def newest(person: Person, model: str, *fields: str) -> dict[str, Any]:
    """The last row of a model."""
    (row,) = person.call(f"model.{model}.search_read", [], 0, 1, [["id", "DESC"]], list(fields))
    assert isinstance(row, dict)
    return row


def clean(site_: Site) -> None:
    """Both sides are in step, and the next run would do nothing."""
    verified = site_.run("verify")
    assert verified.code == 0, verified.text
    planned = site_.run("plan")
    assert planned.code == 0, planned.text
