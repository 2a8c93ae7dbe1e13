"""Guards: checks on the whole plan before the first write. Each has a name, a number, a sentence and a way through."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import ceil

from connector.model.values import Side, Sides

FLOOR_DELETES = 25
FLOOR_CHANGED = 50


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of records, or a share of the linked ones."""

    count: int | None = None
    share: float | None = None

    def of(self, total: int, floor: int = 0) -> int:
        """The number allowed for `total` linked records; a share never allows less than `floor`."""
        if self.count is not None:
            return self.count
        assert self.share is not None
        return max(floor, ceil(self.share * total))

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Limits:
    """deletes: per side in 24 hours. updates: share of linked records written on one side by one run.

    shrank: share of linked records a full read no longer lists.
    """

    creates: Limit | None = None
    updates: Limit | None = field(default_factory=lambda: Limit(share=0.30))
    deletes: Limit | None = None
    shrank: Limit | None = field(default_factory=lambda: Limit(share=0.02))


@dataclass(frozen=True, slots=True)
class Totals:
    """What a plan wants, per side that would be written. vanished: linked records deleted or missing on that side."""

    linked: int
    creates: Sides[int]
    updates: Sides[int]
    deletes: Sides[int]
    vanished: Sides[int]
    deletes_today: int


@dataclass(frozen=True, slots=True)
class Stop:
    guard: str
    sentence: str


def check_guards(sync: str, names: Sides[str], limits: Limits, totals: Totals, allowed: Collection[str]) -> list[Stop]:
    """The guards this plan breaks; empty when it may go ahead. `allowed`: guards a person let through."""
    stops: list[Stop] = []

    def stop(guard: str, what: str) -> None:
        if guard not in allowed:
            stops.append(
                Stop(
                    guard,
                    f"{sync}: {what} Nothing was written. Look with `connector plan {sync}`; if it is right, "
                    f"run `connector sync {sync} --allow {guard}`, or raise `{guard}` in the configuration.",
                )
            )

    for side in (Side.LEFT, Side.RIGHT):
        name = names[side]
        if limits.creates is not None and totals.creates[side] > limits.creates.of(totals.linked):
            stop("creates", f"would create {totals.creates[side]} records in {name}, limit {limits.creates}.")
        if limits.updates is not None:
            most = limits.updates.of(totals.linked, FLOOR_CHANGED)
            if totals.updates[side] > most:
                stop(
                    "updates",
                    f"would change {totals.updates[side]} of {totals.linked} records in {name}, at most {most}.",
                )
        _deletes(side, name, limits, totals, stop)
    return stops


def _deletes(side: Side, name: str, limits: Limits, totals: Totals, stop: Callable[[str, str], None]) -> None:
    if limits.deletes is not None:
        most = limits.deletes.of(totals.linked)
    else:
        most = max(FLOOR_DELETES, ceil(0.01 * totals.linked))
    if totals.deletes[side] and totals.deletes[side] + totals.deletes_today > most:
        stop(
            "deletes",
            f"{totals.vanished[side.other]} of {totals.linked} records vanished from the other system; carrying that "
            f"over would remove {totals.deletes[side]} in {name} ({totals.deletes_today} already in 24 hours), "
            f"at most {most}.",
        )
