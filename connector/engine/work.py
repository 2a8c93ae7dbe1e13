"""What one run carries along: its spec, tools, tally and places in the feeds. Memory does not grow with the records."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from connector.engine.effects import Effects, look
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.errors import TransientError
from connector.mapping.translate import Decoded
from connector.merge.base import Base, outdated, unpack
from connector.model.records import Key, Op, Record, Version
from connector.model.rows import CandidateRow, LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.ports import Spool, Vault

DETAIL = b"detail"
MADE_UP = 1 << 62
"""Ids of links that only a dry run makes start here; the store hands out smaller ones."""
MISSING = "missing"
PARTNER_MISSING = "its partner is missing"
SURVIVOR_MISSING = "its survivor is missing"
SURVIVOR_UNLINKED = "its survivor is not linked yet"
WRITE_OPEN = "an earlier write is open"
UNLISTED = "was not listed"
TROUBLES = 5
RESULTS = ("created", "updated", "unchanged", "skipped", "held", "failed")


@dataclass(slots=True)
class Tally:
    """What became of everything read. `read` is counted where things come in, the rest where they end: they balance."""

    read: int = 0
    results: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)

    def add(self, result: str, count: int = 1) -> None:
        if result not in RESULTS:
            raise ValueError(f"no such result: {result}")
        self.results[result] += count

    @property
    def balanced(self) -> bool:
        return self.read == sum(self.results.values())

    def as_dict(self) -> dict[str, int]:
        return {"read": self.read, **{name: self.results[name] for name in RESULTS}, **dict(sorted(self.extra.items()))}


@dataclass(slots=True)
class Chain:
    """Where a side's feed may go on from: the cursor read, moved over positions that only our own writes took.

    Two batches written side by side answer in any order; their spans are kept until they join.
    """

    cursor: str | None = None
    spans: dict[str, str] = field(default_factory=dict)

    def add(self, before: str, after: str) -> None:
        if before != after:
            self.spans[before] = after
        while self.cursor in self.spans:
            self.cursor = self.spans.pop(self.cursor)


@dataclass(slots=True)
class Work:
    """One run of one sync. looked: when the hints were read last; one that came since is not dropped unread.

    behind: versions that were announced for records of which only older ones could be read. doubted: records that an
    earlier run did not find, and from when on a look tells whether they are gone. unlisted: linked records that a full
    list left out and that were there when read, and from when on a look tells that they are. orphans: merged records of
    which an earlier run did not find the survivor, and when it looked first. outrun: match prints of unlinked records
    of which an earlier run saw a newer version than could be read now. suspects: unlinked records that may be what a
    create without answer made, each with the key of the record that was made of. absent: records without a link that
    were asked for and not found, which proves nothing yet. unlinked_own: how many records were read that we made, that
    no link knows and that carry no key of the other side. images: newest versions shown of records whose link has ended
    in a merge: they may come to belong to another one. shown: records without a link as they were read when survivors
    were looked up: what was read of them before may be older. changed: links of which this run changes the record on
    that side, for a guard, and never more than it lets through. released: records that come up late in the run, because
    what they waited for was linked meanwhile. own_ids: ids of links that this run makes start here.
    """

    spec: SyncSpec
    shape: Shape
    vault: Vault
    spool: Spool
    run: str
    started: float
    tally: Tally = field(default_factory=Tally)
    chains: Sides[Chain] = field(default_factory=lambda: Sides(Chain(), Chain()))
    layout: int = 0
    layouts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    owner: str = ""
    epoch: int = 0
    leased: float = 0.0
    looked: float = 0.0
    dry: bool = False
    hinted: bool = False
    reviewing: bool = False
    open_creates: Counter[Side] = field(default_factory=Counter)
    open_links: set[int] = field(default_factory=set)
    ids: list[int] = field(default_factory=list)
    alive: Counter[Side] = field(default_factory=Counter)
    first: bool = False
    vanished: Counter[Side] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    missing_since: dict[tuple[Side, Key], float] = field(default_factory=dict)
    behind: dict[tuple[Side, Key], Version] = field(default_factory=dict)
    doubted: dict[tuple[Side, Key], float] = field(default_factory=dict)
    unlisted: dict[tuple[Side, Key], float] = field(default_factory=dict)
    orphans: dict[tuple[Side, Key], float] = field(default_factory=dict)
    outrun: dict[tuple[Side, Key], tuple[bytes, ...]] = field(default_factory=dict)
    suspects: dict[tuple[Side, Key], Key] = field(default_factory=dict)
    absent: set[tuple[Side, Key]] = field(default_factory=set)
    unlinked_own: Counter[Side] = field(default_factory=Counter)
    images: dict[tuple[Side, Key], Version] = field(default_factory=dict)
    shown: dict[tuple[Side, Key], Record] = field(default_factory=dict)
    changed: Sides[set[int]] = field(default_factory=lambda: Sides(set(), set()))
    released: set[tuple[Side, Key]] = field(default_factory=set)
    own_ids: int = MADE_UP
    made: dict[int, LinkRow] = field(default_factory=dict)
    made_up: Iterator[int] = field(default_factory=lambda: count(MADE_UP))

    def note_trouble(self, sentence: str) -> None:
        """What kept writes from being done or known: one sentence each, a few at most, however many it concerns."""
        if sentence not in self.trouble and len(self.trouble) < TROUBLES:
            self.trouble.append(sentence)

    def base_of(self, link: LinkRow) -> Base:
        """The link's base, without what is read in another way since."""
        return unpack(link.base, self.layouts.get(link.layout, ()), self.shape.layout)

    def outdated(self, layout: int) -> frozenset[str]:
        """Names of that layout's units that are read in another way now."""
        return outdated(self.layouts.get(layout, ()), self.shape.layout)[0]

    def is_gone(self, side: Side, key: Key) -> bool:
        """Whether a record that is not found is gone: missing before, the settle time ago, and others can be read."""
        return self._is_proven(side, self.missing_since.get((side, key)))

    def is_orphan(self, side: Side, key: Key) -> bool:
        """Whether what this record was merged into is gone, where that is not found now: by the same proof."""
        return self._is_proven(side, self.orphans.get((side, key)))

    def _is_proven(self, side: Side, since: float | None) -> bool:
        return since is not None and self.looked - since >= self.spec.settle and self.alive[side] > 0

    def made_since(self, record: Record, at: float | None) -> bool:
        """Whether the record is not older than that moment, as far as two clocks can tell."""
        return record.created is not None and at is not None and record.created.timestamp() >= at - self.spec.margin

    def leave(self, link: int, side: Side, op: str) -> None:
        """A write's outcome is not known: its link is left alone for the rest of this run."""
        self.open_links.add(link)
        if op == Op.CREATE:
            self.open_creates[side] += 1

    def note_image(self, side: Side, key: Key, version: Version | None) -> None:
        """A version of a record whose link has ended in a merge was shown: an older one decides nothing (I28)."""
        if version is not None and not self.later(side, self.images.get((side, key)), version):
            self.images[side, key] = version

    def note_suspects(self, side: Side, rows: Iterable[CandidateRow]) -> None:
        """Of these unlinked records, those that may be what a create without answer made."""
        self.suspects.update({(side, row.key): row.partner for row in rows if row.own and row.partner is not None})

    def decode(self, side: Side, record: Record) -> Decoded:
        """Canonical values of a record that has fields."""
        fields: Mapping[str, Any] = record.fields if record.fields is not None else {}
        return self.spec.systems[side].mapping.decode(fields)

    def is_ours(self, side: Side, record: Record) -> bool:
        """True when the record was created by this connection's own principal."""
        principal = self.spec.systems[side].principal
        return principal is not None and record.created_by == principal

    def is_last_ours(self, side: Side, record: Record) -> bool:
        """True when nobody but this connection's own principal can have made the record's newest version."""
        principal = self.spec.systems[side].principal
        return principal is not None and record.modified_by == principal

    def hide(self, detail: str) -> bytes:
        """A sentence that may quote a customer's value, sealed for the store; `vault.open(..., DETAIL)` shows it."""
        return self.vault.seal(detail.encode(errors="replace"), DETAIL)

    def hide_text(self, detail: str) -> str:
        """The same as text, for a column of words; `open_text` shows it. Empty stays empty."""
        return hidden_text(self.vault, detail)

    def later(self, side: Side, version: str | None, other: str | None) -> bool:
        """True when `version` is certainly later than `other`; versions that do not sort never are."""
        if version is None or other is None or self.spec.systems[side].capabilities.versions == "opaque":
            return False
        return version > other

    def match_prints(self, side: Side, decoded: Decoded) -> tuple[bytes, ...]:
        """One print per match rule, equal on both sides for equal values; b"" where a field of the rule is empty."""
        prints = []
        for number, rule in enumerate(self.spec.match):
            parts = [plain(decoded.values.get(name)) for name in rule]
            whole = "\x1f".join(parts).encode()
            prints.append(self.vault.print(whole, 0, b"match%d" % number) if all(parts) else b"")
        return tuple(prints)

    def name_print(self, decoded: Decoded) -> bytes:
        """A print of what people call the record, equal on both sides; b"" for one without a name."""
        text = "\x1f".join(plain(decoded.values.get(name)) for name in self.spec.entity.label)
        return self.vault.print(text.encode(), 0, b"name") if text.strip("\x1f") else b""


