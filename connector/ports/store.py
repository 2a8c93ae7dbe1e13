"""What the store of state promises, transaction by transaction; and the vault that keeps what it holds unreadable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from math import inf
from typing import Protocol

from connector.model.records import Key
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
from connector.model.values import Side


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
        the new row carries zero, the first-seen time also while the reason stays the same."""

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
