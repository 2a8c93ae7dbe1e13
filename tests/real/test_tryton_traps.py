"""Traps that Tryton sets, each sprung for real: nothing is made twice, wiped or lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from connector.errors import TransientError
from connector.model.records import Op, Write
from connector.testing.contract import FaultProxy, Request

from .conftest import KIND
from .site import Site, company, site
from .tryton.person import Person, PersonError
from .tryton.server import Tryton
from .tryton_subject import build, place_of

WRITERS, EACH = 4, 15


@pytest.fixture
def loop(seeded: Tryton, tmp_path: Path) -> Iterator[Site]:
    with site(seeded, tmp_path) as found:
        yield found


def names(tryton: Tryton, like: str) -> Counter[str]:
    """How often each party's name is there."""
    rows = Person(tryton).call("model.party.party.search_read", [["name", "like", like]], 0, None, None, ["name"])
    return Counter(row["name"] for row in rows)


def fill(loop: Site, count: int) -> None:
    for start in range(0, count, 100):
        body = {"items": [{"fields": company(number)} for number in range(start, min(count, start + 100))]}
        for item in loop.crm.send("POST", "/api/companies/batch/create", body)["items"]:
            assert item["status"] == 201, item


# ------------------------------------------------------------------------- a 4xx that is transient (trap 3)


def test_four_writers_at_once_make_each_of_sixty_parties_once_although_tryton_refuses_many(
    seeded: Tryton, figures: list[str]
) -> None:
    refused: list[str] = []
    wrong: list[BaseException] = []

    def write(writer: int) -> None:
        adapter = build(place_of(seeded), seeded.url)
        try:
            for number in range(EACH):
                body = json.dumps({"name": f"Sixty {writer} {number}"}).encode()
                _insist(adapter, Write(Op.CREATE, None, body, None, f"{writer}-{number}"), refused)
        except BaseException as error:
            wrong.append(error)
        finally:
            adapter.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []
    found = names(seeded, "Sixty %")
    assert (len(found), set(found.values())) == (WRITERS * EACH, {1})
    figures.append(
        f"{WRITERS} writers, {len(refused)} creates refused and tried again, {len(found)} of 60 parties made"
    )
    if KIND == "sqlite":
        assert refused, "no two writers drew one number: the trap was not sprung"


def _insist(adapter: Any, write: Write, refused: list[str]) -> None:
    for _ in range(60):
        try:
            (outcome,) = adapter.write("party.party", [write]).outcomes
        except TransientError as error:
            refused.append(str(error))
            time.sleep(0.02)
            continue
        assert outcome.error is None, outcome.error
        return
    raise AssertionError("sixty tries were not enough")


