"""Applies a batch of plans: first commit (intents before anything is sent), writes, last commit (what they left).

T1  links, adopts, conflicts, losers, intents PLANNED or SENT        one durable commit
T2  targets without conditional writes: read again; moved -> given up, else SENT
W   the calls, in parallel up to each system's concurrency
T3  applied -> settle; not applied -> hint or dead letter; unknown -> stays SENT for recovery
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.engine.children import CHILDREN
from connector.engine.draft import WAITS, Draft, Pending, Thread
from connector.engine.drafter import Drafter
from connector.engine.effects import Call, Effects, call, commit, now
from connector.engine.endings import close, deleted_side, end, lead_on, merged_alone, store_aliases
from connector.engine.item import Item, ItemPlan
from connector.engine.lease import fence, keep_lease
from connector.engine.outcomes import Last, take_outcome
from connector.engine.results import mark_sent, merged_meanwhile, store_results
from connector.engine.survivors import Survivors, find_survivors
from connector.engine.work import MISSING, Work, released_by, with_seen
from connector.errors import (
    ConnectorError,
    StaleError,
    UncertainError,
)
from connector.merge.base import Base
from connector.merge.records import Step
from connector.model.records import Key, Op, Outcome, Record, WriteResult
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.ports import Tx

ID_BLOCK = 1000


def take_ids(work: Work, count: int) -> Effects[None]:
    """Make sure that many link ids are at hand; they come from the store in blocks."""
    if len(work.ids) < count:
        block: range = yield from commit(lambda tx: tx.reserve_ids(max(count, ID_BLOCK)))
        work.ids.extend(reversed(block))


def apply_batch(work: Work, plans: Sequence[ItemPlan]) -> Effects[list[Item]]:
    """Carry out the plans; the items that need another round right away (something flows back)."""
    at = yield from now()
    yield from take_ids(work, len(plans))
    survivors = yield from find_survivors(work, plans)
    drafter = Drafter(work, at)
    threads = [_noted(drafter, plan, survivors) for plan in plans]
    draft = drafter.draft
    yield from commit(lambda tx: _first_commit(tx, work, draft, at), durable=True)
    given_up = yield from _second_commit(work, draft)
    outcomes = yield from _send(work, [p for p in draft.pending if p.write.token not in given_up])
    yield from _show(work, draft.pending, outcomes)
    at = yield from now()
    last = Last()
    for pending in draft.pending:
        token = pending.write.token
        outcome = outcomes.get(token) or Outcome(None, given_up.get(token), StaleError("changed before it was written"))
        take_outcome(work, pending, outcome, last, at)
    creates = [(p.side, p.thread.link.id) for p in draft.pending if p.op is Op.CREATE]
    yield from merged_meanwhile(work, [made for made in creates if made[1] in last.updates], last)
    if draft.pending:
        yield from commit(lambda tx: store_results(tx, work, last, at))
    for thread in threads:
        if thread.item.rounds == 0:
            work.tally.add(thread.result)
    if last.denied is not None:
        raise last.denied
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
    if item.link is not None and item.link is not before and len(updates) == known:
        updates.append(item.link)
    return thread


def _draft(drafter: Drafter, plan: ItemPlan, survivors: Survivors) -> Thread:
    item = plan.item
    if item.link is not None and item.link.id in drafter.work.open_links:
        if item.single is None:
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
                drafter.hint(side, key, plan.reason, drafter.now)
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
        return _not_yet(drafter, item) if plan.step is Step.WAIT else _not_linked(drafter, item, survivors)
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
        drafter.hint(source, key, plan.reason, due, plan.waits or None)
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


def _not_linked(drafter: Drafter, item: Item, survivors: Survivors) -> Thread:
    """Two records that belong together, of which one has ended: the other is looked at again, alone."""
    thread = Thread(item, LinkRow(0, "", LinkState.HALF, item.keys), Base(), "skipped")
    for side in SIDES:
        record = item.records[side]
        if record is not None and record.merged_into is not None:
            lead_on(drafter, side, record, survivors)
        elif record is not None and not record.deleted:
            drafter.hint(side, record.key, "its partner has ended", drafter.now)
    return thread


def _not_yet(drafter: Drafter, item: Item) -> Thread:
    """Two records that belong together, one of which was read as it no longer is: both are looked at again.

    The other one is remembered for matching: whichever comes up first finds its partner.
    """
    for side in SIDES:
        key = item.keys[side]
        if key is not None and (side, key) in drafter.work.absent:
            drafter.hint(side, key, MISSING, drafter.now + drafter.spec.settle)
        elif key is not None and (side, key) not in drafter.work.behind:
            drafter.candidate(item, side)
            drafter.hint(side, key, "an old version was read of its partner", drafter.now + drafter.spec.settle)
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
        again = {hint.key for hint in draft.hints if hint.side is side}
        handled = [key for s, key in draft.handled if s is side and key not in again]
        if handled:
            tx.drop_hints(kind, side, handled, work.looked, at)
            tx.drop_dead(kind, side, handled)
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
        tx.put_hints(draft.hints)
    if draft.aliases:
        store_aliases(tx, kind, draft)  # releases hints: those of this very batch, too
    if draft.dead:
        tx.put_dead(draft.dead)
    if draft.journal:
        tx.append_journal(draft.journal)


def _second_commit(work: Work, draft: Draft) -> Effects[dict[str, Record | None]]:
    """Where writes are unconditional: read again right before, give up what moved, mark the rest as sent.

    The writes given up, by token, with what their target showed, if it was read. A record that moved is the source of
    the write on the other side, if there is one: that was decided on what is old.
    """
    shown: dict[str, Record | None] = {}
    moved: set[int] = set()
    for side in SIDES:
        loose = [p for p in draft.pending if p.side is side and p.op is not Op.CREATE]
        if work.spec.systems[side].capabilities.conditional_write or not loose:
            continue
        keys = [str(p.write.key) for p in loose]
        fresh: Mapping[Key, Record] = yield from call(side, "read", work.spec.systems[side].object, keys)
        for pending in loose:
            record, planned = fresh.get(str(pending.write.key)), pending.thread.item.records[side]
            shown[pending.write.token] = record
            if record is None or planned is None or record.version != planned.version:
                moved.add(pending.thread.link.id)
    ready = [p.write.token for p in draft.pending if p.write.token in shown and p.thread.link.id not in moved]
    if ready:
        at = yield from now()
        yield from commit(lambda tx: mark_sent(tx, work, ready, at), durable=True)
    return {p.write.token: shown.get(p.write.token) for p in draft.pending if p.thread.link.id in moved}


def _send(work: Work, pending: Sequence[Pending]) -> Effects[dict[str, Outcome]]:
    """Make the calls: one Op per call, at most batch_write writes each, both sides side by side."""
    calls: list[tuple[list[Pending], Call]] = []
    for side in SIDES:
        system = work.spec.systems[side]
        size = system.capabilities.batch_write
        for op in Op:
            group = [p for p in pending if p.side is side and p.op is op]
            for start in range(0, len(group), size):
                part = group[start : start + size]
                calls.append((part, Call(side, "write", (system.object, [p.write for p in part]))))
    outcomes: dict[str, Outcome] = {}
    width = max(1, min(system.capabilities.concurrency for system in work.spec.systems))
    for start in range(0, len(calls), width):
        wave = calls[start : start + width]
        yield from keep_lease(work)
        answers = yield [effect for _, effect in wave]
        for (part, effect), answer in zip(wave, answers, strict=True):
            work.tally.extra["write calls"] += 1
            outcomes.update(_outcomes(work, effect.side, part, answer))
    return outcomes


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


def _outcomes(work: Work, side: Side, part: Sequence[Pending], answer: WriteResult | Exception) -> dict[str, Outcome]:
    if isinstance(answer, ConnectorError):
        return {p.write.token: Outcome(None, None, answer) for p in part}
    if isinstance(answer, Exception):
        raise answer
    if len(answer.outcomes) != len(part):
        lost = UncertainError(f"{work.spec.names[side]} answered {len(answer.outcomes)} results for {len(part)} writes")
        return {p.write.token: Outcome(None, None, lost) for p in part}
    if answer.span is not None:
        work.chains[side].add(*answer.span)
    return {p.write.token: outcome for p, outcome in zip(part, answer.outcomes, strict=True)}


def _again(thread: Thread) -> Item:
    item = thread.item
    item.link = thread.link
    item.fresh = False
    item.wholes = {}
    item.rounds += 1
    return item
