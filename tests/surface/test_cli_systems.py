"""The command line at work between the built-in CRM and ERP: exit codes, JSON, and what a person can do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.app.demo import World
from connector.cli.main import run

pytestmark = pytest.mark.xdist_group("cli systems")

Cli = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Both systems with their companies, in step."""
    with World() as found:
        found.seed()
        assert run(["sync", "-c", str(found.config), "--json"]) in (0, 4)
        yield found


@pytest.fixture
def cli(world: World, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command with --json: exit code and document."""

    def go(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*arguments, "-c", str(world.config), "--json"])
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else shown.err

    return go


def company(world: World, **fields: Any) -> tuple[str, str]:
    """A new company on both sides: its keys."""
    name = f"Company {len(world.crm.all('companies'))}"
    key = world.crm.create("companies", name=name, currency="EUR", **fields)
    assert run(["sync", "accounts", "-c", str(world.config)]) == 0
    (customer,) = world.erp.all("customers", name=name)
    return key, customer


def test_a_clean_pair_plans_nothing_syncs_nothing_and_verifies(cli: Cli) -> None:
    code, found = cli("plan")
    assert (code, found["lines"]) == (0, [])
    code, found = cli("sync")
    assert code == 0
    assert sum(sync["counts"]["created"] + sync["counts"]["updated"] for sync in found["runs"]) == 0
    code, found = cli("verify")
    assert (code, found["clean"], found["differences"]) == (0, True, [])


def test_check_finds_both_systems_fit_for_the_mappings(cli: Cli) -> None:
    code, found = cli("check")
    assert [finding for finding in found["findings"] if not finding["ok"]] == []
    assert code == 0


def test_a_plan_shows_a_change_and_writes_nothing(cli: Cli, world: World) -> None:
    key, customer = company(world)
    world.crm.change("companies", key, website="https://new.example")
    code, found = cli("plan", "accounts")
    assert code == 2
    (line,) = found["lines"]
    assert (line["action"], line["side"], line["left"], line["fields"]) == ("update", "right", key, ["website"])
    assert world.erp.get("customers", customer)["website"] is None
    assert cli("sync", "accounts")[0] == 0
    assert world.erp.get("customers", customer)["website"] == "https://new.example"


def test_apply_does_the_saved_plan_and_leaves_what_drifted(cli: Cli, world: World, tmp_path: Path) -> None:
    (kept, kept_customer), (moved, moved_customer) = company(world), company(world)
    for key in (kept, moved):
        world.crm.change("companies", key, fax="+49 30 1")
    file = tmp_path / "my.plan"
    assert cli("plan", "accounts", "--out", str(file))[0] == 2
    world.crm.change("companies", moved, fax="+49 30 2")
    code, found = cli("apply", str(file))
    assert code == 4
    assert [line["left"] for line in found["runs"][0]["drifted"]] == [moved]
    assert world.erp.get("customers", kept_customer)["fax"] == "+49 30 1"
    assert world.erp.get("customers", moved_customer)["fax"] is None
    assert cli("sync", "accounts")[0] == 0
    assert world.erp.get("customers", moved_customer)["fax"] == "+49 30 2"


@pytest.mark.parametrize("take", ["crm", "erp"])
def test_a_conflict_waits_alone_and_goes_as_a_person_says(cli: Cli, world: World, take: str) -> None:
    key, customer = company(world, email="old@x.example")
    world.crm.change("companies", key, email="crm@x.example", industry="Toys")
    world.erp.change("customers", customer, email="erp@x.example")
    assert cli("sync", "accounts")[0] == 4
    assert world.erp.get("customers", customer)["industry"] == "Toys"
    (conflict,) = cli("conflicts", "list")[1]["conflicts"]
    assert conflict["unit"] == "email"
    assert conflict["values"] == {"crm": {"email": "crm@x.example"}, "erp": {"email": "erp@x.example"}}
    why = cli("explain", "account", key, "email")[1]["stories"][0]["why"]
    assert any(f"conflicts resolve {conflict['id']}" in sentence for sentence in why)
    code, found = cli("conflicts", "resolve", conflict["id"], "--take", take)
    assert (code, found["resolved"][0]["open"]) == (0, False)
    values = {world.crm.get("companies", key)["email"], world.erp.get("customers", customer)["email"]}
    assert values == {f"{take}@x.example"}
    assert cli("conflicts", "list")[1]["conflicts"] == []


def test_a_value_changed_after_a_conflict_was_found_is_the_one_a_choice_takes(cli: Cli, world: World) -> None:
    key, customer = company(world, email="old@x.example")
    world.crm.change("companies", key, email="a@x.example")
    world.erp.change("customers", customer, email="b@x.example")
    assert cli("sync", "accounts")[0] == 4
    world.crm.change("companies", key, email="c@x.example")
    (conflict,) = cli("conflicts", "list", "accounts")[1]["conflicts"]
    assert cli("conflicts", "resolve", conflict["id"], "--take", "crm")[0] == 0
    assert world.erp.get("customers", customer)["email"] == "c@x.example"


def test_a_conflict_cannot_be_given_to_a_system_that_has_no_part_in_it(cli: Cli, world: World) -> None:
    key, customer = company(world)
    world.crm.change("companies", key, email="a@x.example")
    world.erp.change("customers", customer, email="b@x.example")
    cli("sync", "accounts")
    (conflict,) = cli("conflicts", "list", "accounts")[1]["conflicts"]
    code, err = cli("conflicts", "resolve", conflict["id"], "--take", "crn")
    assert code == 1
    assert "did you mean `crm`?" in err
    assert cli("conflicts", "resolve", conflict["id"], "--take", "crm")[0] == 0


def test_explain_tells_what_an_overwritten_field_held_and_by_which_rule(cli: Cli, world: World) -> None:
    key, customer = company(world, website="https://one.example")
    world.crm.change("companies", key, website="https://two.example")
    assert cli("sync", "accounts")[0] == 0
    (story,) = cli("explain", "account", customer, "website", "--system", "erp")[1]["stories"]
    update = next(event for event in story["events"] if event["event"] == "update")
    assert update["before"] == {"website": "https://one.example"}
    assert update["rule"].startswith("syncs.accounts.conflicts row 3")
    assert story["keys"] == {"crm": key, "erp": customer}


def test_explain_says_why_a_record_takes_no_part(cli: Cli, world: World) -> None:
    key, _ = company(world)
    deal = world.crm.create("deals", name="Maybe", company_id=key, stage="proposal", currency="EUR")
    (story,) = cli("explain", "order", deal)[1]["stories"]
    assert story["why"] == ["it takes no part: the mapping's filter leaves it out"]
    code, err = cli("explain", "order", "D-404")
    assert code == 1
    assert "No order `D-404` is known" in err


def test_a_refused_record_is_a_dead_letter_until_its_data_is_right(cli: Cli, world: World) -> None:
    key = world.crm.create("companies", name="No currency")  # the ERP demands one
    code, _ = cli("sync", "accounts")
    assert code == 4
    (letter,) = [entry for entry in cli("dead-letters", "list", "accounts")[1]["dead_letters"] if entry["key"] == key]
    assert "currency" in letter["reason"]
    number = str(letter["id"])
    code, found = cli("dead-letters", "retry", number)
    assert code == 4
    world.crm.change("companies", key, currency="EUR")
    (letter,) = [entry for entry in cli("dead-letters", "list", "accounts")[1]["dead_letters"] if entry["key"] == key]
    code, found = cli("dead-letters", "retry", str(letter["id"]))
    assert (code, found["runs"][0]["counts"]["created"]) == (0, 1)
    assert [f["name"] for f in world.erp.all("customers", name="No currency").values()] == ["No currency"]
    assert [e for e in cli("dead-letters", "list", "accounts")[1]["dead_letters"] if e["key"] == key] == []


def test_a_dropped_dead_letter_is_left_alone_until_the_record_changes(cli: Cli, world: World) -> None:
    key = world.crm.create("companies", name="Dropped")
    assert cli("sync", "accounts")[0] == 4
    (letter,) = [entry for entry in cli("dead-letters", "list", "accounts")[1]["dead_letters"] if entry["key"] == key]
    assert cli("dead-letters", "drop", str(letter["id"]))[0] == 0
    assert cli("sync", "accounts")[0] == 0
    world.crm.change("companies", key, currency="EUR")
    assert cli("sync", "accounts")[0] == 0
    assert len(world.erp.all("customers", name="Dropped")) == 1


def test_an_ended_link_leaves_both_records_alone(cli: Cli, world: World) -> None:
    key, customer = company(world)
    (link,) = cli("links", "list", "accounts", "--key", key)[1]["links"]
    assert link["keys"] == {"left": key, "right": customer}
    assert cli("links", "unlink", str(link["id"]), "--yes")[0] == 0
    world.crm.change("companies", key, website="https://alone.example")
    before = len(world.erp.all("customers"))
    assert cli("sync", "accounts")[0] == 0
    assert world.erp.get("customers", customer)["website"] is None
    assert len(world.erp.all("customers")) == before
    (story,) = cli("explain", "account", key)[1]["stories"]
    assert "the link was ended; the sync leaves both records alone" in story["why"]


def test_unlink_asks_first_and_does_nothing_without_an_answer(
    cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = company(world)
    (link,) = cli("links", "list", "accounts", "--key", key)[1]["links"]
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # a pipe is not a person
    code, err = cli("links", "unlink", str(link["id"]))
    assert code == 1
    assert "--yes" in err
    assert cli("links", "list", "accounts", "--key", key)[1]["links"][0]["state"] == "linked"


def test_a_guard_halts_before_the_first_write_and_can_be_let_through(cli: Cli, world: World) -> None:
    text = world.config.read_text()
    world.config.write_text(text.replace("    entity: account\n", "    entity: account\n    guards: {creates: 1}\n"))
    try:
        names = ["Guarded one", "Guarded two"]
        for name in names:
            world.crm.create("companies", name=name, currency="EUR")
        code, found = cli("sync", "accounts")
        assert code == 3
        assert found["runs"][0]["status"] == "halted"
        assert "--allow creates" in found["runs"][0]["error"]
        assert world.erp.all("customers", name=names[0]) == {}
        assert cli("runs", "accounts", "--limit", "1")[1]["runs"][0]["status"] == "halted"
        assert cli("sync", "accounts", "--allow", "creates")[0] == 0
        assert len(world.erp.all("customers", name=names[0])) == 1
    finally:
        world.config.write_text(text)


def test_first_link_goes_over_a_reviewed_file(cli: Cli, world: World, tmp_path: Path) -> None:
    """Names that are alike are only proposed; what a person says is done, and nothing is made twice."""
    crm, erp = world.crm, world.erp
    left = crm.create("companies", name="Twin Peaks Holding GmbH", currency="EUR")
    right = erp.create("customers", name="Twin Peaks Holdings GmbH", currency="EUR")
    other = erp.create("customers", name="Twin Peaks Holding Gmbh & Co", currency="EUR")
    file = tmp_path / "review.csv"
    code, found = cli("match", "accounts", "--out", str(file))
    pairs = {(c["left"], c["right"]): c["decision"] for c in found["candidates"]}
    assert (code, pairs[left, right]) == (0, "")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert "Twin" not in file.read_text()
    for row in rows:
        row["decision"] = {(left, right): "link", (left, other): "keep-apart"}.get((row["left"], row["right"]), "")
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    code, found = cli("match", "accounts", "--from", str(file))
    assert (code, found["linked"]) == (0, 1)
    before = len(crm.all("companies"))
    cli("sync", "accounts")
    assert len(crm.all("companies")) - before == (0 if (left, other) in pairs else 1)
    (link,) = cli("links", "list", "accounts", "--key", left)[1]["links"]
    assert (link["keys"]["right"], link["state"]) == (right, "linked")
    conflicts = [c["id"] for c in cli("conflicts", "list", "accounts")[1]["conflicts"]]
    assert cli("conflicts", "resolve", *conflicts, "--take", "crm")[0] == 0  # both kept their own name: a conflict


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("left,right\nC-1,K-1\n", "`decision`"),
        ("left,right,decision\nC-1,K-1,lnk\n", "did you mean `link`?"),
        ("left,right,decision\nC-1,,link\n", "both keys"),
        ("left,right,decision\nC-1,K-1,link\nC-1,K-2,link\n", "twice"),
        ("left;right;decision\nC-404;K-404;link\n", "C-404"),
    ],
)
def test_a_review_with_a_mistake_stores_nothing(cli: Cli, tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "review.csv"
    file.write_text(text)
    code, err = cli("match", "accounts", "--from", str(file))
    assert code == 1
    assert word in err


def test_status_counts_what_there_is(cli: Cli) -> None:
    code, found = cli("status")
    accounts = found["syncs"][0]
    assert (code, accounts["sync"], accounts["open_writes"]) == (0, "accounts", 0)
    assert accounts["links"]["linked"] >= 12


def test_tables_are_for_people_and_show_no_python(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["status"], ["runs"], ["plan"], ["conflicts", "list"], ["dead-letters", "list", "--labels"],
        ["links", "list", "accounts"], ["explain", "account", "C-1"], ["verify", "accounts"], ["match", "accounts"],
    ):  # fmt: skip
        assert run([*arguments, "-c", str(world.config)]) in (0, 2)
        out = capsys.readouterr().out
        assert out.strip()
        assert "<" not in out
        assert "Sides(" not in out


def test_migrate_moves_everything_and_proves_it(capsys: pytest.CaptureFixture[str]) -> None:
    with World() as world:
        world.seed()
        arguments = ["migrate", "--from", "crm", "--to", "erp", "--out", str(world.folder / "certificate.json")]
        code = run([*arguments, "-c", str(world.config), "--json"])
        found = json.loads(capsys.readouterr().out)
        assert len(world.erp.all("customers")) == 12
        assert len(world.crm.all("companies")) == 8  # nothing came back
        assert found["certificate"]["records"]["account"] == [8, 8]
        assert found["certificate"]["left_behind"]
        assert json.loads((world.folder / "certificate.json").read_text())["source"] == "crm"
        assert code == (0 if found["complete"] else 2)


@pytest.mark.slow
def test_the_closed_loop_of_the_demonstration_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--once"]) == 0
    out = capsys.readouterr().out
    assert "The loop is closed" in out
