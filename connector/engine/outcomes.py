"""What became of each write of a batch: settled, to be tried again, refused, or not known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from connector.engine.draft import Pending, Thread, candidate_of
from connector.engine.results import Results
from connector.engine.settle import sent_values, settle, source_of
from connector.engine.settle_lines import Trust
from connector.engine.work import Work, released_by, with_seen
from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Key, Op, Outcome, Record
from connector.model.rows import DeadRow, HintRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side


@dataclass(slots=True)
class Last(Results):
    """The rows of a batch's last commit."""

    denied: DeniedError | None = None


def take_outcome(work: Work, pending: Pending, outcome: Outcome, last: Last, at: float) -> None:
    thread, side, error = pending.thread, pending.side, outcome.error
    source, source_key = side.other, pending.settlement.source_key
    token = pending.write.token
    if error is None:
        thread.written = True
        _applied(work, pending, outcome, last, at)
        return
    thread.result = "failed"
    if isinstance(error, UncertainError):
        work.tally.extra["uncertain"] += 1
        work.note_trouble(str(error))
        work.leave(thread.link.id, side, pending.op)
        last.unsure[token] = at
        return  # the intent stays SENT: recovery finds out
    last.done.append(token)
    if pending.op is Op.CREATE:
        # Known not to be made: the record is as unlinked as before, and may be matched with one that people make.
        last.unmade.append(thread.link.id)
        last.candidates.extend(candidate_of(work, thread.item, source))
    key = source_key if source_key is not None else str(pending.write.key)
    # Without a link nothing else says which version was seen.
    seen = pending.settlement.version if pending.op is Op.CREATE else None
    if isinstance(error, (StaleError, NotFoundError)):
        thread.result = "skipped"
        _note_seen(pending, outcome, last)
        last.hints.append(HintRow(work.spec.kind, source, key, seen, "moved under us", at, 1, None, at))
    elif isinstance(error, TransientError):
        due = at + (error.after or 0.0)
        work.note_trouble(str(error))
        last.hints.append(HintRow(work.spec.kind, source, key, seen, f"try again: {error.code}", due, 1, None, at))
    elif isinstance(error, DeniedError):
        last.denied = error
        last.hints.append(HintRow(work.spec.kind, source, key, seen, "was denied", at, 1, None, at))
    else:
        last.journal.append(_refused(work, pending, at))
        last.dead.append(_dead_letter(work, pending, error, key, at))


def _note_seen(pending: Pending, outcome: Outcome, last: Last) -> None:
    """What moved was read: a copy that lags behind must not show it as it was before."""
    thread = pending.thread
    noted = with_seen(thread.link, pending.side, outcome.record)
    if noted is not thread.link:
        thread.link = last.updates[noted.id] = noted


def _dead_letter(work: Work, pending: Pending, error: ConnectorError, key: Key, at: float) -> DeadRow:
    """A refused write, parked under its source. A create that was refused leaves no link to name."""
    source = pending.side.other
    code = error.code if isinstance(error, RejectedError) else "error"
    record, op = pending.thread.item.records[source], pending.op
    version = record.version if record is not None else None
    link = None if op is Op.CREATE else pending.thread.link.id
    short = f"{work.spec.names[pending.side]} refused it"
    kind, detail = work.spec.kind, work.hide(str(error))
    return DeadRow(kind, source, key, op.value, short, code, at, 1, version, link, detail)


def _refused(work: Work, pending: Pending, at: float) -> JournalRow:
    """What was to be written, says the line before; this one, that the system did not take it."""
    fields, rule = ",".join(pending.units), "the system's answer"
    link, key = pending.thread.link.id, pending.write.key
    return JournalRow(at, work.run, work.spec.kind, link, pending.side, key, "refused", rule, fields)


