"""What waits for a person, and what a person does about it: conflicts and dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from connector.app.core import App
from connector.app.live import Live, read_keys, read_links, reason_of
from connector.app.live import label as label_of
from connector.app.running import Ran
from connector.app.running import sync as run_syncs
from connector.config import SyncConfig
from connector.engine.shape import Shape
from connector.errors import ConfigError, ConnectorError, RejectedError
from connector.mapping.located import listed
from connector.merge.rules import Unit
from connector.model.records import Key
from connector.model.rows import FROZEN, ConflictRow, DeadRow, HintRow, LinkRow
from connector.model.values import SIDES, Side, Sides

RECORD = "*"


@dataclass(slots=True)
class Conflict:
    """One unit that waits. values: per side, field -> text; fetched now, empty when the system could not be asked."""

    id: str
    sync: str
    entity: str
    unit: str
    reason: str
    since: float
    keys: Sides[Key | None]
    systems: Sides[str]
    label: str = ""
    values: dict[Side, dict[str, str | None]] = field(default_factory=dict)
    choice: Side | None = None
    note: str = ""


@dataclass(slots=True)
class Resolved:
    """One conflict after a choice. open: it still waits, `note` says why."""

    id: str
    sync: str
    unit: str
    taken: str
    label: str
    values: dict[str, str | None]
    replaced: dict[str, str | None]
    open: bool = False
    note: str = ""


@dataclass(slots=True)
class DeadLetter:
    """One parked action, with the sync it belongs to and the system the record is in."""

    id: int
    sync: str
    system: str
    key: Key
    op: str
    reason: str
    code: str
    since: float
    attempts: int


# ------------------------------------------------------------------------------------------------ conflicts


def conflicts(app: App, names: Iterable[str] = (), *, ids: Collection[str] = (), live: bool = True) -> list[Conflict]:
    """Everything that waits for a decision, with the values of both systems as they are now.

    A system that cannot be asked leaves its values out and says so in `note`. Raises ConfigError for an unknown id.
    """
    found: list[Conflict] = []
    for sync in app.chosen(names):
        rows, links = _open(app, sync)
        rows = [row for row in rows if not ids or conflict_id(row) in ids]
        if not rows:
            continue
        shown, note = _fetched(app, sync, [links[row.link] for row in rows]) if live else ({}, "")
        found += [_shown(app, sync, row, links[row.link], shown.get(row.link), note) for row in rows]
    missing = sorted(set(ids) - {conflict.id for conflict in found})
    if missing:
        raise ConfigError(f"There is no conflict {listed(missing)}; `connector conflicts list` shows what waits.")
    return found


def conflict_id(row: ConflictRow) -> str:
    """How a person names a conflict: link and unit."""
    return f"{row.link}:{row.unit}"


def _open(app: App, sync: SyncConfig) -> tuple[list[ConflictRow], dict[int, LinkRow]]:
    with app.look() as tx:
        rows = tx.conflicts(app.kind(sync))
        return rows, tx.links_by_id([row.link for row in rows])


def _fetched(app: App, sync: SyncConfig, links: Sequence[LinkRow]) -> tuple[dict[int, Live], str]:
    try:
        return read_links(app, sync.name, links), ""
    except ConnectorError as error:
        return {}, f"values not shown: {error}"


def _shown(app: App, sync: SyncConfig, row: ConflictRow, link: LinkRow, live: Live | None, note: str) -> Conflict:
    found = Conflict(
        *(
            conflict_id(row),
            sync.name,
            sync.entity.name,
            row.unit,
            reason_of(app, row),
            row.since,
            link.keys,
            sync.between,
        ),
        choice=row.choice,
        note=note,
    )
    if live is not None:
        unit = app.spec(sync.name).unit(row.unit)
        found.label = live.label(sync.entity)
        found.values = {side: _values(live, side, row, unit) for side in Side}
    return found


def _values(live: Live, side: Side, row: ConflictRow, unit: Unit | None) -> dict[str, str | None]:
    if row.unit == RECORD:
        record = live.records.get(side)
        gone = record is None or record.deleted or record.merged_into is not None
        return {RECORD: "gone" if gone else "exists"}
    return live.values(side, unit, row.unit)


def resolve(app: App, ids: Sequence[str], system: str) -> tuple[list[Resolved], list[Ran]]:
    """Take one system's value for these conflicts and carry it out at once.

    The choice counts for the values both systems show now. Raises ConfigError for an unknown id or system, and
    RejectedError for what is held for another reason than a conflict: no choice would help there.
    """
    resolved: list[Resolved] = []
    for name in dict.fromkeys(conflict.sync for conflict in conflicts(app, ids=ids, live=False)):
        sync = app.sync_config(name)
        resolved += _resolve(app, sync, ids, app.side_of(sync, system))
    ran = run_syncs(app, [entry.sync for entry in resolved])
    for entry in resolved:
        _look_again(app, entry)
    return resolved, ran


def _resolve(app: App, sync: SyncConfig, ids: Sequence[str], side: Side) -> list[Resolved]:
    rows, links = _open(app, sync)
    rows = [row for row in rows if conflict_id(row) in ids]
    for row in rows:
        if row.unit != RECORD and row.reason not in FROZEN:
            raise RejectedError(
                f"{conflict_id(row)} is not a conflict but {reason_of(app, row)}. Correct the value in its system "
                "or the mapping; the next sync takes it up."
            )
    live = read_links(app, sync.name, [links[row.link] for row in rows])
    spec = app.spec(sync.name)
    shape = Shape(spec, app.vault)
    fresh = [_reprinted(row, live[row.link], shape) for row in rows]
    with app.store.begin() as tx:
        tx.put_conflicts(fresh)
        for row in fresh:
            tx.choose(row.link, row.unit, side)
        tx.put_hints(
            [row for link in {row.link: links[row.link] for row in rows}.values() for row in _hints(app, link)]
        )
    found = []
    for row in fresh:
        unit, shown = spec.unit(row.unit), live[row.link]
        found.append(
            Resolved(
                *(conflict_id(row), sync.name, row.unit, sync.between[side], shown.label(sync.entity)),
                _values(shown, side, row, unit),
                _values(shown, side.other, row, unit),
            )
        )
    return found


def _reprinted(row: ConflictRow, live: Live, shape: Shape) -> ConflictRow:
    """The row over the values both sides show now: the engine honours a choice for exactly these.

    That a record is not found now proves nothing: what a run noted of it stays.
    """
    if row.unit == RECORD:
        wholes = Sides(*(live.whole(shape, side) or row.prints[side] for side in SIDES))
        return replace(row, prints=wholes, choice=None)
    prints = live.prints(shape.spec, shape, row.unit)
    if prints.left is None or prints.right is None:
        raise RejectedError(
            f"{conflict_id(row)}: the field is no longer shown by both systems; `connector sync` takes up what it is."
        )
    return replace(row, prints=prints, choice=None)


def _hints(app: App, link: LinkRow) -> list[HintRow]:
    """Look at both records: of a link that is over, one that has ended leads nowhere."""
    now = app.clock.now()
    keys = {side: key for side in SIDES if (key := link.keys[side]) is not None}
    return [HintRow(link.kind, side, key, None, "resolved", now, first=now) for side, key in keys.items()]


def _look_again(app: App, entry: Resolved) -> None:
    sync = app.sync_config(entry.sync)
    rows, _ = _open(app, sync)
    row = next((row for row in rows if conflict_id(row) == entry.id), None)
    if row is not None:
        entry.open = True
        entry.note = "chosen, not carried out yet; the next sync tries again" if row.choice else "the values changed"


# --------------------------------------------------------------------------------------------- dead letters


def dead_letters(app: App, names: Iterable[str] = ()) -> list[DeadLetter]:
    """Every parked action of these syncs, oldest first."""
    return [_letter(app, sync, row) for sync, row in _dead(app, names)]


def _dead(app: App, names: Iterable[str]) -> Iterator[tuple[SyncConfig, DeadRow]]:
    for sync in app.chosen(names):
        with app.look() as tx:
            rows = tx.dead(app.kind(sync))
        for row in rows:
            yield sync, row


def _letter(app: App, sync: SyncConfig, row: DeadRow) -> DeadLetter:
    assert row.id is not None
    system = sync.between[row.side]
    reason = reason_of(app, row)
    return DeadLetter(row.id, sync.name, system, row.key, row.op, reason, row.code, row.since, row.attempts)


def dead_labels(app: App, letters: Sequence[DeadLetter]) -> dict[int, str]:
    """What people call the records of these dead letters, read now; those that cannot be read are left out."""
    found: dict[int, str] = {}
    for name in dict.fromkeys(letter.sync for letter in letters):
        sync, spec = app.sync_config(name), app.spec(name)
        for side in Side:
            wanted = {x.key: x.id for x in letters if x.sync == name and x.system == sync.between[side]}
            for key, record in read_keys(app, name, side, list(wanted)).items():
                if key in wanted and record.fields is not None:
                    values = spec.systems[side].mapping.decode(record.fields).values
                    found[wanted[key]] = label_of(sync.entity, [values])
    return found


def retry(app: App, ids: Collection[int] = (), names: Iterable[str] = ()) -> tuple[list[DeadLetter], list[Ran]]:
    """Take these dead letters (or all of these syncs) up again: forget the refusal, read the record, run the sync.

    Returns what was taken up; what was refused again is a dead letter again. Raises ConfigError for an unknown id.
    """
    taken = _take(app, ids, names, again=True)
    return taken, run_syncs(app, [letter.sync for letter in taken]) if taken else []


def drop(app: App, ids: Collection[int] = (), names: Iterable[str] = ()) -> list[DeadLetter]:
    """Forget these dead letters. The records are looked at again when they next change in their system."""
    return _take(app, ids, names, again=False)


def _take(app: App, ids: Collection[int], names: Iterable[str], *, again: bool) -> list[DeadLetter]:
    chosen = [(sync, row) for sync, row in _dead(app, names) if not ids or row.id in ids]
    missing = sorted(set(ids) - {row.id for _, row in chosen if row.id is not None})
    if missing:
        shown = listed(str(number) for number in missing)
        raise ConfigError(f"There is no dead letter {shown}; `connector dead-letters list` shows them.")
    now = app.clock.now()
    with app.store.begin() as tx:
        for _, row in chosen:
            tx.drop_dead(row.kind, row.side, [row.key])
        if again:
            tx.put_hints([HintRow(row.kind, row.side, row.key, None, "retry", now, first=now) for _, row in chosen])
    return [_letter(app, sync, row) for sync, row in chosen]
