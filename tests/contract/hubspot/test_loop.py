"""The closed loop: a deal won in HubSpot is sold, shipped and billed in the ERP, and HubSpot shows all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.state.vault import new_key
from tests.surface.acceptance import EVERYTHING, SECRETS, Ended, Server, command

from .servers import KEY, Portal, start

HEAD = """\
state: {{url: "sqlite:///{folder}/state.db", key: "${{file:{folder}/key}}"}}
systems:
  crm: {{adapter: hubspot, url: "{crm}", auth: {{token: {key}}}, search_lag: 0, archived_every: 0, sweep_every: 0}}
  erp: {{adapter: reference_erp, url: "{erp}", auth: {{token: {token}}}}}
syncs:
"""


@dataclass
class Loop:
    """HubSpot, the built-in ERP, one configuration and the command line."""

    portal: Portal
    erp: Server
    config: Path

    def run(self, *words: str) -> Ended:
        ended = command(*words, "-c", str(self.config))
        assert "Traceback" not in ended.text
        for secret in (*SECRETS.values(), KEY):
            assert secret not in ended.text, f"a secret was shown by {words}"
        return ended

    def sync(self) -> dict[str, dict[str, int]]:
        """One run of every sync; what it counted, by sync."""
        ended = self.run("sync", "--json")
        assert ended.code == 0, self.run("dead-letters", "list").text + self.run("conflicts", "list").text
        return {run["sync"]: run["counts"] for run in ended.data["runs"]}

    def shown(self, type_: str, key: str, *names: str) -> list[Any]:
        """Properties of a record as HubSpot has them."""
        path = f"/crm/objects/2026-09/{type_}/{key}?properties={','.join(names)}"
        properties = self.portal.call("GET", path)["properties"]
        return [properties[name] for name in names]

    def all(self, type_: str) -> list[str]:
        return [row["id"] for row in self.portal.call("GET", f"/crm/objects/2026-09/{type_}?limit=100")["results"]]


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    process, portal = start(tmp_path)
    erp = Server("erp", ":memory:")
    try:
        (tmp_path / "key").write_text(new_key() + "\n")
        words = {"folder": tmp_path, "crm": portal.url, "key": KEY, "erp": erp.url, "token": SECRETS["connector"]}
        (tmp_path / "config.yaml").write_text(HEAD.format(**words) + EVERYTHING, "utf-8")
        made = Loop(portal, erp, tmp_path / "config.yaml")
        assert made.run("setup", "crm", "--yes").code == 0
        yield made
    finally:
        erp.stop()
        process.kill()
        process.wait(10)


def won(loop: Loop) -> tuple[str, str, str]:
    """A company and its won deal over two bolts of the ERP."""
    loop.erp.create("items", code="B-1", name="Bolt", price="10.00", currency="EUR", vat_percent="19", backorder=True)
    loop.sync()
    (bolt,) = loop.all("products")
    portal = loop.portal
    buyer = portal.create("companies", name="Quarzwerk GmbH", city="Berlin", erp_currency="EUR")
    deal = portal.create("deals", dealname="Spring", dealstage="presentationscheduled", pipeline="default")
    portal.link("deals", deal, "companies", buyer, 5)
    line = portal.create("line_items", name="Bolt", hs_product_id=bolt, quantity=2, price=10, erp_tax_percent=19)
    portal.link("line_items", line, "deals", deal, 20)
    return buyer, deal, line


def test_a_won_deal_is_sold_billed_and_paid_and_hubspot_shows_it(loop: Loop) -> None:
    buyer, deal, line = won(loop)
    checked = loop.run("check")
    assert checked.code == 0, checked.text
    loop.sync()
    assert loop.erp.all("orders") == {}, "not before it is won"
    loop.portal.edit("deals", deal, dealstage="closedwon", closedate="2026-03-01T10:00:00.000Z")
    loop.sync()
    ((order, fields),) = loop.erp.all("orders").items()
    assert (fields["title"], fields["order_date"], fields["total"]) == ("Spring", "2026-03-01", "23.80")
    assert [(one["quantity"], one["price"]) for one in fields["lines"]] == [("2", "10.00")]
    assert loop.shown("deals", deal, "erp_order_number", "erp_status") == [fields["number"], "confirmed"]

    loop.erp.act("orders", order, "ship", date="2026-03-05", tracking="T-1")
    invoice = loop.erp.act("orders", order, "invoice", date="2026-03-06")["id"]
    loop.sync()
    assert loop.shown("deals", deal, "erp_status", "erp_ship_date", "erp_tracking") == ["invoiced", "2026-03-05", "T-1"]
    assert loop.shown("companies", buyer, "erp_balance", "erp_balance_currency") == ["23.8", "EUR"]
    (bill,) = loop.all("invoices")
    assert loop.shown("invoices", bill, "erp_status", "erp_balance_due", "hs_currency", "hs_invoice_billable") == [
        "open",
        "23.8",
        "EUR",
        "false",
    ]

    loop.erp.act("invoices", invoice, "pay", amount="23.80")
    loop.sync()
    assert loop.shown("companies", buyer, "erp_balance") == ["0"]
    assert loop.shown("invoices", bill, "erp_status", "erp_balance_due") == ["paid", "0"]
    (paid,) = loop.all("commerce_payments")
    assert loop.shown("commerce_payments", paid, "hs_initial_amount", "hs_currency_code") == ["23.8", "EUR"]
    assert loop.run("plan").code == 0
    verified = loop.run("verify", "--json").data
    assert verified["differences"] == []
    # Totals are computed, and what is computed is never written: HubSpot's balances are not proved by its invoices.
    assert verified["money"] == ["crm: invoices less payments make -23.80 EUR, balances say 0.00"]
    assert loop.portal.linked("deals", deal, "line_items")[0]["toObjectId"] in (line, int(line))


def linked(loop: Loop) -> tuple[str, str]:
    """A customer of the ERP and its company in HubSpot."""
    customer = loop.erp.create("customers", name="Basalt AG", currency="EUR")
    loop.sync()
    (company,) = loop.all("companies")
    return customer, company


def test_edits_on_both_sides_travel_and_two_merged_companies_are_one(loop: Loop) -> None:
    customer, company = linked(loop)
    loop.portal.edit("companies", company, phone="+49 30 1234567")
    loop.erp.edit("customers", customer, email="office@basalt.example")
    loop.sync()
    assert loop.erp.get("customers", customer)["phone"].replace(" ", "") == "+49301234567"
    assert loop.shown("companies", company, "erp_email") == ["office@basalt.example"]
    loop.portal.switches(merge_keeps_primary=True)
    twin = loop.portal.create("companies", name="Basalt (typed again)", erp_currency="EUR")
    loop.sync()
    assert len(loop.erp.all("customers")) == 2
    assert loop.portal.merge("companies", company, twin) == company
    loop.run("sync")
    loop.portal.edit("companies", company, phone="+49 30 7654321")
    loop.run("sync")
    assert loop.erp.get("customers", customer)["phone"].replace(" ", "") == "+49307654321"
    assert len(loop.erp.all("customers")) == 2, "the other customer is left for a person, and nothing is made anew"


def test_a_merge_that_makes_a_new_company_is_put_before_a_person_and_makes_nothing(loop: Loop) -> None:
    customer, company = linked(loop)
    twin = loop.portal.create("companies", name="Basalt (typed again)", erp_currency="EUR")
    survivor = loop.portal.merge("companies", company, twin)
    assert loop.run("sync").code == 4
    assert f"merged into {survivor}" in loop.run("conflicts", "list", "--json").text
    assert list(loop.erp.all("customers")) == [customer]
    assert loop.all("companies") == [survivor]


def test_a_deleted_company_is_told_and_nothing_else_is_deleted(loop: Loop) -> None:
    customer, company = linked(loop)
    loop.portal.delete("companies", company)
    loop.run("sync")
    assert list(loop.erp.all("customers")) == [customer]
    (conflict,) = loop.run("conflicts", "list", "--json").data["conflicts"]
    assert conflict["keys"] == {"crm": company, "erp": customer}
    assert conflict["values"]["crm"] == {"*": "gone"}
