"""The record table: the status of both sides of a link, one step.

| left \\ right | U | C | D | M | X |
|---|---|---|---|---|---|
| U | keep | merge | delete left | confirm right | wait |
| C | merge | merge | hold | confirm right | wait |
| D | delete right | hold | close | confirm right | wait |
| M | confirm left | confirm left | confirm left | confirm both | wait |
| X | wait | wait | wait | wait | wait |

Source: sync protocol, section 2.2. U equal to base, C differs, D deleted, M missing, X unknown. G (merged into another
id) closes the link as merged and never deletes the image; Z (alive again after a tombstone, or after we deleted the
other side) is held for a person.
"""

from __future__ import annotations

from enum import StrEnum

from connector.model.values import Side, Sides


class Status(StrEnum):
    UNCHANGED = "U"
    CHANGED = "C"
    DELETED = "D"
    MISSING = "M"
    UNKNOWN = "X"
    MERGED = "G"
    RESTORED = "Z"


class Step(StrEnum):
    KEEP = "keep"
    MERGE = "merge"
    DELETE_LEFT = "delete_left"
    DELETE_RIGHT = "delete_right"
    HOLD = "hold"
    CLOSE = "close"
    CONFIRM_LEFT = "confirm_left"
    CONFIRM_RIGHT = "confirm_right"
    CONFIRM_BOTH = "confirm_both"
    WAIT = "wait"
    MERGED = "merged"

    @property
    def target(self) -> Side | None:
        return {Step.DELETE_LEFT: Side.LEFT, Step.DELETE_RIGHT: Side.RIGHT}.get(self)


_U, _C, _D, _M = Status.UNCHANGED, Status.CHANGED, Status.DELETED, Status.MISSING

RECORD_TABLE: dict[tuple[Status, Status], Step] = {
    (_U, _U): Step.KEEP,
    (_U, _C): Step.MERGE,
    (_U, _D): Step.DELETE_LEFT,
    (_U, _M): Step.CONFIRM_RIGHT,
    (_C, _U): Step.MERGE,
    (_C, _C): Step.MERGE,
    (_C, _D): Step.HOLD,
    (_C, _M): Step.CONFIRM_RIGHT,
    (_D, _U): Step.DELETE_RIGHT,
    (_D, _C): Step.HOLD,
    (_D, _D): Step.CLOSE,
    (_D, _M): Step.CONFIRM_RIGHT,
    (_M, _U): Step.CONFIRM_LEFT,
    (_M, _C): Step.CONFIRM_LEFT,
    (_M, _D): Step.CONFIRM_LEFT,
    (_M, _M): Step.CONFIRM_BOTH,
}


def decide_record(status: Sides[Status]) -> Step:
    """The step for one link. Total: unknown waits before anything else, a merge closes, a restored record is held."""
    if Status.UNKNOWN in (status.left, status.right):
        return Step.WAIT
    if Status.MERGED in (status.left, status.right):
        return Step.MERGED
    if Status.RESTORED in (status.left, status.right):
        return Step.HOLD
    return RECORD_TABLE[status.left, status.right]
