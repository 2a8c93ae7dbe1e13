"""What the scratch space of a run promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connector.model.records import Key, Record, Version
from connector.model.values import Side, Sides


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

    def drop_linked(self, side: Side, rows: Sequence[tuple[int, Version]], *, sorts: bool = False) -> None:
        """(link id, version shown of a record that is as both last agreed). What is here of that side is taken out,
        unless it would stay as newer than that version (sorts: as for added ones)."""

    def drop_unlinked(
        self, side: Side, rows: Sequence[tuple[Key, Version]], *, replacing: bool = True, sorts: bool = False
    ) -> None:
        """(key, version shown of a record that has ended or is none of ours). What is here of it is taken out, unless
        it would stay as newer than that version (replacing, sorts: as for added ones); one that was merged away stays
        in any case. What it was mated with is free again."""

    def add_prints(self, rows: Sequence[tuple[int, tuple[bytes, ...]]]) -> None:
        """Match prints of unlinked records, one per rule, by the records' numbers. One that was merged away gets none:
        it is nobody's mate, and makes no match of others doubtful."""

    def lonely(self, after: int, limit: int) -> list[tuple[int, Side, Key]]:
        """Links of which only one side is here: (link, the side that is here, its key), by link id."""

    def linked(self, after: int, limit: int) -> list[tuple[int, Sides[tuple[Key, Record | None] | None]]]:
        """Links with what is here of both sides, by link id."""

    def match(self, rule: int) -> None:
        """Mate unlinked records whose print of this rule is equal and occurs once on each side; where it occurs more
        often, mark all of them doubtful. Empty prints never match."""

    def match_partners(self) -> None:
        """Mate records made by us with the unlinked record whose key they carry; doubt one that several carry. Those
        that were merged away take no part, on either side."""

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
