"""The command line without any system at hand: it answers at once, and every mistake is a sentence."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli.main import run

ROOT = Path(__file__).parents[2]
COMMANDS = [
    ["demo"], ["init"], ["check"], ["plan"], ["apply"], ["sync"], ["migrate"], ["verify"], ["match"], ["status"],
    ["runs"], ["explain"], ["reference"], ["mapping", "check"], ["conflicts", "list"], ["conflicts", "show"],
    ["conflicts", "resolve"], ["dead-letters", "list"], ["dead-letters", "retry"], ["dead-letters", "drop"],
    ["links", "list"], ["links", "unlink"],
]  # fmt: skip
WITHOUT_JSON = {"reference"}


def init(folder: Path, *more: str) -> int:
    crm_erp = ["--crm", "reference_crm", "--erp", "reference_erp"]
    return run(["init", *crm_erp, "-c", str(folder / "config.yaml"), *more])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A configuration for two systems that nobody listens for."""
    assert init(tmp_path) == 0
    for name, value in {"CRM_URL": "http://127.0.0.1:9", "ERP_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRM_TOKEN", "t0ken-crm")
    monkeypatch.setenv("ERP_TOKEN", "t0ken-erp")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_json(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert ("--json" in text) == (command[0] not in WITHOUT_JSON)


def test_help_loads_neither_database_nor_http_nor_web() -> None:
    code = (
        "import sys; from connector.cli.main import run; run(['--help']); heavy = "
        "('sqlalchemy', 'httpx', 'fastapi', 'pydantic', 'apscheduler', 'rapidfuzz'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["plan"], "connector init"),
        (["nonsense"], "nonsense"),
        (["plan", "--nonsense"], "--nonsense"),
        (["explain", "account"], "`connector explain --help`"),
        (["conflicts", "resolve", "1:phone"], "--take"),
        (["links", "unlink", "x"], "integer"),
        (["reference", "hub"], "hub"),
        (["mapping", "check", "none.yaml"], ""),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence_and_exit_code_1(
    arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 1
    shown = capsys.readouterr()
    assert word in shown.err
    assert "Traceback" not in shown.err + shown.out


def test_init_writes_a_configuration_that_loads_and_a_key_for_its_owner_only(folder: Path) -> None:
    assert stat.S_IMODE((folder / "connector.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "connector.key"]
    assert run(["status"]) == 0


def test_ctrl_c_ends_a_command_with_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("connector.app.status.status", interrupted)
    assert run(["status"]) == 130
    assert capsys.readouterr().err == "Stopped. What was begun is settled by the next run.\n"


def test_init_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert init(folder) == 1
    assert "is there already" in capsys.readouterr().err
    (folder / "config.yaml").unlink()
    assert init(folder) == 1
    assert (folder / "connector.key").read_bytes() == before["connector.key"]
    assert not (folder / "config.yaml").exists()


@pytest.mark.parametrize(
    "more", [["--crm-name", "a b"], ["--crm-name", "both"], ["--crm-name", "erp"], ["--crm", "sales"]]
)
def test_init_refuses_names_it_could_not_use(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path, *more) == 1
    assert more[1] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_every_problem_of_the_files_is_listed_and_nothing_is_contacted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("entity: contact", "entity: contakt").replace("sku", "skuu"))
    assert run(["sync"]) == 1
    err = capsys.readouterr().err
    assert "did you mean `contact`?" in err
    assert "did you mean `sku`?" in err
    assert not (folder / "connector.db").exists()


@pytest.mark.parametrize(
    "command", [["plan"], ["sync"], ["verify"], ["match", "accounts"], ["migrate", "--from", "crm", "--to", "erp"]]
)
def test_a_system_that_does_not_answer_is_one_sentence_without_its_token(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.clock.SystemClock.sleep", lambda self, seconds: None)
    assert run(command) == 1
    shown = capsys.readouterr()
    assert "127.0.0.1:9" in shown.err
    assert "Traceback" not in shown.err + shown.out
    assert "t0ken" not in shown.err + shown.out


def test_check_reports_every_system_even_when_none_answers(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.clock.SystemClock.sleep", lambda self, seconds: None)
    assert run(["check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    bad = {finding["subject"] for finding in found["findings"] if not finding["ok"]}
    assert bad == {"crm: connection", "erp: connection"}
    assert found["ok"] is False


def test_another_key_does_not_open_the_state(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 0
    (folder / "connector.key").unlink()
    (folder / "config.yaml").rename(folder / "old.yaml")
    assert init(folder) == 0
    capsys.readouterr()
    assert run(["status"]) == 1
    assert "key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (["sync", "acounts"], "did you mean `accounts`?"),
        (["sync", "--allow", "all"], "creates, updates"),
        (["explain", "acount", "1"], "did you mean `account`?"),
        (["explain", "account", "1", "fone"], "`account` has no field `fone`"),
        (["conflicts", "show", "1:phone"], "There is no conflict `1:phone`"),
        (["dead-letters", "retry", "7"], "There is no dead letter `7`"),
        (["dead-letters", "retry"], "--all"),
        (["links", "unlink", "7", "--yes"], "There is no link `7`"),
        (["apply", "none.plan"], "connector plan --out"),
        (["migrate", "--from", "crm", "--to", "hub"], "`crm` and `hub`"),
        (["runs", "nope"], "There is no sync `nope`"),
    ],
)
def test_a_name_that_does_not_exist_is_said_with_what_does(
    command: list[str], word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 1
    assert word in capsys.readouterr().err


def test_the_packaged_mappings_hold_their_tests_and_laws(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mapping", "check", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["findings"]) >= 14


def test_a_broken_mapping_is_listed_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "account.yaml"
    file.write_text("entity: account\nobject: c\nfields: {name: n}\ntests: [{given: {n: A}, expect: {name: B}}]\n")
    assert run(["mapping", "check", str(file), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["detail"].startswith(f"{file}:4:")
