"""Rows the tests of the state store are made of."""

from __future__ import annotations

from connector.model.rows import (
    CandidateRow,
    ConflictRow,
    DeadRow,
    HintRow,
    IntentRow,
    IntentState,
    JournalRow,
    LinkRow,
    LinkState,
    RunRow,
)
from connector.model.values import Side, Sides

KIND = "crm/erp/account"
OTHER = "crm/erp/order"
LEFT, RIGHT = Side.LEFT, Side.RIGHT


def linked(id_: int, left: str | None = None, right: str | None = None, **changes: object) -> LinkRow:
    """A live link of L<id> and R<id>."""
    row = LinkRow(id_, KIND, LinkState.LINKED, Sides(left or f"L{id_}", right or f"R{id_}"), base=b"base")
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def half(id_: int, **changes: object) -> LinkRow:
    row = linked(id_, state=LinkState.HALF, base=None, **changes)
    row.keys = Sides(row.keys.left, None)
    return row


def hint(key: str, side: Side = LEFT, due: float = 1.0, **changes: object) -> HintRow:
    row = HintRow(KIND, side, key, None, "feed", due, first=5.0)
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def intent(token: str, link: int = 1, **changes: object) -> IntentRow:
    row = IntentRow(
        *(token, KIND, link, RIGHT, "update", "R1", None, b"body", b"context", "name", "v1", IntentState.PLANNED),
        epoch=3,
    )
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def conflict(unit: str, link: int = 1, **changes: object) -> ConflictRow:
    row = ConflictRow(link, unit, KIND, "both changed", Sides(b"l", b"r"), 10.0, body=b"sealed")
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def dead(key: str, side: Side = RIGHT, **changes: object) -> DeadRow:
    row = DeadRow(KIND, side, key, "update", "name is too long", "rejected", 10.0, 3, "v1", None, b"sealed")
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def line(event: str = "write", at: float = 1.0, **changes: object) -> JournalRow:
    row = JournalRow(at, "run1", KIND, 1, RIGHT, "R1", event, "accounts.name", "name", "detail", b"sealed")
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def candidate(key: str, *prints: bytes, side: Side = LEFT, **changes: object) -> CandidateRow:
    row = CandidateRow(KIND, side, key, "v1", tuple(prints))
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def run(id_: str, started: float = 1.0, **changes: object) -> RunRow:
    row = RunRow(id_, "accounts", KIND, started)
    for name, value in changes.items():
        setattr(row, name, value)
    return row
