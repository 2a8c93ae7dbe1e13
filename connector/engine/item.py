"""One thing to decide on, and what is decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.mapping.translate import Decoded
from connector.merge.base import Base
from connector.merge.fields import Decision
from connector.merge.lines import LinesPlan
from connector.merge.records import Status, Step
from connector.merge.rules import Unit
from connector.model.records import Key, Record
from connector.model.rows import CHANGED_TWICE, ConflictRow, LinkRow
from connector.model.values import SIDES, Side, Sides, Value

Partners = Mapping[tuple[str, Side, Key], tuple[int, Key | None]]
"""Entity, side and key of a reference -> the link it leads to (through an alias, too), and the other side's key.

None where it has no other side: still half, or over.
"""


class UnlinkedError(Exception):
    """A reference whose target has no partner on the other side yet. `waits`: what would release it."""

    def __init__(self, waits: str) -> None:
        super().__init__(waits)
        self.waits = waits


@dataclass(slots=True)
class Item:
    """One thing to decide on: a link with what both sides show, or one unlinked record.

    fresh: the link is new in this run (records just matched) and not stored yet. rounds: how often it was written.
    """

    link: LinkRow | None
    records: Sides[Record | None]
    keys: Sides[Key | None]
    doubt: str | None = None
    own: bool = False
    fresh: bool = False
    rounds: int = 0
    decoded: dict[Side, Decoded] = field(default_factory=dict)
    encodings: dict[Side, dict[str, bytes]] = field(default_factory=dict)
    wholes: dict[Side, bytes] = field(default_factory=dict)
    conflicts: dict[str, ConflictRow] = field(default_factory=dict)

    @property
    def single(self) -> Side | None:
        """The only side that exists, for an unlinked record or a half link; None when both do."""
        if self.keys.left is None:
            return Side.RIGHT
        return Side.LEFT if self.keys.right is None else None


@dataclass(slots=True)
class UnitPlan:
    """What happens to one unit. values: what each written side gets, in that side's terms. waits: see HintRow.

    freezes: the reason of the row that a conflict makes.
    """

    unit: Unit
    decision: Decision
    values: dict[Side, dict[str, Value]] = field(default_factory=dict)
    lines: LinesPlan | None = None
    waits: str | None = None
    reason: str = ""
    freezes: str = CHANGED_TWICE


@dataclass(slots=True)
class ItemPlan:
    """What happens to one item: a step for the record, and where it merges, a plan per unit that is not kept.

    taken: a record of it was linked or shown newer since it was read; it is looked at again. told: nothing happened
    since a person was asked about it.
    """

    item: Item
    step: Step | None
    status: Sides[Status] | None
    base: Base
    units: list[UnitPlan] = field(default_factory=list)
    create: Side | None = None
    values: dict[str, Value] = field(default_factory=dict)
    waits: str | None = None
    reason: str = ""
    refused: bool = False
    taken: bool = False
    told: bool = False

    def targets(self) -> list[Side]:
        """Sides that get a write."""
        if self.create is not None:
            return [self.create]
        return [side for side in SIDES if any(side in plan.values for plan in self.units)]
