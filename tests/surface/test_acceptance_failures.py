"""A system that is down, slow, strange or forbidding: one sentence, exit code 1, nothing half-written."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from acceptance import (
    ACCOUNTS,
    EVERYTHING,
    SECRETS,
    Fake,
    Installation,
    Server,
    answering,
    company,
    fill,
    installed,
    until,
)

from connector.clock import SystemClock

COMMANDS = (["plan"], ["sync"], ["verify"], ["check"])
PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Password?</body></html>"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three companies in step, and one that has not travelled yet."""
    with installed(tmp_path_factory.mktemp("failures"), EVERYTHING) as found:
        fill(found.crm, "companies", [company(n) for n in range(3)])
        assert found.run("sync").code == 0
        fill(found.crm, "companies", [company(3)])
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries take no time."""
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


CASES = {
    "wrong password": ("", "does not accept the credentials", "check `auth`"),
    "refused": ("", "cannot be reached (connection refused)", "is it running"),
    "silent": ("", "gave no answer (nothing for 0.1 s)", "is it running? A slow system needs a longer `timeout`"),
    "200 OK": ("text/html", "answered HTML instead of JSON", "is the address right?"),
    "404 Not Found": ("text/html", "answered 404 with HTML", "is the address right?"),
    "500 Internal Server Error": ("text/html", "failed with status 500", "run again later"),
    "302 Found": ("text/html", "answered 302 and points elsewhere", "use the final address"),
    "200 Fine": ("application/json", "answered something unreadable (not JSON)", "is the address right?"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_system_that_does_not_work_is_one_sentence_with_cause_and_next_step(world: Installation, case: str) -> None:
    kind, cause, step = CASES[case]
    token, seconds = SECRETS["connector"], 5.0
    with ExitStack() as stack:
        if case == "wrong password":
            url, token = world.erp.url, "s3cret-connector-tokem"
        elif case == "refused":
            url = f"http://127.0.0.1:{_free_port()}"
        elif case == "silent":
            url, seconds = stack.enter_context(Fake(None)).url, 0.1
        else:
            body = PAGE if kind == "text/html" else b'{"system": "erp", "objects'
            url = stack.enter_context(answering(case, body, kind)).url
        world.configure(ACCOUNTS, erp=f'url: "{url}", timeout: {seconds}, auth: {{token: {token}}}')
        before = (world.crm.versions("companies"), world.erp.versions("customers"))
        for words in COMMANDS:
            ended = world.run(*words)
            flat = " ".join(ended.text.split())
            assert ended.code == 1, words
            assert f"erp at {url}" in flat
            assert cause in flat
            assert step in flat
            assert token not in flat
            assert "Password?" not in flat
        assert (world.crm.versions("companies"), world.erp.versions("customers")) == before
    world.configure(EVERYTHING)


def test_a_system_that_never_answered_is_not_waited_for_by_every_sync(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(SystemClock, "sleep", lambda self, seconds: waited.append(seconds))
    token = SECRETS["connector"]
    world.configure(EVERYTHING, erp=f'url: "http://127.0.0.1:{_free_port()}", auth: {{token: {token}}}')
    ended = world.run("sync", "--json")
    assert ended.code == 1
    errors = [run["error"] for run in ended.data["runs"]]
    assert len(errors) == 7
    assert all("cannot be reached (connection refused)" in error for error in errors)
    assert sum(waited) < 10
    runs = world.run("runs", "--json").data["runs"][:7]
    assert {run["status"] for run in runs} == {"failed"}, "whoever looks at the runs sees that a system is down"
    assert len({run["sync"] for run in runs}) == 7
    assert all("cannot be reached" in run["detail"] for run in runs)
    shown = world.run("status").text
    assert shown.count("failed, ") == 7
    world.configure(EVERYTHING)


def test_a_connection_without_rights_is_told_which_and_writes_nothing(world: Installation) -> None:
    body = b'{"error": {"code": "forbidden", "message": "role reader: no access to customers"}}'
    with answering("403 Forbidden", body, "application/json") as fake:
        world.configure(ACCOUNTS, erp=f'url: "{fake.url}", auth: {{token: {SECRETS["connector"]}}}')
        for words in COMMANDS:
            ended = world.run(*words)
            flat = " ".join(ended.text.split())
            assert ended.code == 1
            assert (
                "denies this (status 403: role reader: no access to customers): give this connection the right" in flat
            )
    world.configure(EVERYTHING)


@pytest.mark.parametrize(
    ("kind", "after"), [("drop_before", 0), ("drop_before", 1), ("lost_answer", 0), ("status", 1), ("html", 1)]
)
def test_a_system_that_goes_down_within_a_run_loses_nothing_and_doubles_nothing(
    tmp_path: Path, kind: str, after: int
) -> None:
    """The ERP fails from the n-th write on; after repair one sync finishes everything."""
    with installed(tmp_path) as world:
        for start in (0, 150):
            fill(world.crm, "companies", [company(n) for n in range(start, start + 150)])
        world.erp.switch(fault=[{"kind": kind, "path": "*/batch/create", "after": after, "times": None}])
        first = world.run("sync")
        assert first.code == 1
        assert first.said.startswith(f"erp at {world.erp.url} ")
        assert first.said.count("\n") <= 2
        assert len(world.erp.all("customers")) in (0, 100, 150, 200, 250, 300)
        assert world.run("verify").code == 2
        world.erp.switch(fault=[])
        # A system that asked for a second gets it; whatever runs first after that finishes everything.
        assert until(lambda: world.run("sync").code == 0 and len(world.erp.all("customers")) >= 300, 10)
        names = [sorted(f["name"] for f in found.values()) for found in (world.crm.all("companies"), _customers(world))]
        assert names[0] == names[1]
        assert world.run("plan").code == 0
        assert world.run("verify").code == 0


def _customers(world: Installation) -> dict[str, Any]:
    return world.erp.all("customers")


def test_what_a_server_that_was_down_missed_arrives_when_it_is_back(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        keys = fill(world.crm, "companies", [company(n) for n in range(30)])
        assert world.run("sync").code == 0
        world.erp.stop()
        for key in keys[:5]:
            world.crm.edit("companies", key, website="https://later.example")
        down = world.run("sync")
        assert down.code == 1
        assert "cannot be reached" in down.said
        assert world.run("status").code == 0
        assert world.json("runs", "--limit", "1")["runs"][0]["status"] == "failed"
        forgetful = Server("erp", ":memory:")  # a restore that forgot everything
        try:
            world.configure(ACCOUNTS, erp=f'url: "{forgetful.url}", auth: {{token: {SECRETS["connector"]}}}')
            before = world.crm.versions("companies")
            assert world.run("sync").code in (1, 3, 4)
            assert forgetful.all("customers") == {}
            assert world.crm.versions("companies") == before
        finally:
            forgetful.stop()
