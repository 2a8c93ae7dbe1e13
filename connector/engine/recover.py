"""Settles what a crash or a lost answer left open, before anything new is planned. Source: sync protocol, section 3.

| intent | target offers | what is done |
|---|---|---|
| PLANNED | any | never sent: dropped, planned again |
| create | unique external key, or a live idempotency key | the same bytes again: the same record answers; refused |
| | | instead, it is looked for after `settle`, as below; where it could not be found, three refusals end it; |
| | | a searchable key is looked for before |
| create | searchable external key | after `settle`: one hit of ours is it; none: sent again; more: a person |
| create | created-by filter | after `settle`: an unlinked record of ours that shows what was sent, or the only one |
| | | of that name; none: sent again; several: a person |
| create | any external key | what is read later in the run, of ours and with that key: linked at once, see `tagged` |
| create | nothing | after `settle`: the record that the match rules find; several: a person, and nothing is made of |
| | | any of them; none: sent again: a duplicate is possible where nothing is matched, and the capability report says |
| | | so; three refusals: a person |
| update | conditional writes | the same bytes again; refused: read, and settle if it shows what was sent; if it is at |
| | | the version from before the first time, that may still arrive: open until `settle`, then a person; |
| | | refused as changed, it shows no change, or one of others though the key is live: open until the third |
| | | refusal, then planned again; |
| | | not sent to the image of a record that was just read as merged away: dropped, the image stays as it is |
| update | neither | after `settle`: read; shows what was sent: settle; else planned again |
| delete | any | read: gone is done; not found is gone when it is so again, the settle time later; unchanged: sent |
| | | again; changed: planned again, without conditional writes after `settle`: until then it may still go |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connector.engine.effects import Effects, call, commit, look, now
from connector.engine.likeness import assign, find_alike, find_tagged, own_unlinked
from connector.engine.read_back import look_for_deleted, read_back
from connector.engine.recovered import (
    REFUSED,
    Found,
    drop,
    is_old,
    note_seen,
    park,
    settle_gone,
    settle_intent,
    unmade,
)
from connector.engine.resend import Refused, remembered, send_again
from connector.engine.results import merged_meanwhile, store_results
from connector.engine.send import is_loose, part_size
from connector.engine.settle import thaw
from connector.engine.settle_lines import Trust
from connector.engine.spec import SystemSpec
from connector.engine.work import WRITE_OPEN, Work
from connector.errors import (
    ConnectorError,
    StaleError,
)
from connector.model.records import Key, Op, Record
from connector.model.rows import CandidateRow, IntentRow, IntentState, LinkRow
from connector.model.values import SIDES, Side
from connector.ports import Tx

PAGE = 500


def recover(work: Work) -> Effects[None]:
    """Settle every open intent of the kind that can be settled now; links of the others are left alone this run."""
    after = ""
    writes: Counter[int] = Counter()
    while True:
        rows: list[IntentRow] = yield from look(_open(work.spec.kind, after))
        if not rows:
            return
        if not after:
            writes = yield from _open_per_link(work, rows)
        after = rows[-1].token
        found = Found()
        found.links = yield from look(_links([row.link for row in rows]))
        at = yield from now()
        yield from _page(work, rows, found, at)
        yield from _merged_meanwhile(work, rows, found)
        _note_waits(rows, found, writes)
        yield from commit(_stored(work, found, at), durable=True)
        work.tally.extra["recovered"] += len(found.done)


def _open_per_link(work: Work, rows: Sequence[IntentRow]) -> Effects[Counter[int]]:
    """How many writes each link has open. rows: the first page of them."""
    writes = Counter(row.link for row in rows)
    while len(rows) == PAGE:
        rows = yield from look(_open(work.spec.kind, rows[-1].token))
        writes.update(row.link for row in rows)
    return writes


def _note_waits(rows: Sequence[IntentRow], found: Found, writes: Counter[int]) -> None:
    """Where a link's other write is still open, its records go on waiting: the wait is the same, and so its age (I44).

    writes: how many each link has open, of which those that are over are taken.
    """
    done = set(found.done)
    writes.subtract(row.link for row in rows if row.token in done)
    links = {row.link for row in rows if row.token in done and writes[row.link]}
    waiting = {(side, found.links[link].keys[side]) for link in links for side in SIDES}
    found.hints = [
        replace(hint, reason=WRITE_OPEN) if (hint.side, hint.key) in waiting else hint for hint in found.hints
    ]


def note_open(work: Work) -> Effects[None]:
    """For a dry run: remember which links have open intents, and settle nothing."""
    after = ""
    while True:
        rows: list[IntentRow] = yield from look(_open(work.spec.kind, after))
        if not rows:
            return
        after = rows[-1].token
        for row in rows:
            work.leave(row.link, row.side, row.op)


def _open(kind: str, after: str) -> Callable[[Tx], list[IntentRow]]:
    return lambda tx: tx.open_intents(kind, after, PAGE)


def _stored(work: Work, found: Found, at: float) -> Callable[[Tx], None]:
    return lambda tx: store_results(tx, work, found, at)


def _links(ids: Sequence[int]) -> Callable[[Tx], dict[int, LinkRow]]:
    return lambda tx: tx.links_by_id(ids)


def _page(work: Work, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    for row in rows:
        if row.state is IntentState.PLANNED:
            drop(work, row, found, at, "planned, never sent")
            unmade(row, found)
    for side in SIDES:
        mine = [row for row in rows if row.side is side and row.state is IntentState.SENT]
        acked = [row for row in rows if row.side is side and row.state is IntentState.ACKED]
        if acked:
            yield from _acked(work, side, acked, found, at)
        creates = [row for row in mine if row.op == Op.CREATE]
        updates = [row for row in mine if row.op == Op.UPDATE]
        deletes = [row for row in mine if row.op == Op.DELETE]
        if creates:
            yield from _creates(work, side, creates, found, at)
        if updates:
            yield from _updates(work, side, updates, found, at)
        if deletes:
            yield from _deletes(work, side, deletes, found, at)


def _merged_meanwhile(work: Work, rows: Sequence[IntentRow], found: Found) -> Effects[None]:
    creates = [(row.side, row.link) for row in rows if row.op == Op.CREATE and row.link in found.updates]
    yield from merged_meanwhile(work, creates, found)


def _acked(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    """Applied and not shown: read until the record is newer than before the write, then settle."""
    keys = {row.token: row.target or str(found.links[row.link].keys[side]) for row in rows}
    records: Mapping[Key, Record] = yield from call(
        side, "read", work.spec.systems[side].object, list(dict.fromkeys(keys.values()))
    )
    for row in rows:
        record = records.get(keys[row.token])
        if record is None or record.fields is None:
            note_seen(row, record, found)
            settle_gone(work, row, found)
            drop(work, row, found, at, "written, and gone since")
        elif record.version == row.pre_version or is_old(work, row, record, found):
            work.leave(row.link, row.side, row.op)
        else:
            made = row.op == Op.UPDATE or work.made_since(record, row.first_sent)
            settle_intent(work, row, record, found, at, None if made else Trust.UNSURE)


# -------------------------------------------------------------------------------------------------- creates


def _creates(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    system = work.spec.systems[side]
    capabilities = system.capabilities
    alive = [row for row in rows if remembered(capabilities, row, at)]
    if capabilities.external_key == "unique" and system.mapping.external_key is not None:
        yield from _replay(work, side, rows, found, at)
        return
    rest = [row for row in rows if row not in alive]
    if alive and _is_tagged(system):
        # A store that was put back may know it by other bytes than those that were sent last: they had another key.
        alive = yield from _search(work, side, alive, found, at)
    if alive:
        yield from _replay(work, side, alive, found, at)
    ripe = [row for row in rest if at - (row.sent or at) >= work.spec.settle]
    for row in rest:
        if row not in ripe:
            work.leave(row.link, row.side, row.op)
    again = yield from _look_for(work, side, ripe, found, at)
    refused = (yield from send_again(work, side, again, found, at)) if again else []
    _refused(work, refused, again, ripe, found, at)


def _replay(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    """The same record answers; where one is refused instead, the first try is looked for when `settle` is over."""
    refused = yield from send_again(work, side, rows, found, at)
    ripe = [row for row, _ in refused if at - (row.sent or at) >= work.spec.settle]
    missing = yield from _look_for(work, side, ripe, found, at)
    _refused(work, refused, missing, ripe, found, at)


def _refused(
    work: Work,
    refused: Refused,
    missing: Sequence[IntentRow],
    ripe: Sequence[IntentRow],
    found: Found,
    at: float,
) -> None:
    """Over, where it would have been found, or at the third refusal; else the first try may have made it."""
    for row, error in refused:
        if row in missing and (row.attempts >= REFUSED or _can_be_found(work, row)):
            _not_made(work, row, error, found, at)
        elif row in missing or row not in ripe:
            work.note_trouble(str(error))
            work.leave(row.link, row.side, row.op)
            found.unsure[row.token] = row.sent or at  # this try was not done
            found.refused.add(row.token)


def _not_made(work: Work, row: IntentRow, error: ConnectorError, found: Found, at: float) -> None:
    """Planned anew, where that is known; where it is only believed, a row says so."""
    if not (_can_be_found(work, row) or remembered(work.spec.systems[row.side].capabilities, row, at)):
        park(work, row, found, at, "uncertain", str(error))  # nothing will ever tell
    elif isinstance(error, StaleError):
        drop(work, row, found, at, "changed before it was written")
        unmade(row, found)
    else:
        park(work, row, found, at, error.code, str(error))


def _can_be_found(work: Work, row: IntentRow) -> bool:
    """Whether a record that we made would be found again, by a key of ours, by its maker, or by the match rules."""
    return _is_told(work.spec.systems[row.side]) or any(thaw(row.context).match)


def _is_told(system: SystemSpec) -> bool:
    """Whether a record there shows that we made it."""
    return _is_tagged(system) or (system.capabilities.created_by and system.principal is not None)


def _is_tagged(system: SystemSpec) -> bool:
    """Whether a record that we made there carries a key of ours by which it can be asked for."""
    return system.capabilities.external_key != "none" and system.mapping.external_key is not None


def _look_for(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[list[IntentRow]]:
    """Find what these creates made, by all that the system offers; those that made nothing one can find."""
    system = work.spec.systems[side]
    if not rows:
        return []
    if _is_tagged(system):
        rows = yield from _search(work, side, rows, found, at)
    elif system.capabilities.created_by and system.principal is not None:
        rows = yield from _own_records(work, side, rows, found, at)
    return (yield from _by_natural_key(work, side, rows, found, at))


def _by_natural_key(
    work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float
) -> Effects[list[IntentRow]]:
    """Look for unlinked records that the match rules take for the one sent; those without such a record."""
    hits = yield from find_alike(work, side, rows)
    again = []
    for row in rows:
        alike = hits.get(row.token, [])
        if len(alike) == 1:
            settle_intent(work, row, alike[0], found, at, Trust.UNSURE)  # it may as well be a person's
        elif alike:
            # One of them may be ours: an ambiguous match, for a person to review.
            park(work, row, found, at, "held", f"{len(alike)} records are like the one sent")
            _note_suspects(work, row, alike, found)
        else:
            again.append(row)
    return again


def _note_suspects(work: Work, row: IntentRow, alike: Sequence[Record], found: Found) -> None:
    """One of these may be ours, and its system does not say so: that outlives the record the create was made of."""
    source = thaw(row.context).source_key
    for record in alike if not _is_told(work.spec.systems[row.side]) else ():
        prints = work.match_prints(row.side, work.decode(row.side, record))
        found.candidates.append(CandidateRow(row.kind, row.side, record.key, record.version, prints, source, True))


def _search(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[list[IntentRow]]:
    """Look for the external keys we wrote, only among records of our own; those that were not found."""
    hits = yield from find_tagged(work, side, [row.external for row in rows if row.external])
    again = []
    for row in rows:
        records = hits.get(row.external or "", [])
        if len(records) == 1:
            settle_intent(work, row, records[0], found, at)
        elif not records:
            again.append(row)
        else:
            park(work, row, found, at, "uncertain", f"{len(records)} records carry the key {row.external}")
    return again


def _own_records(
    work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float
) -> Effects[list[IntentRow]]:
    """Among the unlinked records we made: the one that shows what was sent; or the only one of that name."""
    free = yield from own_unlinked(work, side, min(row.first_sent or at for row in rows))
    made, missing, unclear = assign(work, side, rows, free)
    for row, record in made:
        settle_intent(work, row, record, found, at)
    for row, count in unclear:
        park(work, row, found, at, "uncertain", f"{count} records of that name could be the one made")
    return missing


# ------------------------------------------------------------------------------------------------- updates


def _updates(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    if work.spec.systems[side].capabilities.conditional_write:
        for row in rows:
            if row.link in found.merged:
                # Whether it was done does not matter any more: the image is left as it is.
                drop(work, row, found, at, "its partner was merged into another record")
        again = [row for row in rows if row.link not in found.merged]
        if again:
            yield from send_again(work, side, again, found, at)
        return
    ripe = [row for row in rows if at - (row.sent or at) >= work.spec.settle]
    for row in rows:
        if row not in ripe:
            work.leave(row.link, row.side, row.op)
    if ripe:
        yield from read_back(work, side, ripe, found, at, {})


# ------------------------------------------------------------------------------------------------- deletes


def _deletes(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    """Without a condition the look counts: no more at once than one call reads, and one writes."""
    loose = is_loose(work, side, Op.DELETE)
    size = part_size(work, side, Op.DELETE) if loose else len(rows)
    for start in range(0, len(rows), size):
        yield from _delete(work, side, rows[start : start + size], found, at)


def _delete(work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float) -> Effects[None]:
    again = yield from look_for_deleted(work, side, rows, found, at)
    if again:
        yield from send_again(work, side, again, found, at)
