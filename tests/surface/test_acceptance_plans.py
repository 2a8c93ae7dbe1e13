"""Saved plans, migrations, first links, two runs at a time, money in currencies with and without cents."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from typing import Any

import pytest
from acceptance import ACCOUNTS, EVERYTHING, PRODUCTS, Fields, Installation, company, customer, fill, installed, until


def test_a_saved_plan_is_done_exactly_and_what_drifted_is_left_and_listed(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        keys = fill(world.crm, "companies", [company(n) for n in range(4)])
        assert world.run("sync").code == 0
        for key in keys[:3]:
            world.crm.edit("companies", key, website="https://planned.example")
        fill(world.crm, "companies", [company(50)])
        saved = str(tmp_path / "changes.plan")
        before = world.erp.versions("customers")
        assert world.run("plan", "--out", saved).code == 2
        assert world.erp.versions("customers") == before
        text = Path(saved).read_text()
        assert all(word not in text for word in ("planned.example", "Quarzwerk", "Basaltweg", "DE81", "+49"))
        world.crm.edit("companies", keys[0], website="https://drifted.example")
        world.crm.edit("companies", keys[3], industry="Not planned")
        done = world.json("apply", saved)
        assert [(line["left"], line["action"]) for line in done["runs"][0]["drifted"]] == [(keys[0], "update")]
        after = world.erp.all("customers")
        assert sorted(str(f["website"]) for f in after.values()) == [
            *("None", "None", "None"),
            *("https://planned.example", "https://planned.example"),
        ]
        assert len(after) == 5
        assert "Not planned" not in {f["industry"] for f in after.values()}
        versions = world.erp.versions("customers")
        again = world.run("apply", saved)
        assert again.code == 4
        assert "left as it is" in again.out
        assert world.erp.versions("customers") == versions
        assert world.run("sync").code == 0
        assert world.run("verify").code == 0


def test_two_runs_at_a_time_do_everything_once(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        fill(world.crm, "companies", [company(n) for n in range(50)])
        slow = {"kind": "slow", "object": "companies", "method": "GET", "seconds": 3, "times": 1}
        assert world.run("plan").code == 2
        world.crm.switch(fault=[slow])
        first = world.process("sync")
        assert until(lambda: world.rows("select 1 from lease where owner is not null"))
        second = world.run("sync")
        out, said = first.communicate(timeout=60)
        assert (second.code, second.said) == (
            1,
            "accounts: another run is going on. Wait for it, or look at `connector status`.\n",
        )
        assert first.returncode == 0, out + said
        assert len(world.erp.all("customers")) == 50
        assert world.run("verify").code == 0


def test_a_migration_killed_half_way_is_finished_by_the_next_and_proved(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYTHING) as world:
        for start in (0, 150):
            currencies = ("EUR", "JPY", "KWD")
            items = [company(n, currency=currencies[n % 3], credit_limit="10") for n in range(start, start + 150)]
            keys = fill(world.crm, "companies", items)
        people = [{"company_id": k, "last_name": f"L{n}", "email": f"p{n}@x.example"} for n, k in enumerate(keys)]
        fill(world.crm, "contacts", people)
        slow = {"kind": "slow", "path": "*/customers/batch/create", "seconds": 3, "times": 1, "after": 1}
        world.erp.switch(fault=[slow])
        killed = world.process("migrate", "--from", "crm", "--to", "erp")
        assert until(lambda: world.erp.all("customers"))
        killed.kill()
        killed.communicate()
        assert world.erp.all("persons") == {}
        assert until(lambda: world.run("migrate", "--from", "crm", "--to", "erp").code == 0, 20)
        assert len(world.erp.all("customers")) == 300
        assert len(world.erp.all("persons")) == 150
        before = (world.crm.versions("companies", "contacts"), world.erp.versions("customers", "persons"))
        proof = str(tmp_path / "certificate.json")
        found = world.json("migrate", "--from", "crm", "--to", "erp", "--out", proof)
        assert (world.crm.versions("companies", "contacts"), world.erp.versions("customers", "persons")) == before
        certificate = found["certificate"]
        assert found["complete"] is True
        assert certificate["records"]["account"] == [300, 300]
        assert certificate["records"]["contact"] == [150, 150]
        assert certificate["exceptions"] == {}
        assert certificate["rates"]["account.name"] == [300, 0]
        assert Path(proof).exists()


def test_nothing_ambiguous_is_created_until_a_reviewed_file_says_what_it_is(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        sure = company(1)
        twin = company(2, tax_id=None)
        near = company(3, tax_id=None, name="Quarzwerk Drei GmbH & Co. KG")
        fill(world.crm, "companies", [sure, twin, near])
        doubles = [customer(2, vat_number=None), customer(2, vat_number=None, phone="+49 30 1")]
        fill(world.erp, "customers", [customer(1), *doubles])
        review = tmp_path / "review.csv"
        assert world.run("match", "accounts", "--out", str(review)).code == 0
        rows = list(csv.DictReader(review.read_text().splitlines()))
        assert len(rows) >= 3
        assert [row["decision"] for row in rows].count("link") == 1
        assert len(world.erp.all("customers")) == 3
        ran = world.run("sync")
        assert ran.code == 4
        assert len([f for f in world.erp.all("customers").values() if f["name"] == company(2)["name"]]) == 2
        assert len([f for f in world.crm.all("companies").values() if f["name"] == company(2)["name"]]) == 1


def _deal(world: Installation, account: str, currency: str, price: str, freight: str) -> str:
    product = next(k for k, f in world.crm.all("products").items() if f["currency"] == currency)
    lines: list[Fields] = [
        {"product_id": product, "quantity": "3", "unit_price": price, "tax_percent": "19", "discount_percent": "7.5"},
        {"product_id": product, "quantity": "1.5", "unit_price": price, "tax_percent": "7"},
    ]
    shared: dict[str, Any] = {"stage": "won", "close_date": "2026-03-01", "lines": lines, "freight": freight}
    return world.crm.create("deals", name=f"Deal {currency}", company_id=account, currency=currency, **shared)


def test_orders_in_currencies_with_two_no_and_three_decimals_are_equal_to_the_last_unit(tmp_path: Path) -> None:
    figures = {"EUR": ("9.995", "14.90"), "JPY": ("1001", "333"), "KWD": ("1.0005", "0.125")}
    totals = {"EUR": "63.95", "JPY": "5246", "KWD": "5.034"}
    with installed(tmp_path, EVERYTHING) as world:
        accounts = fill(world.crm, "companies", [company(n, currency=c) for n, c in enumerate(figures)])
        for currency in figures:
            item = {"code": f"IT-{currency}", "name": f"Thing {currency}", "price": "2", "currency": currency}
            world.erp.create("items", **item, vat_percent="19", backorder=True)
        assert world.run("sync").code == 0
        for account, (currency, (price, freight)) in zip(accounts, figures.items(), strict=True):
            _deal(world, account, currency, price, freight)
        planned = world.json("plan", "orders")
        assert planned["syncs"][0]["amounts"] == totals
        assert world.run("sync").code == 0
        assert {f["currency"]: f["total"] for f in world.erp.all("orders").values()} == totals
        assert {f["currency"]: f["amount"] for f in world.crm.all("deals").values()} == totals
        for order in world.erp.all("orders"):
            world.erp.act("orders", order, "ship")
            world.erp.act("orders", order, "invoice")
        yen = next(k for k, f in world.erp.all("invoices").items() if f["currency"] == "JPY")
        world.erp.act("invoices", yen, "pay", amount="1000")
        assert world.run("sync").code == 0
        proved = world.json("verify")
        assert proved["clean"] is True
        sums = {row["sync"]: row["sums"] for row in proved["syncs"]}
        assert sums["orders"]["crm"] == sums["orders"]["erp"]
        for currency, total in totals.items():
            assert sums["invoices"]["erp"][f"total {currency}"] == total
        assert sums["invoices"]["crm"]["open_amount JPY"] == "4246"
        owed = {f["currency"]: f["open_balance"] for f in world.crm.all("companies").values()}
        assert owed == {**totals, "JPY": "4246"}


def test_a_plan_without_an_action_is_saved_and_done_without_a_call(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        saved = str(tmp_path / "nothing.plan")
        assert world.run("plan", "--out", saved).code == 0
        ended = world.run("apply", saved)
        assert (ended.code, ended.out.strip()) == (0, f"{saved} holds no action; nothing was done.")
        assert world.json("apply", saved) == {"runs": []}


def test_every_table_fits_a_terminal_of_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    with installed(tmp_path, EVERYTHING) as world:
        fill(world.crm, "companies", [company(n, name=f"Vereinigte Quarzwerke {n} GmbH & Co. KG") for n in range(3)])
        fill(world.crm, "companies", [company(3, currency=None)])
        fill(world.erp, "customers", [customer(0, name="Vereinigte Quarzwerke 0", city="Hamburg")])
        shown = {words: world.on_terminal(*words.split()) for words in ("match accounts --labels", "plan", "sync")}
        for words in ("plan", "status", "runs", "check", "verify", "conflicts list", "dead-letters list --labels"):
            shown[words] = world.on_terminal(*words.split())
        for words in (
            "links list accounts",
            "explain account C-1",
            "explain account C-4",
            "migrate --from crm --to erp",
        ):
            shown[words] = world.on_terminal(*words.split())
        for words, lines in shown.items():
            rules = [line.strip() for line in lines if line.strip().startswith("─")]
            assert rules or words in ("plan", "explain account C-4"), words
            # The rule under the heads is as wide as its table; sentences are the terminal's own to wrap.
            assert all(len(rule) <= 80 for rule in rules), words
        status = shown["status"]
        assert len(status) <= 7 + 2 * 4, "a sync takes a line, or two"
        (accounts,) = (line for line in status if line.strip().startswith("accounts"))
        assert "partly, " in accounts
        assert "2 conflicts (" in accounts


def test_what_is_open_is_counted_with_its_age(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        assert world.run("status").code == 0
        assert world.json("status")["syncs"][0]["last"] is None
        fill(world.crm, "companies", [company(0), company(1, currency=None)])
        assert world.run("sync").code == 4
        (row,) = world.json("status")["syncs"]
        assert (row["links"]["linked"], row["dead"], row["conflicts"], row["open_writes"]) == (1, 1, 0, 0)
        assert 0 < time.time() - row["oldest"].pop("dead") < 60
        assert set(row["oldest"].values()) == {None}
        assert re.search(r"1 dead letter \(\d+ s\)", world.run("status").out)
        (run,) = world.json("runs", "--limit", "1")["runs"]
        assert run["counts"]["created"] == 1
        assert run["counts"]["failed"] == 1
        assert run["ended"] <= time.time()
        (dead,) = world.json("dead-letters", "list")["dead_letters"]
        assert dead["since"] <= time.time()
        (link,) = world.json("links", "list", "accounts", "--key", "C-1")["links"]
        assert link["state"] == "linked"
        told = world.run("plan").out
        assert "waits for a person: 1 dead letter (connector dead-letters list)" in told


def test_a_sync_that_goes_both_ways_now_looks_at_all_records_again(tmp_path: Path) -> None:
    with installed(tmp_path, PRODUCTS) as world:
        key = world.crm.create("products", sku="CRM-1", name="Typed into the CRM", price="1.00", currency="EUR")
        world.run("sync")
        assert world.erp.all("items") == {}
        world.configure(PRODUCTS.replace("direction: erp -> crm, ", ""))
        (line,) = world.json("plan")["lines"]
        assert (line["action"], key in str(line)) == ("create", True)
        assert world.run("sync").code == 0
        assert [item["code"] for item in world.erp.all("items").values()] == ["CRM-1"]


def test_what_waits_in_match_review_is_matched_by_another_rule(tmp_path: Path) -> None:
    with installed(
        tmp_path, ACCOUNTS.replace("match: [tax_id, [name, billing_address.postal_code]]", "match: [name]")
    ) as world:
        for n in range(2):
            world.crm.create("companies", name="Zwilling", phone=f"+49 30 55501{n}", currency="EUR")
        world.erp.create("customers", name="Zwilling", phone="+49 30 555010", currency="EUR")
        assert world.run("sync").code == 4
        assert len(world.json("dead-letters", "list")["dead_letters"]) == 3
        world.configure(ACCOUNTS.replace("match: [tax_id, [name, billing_address.postal_code]]", "match: [phone]"))
        ended = world.run("sync")
        assert ended.code == 0, world.run("dead-letters", "list").text
        phones = sorted(one["phone"] for one in world.erp.all("customers").values())
        assert phones == ["+49 30 555010", "+49 30 555011"]