def test_a_sync_beside_others_who_create_parties_ends_with_all_of_its_own(loop: Site) -> None:
    fill(loop, 60)
    loop.configure("accounts")
    done = threading.Event()

    def others() -> None:
        person = Person(loop.tryton)
        while not done.is_set():
            with suppress(PersonError):
                person.call("model.party.party.create", [{"name": "Somebody else's"}])

    threads = [threading.Thread(target=others, daemon=True) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            ended = loop.run("sync", "--json")
            if sum(1 for name in names(loop.tryton, "Quarzwerk %")) == 60 and ended.code == 0:
                break
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    found = names(loop.tryton, "Quarzwerk %")
    assert (len(found), set(found.values())) == (60, {1})
    assert loop.run("dead-letters", "list", "--json").data["dead_letters"] == []


# ----------------------------------------------------------------------------- no external key, and kill -9


def test_a_first_sync_of_500_killed_again_and_again_makes_every_party_once(loop: Site, figures: list[str]) -> None:
    fill(loop, 500)
    proxy = FaultProxy(loop.tryton.url)
    loop.configure("accounts", url=f'"{proxy.url}"')
    for create in (2, 1, 2):
        running = loop.process("sync")
        before = len(proxy.requests)
        _wait(lambda before=before, create=create: _creates(proxy.requests[before:]) == create, running)  # type: ignore[misc]
        running.kill()
        running.wait()
        there = sum(names(loop.tryton, "Quarzwerk %").values())
        figures.append(f"killed with its create {create} under way, {there} of 500 parties there")
        assert there < 500, "it was not killed on the way"
    for _ in range(5):
        if loop.run("sync").code == 0:
            break
    proxy.close()
    found = names(loop.tryton, "Quarzwerk %")
    assert (len(found), set(found.values())) == (500, {1})
    loop.configure("accounts")
    assert loop.run("verify").code == 0
    assert loop.run("dead-letters", "list", "--json").data["dead_letters"] == []


def _creates(requests: Sequence[Request]) -> int:
    """How many batches of parties were sent."""
    return sum(b'"model.party.party.create"' in request.body for request in requests)


def _wait(reached: Any, running: Any) -> None:
    end = time.monotonic() + 120
    while not reached():
        assert running.poll() is None, "it ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.002)


# ------------------------------------------------------------------- nothing instead of an error (trap 2)


def test_a_company_the_user_may_not_see_is_refused_and_wipes_no_price(loop: Site) -> None:
    bolt = loop.crm.create("products", sku="B-1", name="Bolt", price="10.00", currency="EUR")
    loop.sync()
    loop.configure(company=99)
    checked = loop.run("check")
    assert checked.code == 1
    assert "company 99" in checked.text
    assert loop.run("sync").code != 0
    assert loop.crm.get("products", bolt)["price"] == "10.00"


class Stripping(BaseHTTPRequestHandler):
    """A way to Tryton that lets no header through it does not know; Tryton then knows of no company."""

    target = ""
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        passed = {name: self.headers[name] for name in ("authorization", "content-type") if self.headers[name]}
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(self.command, self.target + self.path, content=body, headers=passed)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST  # noqa: N815  (the standard library's name)

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@contextmanager
def stripped(tryton: Tryton) -> Iterator[str]:
    """Tryton's address behind such a way."""
    parts = urlsplit(tryton.url)
    handler = type("Handler", (Stripping,), {"target": f"{parts.scheme}://{parts.netloc}"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{parts.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_company_that_does_not_get_through_wipes_no_price(loop: Site) -> None:
    bolt = loop.crm.create("products", sku="B-1", name="Bolt", price="10.00", currency="EUR")
    loop.configure("products")
    loop.sync()
    with stripped(loop.tryton) as url:
        loop.configure("products", url=f'"{url}"')
        for words in (["sync"], ["sync", "--full"], ["plan"]):
            ended = loop.run(*words)
            assert ended.code not in (0, 2), ended.text
            assert "X-Tryton-Context" in ended.text
    assert loop.crm.get("products", bolt)["price"] == "10.00"
    loop.configure("products")
    loop.sync("--full")
    assert loop.run("verify").code == 0


# ------------------------------------------------------------------------- times that name no zone (trap 7)


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process in another time zone than Tryton, which is always in UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_times_are_read_as_utc_wherever_the_connector_runs(tryton: Tryton) -> None:
    adapter = build(place_of(tryton), tryton.url)
    before = time.time()
    write = Write(Op.CREATE, None, json.dumps({"name": "Of this moment"}).encode(), None, "token")
    (made,) = adapter.write("party.party", [write]).outcomes
    (shown,) = adapter.read("party.party", [made.key]).values()
    adapter.close()
    assert before - 5 < shown.modified.timestamp() < time.time() + 5
    assert before - 5 < shown.created.timestamp() < time.time() + 5


# ------------------------------------------------------------------- an external id is rarely unique (trap 9)


def test_two_parties_with_one_mark_are_both_found_for_tryton_takes_it_twice(seeded: Tryton) -> None:
    mark = [["create", [{"code": "connector:C-1"}]]]
    made = [{"name": name, "identifiers": mark} for name in ("One", "Two")]
    keys = Person(seeded).call("model.party.party.create", made)
    adapter = build(place_of(seeded), seeded.url)
    found = adapter.find("party.party", "external_id", ["C-1", "C-10"])
    adapter.close()
    assert sorted(int(record.key) for record in found) == keys


# ------------------------------------------------------------- deletes are refused as often as done (trap 10)


def test_a_party_out_of_use_in_tryton_stays_in_sight_and_is_not_deleted(loop: Site) -> None:
    buyer = loop.crm.create("companies", **company(1))
    loop.configure("accounts")
    loop.sync()
    person = Person(loop.tryton)
    (party,) = person.call("model.party.party.search", [["name", "=", "Quarzwerk 0001 GmbH"]])
    person.call("model.party.party.write", [party], {"active": False})
    loop.sync()
    assert loop.crm.get("companies", buyer)["status"] == "former"
    assert loop.sync("--full")["accounts"]["failed"] == 0
    assert loop.crm.get("companies", buyer)["name"] == "Quarzwerk 0001 GmbH"


def test_a_party_that_was_billed_is_not_deleted_and_the_refusal_waits_for_a_person(loop: Site) -> None:
    loop.configure("accounts", deletes="propagate")
    keys = {name: loop.crm.create("companies", **company(name)) for name in (1, 2)}
    loop.sync()
    person = Person(loop.tryton)
    (party,) = person.call("model.party.party.search", [["name", "=", "Quarzwerk 0001 GmbH"]])
    billed = {"party": party, "company": loop.tryton.facts["company"], "reference": "KEEP"}
    person.call("model.sale.sale.create", [billed])
    for key in keys.values():
        loop.crm.delete("companies", key)
    ended = loop.run("sync")
    assert ended.code == 4, ended.text
    assert names(loop.tryton, "Quarzwerk %") == {"Quarzwerk 0001 GmbH": 1}
    waiting = loop.run("dead-letters", "list", "--json").data["dead_letters"]
    waiting += loop.run("conflicts", "list", "--json").data["conflicts"]
    assert len(waiting) == 1
