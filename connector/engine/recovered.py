"""What recovery learned of an open intent, as rows: settled, dropped and planned anew, parked, or left open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from connector.engine.results import Results
from connector.engine.settle import Settlement, forget, sent_values, settle, settle_unseen, thaw
from connector.engine.settle_lines import Trust
from connector.engine.work import Work, released_by, with_seen
from connector.merge.base import pack, unpack
from connector.model.records import Op, Outcome, Record, Version
from connector.model.rows import CandidateRow, DeadRow, HintRow, IntentRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side, Values

REFUSED = 2
"""So many refusals come before a third, which is believed. An answer that says nothing of this write is none."""
WAITING = {"uncertain": "outcome unknown", "held": "in match review"}


@dataclass(slots=True)
class Found(Results):
    """What recovery learned in one page of intents. links: theirs; merged: those of records that were merged away."""

    links: dict[int, LinkRow] = field(default_factory=dict)
    merged: set[int] = field(default_factory=set)


def note_seen(row: IntentRow, record: Record | None, found: Found) -> None:
    """Its target was read: a copy that lags behind must not show it as it was before."""
    link = found.updates.get(row.link, found.links[row.link])
    noted = with_seen(link, row.side, record)
    if noted is not link:
        found.updates[row.link] = noted
    if record is not None and record.merged_into is not None:
        found.merged.add(row.link)


def is_old(work: Work, row: IntentRow, record: Record, found: Found) -> bool:
    """Whether a copy that lags behind was read: it tells nothing of a write planned on a newer one (I28)."""
    link = found.updates.get(row.link, found.links[row.link])
    return any(work.later(row.side, known, record.version) for known in (row.pre_version, link.seen[row.side]))


def drop(work: Work, row: IntentRow, found: Found, at: float, reason: str) -> None:
    """Not applied: forget the intent and plan the record anew. Without a link, only this says what was seen of it."""
    found.done.append(row.token)
    _look_again(work, row, found, at, reason, thaw(row.context).version if row.op == Op.CREATE else None)


def _look_again(
    work: Work, row: IntentRow, found: Found, at: float, reason: str, version: Version | None = None
) -> None:
    """Its source is read once more; version: an older one does not count as that."""
    key = thaw(row.context).source_key
    if key is not None:
        found.hints.append(HintRow(work.spec.kind, row.side.other, key, version, reason, at, 0, None, at))


def unmade(row: IntentRow, found: Found) -> None:
    """A create that is known not to have happened: its record is unlinked again."""
    if row.op == Op.CREATE:
        found.unmade.append(row.link)
        settlement = thaw(row.context)
        if settlement.match and settlement.source_key is not None:
            key, version, prints = settlement.source_key, settlement.version, tuple(settlement.match)
            found.candidates.append(CandidateRow(row.kind, row.side.other, key, version, prints))


def park(work: Work, row: IntentRow, found: Found, at: float, code: str, detail: str) -> None:
    """The intent ends as a dead letter."""
    settlement = thaw(row.context)
    key = settlement.source_key or str(row.target)
    short = WAITING.get(code, f"{work.spec.names[row.side]} refused it")
    kind, side, version = work.spec.kind, row.side.other, settlement.version
    found.done.append(row.token)
    link: int | None = row.link
    if code != "uncertain":
        unmade(row, found)
        link = None if row.op == Op.CREATE else link
    work.tally.extra["parked"] += 1
    found.dead.append(DeadRow(kind, side, key, row.op, short, code, at, 1, version, link, work.hide(detail)))


def not_shown(work: Work, row: IntentRow, outcome: Outcome, found: Found, at: float) -> None:
    if row.op == Op.DELETE:
        close_intent(work, row, found, at)
        return
    if outcome.key is not None:
        link = found.updates.get(row.link, found.links[row.link])
        new = replace(link, state=LinkState.LINKED, keys=link.keys.with_(row.side, outcome.key))
        found.updates[link.id] = new
        found.released.extend(released_by([new]))
    found.acked.append(row.token)
    work.leave(row.link, row.side, row.op)


def sent_of(work: Work, row: IntentRow) -> Values:
    body = work.vault.open(row.body, b"intent")
    return sent_values(work, row.side, body, [unit for unit in row.fields.split(",") if unit])


def _settlement(work: Work, row: IntentRow) -> Settlement:
    """What the write leaves in the base, without what is read in another way since."""
    settlement = thaw(row.context)
    if names := work.outdated(settlement.layout):
        forget(settlement, names)
    return settlement


def settle_intent(
    work: Work,
    row: IntentRow,
    record: Record,
    found: Found,
    at: float,
    trust: Trust | None = None,
) -> None:
    """Applied: link and base as the settlement says, and a hint so that the record is looked at once more.

    trust: None where what is shown may be younger than our write: it is all ours only where nothing came in between.
    """
    link = found.updates.get(row.link, found.links[row.link])
    settlement = _settlement(work, row)
    if settlement.retire:
        close_intent(work, row, found, at)
        return
    base = work.base_of(link)
    if trust is None:
        trust = Trust.OWN if _is_next(work, row, record) else Trust.APPLIED
    sent = None if trust is Trust.OWN else sent_of(work, row)
    new, _, _ = settle(work, link, base, settlement, row.side, record, trust=trust, sent=sent)
    found.updates[link.id] = new
    found.carry(link, settlement, row.side)
    if row.op == Op.CREATE:
        found.released.extend(released_by([new]))
    if row.token not in found.done:
        found.done.append(row.token)
        _look_again(work, row, found, at, "settled after an unknown outcome")
    found.journal.append(
        JournalRow(at, work.run, work.spec.kind, link.id, row.side, record.key, "recovered", row.op, row.fields)
    )


def _is_next(work: Work, row: IntentRow, record: Record) -> bool:
    """Whether nobody wrote between our last look and what is shown but us, once.

    That we wrote last is not enough: an older store that was put back knows nothing of our later writes, nor of what a
    person typed before those.
    """
    counted = work.spec.systems[row.side].capabilities.versions == "counter"
    if row.pre_version is None or not (counted and row.pre_version.isdecimal() and record.version.isdecimal()):
        return False
    return int(record.version) == int(row.pre_version) + 1 and work.is_last_ours(row.side, record)


def settle_part(work: Work, row: IntentRow, record: Record, found: Found) -> None:
    """Nobody can say whether it was applied: what the target shows as it was sent is agreed, the rest is planned anew.

    So a line that was added by it is not added again. What is read in another way since is left as it was: it is still
    planned as such.
    """
    link = found.updates.get(row.link, found.links[row.link])
    settlement = _settlement(work, row)
    if settlement.retire:
        return
    settlement.whole, settlement.written = None, {}
    layout = work.layouts.get(link.layout, ())
    base = unpack(link.base, layout)
    new, _, _ = settle(work, link, base, settlement, row.side, record, trust=Trust.PARTLY, sent=sent_of(work, row))
    found.updates[link.id] = replace(new, layout=link.layout, canon=link.canon, base=pack(base, layout))


def settle_gone(work: Work, row: IntentRow, found: Found) -> None:
    """It was done, and its target shows nothing any more: who is back at what was there before has changed it."""
    link = found.updates.get(row.link, found.links[row.link])
    settlement = thaw(row.context)
    if row.op != Op.UPDATE or settlement.retire or {settlement.layout, link.layout} != {work.layout}:
        doubt_source(work, row, found)
        return
    base, sent = work.base_of(link), sent_of(work, row)
    found.updates[link.id] = settle_unseen(work, link, base, settlement, row.side, sent)


def doubt_source(work: Work, row: IntentRow, found: Found, *, shown: bool = False) -> None:
    """It is given up: what it was written from may have been on both sides, or get there yet, and be typed over.

    Where the base knows nothing of that, what is typed back looks as if nobody had touched it: it is named when it is
    overwritten (0013). shown: its target was read, and told what is to be named of merged values (see `settle`).
    """
    settlement = thaw(row.context)
    if row.op != Op.UPDATE or settlement.retire:
        return
    units = {unit for unit in row.fields.split(",") if unit} - set(settlement.shared if shown else ())
    link = found.updates.get(row.link, found.links[row.link])
    layout = work.layouts.get(link.layout, ())
    base = unpack(link.base, layout)
    base.doubted = base.doubted | {(unit, row.side is Side.RIGHT) for unit in units}
    sent = work.shape.encodings(sent_of(work, row))
    brought = {(unit, work.shape.print(unit, sent[unit], row.side, link.id)) for unit in units & sent.keys()}
    base.brought = base.brought | brought
    found.updates[link.id] = replace(link, base=pack(base, layout))


def close_intent(work: Work, row: IntentRow, found: Found, at: float) -> None:
    """The link is over. Its source may have come back while nobody knew that: it was told then, and is told once."""
    settlement: Settlement = thaw(row.context)
    link = found.links[row.link]
    found.end(link, row.side, row.op, settlement.image)
    found.closed.extend((row.link, unit) for unit in settlement.closes)
    found.done.append(row.token)
    _look_again(work, row, found, at, "ended after an unknown outcome", link.seen[row.side.other])
