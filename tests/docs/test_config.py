"""The example configuration and every mapping file can be used as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from connector.adapters.reference import ReferenceSettings
from connector.config import load_config
from connector.config.model import FieldConfig, SyncConfig
from connector.errors import Problem
from connector.mapping.cases import run_tests
from connector.mapping.translate import load_mapping
from connector.merge.guards import Limits
from connector.rest.budget import Limits as BudgetLimits

from .pages import ROOT, name

EXAMPLE = ROOT / "config.example.yaml"
MAPPINGS = sorted((ROOT / "mappings").glob("*/*.yaml"))


class AnySecret(Mapping[str, str]):
    """An environment in which every variable is set."""

    def __getitem__(self, name: str) -> str:
        return "0123456789abcdef" * 4

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_example_configuration_has_no_problem(tmp_path: Path) -> None:
    from connector.app.core import settings_models

    secret = tmp_path / "secret"
    secret.write_text(AnySecret()["secret"])
    copy = tmp_path / "config.yaml"
    copy.write_text(re.sub(r"\$\{file:[^}]*\}", f"${{file:{secret}}}", EXAMPLE.read_text("utf-8")))
    config = load_config(copy, settings_models(), AnySecret())
    assert config.systems
    assert config.syncs


def _settings() -> list[str]:
    """Every name config.yaml may hold, from the code that reads it."""
    ours = {"adapter", "mappings", "budget", "policy", "max", "guards", "cron", "key", "url", "base"}
    shown = {"name", "place", "mappings", "limits", "entity_fields", "sealed", "settings"}
    found = {field.name for kind in (SyncConfig, FieldConfig, BudgetLimits) for field in fields(kind)} - shown
    found |= {field.name for field in fields(Limits)} | set(ReferenceSettings.model_fields) | ours
    return sorted(found)


@pytest.mark.parametrize("setting", _settings())
def test_the_example_shows_every_setting_with_a_comment(setting: str) -> None:
    lines = [line for line in EXAMPLE.read_text("utf-8").splitlines() if re.search(rf"\b{setting}:", line)]
    assert lines, f"`{setting}` is not in {EXAMPLE.name}"
    assert any("#" in line for line in lines), f"`{setting}` has no comment"


def test_there_are_mappings() -> None:
    assert MAPPINGS


@pytest.mark.parametrize("path", MAPPINGS, ids=name)
def test_a_mapping_loads_and_passes_its_own_tests(path: Path) -> None:
    mapping = load_mapping(path.read_text("utf-8"), name(path))
    problems: list[Problem] = run_tests(mapping)
    assert not problems, "\n".join(map(str, problems))
    assert mapping.spec.tests, "a mapping carries `tests:`"
    assert mapping.entity.name == path.stem