def hidden_text(vault: Vault, detail: str) -> str:
    """Words that may quote a value, sealed as a text; empty stays empty."""
    return b64encode(vault.seal(detail.encode(errors="replace"), DETAIL)).decode() if detail else ""


def open_text(vault: Vault, text: str) -> str:
    """What `hidden_text` hid. Raises ConnectorError when it was hidden under another key."""
    return vault.open(b64decode(text), DETAIL).decode() if text else ""


def links_of(work: Work, ids: Sequence[int]) -> Effects[dict[int, LinkRow]]:
    """Links by id; in a dry run also those that only would be made.

    Raises TransientError when one is gone: links are dropped by the run that holds the lease, so another one does.
    """
    stored = [number for number in ids if number < MADE_UP]
    found: dict[int, LinkRow] = yield from look(lambda tx: tx.links_by_id(stored))
    if not found.keys() >= set(stored):
        raise TransientError(f"{work.spec.name}: another run is going on. Wait for it, or look at `connector status`.")
    found.update({number: work.made[number] for number in ids if number in work.made})
    return found


def released_by(links: Iterable[LinkRow]) -> list[str]:
    """What hints wait for until these links have both their keys."""
    whole = [link for link in links if link.state is LinkState.LINKED]
    return [f"{link.kind}/{side}/{link.keys[side]}" for link in whole for side in Side]


def plain(value: object) -> str:
    """A value as it is compared on first link: letters and digits, without case."""
    return "".join(c for c in str(value).casefold() if c.isalnum()) if value is not None else ""


def with_seen(link: LinkRow, side: Side, record: Record | None) -> LinkRow:
    """The link that knows of this version of its record, whatever comes of it: an older one is stale from now on."""
    known = link.seen[side]
    if record is None or (known is not None and known >= record.version):
        return link
    return replace(link, seen=link.seen.with_(side, record.version))


def key_of(record: Record | None, fallback: Key) -> Key:
    return record.key if record is not None else fallback
