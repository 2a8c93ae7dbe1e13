"""What the scenarios of the crash matrix are written in: a scenario, the names of records, what a person does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.errors import RejectedError
from connector.model.entities import ENTITIES
from connector.model.records import Key
from connector.model.values import Side
from connector.testing.memory import MemorySystem
from connector.testing.samples import CORE
from connector.testing.world import World

NAMED_BY = {
    (Side.LEFT, "account"): "name",
    (Side.RIGHT, "account"): "title",
    (Side.LEFT, "product"): "sku",
    (Side.RIGHT, "product"): "code",
    (Side.LEFT, "order"): "name",
    (Side.RIGHT, "order"): "title",
    (Side.LEFT, "contact"): "last_name",
    (Side.RIGHT, "contact"): "family_name",
    (Side.LEFT, "invoice"): "number",
    (Side.RIGHT, "invoice"): "number",
    (Side.LEFT, "payment"): "number",
    (Side.RIGHT, "payment"): "number",
    (Side.LEFT, "balance"): "name",
    (Side.RIGHT, "balance"): "name",
}
"""The field that tells records apart to us. Nobody edits it."""
POISON = "Poison"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What people do; no crash changes the order of it.

    before: both systems are brought in step, with runs of its own; told whether these list all records. day: what
    happens then; told whether records may be created. after: edits made at rest, which show whether the base is right.
    plans: the first runs carry out a plan that was saved before `drift` happened. full: every run lists all records.
    creates: it cannot do without. entities: what is kept in step, parents first.
    """

    name: str
    before: Callable[[World, bool], None]
    day: Callable[[World, bool], None]
    after: Callable[[World], None]
    plans: bool = False
    drift: Callable[[World], None] = lambda world: None
    full: bool = False
    creates: bool = False
    entities: tuple[str, ...] = CORE


def system(world: World, side: Side) -> MemorySystem:
    return world.crm if side is Side.LEFT else world.erp


def owner(entity: str) -> str:
    """The entity whose records these are: a balance is projected onto an account."""
    return ENTITIES[entity].projects or entity


def shown(world: World, side: Side, entity: str) -> dict[Key, dict[str, Any]]:
    """Every live record of an entity on one side."""
    return system(world, side).live(world.specs[entity].systems[side].object)


def key_of(world: World, side: Side, entity: str, name: str) -> Key:
    """The live record of that name. Raises StopIteration where there is none."""
    field = NAMED_BY[side, entity]
    return next(key for key, fields in sorted(shown(world, side, entity).items()) if fields[field] == name)


def refuse_poison(world: World) -> None:
    """One title the ERP never takes. A copy of a world has no such rule: each is given it again."""
    error = RejectedError("erp: the title is not allowed")
    world.erp.reject_where(lambda fields: fields.get("title") == POISON, error)


def edit(world: World, side: Side, entity: str, name: str, **fields: Any) -> None:
    """A person changes the record of that name."""
    system(world, side).edit(world.specs[entity].systems[side].object, key_of(world, side, entity, name), **fields)
