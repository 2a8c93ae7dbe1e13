"""Reads back what an update or a delete of unknown outcome was sent to: whether it was done, or may still be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connector.engine.effects import Effects, call
from connector.engine.lease import fenced
from connector.engine.likeness import shows
from connector.engine.recovered import (
    REFUSED,
    Found,
    close_intent,
    doubt_source,
    drop,
    is_old,
    note_seen,
    park,
    sent_of,
    settle_intent,
    settle_part,
    unmade,
)
from connector.engine.send import is_loose
from connector.engine.settle_lines import Trust
from connector.engine.work import Work
from connector.errors import ConnectorError, StaleError
from connector.model.records import Key, Op, Record
from connector.model.rows import IntentRow
from connector.model.values import Side


def read_back(
    work: Work,
    side: Side,
    rows: Sequence[IntentRow],
    found: Found,
    at: float,
    refused: Mapping[str, ConnectorError],
    known: Collection[str] = (),
) -> Effects[None]:
    """Read the targets: one that shows what was sent is settled, the rest is planned anew with the old base.

    Where only an older version than we know of could be read, the write stays open for the next run.

    refused: token -> answer to the second time. Of the first it says nothing: it may come before the system looks at
    the key. known: tokens that it remembers.
    """
    keys = [str(row.target) for row in rows]
    records: Mapping[Key, Record] = yield from call(side, "read", work.spec.systems[side].object, keys)
    for row in rows:
        record, error = records.get(str(row.target)), refused.get(row.token)
        if record is None or record.fields is None or row.op != Op.UPDATE:
            note_seen(row, record, found)
            doubt_source(work, row, found)
            drop(work, row, found, at, "outcome unknown, read again")
            unmade(row, found)
        elif is_old(work, row, record, found) or _is_unclear(work, row, record, error, known):
            work.leave(row.link, row.side, row.op)
            found.unsure[row.token] = row.sent or at  # if it was sent again, that try was not done
            found.refused.update([row.token] if error is not None else [])
        elif error is not None and not isinstance(error, StaleError) and record.version == row.pre_version:
            _refused_again(work, row, error, found, at)
        elif _is_anothers(work, row, record, error, known):
            note_seen(row, record, found)
            drop(work, row, found, at, "changed before it was written")
        elif shows(work.decode(side, record).values, sent_of(work, row)):
            settle_intent(work, row, record, found, at, None if work.is_last_ours(side, record) else Trust.ALIKE)
        else:
            settle_part(work, row, record, found)
            doubt_source(work, row, found, shown=True)
            drop(work, row, found, at, "outcome unknown, read again")


def _is_unclear(
    work: Work, row: IntentRow, record: Record, error: ConnectorError | None, known: Collection[str]
) -> bool:
    """Whether it was refused as changed, and the record does not say by whom: a third refusal is believed.

    A copy that shows no change lags behind. What others wrote last may have come after ours, or instead of it.
    """
    still = isinstance(error, StaleError) and row.attempts < REFUSED
    return still and (record.version == row.pre_version or _is_anothers(work, row, record, error, known))


def _is_anothers(
    work: Work, row: IntentRow, record: Record, error: ConnectorError | None, known: Collection[str]
) -> bool:
    """Whether others wrote last what is shown, where the target would have answered as the first time, had it done it.

    It may show what was sent: a person typed the same.
    """
    return isinstance(error, StaleError) and row.token in known and not work.is_last_ours(row.side, record)


def _refused_again(work: Work, row: IntentRow, error: ConnectorError, found: Found, at: float) -> None:
    """Refused now, and not done so far: the first request may still arrive, until its settle time is over."""
    sent = row.sent or at
    if at - sent >= work.spec.settle:
        park(work, row, found, at, error.code, str(error))
        return
    work.note_trouble(str(error))
    work.leave(row.link, row.side, row.op)
    found.unsure[row.token] = sent  # this try was not done


def look_for_deleted(
    work: Work, side: Side, rows: Sequence[IntentRow], found: Found, at: float
) -> Effects[list[IntentRow]]:
    """Read the targets of deletes: gone is done, changed is planned anew. Those that are as before, to be sent again.

    Not found once is no proof: the delete stays open, and is done when its target is not found again, the settle time
    later. One that changed may still go, as long as the first request may arrive and has no condition. Its link is left
    alone until then: planned anew, a source that came back would be deleted, too.
    """
    keys = [str(row.target) for row in rows]
    records: Mapping[Key, Record] = yield from call(side, "read", work.spec.systems[side].object, keys)
    again, noted = [], []
    for row in rows:
        record = records.get(str(row.target))
        there = [replace(row, attempts=0)] if row.attempts else []
        if record is None and (not row.attempts or at - (row.sent or at) < work.spec.settle):
            work.leave(row.link, row.side, row.op)
            noted.extend([] if row.attempts else [replace(row, sent=at, attempts=1)])
        elif record is None or record.deleted:
            close_intent(work, row, found, at)
        elif is_old(work, row, record, found) or _may_still_delete(work, row, record, at):
            note_seen(row, record, found)
            work.leave(row.link, row.side, row.op)
            noted.extend(there)
        elif record.version == row.pre_version:
            again.append(row)
            noted.extend(there)
        else:
            note_seen(row, record, found)
            drop(work, row, found, at, "changed before it was deleted")
    if noted:
        yield from fenced(work, lambda tx: tx.put_intents(noted))
    return again


def _may_still_delete(work: Work, row: IntentRow, record: Record, at: float) -> bool:
    """Whether a request on its way takes a record that changed since: it has no condition, and may yet arrive."""
    changed, sent = record.version != row.pre_version, row.sent or at
    return changed and is_loose(work, row.side, Op.DELETE) and at - sent < work.spec.settle
