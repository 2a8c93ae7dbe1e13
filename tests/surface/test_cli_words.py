"""What commands say: the systems' own names, empty values in words, no sentence twice, the promises of a connection."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from acceptance import ACCOUNTS, CONTACTS, DOCUMENTS, company, customer, fill, installed

from connector.app.demo import World
from connector.cli.common import _once
from connector.cli.output import age, counted
from connector.cli.people import _before
from connector.engine.verify import VerifyReport, balance_problems, not_compared
from connector.model.values import Side, Sides
from connector.rest.failures import Place, Said, status_error


def test_a_refused_create_is_told_in_one_sentence_without_a_word_twice(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        (key,) = fill(world.crm, "companies", [company(1, currency=None)])
        ended = world.run("sync")
        assert ended.code == 4
        assert "Records were refused: connector dead-letters list" in ended.out
        (dead,) = world.json("dead-letters", "list")["dead_letters"]
        said = f"erp at {world.erp.url} refuses it (status 422: currency: must not be empty)."
        assert dead["reason"] == said
        (story,) = world.json("explain", "account", key)["stories"]
        assert story["why"] == [
            "it is not in erp: the create was refused",
            f"a dead letter: {said} Correct it, then: connector dead-letters retry {dead['id']}",
        ]
        (difference,) = world.json("verify")["differences"]
        assert difference["reason"] == "only in crm"


def test_a_difference_stands_under_the_names_of_the_systems(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        fill(world.crm, "companies", [company(0)])
        fill(world.erp, "customers", [customer(0, name="Other")])
        ended = world.run("sync")
        assert ended.code == 4
        assert "Something waits for a person: connector conflicts list" in ended.out
        head = next(line for line in world.run("verify").out.splitlines() if "difference " in line)
        assert head.split()[-3:] == ["crm", "erp", "why"]


def test_explain_says_that_an_overwritten_field_was_empty(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        (key,) = fill(world.crm, "companies", [company(0)])
        assert world.run("sync").code == 0
        world.crm.edit("companies", key, website="https://w.example")
        assert world.run("sync").code == 0
        told = " ".join(world.run("explain", "account", key, "website").out.split())
        assert "website was (empty)" in told


def test_the_empty_parts_of_a_group_are_not_listed_beside_the_full_ones() -> None:
    assert _before({"a.street": "", "a.city": "Bonn", "phone": ""}) == "a.city was Bonn, phone was (empty)"
    assert _before({"a.street": "", "a.city": ""}) == "a.street was (empty), a.city was (empty)"


def test_a_sentence_that_only_adds_to_an_earlier_one_is_not_said_again() -> None:
    assert _once(["It is down.", "", "It is down. It is left alone.", "Other.", "It is down."]) == [
        "It is down.",
        "Other.",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86400, "1 d"), (-5, "0 s")]
)
def test_an_age_is_in_the_largest_unit_that_fits(seconds: float, shown: str) -> None:
    assert age(1000.0, 1000.0 + seconds) == shown


def test_a_number_stands_with_the_right_form_of_its_noun() -> None:
    assert [counted(n, "link") for n in (0, 1, 2)] == ["0 links", "1 link", "2 links"]
    assert counted(2, "entry", "entries") == "2 entries"


def test_a_systems_message_that_names_its_field_is_not_given_the_name_again() -> None:
    place = Place("erp", "http://h")
    for said in (Said("x", "currency: must not be empty.", "currency"), Said("x", "must not be empty.", "currency")):
        error = status_error(place, 422, said, write=True)
        assert str(error) == "erp at http://h refuses it (status 422: currency: must not be empty)."


def test_money_that_does_not_add_up_is_told_by_the_name_of_the_system() -> None:
    names = Sides("sales", "books")
    reports = [VerifyReport(entity, entity, names) for entity in ("invoice", "payment", "balance")]
    reports[0].sums[Side.RIGHT][("total", "EUR")] = Decimal(10)
    reports[1].sums[Side.RIGHT][("amount", "EUR")] = Decimal(4)
    reports[2].sums[Side.RIGHT][("open", "EUR")] = Decimal(5)
    assert balance_problems(reports) == ["books: invoices less payments make 6 EUR, balances say 5"]
    assert not_compared(reports) == []


def test_balances_of_a_ledger_in_one_currency_are_not_compared_with_documents_in_another() -> None:
    names = Sides("sales", "books")
    reports = [VerifyReport(entity, entity, names) for entity in ("invoice", "payment", "balance")]
    reports[0].sums[Side.RIGHT] |= {("total", "USD"): Decimal(10), ("total", "EUR"): Decimal(3)}
    reports[1].sums[Side.RIGHT] |= {("amount", "USD"): Decimal(4), ("amount", "EUR"): Decimal(3)}
    reports[2].sums[Side.RIGHT][("open", "EUR")] = Decimal(5)
    assert balance_problems(reports) == []
    assert not_compared(reports) == ["books: 6 USD is open, and balances are kept in EUR: not compared"]
    reports[1].sums[Side.RIGHT][("amount", "USD")] = Decimal(10)
    assert not_compared(reports) == []
    assert balance_problems(reports) == ["books: invoices less payments make 0 EUR, balances say 5"]


def test_a_migration_says_what_the_target_does_not_take_at_all(tmp_path: Path) -> None:
    with installed(tmp_path, ACCOUNTS + DOCUMENTS) as world:
        lines = world.run("migrate", "--from", "crm", "--to", "erp").out.splitlines()
        assert "invoice: erp does not take anything of it" in lines
        assert "account: erp does not take number" in lines


# ------------------------------------------------------------------------------------------------ promises

FULL = "conditional writes"
GAP = "no conditional writes: read again right before each write, with the gap of one call"
SWITCHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "everything": ({}, "unique external key", FULL),
    "search": ({"external_key": "search"}, "searched by external key after a crash", FULL),
    "unconditional": ({"conditional": "off"}, "unique external key", GAP),
}


@pytest.mark.parametrize("case", SWITCHES)
def test_check_tells_which_promises_hold_on_each_connection(tmp_path: Path, case: str) -> None:
    switches, twice, silent = SWITCHES[case]
    with installed(tmp_path, ACCOUNTS + CONTACTS) as world:
        if switches:
            world.erp.switch(**switches)
        found = world.json("check")
        assert found["ok"]
        erp = [entry for entry in found["promises"] if entry["system"] == "erp"]
        assert [(entry["promise"], entry["how"], entry["objects"]) for entry in erp] == [
            ("never twice", twice, ["customers", "persons"]),
            ("never silently", silent, ["customers", "persons"]),
        ]
        assert f"erp: never twice: {twice} (customers, persons)" in world.run("check").out


@pytest.mark.parametrize(
    ("external_key", "idempotency", "created_by", "principal", "full", "how"),
    [
        ("none", 0.0, True, "us", True, "found by who created it after a crash"),
        ("none", 0.0, True, None, False, "nothing holds it"),
        ("none", 86400.0, False, "us", False, "idempotency key, for 23 h after a crash"),
        ("none", 0.0, False, "us", False, "nothing holds it"),
    ],
)
def test_what_protects_against_duplicates_follows_from_what_the_system_can(
    external_key: str, idempotency: float, created_by: bool, principal: str | None, full: bool, how: str
) -> None:
    from connector.app.promises import _creates

    can = SimpleNamespace(external_key=external_key, idempotency=idempotency, created_by=created_by)
    system = SimpleNamespace(capabilities=can, principal=principal, mapping=SimpleNamespace(external_key="x"))
    found = _creates(system)  # type: ignore[arg-type]  # only what it looks at
    assert found[0] is full
    assert found[1].startswith(how)


# ---------------------------------------------------------------------------------------------------- demo


def test_each_page_of_the_demonstration_leads_to_the_other_system() -> None:
    with World() as world:
        pages = {
            api.name: httpx.get(f"{api.url}/", follow_redirects=True, trust_env=False) for api in (world.crm, world.erp)
        }
    assert world.erp.url in pages["crm"].text
    assert world.crm.url in pages["erp"].text
