"""One sync as the engine needs it: compiled from configuration, mappings and the systems' own descriptions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.mapping.translate import Mapping
from connector.merge.guards import Limits
from connector.merge.rules import Flow, Policy, Unit
from connector.model.entities import Entity
from connector.model.values import SIDES, Side, Sides
from connector.ports import Capabilities


def kind_name(left: str, right: str, entity: str) -> str:
    """Under which name the store keeps the links of an entity between two systems."""
    return f"{left}/{right}/{entity}"


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """One side. principal: the name under which we write, as records show it; None when the system does not tell.

    deletable: whether its records of this kind can be deleted at all.
    """

    name: str
    object: str
    mapping: Mapping
    capabilities: Capabilities
    principal: str | None
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class Child:
    """Records that cannot be without one of ours: their object, and their field that refers to it, per side."""

    objects: Sides[str]
    fields: Sides[str | None]


@dataclass(frozen=True, slots=True)
class SyncSpec:
    """One entity between two systems.

    units: what merges, in layout order. creates: the sides on which records may be created. match: first-link rules,
    each a tuple of fields. deletes: ignore, archive, propagate or ask. settle: seconds after which an unknown outcome
    may be looked up; overlap: seconds a feed without exact cursor is read back. children: records without which this
    one is not deleted. margin: seconds within which `newest` is not decided. on_remap: policy for units that are read
    in another way than when both sides last agreed, or are new in the mapping, and do not agree; None: each unit's
    `initial`.
    """

    name: str
    entity: Entity
    systems: Sides[SystemSpec]
    units: tuple[Unit, ...]
    creates: frozenset[Side]
    match: tuple[tuple[str, ...], ...] = ()
    deletes: str = "ask"
    limits: Limits = field(default_factory=Limits)
    settle: float = 900.0
    margin: float = 60.0
    retention: float = 30 * 86400.0
    expected: int | None = None
    on_remap: Policy | None = None
    children: tuple[Child, ...] = ()

    @property
    def kind(self) -> str:
        return self.kind_of(self.entity.name)

    def kind_of(self, entity: str) -> str:
        """The store's name for another entity between the same two systems (references)."""
        return kind_name(self.systems.left.name, self.systems.right.name, entity)

    @property
    def names(self) -> Sides[str]:
        return self.systems.map(lambda system: system.name)

    def unit(self, name: str) -> Unit | None:
        return next((unit for unit in self.units if unit.name == name), None)

    @property
    def reach(self) -> str:
        """What takes part and where it may travel, as a short text: another one has to look at all records again."""
        filters = (system.mapping.spec.filter for system in self.systems)
        parts = [
            *(str(side) for side in SIDES if side in self.creates),
            *(f"{unit.name} {unit.flow}" for unit in self.units),
            *(found.text if found is not None else "" for found in filters),
            *("+".join(rule) for rule in self.match),
        ]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    @property
    def one_way(self) -> Flow:
        """The direction in which records may be created; BOTH when on both sides."""
        if len(self.creates) == 2:
            return Flow.BOTH
        if not self.creates:
            return Flow.NONE
        return Flow.L2R if Side.RIGHT in self.creates else Flow.R2L


def children_of(parent: str, others: Iterable[tuple[Entity, Sides[Mapping]]]) -> tuple[Child, ...]:
    """What requires a record of this entity, among the entities kept in step between the same two systems."""
    return tuple(
        _child(mappings, field.name)
        for entity, mappings in others
        for field in entity.fields.values()
        if field.ref == parent and field.required
    )


def _child(mappings: Sides[Mapping], reference: str) -> Child:
    fields = mappings.map(lambda mapping: mapping.source_of(reference))
    return Child(mappings.map(lambda mapping: mapping.object), fields)
