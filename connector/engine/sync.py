"""One run, top to bottom: settle what a crash left, read both sides, match, plan, guard, apply, finish.

Cursors move last.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connector.engine.apply import apply_batch
from connector.engine.assess import assess
from connector.engine.effects import Effects, NewId, Tell, commit, look, now
from connector.engine.item import Item
from connector.engine.items import each_batch, match, project, recall
from connector.engine.lease import fenced, keep_lease, take_lease
from connector.engine.read import gather, note_doubted, read_feeds, read_hints, read_keys
from connector.engine.recover import note_open, recover
from connector.engine.saved import Saved, Wanted
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.engine.survey import Sink, note_changed, survey
from connector.engine.tagged import link_tagged
from connector.engine.work import Work
from connector.errors import ConnectorError, Halted
from connector.merge.guards import Stop, Totals, check_guards
from connector.model.plan import Report, Summary
from connector.model.rows import LinkState, RunRow
from connector.model.values import SIDES, Side, Sides
from connector.ports import Spool, Tx, Vault

BATCH = 200
ROUNDS = 6
LAYOUT = "layout"
"""Under this name the store keeps by which mapping everything was read last, beside the cursors of the feeds."""


@dataclass(frozen=True, slots=True)
class Options:
    """full: list every record, too. allow: guards a person let through. only: a saved plan; nothing else is done."""

    full: bool = False
    allow: frozenset[str] = frozenset()
    only: Wanted | None = None
    owner: str = ""


@dataclass(slots=True)
class _State:
    """saved: the plan that is carried out, where it is one. guarded: records that change are counted for a guard."""

    saved: Saved | None
    guarded: bool
    summary: Summary | None = None


def plan(spec: SyncSpec, vault: Vault, spool: Spool, sink: Sink, *, full: bool = False) -> Effects[Report]:
    """What a run would do. Writes nothing, neither to the systems nor to the store."""
    work = yield from _begin(spec, vault, spool, dry=True)
    yield from note_open(work)
    yield from _read(work, work.started, full=full)
    summary = yield from survey(work, sink)
    summary.linked = yield from _linked(work)
    stops = yield from _stops(work, summary, ())
    halted = [stop.sentence for stop in stops]
    return Report(spec.name, work.run, "planned", work.tally.as_dict(), summary, halted=halted)


def sync(spec: SyncSpec, vault: Vault, spool: Spool, options: Options) -> Effects[Report]:
    """One run. Raises Halted before the first write when a guard says so; other errors leave what was done settled."""
    work = yield from _begin(spec, vault, spool, dry=False)
    owner = work.owner = options.owner or work.run
    yield from take_lease(work, work.started)
    guarded = spec.limits.updates is not None and "updates" not in options.allow
    state = _State(Saved(options.only) if options.only is not None else None, guarded)
    try:
        yield from recover(work)
        report = yield from _run(work, options, state)
    except BaseException as error:
        if isinstance(error, Exception):
            yield from _note_failure(work, state, error)
            yield from commit(lambda tx: tx.drop_lease(spec.kind, owner))
        raise
    yield from commit(lambda tx: tx.drop_lease(spec.kind, owner))
    return report


def _run(work: Work, options: Options, state: _State) -> Effects[Report]:
    # Not `started`: what recovery left to be looked at is due now, and guards are to see it before the first write.
    at = yield from now()
    if options.only is None:
        yield from _read(work, at, full=options.full)
    else:
        yield from _read_only(work, at, options.only)
    bounds = _bounds(work)
    bounds.linked = yield from _linked(work)
    stops = yield from _stops(work, bounds, options.allow)
    if stops:
        # The most it could be is too much: count exactly before saying no.
        state.summary = yield from survey(work, dry=True)
        state.summary.linked = bounds.linked
        stops = yield from _stops(work, state.summary, options.allow)
    if stops:
        raise Halted("\n".join(stop.sentence for stop in stops), stops[0].guard)
    yield from _apply(work, state)
    for _ in range(ROUNDS):
        # Where a system has trouble, the next run goes on: what could not be written is due then, unless it said when.
        again = not work.trouble and (yield from _released(work, state))
        if not again:
            break
        yield from _check_late(work, options)
        yield from _apply(work, state)
    return (yield from _finish(work, state, move=options.only is None))


def _check_late(work: Work, options: Options) -> Effects[None]:
    """Raises Halted when what came up during the run ends or misses too many records, or changes them with it."""
    none = Sides(0, 0)
    bounds = _bounds(work)
    bounds.creates = none  # follow-ups of what was checked before
    bounds.linked = yield from _linked(work)
    stops = yield from _stops(work, bounds, options.allow, late=True)
    if stops:
        exact = yield from survey(work, dry=True)
        exact.creates, exact.linked = none, bounds.linked
        stops = yield from _stops(work, exact, options.allow, late=True)
    if stops:
        raise Halted("\n".join(stop.sentence for stop in stops), stops[0].guard)


def _begin(spec: SyncSpec, vault: Vault, spool: Spool, *, dry: bool) -> Effects[Work]:
    started = yield from now()
    run: str = yield NewId()
    work = Work(spec, Shape(spec, vault), vault, spool, run, started, dry=dry, looked=started)
    spool.clear()
    if dry:
        work.layouts = yield from look(lambda tx: tx.layouts(spec.kind))
        work.layout = next((n for n, layout in work.layouts.items() if layout == work.shape.layout), 0)
    else:
        work.layout = yield from commit(lambda tx: tx.layout(spec.kind, work.shape.layout))
        work.layouts = yield from look(lambda tx: tx.layouts(spec.kind))
        work.hinted = yield from look(lambda tx: bool(tx.dead(spec.kind)))
    return work


def _read(work: Work, at: float, *, full: bool) -> Effects[None]:
    # Where a mapping or the sync changed, records that did not are to be looked at as well.
    anew = yield from _is_read_anew(work)
    yield from note_doubted(work)
    yield from read_feeds(work, full=full or anew)
    yield from read_hints(work, at)
    yield from _complete(work)


def _is_read_anew(work: Work) -> Effects[bool]:
    """Whether mapping or sync are others than everything was read by last.

    That is over as soon as anything is read by this one: should we die on the way, the links are of both, and the next
    mapping may be the one before.
    """
    kind = work.spec.kind
    read_by: str | None = yield from look(lambda tx: tx.cursor(kind, Side.LEFT, LAYOUT))
    anew = read_by != _reading(work)
    if anew and read_by is not None and not work.dry:
        yield from fenced(work, lambda tx: tx.set_cursor(kind, Side.LEFT, None, LAYOUT))
    return anew


def _reading(work: Work) -> str:
    return f"{work.layout} {work.spec.reach}"


def _complete(work: Work) -> Effects[None]:
    """Matched, projected, and both sides there for every link: everything a decision needs is in the spool."""
    yield from link_tagged(work)
    yield from project(work, dry=work.dry)
    yield from recall(work)
    yield from gather(work)
    match(work)
    links, lone = work.spool.counts()
    work.tally.read += links + lone.left + lone.right - work.spool.count_pairs()


def _read_only(work: Work, at: float, only: Wanted) -> Effects[None]:
    yield from _is_read_anew(work)
    yield from note_doubted(work)
    work.looked = at
    for side in SIDES:
        keys = [str(pair[0 if side is Side.LEFT else 1]) for pair in only if pair[0 if side is Side.LEFT else 1]]
        for start in range(0, len(keys), BATCH):
            yield from read_keys(work, side, keys[start : start + BATCH])
    yield from _complete(work)


def _linked(work: Work) -> Effects[int]:
    counts: Mapping[LinkState, int] = yield from look(lambda tx: tx.count_links(work.spec.kind))
    return counts.get(LinkState.LINKED, 0)


def _bounds(work: Work) -> Summary:
    """The most this run could write, without deciding on anything yet."""
    links, lone = work.spool.counts()
    targets = [side for side in SIDES if any(unit.flow.allows(side) for unit in work.spec.units)]
    return Summary(
        work.spec.name,
        creates=Sides(*(lone[side.other] if side in work.spec.creates else 0 for side in SIDES)),
        updates=Sides(*(links if side in targets else 0 for side in SIDES)),
        ended=Sides(work.vanished[Side.RIGHT], work.vanished[Side.LEFT]),
        missing=Sides(work.vanished[Side.LEFT], work.vanished[Side.RIGHT]),
    )


def _stops(work: Work, summary: Summary, allowed: Collection[str], *, late: bool = False) -> Effects[list[Stop]]:
    today: int = yield from look(lambda tx: tx.count_deletes(work.spec.kind, work.started - 86400))
    totals = Totals(
        summary.linked,
        summary.creates,
        Sides(*(summary.updates[side] - summary.first[side] + len(work.changed[side]) for side in SIDES)),
        summary.ended,
        summary.missing,
        today,
        "ignore" if work.spec.entity.projects else work.spec.deletes,
    )
    return check_guards(work.spec.name, work.spec.names, work.spec.limits, totals, allowed, late=late)


def _apply(work: Work, state: _State) -> Effects[None]:
    saved = state.saved
    links, lone = work.spool.counts()
    total = links + lone.left + lone.right
    # Two batches side by side keep a system busy while the other is being settled; more would only hold more in memory.
    width = max(1, min(2, *(system.capabilities.concurrency for system in work.spec.systems)))
    done = 0

    def handle(items: list[Item]) -> Effects[None]:
        nonlocal done
        yield from keep_lease(work)
        plans = yield from assess(work, items)
        chosen = plans if saved is None else saved.choose(work, plans)
        if state.guarded:
            note_changed(work, chosen)
        while chosen:
            again = yield from apply_batch(work, chosen)
            if saved is not None:
                saved.note(chosen)
            chosen = (yield from assess(work, again)) if again else []
        done += len(items)
        yield Tell("apply", done, total)

    yield from each_batch(work, BATCH * width, handle, dry=False)


def _released(work: Work, state: _State) -> Effects[bool]:
    """Another round for what was released, moved under us or settled: due hints, read fresh.

    Of a saved plan, those of records that it was carried out for: what was due before had its turn.
    """
    at = yield from now()
    work.spool.clear()
    among = None if state.saved is None else state.saved.begun
    work.released.clear()
    hints = yield from read_hints(work, at, among, late=state.guarded)
    if not hints:
        return False
    yield from _complete(work)
    return True


def _finish(work: Work, state: _State, *, move: bool) -> Effects[Report]:
    if not work.tally.balanced:
        raise ConnectorError(
            f"{work.spec.name}: counts do not balance: {work.tally.as_dict()}. Nothing is lost: run again."
        )
    ended = yield from now()
    results = work.tally.results
    partly = results["held"] or results["failed"] or work.tally.extra["parked"] or _drift(state) or work.trouble
    counts = work.tally.as_dict()
    status = "partly" if partly else "done"
    hidden = work.hide_text(" ".join(work.trouble))
    row = RunRow(work.run, work.spec.name, work.spec.kind, work.started, ended, status, json.dumps(counts), hidden)
    yield from commit(lambda tx: _last(tx, work, row, move=move))
    summary = state.summary or Summary(work.spec.name)
    drifted = state.saved.drifted if state.saved is not None else []
    return Report(work.spec.name, work.run, status, counts, summary, drifted, trouble=work.trouble)


def _drift(state: _State) -> bool:
    """Whether something of a saved plan was left; what is already as planned was not."""
    return state.saved is not None and any(line.action != "nothing" for line in state.saved.drifted)


def _last(tx: Tx, work: Work, row: RunRow, *, move: bool) -> None:
    if move:
        for side in SIDES:
            tx.set_cursor(work.spec.kind, side, work.chains[side].cursor)
        tx.set_cursor(work.spec.kind, Side.LEFT, _reading(work), LAYOUT)
    tx.put_run(row)


def _note_failure(work: Work, state: _State, error: Exception) -> Effects[None]:
    ended = yield from now()
    status = "halted" if isinstance(error, Halted) else "failed"
    detail = str(error) if isinstance(error, ConnectorError) else type(error).__name__
    counts = json.dumps(work.tally.as_dict())
    row = RunRow(work.run, work.spec.name, work.spec.kind, work.started, ended, status, counts, work.hide_text(detail))
    yield from commit(lambda tx: tx.put_run(row))
