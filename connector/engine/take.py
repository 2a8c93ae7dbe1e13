"""Sorts what was read: unchanged, work for the spool, or over. Knows the store's rows; reads no system."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connector.engine.effects import Effects
from connector.engine.lease import fenced
from connector.engine.work import Work
from connector.model.records import Key, Op, Record, Version
from connector.model.rows import CandidateRow, DeadRow, HintRow, LinkRow, LinkState
from connector.model.values import Side
from connector.ports import Tx

BEHIND = 60.0
"""Seconds until a record is read again of which an old version was read."""

Unlinked = tuple[Record, bool, Key | None]

Known = tuple[dict[Key, LinkRow], set[Key], dict[Key, DeadRow], dict[Key, CandidateRow], set[int]]
"""What the store says of keys: links, tombstones, dead letters, candidates; of links that are over, those with a choice
that is still to be carried out."""


def known_of(tx: Tx, kind: str, side: Side, keys: Sequence[Key]) -> Known:
    links = tx.links_by_key(kind, side, keys)
    rest = [key for key in keys if key not in links]
    ended, unlinked = (tx.tombstones(kind, side, rest), tx.candidates_by_key(kind, side, rest)) if rest else (set(), {})
    closed = [link.id for link in links.values() if link.state is LinkState.CLOSED]
    chosen = {row.link for row in tx.conflicts(kind, closed) if row.choice is not None} if closed else set()
    return links, ended, tx.dead_by_key(kind, side, keys), unlinked, chosen


def take_records(
    work: Work,
    side: Side,
    records: Sequence[Record],
    known: Known,
    *,
    listed: bool = False,
    forced: bool = False,
) -> Effects[None]:
    """Sort records into unchanged, work for the spool, and what needs none. forced: hints; never taken as unchanged."""
    links, _, dead, candidates, _ = known
    work.note_suspects(side, candidates.values())
    linked: list[tuple[int, Record | None, Key]] = []
    unlinked: list[Unlinked] = []
    out: dict[Key, Version] = {}
    same: list[tuple[LinkRow, Version]] = []
    unsure: list[Key] = []
    over: list[Key] = []
    behind: list[HintRow] = []
    for record in records:
        work.absent.discard((side, record.key))
        link = links.get(record.key)
        if is_over(known, side, record.key, record):
            over.extend([record.key] if link is None and (work.hinted or record.key in dead) else [])
            if link is None:
                out[record.key] = record.version
            elif link.keys[side] != record.key:
                work.note_image(side, record.key, record.version)
            continue
        parked = dead.get(record.key)
        if parked is not None and _stays_parked(work, parked, record, link, forced=forced):
            work.tally.read += 1
            work.tally.add("failed")
            unsure.append(record.key)
        elif link is not None:
            # A parked record that is as both last agreed has nothing left to refuse: it is looked at to be released.
            _take_linked(work, side, record, link, linked, same, forced=forced or parked is not None)
        else:
            behind.extend(_outrun(work, side, record, known))
            _take_unlinked(work, side, record, unlinked, out)
    _spool(work, side, linked, unlinked, replacing=not forced)
    _unspool(work, side, same, out, replacing=not forced)
    seen = [replace(link, seen=link.seen.with_(side, at)) for link, at in same if at != link.seen[side]]
    if listed:
        # The image of a record that was merged away leads to the survivor's link, and says nothing of its record there.
        work.spool.note_listed(side, [link.id for key, link in links.items() if link.keys[side] == key])
    # It is there, though nothing is done with it: what was noted when it was missing is over.
    looked = unsure if forced else [key for key in unsure if (side, key) in work.doubted]
    if (seen or behind or over or looked) and not work.dry:
        yield from _noted(work, side, seen, behind, over, looked)


def _noted(
    work: Work,
    side: Side,
    seen: Sequence[LinkRow],
    behind: Sequence[HintRow],
    over: Collection[Key],
    looked: Collection[Key],
) -> Effects[None]:
    """Store what reading alone tells. Separate commits: each holds by itself."""
    kind = work.spec.kind
    if seen:
        yield from fenced(work, lambda tx: tx.update_links(seen))
    if behind:
        yield from fenced(work, lambda tx: tx.put_hints(behind))
    if over:
        yield from fenced(work, lambda tx: forget(tx, kind, side, over))
    if looked:
        yield from fenced(work, lambda tx: tx.drop_hints(kind, side, looked))


def _spool(
    work: Work,
    side: Side,
    linked: Sequence[tuple[int, Record | None, Key]],
    unlinked: Sequence[Unlinked],
    *,
    replacing: bool,
) -> None:
    """The newer one counts, where versions tell.

    Else what a feed showed stands: a read by key may come from a copy that lags behind, and the cursor is past it.
    """
    sorts = work.spec.systems[side].capabilities.versions != "opaque"
    if linked:
        work.spool.add_linked(side, linked, replacing=replacing, sorts=sorts)
    if unlinked:
        work.spool.add_unlinked(side, unlinked, replacing=replacing, sorts=sorts)


def _unspool(
    work: Work,
    side: Side,
    same: Sequence[tuple[LinkRow, Version]],
    out: Mapping[Key, Version],
    *,
    replacing: bool,
) -> None:
    """Records that are no work: linked ones as both last agreed, unlinked ones that ended or are none of ours.

    An earlier page may have shown them otherwise. Nothing is made of that: no feed tells a second time that it is over.
    """
    sorts = work.spec.systems[side].capabilities.versions != "opaque"
    if same:
        work.spool.drop_linked(side, [(link.id, version) for link, version in same], sorts=sorts)
    if out:
        work.spool.drop_unlinked(side, list(out.items()), replacing=replacing, sorts=sorts)


def forget(tx: Tx, kind: str, side: Side, keys: Collection[Key]) -> None:
    """These records are gone before they were linked: nothing waits for them any more."""
    tx.drop_hints(kind, side, keys)
    tx.drop_dead(kind, side, keys)
    tx.drop_candidates(kind, side, keys)


def _stays_parked(work: Work, parked: DeadRow, record: Record, link: LinkRow | None, *, forced: bool) -> bool:
    """Whether a refused record is left as it is: nobody asks for it, and neither it nor its mapping changed since.

    A mapping may bring units that no refused write carried: nothing would say of those that they differ. And what has
    no link may be matched by other rules now, or made.
    """
    if _is_unsure(parked, record):
        return True
    remapped = work.anew if link is None else link.state is LinkState.LINKED and link.layout != work.layout
    return not (forced or remapped) and parked.version == record.version


def _is_unsure(parked: DeadRow, record: Record) -> bool:
    """Whether only a person can say if the record was created: it is not sent again because it changed."""
    gone = record.deleted or record.merged_into is not None
    return parked.code == "uncertain" and parked.op == Op.CREATE and not gone


def _take_linked(
    work: Work,
    side: Side,
    record: Record,
    link: LinkRow,
    linked: list[tuple[int, Record | None, Key]],
    same: list[tuple[LinkRow, Version]],
    *,
    forced: bool,
) -> None:
    gone = record.deleted or record.merged_into is not None
    if work.later(side, link.seen[side], record.version):
        return  # a stale read: what is newer was already seen
    # Not found before, and here again: what was put off when it was missing is decided now, however little it changed.
    known = not forced and (side, record.key) not in work.doubted
    if not gone and known and link.state is LinkState.LINKED and link.layout == work.layout:
        encodings = work.shape.shown(side, work.decode(side, record), record.fields)
        if work.shape.whole(encodings, side, link.id) == link.prints[side]:
            work.tally.read += 1
            work.tally.add("unchanged")
            same.append((link, record.version))
            return
    if gone:
        work.vanished[side] += 1
    linked.append((link.id, record, record.key))


def is_over(known: Known, side: Side, key: Key, record: Record | None) -> bool:
    """Whether nothing is left to decide on this key. record: what was read, None when it is not there.

    An alias is the image of a record that was merged away, frozen for ever. A closed link comes up again only when its
    record on that side had ended (its print was cleared) and is alive again, or when it is merged away; what a person
    chose about it is carried out, though it may have ended once more.
    """
    links, tombstones, _, _, chosen = known
    gone = record is None or record.deleted or record.merged_into is not None
    merged = record is not None and record.merged_into is not None  # its key may lead to the survivor
    link = links.get(key)
    if link is None:
        return (gone and not merged) or key in tombstones
    ended = not merged and link.id not in chosen and (gone or link.prints[side] is not None)
    return link.keys[side] != key or (link.state is LinkState.CLOSED and ended)


def _outrun(work: Work, side: Side, record: Record, known: Known) -> list[HintRow]:
    """An unlinked record of which an earlier run saw a newer version: it decides nothing (I28), and is read again.

    What matched it then still does: a partner of it is not taken for a record without one.
    """
    _, _, dead, candidates, _ = known
    parked, row, place = dead.get(record.key), candidates.get(record.key), (side, record.key)
    work.outrun.pop(place, None)
    versions = [one.version for one in (parked, row) if one is not None]
    newer = next((version for version in versions if work.later(side, version, record.version)), None)
    if newer is None:
        return []
    work.behind[place] = newer
    if row is not None:
        work.outrun[place] = row.prints
    due = work.looked + BEHIND
    return [HintRow(work.spec.kind, side, record.key, newer, "an old version was read", due, 0, None, work.looked)]


def _take_unlinked(work: Work, side: Side, record: Record, unlinked: list[Unlinked], out: dict[Key, Version]) -> None:
    partner, in_scope = work.spec.systems[side].mapping.place(record.fields or {})
    if not in_scope and record.merged_into is None:
        work.tally.read += 1
        work.tally.add("skipped")
        work.tally.extra["filtered"] += 1
        out[record.key] = record.version
        return
    out.pop(record.key, None)  # of one page, what it shows last stands
    # Where a system does not tell who made a record, the key it carries does: nobody but us writes it there.
    tagged = partner is not None and work.spec.systems[side].principal is None
    own = tagged or work.is_ours(side, record)
    work.unlinked_own[side] += own and partner is None
    unlinked.append((record, own, partner))
