"""Where things stand: each sync in numbers, every write whose outcome is open, and the latest runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from connector.app.core import App
from connector.app.live import detail_of
from connector.config import SyncConfig
from connector.model.records import Key
from connector.model.rows import HintRow, IntentRow, IntentState, LinkRow, RunRow
from connector.model.values import Sides
from connector.ports import Tx

PAGE = 500


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """One write that was noted and is not settled: on which record of which system, and since when.

    key: the record written to; None for a create, whose record nobody knows yet. source: the system and key it is
    written from. fields: what the write carries; empty for a delete. state: `planned` (not sent yet), `sent` (no usable
    answer), `acked` (done, not read back). since: seconds since 1970 when it was first
    sent, or planned if it never was.
    """

    system: str
    op: str
    key: Key | None
    source: dict[str, Key]
    fields: list[str]
    state: str
    since: float | None


@dataclass(frozen=True, slots=True)
class Oldest:
    """Since when the longest open thing of each sort is open, in seconds since 1970; None when there is none."""

    open_writes: float | None
    conflicts: float | None
    dead: float | None
    hints: float | None


@dataclass(slots=True)
class Status:
    """One sync in numbers. hints: records to look at again; due: those of them whose time has come.

    open: the open writes themselves, oldest first.
    """

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
    open: list[OpenWrite]


def status(app: App, names: Iterable[str] = ()) -> list[Status]:
    """Where each sync stands, from the store alone."""
    now = app.clock.now()
    with app.look() as tx:
        return [_status(app, tx, sync, now) for sync in app.chosen(names)]


def waiting(app: App, names: Iterable[str] = ()) -> tuple[int, int]:
    """How many conflicts and how many dead letters wait for a person in these syncs, or in all."""
    with app.look() as tx:
        kinds = [app.kind(sync) for sync in app.chosen(names)]
        return sum(len(tx.conflicts(kind)) for kind in kinds), sum(len(tx.dead(kind)) for kind in kinds)


def _status(app: App, tx: Tx, sync: SyncConfig, now: float) -> Status:
    kind = app.kind(sync)
    writes = sorted(_writes(tx, sync, kind), key=lambda write: inf if write.since is None else write.since)
    conflicts, dead = ([row.since for row in rows] for rows in (tx.conflicts(kind), tx.dead(kind)))
    hints, due, first = _hints(tx, kind, now)
    return Status(
        sync.name,
        sync.entity.name,
        sync.between,
        {state.value: count for state, count in tx.count_links(kind).items()},
        len(writes),
        len(conflicts),
        len(dead),
        hints,
        due,
        Oldest(writes[0].since if writes else None, min(conflicts, default=None), min(dead, default=None), first),
        next((_opened(app, row) for row in tx.runs(sync.name, 1)), None),
        writes,
    )


def _writes(tx: Tx, sync: SyncConfig, kind: str) -> Iterator[OpenWrite]:
    """The open writes of a sync, in no order."""
    after = ""
    while rows := tx.open_intents(kind, after, PAGE):
        links = tx.links_by_id({row.link for row in rows})
        for row in rows:
            yield _write(sync, row, links.get(row.link), _since(tx, row))
        after = rows[-1].token


def _write(sync: SyncConfig, row: IntentRow, link: LinkRow | None, since: float | None) -> OpenWrite:
    key = link.keys[row.side.other] if link is not None else None
    source = {sync.between[row.side.other]: key} if key is not None else {}
    fields = row.fields.split(",") if row.fields else []
    return OpenWrite(sync.between[row.side], row.op, row.target, source, fields, row.state.value, since)


def _since(tx: Tx, row: IntentRow) -> float | None:
    """When it was sent first. One that was not is as old as the newest line of its link: both are stored together."""
    if row.first_sent is not None or row.state is not IntentState.PLANNED:
        return row.first_sent
    return next((line.at for line in tx.journal(row.kind, row.link, limit=1)), None)


def _hints(tx: Tx, kind: str, now: float) -> tuple[int, int, float | None]:
    """Records to look at again: how many, how many of them now, and since when the oldest. Page by page."""
    count, due, first = 0, 0, inf
    after = ("", "")
    while rows := tx.due_hints(kind, inf, after, PAGE):
        count += len(rows)
        due += sum(row.due <= now for row in rows)
        first = min([first, *(row.first for row in rows if row.first)])
        after = _place(rows[-1])
    return count, due, first if first < inf else None


def _place(row: HintRow) -> tuple[str, str]:
    return row.side.value, row.key


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
