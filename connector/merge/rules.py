"""What the configuration says about one unit: the smallest thing that merges (a field, an atomic group, `lines`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.model.values import Side


class Flow(StrEnum):
    """Where a unit may travel. NONE: compared, never written (computed totals)."""

    BOTH = "both"
    L2R = "l2r"
    R2L = "r2l"
    NONE = "none"

    def allows(self, target: Side) -> bool:
        return self is Flow.BOTH or self is (Flow.L2R if target is Side.RIGHT else Flow.R2L)

    @property
    def mirrored(self) -> Flow:
        return {Flow.L2R: Flow.R2L, Flow.R2L: Flow.L2R}.get(self, self)


class Policy(StrEnum):
    """What happens when both sides changed differently."""

    MANUAL = "manual"
    LEFT = "left"
    RIGHT = "right"
    NEWEST = "newest"

    @property
    def mirrored(self) -> Policy:
        return {Policy.LEFT: Policy.RIGHT, Policy.RIGHT: Policy.LEFT}.get(self, self)


class Drift(StrEnum):
    """What happens when only the target of a one-way unit changed."""

    IGNORE = "ignore"
    RESTORE = "restore"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit and its rule. fields: the canonical fields it is made of (several for an atomic group).

    function: name of a merge function, tried before the policy. initial: policy where there is no base yet.
    fill_empty: on first link an empty side takes the other's value. sealed: the base keeps the values, not only prints.
    source: where the rule was written, for `explain` ("syncs.accounts.fields.phone").
    """

    name: str
    fields: tuple[str, ...]
    flow: Flow = Flow.BOTH
    policy: Policy = Policy.MANUAL
    initial: Policy = Policy.MANUAL
    function: str | None = None
    fill_empty: bool = True
    drift: Drift = Drift.RESTORE
    sealed: bool = False
    source: str = "default"

    @property
    def is_lines(self) -> bool:
        return self.name == "lines"
