"""A package that is installed beside the program offers an adapter and its mappings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connector import adapters
from connector.config import mappings
from connector.errors import ConfigError

ROOT = Path(__file__).parents[3]
CODE = """
from pydantic import BaseModel
from connector.adapters import AdapterSpec

class Settings(BaseModel):
    url: str

ADAPTERS = {"box": AdapterSpec("box", Settings, lambda settings, system, clock: None, "A box.")}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package `connector_box` in it, as an installer leaves it."""
    package = tmp_path / "site" / "connector_box"
    (package / "mappings" / "box").mkdir(parents=True)
    (package / "__init__.py").write_text(CODE, encoding="utf-8")
    account = (ROOT / "mappings" / "reference_crm" / "account.yaml").read_text("utf-8")
    (package / "mappings" / "box" / "account.yaml").write_text(account, encoding="utf-8")
    info = package.parent / "connector_box-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: connector-box\nVersion: 1\n", encoding="utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    (lines,) = re.findall(r"```toml\n\[project\.entry-points\.\"(.+)\"\]\nbox = \"(.+)\"", readme)
    (info / "entry_points.txt").write_text("[{}]\nbox = {}\n".format(*lines), encoding="utf-8")
    return package.parent


def connector(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "BOX_URL": "http://box"}
    command = [sys.executable, "-m", "connector.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)


def test_its_adapter_can_be_chosen_and_its_mappings_are_used(site: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    made = connector(site, work, "init", "--crm", "box", "--erp", "reference_erp", "--crm-name", "box")
    assert made.returncode == 0, made.stderr
    assert "for account" in made.stdout
    text = (work / "config.yaml").read_text("utf-8")
    assert "adapter: box" in text


def test_a_mistake_in_its_mapping_is_named_by_its_package(site: Path, tmp_path: Path) -> None:
    file = site / "connector_box" / "mappings" / "box" / "account.yaml"
    file.write_text(file.read_text("utf-8") + "\nnonsense: 1\n", encoding="utf-8")
    work = tmp_path / "work"
    assert connector(site, work, "init", "--crm", "box", "--erp", "reference_erp", "--crm-name", "box").returncode == 0
    checked = connector(site, work, "check")
    assert checked.returncode != 0
    assert "connector_box/mappings/box/account.yaml:" in checked.stdout + checked.stderr


@pytest.fixture
def near(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "connector_box", raising=False)
    return site


@pytest.fixture(autouse=True)
def _forgotten() -> object:
    """What was found is remembered; here and afterwards it is looked for anew."""
    for remembered in (adapters.discover, mappings.offered):
        remembered.cache_clear()
    yield None
    sys.modules.pop("connector_box", None)
    for remembered in (adapters.discover, mappings.offered):
        remembered.cache_clear()


def test_a_package_that_cannot_be_used_is_named(near: Path) -> None:
    (near / "connector_box" / "__init__.py").write_text("import no_such_library", encoding="utf-8")
    with pytest.raises(ConfigError, match="the package connector_box cannot be loaded: No module named 'no_such_lib"):
        adapters.discover()


def test_a_package_that_is_half_gone_offers_no_mappings(near: Path, tmp_path: Path) -> None:
    (near / "connector_box" / "__init__.py").unlink()
    assert mappings.folders(tmp_path, "box")[:2] == [tmp_path / "mappings" / "box", mappings.packaged() / "box"]


def test_both_places_look_into_the_same_group() -> None:
    assert adapters.GROUP == mappings.GROUP
