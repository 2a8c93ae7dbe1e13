"""Makes the calls of a batch. Where writes are unconditional, each is preceded by a look at what it is about to change.

Between that look and the write lies the time of one call, however many calls the batch takes: they go out in waves,
side by side, and each wave is read again, marked as sent, and written before the next one is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.engine.draft import Pending
from connector.engine.effects import Call, Effects, commit, now
from connector.engine.lease import keep_lease
from connector.engine.results import mark_sent
from connector.engine.work import Work
from connector.errors import ConnectorError, StaleError, UncertainError
from connector.model.records import Key, Op, Outcome, Record, WriteResult
from connector.model.values import SIDES, Side

Place = tuple[Side, Key]


@dataclass(slots=True)
class Sent:
    """What became of the writes of a batch. outcomes: by token; a write that has none never left.

    moved: links of which a record is not as it was planned on; what is still to be written of them is given up, on the
    other side, too: it was decided on what is old. failure: why no more was sent; what was, is settled first.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)
    failure: ConnectorError | None = None


def send(work: Work, pending: Sequence[Pending]) -> Effects[Sent]:
    """Make the calls: one Op per call, at most batch_write writes each, both sides side by side."""
    sent = Sent()
    calls = _calls(work, pending)
    width = max(1, min(system.capabilities.concurrency for system in work.spec.systems))
    for start in range(0, len(calls), width):
        yield from keep_lease(work)
        wave = calls[start : start + width]
        yield from _look_again(work, [p for part in wave for p in part], sent)
        if sent.failure is not None:
            break
        going = [left for part in wave if (left := [p for p in part if p.write.token not in sent.outcomes])]
        if not going:
            continue
        answers = yield [_call(work, part) for part in going]
        for part, answer in zip(going, answers, strict=True):
            work.tally.extra["write calls"] += 1
            sent.outcomes.update(_outcomes(work, part, answer))
    return sent


def is_loose(work: Work, side: Side, op: Op) -> bool:
    """Whether nothing but a look right before it keeps this write from going over an edit."""
    return op is not Op.CREATE and not work.spec.systems[side].capabilities.conditional_write


def part_size(work: Work, side: Side, op: Op) -> int:
    """How many writes go in one call. No more than one read shows, where each is read again right before."""
    can = work.spec.systems[side].capabilities
    return min(can.batch_write, can.batch_read) if is_loose(work, side, op) else can.batch_write


def _calls(work: Work, pending: Sequence[Pending]) -> list[list[Pending]]:
    calls = []
    for side in SIDES:
        for op in Op:
            size = part_size(work, side, op)
            group = [p for p in pending if p.side is side and p.op is op]
            calls += [group[start : start + size] for start in range(0, len(group), size)]
    return calls


def _call(work: Work, part: Sequence[Pending]) -> Call:
    side = part[0].side
    return Call(side, "write", (work.spec.systems[side].object, [p.write for p in part]))


def _look_again(work: Work, wave: Sequence[Pending], sent: Sent) -> Effects[None]:
    """Where writes are unconditional: read again right before, give up what moved, mark the rest as sent."""
    going = [p for p in wave if p.thread.link.id not in sent.moved]
    loose = [p for p in going if is_loose(work, p.side, p.op)]
    fresh = yield from _read_again(work, loose, sent)
    if sent.failure is not None:
        return
    for pending in loose:
        record, planned = fresh.get(_place(pending)), pending.thread.item.records[pending.side]
        if record is None or planned is None or record.version != planned.version:
            sent.moved.add(pending.thread.link.id)
    for pending in wave:
        if pending.thread.link.id in sent.moved:
            shown, why = fresh.get(_place(pending)), StaleError("changed before it was written")
            sent.outcomes[pending.write.token] = Outcome(None, shown, why)
    ready = [p.write.token for p in loose if p.write.token not in sent.outcomes]
    if ready:
        at = yield from now()
        try:
            yield from commit(lambda tx: mark_sent(tx, work, ready, at), durable=True)
        except ConnectorError as error:
            sent.failure = error


def _place(pending: Pending) -> Place:
    return pending.side, str(pending.write.key)


def _read_again(work: Work, loose: Sequence[Pending], sent: Sent) -> Effects[dict[Place, Record]]:
    """These records as they are now, in as few calls as their systems take, side by side like the writes."""
    reads = []
    for side in SIDES:
        system = work.spec.systems[side]
        keys, size = [str(p.write.key) for p in loose if p.side is side], system.capabilities.batch_read
        parts = [keys[start : start + size] for start in range(0, len(keys), size)]
        reads += [Call(side, "read", (system.object, part)) for part in parts]
    fresh: dict[Place, Record] = {}
    answers: Sequence[Mapping[Key, Record] | Exception] = (yield reads) if reads else ()
    for effect, answer in zip(reads, answers, strict=True):
        if isinstance(answer, ConnectorError):
            sent.failure = sent.failure or answer
        elif isinstance(answer, Exception):
            raise answer
        else:
            fresh.update({(effect.side, key): record for key, record in answer.items()})
    return fresh


def _outcomes(work: Work, part: Sequence[Pending], answer: WriteResult | Exception) -> dict[str, Outcome]:
    side = part[0].side
    outcomes = outcomes_of(work, side, len(part), answer)
    if isinstance(answer, WriteResult) and outcomes is answer.outcomes and answer.span is not None:
        work.chains[side].add(*answer.span)
    return {p.write.token: outcome for p, outcome in zip(part, outcomes, strict=True)}


def outcomes_of(work: Work, side: Side, count: int, answer: WriteResult | Exception) -> Sequence[Outcome]:
    """What the answer to a call of so many writes says of each of them."""
    if isinstance(answer, ConnectorError):
        return [Outcome(None, None, answer)] * count
    if isinstance(answer, Exception):
        raise answer
    if len(answer.outcomes) != count:
        # Which result belongs to which write, nobody can say.
        lost = UncertainError(f"{work.spec.names[side]} answered {len(answer.outcomes)} results for {count} writes")
        return [Outcome(None, None, lost)] * count
    return answer.outcomes
