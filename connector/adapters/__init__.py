"""Adapters, found by looking into this folder: a newcomer adds one folder and touches nothing else.

Each folder's `__init__` exports `ADAPTERS: dict[str, AdapterSpec]` and imports light: the library a system needs is
imported by the factory, not before. A package of its own does the same and names itself in the entry point group
`connector.adapters`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from connector.errors import ConfigError
from connector.ports import Adapter, Clock

GROUP = "connector.adapters"
"""Entry points of packages that offer adapters; config/mappings.py looks for mappings beside them."""


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """What a folder offers under one name.

    settings: the keys of the system's entry in config.yaml, other than `adapter` and `budget`.
    factory: (settings, system name, clock) -> Adapter; opens no connection. Raises ConfigError.
    """

    name: str
    settings: type[BaseModel]
    factory: Callable[[Any, str, Clock], Adapter]
    summary: str = ""


@cache
def discover() -> Mapping[str, AdapterSpec]:
    """Every adapter of every folder and package. Raises ConfigError when one cannot be used or two share a name."""
    found: dict[str, AdapterSpec] = {}
    for where, module in _modules():
        for name, spec in _offered(where, module).items():
            if name in found or name != spec.name:
                raise ConfigError(f"{where}: the name `{name}` is taken or differs from its spec's name.")
            found[name] = spec
    return MappingProxyType(dict(sorted(found.items())))


def get(name: str) -> AdapterSpec:
    """The adapter of that name. Raises ConfigError with the nearest valid name."""
    known = discover()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = (
        f" - did you mean `{near[0]}`?"
        if near
        else f"; there are: {', '.join(known)}. README, Add an adapter, says where one goes."
    )
    raise ConfigError(f"There is no adapter `{name}`{hint}")


def _modules() -> Iterator[tuple[str, str]]:
    """Where an adapter may be, in words and as a module."""
    for folder in pkgutil.iter_modules(__path__):
        if folder.ispkg:
            yield f"adapters/{folder.name}", f"{__name__}.{folder.name}"
    for module in sorted({point.module for point in entry_points(group=GROUP)}):
        yield f"the package {module}", module


def _offered(where: str, module: str) -> Mapping[str, AdapterSpec]:
    try:
        offered = importlib.import_module(module).ADAPTERS
    except ImportError as error:
        raise ConfigError(f"{where} cannot be loaded: {error}. Install what it needs.") from error
    except AttributeError as error:
        raise ConfigError(f"{where} exports no ADAPTERS; see an existing adapter's __init__.") from error
    assert isinstance(offered, dict)
    return offered
