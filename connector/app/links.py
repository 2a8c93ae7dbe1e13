"""Links as people see them, and how a person ends one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from connector.app.core import App
from connector.clock import new_id
from connector.errors import ConfigError, RejectedError
from connector.mapping.located import listed
from connector.model.records import Key
from connector.model.rows import IntentRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side, Sides
from connector.ports import Tx

KEPT = bytes(8)
"""Stands where a print of a closed link was never made: the record is left alone, it has not ended."""


@dataclass(slots=True)
class LinkShown:
    """One link of a sync."""

    id: int
    sync: str
    state: LinkState
    keys: Sides[Key | None]
    systems: Sides[str]


def links(
    app: App, name: str, *, states: Collection[LinkState] = tuple(LinkState), key: Key | None = None, limit: int = 100
) -> list[LinkShown]:
    """Links of one sync, by id, or those of one key on either side (old keys of merged records included)."""
    sync = app.sync_config(name)
    kind = app.kind(sync)
    with app.look() as tx:
        if key is None:
            rows = tx.page_links(kind, 0, limit, states)
        else:
            both = {row.id: row for side in Side for row in tx.links_by_key(kind, side, [key]).values()}
            rows = [row for row in both.values() if row.state in states]
    return [LinkShown(row.id, name, row.state, row.keys, sync.between) for row in rows]


def unlink(app: App, ids: Sequence[int]) -> list[LinkShown]:
    """End these links: both records stay as they are and are left alone by the sync from now on.

    Their keys stay known, so that neither is made again on the other side nor linked anew by itself. Raises ConfigError
    for an unknown id, RejectedError while a write of the link is under way.
    """
    kinds = {app.kind(sync): sync for sync in app.chosen()}
    with app.store.begin() as tx:
        rows = tx.links_by_id(ids)
        missing = [str(number) for number in ids if number not in rows or rows[number].kind not in kinds]
        if missing:
            raise ConfigError(f"There is no link {listed(missing)}; `connector links list SYNC` shows them.")
        busy = {row.link for kind in {row.kind for row in rows.values()} for row in _intents(tx, kind)}
        if busy & set(ids):
            raise RejectedError(
                f"Link {min(busy & set(ids))} has a write whose outcome is not known yet; run `connector sync` first."
            )
        closed = [closed_link(row) for row in rows.values()]
        tx.update_links(closed)
        tx.drop_conflicts([(row.link, row.unit) for row in tx.conflicts(links=list(rows))])
        for row in closed:
            for side in Side:
                if row.keys[side] is not None:
                    tx.drop_hints(row.kind, side, [str(row.keys[side])])
        tx.append_journal([_unlinked(app, row) for row in closed])
    return [
        LinkShown(row.id, kinds[row.kind].name, row.state, row.keys, kinds[row.kind].between) for row in rows.values()
    ]


def closed_link(row: LinkRow) -> LinkRow:
    """The link, ended by a person: a print on each side says that the record lives on, on its own."""
    prints: Sides[bytes | None] = Sides(row.prints.left or KEPT, row.prints.right or KEPT)
    return replace(row, state=LinkState.CLOSED, prints=prints)


def _intents(tx: Tx, kind: str) -> Iterator[IntentRow]:
    """Every write of the kind that is not settled."""
    after = ""
    while rows := tx.open_intents(kind, after, 500):
        yield from rows
        after = rows[-1].token


def _unlinked(app: App, row: LinkRow) -> JournalRow:
    left, right = row.keys
    return JournalRow(app.clock.now(), new_id(), row.kind, row.id, None, left, "unlinked", "a person", "", str(right))
