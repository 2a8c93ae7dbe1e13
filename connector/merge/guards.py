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
    """deletes: records per side whose partner was deleted, in 24 hours, whatever the policy does with them.

    updates: share of linked records written on one side by one run. shrank: share of linked records a full read does
    not find although nothing says that they were deleted.
    """

    creates: Limit | None = None
    updates: Limit | None = field(default_factory=lambda: Limit(share=0.30))
    deletes: Limit | None = None
    shrank: Limit | None = field(default_factory=lambda: Limit(share=0.02))


@dataclass(frozen=True, slots=True)
class Totals:
    """What a plan wants, per side that would be written.

    deletes: records whose partner was deleted. missing: linked records of that side that a full read did not find.
    policy: the value of `deletes: policy`.
    """

    linked: int
    creates: Sides[int]
    updates: Sides[int]
    deletes: Sides[int]
    missing: Sides[int]
    deletes_today: int
    policy: str


@dataclass(frozen=True, slots=True)
class Stop:
    guard: str
    sentence: str


def check_guards(
    sync: str, names: Sides[str], limits: Limits, totals: Totals, allowed: Collection[str], *, late: bool = False
) -> list[Stop]:
    """The guards this plan breaks; empty when it may go ahead. `allowed`: guards a person let through.

    late: the run has written already; this is about what came up meanwhile.
    """
    stops: list[Stop] = []
    done = "None of that was carried over." if late else "Nothing of this plan was written."

    def stop(guard: str, what: str) -> None:
        if guard not in allowed:
            stops.append(
                Stop(
                    guard,
                    f"{sync}: {what} {done} Look with `connector plan {sync}`; if it is right, "
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
        _deletes(side, names, limits, totals, stop)
        _shrank(side, name, limits, totals, stop)
    return stops


_CARRIED = {
    "propagate": "remove {} in {}",
    "archive": "retire {} in {}",
    "ask": "put {} in {} before a person",
    "ignore": "end the links of {} in {}",
}


def _beside(side: Side, names: Sides[str], totals: Totals) -> str:
    other = totals.deletes[side.other]
    return f", {other} in {names[side.other]} beside" if other else ""


def _shrank(side: Side, name: str, limits: Limits, totals: Totals, stop: Callable[[str, str], None]) -> None:
    missing = totals.missing[side]
    if limits.shrank is not None and missing > (most := limits.shrank.of(totals.linked, FLOOR_DELETES)):
        stop(
            "shrank",
            f"{missing} of {totals.linked} linked records were not found in {name}, which does not say that they were "
            f"deleted; at most {most}. Does this connection still see all of them?",
        )


def _deletes(side: Side, names: Sides[str], limits: Limits, totals: Totals, stop: Callable[[str, str], None]) -> None:
    if limits.deletes is not None:
        most = limits.deletes.of(totals.linked)
    else:
        most = max(FLOOR_DELETES, ceil(0.01 * totals.linked))
    if totals.deletes[side] and sum(totals.deletes) + totals.deletes_today > most:
        stop(
            "deletes",
            f"{totals.deletes[side]} of {totals.linked} records were deleted in {names[side.other]}; carrying that "
            f"over would {_CARRIED[totals.policy].format(totals.deletes[side], names[side])} "
            f"({totals.deletes_today} already in 24 hours{_beside(side, names, totals)}), at most {most}.",
        )
