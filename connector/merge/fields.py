"""The field table: one unit, both sides against their bases, one verb.

| #  | base | cl cr  | agree | condition                          | verb                       |
|----|------|--------|-------|------------------------------------|----------------------------|
| 1  | yes  | 0 0    | any   |                                    | keep                       |
| 2  | yes  | any 1  | yes   |                                    | adopt                      |
| 3  | yes  | 1 0    | no    | two-way                            | write right                |
| 4  | yes  | 0 1    | no    | two-way                            | write left                 |
| 5  | yes  | 1 1    | no    | merge function applies             | merge                      |
| 6  | yes  | 1 1    | no    | left or right wins                 | write the loser's side     |
| 7  | yes  | 1 1    | no    | newest, and one is clearly newer   | as 6, else as 8            |
| 8  | yes  | 1 1    | no    | manual                             | conflict                   |
| 9  | yes  | cl     | no    | one way, left to right             | write right                |
| 10 | yes  | cr     | no    | one way; drift ignore/restore/report | adopt / write / conflict |
| 11 | none |        | yes   |                                    | adopt                      |
| 12 | none |        | no    | fill_empty and one side empty      | write the empty side       |
|    | none |        | no    | one way, drift ignore, source empty | adopt                     |
| 13 | none |        | no    | otherwise                          | one way: write; else 6-8   |
| 14 | any  |        | yes   | frozen                             | adopt, close the conflict  |
| 15 | any  |        | any   | frozen and resolved                | write the side not chosen  |
| 16 | any  |        |       | no image under the mapping         | hold                       |
| 17 | any  |        |       | reference to an unlinked record    | defer                      |
| 18 | any  |        |       | the same value there again and again | conflict                 |

Source: sync protocol, section 2.3. Rows 9 and 10 are mirrored for right to left. Two rows are ours: 0, a unit that may
not travel at all (computed) is kept; and 18, decided by `oscillation` over what `decide` says. Every row that
overwrites a value a person may have typed names the loser. A source of one way that is back at its base has changed
twice where its target shows what a write of unknown outcome was to bring: that is row 9, not 10.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.values import Side


class Verb(StrEnum):
    KEEP = "keep"
    ADOPT = "adopt"
    WRITE_LEFT = "write_left"
    WRITE_RIGHT = "write_right"
    MERGE = "merge"
    CONFLICT = "conflict"
    HOLD = "hold"
    DEFER = "defer"

    @property
    def target(self) -> Side | None:
        return {Verb.WRITE_LEFT: Side.LEFT, Verb.WRITE_RIGHT: Side.RIGHT}.get(self)

    @property
    def mirrored(self) -> Verb:
        return {Verb.WRITE_LEFT: Verb.WRITE_RIGHT, Verb.WRITE_RIGHT: Verb.WRITE_LEFT}.get(self, self)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one unit of one link.

    changed_*: differs from that side's base. agree: each side shows what the other would, under the mapping.
    empty_*: null, absent or blank. frozen: an open conflict; chosen: the side a person chose.
    newer: the side that is newer beyond doubt. mergeable: the unit's merge function gives a result.
    no_image / unlinked: writing to that side is impossible now (rows 16 and 17).
    doubted: sides whose base is what we wrote there, or what a person typed alike: nobody knows.
    brought: sides that show what a write of unknown outcome was to bring there.
    """

    has_base: bool
    changed_left: bool
    changed_right: bool
    agree: bool
    empty_left: bool = False
    empty_right: bool = False
    frozen: bool = False
    chosen: Side | None = None
    newer: Side | None = None
    mergeable: bool = False
    no_image: frozenset[Side] = frozenset()
    unlinked: frozenset[Side] = frozenset()
    doubted: frozenset[Side] = frozenset()
    brought: frozenset[Side] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """row: the line of the table that decided. loser: the side whose differing value is given up (journalled)."""

    verb: Verb
    row: int
    loser: Side | None = None
    closes: bool = False


def write(target: Side, row: int, loser: Side | None = None, *, closes: bool = False) -> Decision:
    verb = Verb.WRITE_LEFT if target is Side.LEFT else Verb.WRITE_RIGHT
    return Decision(verb, row, loser, closes)


