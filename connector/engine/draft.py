"""Drafts the rows and writes of one batch from its plans: everything the first commit of a batch contains.

Pure but for the vault: no call is made and nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connector.engine.item import Item
from connector.engine.settle import Settlement, freeze, source_of
from connector.engine.work import MISSING, WRITE_OPEN, Work
from connector.merge.base import Base
from connector.model.records import Key, Op, Version, Write
from connector.model.rows import (
    CandidateRow,
    ConflictRow,
    DeadRow,
    HintRow,
    IntentRow,
    IntentState,
    JournalRow,
    LinkRow,
)
from connector.model.values import Side, Sides, Value, shown_value

WAITS = 6 * 3600.0


@dataclass(slots=True)
class Thread:
    """One item on its way through a batch: its link and base as they stand, shared by the writes on both sides.

    settled: units that a write of this batch has settled; a write of the same unit on the other side starts from there.
    written: a write of this batch was applied, on either side. held: units that nothing was written of (row 16).
    """

    item: Item
    link: LinkRow
    base: Base
    result: str = "unchanged"
    follow: bool = False
    settled: set[str] = field(default_factory=set)
    written: bool = False
    held: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Pending:
    """One write to be made and what settles it. read_back: its answer showed nothing, so the record was read."""

    thread: Thread
    side: Side
    op: Op
    write: Write
    settlement: Settlement
    sent: Mapping[str, Value]
    units: tuple[str, ...]
    read_back: bool = False


@dataclass(slots=True)
class Draft:
    """The rows of a batch's first commit, and its writes. moved: link merged away -> links of its survivors.

    awaited: what hints wait for because it was not linked when it was looked at; see HintRow.waits.
    """

    inserts: list[LinkRow] = field(default_factory=list)
    updates: list[LinkRow] = field(default_factory=list)
    intents: list[IntentRow] = field(default_factory=list)
    conflicts: list[ConflictRow] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)
    journal: list[JournalRow] = field(default_factory=list)
    hints: dict[tuple[Side, Key], HintRow] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)
    handled: list[tuple[Side, Key]] = field(default_factory=list)
    dead: list[DeadRow] = field(default_factory=list)
    candidates: list[CandidateRow] = field(default_factory=list)
    tombstones: list[tuple[Side, Key]] = field(default_factory=list)
    aliases: list[tuple[Side, Key, int]] = field(default_factory=list)
    moved: dict[int, Sides[int]] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)


class Rows:
    """Fills one draft with rows and writes. `now`: when the batch began."""

    def __init__(self, work: Work, now: float) -> None:
        self.work = work
        self.spec = work.spec
        self.now = now
        self.draft = Draft()

    # ------------------------------------------------------------------------------------------------ rows

    def hint(
        self, side: Side, key: Key, reason: str, due: float, waits: str | None = None, *, version: Version | None = None
    ) -> None:
        """A record has one hint: the last counts. Of a wait that goes on, the store keeps the first time.

        version: what is known of a record that no link knows: an older one decides nothing (I28).
        """
        second = self.work.doubted.get((side, key))
        if reason == MISSING and second is not None and second > self.work.looked:
            due = min(due, second)  # a look before its time (full reads take one) puts off none that tells
        before = self.draft.hints.get((side, key))
        versions = [one for one in (version, before.version if before is not None else None) if one is not None]
        row = HintRow(self.spec.kind, side, key, max(versions, default=None), reason, due, 0, waits, self.now)
        self.draft.hints[side, key] = row

    def wait(self, item: Item) -> None:
        """Look at a record again when its write's outcome is known: what it showed meanwhile is not told twice.

        A create that is refused leaves no link, and a dead letter of what was sent: only this knows of a newer version.
        """
        side = item.single or (Side.LEFT if item.records.left is not None else Side.RIGHT)
        record = item.records[side] if item.single is not None else None
        due, version = self.now + self.spec.settle, record.version if record is not None else None
        self.hint(side, str(item.keys[side]), WRITE_OPEN, due, version=version)

    def journal(
        self,
        event: str,
        rule: str,
        *,
        link: int | None,
        side: Side | None,
        key: Key | None,
        fields: str = "",
        detail: str = "",
        body: bytes | None = None,
    ) -> None:
        self.draft.journal.append(
            JournalRow(self.now, self.work.run, self.spec.kind, link, side, key, event, rule, fields, detail, body)
        )

    def refuse(self, item: Item, side: Side, op: str, reason: str, code: str) -> None:
        """Park an item as a dead letter."""
        record, key = item.records[side], item.keys[side]
        assert key is not None
        link = item.link.id if item.link else None
        version = record.version if record is not None else None
        if op == Op.CREATE:
            self.candidate(item, side)
        short = "in match review" if item.doubt is not None and self.spec.match else "not sent"
        self.draft.dead.append(
            DeadRow(self.spec.kind, side, key, op, short, code, self.now, 1, version, link, self.work.hide(reason))
        )

    def candidate(self, item: Item, side: Side) -> None:
        """Remember an unlinked record for matching with what later runs find."""
        self.draft.candidates.extend(candidate_of(self.work, item, side))

    def conflict(self, link: int, unit: str, reason: str, prints: Sides[bytes | None], detail: str = "") -> None:
        body = self.work.hide(detail) if detail else None
        self.draft.conflicts.append(ConflictRow(link, unit, self.spec.kind, reason, prints, self.now, None, body))

    def _whole(self, item: Item, side: Side, link: int) -> bytes:
        if side in item.wholes:
            return item.wholes[side]
        return self.work.shape.whole(item.encodings[side], side, link)

    def _version(self, item: Item, side: Side) -> str | None:
        record = item.records[side]
        return record.version if record is not None else None

    def _before(self, item: Item, side: Side, units: tuple[str, ...]) -> bytes:
        """The values about to be overwritten, sealed: the pre-image in the journal."""
        values = item.decoded[side].values
        shown = {
            n: shown_value(values[n]) or "" for u in units for n in self.work.shape.by_name[u].fields if n in values
        }
        return self.work.vault.seal(msgspec.json.encode(shown), b"journal")

    def _settlement(self, thread: Thread, source: Side, units: tuple[str, ...]) -> Settlement:
        item, link = thread.item, thread.link.id
        prints, sealed = source_of(self.work, item, source, link, units)
        record = item.records[source]
        version = record.version if record is not None else None
        whole = self._whole(item, source, link)
        key = item.keys[source]
        return Settlement(key, version, whole, prints, [], None, [], sealed, layout=self.work.layout)

    def pend(
        self,
        thread: Thread,
        side: Side,
        op: Op,
        fields: Mapping[str, Any],
        version: str | None,
        settlement: Settlement,
        sent: Mapping[str, Value],
        units: tuple[str, ...],
        *,
        external: tuple[str, str] | None = None,
        rule: str = "",
        before: bytes | None = None,
        event: str = "",
    ) -> None:
        system = self.spec.systems[side]
        body = encode_body(fields, system.capabilities.decimals) if op is not Op.DELETE else b""
        link, key = thread.link, thread.link.keys[side]
        gen = link.gen if op is Op.CREATE else link.gen + 1
        token = self.work.vault.token(
            # A create is known by what it is made of: an older store hands out other ids for the same link.
            *(self.spec.kind.encode() if op is Op.CREATE else link.id.to_bytes(8, "big"), side.encode(), op.encode()),
            *(gen.to_bytes(4, "big"), body),
            # With a store restored from a backup, ids and generations come again: an answer of then is none of now.
            (version or str(settlement.source_key)).encode(),
        )
        conditional = system.capabilities.conditional_write
        ready = op is Op.CREATE or conditional
        self.draft.intents.append(
            IntentRow(
                token,
                self.spec.kind,
                link.id,
                side,
                op.value,
                key,
                external[1] if external else settlement.source_key,
                self.work.vault.seal(body, b"intent"),
                freeze(settlement),
                ",".join(units),
                version,
                IntentState.SENT if ready else IntentState.PLANNED,
                self.now if ready else None,
                self.now if ready else None,
                self.work.epoch,
            )
        )
        # A create carries every field there is: naming them in each row of the journal would double its size.
        named = "" if op is Op.CREATE else ",".join(units)
        self.journal(event or op.value, rule or "create", link=link.id, side=side, key=key, fields=named, body=before)
        condition = version if conditional and op is not Op.CREATE else None
        self.draft.pending.append(
            Pending(thread, side, op, Write(op, key, body, condition, token, external), settlement, sent, units)
        )


def candidate_of(work: Work, item: Item, side: Side) -> list[CandidateRow]:
    """The row by which later runs match an unlinked record; none where nothing is matched."""
    record = item.records[side]
    if record is None or side not in item.decoded or not work.spec.match:
        return []
    prints = work.match_prints(side, item.decoded[side])
    source = work.suspects.get((side, record.key))
    return [CandidateRow(work.spec.kind, side, record.key, record.version, prints, source, source is not None)]


_JSON = {
    "string": msgspec.json.Encoder(decimal_format="string"),
    "number": msgspec.json.Encoder(decimal_format="number"),
}


def encode_body(fields: Mapping[str, Any], decimals: str) -> bytes:
    """The frozen bytes of a write."""
    return _JSON[decimals].encode(fields)
