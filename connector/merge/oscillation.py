"""The loop breaker: two systems that rewrite each other's value for ever are told from people who change their minds.

Our own writes of a unit are remembered for a while, as prints, with its base. The same value about to be written to
the same side a third time, with the value turned back in between, freezes the unit until a person decides. Turned back
means: we wrote the other side, too, or that side alone changed it (drift of a one-way unit). A person who only changes
one side to and fro causes writes in one direction, and is left alone. Source: sync protocol, sections 2.4 and 5 (I30).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.merge.base import Base, Written
from connector.merge.fields import Decision
from connector.model.values import Side

WINDOW = 24 * 3600
AGAIN = 2
KEPT = 16
DRIFT = 10
CHOSEN = 15


def oscillates(base: Base, unit: str, decision: Decision, values: Mapping[Side, bytes], now: float) -> bool:
    """Whether one of the writes repeats a loop. values: side -> print of what is about to be written there."""
    if not base.writes or decision.row == CHOSEN:
        return False
    recent = [write for write in base.writes if write.unit == unit and write.at > now - WINDOW]
    for side, value in values.items():
        left = side is Side.LEFT
        same = sum(write.left is left and write.value == value for write in recent)
        turned = decision.row == DRIFT or any(write.left is not left for write in recent)
        if same >= AGAIN and turned:
            return True
    return False


def note_writes(base: Base, side: Side, values: Mapping[str, bytes], now: float) -> None:
    """Remember what was written to a side: unit -> print. What is older than the window is forgotten."""
    recent = [write for write in base.writes if write.at > now - WINDOW]
    recent += [Written(unit, side is Side.LEFT, value, int(now)) for unit, value in sorted(values.items())]
    base.writes = recent[-KEPT:]


def forget_writes(base: Base, units: Iterable[str]) -> None:
    """A person decided, or both sides agree: what was written before counts no more."""
    gone = set(units)
    base.writes = [write for write in base.writes if write.unit not in gone]
