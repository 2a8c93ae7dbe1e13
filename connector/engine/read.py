"""Reads both sides into the spool: feeds since the cursor, full reads, keys that hints name. Writes only `seen`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from math import inf

from connector.engine.effects import Call, Effects, Tell, call, look
from connector.engine.lease import fenced, keep_lease
from connector.engine.seek import seek
from connector.engine.work import MISSING, Work, links_of
from connector.errors import NotFoundError
from connector.model.records import Key, Op, Page, Record
from connector.model.rows import CandidateRow, DeadRow, HintRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides
from connector.ports import Tx

BATCH = 200
HINT_BATCH = 400
PATIENCE = 5
BEHIND = 60.0

Unlinked = tuple[Record, bool, Key | None]


def read_feeds(work: Work, *, full: bool = False) -> Effects[None]:
    """Both sides' changes since their cursors, pages of both in parallel; the places reached are in `work.chains`.

    full: also list every live record. Where a side was listed whole, by that or because its feed was read from the
    beginning, links whose record did not come are looked at: a feed without a past tells no deletes.
    """
    kind = work.spec.kind
    cursors: dict[Side, str | None] = {}
    for side in SIDES:
        cursors[side] = yield from look(_cursor_of(kind, side))
    work.first = all(cursor is None for cursor in cursors.values())
    whole = yield from _pages(work, "changes", cursors)
    for side in SIDES:
        work.chains[side].cursor = cursors[side]
    if full and not work.first:
        whole = yield from _pages(work, "scan", {Side.LEFT: None, Side.RIGHT: None})
    if whole:
        yield from _find_unlisted(work, whole)


def _cursor_of(kind: str, side: Side) -> Callable[[Tx], str | None]:
    return lambda tx: tx.cursor(kind, side)


def _pages(work: Work, method: str, cursors: dict[Side, str | None]) -> Effects[set[Side]]:
    """Page through one feed of both sides; `cursors` ends at the places reached. The sides that were listed whole."""
    open_sides = list(SIDES)
    whole = {side for side in SIDES if cursors[side] is None}
    done = 0
    while open_sides:
        yield from keep_lease(work)
        calls = [Call(side, method, (work.spec.systems[side].object, cursors[side])) for side in open_sides]
        answers = yield calls
        for side, page in zip(list(open_sides), answers, strict=True):
            if isinstance(page, NotFoundError) and cursors[side] is not None and method == "changes":
                cursors[side] = None  # the cursor expired: read everything again
                whole.add(side)
                continue
            if isinstance(page, Exception):
                raise page
            yield from _take_page(work, side, page, listed=side in whole)
            done += len(page.records)
            cursors[side] = page.cursor
            if not page.more:
                open_sides.remove(side)
        yield Tell("read", done)
    return whole


def _take_page(work: Work, side: Side, page: Page, *, listed: bool) -> Effects[None]:
    records = list(page.records)
    if any(record.fields is None and not record.deleted and not record.merged_into for record in records):
        records = yield from _fill(work, side, records)
    known = yield from look(lambda tx: _known(tx, work.spec.kind, side, [record.key for record in records]))
    yield from take_records(work, side, records, known, listed=listed)


def _fill(work: Work, side: Side, records: Sequence[Record]) -> Effects[list[Record]]:
    """Fetch the records of a feed that gives only keys and versions."""
    bare = [r.key for r in records if r.fields is None and not r.deleted and not r.merged_into]
    found: Mapping[Key, Record] = yield from call(side, "read", work.spec.systems[side].object, bare)
    return [
        found.get(record.key, record)
        for record in records
        if record.fields is not None or record.key in found or record.deleted or record.merged_into
    ]


Known = tuple[dict[Key, LinkRow], set[Key], dict[Key, DeadRow], dict[Key, CandidateRow], set[int]]
"""What the store says of keys: links, tombstones, dead letters, candidates; of links that are over, those with a choice
that is still to be carried out."""


def _known(tx: Tx, kind: str, side: Side, keys: Sequence[Key]) -> Known:
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
    links, _, dead, _, _ = known
    linked: list[tuple[int, Record | None, Key]] = []
    unlinked: list[Unlinked] = []
    seen: list[LinkRow] = []
    unsure: list[Key] = []
    over: list[Key] = []
    behind: list[HintRow] = []
    for record in records:
        work.absent.discard((side, record.key))
        link = links.get(record.key)
        if _is_over(known, side, record.key, record):
            over.extend([record.key] if link is None and (work.hinted or record.key in dead) else [])
            if link is not None and link.keys[side] != record.key:
                work.note_image(side, record.key, record.version)
            continue
        parked = dead.get(record.key)
        if parked is not None and ((parked.version == record.version and not forced) or _is_unsure(parked, record)):
            work.tally.read += 1
            work.tally.add("failed")
            unsure.append(record.key)
        elif link is not None:
            # A parked record that is as both last agreed has nothing left to refuse: it is looked at to be released.
            _take_linked(work, side, record, link, linked, seen, forced=forced or parked is not None)
        else:
            behind.extend(_outrun(work, side, record, known))
            _take_unlinked(work, side, record, unlinked)
    # The newer one counts, where versions tell. Else what a feed showed stands: a read by key may come from a copy that
    # lags behind, and the cursor is past it.
    sorts = work.spec.systems[side].capabilities.versions != "opaque"
    if linked:
        work.spool.add_linked(side, linked, replacing=not forced, sorts=sorts)
    if unlinked:
        work.spool.add_unlinked(side, unlinked, replacing=not forced, sorts=sorts)
    if listed:
        work.spool.note_listed(side, [link.id for link in links.values()])
    if seen and not work.dry:
        yield from fenced(work, lambda tx: tx.update_links(seen))
    if behind and not work.dry:
        yield from fenced(work, lambda tx: tx.put_hints(behind))
    if over and not work.dry:
        yield from fenced(work, lambda tx: _forget(tx, work.spec.kind, side, over))
    if forced and unsure and not work.dry:
        yield from fenced(work, lambda tx: tx.drop_hints(work.spec.kind, side, unsure))


def _forget(tx: Tx, kind: str, side: Side, keys: Collection[Key]) -> None:
    """These records are gone before they were linked: nothing waits for them any more."""
    tx.drop_hints(kind, side, keys)
    tx.drop_dead(kind, side, keys)
    tx.drop_candidates(kind, side, keys)


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
    seen: list[LinkRow],
    *,
    forced: bool,
) -> None:
    gone = record.deleted or record.merged_into is not None
    if work.later(side, link.seen[side], record.version):
        return  # a stale read: what is newer was already seen
    # Not found before, and here again: what was put off when it was missing is decided now, however little it changed.
    known = not forced and (side, record.key) not in work.doubted
    if not gone and known and link.state is LinkState.LINKED and link.layout == work.layout:
        encodings = work.shape.encodings(work.decode(side, record).values)
        if work.shape.whole(encodings, side, link.id) == link.prints[side]:
            work.tally.read += 1
            work.tally.add("unchanged")
            if record.version != link.seen[side]:
                seen.append(replace(link, seen=link.seen.with_(side, record.version)))
            return
    if gone:
        work.vanished[side] += 1
    linked.append((link.id, record, record.key))


def _is_over(known: Known, side: Side, key: Key, record: Record | None) -> bool:
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


def _take_unlinked(work: Work, side: Side, record: Record, unlinked: list[Unlinked]) -> None:
    partner, in_scope = work.spec.systems[side].mapping.place(record.fields or {})
    if not in_scope and record.merged_into is None:
        work.tally.read += 1
        work.tally.add("skipped")
        work.tally.extra["filtered"] += 1
        return
    # Where a system does not tell who made a record, the key it carries does: nobody but us writes it there.
    tagged = partner is not None and work.spec.systems[side].principal is None
    own = tagged or work.is_ours(side, record)
    work.unlinked_own[side] += own and partner is None
    unlinked.append((record, own, partner))


def note_doubted(work: Work) -> Effects[None]:
    """Remember which records an earlier run did not find, in case one of them shows up.

    A hint that is not due yet is over, too, when its record is looked at before.
    """
    after = ("", "")
    while True:
        hints: list[HintRow] = yield from look(_due(work.spec.kind, inf, after))
        if not hints:
            return
        after = (hints[-1].side.value, hints[-1].key)
        work.doubted.update((hint.side, hint.key) for hint in hints if hint.reason == MISSING)
        work.hinted = True


def read_hints(work: Work, at: float) -> Effects[int]:
    """Read the keys of every due hint, fresh, into the spool; how many hints there were."""
    kind = work.spec.kind
    work.looked = at
    after = ("", "")
    total = 0
    while True:
        hints: list[HintRow] = yield from look(_due(kind, at, after))
        if not hints:
            return total
        total += len(hints)
        work.hinted = True
        after = (hints[-1].side.value, hints[-1].key)
        for side in SIDES:
            keys = [hint.key for hint in hints if hint.side is side]
            missed = {(side, h.key): h.first for h in hints if h.side is side and h.reason == MISSING}
            if missed and not work.alive[side]:
                yield from _look_alive(work, side)
            work.missing_since.update(missed)
            if keys:
                announced = {h.key: h for h in hints if h.side is side and h.version and h.attempts < PATIENCE}
                yield from read_keys(work, side, keys, announced)


def _look_alive(work: Work, side: Side) -> Effects[None]:
    """Find out whether that side shows records at all: without one, nothing there counts as deleted."""
    page: Page = yield from call(side, "scan", work.spec.systems[side].object, None)
    work.alive[side] += len(page.records)


def _due(kind: str, at: float, after: tuple[str, str]) -> Callable[[Tx], list[HintRow]]:
    return lambda tx: tx.due_hints(kind, at, after, HINT_BATCH)


def read_keys(
    work: Work, side: Side, keys: Sequence[Key], announced: Mapping[Key, HintRow] | None = None
) -> Effects[None]:
    """Read these records of one side into the spool, whether they changed or not.

    announced: hints that name a version. An older one decides nothing (I28); the hint stays, for a little later.
    """
    read: Mapping[Key, Record] = yield from call(side, "read", work.spec.systems[side].object, list(keys))
    behind = [
        hint
        for key, hint in (announced or {}).items()
        if key in read and work.later(side, hint.version, read[key].version)
    ]
    late = {hint.key for hint in behind}
    work.behind.update({(side, hint.key): hint.version for hint in behind if hint.version is not None})
    found = {key: record for key, record in read.items() if key not in late}
    keys = [key for key in keys if key not in late]
    if behind and not work.dry:
        again = [replace(h, due=work.looked + BEHIND, attempts=h.attempts + 1) for h in behind]
        yield from fenced(work, lambda tx: tx.put_hints(again))
    known: Known = yield from look(lambda tx: _known(tx, work.spec.kind, side, keys))
    links = known[0]
    work.alive[side] += sum(not record.deleted for record in found.values())
    over = {key for key in keys if _is_over(known, side, key, found.get(key))}
    absent = [key for key in keys if key in over and key not in found and _may_be_there(work, side, key, known)]
    over.difference_update(absent)
    missing = [(links[key].id, None, key) for key in keys if key in links and key not in found and key not in over]
    if missing:
        work.vanished[side] += len(missing)
        work.spool.add_linked(side, missing, replacing=False)
    if over and not work.dry:
        yield from fenced(work, lambda tx: _forget(tx, work.spec.kind, side, over))
    _miss(work, side, absent, known)
    yield from take_records(work, side, list(found.values()), known, forced=True)


def _may_be_there(work: Work, side: Side, key: Key, known: Known) -> bool:
    """Whether a record without a link that was not found may be there all the same: once missing is not deleted."""
    links, tombstones, _, _, _ = known
    return key not in links and key not in tombstones and not work.is_gone(side, key)


def _miss(work: Work, side: Side, keys: Sequence[Key], known: Known) -> None:
    """Unlinked records that were not found stand in the spool as what they were: what matches them waits with them."""
    _, _, _, candidates, _ = known
    for key in keys:
        row = candidates.get(key)
        work.absent.add((side, key))
        work.outrun[side, key] = row.prints if row is not None else (b"",) * len(work.spec.match)
    work.spool.add_unlinked(side, [(Record(key, "", None), False, None) for key in keys])


def gather(work: Work) -> Effects[None]:
    """Fetch the other side of every link in the spool that is there with one side only, batch by batch."""
    after = 0
    while True:
        lonely = work.spool.lonely(after, 2 * BATCH)
        if not lonely:
            return
        after = lonely[-1][0]
        links = yield from links_of(work, [link for link, _, _ in lonely])
        yield from seek(work, lonely, links)
        wanted: Sides[dict[Key, int]] = Sides({}, {})
        for link, side, _ in lonely:
            key = links[link].keys[side.other]
            if key is not None:
                wanted[side.other][key] = link
        sides = [side for side in SIDES if wanted[side]]
        answers = yield [Call(s, "read", (work.spec.systems[s].object, list(wanted[s]))) for s in sides]
        for side, found in zip(sides, answers, strict=True):
            if isinstance(found, Exception):
                raise found
            work.alive[side] += len(found)
            rows = [(link, found.get(key), key) for key, link in wanted[side].items()]
            work.spool.add_linked(side, rows)


def _find_unlisted(work: Work, sides: Collection[Side]) -> Effects[None]:
    """After a full read of these sides: links whose record was not listed are read by key, as there or as missing."""
    after = 0
    while True:
        rows: list[LinkRow] = yield from look(_links_after(work.spec.kind, after))
        if not rows:
            return
        after = rows[-1].id
        for side in (side for side in SIDES if side in sides):  # a set has no order that is the same in every process
            missing = work.spool.unlisted(side, [row.id for row in rows])
            keys = [key for row in rows if row.id in missing and (key := row.keys[side]) is not None]
            if keys:
                yield from read_keys(work, side, keys)


def _links_after(kind: str, after: int) -> Callable[[Tx], list[LinkRow]]:
    return lambda tx: tx.page_links(kind, after, 500, [LinkState.LINKED, LinkState.HALF])
