"""What happens to a link when one of its records ends: deleted, missing, merged into another, or alive again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.engine.children import CHILDREN
from connector.engine.draft import WAITS, Draft, Thread
from connector.engine.drafter import Drafter
from connector.engine.item import Item, ItemPlan
from connector.engine.settle import Settlement
from connector.engine.survivors import Survivors
from connector.engine.untold import UNTOLD, chosen_policy, delete_policy, is_untold
from connector.engine.work import MISSING, SURVIVOR_MISSING, SURVIVOR_UNLINKED
from connector.merge.records import Status, Step
from connector.model.records import Op, Record
from connector.model.rows import ConflictRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides, maybe
from connector.ports import Tx

DELETE = "delete"
RESTORED = "restored"
CHANGED = "deleted and changed"
CHANGED_AGAIN = "deleted, and changed after a decision"
UNDELETABLE = "deleted, and this kind cannot be deleted there"


def end(drafter: Drafter, plan: ItemPlan, survivors: Survivors) -> Thread:
    """Carry one record-level step into the draft."""
    item = plan.item
    assert item.link is not None
    thread = Thread(item, item.link, plan.base)
    step = plan.step
    if step in (Step.DELETE_LEFT, Step.DELETE_RIGHT):
        assert step.target is not None
        _delete(drafter, thread, step.target)
    elif step is Step.CLOSE:
        close(drafter, thread, both=True)
        thread.result = "updated"
    elif step is Step.MERGED:
        _merged(drafter, thread, survivors)
    elif step is Step.HOLD:
        back = plan.status is not None and Status.RESTORED in (plan.status.left, plan.status.right)
        untold = is_untold(drafter.spec, item, deleted_side(item))
        reason = plan.reason or (RESTORED if back else UNTOLD if untold else CHANGED)
        _held_or_decided(drafter, thread, reason)
    else:
        _confirm(drafter, thread, step)
    return thread


def deleted_side(item: Item) -> Side:
    """The side whose record is gone."""
    record = item.records.left
    return Side.LEFT if record is None or record.deleted else Side.RIGHT


def _delete(drafter: Drafter, thread: Thread, target: Side) -> None:
    """One side ended, the other is as both last agreed: the policy decides."""
    spec, item = drafter.spec, thread.item
    policy = delete_policy(spec, item, target)
    conflict = item.conflicts.get("*")
    if policy == "ask":
        if conflict is None or conflict.choice is None:
            _hold(drafter, thread, UNTOLD if is_untold(spec, item, target.other) else DELETE)
            return
        policy = chosen_policy(spec) if conflict.choice is target.other else "ignore"
    if policy != "ignore" and not any(unit.flow.allows(target) for unit in spec.units):
        policy = "ignore"
    retires = spec.entity.retire is not None and spec.entity.retire[0] in spec.systems[target].mapping.writable
    if policy == "propagate" and not spec.systems[target].deletable:
        if not retires:
            _hold(drafter, thread, UNDELETABLE)
            return
        policy = "archive"
    if policy == "archive" and not retires:
        policy = "ignore"
    if policy == "ignore":
        close(drafter, thread, ended=target.other)
        thread.result = "skipped"
    elif policy == "archive":
        _retire(drafter, thread, target)
    else:
        record = item.records[target]
        version = record.version if record is not None else None
        settlement = Settlement(item.keys[target.other], None, None, {}, ["*", *item.conflicts], None, [], {}, True)
        thread.result = "updated"
        drafter.pend(thread, target, Op.DELETE, {}, version, settlement, {}, (), rule=f"deletes: {spec.deletes}")


def _retire(drafter: Drafter, thread: Thread, target: Side) -> None:
    """Set the field that says a record is out of use, then close the link."""
    spec, item = drafter.spec, thread.item
    assert spec.entity.retire is not None
    name, value = spec.entity.retire
    record = item.records[target]
    assert record is not None
    if item.decoded[target].values.get(name) == value:
        close(drafter, thread, ended=target.other)  # out of use already
        thread.result = "updated"
        return
    fields = spec.systems[target].mapping.encode({name: value}, create=False)
    settlement = Settlement(item.keys[target.other], None, None, {}, ["*", *item.conflicts], None, [], {}, True)
    settlement.image = item.wholes.get(target)
    thread.result = "updated"
    rule, event = "deletes: archive", Op.DELETE.value  # journalled as a delete: the guard of the day counts it
    drafter.pend(
        *(thread, target, Op.UPDATE, fields, record.version, settlement, {name: value}, (name,)), rule=rule, event=event
    )


def close(drafter: Drafter, thread: Thread, *, both: bool = False, ended: Side | None = None) -> None:
    """End a link. The keys that ended are tombstones for ever; a side that lives on has its print.

    Without one it would be taken for a record that came back, at the next full run, and a person be asked once more.
    """
    link = thread.link
    prints = link.prints
    for side in SIDES:
        key = link.keys[side]
        if (both or side is ended) and key is not None:
            drafter.draft.tombstones.append((side, key))
            prints = prints.with_(side, None)
        elif prints[side] is None:
            prints = prints.with_(side, thread.item.wholes.get(side))
    thread.link = replace(link, state=LinkState.CLOSED, prints=prints)
    drafter.draft.updates.append(thread.link)
    drafter.draft.closed.extend((link.id, unit) for unit in thread.item.conflicts)
    drafter.journal("closed", "deleted", link=link.id, side=ended, key=link.keys.left, detail=str(link.keys.right))


def _hold(drafter: Drafter, thread: Thread, reason: str) -> None:
    """A row for a person, and what is there now noted as seen: it comes up again when it changes or is back."""
    thread.result = "held"
    link, prints = thread.link, maybe(thread.item.wholes.get(Side.LEFT), thread.item.wholes.get(Side.RIGHT))
    drafter.draft.conflicts.append(ConflictRow(link.id, "*", drafter.spec.kind, reason, prints, drafter.now))
    if link.state is not LinkState.CLOSED:
        thread.link = replace(link, prints=prints)
        drafter.draft.updates.append(thread.link)
    drafter.work.tally.extra["conflicts"] += 1


def _held_or_decided(drafter: Drafter, thread: Thread, reason: str) -> None:
    """Deleted on one side and changed on the other, or alive again: only a person can say."""
    item = thread.item
    conflict = item.conflicts.get("*")
    if conflict is None or conflict.choice is None:
        _hold(drafter, thread, reason)
        if reason == CHILDREN:
            gone = deleted_side(item)
            drafter.hint(gone, str(item.keys[gone]), reason, drafter.now + WAITS)
        return
    gone = deleted_side(item)
    written = any(unit.flow.allows(gone.other) for unit in drafter.spec.units)
    if reason in (CHANGED, CHILDREN, UNTOLD) and conflict.choice is gone and written:
        if reason in (CHANGED, UNTOLD) and conflict.prints[gone.other] != item.wholes.get(gone.other):
            _hold(drafter, thread, CHANGED_AGAIN)  # chosen over another record than would go now
            return
        record = item.records[gone.other]
        settlement = Settlement(item.keys[gone], None, None, {}, ["*", *item.conflicts], None, [], {}, True)
        thread.result = "updated"
        version = record.version if record is not None else None
        drafter.pend(thread, gone.other, Op.DELETE, {}, version, settlement, {}, (), rule="a person chose to delete")
        return
    record = item.records[gone]
    close(drafter, thread, ended=gone if record is None or record.deleted else None)
    thread.result = "skipped"


def merged_alone(drafter: Drafter, thread: Thread, source: Side, survivors: Survivors) -> bool:
    """A record merged away before it had a partner: its key leads to the survivor. False when it was not merged."""
    item = thread.item
    record = item.records[source]
    if record is None or record.merged_into is None:
        return False
    if item.link is not None:
        _merged(drafter, thread, survivors)
        return True
    lead_on(drafter, source, record, survivors)
    return True


def lead_on(drafter: Drafter, side: Side, record: Record, survivors: Survivors) -> None:
    """The key of a merged record without a link leads to the survivor: now, or as soon as that is linked.

    One that is not found may be there all the same, and no feed tells of the merge again: it is looked for once more.
    """
    assert record.merged_into is not None
    survivor = survivors.links.get((side, record.merged_into))
    if survivor is not None:
        drafter.draft.aliases.append((side, record.key, survivor.id))
        return
    end = side, survivors.ends[side, record.merged_into]
    if end in survivors.coming:
        _await_survivor(drafter, side, record, survivors)
    elif end in survivors.absent and not drafter.work.is_orphan(side, record.key):
        _await_survivor(drafter, side, record, survivors, missing=True)


def _await_survivor(
    drafter: Drafter, side: Side, record: Record, survivors: Survivors, *, missing: bool = False
) -> None:
    waits = f"{drafter.spec.kind}/{side}/{survivors.ends[side, str(record.merged_into)]}"
    reason, after = (SURVIVOR_MISSING, drafter.spec.settle) if missing else (SURVIVOR_UNLINKED, WAITS)
    drafter.hint(side, record.key, reason, drafter.now + after, waits)


def _merged(drafter: Drafter, thread: Thread, survivors: Survivors) -> None:
    """The record was merged into another: the link ends, both ids lead to the survivor, the image is left alone.

    Where both were merged, each into another one, each id leads to what its own system merged it into.
    """
    item, link, moved = thread.item, thread.link, drafter.draft.moved
    into: dict[Side, LinkRow] = {}
    for side in SIDES:
        record = item.records[side]
        if record is None or record.merged_into is None:
            continue
        survivor = survivors.links.get((side, record.merged_into))
        if survivor is None and link.state is LinkState.CLOSED:
            survivor = _ended_survivor(thread, side, survivors)
        if survivor is None and link.state is LinkState.CLOSED and "*" not in item.conflicts:
            lead_on(drafter, side, record, survivors)
            return
        if survivor is None:
            _hold_merged(drafter, thread, survivors)
            return
        if _survivor(moved, side, survivor.id) == link.id:
            _merged_crosswise(drafter, thread, side, survivor)
            return
        into[side] = survivor
    first = next(iter(into.values()))
    moved[link.id] = Sides(into.get(Side.LEFT, first).id, into.get(Side.RIGHT, first).id)
    thread.link = replace(link, state=LinkState.CLOSED, keys=Sides(None, None), prints=Sides(None, None))
    drafter.draft.updates.append(thread.link)
    drafter.draft.closed.extend((link.id, unit) for unit in item.conflicts)
    for side in SIDES:
        key, record = link.keys[side], item.records[side]
        if key is not None:
            drafter.draft.aliases.append((side, key, moved[link.id][side]))
            drafter.work.note_image(side, key, link.seen[side])
        if side in into and record is not None:
            drafter.journal("merged", "merged", link=link.id, side=side, key=record.key, detail=str(record.merged_into))
    thread.result = "updated"


def _ended_survivor(thread: Thread, side: Side, survivors: Survivors) -> LinkRow | None:
    """Of a link that has ended: where its record was merged to, though that has ended, too. Merges may cross there.

    One that leads back to this very link counts where the other record is back: a person is asked about what is left.
    """
    link, record, mate = thread.link, thread.item.records[side], thread.item.records[side.other]
    survivor = survivors.over.get((side, str(record.merged_into))) if record is not None else None
    if survivor is not None and survivor.id == link.id:
        alive = mate is not None and not mate.deleted and mate.merged_into is None
        return survivor if alive else None
    return survivor if "*" not in thread.item.conflicts else None


def _hold_merged(drafter: Drafter, thread: Thread, survivors: Survivors) -> None:
    """What it was merged into has no link: a person is told, and it waits for that.

    Where that is so on both sides, what was told before stays told: another name for it would be no news.
    """
    item, told = thread.item, thread.item.conflicts.get("*")
    lost: dict[str, tuple[Side, Record]] = {}
    for side in SIDES:
        record = item.records[side]
        if record is not None and record.merged_into is not None and (side, record.merged_into) not in survivors.links:
            lost.setdefault(f"merged into {record.merged_into}, which is not linked", (side, record))
    reason = told.reason if told is not None and told.reason in lost else next(iter(lost))
    _hold(drafter, thread, reason)
    _await_survivor(drafter, *lost[reason], survivors)


def _merged_crosswise(drafter: Drafter, thread: Thread, side: Side, survivor: LinkRow) -> None:
    """Of two pairs one was merged here, the other there: what is alive on both sides belongs together now."""
    link, record = thread.link, thread.item.records[side]
    assert record is not None
    assert record.merged_into is not None
    thread.result = "updated"
    if survivor.id != link.id:
        # The other pair ends in this very batch: its key is free after that.
        drafter.hint(side, record.key, "merged crosswise", drafter.now)
        return
    keys = link.keys.with_(side, record.merged_into)
    seen = link.seen.with_(side, drafter.work.images.get((side, record.merged_into)))
    thread.link = replace(link, keys=keys, seen=seen, prints=maybe(None, None), base=None)
    drafter.draft.updates.append(thread.link)
    drafter.draft.aliases.append((side, record.key, link.id))
    drafter.draft.closed.extend((link.id, unit) for unit in thread.item.conflicts)
    drafter.journal("merged", "merged crosswise", link=link.id, side=side, key=record.key, detail=record.merged_into)
    for each in SIDES:
        drafter.hint(each, str(keys[each]), "merged crosswise", drafter.now)


def store_aliases(tx: Tx, kind: str, draft: Draft) -> None:
    """Keys of merged records, those of earlier merges too, lead to the link of the last survivor."""
    rows = [*draft.aliases, *tx.aliases_of(kind, draft.moved)]
    for side in SIDES:
        aliases = {key: _survivor(draft.moved, side, link) for s, key, link in rows if s is side}
        if aliases:
            tx.add_aliases(kind, side, aliases)
            tx.release_hints([f"{kind}/{side}/{key}" for key in aliases])


def _survivor(moved: Mapping[int, Sides[int]], side: Side, link: int) -> int:
    seen = set()
    while link in moved and link not in seen:
        seen.add(link)
        link = moved[link][side]
    return link


def _confirm(drafter: Drafter, thread: Thread, step: Step | None) -> None:
    """Not listed or not found once is no proof, and an old read tells nothing: look again after the settle time."""
    item = thread.item
    for side in SIDES:
        key = item.keys[side]
        if (side, key) in drafter.work.behind:
            continue  # the hint that announced more is still there
        if key is not None and (item.records[side] is None or step is Step.WAIT):
            reason = MISSING if item.records[side] is None else "an old version was read"
            drafter.hint(side, key, reason, drafter.now + drafter.spec.settle)
    thread.result = "held" if step is not Step.WAIT else "skipped"
    drafter.work.tally.extra["unconfirmed"] += 1
