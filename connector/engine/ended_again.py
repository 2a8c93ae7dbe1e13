"""Choices about records that came back after their link was over, and ended again before it was looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connector.engine.work import MISSING, Work
from connector.model.records import Key, Record
from connector.model.rows import HintRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side
from connector.ports import Tx


def end_choices(
    tx: Tx, work: Work, side: Side, over: Collection[Key], links: Mapping[Key, LinkRow], found: Mapping[Key, Record]
) -> set[Key]:
    """Close what was chosen about records that ended again: the link stays over, whatever was chosen.

    Returns the keys of which no proof was read, with a hint for each: missing is not deleted, and an old read may be of
    the time before it came back.
    """
    kind = work.spec.kind
    came_back = [links[key] for key in over if key in links and _came_back(links[key], side, key)]
    rows = tx.conflicts(kind, [link.id for link in came_back]) if came_back else []
    chosen = {row.link for row in rows if row.choice is not None}
    unproven: set[Key] = set()
    for link in [link for link in came_back if link.id in chosen]:
        key, at = str(link.keys[side]), work.looked
        record = found.get(key)
        if record is None and not work.is_gone(side, key):
            first = work.missing_since.get((side, key), at)
            tx.put_hints([HintRow(kind, side, key, None, MISSING, at + work.spec.settle, 0, None, first)])
            unproven.add(key)
        elif record is not None and work.later(side, link.seen[side], record.version):
            reason, due = "an old version was read", at + work.spec.settle
            tx.put_hints([HintRow(kind, side, key, None, reason, due, 0, None, at)])
            unproven.add(key)
        else:
            tx.drop_conflicts([(row.link, row.unit) for row in rows if row.link == link.id])
            names = str(link.keys.left), str(link.keys.right)
            tx.append_journal(
                [JournalRow(at, work.run, kind, link.id, side, names[0], "closed", "deleted", "", names[1])]
            )
    return unproven


def _came_back(link: LinkRow, side: Side, key: Key) -> bool:
    """Whether the link is over because this record had ended (its print was cleared)."""
    return link.state is LinkState.CLOSED and link.keys[side] == key and link.prints[side] is None
