"""Creates that are taken up again although nobody could say whether they were made: what they made is looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connector.engine.effects import Effects, look
from connector.engine.lease import fenced
from connector.engine.likeness import find_tagged
from connector.engine.recovered import WAITING
from connector.engine.work import Work, released_by
from connector.model.records import Key, Op
from connector.model.rows import DeadRow, LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.ports import Tx


def seek(work: Work, lonely: Sequence[tuple[int, Side, Key]], links: Mapping[int, LinkRow]) -> Effects[None]:
    """Look for the images of half links that no open write explains, where the target has a searchable key.

    One that carries the key is the image. Several stay what they were: for a person to tell. None: it is sent again.
    """
    for side in SIDES:
        system = work.spec.systems[side.other]
        mine = {key: links[number] for number, s, key in lonely if s is side and number not in work.open_links}
        half = {key: link for key, link in mine.items() if link.state is LinkState.HALF}
        if half and system.capabilities.external_key == "search" and system.mapping.external_key is not None:
            yield from _seek(work, side, half)


def _seek(work: Work, side: Side, half: Mapping[Key, LinkRow]) -> Effects[None]:
    found = yield from find_tagged(work, side.other, list(half))
    keys = [record.key for records in found.values() for record in records]
    known: Mapping[Key, object] = yield from look(_partners(work.spec.kind, side.other, keys))
    whole: list[LinkRow] = []
    unclear: list[DeadRow] = []
    for key, link in half.items():
        free = [record for record in found.get(key, ()) if record.key not in known]
        if len(free) == 1:
            whole.append(replace(link, state=LinkState.LINKED, keys=link.keys.with_(side.other, free[0].key)))
            work.spool.add_linked(side.other, [(link.id, free[0], free[0].key)])
        elif free:
            work.open_links.add(link.id)
            unclear.append(_unclear(work, side, key, link, f"{len(free)} records carry the key {key}"))
    if work.dry:
        work.made.update({link.id: link for link in whole})
    elif whole or unclear:
        yield from fenced(work, lambda tx: _store(tx, whole, unclear))


def _partners(kind: str, side: Side, keys: Sequence[Key]) -> Callable[[Tx], Mapping[Key, object]]:
    return lambda tx: tx.partners(kind, side, keys)


def _unclear(work: Work, side: Side, key: Key, link: LinkRow, detail: str) -> DeadRow:
    code, op, at, hidden = "uncertain", Op.CREATE.value, work.looked, work.hide(detail)
    return DeadRow(work.spec.kind, side, key, op, WAITING[code], code, at, 1, link.seen[side], link.id, hidden)


def _store(tx: Tx, whole: Sequence[LinkRow], unclear: Sequence[DeadRow]) -> None:
    tx.update_links(whole)
    tx.release_hints(released_by(whole))
    tx.put_dead(unclear)
