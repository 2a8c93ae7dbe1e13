"""The mappings for Salesforce keep their own tests and the laws, and say what they leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.mapping.cases import run_tests
from connector.mapping.certify import certify
from connector.mapping.translate import load_mapping
from connector.model.entities import ENTITIES

FOLDER = Path(__file__).parents[4] / "mappings" / "salesforce"
FILES = sorted(FOLDER.rglob("*.yaml"))


def test_every_entity_is_mapped_and_orders_twice() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(ENTITIES)
    assert [path.stem for path in (FOLDER / "standard_orders").glob("*.yaml")] == ["order"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_mappings_own_tests_pass_and_no_law_is_broken(path: Path) -> None:
    mapping = load_mapping(path.read_text(encoding="utf-8"), path.name)
    assert len(mapping.spec.tests) >= 1
    assert run_tests(mapping) == []
    assert certify(mapping) == []
