"""Reads both sides into the spool: feeds since the cursor, full reads, keys that hints name. Writes only `seen`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from math import inf

from connector.engine.effects import Call, Effects, Tell, call, look, now
from connector.engine.lease import fenced, keep_lease
from connector.engine.seek import seek
from connector.engine.take import BEHIND, Known, forget, is_over, known_of, take_records
from connector.engine.work import MISSING, SURVIVOR_MISSING, UNLISTED, Work, links_of
from connector.errors import NotFoundError
from connector.model.records import Key, Page, Record
from connector.model.rows import HintRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides
from connector.ports import Tx

BATCH = 200
HINT_BATCH = 400
PATIENCE = 5


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
    known = yield from look(lambda tx: known_of(tx, work.spec.kind, side, [record.key for record in records]))
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
        work.doubted.update({(hint.side, hint.key): hint.due for hint in hints if hint.reason == MISSING})
        work.unlisted.update({(hint.side, hint.key): hint.due for hint in hints if hint.reason == UNLISTED})
        work.orphans.update({(hint.side, hint.key): hint.first for hint in hints if hint.reason == SURVIVOR_MISSING})
        work.hinted = True


def read_hints(
    work: Work, at: float, among: Collection[tuple[Side, Key]] | None = None, *, late: bool = False
) -> Effects[int]:
    """Read the keys of every due hint, fresh, into the spool; how many hints there were.

    among: those of these records only. late: the run has written already, and what that released is noted.
    """
    kind = work.spec.kind
    work.looked = at
    after = ("", "")
    total = 0
    while True:
        hints: list[HintRow] = yield from look(_due(kind, at, after))
        if not hints:
            return total
        work.hinted = True
        after = (hints[-1].side.value, hints[-1].key)
        if among is not None:
            hints = [hint for hint in hints if (hint.side, hint.key) in among]
        total += len(hints)
        if late:
            work.released.update((hint.side, hint.key) for hint in hints if not hint.due)
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
) -> Effects[Mapping[Key, Record]]:
    """Read these records of one side into the spool, whether they changed or not; what was read.

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
    known: Known = yield from look(lambda tx: known_of(tx, work.spec.kind, side, keys))
    links = known[0]
    work.alive[side] += sum(not record.deleted for record in found.values())
    over = {key for key in keys if is_over(known, side, key, found.get(key))}
    absent = [key for key in keys if key in over and key not in found and _may_be_there(work, side, key, known)]
    over.difference_update(absent)
    missing = [(links[key].id, None, key) for key in keys if key in links and key not in found and key not in over]
    if missing:
        work.vanished[side] += len(missing)
        work.spool.add_linked(side, missing, replacing=False)
    if over and not work.dry:
        yield from fenced(work, lambda tx: forget(tx, work.spec.kind, side, over))
    _miss(work, side, absent, known)
    yield from take_records(work, side, list(found.values()), known, forced=True)
    return read


def _may_be_there(work: Work, side: Side, key: Key, known: Known) -> bool:
    """Whether a record without a link that was not found may be there all the same: once missing is not deleted."""
    links, tombstones, _, _, _ = known
    return key not in links and key not in tombstones and not work.is_gone(side, key)


def _miss(work: Work, side: Side, keys: Sequence[Key], known: Known) -> None:
    """Unlinked records that were not found stand in the spool as what they were: what matches them waits with them."""
    _, _, _, candidates, _ = known
    work.note_suspects(side, candidates.values())
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
    """After a full read of these sides: links whose record was not listed are read by key, as there or as missing.

    The list says it ended, and no feed may ever tell so again: a copy that lags behind, and shows it as it was, is no
    proof that it did not. What is there is read once more after the settle time.
    """
    after = 0
    while True:
        rows: list[LinkRow] = yield from look(_links_after(work.spec.kind, after))
        if not rows:
            return
        after = rows[-1].id
        for side in (side for side in SIDES if side in sides):  # a set has no order that is the same in every process
            missing = work.spool.unlisted(side, [row.id for row in rows])
            links = {key: row for row in rows if row.id in missing and (key := row.keys[side]) is not None}
            if links:
                read = yield from read_keys(work, side, list(links))
                due = (yield from now()) + work.spec.settle
                work.unlisted.update({(side, key): due for key in read})
                old = [
                    (links[key].id, record, key)
                    for key, record in read.items()
                    if _is_old(work, links[key], side, record)
                ]
                work.spool.add_linked(side, old, replacing=False)


def _is_old(work: Work, link: LinkRow, side: Side, record: Record) -> bool:
    return work.later(side, link.seen[side], record.version)


def _links_after(kind: str, after: int) -> Callable[[Tx], list[LinkRow]]:
    return lambda tx: tx.page_links(kind, after, 500, [LinkState.LINKED, LinkState.HALF])
