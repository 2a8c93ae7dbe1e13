"""Traps that servers of other makers set, sprung on the built-in ERP: nothing is made twice, deleted or lost.

docs/traps.md lists them all; those that Tryton sets are sprung there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance import ACCOUNTS, SECRETS, Installation, Server, company, customer, fill, installed

from connector.adapters.reference.walk import BEGINNING, read_walk
from connector.clock import SystemClock
from connector.errors import NotFoundError

POWERS: dict[str, dict[str, str]] = {
    "all powers": {},
    "few powers": {"external_key": "none", "idempotency": "off", "conditional": "off"},
}
CREATE = "*/batch/create"
UNTOLD = "gone, and the system tells of no delete"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path) as found:
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries take no time."""
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: None)


def strike(world: Installation, kind: str, path: str = CREATE, times: int | None = 1, **more: Any) -> None:
    world.erp.switch(fault=[{"kind": kind, "path": path, "times": times, **more}])


def deleting(policy: str) -> str:
    return ACCOUNTS.replace("    settle: 1ms\n", f"    settle: 1ms\n    deletes: {{policy: {policy}}}\n")


def names(world: Installation) -> tuple[list[str], list[str]]:
    """Every company and every customer, by name."""
    found = [
        sorted(f["name"] for f in all_.values()) for all_ in (world.crm.all("companies"), world.erp.all("customers"))
    ]
    return found[0], found[1]


def in_step(world: Installation, count: int) -> None:
    """So many companies, each once on both sides, and nothing left to do or to decide."""
    crm, erp = names(world)
    assert crm == erp
    assert len(set(crm)) == len(crm) == count
    assert world.run("verify").code == 0
    assert world.json("dead-letters", "list")["dead_letters"] == []
    assert world.json("conflicts", "list")["conflicts"] == []


# ------------------------------------------------------------------- a 2xx that was rolled back (trap 4)


@pytest.mark.parametrize("policy", ["ask", "ignore", "archive", "propagate"])
def test_a_create_that_was_answered_and_rolled_back_deletes_nothing_and_waits_for_a_person(
    world: Installation, policy: str
) -> None:
    world.configure(deleting(policy))
    fill(world.crm, "companies", [company(n) for n in range(10)])
    assert world.run("sync").code == 0
    lost = fill(world.crm, "companies", [company(n) for n in range(10, 12)])
    strike(world, "undone")
    assert world.json("sync")["runs"][0]["counts"]["created"] == 2
    assert len(names(world)[1]) == 10
    assert world.run("verify").text.count("linked, but not in erp") == 2
    for _ in range(2):
        world.run("sync", "--full")
        assert len(names(world)[0]) == 12
        assert {f["status"] for f in world.crm.all("companies").values()} == {"customer"}
    found = world.json("conflicts", "list")["conflicts"]
    assert [(c["keys"]["crm"], c["reason"]) for c in found] == [(key, UNTOLD) for key in lost]
    assert world.run("conflicts", "resolve", *(c["id"] for c in found), "--take", "crm").code == 0
    assert len(names(world)[0]) == 12
    shown = world.run("verify")
    assert shown.code == 0
    assert "2 records not compared, whose link has ended" in shown.text


GIVEN_UP = {"ask": (3, "customer"), "propagate": (3, "customer"), "archive": (4, "former"), "ignore": (4, "customer")}


@pytest.mark.parametrize("policy", GIVEN_UP)
def test_what_was_rolled_back_and_is_given_up_goes_as_if_its_delete_had_been_told(
    world: Installation, policy: str
) -> None:
    world.configure(deleting(policy))
    fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    (key,) = fill(world.crm, "companies", [company(3)])
    strike(world, "undone")
    for words in (["sync"], ["sync", "--full"]):
        world.run(*words)
    (found,) = world.json("conflicts", "list")["conflicts"]
    assert world.run("conflicts", "resolve", found["id"], "--take", "erp").code == 0
    left, status = GIVEN_UP[policy]
    companies = world.crm.all("companies")
    assert len(companies) == left
    assert companies.get(key, {"status": "customer"})["status"] == status
    assert world.run("verify").code == 0
    assert world.json("conflicts", "list")["conflicts"] == []


