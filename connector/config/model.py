"""The configuration as data. Names of systems are the person's own; nothing here shows a secret when printed."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from connector.mapping.translate import Mapping
from connector.merge.guards import Limits
from connector.merge.rules import Drift
from connector.model.entities import Entity
from connector.model.values import Sides
from connector.rest.budget import Limits as BudgetLimits

BOTH = "both"
MANUAL = "manual"
NEWEST = "newest"
DELETES = ("ignore", "archive", "propagate", "ask")


@dataclass(frozen=True, slots=True)
class StateConfig:
    """Where the state store is and the key it is kept under. A relative file is relative to config.yaml."""

    url: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """One configured application. settings: checked by the adapter's own model. place: `config.yaml:12:3`."""

    name: str
    adapter: str
    settings: BaseModel = field(repr=False)
    budget: BudgetLimits = field(default_factory=BudgetLimits)
    mappings: Path | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class FieldConfig:
    """What the file says about one field or group; None: nothing, the sync's own rule holds.

    owner, conflicts, initial: a system's name (conflicts, initial: or `manual`, `newest`).
    """

    name: str
    owner: str | None = None
    conflicts: str | None = None
    initial: str | None = None
    atomic: bool | None = None
    drift: Drift | None = None
    merge: str | None = None
    sealed: bool | None = None
    fill_empty: bool | None = None


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """One sync. entity: with the custom fields of both mappings. direction: `both`, or the system records come from.

    every: seconds; cron: set instead of it. place: where it stands in the file. on_remap: as `initial`, for fields that
    a changed mapping reads in another way; None: as `initial` says.
    """

    name: str
    entity: Entity
    between: Sides[str]
    mappings: Sides[Mapping]
    direction: str = BOTH
    every: float | None = 300.0
    cron: str | None = None
    match: tuple[tuple[str, ...], ...] = ()
    conflicts: str = MANUAL
    initial: str = MANUAL
    fields: Fields[str, FieldConfig] = field(default_factory=dict)
    deletes: str = "ask"
    limits: Limits = field(default_factory=Limits)
    settle: float = 900.0
    margin: float = 60.0
    place: str = ""
    on_remap: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        return (self.between.left, self.between.right)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. path: of config.yaml. files: every file read, for messages."""

    path: Path
    state: StateConfig
    systems: Fields[str, SystemConfig]
    syncs: Fields[str, SyncConfig]
