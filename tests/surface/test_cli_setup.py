"""`setup`: says which fields a system lacks, and makes them where its kind can be given some."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connector.adapters.reference.adapter import ReferenceAdapter
from connector.app.core import App
from connector.app.demo import World
from connector.app.preparing import needs
from connector.cli.main import run
from connector.config.mappings import packaged
from connector.model.records import Finding
from connector.ports import Need

pytestmark = pytest.mark.xdist_group("cli setup")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as found:
        yield found


@pytest.fixture
def lacking(world: World) -> Iterator[World]:
    """The CRM's mapping of accounts names a field that the CRM does not have."""
    own = world.folder / "mappings" / "reference_crm"
    own.mkdir(parents=True)
    text = (packaged() / "reference_crm" / "account.yaml").read_text("utf-8").split("\ntests:")[0]
    (own / "account.yaml").write_text(text.replace("industry: industry", "industry: branch"), "utf-8")
    yield world
    (own / "account.yaml").unlink()
    own.rmdir()


def setup(world: World, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["setup", *words, "-c", str(world.config)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_where_nothing_is_missing_it_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup(world, capsys, "crm") == (0, "Every field that the mappings name is there in crm.\n")


def test_another_systems_name_is_refused(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = setup(world, capsys, "salesforce")
    assert code == 1
    assert "There is no system `salesforce`; there are: crm, erp." in text


def test_a_kind_that_takes_no_fields_is_named_with_what_it_lacks(
    lacking: World, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = setup(lacking, capsys, "crm")
    assert code == 1
    assert "companies.branch is not there" in text
    assert "make them there" in text


Asked = list[tuple[tuple[str, ...], bool]]


@pytest.fixture
def asked(lacking: World, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The CRM's kind can be given fields; what was asked of it."""
    found: Asked = []

    def prepare(adapter: ReferenceAdapter, wanted: Sequence[Need], *, make: bool) -> Sequence[Finding]:
        found.append((tuple(need.name for need in wanted), make))
        return [Finding(need.name, True, "made" if make else "can be made") for need in wanted]

    monkeypatch.setattr(ReferenceAdapter, "prepare", prepare, raising=False)
    return found


def test_without_an_answer_it_shows_what_it_could_make_and_makes_nothing(
    lacking: World, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = setup(lacking, capsys, "crm")
    assert code == 2
    assert "branch" in text
    assert "Nothing was made" in text
    assert asked == [(("branch",), False)]


def test_it_makes_what_is_missing_where_it_is_told_to(
    lacking: World, asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = setup(lacking, capsys, "crm", "--yes", "--json")
    found = json.loads(text)
    assert (code, found["ok"], found["made"]) == (0, True, True)
    assert [(need["need"]["object"], need["need"]["name"]) for need in found["needs"]] == [("companies", "branch")]
    assert asked == [(("branch",), False), (("branch",), True)]


def test_needs_say_type_choices_target_and_key(world: World) -> None:
    with App.open(Path(world.config)) as app:
        found = {(need.object, need.name): need for need in needs(app, "crm")}
    assert found["companies", "external_id"] == Need("companies", "external_id", "text", unique=True)
    assert found["companies", "credit_limit"].type == "money"
    assert found["companies", "status"] == Need("companies", "status", "enum", ("customer", "former"))
    assert found["contacts", "company_id"] == Need("contacts", "company_id", "ref", target="companies")
    assert found["deals", "lines.external_id"].unique
    assert found["deals", "lines.quantity"].type == "decimal"
    assert found["deals", "close_date"].type == "date"
    assert found["deals", "stage"].type == "text", "named by the filter alone"
    assert ("deals", "lines") not in found