def test_what_was_rolled_back_and_edited_since_is_asked_about(world: Installation) -> None:
    world.configure(deleting("propagate"))
    fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    (key,) = fill(world.crm, "companies", [company(3)])
    strike(world, "undone")
    world.run("sync")
    world.crm.edit("companies", key, website="https://later.example")
    for _ in range(3):
        world.run("sync")
    (found,) = world.json("conflicts", "list")["conflicts"]
    assert found["reason"] == UNTOLD
    assert world.crm.get("companies", key)["website"] == "https://later.example"


def test_a_delete_that_is_told_is_carried_over_as_before(world: Installation) -> None:
    world.configure(deleting("propagate"))
    fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    world.erp.delete("customers", sorted(world.erp.all("customers"))[0])
    assert world.run("sync").code == 0
    in_step(world, 2)


@pytest.mark.parametrize("path", ["*/batch/update", "*/batch/delete"])
def test_a_write_that_was_answered_and_rolled_back_is_shown_by_verify(world: Installation, path: str) -> None:
    world.configure(deleting("propagate"))
    keys = fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    strike(world, "undone", path)
    if path == "*/batch/update":
        world.crm.edit("companies", keys[0], website="https://x.example")
    else:
        world.crm.delete("companies", keys[0])
    world.run("sync")
    assert world.run("verify").code == 2


# ------------------------------------------------------------- an error although it was done (trap 5)


@pytest.mark.parametrize("powers", POWERS)
@pytest.mark.parametrize("status", [400, 417, 500])
def test_creates_that_were_refused_and_done_all_the_same_are_there_once(
    world: Installation, status: int, powers: str
) -> None:
    world.erp.switch(**POWERS[powers])
    fill(world.crm, "companies", [company(n) for n in range(5)])
    strike(world, "done_but_status", status=status)
    assert world.run("sync").code in (1, 4)
    assert len(names(world)[1]) == 5
    for _ in range(2):
        world.run("sync")
    in_step(world, 5)


# --------------------------------------------- the time you read is not the time that is kept (trap 6)


def test_by_times_without_their_milliseconds_every_edit_arrives_and_nothing_is_written_for_ever(
    world: Installation,
) -> None:
    world.erp.switch(feed="modified", stamps="seconds")
    fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    before = (world.crm.versions("companies"), world.erp.versions("customers"))
    for _ in range(2):
        assert world.json("sync")["runs"][0]["counts"]["updated"] == 0
    assert (world.crm.versions("companies"), world.erp.versions("customers")) == before
    keys = sorted(world.erp.all("customers"))
    for number in range(12):  # several within one second
        world.erp.edit("customers", keys[number % 3], website=f"https://{number}.example")
        assert world.run("sync").code == 0
        assert f"https://{number}.example" in {f["website"] for f in world.crm.all("companies").values()}
    in_step(world, 3)


def test_a_walk_by_time_ends_where_more_records_than_a_page_holds_have_one_time(world: Installation) -> None:
    world.erp.switch(feed="modified", stamps="seconds")
    for start in range(0, 1200, 200):
        fill(world.erp, "customers", [customer(n) for n in range(start, start + 200)])
    assert world.json("sync")["runs"][0]["counts"]["created"] == 1200
    assert [server.send("GET", "/api/stats")["rows"][name] for server, name in _both(world)] == [1200, 1200]
    assert world.run("verify").code == 0


def _both(world: Installation) -> list[tuple[Server, str]]:
    return [(world.crm, "companies"), (world.erp, "customers")]


def test_a_cursor_of_another_kind_of_feed_begins_anew() -> None:
    assert read_walk(None).since == BEGINNING
    assert (
        str(read_walk("2026-01-02T03:04:05Z 2026-01-02T03:04:06Z x/1"))
        == "2026-01-02T03:04:05Z 2026-01-02T03:04:06Z x/1"
    )
    for text in ("abcdef-12", "", "yesterday today x", "2026-01-02 2026-01-02 x"):
        with pytest.raises(NotFoundError):
            read_walk(text)


