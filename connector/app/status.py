"""Where things stand: each sync in numbers, and the latest runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connector.app.core import App
from connector.config import SyncConfig
from connector.model.rows import RunRow
from connector.model.values import Sides
from connector.ports import Tx


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
    last: RunRow | None


# --------------------------------------------------------------------------------------------------- status


def status(app: App, names: Iterable[str] = ()) -> list[Status]:
    """Where each sync stands, from the store alone."""
    now = app.clock.now()
    with app.look() as tx:
        return [_status(app, tx, sync, now) for sync in app.chosen(names)]


def _status(app: App, tx: Tx, sync: SyncConfig, now: float) -> Status:
    kind = app.kind(sync)
    hints = tx.hints(kind)
    unsettled = ("planned", "sent", "acked")
    return Status(
        sync.name,
        sync.entity.name,
        sync.between,
        {state.value: count for state, count in tx.count_links(kind).items()},
        sum(count for state, count in tx.count_intents(kind).items() if state.value in unsettled),
        len(tx.conflicts(kind)),
        len(tx.dead(kind)),
        len(hints),
        sum(hint.due <= now for hint in hints),
        next(iter(tx.runs(sync.name, 1)), None),
    )


def runs(app: App, name: str | None = None, *, limit: int = 20) -> list[RunRow]:
    """The latest runs, newest first, of one sync or of all."""
    if name is not None:
        app.sync_config(name)
    with app.look() as tx:
        return tx.runs(name, limit)


def counts_of(row: RunRow) -> dict[str, Any]:
    """The counts of a run."""
    found: dict[str, Any] = json.loads(row.counts)
    return found
