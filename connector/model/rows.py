"""Rows of the state store: what is known between runs. No customer value in any of them but sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from connector.model.records import Key, Version
from connector.model.values import Side, Sides


class LinkState(StrEnum):
    HALF = "half"  # one side exists, a create for the other is open
    LINKED = "linked"
    HELD = "held"  # needs a person
    CLOSED = "closed"  # ended; ids are tombstones


@dataclass(slots=True)
class LinkRow:
    """Two keys known to be the same thing. `base`: packed fingerprints of both sides, laid out as `layout` says."""

    id: int
    kind: str
    state: LinkState
    keys: Sides[Key | None]
    gen: int = 0
    seen: Sides[Version | None] = field(default_factory=lambda: Sides(None, None))
    prints: Sides[bytes | None] = field(default_factory=lambda: Sides(None, None))
    layout: int = 0
    canon: int = 0
    base: bytes | None = None


class IntentState(StrEnum):
    PLANNED = "planned"
    SENT = "sent"
    ACKED = "acked"
    DONE = "done"
    STALE = "stale"
    DEAD = "dead"


@dataclass(slots=True)
class IntentRow:
    """Note of one write, stored before it is tried.

    token: idempotency key and primary key. body, context: sealed (body as sent; context: what settling needs, such as
    the source side's values and versions). fields: units the body writes. attempts: tries after the first that were
    refused; of a delete, 1 when its target was looked for and not found, at `sent`.
    """

    token: str
    kind: str
    link: int
    side: Side
    op: str
    target: Key | None
    external: str | None
    body: bytes
    context: bytes
    fields: str
    pre_version: Version | None
    state: IntentState
    first_sent: float | None = None
    sent: float | None = None
    epoch: int = 0
    attempts: int = 0


@dataclass(slots=True)
class HintRow:
    """Dirty mark: look at this key (again) from `due` on. waits: `entity/side/key` whose link releases it."""

    kind: str
    side: Side
    key: Key
    version: Version | None
    reason: str
    due: float
    attempts: int = 0
    waits: str | None = None
    first: float = 0.0


CHANGED_TWICE = "conflict"
OSCILLATION = "oscillation"
FROZEN = (CHANGED_TWICE, OSCILLATION)
"""Reasons for which a unit is not written until a person has chosen a side, or both sides agree."""
HELD = "held"
"""The reason of a unit that one side cannot hold; with a choice, what a person chose for it waits for that."""
WHY_FROZEN = {CHANGED_TWICE: "both sides changed it", OSCILLATION: "both sides rewrite it again and again"}


@dataclass(slots=True)
class ConflictRow:
    """One unit (field, group, `lines`, or `*` for the record) that waits for a person.

    reason: one of FROZEN, or another word or sentence. prints: fingerprints of both values when last seen. choice:
    None, or the side whose value a person chose, with the fingerprints it was chosen over. body: sealed detail (base
    values when kept).
    """

    link: int
    unit: str
    kind: str
    reason: str
    prints: Sides[bytes | None]
    since: float
    choice: Side | None = None
    body: bytes | None = None


@dataclass(slots=True)
class JournalRow:
    """One thing that was done or decided: append only. body: sealed values (pre-image, loser), removed by retention."""

    at: float
    run: str
    kind: str
    link: int | None
    side: Side | None
    key: Key | None
    event: str
    rule: str
    fields: str
    detail: str = ""
    body: bytes | None = None
    seq: int | None = None


@dataclass(slots=True)
class DeadRow:
    """A dead letter: an action parked with its reason. body: sealed."""

    kind: str
    side: Side
    key: Key
    op: str
    reason: str
    code: str
    since: float
    attempts: int
    version: Version | None = None
    link: int | None = None
    body: bytes | None = None
    id: int | None = None


@dataclass(slots=True)
class RunRow:
    """One execution of one sync. counts: JSON of read/created/updated/unchanged/skipped/held/failed and calls."""

    id: str
    sync: str
    kind: str
    started: float
    ended: float | None = None
    status: str = "running"
    counts: str = "{}"
    detail: str = ""


@dataclass(slots=True)
class CandidateRow:
    """An unlinked record of one side, with keyed prints of its match values, one per rule (b"" if empty)."""

    kind: str
    side: Side
    key: Key
    version: Version | None
    prints: tuple[bytes, ...]
    partner: Key | None = None
    own: bool = False
