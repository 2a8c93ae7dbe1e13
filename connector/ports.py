"""The promises: Adapter, Store, Clock, and Capabilities. Everything the engine knows of the outside is on this page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Literal, Protocol

from connector.model.records import Finding, Hint, Key, Page, Record, Write, WriteResult
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

# --------------------------------------------------------------------------------------------- adapters


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a system can do on one object. What the engine may promise follows from these.

    conditional_write: a write carries the version it was based on and fails with StaleError when it moved.
    idempotency: seconds a repeated token answers with the first representation; 0 if never.
    external_key: `unique` - creating again with the same external key reaches the same record; `search` - it can be
        found by it; `none`.
    created_by: records tell who created them, and `find` accepts the pseudo field `created_by`.
    feed: `exact` - a cursor covers everything committed before it; `overlap` - changes may turn visible late.
    versions: `counter` - each write adds one; `sortable`; `opaque`.
    deletes: `feed` - deletes appear in `changes`; `none` - only a full read shows them.
    batch_read, batch_write, page: records per call. concurrency: calls at a time.
    granularity: seconds of the modified stamp. decimals: how amounts travel in bodies.
    """

    conditional_write: bool = False
    idempotency: float = 0.0
    external_key: Literal["unique", "search", "none"] = "none"
    created_by: bool = False
    feed: Literal["exact", "overlap"] = "overlap"
    versions: Literal["counter", "sortable", "opaque"] = "opaque"
    deletes: Literal["feed", "none"] = "none"
    batch_read: int = 100
    batch_write: int = 100
    page: int = 100
    concurrency: int = 1
    granularity: float = 1.0
    decimals: Literal["string", "number"] = "string"


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field as the live system describes it. `lines`: fields of each nested line, if it is a list of lines."""

    name: str
    type: str
    required: bool = False
    writable: bool = True
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    lines: Mapping[str, FieldSchema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object (table, resource) of a system."""

    name: str
    fields: Mapping[str, FieldSchema]
    capabilities: Capabilities
    creatable: bool = True
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class Description:
    """principal: the name under which this connection writes, as records show it."""

    objects: Mapping[str, ObjectSchema]
    principal: str | None
    server_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    headers: Mapping[str, str]
    body: bytes


class Adapter(Protocol):
    """Speaks to one kind of system. Blocking, thread-safe, raises only errors of `connector.errors`.

    A call either returns or raises; a raise other than UncertainError promises that nothing was written.
    """

    def describe(self) -> Description:
        """Live schema and capabilities of every object this connection can see."""

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """What changed since the cursor, oldest first, deletes and merges included where the system tells.

        None starts at the beginning: every live record is returned. A record changed during the pass may come twice,
        an unchanged one is never missed. An expired cursor raises NotFoundError: read everything again.
        """

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """Every live record, by key order, page by page."""

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        """These records, fresh. Deleted and merged ones say so where the system knows; unknown keys are left out.

        Takes any number of keys and makes ceil(n / batch_read) calls.
        """

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        """Every live record whose field holds one of the values. `created_by` is a field where capabilities say so."""

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """One call: at most `batch_write` writes of one Op, no two on one record; one outcome per write, in order.

        Raises UncertainError when the request was sent and no usable answer came; other errors: nothing was written.
        """

    def check(self) -> Sequence[Finding]:
        """Credentials, rights and reachability, one finding each; never raises for what it can report."""

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        """The keys a webhook names. Raises DeniedError when the signature is missing, wrong or too old."""


# ------------------------------------------------------------------------------------------------- store


