"""Links what an open create made as soon as it is read. Source: sync protocol, section 3.2.

Recovery asks for it before anything is read. What is read after that, carries a key of ours and was made by us needs no
further proof; left alone until recovery knows, it would be told of while nobody notes it, and is told of once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connector.engine.effects import Effects, commit, look, now
from connector.engine.recovered import Found, settle_intent
from connector.engine.results import merged_meanwhile, store_results
from connector.engine.work import Work
from connector.model.records import Key, Op, Record
from connector.model.rows import IntentRow, IntentState, LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.ports import Tx

PAGE = 500

Made = dict[Key, Record]


def link_tagged(work: Work) -> Effects[None]:
    """Settle the open creates whose record is in the spool. A dry run settles nothing."""
    for side in SIDES:
        made = _made(work, side) if work.open_creates[side] and not work.dry else {}
        after = ""
        while made:
            rows: list[IntentRow] = yield from look(_open(work.spec.kind, after))
            if not rows:
                break
            after = rows[-1].token
            sent = [row for row in rows if (row.side, row.op, row.state) == (side, Op.CREATE, IntentState.SENT)]
            yield from _link(work, side, sent, made)


def _made(work: Work, side: Side) -> Made:
    """What carries a key of ours, by that key. Of several, nobody can say which: they are left to recovery."""
    made: dict[Key, list[Record]] = {}
    after = 0
    while singles := work.spool.singles(side, after, PAGE):
        after = singles[-1].seq
        for found in singles:
            if found.own and found.partner is not None:
                made.setdefault(found.partner, []).append(found.record)
    return {key: records[0] for key, records in made.items() if len(records) == 1 and _is_there(work, side, records[0])}


def _is_there(work: Work, side: Side, record: Record) -> bool:
    """Whether it was read as it is now, and is neither deleted nor merged away."""
    place = (side, record.key)
    ended = record.fields is None or record.deleted or record.merged_into is not None
    return not ended and place not in work.absent and place not in work.behind


def _link(work: Work, side: Side, rows: Sequence[IntentRow], made: Made) -> Effects[None]:
    links: dict[int, LinkRow] = yield from look(_links([row.link for row in rows]))
    found = Found(links=links)
    at = yield from now()
    for row in rows:
        record = made.get(str(links[row.link].keys[side.other]))
        if record is not None and row.link in work.open_links:
            settle_intent(work, row, record, found, at)
    if not found.done:
        return
    yield from merged_meanwhile(work, [(side, link) for link in found.updates], found)
    yield from commit(lambda tx: store_results(tx, work, found, at), durable=True)
    work.tally.extra["recovered"] += len(found.done)
    work.open_links.difference_update(found.updates)
    work.open_creates[side] -= len(found.updates)
    whole = [link for link in found.updates.values() if link.state is LinkState.LINKED]
    work.spool.promote(side, {str(link.keys[side]): (link.id, str(link.keys[side.other])) for link in whole})


def _open(kind: str, after: str) -> Callable[[Tx], list[IntentRow]]:
    return lambda tx: tx.open_intents(kind, after, PAGE)


def _links(ids: Sequence[int]) -> Callable[[Tx], dict[int, LinkRow]]:
    return lambda tx: tx.links_by_id(ids)
