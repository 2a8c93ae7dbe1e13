"""Reads records fresh from both systems for a person to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connector.app.core import App
from connector.engine.shape import Shape
from connector.engine.spec import SyncSpec
from connector.engine.work import DETAIL, open_text
from connector.errors import ConnectorError
from connector.mapping.translate import Decoded
from connector.merge.rules import Unit
from connector.model.entities import Entity
from connector.model.records import Key, Record
from connector.model.rows import ConflictRow, DeadRow, LinkRow, RunRow
from connector.model.values import Side, Sides, Values, shown_value


@dataclass(slots=True)
class Live:
    """What both systems show of one link right now. records: None where a system does not know the key."""

    link: LinkRow
    records: dict[Side, Record | None] = field(default_factory=dict)
    decoded: dict[Side, Decoded] = field(default_factory=dict)

    def label(self, entity: Entity) -> str:
        """What a person calls the record."""
        return label(entity, (self.decoded[side].values for side in Side if side in self.decoded))

    def values(self, side: Side, unit: Unit | None, name: str) -> dict[str, str | None]:
        """The fields of a unit as that side shows them, as text. name: stands in for a unit that is gone."""
        decoded = self.decoded.get(side)
        if decoded is None:
            return {}
        fields = unit.fields if unit is not None else (name,)
        return {
            field_name: shown_value(decoded.values[field_name]) for field_name in fields if field_name in decoded.values
        }

    def prints(self, spec: SyncSpec, shape: Shape, unit: str) -> Sides[bytes | None]:
        """The unit's prints as the engine makes them; None where a side does not show it."""
        found: dict[Side, bytes | None] = {}
        for side in Side:
            decoded = self.decoded.get(side)
            encoding = shape.encodings(decoded.values).get(unit) if decoded is not None else None
            found[side] = shape.print(unit, encoding, side, self.link.id) if encoding is not None else None
        return Sides(found[Side.LEFT], found[Side.RIGHT])

    def whole(self, shape: Shape, side: Side) -> bytes | None:
        """The print of a side's record as a whole, as the engine makes it; None where it is gone."""
        record, decoded = self.records.get(side), self.decoded.get(side)
        if record is None or decoded is None or record.deleted or record.merged_into is not None:
            return None
        return shape.whole(shape.shown(side, decoded, record.fields), side, self.link.id)


def read_links(app: App, name: str, links: Iterable[LinkRow]) -> dict[int, Live]:
    """Both sides of these links of a sync, in as few calls as the systems allow."""
    spec, sync = app.spec(name), app.sync_config(name)
    found = {link.id: Live(link) for link in links}
    for side in Side:
        keys = {key: number for number, live in found.items() if (key := live.link.keys[side]) is not None}
        if not keys:
            continue
        adapter = app.adapter(sync.between[side], read_only=True)
        records = adapter.read(spec.systems[side].object, list(keys))
        for key, number in keys.items():
            record = records.get(key)
            found[number].records[side] = record
            if record is not None and record.fields is not None:
                found[number].decoded[side] = spec.systems[side].mapping.decode(record.fields)
    return found


def read_keys(app: App, name: str, side: Side, keys: Sequence[Key]) -> Mapping[Key, Record]:
    """These records of one side, fresh; unknown keys are left out."""
    spec, sync = app.spec(name), app.sync_config(name)
    return app.adapter(sync.between[side], read_only=True).read(spec.systems[side].object, keys) if keys else {}


def label(entity: Entity, sides: Iterable[Values]) -> str:
    """The first side's words for the record; empty when no side has any."""
    for values in sides:
        words = [str(values[name]) for name in entity.label if values.get(name)]
        if words:
            return " ".join(words)
    return ""


def detail_of(app: App, row: RunRow) -> str:
    """What a run ended with; it may quote a value, so the store has it sealed."""
    try:
        return open_text(app.vault, row.detail)
    except (ConnectorError, ValueError):
        return ""  # sealed under another key


def reason_of(app: App, row: ConflictRow | DeadRow) -> str:
    """Why something waits: the short reason of the store, and the sealed sentence that may quote a value."""
    if row.body is None:
        return row.reason
    try:
        detail = app.vault.open(row.body, DETAIL).decode()
    except ConnectorError:
        return row.reason  # sealed under another key: the short reason is all there is
    # "erp refused it" adds nothing to a sentence that starts with "erp at ...".
    return detail if detail.startswith(row.reason.removesuffix(" refused it")) else f"{row.reason}: {detail}"