class Tx(Protocol):
    """One transaction. Every method is set-based: it makes a bounded number of statements for any number of rows."""

    # links
    def reserve_ids(self, count: int) -> range:
        """That many link ids, never handed out before."""

    def links_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, LinkRow]:
        """Links of these keys, reached through an alias too; keys without a link are left out. Base included."""

    def links_by_id(self, ids: Collection[int]) -> dict[int, LinkRow]: ...

    def partners(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, tuple[int, Key | None]]:
        """Link id and the other side's key (None while half) of live links only. For references; base not read."""

    def insert_links(self, rows: Sequence[LinkRow]) -> None:
        """Raises ImpossibleState when an id is already linked: the database forbids it."""

    def update_links(self, rows: Sequence[LinkRow]) -> None:
        """Write state, keys, gen, seen, prints, layout, canon and base of existing links. `seen` only grows
        where the caller passes versions that sort; the store keeps the greater of old and new."""

    def drop_links(self, ids: Collection[int]) -> None:
        """Forget these half links, as if they had never been: their creates are known not to have happened.

        A link in another state, or one that an intent or a conflict still names, raises ImpossibleState.
        """

    def page_links(self, kind: str, after: int, limit: int, states: Collection[LinkState]) -> list[LinkRow]: ...

    def count_links(self, kind: str) -> dict[LinkState, int]: ...

    def add_aliases(self, kind: str, side: Side, aliases: Mapping[Key, int]) -> None: ...

    def aliases_of(self, kind: str, links: Collection[int]) -> list[tuple[Side, Key, int]]:
        """Keys that lead to these links without being their own."""

    def layout(self, kind: str, units: Sequence[str]) -> int:
        """Number of this order of units for the kind, registered on first use."""

    def layouts(self, kind: str) -> dict[int, tuple[str, ...]]: ...

    # tombstones
    def add_tombstones(self, kind: str, side: Side, keys: Collection[Key], at: float) -> None: ...

    def tombstones(self, kind: str, side: Side, keys: Collection[Key]) -> set[Key]: ...

    def count_deletes(self, kind: str, since: float) -> int:
        """Deletes sent for the kind since that time (journal)."""

    # cursors
    def cursor(self, kind: str, side: Side, feed: str = "changes") -> str | None: ...

    def set_cursor(self, kind: str, side: Side, value: str | None, feed: str = "changes") -> None: ...

    # hints
    def put_hints(self, rows: Sequence[HintRow]) -> None:
        """Insert or replace by (kind, side, key); the first-seen time and attempts of an existing row are kept when
        the new row carries zero."""

    def due_hints(self, kind: str, now: float, after: tuple[str, str], limit: int) -> list[HintRow]:
        """Due hints ordered by (side, key), strictly after the pair given (("", "") to start)."""

    def drop_hints(self, kind: str, side: Side, keys: Collection[Key], read: float = inf, now: float = inf) -> None:
        """These keys were looked at. Hints due after `read` and up to `now` stay: they came after that look."""

    def release_hints(self, waits: Collection[str]) -> int:
        """Make hints that wait for one of these due now; how many."""

    def hints(self, kind: str | None = None) -> list[HintRow]: ...

    # intents
    def put_intents(self, rows: Sequence[IntentRow]) -> None: ...

    def mark_intents(
        self, tokens: Collection[str], state: IntentState, at: float | None = None, *, refused: bool = False
    ) -> None:
        """SENT needs `at`: it sets the sending times. refused: that try was, which counts one attempt."""

    def drop_intents(self, tokens: Collection[str]) -> None:
        """Settled: body and context are gone with the row."""

    def open_intents(self, kind: str, after: str, limit: int) -> list[IntentRow]: ...

    def count_intents(self, kind: str | None = None) -> dict[IntentState, int]: ...

    # conflicts, dead letters, journal
    def put_conflicts(self, rows: Sequence[ConflictRow]) -> None:
        """By (link, unit); `since` of an existing row is kept."""

    def drop_conflicts(self, pairs: Collection[tuple[int, str]]) -> None: ...

    def conflicts(self, kind: str | None = None, links: Collection[int] | None = None) -> list[ConflictRow]: ...

    def choose(self, link: int, unit: str, choice: Side) -> bool: ...

    def put_dead(self, rows: Sequence[DeadRow]) -> None:
        """By (kind, side, key): replaces, keeps `since`, adds attempts."""

    def drop_dead(self, kind: str, side: Side, keys: Collection[Key]) -> None: ...

    def dead(self, kind: str | None = None) -> list[DeadRow]: ...

    def dead_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, DeadRow]: ...

    def append_journal(self, rows: Sequence[JournalRow]) -> None: ...

    def journal(
        self, kind: str | None = None, link: int | None = None, run: str | None = None, limit: int = 200
    ) -> list[JournalRow]:
        """Newest first."""

    def expire_bodies(self, before: float) -> int:
        """Remove the sealed bodies of journal rows older than that; how many."""

    # candidates for first link
    def put_candidates(self, rows: Sequence[CandidateRow]) -> None: ...

    def drop_candidates(self, kind: str, side: Side, keys: Collection[Key]) -> None: ...

    def candidates(self, kind: str, side: Side, rule: int, prints: Collection[bytes]) -> list[CandidateRow]:
        """Known unlinked records of that side whose print of match rule number `rule` is one of these."""

    def candidates_by_partner(self, kind: str, side: Side, partners: Collection[Key]) -> list[CandidateRow]: ...

    def candidates_by_key(self, kind: str, side: Side, keys: Collection[Key]) -> dict[Key, CandidateRow]: ...

    def page_candidates(self, kind: str, side: Side, after: Key, limit: int) -> list[CandidateRow]: ...

    # runs and lease
    def put_run(self, row: RunRow) -> None: ...

    def runs(self, sync: str | None = None, limit: int = 50) -> list[RunRow]: ...

    def add_inbox(self, side: str, event: str, body: bytes, at: float) -> bool:
        """Keep a raw webhook body (sealed); False when this event id is already there."""

    def take_lease(self, name: str, owner: str, now: float, seconds: float) -> int | None:
        """The lease's epoch if it was free, expired or ours; None while another owner holds it."""

    def drop_lease(self, name: str, owner: str) -> None: ...

    def end_lease(self, name: str) -> None:
        """Free it, whoever holds it: for callers who know that the holder has ended."""


