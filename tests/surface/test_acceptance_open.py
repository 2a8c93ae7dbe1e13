"""What is open is told record by record: writes without a known outcome, and values two systems rewrite for ever."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from acceptance import EVERYTHING, SECRETS, Fields, Installation, company, customer, fill, installed

from connector.app.core import App
from connector.app.status import PAGE, OpenWrite, status, waiting
from connector.config.mappings import packaged
from connector.model.rows import HintRow, IntentRow, IntentState, JournalRow, LinkRow, LinkState
from connector.model.values import Side, maybe
from connector.state.vault import new_key
from connector.testing.driver import START, HandClock


def _lose(world: Installation, path: str, times: int | None = None) -> None:
    world.erp.switch(fault=[{"kind": "lost_answer", "path": path, "times": times}])


def test_status_names_the_oldest_open_writes_and_counts_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed(tmp_path) as world:
        left = fill(world.crm, "companies", [company(n) for n in range(8)])
        _lose(world, "*/batch/create")
        before = time.time()
        ended = world.run("sync")
        assert ended.code == 1
        assert "What became of 8 writes is not known yet: connector status" in ended.out
        assert "refused" not in ended.out
        (entry,) = world.json("status")["syncs"]
        assert entry["open_writes"] == len(entry["open"]) == 8
        assert {write["source"]["crm"] for write in entry["open"]} == set(left)
        for write in entry["open"]:
            assert (write["system"], write["op"], write["key"], write["state"]) == ("erp", "create", None, "sent")
            assert {"name", "tax_id", "phone"} <= set(write["fields"])
            assert before - 1 <= write["since"] <= time.time()
        ended = world.run("status")
        assert ended.code == 0
        shown = [line for line in ended.out.splitlines() if "create in erp" in line]
        assert len(shown) == 5
        assert all("from crm C-" in line and "no answer" in line for line in shown)
        assert "and 3 more open writes: connector status --json" in ended.out
        assert "8 open writes (" in ended.out
        assert "The next run finds out what became of them: connector sync" in ended.out
        for name, value in {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}.items():
            monkeypatch.setenv(name, value)
        rules = [line.strip() for line in world.on_terminal("status") if line.strip().startswith("─")]
        assert len(rules) == 2
        assert all(len(rule) <= 80 for rule in rules)
        world.erp.switch(fault=[])
        assert world.run("sync").code == 0
        assert world.json("status")["syncs"][0]["open"] == []
        assert "open write" not in world.run("status").out


def test_an_open_update_is_named_by_the_record_it_went_to_and_its_fields(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        (left,) = fill(world.crm, "companies", [company(0)])
        assert world.run("sync").code == 0
        (right,) = world.erp.all("customers")
        world.crm.edit("companies", left, phone="+49 30 1111111")
        _lose(world, "*/batch/update")
        assert world.run("sync").code == 1
        (write,) = world.json("status")["syncs"][0]["open"]
        assert write["since"] is not None
        del write["since"]
        assert write == {
            "system": "erp",
            "op": "update",
            "key": right,
            "source": {"crm": left},
            "fields": ["phone"],
            "state": "sent",
        }
        (line,) = [line for line in world.run("status").out.splitlines() if "update in erp" in line]
        assert [right, "phone", "no", "answer"] == line.split()[4:8]


# --------------------------------------------------------------------------------- without any system running


@pytest.fixture
def store_only(tmp_path: Path) -> Path:
    """A configuration of two systems nobody runs: status contacts none."""
    (tmp_path / "key").write_text(new_key() + "\n")
    config = tmp_path / "config.yaml"
    config.write_text(
        f'state: {{url: "sqlite:///{tmp_path}/state.db", key: "${{file:{tmp_path}/key}}"}}\n'
        'systems:\n  crm: {adapter: reference_crm, url: "http://127.0.0.1:9", auth: {token: t}}\n'
        '  erp: {adapter: reference_erp, url: "http://127.0.0.1:9", auth: {token: t}}\n'
        "syncs:\n  accounts: {entity: account, between: [crm, erp], match: [tax_id]}\n"
    )
    return config


def _intent(kind: str, link: int, state: IntentState, sent: float | None, op: str = "update") -> IntentRow:
    target = None if op == "create" else f"R{link}"
    fields = "" if op == "delete" else "phone,email"
    token = f"{link:08d}"
    return IntentRow(
        *(token, kind, link, Side.RIGHT, op, target, None, b"", b"", fields, "1", state, sent, sent),
    )


def test_open_writes_come_oldest_first_and_one_never_sent_is_as_old_as_its_plan(store_only: Path) -> None:
    with App.open(store_only, clock=HandClock(START)) as app:
        kind = app.kind(app.sync_config("accounts"))
        with app.store.begin() as tx:
            ids = list(tx.reserve_ids(5))
            half, rest = ids[0], ids[1:]
            tx.insert_links([LinkRow(half, kind, LinkState.HALF, maybe(f"L{half}", None))])
            tx.insert_links([LinkRow(i, kind, LinkState.LINKED, maybe(f"L{i}", f"R{i}")) for i in rest])
            tx.put_intents(
                [
                    _intent(kind, half, IntentState.PLANNED, None, "create"),
                    _intent(kind, rest[0], IntentState.SENT, START - 60),
                    _intent(kind, rest[1], IntentState.ACKED, START - 3600, "delete"),
                    _intent(kind, rest[2], IntentState.PLANNED, None),
                    _intent(kind, rest[3], IntentState.DONE, START - 9999),
                ]
            )
            tx.append_journal([JournalRow(START - 600, "run", kind, half, Side.RIGHT, None, "create", "create", "")])
        (found,) = status(app)
    assert [(write.op, write.state, write.since) for write in found.open] == [
        ("delete", "acked", START - 3600),
        ("create", "planned", START - 600),
        ("update", "sent", START - 60),
        ("update", "planned", None),
    ]
    assert found.open[0].fields == []
    assert found.open[1] == OpenWrite(
        "erp", "create", None, {"crm": f"L{half}"}, ["phone", "email"], "planned", START - 600
    )
    assert (found.open_writes, found.oldest.open_writes) == (4, START - 3600)


def test_more_open_writes_and_waiting_records_than_fit_a_page_are_all_told(store_only: Path) -> None:
    count = PAGE + 3
    with App.open(store_only, clock=HandClock(START)) as app:
        kind = app.kind(app.sync_config("accounts"))
        with app.store.begin() as tx:
            ids = list(tx.reserve_ids(count))
            tx.insert_links([LinkRow(i, kind, LinkState.LINKED, maybe(f"L{i}", f"R{i}")) for i in ids])
            tx.put_intents([_intent(kind, i, IntentState.SENT, START - n) for n, i in enumerate(ids)])
            hints = []
            for side in Side:
                for n in range(count):
                    due = START + (60 if n % 2 else -60)
                    hints.append(HintRow(kind, side, f"K{n:04d}", None, "waits", due, first=START - n - 1))
            tx.put_hints([*hints, HintRow("other", Side.LEFT, "K", None, "waits", 0.0, first=1.0)])
        (found,) = status(app)
    assert len({write.key for write in found.open}) == found.open_writes == count
    assert [write.since for write in found.open] == [START - n for n in reversed(range(count))]
    assert (found.hints, found.due) == (2 * count, 2 * ((count + 1) // 2))
    assert found.oldest.hints == START - count


# ------------------------------------------------------------------------------------------------ oscillation


def _shout(world: Installation, left: str, right: str) -> None:
    """What a rule of each vendor does after every write: one turns the name to capitals, the other to small letters."""
    name = world.crm.get("companies", left)["name"]
    if name != name.upper():
        world.crm.edit("companies", left, name=name.upper())
    name = world.erp.get("customers", right)["name"]
    if name != name.lower():
        world.erp.edit("customers", right, name=name.lower())


@pytest.mark.parametrize("take", ["crm", "erp"])
def test_a_value_both_systems_rewrite_for_ever_waits_and_a_person_settles_it(tmp_path: Path, take: str) -> None:
    with installed(tmp_path) as world:
        (left,) = fill(world.crm, "companies", [company(0, name="quarzwerk")])
        assert world.run("sync").code == 0
        (right,) = world.erp.all("customers")
        codes = []
        for _ in range(8):
            _shout(world, left, right)
            codes.append(world.run("sync").code)
        assert codes[-1] in (0, 4)
        assert 4 in codes
        (waiting_now,) = world.json("conflicts", "list")["conflicts"]
        assert (waiting_now["unit"], waiting_now["reason"]) == ("name", "oscillation")
        told = " ".join(world.run("conflicts", "list").out.split())
        assert "rewrite it" in told
        assert "both sides rewrite it again and again" in world.run("explain", "account", left).out
        shown: dict[str, Fields] = {
            "crm": world.crm.get("companies", left),
            "erp": world.erp.get("customers", right),
        }
        assert shown["crm"]["name"] != shown["erp"]["name"]
        ended = world.run("conflicts", "resolve", waiting_now["id"], "--take", take)
        assert ended.code == 0
        name = shown[take]["name"]
        assert (world.crm.get("companies", left)["name"], world.erp.get("customers", right)["name"]) == (name, name)
        assert world.json("conflicts", "list")["conflicts"] == []
        assert world.json("plan")["lines"] == []


def test_what_waits_for_a_person_is_counted(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        left = fill(world.crm, "companies", [company(0), company(1, currency=None)])[0]
        assert world.run("sync").code == 4
        (right,) = world.erp.all("customers")
        world.crm.edit("companies", left, phone="+49 30 1111111")
        world.erp.edit("customers", right, phone="+49 30 2222222")
        assert world.run("sync").code == 4
        with App.open(world.config) as app:
            found: Any = waiting(app, ["accounts"])
            assert found == waiting(app) == (1, 1)
        assert "1 conflict (connector conflicts list), 1 dead letter" in world.run("plan").out


def test_a_status_the_other_system_has_no_word_for_waits_and_verify_names_it(tmp_path: Path) -> None:
    with installed(tmp_path) as world:
        shutil.copytree(packaged() / "reference_crm", tmp_path / "mine")
        mapping = tmp_path / "mine" / "order.yaml"
        text = mapping.read_text(encoding="utf-8").replace(", cancelled: cancelled", "")
        mapping.write_text(text[: text.index("tests:")], encoding="utf-8")
        crm = f'url: "{world.crm.url}", auth: {{token: {SECRETS["connector"]}}}, mappings: "{tmp_path / "mine"}"'
        world.configure(EVERYTHING, crm=crm)
        buyer = world.erp.create("customers", **customer(1))
        item = world.erp.create("items", code="A", name="Bolt", price="2.50", currency="EUR")
        lines = [{"item": item, "quantity": "1", "price": "2.50"}]
        order = world.erp.create("orders", title="x", customer=buyer, currency="EUR", lines=lines)
        world.erp.edit("orders", order, state="cancelled")
        world.run("sync")
        (deal,) = world.crm.all("deals").values()
        assert deal["erp_status"] is None
        verified = world.run("verify")
        assert verified.code == 2, verified.text
        assert "`cancelled` has no counterpart here" in verified.text
