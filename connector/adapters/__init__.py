"""Adapters, found by looking into this folder: a newcomer adds one folder and touches nothing else.

Each folder's `__init__` exports `ADAPTERS: dict[str, AdapterSpec]` and imports light: the library a system needs is
imported by the factory, not before.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from connector.errors import ConfigError
from connector.ports import Adapter, Clock


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
    """Every adapter of every folder, by name. Raises ConfigError when a folder cannot be used or two share a name."""
    found: dict[str, AdapterSpec] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            continue
        for name, spec in _offered(module.name).items():
            if name in found or name != spec.name:
                raise ConfigError(
                    f"adapters/{module.name}: the name `{name}` is taken or differs from its spec's name."
                )
            found[name] = spec
    return MappingProxyType(dict(sorted(found.items())))


def get(name: str) -> AdapterSpec:
    """The adapter of that name. Raises ConfigError with the nearest valid name."""
    known = discover()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f" - did you mean `{near[0]}`?" if near else f"; there are: {', '.join(known)}."
    raise ConfigError(f"There is no adapter `{name}`{hint}")


def _offered(folder: str) -> Mapping[str, AdapterSpec]:
    try:
        offered = importlib.import_module(f"{__name__}.{folder}").ADAPTERS
    except ImportError as error:
        raise ConfigError(f"adapters/{folder} cannot be loaded: {error}. Install what it needs.") from error
    except AttributeError as error:
        raise ConfigError(f"adapters/{folder} exports no ADAPTERS; see an existing adapter's __init__.") from error
    assert isinstance(offered, dict)
    return offered