class Store(Protocol):
    """The state store. `begin` opens one write transaction; leaving the block commits, an exception rolls back."""

    def begin(self, *, durable: bool = True) -> AbstractContextManager[Tx]:
        """durable False: the commit may be lost in a power cut (never in a process crash)."""

    def look(self) -> AbstractContextManager[Tx]:
        """A read-only transaction."""

    def close(self) -> None: ...


class Vault(Protocol):
    """Fingerprints and seals under the installation's key, which lives outside the store."""

    def print(self, data: bytes, link: int, person: bytes) -> bytes:
        """Keyed BLAKE2b, 8 bytes; salt = link id, person = field and side (16 bytes at most)."""

    def token(self, *parts: bytes) -> str:
        """Keyed BLAKE2b-160, hex."""

    def seal(self, data: bytes, purpose: bytes) -> bytes: ...

    def open(self, sealed: bytes, purpose: bytes) -> bytes: ...


@dataclass(slots=True)
class Found:
    """One unlinked record on its way through a run. mate: the other side's record it was matched with."""

    seq: int
    record: Record
    own: bool = False
    partner: Key | None = None
    doubt: str | None = None


class Spool(Protocol):
    """Scratch space of one run: the records read, sealed under a key that dies with the process. Flat in memory."""

    def add_linked(
        self,
        side: Side,
        rows: Sequence[tuple[int, Record | None, Key]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        """(link id, record or None when the system does not know the key, key). A later row replaces an earlier;
        replacing False: leaves what is there. sorts: of two records the greater version stays, whenever it came. Where
        versions do not tell, one that was merged away stays in either case, and replaces: it does not come back."""

    def add_unlinked(
        self,
        side: Side,
        rows: Sequence[tuple[Record, bool, Key | None]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        """(record, made by us, partner key it carries). replacing, sorts: as for linked ones; what stands for a record
        that was not found (no version) never stays."""

    def add_prints(self, rows: Sequence[tuple[int, tuple[bytes, ...]]]) -> None:
        """Match prints of unlinked records, one per rule, by the records' numbers."""

    def lonely(self, after: int, limit: int) -> list[tuple[int, Side, Key]]:
        """Links of which only one side is here: (link, the side that is here, its key), by link id."""

    def linked(self, after: int, limit: int) -> list[tuple[int, Sides[tuple[Key, Record | None] | None]]]:
        """Links with what is here of both sides, by link id."""

    def match(self, rule: int) -> None:
        """Mate unlinked records whose print of this rule is equal and occurs once on each side; where it occurs more
        often, mark all of them doubtful. Empty prints never match."""

    def match_partners(self) -> None:
        """Mate records made by us with the unlinked record whose key they carry; doubt one that several carry."""

    def pairs(self, after: int, limit: int) -> list[tuple[Found, Found]]:
        """Mated records (left, right), by the left one's number."""

    def singles(self, side: Side, after: int, limit: int) -> list[Found]:
        """Unlinked records without a mate, by number."""

    def promote(self, side: Side, links: Mapping[Key, tuple[int, Key]]) -> None:
        """Turn unlinked records (key of `side` -> link id, other side's key) into linked ones, on both sides."""

    def doubt(self, side: Side, keys: Collection[Key], reason: str) -> None:
        """Mark unlinked records as not to be created."""

    def note_listed(self, side: Side, links: Collection[int]) -> None: ...

    def unlisted(self, side: Side, links: Collection[int]) -> set[int]:
        """Those of the links that a full read did not list on that side."""

    def counts(self) -> tuple[int, Sides[int]]:
        """Links here; unlinked records per side."""

    def count_pairs(self) -> int: ...

    def clear(self) -> None:
        """Empty it for the next round."""

    def close(self) -> None: ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None: ...
