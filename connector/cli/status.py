"""The commands that tell where things stand: status, runs."""

from __future__ import annotations

from heapq import nsmallest
from math import inf
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.common import CONFIG, DONE, ConfigOption, JsonOption, SyncsArgument, opened
from connector.cli.output import age, counted, emit, few, moment, plain, say, table

if TYPE_CHECKING:
    from connector.app.status import OpenWrite, Status

OLDEST = 5
"""Open writes that are shown one by one; the rest is counted."""

STATES = {"planned": "not sent yet", "sent": "no answer", "acked": "done, not read back"}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(status)
    app.command()(runs)


def status(syncs: SyncsArgument = None, config: ConfigOption = CONFIG, json: JsonOption = False) -> int:
    """Where each sync stands, and what is open since when. Contacts no system."""
    from connector.app.status import status as read

    with opened(config, quiet=True) as app:
        found, now = read(app, syncs or []), app.clock.now()
    if json:
        emit({"syncs": found})
        return DONE
    rows = []
    for entry in found:
        last = f"{entry.last.status}, {age(entry.last.started, now)} ago" if entry.last else "never"
        rows.append([entry.sync, entry.links.get("linked", 0), last, _open_words(entry, now) or "nothing"])
    table(["sync", "linked", "last run", "open"], rows)
    _show_open([(entry.sync, write) for entry in found for write in entry.open], now)
    return DONE


def _open_words(entry: Status, now: float) -> str:
    """What waits, and how long the longest of each sort has."""
    sorts = [
        (entry.open_writes, "open write", "open writes", entry.oldest.open_writes),
        (entry.conflicts, "conflict", "conflicts", entry.oldest.conflicts),
        (entry.dead, "dead letter", "dead letters", entry.oldest.dead),
        (entry.hints, "waiting record", "waiting records", entry.oldest.hints),
    ]
    words = []
    for count, one, many, since in sorts:
        if count:
            old = f" ({age(since, now)})" if since is not None else ""
            words.append(f"{counted(count, one, many)}{old}")
    return ", ".join(words)


def _show_open(writes: list[tuple[str, OpenWrite]], now: float) -> None:
    """The oldest open writes, one line each, and how many more there are."""
    if not writes:
        return
    rows = []
    for sync, write in nsmallest(OLDEST, writes, key=lambda row: inf if row[1].since is None else row[1].since):
        old = age(write.since, now) if write.since is not None else ""
        state = STATES.get(write.state, write.state)
        rows.append([sync, f"{write.op} in {write.system}", _record(write), few(write.fields), state, old])
    table(["sync", "open write", "record", "fields", "state", "for"], rows)
    if len(writes) > OLDEST:
        say(f"and {counted(len(writes) - OLDEST, 'more open write')}: connector status --json")
    say("The next run finds out what became of them: connector sync")


def _record(write: OpenWrite) -> str:
    """The record that is written; of a create, the one it is made from."""
    if write.key is not None:
        return write.key
    return " ".join(("from", *(f"{system} {key}" for system, key in write.source.items())))


def runs(
    sync: Annotated[str | None, typer.Argument(help="One sync; all when none is given.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many.", min=1, max=1000)] = 20,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """The latest runs, newest first."""
    from connector.app.status import counts_of
    from connector.app.status import runs as read

    with opened(config, quiet=True) as app:
        found = read(app, sync, limit=limit)
    if json:
        emit({"runs": [{**plain(row), "counts": counts_of(row)} for row in found]})
        return DONE
    rows = []
    for row in found:
        counts = ", ".join(f"{name} {count}" for name, count in counts_of(row).items() if count)
        seconds = f"{row.ended - row.started:.1f} s" if row.ended is not None else ""
        rows.append([row.id, row.sync, moment(row.started), seconds, row.status, counts, row.detail])
    table(["run", "sync", "started", "took", "status", "counts", "detail"], rows)
    return DONE
