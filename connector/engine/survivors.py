"""Where the records lead to that others were merged into: to a link, or to a record that may be linked yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connector.engine.effects import Effects, call, look
from connector.engine.item import ItemPlan
from connector.engine.work import Work
from connector.merge.base import Base
from connector.model.records import Key, Record
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.ports import Tx

Place = tuple[Side, Key]


@dataclass(slots=True)
class Survivors:
    """links: of the records that others were merged into. ends: the last one, where none on the way has a link.

    over: links that lead there and have ended. coming: ends that are there and that this sync links sooner or later.
    absent: ends that were not found and of which no link knows: they may be there all the same.
    """

    links: dict[Place, LinkRow] = field(default_factory=dict)
    over: dict[Place, LinkRow] = field(default_factory=dict)
    ends: dict[Place, Key] = field(default_factory=dict)
    coming: set[Place] = field(default_factory=set)
    absent: set[Place] = field(default_factory=set)


def find_survivors(work: Work, plans: Sequence[ItemPlan]) -> Effects[Survivors]:
    """Look up what the records of these plans were merged into.

    Where that has no link and was merged itself, its system says into what: no link ever knew of it, so no alias does.
    """
    found = Survivors()
    for side in SIDES:
        wanted = {r.merged_into for plan in plans if (r := plan.item.records[side]) is not None and r.merged_into}
        links: dict[Key, LinkRow] = {}
        shown: dict[Key, Record] = {}
        fresh = set(wanted)
        while fresh:
            links.update((yield from look(_links(work.spec.kind, side, fresh))))
            alone = sorted(fresh - links.keys())
            shown.update((yield from call(side, "read", work.spec.systems[side].object, alone)) if alone else {})
            work.shown.update({(side, key): shown[key] for key in alone if key in shown})
            into = {one.merged_into for key in alone if (one := shown.get(key)) is not None and one.merged_into}
            fresh = into - links.keys() - shown.keys()
        for key in wanted:
            end = _end(key, shown)
            link = links.get(end)
            if link is not None and link.state is LinkState.LINKED:
                found.links[side, key] = link
            else:
                found.ends[side, key] = end
                if link is not None and link.state is LinkState.CLOSED:
                    found.over[side, key] = link
                if _comes(work, side, end, links, shown):
                    found.coming.add((side, end))
        lost = sorted({end for (s, _), end in found.ends.items() if s is side} - links.keys() - shown.keys())
        over = (yield from look(_tombstones(work.spec.kind, side, lost))) if lost else set()
        found.absent.update((side, key) for key in lost if key not in over)
    return found


def put_off(work: Work, plan: ItemPlan) -> ItemPlan:
    """The plan, or one to look again: a record without a link was shown newer, when survivors were looked up (I28)."""
    item = plan.item
    new = item.link is None or item.fresh
    if not new or not any(_is_outrun(work, side, item.records[side]) for side in SIDES):
        return plan
    return ItemPlan(item, None, None, Base(), reason="an old version was read", taken=True)


def _is_outrun(work: Work, side: Side, record: Record | None) -> bool:
    """Where versions do not sort, that it was merged away counts, as it does between a feed and a read by key."""
    shown = work.shown.get((side, record.key)) if record is not None else None
    if record is None or shown is None:
        return False
    sorts = work.spec.systems[side].capabilities.versions != "opaque"
    merged = shown.merged_into is not None and record.merged_into is None
    return work.later(side, shown.version, record.version) if sorts else merged


def _links(kind: str, side: Side, keys: Collection[Key]) -> Callable[[Tx], dict[Key, LinkRow]]:
    return lambda tx: tx.links_by_key(kind, side, keys)


def _tombstones(kind: str, side: Side, keys: Collection[Key]) -> Callable[[Tx], set[Key]]:
    return lambda tx: tx.tombstones(kind, side, keys)


def _end(key: Key, shown: Mapping[Key, Record]) -> Key:
    passed = set[Key]()
    while (record := shown.get(key)) is not None and record.merged_into is not None and key not in passed:
        passed.add(key)
        key = record.merged_into
    return key


def _comes(work: Work, side: Side, key: Key, links: Mapping[Key, LinkRow], shown: Mapping[Key, Record]) -> bool:
    link, record = links.get(key), shown.get(key)
    if link is not None:
        return link.state is LinkState.HALF
    if record is None or record.fields is None or record.deleted or record.merged_into is not None:
        return False
    return side.other in work.spec.creates and work.spec.systems[side].mapping.place(record.fields)[1]
