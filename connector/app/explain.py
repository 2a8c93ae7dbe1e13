"""The story of one record: what happened to it, by which rule, and what keeps it from travelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from connector.app.core import App
from connector.app.live import Live, label, read_keys, read_links, reason_of
from connector.config import SyncConfig
from connector.errors import ConfigError, ConnectorError
from connector.mapping.located import listed, nearest
from connector.model.entities import ENTITIES
from connector.model.records import Key, Op
from connector.model.rows import WHY_FROZEN, ConflictRow, DeadRow, HintRow, JournalRow, LinkRow, LinkState
from connector.model.values import Side, Sides


@dataclass(slots=True)
class Event:
    """One line of a record's story. before: what the fields held before an overwrite, while it is kept."""

    at: float
    run: str
    event: str
    system: str | None
    key: Key | None
    fields: list[str]
    rule: str
    detail: str
    before: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """What is known of one record in one sync. why: sentences on what keeps it, or its fields, from travelling."""

    sync: str
    systems: Sides[str]
    link: LinkRow | None
    label: str = ""
    keys: Sides[Key | None] = field(default_factory=lambda: Sides(None, None))
    values: dict[Side, dict[str, str | None]] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


def explain(
    app: App, entity: str, key: Key, field_name: str | None = None, *, system: str | None = None, limit: int = 50
) -> list[Story]:
    """What happened to a record, by which rule, and why not, in every sync of its entity that knows the key.

    Raises ConfigError for an unknown entity, field or system, and when no sync and no system knows the key.
    """
    syncs = _syncs(app, entity, field_name, system)
    stories = [
        story
        for sync in syncs
        for side in Side
        if system in (None, sync.between[side])
        if (story := _story(app, sync, side, key, field_name, limit)) is not None
    ]
    if not stories:
        names = sorted({name for sync in syncs for name in sync.pair} if system is None else {system})
        raise ConfigError(f"No {entity} `{key}` is known in {listed(names)}; keys are the ids of the system itself.")
    return stories


def _syncs(app: App, entity: str, field_name: str | None, system: str | None) -> list[SyncConfig]:
    syncs = [sync for sync in app.chosen() if sync.entity.name == entity]
    if not syncs:
        known = sorted({sync.entity.name for sync in app.chosen()})
        near = nearest(entity, known or ENTITIES)
        hint = f" - did you mean `{near}`?" if near else ""
        raise ConfigError(f"No sync has the entity `{entity}`; there are {listed(known)}{hint}")
    if system is not None:
        syncs = [sync for sync in syncs if system in sync.pair]
        if not syncs:
            raise ConfigError(f"No sync of `{entity}` has a system `{system}`.")
    fields = syncs[0].entity.fields
    names = {*fields, *syncs[0].entity.atomic_groups}
    if field_name is not None and field_name not in names:
        near = nearest(field_name, names)
        hint = f" - did you mean `{near}`?" if near else ""
        raise ConfigError(f"`{entity}` has no field `{field_name}`{hint}")
    return syncs


def _story(app: App, sync: SyncConfig, side: Side, key: Key, field_name: str | None, limit: int) -> Story | None:
    kind = app.kind(sync)
    with app.look() as tx:
        link = tx.links_by_key(kind, side, [key]).get(key)
        if link is None:
            known = (
                tx.dead_by_key(kind, side, [key]).get(key),
                [hint for hint in tx.hints(kind) if (hint.side, hint.key) == (side, key)],
                key in tx.tombstones(kind, side, [key]),
                key in tx.candidates_by_key(kind, side, [key]),
            )
        else:
            journal = tx.journal(link=link.id, limit=limit)
            conflicts = tx.conflicts(kind, [link.id])
            hints = [hint for hint in tx.hints(kind) if hint.key == link.keys[hint.side]]
            dead = [row for s in Side if link.keys[s] for row in tx.dead_by_key(kind, s, [str(link.keys[s])]).values()]
    if link is None:
        return _unlinked(app, sync, side, key, *known)
    story = Story(sync.name, sync.between, link, keys=link.keys)
    unit = _unit_of(app, sync, field_name)
    story.events = [_event(app, sync, row) for row in journal if unit is None or _concerns(row, unit)]
    _live(app, sync, link, story, field_name)
    _why(app, story, sync, link, [row for row in conflicts if unit in (None, row.unit) or row.unit == "*"], hints, dead)
    return story


def _unit_of(app: App, sync: SyncConfig, field_name: str | None) -> str | None:
    """The unit a field belongs to: its group where that merges as one."""
    if field_name is None:
        return None
    found = sync.entity.fields.get(field_name)
    group = found.group if found is not None else None
    rule = sync.fields.get(group or "")
    return group if group is not None and (rule is None or rule.atomic is not False) else field_name


def _concerns(row: JournalRow, unit: str) -> bool:
    return not row.fields or unit in row.fields.split(",")


def _event(app: App, sync: SyncConfig, row: JournalRow) -> Event:
    before: dict[str, str] = {}
    if row.body is not None:
        try:
            before = msgspec.json.decode(app.vault.open(row.body, b"journal"), type=dict[str, str])
        except (ConnectorError, msgspec.MsgspecError):
            before = {}  # sealed under another key: the line itself still tells what happened
    system = sync.between[row.side] if row.side is not None else None
    fields = row.fields.split(",") if row.fields else []
    return Event(row.at, row.run, row.event, system, row.key, fields, row.rule, row.detail, before)


