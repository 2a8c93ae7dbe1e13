"""Where things stand: each sync in numbers, and the latest runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from connector.app.core import App
from connector.app.live import detail_of
from connector.config import SyncConfig
from connector.model.rows import RunRow
from connector.model.values import Sides
from connector.ports import Tx

PAGE = 500


@dataclass(frozen=True, slots=True)
class Oldest:
    """Since when the longest open thing of each sort is open, in seconds since 1970; None when there is none."""

    open_writes: float | None
    conflicts: float | None
    dead: float | None
    hints: float | None


@dataclass(slots=True)
class Status:
    """One sync in numbers. hints: records to look at again; due: those of them whose time has come."""

    sync: str
    entity: str
    systems: Sides[str]
    links: dict[str, int]
    open_writes: int
    conflicts: int
    dead: int
    hints: int
    due: int
    oldest: Oldest
    last: RunRow | None


# --------------------------------------------------------------------------------------------------- status


def status(app: App, names: Iterable[str] = ()) -> list[Status]:
    """Where each sync stands, from the store alone."""
    now = app.clock.now()
    with app.look() as tx:
        return [_status(app, tx, sync, now) for sync in app.chosen(names)]


def _status(app: App, tx: Tx, sync: SyncConfig, now: float) -> Status:
    kind = app.kind(sync)
    hints, conflicts, dead = tx.hints(kind), tx.conflicts(kind), tx.dead(kind)
    unsettled = ("planned", "sent", "acked")
    return Status(
        sync.name,
        sync.entity.name,
        sync.between,
        {state.value: count for state, count in tx.count_links(kind).items()},
        sum(count for state, count in tx.count_intents(kind).items() if state.value in unsettled),
        len(conflicts),
        len(dead),
        len(hints),
        sum(hint.due <= now for hint in hints),
        Oldest(
            min(_sent(tx, kind), default=None),
            min((row.since for row in conflicts), default=None),
            min((row.since for row in dead), default=None),
            min((row.first for row in hints if row.first), default=None),
        ),
        next((_opened(app, row) for row in tx.runs(sync.name, 1)), None),
    )


def _sent(tx: Tx, kind: str) -> Iterator[float]:
    """When each write without a known outcome was sent for the first time."""
    after = ""
    while rows := tx.open_intents(kind, after, PAGE):
        yield from (row.first_sent for row in rows if row.first_sent is not None)
        after = rows[-1].token


def runs(app: App, name: str | None = None, *, limit: int = 20) -> list[RunRow]:
    """The latest runs, newest first, of one sync or of all."""
    if name is not None:
        app.sync_config(name)
    with app.look() as tx:
        return [_opened(app, row) for row in tx.runs(name, limit)]


def _opened(app: App, row: RunRow) -> RunRow:
    return replace(row, detail=detail_of(app, row))


def counts_of(row: RunRow) -> dict[str, Any]:
    """The counts of a run."""
    found: dict[str, Any] = json.loads(row.counts)
    return found
