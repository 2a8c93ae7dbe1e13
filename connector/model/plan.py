"""What a plan shows, and what a run reports. Shown to people; a saved plan keeps keys and digests, no values."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from connector.model.records import Key
from connector.model.values import Side, Sides


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One intended action, conflict or hold.

    action: create, update, link, delete, retire, close, conflict, hold, wait, refuse, confirm. side: where it is
    written (None: nowhere). digest: fingerprint of exactly what would be written; equal digest, equal action.
    label: names the record to a person; never saved. rule: the line of configuration and row of the table that decided.
    """

    sync: str
    action: str
    side: Side | None
    keys: Sides[Key | None]
    fields: tuple[str, ...] = ()
    rule: str = ""
    reason: str = ""
    digest: str = ""
    label: str = ""


@dataclass(slots=True)
class Summary:
    """A plan in numbers. amounts: per currency, the sum of totals that creates would bring to each side.

    ended: records whose partner was deleted, for `deletes` to deal with. missing: linked records a full read did not
    find, and that may be deleted. Both count records a decision is due on, on their own side. first: updates that no
    guard counts: they only bring values where both sides never agreed before, or follow from what was counted.
    """

    sync: str
    linked: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    creates: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    updates: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    deletes: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    first: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    ended: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    missing: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    calls: Sides[int] = field(default_factory=lambda: Sides(0, 0))
    amounts: dict[str, Decimal] = field(default_factory=dict)
    writes: int = 0

    def count(self, action: str) -> None:
        self.actions[action] = self.actions.get(action, 0) + 1


@dataclass(slots=True)
class Report:
    """What a run did. status: planned, done, partly (something was held or parked), halted, failed.

    halted: of a plan, what each guard that would stop the run says. trouble: what kept writes from being done or known;
    the next run takes them up.
    """

    sync: str
    run: str
    status: str
    counts: dict[str, int]
    summary: Summary
    drifted: list[PlanLine] = field(default_factory=list)
    halted: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
