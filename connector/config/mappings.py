"""Finds and reads the mapping files of the systems used; a mistake in one is reported with those of config.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import connector
from connector.config.model import SystemConfig
from connector.errors import Problem
from connector.mapping.located import Place, parse_yaml
from connector.mapping.parse import read_mapping
from connector.mapping.translate import Mapping

_PACKAGE = Path(connector.__file__).parent
GROUP = "connector.adapters"
"""Entry points of packages that offer adapters, as adapters/__init__.py reads them."""


def packaged() -> Path:
    """The folder of the mappings that come with the program: inside a wheel, or beside the package in a work tree."""
    inside = _PACKAGE / "_mappings"
    return inside if inside.is_dir() else _PACKAGE.parent / "mappings"


@cache
def offered() -> tuple[Path, ...]:
    """The folder `mappings` of each package that offers adapters. Nothing of the package is loaded."""
    found = []
    for module in sorted({point.module for point in entry_points(group=GROUP)}):
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            continue  # discovery says what is wrong with it
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / "mappings")
    return tuple(found)


def folders(base: Path, adapter: str, own: Path | None = None) -> list[Path]:
    """Where mappings for an adapter are looked for, first to last. own: the folder a system names."""
    known = [base / "mappings", packaged(), *offered()]
    return [*([own] if own is not None else []), *(folder / adapter for folder in known)]


def shown(path: Path, base: Path) -> str:
    """A file as messages name it: short where it is near."""
    packages = ((folder.parent.parent, "") for folder in offered())
    for start, prefix in ((base, ""), (packaged(), "mappings/"), *packages):
        try:
            return prefix + str(path.relative_to(start))
        except ValueError:
            continue
    return str(path)


class MappingFiles:
    """Reads each file once. problems: every mistake found so far. base: the folder of config.yaml."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.problems: list[Problem] = []
        self._read: dict[Path, Mapping | None] = {}

    def find(self, system: SystemConfig, entity: str) -> Path | None:
        """The file that says how this system shows the entity."""
        places = (folder / f"{entity}.yaml" for folder in folders(self.base, system.adapter, system.mappings))
        return next((path for path in places if path.is_file()), None)

    def entities(self, adapter: str, own: Path | None = None) -> list[str]:
        """Every entity there is a mapping of."""
        return sorted({path.stem for folder in folders(self.base, adapter, own) for path in folder.glob("*.yaml")})

    def load(self, path: Path, entity: str) -> Mapping | None:
        """The mapping in a file, None when it cannot be used; its mistakes are in `problems` once."""
        if path not in self._read:
            self._read[path] = self._load(path, entity)
        return self._read[path]

    def _load(self, path: Path, entity: str) -> Mapping | None:
        name = shown(path, self.base)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not plain UTF-8 text"
            self.problems.append(Problem(name, 1, 1, str(reason).lower(), "a file that can be read"))
            return None
        document = parse_yaml(text, name)
        spec = read_mapping(document)
        if spec is not None and spec.entity.name != entity:
            place = document.reader().place("entity") if document.root is not None else Place(1, 1)
            document.problem(place, f"entity `{spec.entity.name}`", f"`{entity}`, as the file's name says")
            spec = None
        self.problems.extend(document.problems)
        return None if spec is None else Mapping(spec)


def sorted_problems(groups: Sequence[Sequence[Problem]]) -> list[Problem]:
    """Problems of several files, file by file, in file order."""
    return [problem for group in groups for problem in sorted(group, key=lambda p: (p.file, p.line, p.column))]
