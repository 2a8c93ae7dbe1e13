"""What waits for a person: conflicts, dead letters, deletions, merges; and what the state file tells a thief."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from acceptance import ACCOUNTS, EVERYTHING, Fields, Installation, Server, company, fill, installed, remove


def _customer(world: Installation, number: int) -> str:
    (key,) = [k for k, f in world.erp.all("customers").items() if f["name"] == company(number)["name"]]
    return key


def test_a_conflict_waits_alone_shows_both_values_and_is_settled_at_once(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        left = fill(world.crm, "companies", [company(n) for n in range(3)])[0]
        assert world.run("sync").code == 0
        right = _customer(world, 0)
        world.crm.edit("companies", left, phone="+49 30 1111111", website="https://w.example")
        world.erp.edit("customers", right, phone="+49 30 2222222", industry="Mining")
        lines = world.json("plan")["lines"]
        assert sorted((line["action"], line["fields"]) for line in lines) == [
            ("conflict", ["phone"]),
            ("update", ["industry"]),
            ("update", ["website"]),
        ]
        assert world.run("sync").code == 4
        here, there = world.crm.get("companies", left), world.erp.get("customers", right)
        assert (here["phone"], there["phone"]) == ("+49 30 1111111", "+49 30 2222222")
        assert here["industry"] == there["industry"] == "Mining"
        assert here["website"] == there["website"] == "https://w.example"
        for _ in range(2):
            assert world.run("sync", "--full").code in (0, 4)
            assert "1 conflict (connector conflicts list)" in world.run("plan").out
        (waiting,) = world.json("conflicts", "list")["conflicts"]
        assert waiting["values"] == {"crm": {"phone": "+49301111111"}, "erp": {"phone": "+49302222222"}}
        assert world.json("conflicts", "show", waiting["id"])["conflicts"] == [waiting]
        assert waiting["id"] in world.run("explain", "account", left, "phone").out
        for text in (b"1111111", b"2222222", b"quarzwerk", b"Quarzwerk", b"Basaltweg", b"w.example", b"Mining"):
            assert text not in world.stored()
        assert world.run("conflicts", "resolve", waiting["id"], "--take", "crm").code == 0
        assert world.erp.get("customers", right)["phone"] == "+49 30 1111111"
        assert world.json("plan")["lines"] == []
        assert world.json("conflicts", "list")["conflicts"] == []
        assert world.run("verify").code == 0
        (story,) = world.json("explain", "account", left, "phone")["stories"]
        lost = next(event for event in story["events"] if event["event"] == "overwritten")
        assert lost["before"] == {"phone": "+49302222222"}
        assert lost["rule"] == "syncs.accounts.conflicts row 15"
        assert lost["at"].endswith("Z")
        assert b"2222222" not in world.stored()


@pytest.mark.parametrize("take", ["crm", "erp"])
def test_a_record_deleted_here_and_changed_there_is_held_until_a_person_says(tmp_path: Path, take: str) -> None:
    with installed(tmp_path, ACCOUNTS + "    deletes: {policy: propagate}\n") as world:
        left = fill(world.crm, "companies", [company(0)])[0]
        assert world.run("sync").code == 0
        right = _customer(world, 0)
        world.crm.delete("companies", left)
        world.erp.edit("customers", right, industry="Edited")
        assert world.run("sync").code == 4
        assert world.erp.get("customers", right)["industry"] == "Edited"
        (waiting,) = world.json("conflicts", "list")["conflicts"]
        assert waiting["reason"].startswith("deleted and changed")
        world.erp.edit("customers", right, industry="Again")  # a choice counts for what is shown when it is made
        assert world.run("conflicts", "resolve", waiting["id"], "--take", take).code == 0
        assert (right in world.erp.all("customers")) is (take == "erp")
        assert world.crm.all("companies") == {}
        assert world.json("plan")["lines"] == []


def _line(product: str, quantity: str, price: str, **more: Any) -> Fields:
    return {"product_id": product, "quantity": quantity, "unit_price": price, **more}


def _item(world: Installation) -> str:
    world.erp.create("items", code="IT-1", name="Thing", price="9.99", currency="EUR", vat_percent="19", backorder=True)
    assert world.run("sync").code == 0
    return next(iter(world.crm.all("products")))


def test_a_refused_record_waits_with_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYTHING) as world:
        good, bare = fill(world.crm, "companies", [company(0), company(1, currency=None)])
        assert world.run("sync").code == 4
        assert len(world.erp.all("customers")) == 1
        world.crm.edit("companies", bare, currency="EUR")
        product = _item(world)
        world.erp.send("PUT", "/api/periods", {"closed_until": "2026-06-30"})
        won: Fields = {"company_id": good, "stage": "won", "currency": "EUR", "lines": [_line(product, "1", "2.00")]}
        closed = world.crm.create("deals", name="Too late", close_date="2026-05-01", **won)
        world.crm.create("deals", name="In time", close_date="2026-07-01", **won)
        assert world.run("sync").code == 4
        assert [f["title"] for f in world.erp.all("orders").values()] == ["In time"]
        (dead,) = world.json("dead-letters", "list")["dead_letters"]
        assert (dead["sync"], dead["system"], dead["key"]) == ("orders", "crm", closed)
        assert "2026-05-01 is in a closed period" in dead["reason"]
        assert b"2026-05-01" not in world.stored()
        assert world.run("verify").code == 2
        assert world.run("dead-letters", "retry", "--all").code == 4
        assert len(world.json("dead-letters", "list")["dead_letters"]) == 1
        world.crm.edit("deals", closed, close_date="2026-07-02")
        assert world.run("sync").code == 0
        assert world.json("dead-letters", "list")["dead_letters"] == []
        assert len(world.erp.all("orders")) == 2
        assert world.run("verify").code == 0


def test_a_refused_change_of_a_shipped_order_is_told_and_not_shown_as_done(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYTHING) as world:
        account = fill(world.crm, "companies", [company(0)])[0]
        product = _item(world)
        lines = [_line(product, "3", "9.995", tax_percent="19", discount_percent="7.5")]
        won: Fields = {"company_id": account, "stage": "won", "currency": "EUR", "close_date": "2026-03-01"}
        deal = world.crm.create("deals", name="Deal", lines=lines, **won)
        assert world.run("sync").code == 0
        (order,) = world.erp.all("orders")
        world.erp.act("orders", order, "ship")
        assert world.run("sync").code == 0
        line = {k: v for k, v in world.crm.get("deals", deal)["lines"][0].items() if k != "amount"}
        world.crm.edit("deals", deal, lines=[{**line, "quantity": "5"}])
        world.crm.edit("companies", account, website="https://go.example")
        assert world.run("sync").code == 4
        assert world.erp.get("orders", order)["lines"][0]["quantity"] == "3"
        assert next(iter(world.erp.all("customers").values()))["website"] == "https://go.example"
        (dead,) = world.json("dead-letters", "list")["dead_letters"]
        assert "is shipped" in dead["reason"]
        shown = world.run("explain", "order", deal)
        assert "Decimal(" not in shown.out
        events = world.json("explain", "order", deal)["stories"][0]["events"]
        assert [event["event"] for event in events[:2]] == ["refused", "update"]
        world.crm.edit("deals", deal, lines=[line])
        assert world.run("sync").code == 0
        assert world.json("dead-letters", "list")["dead_letters"] == []
        assert world.run("verify").code == 0


def _invoiced(world: Installation, accounts: list[str]) -> None:
    product = _item(world)
    for account in accounts:
        lines = [_line(product, "1", "5")]
        won: Fields = {"company_id": account, "stage": "won", "currency": "EUR", "close_date": "2026-03-01"}
        world.crm.create("deals", name="D", lines=lines, **won)
    assert world.run("sync").code == 0
    for order in world.erp.all("orders"):
        world.erp.act("orders", order, "ship")
        world.erp.act("orders", order, "invoice")


def _merge(server: Server, winner: str, loser: str) -> None:
    server.send("POST", "/api/companies/merge", {"winner": winner, "loser": loser})


def test_companies_merged_in_the_crm_delete_nothing_in_the_erp_and_their_records_resolve(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYTHING) as world:
        winner, loser = fill(world.crm, "companies", [company(0), company(1)])
        world.crm.create("contacts", company_id=loser, first_name="A", last_name="B", email="ab@x.example")
        _invoiced(world, [winner, loser])
        assert world.run("sync").code == 0
        _merge(world.crm, winner, loser)
        assert world.run("sync").code == 0
        assert len(world.erp.all("customers")) == 2
        assert {f["company_id"] for f in world.crm.all("deals").values()} == {winner}
        assert {f["company_id"] for f in world.crm.all("contacts").values()} == {winner}
        assert world.run("sync", "--full").code == 0
        assert world.json("plan", "--full")["lines"] == []
        states = sorted(row["state"] for row in world.json("links", "list", "accounts")["links"])
        assert states == ["closed", "linked"]


def test_balances_of_a_merged_company_are_told_and_do_not_stop_the_others(tmp_path: Path) -> None:
    """Merged before anything was invoiced: two balances in the ERP, one company in the CRM."""
    with installed(tmp_path, EVERYTHING) as world:
        winner, loser, other = fill(world.crm, "companies", [company(n) for n in range(3)])
        assert world.run("sync").code == 0
        gone = _customer(world, 1)
        _invoiced(world, [winner, loser, other])
        _merge(world.crm, winner, loser)
        assert world.run("sync").code == 4
        assert world.crm.get("companies", winner)["open_balance"] == "5.00"
        assert world.crm.get("companies", other)["open_balance"] == "5.00"
        (dead,) = world.json("dead-letters", "list")["dead_letters"]
        assert (dead["sync"], dead["key"]) == ("balances", gone)
        assert "its account was merged into another one" in dead["reason"]
        assert world.run("sync").code == 0
        assert world.run("verify").code == 2


def test_an_edited_account_without_a_balance_is_nothing_to_hold(tmp_path: Path) -> None:
    with installed(tmp_path, EVERYTHING) as world:
        keys = fill(world.crm, "companies", [company(n) for n in range(4)])
        assert world.run("sync").code == 0
        world.crm.edit("companies", keys[0], website="https://x.example")
        assert world.run("sync").code == 0


def test_the_state_holds_no_value_while_writes_are_open_and_records_are_parked(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        items = [company(n, currency=None if n % 5 == 0 else "EUR") for n in range(40)]
        keys = fill(world.crm, "companies", items)
        world.erp.switch(fault=[{"kind": "lost_answer", "path": "*/batch/create", "times": None}])
        assert world.run("sync").code == 1
        assert sum(row["open_writes"] for row in world.json("status")["syncs"]) == 40
        _assert_no_values(world, items)
        world.erp.switch(fault=[])
        assert world.run("sync").code == 4
        assert len(world.json("dead-letters", "list")["dead_letters"]) == 8
        world.crm.edit("companies", keys[1], name="Quarzwerk links")
        world.erp.edit("customers", _customer(world, 1), name="Quarzwerk rechts")
        world.run("sync")
        _assert_no_values(world, items)
        assert b"links" not in world.stored()
        remove(world.crm, "companies", keys[20:23])
        world.run("sync")
        _assert_no_values(world, items)


def _assert_no_values(world: Installation, items: list[Fields]) -> None:
    stored = world.stored()
    for item in items:
        for name in ("name", "email", "phone", "tax_id", "billing_street"):
            for text in (item[name], item[name].replace(" ", "")):
                assert text.encode() not in stored
                assert text.encode("utf-16-le") not in stored
