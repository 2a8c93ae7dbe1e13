"""A saved plan: whole or refused, for this key only, and without a value in it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.app.core import App
from connector.app.plans import PlanWriter, load_plan
from connector.errors import ConfigError
from connector.model.plan import PlanLine
from connector.model.values import Side, Sides
from tests.unit.config.files import ACCOUNTS, ENV, HEAD, load

KEYS = [base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
LINES = [
    PlanLine("accounts", "create", Side.RIGHT, Sides("C-1", None), ("name",), "", "", "d1", "Secret Corp"),
    PlanLine(
        "accounts", "update", Side.LEFT, Sides("C-2", "K-2"), ("phone",), "syncs.accounts row 4", "", "d2", "Hush"
    ),
    PlanLine("accounts", "update", Side.RIGHT, Sides("C-2", "K-2"), ("fax",), "", "", "d3", "Hush"),
    PlanLine("accounts", "wait", None, Sides("C-3", None), (), "", "waits for Hush", "", "Hush"),
]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with App(load(tmp_path, HEAD + ACCOUNTS, {**ENV, "CONNECTOR_KEY": KEYS[0]})) as found:
        yield found


@pytest.fixture
def saved(app: App, tmp_path: Path) -> Path:
    path = tmp_path / "p.plan"
    with PlanWriter(path, app, ["accounts"]) as writer:
        for line in LINES:
            writer.add(line)
    return path


def test_a_plan_reads_back_as_keys_and_digests(app: App, saved: Path) -> None:
    plan = load_plan(saved)
    assert plan.wanted == {"accounts": {("C-1", None): {"d1"}, ("C-2", "K-2"): {"d2", "d3"}}}
    plan.check(app)


def test_no_name_and_no_reason_is_in_a_saved_plan(saved: Path) -> None:
    text = saved.read_text()
    assert "Secret" not in text
    assert "Hush" not in text


def test_a_plan_of_another_key_is_refused(app: App, saved: Path) -> None:
    other = App(replace(app.config, state=replace(app.config.state, key=KEYS[1])))
    with pytest.raises(ConfigError, match="another key"):
        load_plan(saved).check(other)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_plan_that_lost_lines_is_refused(saved: Path, cut: int) -> None:
    lines = saved.read_text().splitlines(keepends=True)
    saved.write_text("".join(lines[:-cut]))
    with pytest.raises(ConfigError, match="not whole"):
        load_plan(saved)


def test_a_plan_with_a_line_removed_from_its_middle_is_refused(saved: Path) -> None:
    lines = saved.read_text().splitlines(keepends=True)
    saved.write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(ConfigError, match="added or removed"):
        load_plan(saved)


@pytest.mark.parametrize(
    "text", ["", "{}", "hello", '{"connector_plan": 9, "created": "", "store": "", "syncs": []}\n']
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(ConfigError):
        load_plan(tmp_path / "x")


def test_a_plan_that_fails_half_way_leaves_no_file(app: App, tmp_path: Path) -> None:
    def broken() -> None:
        with PlanWriter(tmp_path / "q", app, []) as writer:
            writer.add(LINES[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