def _applied(work: Work, pending: Pending, outcome: Outcome, last: Last, at: float) -> None:
    thread, side, settlement = pending.thread, pending.side, pending.settlement
    if settlement.retire:
        _ended(work, pending, last)
        return
    last.carry(thread.link, settlement, side)
    record = outcome.record
    if record is None:
        _not_shown(work, pending, outcome, last)
        return
    last.done.append(pending.write.token)
    if _overlapped(work, pending, record):
        fields, rule = ",".join(pending.units), "written by somebody else in the same moment"
        key, event = record.key, "overwritten"
        last.journal.append(JournalRow(at, work.run, work.spec.kind, thread.link.id, side, key, event, rule, fields))
        work.tally.extra["overlapped"] += 1
    settlement.shared = [unit for unit in settlement.shared if unit not in thread.settled]
    prints, sealed = source_of(work, thread.item, side.other, thread.link.id, thread.settled & settlement.units.keys())
    settlement.units.update(prints)
    settlement.sealed.update(sealed)
    thread.settled.update(settlement.units)
    trust, sent = Trust.OWN, None
    if outcome.existed:
        made = pending.read_back and (pending.op is Op.UPDATE or work.made_since(record, work.started))
        trust = Trust.APPLIED if made else Trust.UNSURE
        sent = sent_values(work, side, pending.write.body, pending.units)
    thread.link, decoded, shown = settle(
        work, thread.link, thread.base, settlement, side, record, trust=trust, sent=sent
    )
    last.updates[thread.link.id] = thread.link
    if pending.op is Op.CREATE:
        last.released.extend(released_by([thread.link]))
        if _may_be_remembered(work, side, record):
            reason = "may have been created before"
            last.hints.append(HintRow(work.spec.kind, side, record.key, None, reason, at, 0, None, at))
    item = thread.item
    item.records = item.records.with_(side, record)
    item.keys = item.keys.with_(side, record.key)
    item.decoded[side], item.encodings[side] = decoded, shown
    _flow_back(work, thread)
    if thread.follow:
        # Should we die before that, the run after us must not take the record for settled when the feed shows it.
        thread.link = replace(thread.link, prints=thread.link.prints.with_(side, None))
        last.updates[thread.link.id] = thread.link


def _ended(work: Work, pending: Pending, last: Last) -> None:
    """Deleted, or put out of use: the link is over, and so is whatever waited for a person in it."""
    thread, settlement = pending.thread, pending.settlement
    last.closed.extend((thread.link.id, unit) for unit in settlement.closes)
    work.tally.extra["deleted" if pending.op is Op.DELETE else "retired"] += 1
    last.done.append(pending.write.token)
    thread.link = last.end(thread.link, pending.side, pending.op, settlement.image)


def _may_be_remembered(work: Work, side: Side, record: Record) -> bool:
    """Whether the answer to a create may be that of an earlier time, which a store put back since knows nothing of.

    It shows the record as it was then: what became of it was told when no link knew it, and is told once. Clocks that
    differ cost a look too many at most.
    """
    capabilities = work.spec.systems[side].capabilities
    before = work.started - capabilities.granularity
    return capabilities.idempotency > 0 and (record.created is None or record.created.timestamp() < before)


def _not_shown(work: Work, pending: Pending, outcome: Outcome, last: Last) -> None:
    """Applied, and nothing could be shown: link it; the next run reads it and settles the fields."""
    thread = pending.thread
    if outcome.key is not None:
        thread.link = _linked(thread.link, pending.side, outcome.key)
        last.updates[thread.link.id] = thread.link
        last.released.extend(released_by([thread.link]))
    last.acked.append(pending.write.token)
    work.leave(thread.link.id, pending.side, pending.op)


def _overlapped(work: Work, pending: Pending, record: Record) -> bool:
    """Whether somebody wrote between our last look and our unconditional write: counted versions tell of it.

    What they wrote is not known any more; that it happened is.
    """
    capabilities = work.spec.systems[pending.side].capabilities
    before = pending.thread.item.records[pending.side]
    if capabilities.conditional_write or capabilities.versions != "counter" or before is None:
        return False
    counted = record.version.isdecimal() and before.version.isdecimal()
    return counted and not pending.read_back and int(record.version) - int(before.version) > 1


def _linked(link: LinkRow, side: Side, key: Key) -> LinkRow:
    return replace(link, state=LinkState.LINKED, keys=link.keys.with_(side, key))


def _flow_back(work: Work, thread: Thread) -> None:
    """Go on with what the target shows now: units both sides have but no agreement covers flow back at once.

    What was held is decided again: our own write is no change that anybody tells us of, and is what counts from now on.
    """
    item = thread.item
    left, right = item.encodings[Side.LEFT], item.encodings[Side.RIGHT]
    open_units = any(name in left and name in right and name not in thread.base.prints for name in work.shape.units)
    thread.follow = item.rounds < 2 and (open_units or bool(thread.held))
