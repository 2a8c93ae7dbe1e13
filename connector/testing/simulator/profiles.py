"""What a simulation is played with: profiles (what both systems can do) and policies (what the syncs are told)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from connector.merge.guards import Limit, Limits
from connector.merge.rules import Drift, Flow
from connector.merge.rules import Policy as Rule
from connector.model.values import Side, Sides
from connector.ports import Capabilities
from connector.testing.world import FULL

NONE: Sides[float] = Sides(0.0, 0.0)
LAG = Sides(40.0, 200.0)
PATIENT = 3600.0
"""A `settle` four times as long as a lease."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What both systems can do, and what they are like.

    lag: seconds until a change shows in `changes`, `find` and `scan`, per side (reads by key show it at once); only
    where the feed declares `overlap`. skew: seconds a system's clock is ahead of ours. rounds: the systems keep
    something else than what was written: texts trimmed, amounts cut to cents. workflows: now and then the system
    changes a record some time after a write, as another user (`by` = "workflow"). stale: reads by key may answer an
    older version; only where versions sort. restores: the store may be replaced by an older copy of itself. very_late:
    a request may arrive later than the sync's `settle`. settle: see `SyncSpec`; longer than a lease, a process
    may be stopped for so long that another one takes over, and its request still is not too late.
    """

    name: str
    powers: Sides[Capabilities]
    lag: Sides[float] = NONE
    skew: Sides[float] = NONE
    rounds: bool = False
    workflows: bool = False
    stale: bool = False
    restores: bool = False
    very_late: bool = False
    settle: float = 900.0

    def may_double(self, side: Side) -> bool:
        """Whether a create of unknown outcome may come twice on that side: nothing there tells our record from others.

        Protocol section 3.2, last row.
        """
        can = self.powers[side]
        return can.external_key == "none" and not can.created_by and can.idempotency == 0.0

    def guards_writes(self, side: Side) -> bool:
        """Whether an edit between our last look and our write is safe on that side (I7)."""
        return self.powers[side].conditional_write


@dataclass(frozen=True, slots=True)
class Policy:
    """What the syncs are told: the rule of every unit, the direction, and what happens with deletes.

    functions: unit -> merge function. limits: of the guards. One-way syncs run from the right system to the left.
    """

    name: str
    rule: Rule = Rule.MANUAL
    flow: Flow = Flow.BOTH
    drift: Drift = Drift.RESTORE
    deletes: str = "propagate"
    functions: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def settings(self, unit: str) -> dict[str, Any]:
        """What a unit of that name is told, as fields of `merge.rules.Unit`."""
        told: dict[str, Any] = {"policy": self.rule, "initial": self.rule, "flow": self.flow, "drift": self.drift}
        if unit in self.functions:
            told |= {"function": self.functions[unit], "sealed": True}
        return told


def powers(letters: str) -> Capabilities:
    """Capabilities by letters: c conditional writes, u unique external key, i idempotency key, s marker and created-by.

    A missing letter is a missing power; `s` without `u` makes the external key searchable. Without `i` pages are small.
    """
    return replace(
        FULL,
        conditional_write="c" in letters,
        external_key="unique" if "u" in letters else "search" if "s" in letters else "none",
        idempotency=86400.0 if "i" in letters else 0.0,
        created_by="s" in letters,
        batch_read=50,
        batch_write=20,
        page=40 if "i" in letters else 4,
    )


def _named(letters: Iterable[str]) -> str:
    return "".join(letters)


def _squares() -> list[Profile]:
    """All sixteen combinations of the four powers, alike on both sides."""
    found = []
    for chosen in product((True, False), repeat=4):
        name = _named(letter if has else "-" for letter, has in zip("cuis", chosen, strict=True))
        stored = "u" in name or "s" in name
        settle = PATIENT if name in ("c--s", "---s", "----") else 900.0
        found.append(Profile(name, Sides(powers(name), powers(name)), stale=True, restores=stored, settle=settle))
    return found


RICH, POOR = powers("cuis"), powers("----")
OPAQUE = replace(RICH, versions="opaque", feed="overlap")
LAGGING = replace(RICH, feed="overlap", versions="sortable", page=4)
CREATOR = replace(powers("c--s"), external_key="none")
SMALL = replace(RICH, batch_read=2, batch_write=2, page=2)

_OTHERS = [
    Profile("rich-poor", Sides(RICH, POOR), stale=True),
    Profile("poor-rich", Sides(POOR, RICH), stale=True, settle=PATIENT),
    Profile("found-by-creator", Sides(*(CREATOR,) * 2), stale=True, settle=PATIENT),
    Profile("opaque", Sides(OPAQUE, OPAQUE), restores=True),
    Profile("opaque-loose", Sides(*(replace(OPAQUE, conditional_write=False, idempotency=0.0),) * 2)),
    Profile("lagging", Sides(LAGGING, LAGGING), lag=LAG, stale=True),
    Profile("no-delete-feed", Sides(*(replace(LAGGING, deletes="none"),) * 2), stale=True, restores=True),
    Profile("small", Sides(SMALL, replace(SMALL, concurrency=1)), stale=True, restores=True),
    Profile("numbers", Sides(*(replace(RICH, decimals="number"),) * 2), stale=True),
    Profile("skewed", Sides(RICH, powers("c--s")), skew=Sides(-400.0, 700.0), stale=True),
    Profile("rounding", Sides(RICH, RICH), rounds=True, workflows=True, stale=True, restores=True),
    Profile("very-late", Sides(*(powers("cui-"),) * 2), stale=True, very_late=True),
]

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (*_squares(), *_OTHERS)}


def may_be_very_late(can: Capabilities) -> bool:
    """Whether a create that arrives after `settle` does no harm there: it reaches the record that was made meanwhile.

    Protocol section 3.2.
    """
    return can.external_key == "unique" or can.idempotency > 0.0


TIGHT = Limits(creates=Limit(count=6), updates=Limit(count=3), deletes=Limit(count=2), shrank=Limit(count=1))
"""So small that a day with ten records meets them."""
_FUNCTIONS = {"notes": "union", "credit_limit": "add_changes"}

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("manual"),
        Policy("crm-wins", Rule.LEFT),
        Policy("erp-wins", Rule.RIGHT),
        Policy("newest", Rule.NEWEST),
        Policy("one-way-restore", flow=Flow.R2L, drift=Drift.RESTORE),
        Policy("one-way-ignore", flow=Flow.R2L, drift=Drift.IGNORE),
        Policy("one-way-report", flow=Flow.R2L, drift=Drift.REPORT),
        Policy("functions", functions=_FUNCTIONS),
        Policy("deletes-ignore", deletes="ignore"),
        Policy("deletes-archive", deletes="archive"),
        Policy("deletes-ask", Rule.LEFT, deletes="ask"),
        Policy("guarded", limits=TIGHT),
    )
}
