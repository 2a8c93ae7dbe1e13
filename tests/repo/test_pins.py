"""What is installed is what was tested: bounds in pyproject.toml, exact versions in constraints.txt."""

from __future__ import annotations

import re
import tomllib
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from .tree import ROOT

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)")


@cache
def _pins() -> dict[str, Version]:
    """Every line of constraints.txt; a line of another form fails."""
    pins: dict[str, Version] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        match = _PIN.fullmatch(line)
        assert match, f"not a pin: {line}"
        name = canonicalize_name(match.group(1))
        assert name not in pins, f"pinned twice: {line}"
        pins[name] = Version(match.group(2))
    return pins


def _declared() -> list[str]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = data["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values(), *data["dependency-groups"].values()]
    return sorted({line for group in lists for line in group} | set(data["build-system"]["requires"]))


@pytest.mark.parametrize("line", _declared())
def test_a_dependency_has_a_lower_bound(line: str) -> None:
    assert any(part.operator in (">=", "==", "~=") for part in Requirement(line).specifier)


@pytest.mark.parametrize("line", _declared())
def test_a_dependency_is_pinned_within_its_bounds(line: str) -> None:
    requirement = Requirement(line)
    assert requirement.specifier.contains(_pins()[canonicalize_name(requirement.name)])


def test_the_installer_is_pinned_and_knows_dependency_groups() -> None:
    assert _pins()["pip"] >= Version("25.3")


def test_systems_that_tests_install_are_pinned_too() -> None:
    files = sorted((ROOT / "tests" / "real").glob("*/constraints.txt"))
    assert files
    loose = [line for file in files for line in file.read_text().splitlines() if not _PIN.fullmatch(line)]
    assert not loose, "\n".join(loose)