def test_a_system_that_loses_its_feed_and_gets_it_back_is_read_again_and_nothing_is_missed(world: Installation) -> None:
    keys = fill(world.crm, "companies", [company(n) for n in range(3)])
    assert world.run("sync").code == 0
    for number, feed in enumerate(("modified", "commit")):
        world.erp.switch(feed=feed)
        world.crm.edit("companies", keys[0], website=f"https://{number}.example")
        world.erp.edit("customers", sorted(world.erp.all("customers"))[1], phone=f"+49 30 {number}")
        assert world.run("sync").code == 0
        in_step(world, 3)


# ------------------------------------------------------------------------ naive local time (trap 7)


def test_a_time_that_names_no_zone_is_refused_and_not_guessed_at(world: Installation) -> None:
    fill(world.crm, "companies", [company(0)])
    assert world.run("sync").code == 0
    world.erp.switch(stamps="local")
    fill(world.crm, "companies", [company(1)])
    for words in (["check"], ["plan"], ["sync"], ["verify"]):
        ended = world.run(*words)
        assert ended.code == 1
        assert "a time without a zone" in " ".join(ended.text.split())
    assert len(names(world)[1]) == 1
    world.erp.switch(stamps="exact")
    assert world.run("sync").code == 0
    in_step(world, 2)


# ----------------------------------------- an empty list is a 404, a read of what is there is empty (trap 8)


@pytest.mark.parametrize("path", ["/api/customers", "*/batch/read", "/api/customers*"])
@pytest.mark.parametrize("kind", ["status", "empty"])
def test_nothing_where_there_is_something_deletes_nothing(world: Installation, kind: str, path: str) -> None:
    world.configure(deleting("propagate"))
    keys = fill(world.crm, "companies", [company(n) for n in range(4)])
    assert world.run("sync").code == 0
    world.crm.edit("companies", keys[0], website="https://x.example")
    strike(world, kind, path, times=None, **({"status": 404} if kind == "status" else {}))
    for words in (["sync"], ["sync", "--full"], ["sync"], ["sync", "--full"]):
        ended = world.run(*words)
        assert ended.code != 1 or "(status 404" in " ".join(ended.text.split())
        assert len(names_of_crm(world)) == 4
    world.erp.switch(fault=[])
    for _ in range(2):
        world.run("sync", "--full")
    in_step(world, 4)


def names_of_crm(world: Installation) -> list[str]:
    return [f["name"] for f in world.crm.all("companies").values()]


@pytest.mark.parametrize("powers", POWERS)
def test_a_duplicate_that_is_answered_with_another_record_links_nothing_to_it(world: Installation, powers: str) -> None:
    world.erp.switch(**POWERS[powers])
    other = world.erp.create("customers", **customer(99))
    assert world.run("sync").code == 0
    before = world.erp.get("customers", other)
    fill(world.crm, "companies", [company(n) for n in range(3)])
    strike(world, "stranger")
    assert world.run("sync").code == 4
    assert len(world.json("dead-letters", "list")["dead_letters"]) == 3
    assert world.erp.get("customers", other) == before
    assert world.run("dead-letters", "retry", "--all").code == 0
    in_step(world, 4)
    assert world.erp.get("customers", other) == before


@pytest.mark.parametrize("status", [400, 409, 417, 422])
def test_a_refusal_is_parked_with_its_status_whatever_that_is(world: Installation, status: int) -> None:
    fill(world.crm, "companies", [company(n) for n in range(2)])
    strike(world, "status", status=status)
    ended = world.run("sync")
    assert ended.code == 4
    assert SECRETS["connector"] not in ended.text
    assert {d["reason"].count(f"(status {status}: ") for d in world.json("dead-letters", "list")["dead_letters"]} == {1}
    assert world.run("dead-letters", "retry", "--all").code == 0
    in_step(world, 2)


def test_what_cannot_be_confirmed_yet_is_not_said_to_wait_for_a_person(world: Installation) -> None:
    fill(world.crm, "companies", [company(0)])
    assert world.run("sync").code == 0
    strike(world, "empty", "/api/customers*", times=None)
    ended = world.run("sync", "--full")
    assert ended.code == 4
    assert "Some records wait for another, or for a second look: connector status" in ended.text
    assert "conflicts list" not in ended.text
    assert "1 waiting record" in world.run("status").text