def _live(app: App, sync: SyncConfig, link: LinkRow, story: Story, field_name: str | None) -> None:
    """Label, values and rules as they are now; a system that cannot be asked is a sentence in `why`."""
    try:
        live: Live = read_links(app, sync.name, [link])[link.id]
        spec = app.spec(sync.name)
    except ConnectorError as error:
        story.why.append(f"current values are not shown: {error}")
        return
    story.label = live.label(sync.entity)
    unit_name = _unit_of(app, sync, field_name)
    units = [unit for unit in spec.units if unit_name in (None, unit.name)]
    if unit_name is not None:
        story.values = {side: live.values(side, units[0] if units else None, unit_name) for side in Side}
        if not units:
            story.why.append(f"`{field_name}` does not travel here: not both systems show it, or none may write it")
    story.rules = {unit.name: f"{_arrow(sync, unit.flow.value)}, {unit.policy}, {unit.source}" for unit in units}
    for side in Side:
        held = live.decoded[side].held if side in live.decoded else {}
        story.why += [
            f"{name} in {sync.between[side]} cannot be read: {reason}"
            for name, reason in held.items()
            if field_name in (None, name)
        ]
        record = live.records.get(side)
        if link.keys[side] is not None and (record is None or record.deleted):
            story.why.append(f"{link.keys[side]} is gone in {sync.between[side]}")


def _arrow(sync: SyncConfig, flow: str) -> str:
    left, right = sync.pair
    return {"both": "both ways", "l2r": f"{left} -> {right}", "r2l": f"{right} -> {left}"}.get(flow, "not written")


def _why(
    app: App,
    story: Story,
    sync: SyncConfig,
    link: LinkRow,
    conflicts: Sequence[ConflictRow],
    hints: Sequence[HintRow],
    dead: Sequence[DeadRow],
) -> None:
    if link.state is LinkState.HALF:
        story.why.append(_half_sentence(sync, link, refused=bool(dead)))
    if link.state.value == "closed":
        story.why.append("the link was ended; the sync leaves both records alone")
    for row in conflicts:
        what = WHY_FROZEN.get(row.reason) or reason_of(app, row)
        unit = "the record" if row.unit == "*" else row.unit
        story.why.append(f"{unit} waits for a decision ({what}): connector conflicts resolve {row.link}:{row.unit}")
    story.why += [_hint_sentence(sync, hint) for hint in hints]
    story.why += [_dead_sentence(app, row) for row in dead]


def _half_sentence(sync: SyncConfig, link: LinkRow, *, refused: bool) -> str:
    other = " and ".join(sync.between[side] for side in Side if link.keys[side] is None)
    if refused:
        return f"it is not in {other or 'the other system'}: the create was refused"
    return f"it is being made in {other or 'the other system'}; the outcome of that write is not known yet"


def _hint_sentence(sync: SyncConfig, hint: HintRow) -> str:
    waits = f", waits for {hint.waits}" if hint.waits else ""
    return f"{hint.key} in {sync.between[hint.side]} is looked at again ({hint.reason}{waits})"


def _dead_sentence(app: App, row: DeadRow) -> str:
    reason = reason_of(app, row).rstrip(".")
    return f"a dead letter: {reason}. Correct it, then: connector dead-letters retry {row.id}"


def _unlinked(
    app: App,
    sync: SyncConfig,
    side: Side,
    key: Key,
    dead: DeadRow | None,
    hints: Sequence[HintRow],
    ended: bool,
    candidate: bool,
) -> Story | None:
    """Why a key has no link; None when nobody knows it."""
    nobody: Sides[Key | None] = Sides(None, None)
    keys = nobody.with_(side, key)
    story = Story(sync.name, sync.between, None, keys=keys)
    review = candidate and (dead is None or dead.code == "held")
    if dead is not None:
        if dead.op == Op.CREATE and not review:
            story.why.append(f"it is not in {sync.between[side.other]}: the create was refused")
        story.why.append(_dead_sentence(app, dead))
    story.why += [_hint_sentence(sync, hint) for hint in hints]
    if ended:
        story.why.append("its link was ended when the record was deleted")
    if review:
        story.why.append(f"it waits in match review: connector match {sync.name}")
    try:
        record = read_keys(app, sync.name, side, [key]).get(key)
    except ConnectorError as error:
        story.why.append(f"{sync.between[side]} could not be asked: {error}")
        return story
    if record is None:
        return story if story.why else None
    if record.deleted or record.merged_into:
        story.why.append(f"it is gone in {sync.between[side]}")
    elif record.fields is not None:
        decoded = app.spec(sync.name).systems[side].mapping.decode(record.fields)
        story.label = label(sync.entity, [decoded.values])
        if not decoded.in_scope:
            reason = decoded.held.get("*", "the mapping's filter leaves it out")
            story.why.append(f"it takes no part: {reason}")
        elif side.other not in app.spec(sync.name).creates:
            story.why.append(f"this sync makes no records in {sync.between[side.other]}")
        elif not story.why:
            story.why.append(f"it has not been read yet: connector sync {sync.name}")
    return story
