"""Applies a batch of plans: first commit (intents before anything is sent), writes, last commit (what they left).

T1  links, adopts, conflicts, losers, intents PLANNED or SENT        one durable commit
W   the calls, in waves, in parallel up to each system's concurrency; before each wave
T2  targets without conditional writes: read again; moved -> given up, else SENT
T3  applied -> settle; not applied -> hint or dead letter; unknown -> stays SENT for recovery
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connector.engine.children import CHILDREN
from connector.engine.draft import WAITS, Draft, Pending, Thread
from connector.engine.drafter import Drafter
from connector.engine.effects import Call, Effects, commit, now
from connector.engine.endings import close, deleted_side, end, merged_alone, store_aliases
from connector.engine.item import Item, ItemPlan
from connector.engine.lease import fence
from connector.engine.outcomes import Last, take_outcome
from connector.engine.results import merged_meanwhile, store_results
from connector.engine.send import send
from connector.engine.survivors import Survivors, find_survivors, put_off
from connector.engine.work import MISSING, PARTNER_MISSING, UNLISTED, Work, released_by, with_seen
from connector.errors import ConnectorError
from connector.merge.base import Base
from connector.merge.records import Step
from connector.model.records import Key, Op, Outcome
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.ports import Tx

ID_BLOCK = 1000


def take_ids(work: Work, count: int) -> Effects[None]:
    """Make sure that many link ids are at hand; they come from the store in blocks."""
    if len(work.ids) < count:
        block: range = yield from commit(lambda tx: tx.reserve_ids(max(count, ID_BLOCK)))
        work.own_ids = min(work.own_ids, block.start)
        work.ids.extend(reversed(block))


def apply_batch(work: Work, plans: Sequence[ItemPlan]) -> Effects[list[Item]]:
    """Carry out the plans; the items that need another round right away (something flows back)."""
    at = yield from now()
    yield from take_ids(work, len(plans))
    survivors = yield from find_survivors(work, plans)
    drafter = Drafter(work, at)
    threads = [_noted(drafter, put_off(work, plan), survivors) for plan in plans]
    draft = drafter.draft
    yield from commit(lambda tx: _first_commit(tx, work, draft, at), durable=True)
    sent = yield from send(work, draft.pending)
    outcomes = sent.outcomes
    yield from _show(work, draft.pending, outcomes)
    at = yield from now()
    last = Last()
    for pending in [p for p in draft.pending if p.write.token in outcomes]:
        take_outcome(work, pending, outcomes[pending.write.token], last, at)
    creates = [(p.side, p.thread.link.id) for p in draft.pending if p.op is Op.CREATE]
    yield from merged_meanwhile(work, [made for made in creates if made[1] in last.updates], last)
    if outcomes:
        yield from commit(lambda tx: store_results(tx, work, last, at))
    for thread in threads:
        if thread.item.rounds == 0:
            # Where one side moved under us and the other was written, the record was not left alone.
            work.tally.add("updated" if thread.result == "skipped" and thread.written else thread.result)
    failure = sent.failure or last.denied
    if failure is not None:
        raise failure
    return [_again(thread) for thread in threads if thread.follow]


def _noted(drafter: Drafter, plan: ItemPlan, survivors: Survivors) -> Thread:
    """Draft one item, and note the versions it was decided on, also where its link is left as it is."""
    item, before = plan.item, plan.item.link
    if before is None or item.fresh:
        return _draft(drafter, plan, survivors)
    for side in SIDES:
        item.link = with_seen(item.link or before, side, item.records[side])
    updates = drafter.draft.updates
    known = len(updates)
    thread = _draft(drafter, plan, survivors)
    _note_unlisted(drafter, item)
    if item.link is not None and item.link is not before and len(updates) == known:
        updates.append(item.link)
    return thread


def _note_unlisted(drafter: Drafter, item: Item) -> None:
    """What no list shows and was there when read is read once more: a look before its time puts off none that tells."""
    for side in SIDES:
        record, place = item.records[side], (side, str(item.keys[side]))
        due = drafter.work.unlisted.get(place, 0.0)
        alive = record is not None and not record.deleted and record.merged_into is None
        if alive and due > drafter.work.looked and place not in drafter.draft.hints:
            drafter.hint(*place, UNLISTED, due)


def _draft(drafter: Drafter, plan: ItemPlan, survivors: Survivors) -> Thread:
    item = plan.item
    if item.link is not None and item.link.id in drafter.work.open_links:
        drafter.wait(item)
        return Thread(item, item.link, plan.base, "held")
    for side in SIDES:
        key = item.keys[side]
        if key is not None and drafter.work.hinted and (side, key) not in drafter.work.behind:
            drafter.draft.handled.append((side, key))
    if plan.taken:
        for side in SIDES:
            key = item.keys[side]
            if key is not None:
                shown = drafter.work.shown.pop((side, key), None)
                drafter.hint(side, key, plan.reason, drafter.now, version=shown.version if shown is not None else None)
        return Thread(item, LinkRow(0, "", LinkState.HALF, item.keys), plan.base, "skipped")
    if plan.told:
        if plan.reason == CHILDREN:
            side = deleted_side(item)
            drafter.hint(side, str(item.keys[side]), plan.reason, drafter.now + WAITS)
        return Thread(item, item.link or LinkRow(0, "", LinkState.HALF, item.keys), plan.base)
    if plan.create is not None:
        return drafter.create(plan)
    if item.single is not None:
        return _not_created(drafter, plan, item.single, survivors)
    if plan.step in (Step.KEEP, Step.MERGE):
        return drafter.merge(plan)
    if item.fresh:
        assert plan.step is Step.WAIT  # what has ended is nobody's mate
        return _not_yet(drafter, item)
    return end(drafter, plan, survivors)


def _not_created(drafter: Drafter, plan: ItemPlan, source: Side, survivors: Survivors) -> Thread:
    """An unlinked record that is not created: it waits, is refused, or the sync creates nothing there."""
    item, key = plan.item, plan.item.keys[source]
    assert key is not None
    thread = Thread(item, item.link or LinkRow(0, "", LinkState.HALF, item.keys), plan.base, "skipped")
    record = item.records[source]
    if merged_alone(drafter, thread, source, survivors):
        return thread
    if item.link is not None and record is not None and record.deleted:
        close(drafter, thread, ended=source)
        return thread
    if plan.reason == MISSING:
        drafter.hint(source, key, MISSING, drafter.now + drafter.spec.settle)
        drafter.work.tally.extra["unconfirmed"] += 1
    elif plan.waits is not None:
        due = drafter.now + (drafter.spec.settle if not plan.waits else 6 * 3600)
        seen = record.version if record is not None and item.link is None else None
        drafter.hint(source, key, plan.reason, due, plan.waits or None, version=seen)
        drafter.draft.awaited.update([plan.waits] if plan.waits else [])
        if item.link is None and (source, key) not in drafter.work.behind:
            drafter.candidate(item, source)  # its partner may come before what it waits for
        thread.result = "held"
        drafter.work.tally.extra["waiting"] += 1
    elif plan.refused:
        drafter.refuse(item, source, "create", plan.reason, "held" if item.doubt else "refused")
        thread.result = "failed"
    elif item.link is None:
        drafter.candidate(item, source)
    return thread


def _not_yet(drafter: Drafter, item: Item) -> Thread:
    """Two records that belong together, one of which was not found, or read as it no longer is: both are read again.

    The other one is remembered for matching: whichever comes up first finds its partner.
    """
    missing = [side for side in SIDES if (side, item.keys[side]) in drafter.work.absent]
    reason = PARTNER_MISSING if missing else "an old version was read of its partner"
    for side in SIDES:
        key = item.keys[side]
        if key is not None and side in missing:
            drafter.hint(side, key, MISSING, drafter.now + drafter.spec.settle)
        elif key is not None and (side, key) not in drafter.work.behind:
            drafter.candidate(item, side)
            drafter.hint(side, key, reason, drafter.now + drafter.spec.settle)
    drafter.work.tally.extra["unconfirmed"] += 1
    return Thread(item, LinkRow(0, "", LinkState.HALF, item.keys), Base(), "skipped")


def _first_commit(tx: Tx, work: Work, draft: Draft, at: float) -> None:
    kind = work.spec.kind
    fence(tx, work, at)
    if draft.inserts:
        tx.insert_links(draft.inserts)
        tx.release_hints(released_by(draft.inserts))
    if draft.candidates:
        tx.put_candidates(draft.candidates)
    if work.reviewing:
        for side in SIDES:
            tx.drop_candidates(kind, side, [key for row in draft.inserts if (key := row.keys[side]) is not None])
    if draft.updates:
        tx.update_links(draft.updates)
    for side in SIDES:
        again = {key: hint.waits for (s, key), hint in draft.hints.items() if s is side}
        looked = [key for s, key in draft.handled if s is side]
        handled = [key for key in looked if key not in again]
        if handled:
            tx.drop_hints(kind, side, handled, work.looked, at)
        if looked:  # what waits for another record, or only for a second look, is not refused any more
            once_more = {key for (s, key), hint in draft.hints.items() if s is side and hint.reason == UNLISTED}
            tx.drop_dead(kind, side, [key for key in looked if key in once_more or again.get(key, "") is not None])
        ended = [key for s, key in draft.tombstones if s is side]
        if ended:
            tx.add_tombstones(kind, side, ended, work.started)
    if draft.intents:
        tx.put_intents(draft.intents)
    if draft.closed:
        tx.drop_conflicts(draft.closed)
    if draft.conflicts:
        tx.put_conflicts(draft.conflicts)
    if draft.hints:
        tx.put_hints(list(draft.hints.values()))
    if draft.awaited:
        tx.release_hints(_linked_meanwhile(tx, draft.awaited))
    if draft.aliases:
        store_aliases(tx, kind, draft)  # releases hints: those of this very batch, too
    if draft.dead:
        tx.put_dead(draft.dead)
    if draft.journal:
        tx.append_journal(draft.journal)


def _linked_meanwhile(tx: Tx, awaited: Collection[str]) -> list[str]:
    """Those that are linked by now: by this very batch, or by the sync of another entity since we looked."""
    asked: dict[tuple[str, str], dict[Key, str]] = {}
    for waits in sorted(awaited):
        kind, side, key = waits.rsplit("/", 2)
        asked.setdefault((kind, side), {})[key] = waits
    found = []
    for (kind, side), keys in asked.items():
        links = tx.links_by_key(kind, Side(side), list(keys))
        found += [keys[key] for key, link in links.items() if link.state is LinkState.LINKED]
    return found


def _show(work: Work, pending: Sequence[Pending], outcomes: dict[str, Outcome]) -> Effects[None]:
    """Read what was applied without being shown. What cannot be read now, or is old, stays ACKED for recovery."""
    for side in SIDES:
        dark = {
            key: p
            for p in pending
            if p.side is side
            and p.op is not Op.DELETE
            and (outcome := outcomes.get(p.write.token)) is not None
            and outcome.error is None
            and outcome.record is None
            and (key := outcome.key or p.write.key) is not None
        }
        if not dark:
            continue
        (found,) = yield [Call(side, "read", (work.spec.systems[side].object, list(dark)))]
        if isinstance(found, Exception) and not isinstance(found, ConnectorError):
            raise found
        for key, record in found.items() if isinstance(found, Mapping) else ():
            if record.fields is not None and record.version != dark[key].write.version:
                outcomes[dark[key].write.token] = Outcome(key, record, existed=True)
                dark[key].read_back = True


def _again(thread: Thread) -> Item:
    item = thread.item
    item.link = thread.link
    item.fresh = False
    item.wholes = {}
    item.rounds += 1
    return item