def decide(unit: Unit, cell: Cell) -> Decision:
    """The verb for one unit. Total over all cells; `decide(mirror(x)) == mirror(decide(x))`."""
    decision = _choose(unit, cell)
    # While a reference leads to nothing known, nobody can say whether both sides differ.
    both = decision.verb is Verb.MERGE or (decision.verb is Verb.CONFLICT and bool(cell.unlinked))
    targets = (Side.LEFT, Side.RIGHT) if both else (decision.verb.target,)
    for target in targets:
        if target in cell.no_image and decision.verb is not Verb.CONFLICT:
            return Decision(Verb.HOLD, 16)
    for target in targets:
        if target in cell.unlinked:
            return Decision(Verb.DEFER, 17)
    return naming(decision, cell.doubted)


def naming(decision: Decision, doubted: Collection[Side]) -> Decision:
    """The decision; where it overwrites what may be a person's after all, that side is named as the loser."""
    target = decision.verb.target
    if decision.loser is not None or target is None or target not in doubted:
        return decision
    return replace(decision, loser=target)


def _choose(unit: Unit, cell: Cell) -> Decision:
    if unit.flow is Flow.NONE:
        return Decision(Verb.KEEP, 0)
    if cell.frozen:
        return _frozen(unit, cell)
    if not cell.has_base:
        return _without_base(unit, cell)
    if not (cell.changed_left or cell.changed_right):
        return Decision(Verb.KEEP, 1)
    if cell.agree:
        return Decision(Verb.ADOPT, 2)
    if unit.flow is not Flow.BOTH:
        return _one_way(unit, cell)
    if not cell.changed_right:
        return write(Side.RIGHT, 3)
    if not cell.changed_left:
        return write(Side.LEFT, 4)
    return _both_changed(unit, cell, unit.policy)


def _frozen(unit: Unit, cell: Cell) -> Decision:
    if cell.agree:
        return Decision(Verb.ADOPT, 14, closes=True)
    if cell.chosen is None:
        return Decision(Verb.CONFLICT, 8)
    target = cell.chosen.other
    if not unit.flow.allows(target):
        # A one-way target a person decided to keep: accept the pair as it is.
        return Decision(Verb.ADOPT, 15, closes=True)
    return write(target, 15, target, closes=True)


def _without_base(unit: Unit, cell: Cell) -> Decision:
    if cell.agree:
        return Decision(Verb.ADOPT, 11)
    if unit.fill_empty and cell.empty_left != cell.empty_right:
        empty = Side.LEFT if cell.empty_left else Side.RIGHT
        if unit.flow.allows(empty):
            return write(empty, 12)
    if unit.flow is not Flow.BOTH and unit.drift is Drift.IGNORE and _source_empty(unit, cell):
        # What the target has of its own is left alone, and there is nothing to put in its place.
        return Decision(Verb.ADOPT, 12)
    if unit.flow is Flow.L2R:
        return write(Side.RIGHT, 13, None if cell.empty_right else Side.RIGHT)
    if unit.flow is Flow.R2L:
        return write(Side.LEFT, 13, None if cell.empty_left else Side.LEFT)
    decision = _both_changed(unit, cell, unit.initial)
    return Decision(decision.verb, 13, decision.loser, decision.closes)


def _source_empty(unit: Unit, cell: Cell) -> bool:
    return cell.empty_left if unit.flow is Flow.L2R else cell.empty_right


def _one_way(unit: Unit, cell: Cell) -> Decision:
    target = Side.RIGHT if unit.flow is Flow.L2R else Side.LEFT
    source_changed = cell.changed_left if target is Side.RIGHT else cell.changed_right
    target_changed = cell.changed_right if target is Side.RIGHT else cell.changed_left
    if source_changed or target in cell.brought:
        # What the target shows was its source's, and may be there by our write: back at its base, that changed again.
        return write(target, 9, target if target_changed else None)
    if unit.drift is Drift.IGNORE:
        return Decision(Verb.ADOPT, 10)
    if unit.drift is Drift.RESTORE:
        return write(target, 10, target)
    return Decision(Verb.CONFLICT, 10)


def _both_changed(unit: Unit, cell: Cell, policy: Policy) -> Decision:
    if cell.mergeable:
        return Decision(Verb.MERGE, 5)
    if policy is Policy.LEFT:
        return write(Side.RIGHT, 6, Side.RIGHT)
    if policy is Policy.RIGHT:
        return write(Side.LEFT, 6, Side.LEFT)
    if policy is Policy.NEWEST and cell.newer is not None:
        return write(cell.newer.other, 7, cell.newer.other)
    return Decision(Verb.CONFLICT, 8)
