"""Associations between records: made and removed in both directions at once (contract 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from connector.emulators.hubspot.catalog import LINE_ITEM_PARENTS, ObjectType
from connector.emulators.hubspot.link_types import LINK_TYPES, LinkType
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import invalid
from connector.emulators.hubspot.store import LIVE, Record, marks

Found: TypeAlias = dict[int, dict[int, list[int]]]
"""By id at the one end, by id at the other: the type ids between them."""

_LINK = "from_type = ? AND from_id = ? AND to_type = ? AND to_id = ?"


def link_type(start: ObjectType, end: ObjectType, category: str, type_id: int) -> LinkType:
    """Raises HubSpotError 400 for a type that does not link these two."""
    found = LINK_TYPES.get((start.name, end.name), {}).get(type_id)
    if found is None or category != "HUBSPOT_DEFINED":
        message = f"{category} association type {type_id} doesn't exist between {start.type_id} and {end.type_id}"
        raise invalid(message, "INVALID_ASSOCIATION_TYPE")
    return found


def link(portal: Portal, start: Record, end: Record, types: Sequence[LinkType]) -> None:
    """Associate two records. A primary type takes the flag from whoever had it (contract 4).

    Raises HubSpotError 400 for a record with itself, and where a line item would get a second parent (contract 8).
    """
    if _ends(start, end) == _ends(end, start):
        raise invalid("A record cannot be associated with itself.", "INVALID_ASSOCIATION")
    _check_parent(portal, start, end)
    _check_parent(portal, end, start)
    for known in types:
        if known.primary:
            _move_primary(portal, start, end, known)
        for type_id, back in ((known.plain, _inverse(start, end, known.plain)), (known.id, known.inverse)):
            portal.store.execute("INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?, ?)", (*_ends(start, end), type_id))
            portal.store.execute("INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?, ?)", (*_ends(end, start), back))
        _tell(portal, start, end, known.id, removed=False)
        _tell(portal, end, start, known.inverse, removed=False)
    touch(portal, start, end)


def unlink(portal: Portal, start: Record, end: Record) -> None:
    """Remove whatever links two records, in both directions."""
    types = portal.store.rows(f"SELECT type_id FROM links WHERE {_LINK}", _ends(start, end))
    for first, second in ((start, end), (end, start)):
        portal.store.execute(f"DELETE FROM links WHERE {_LINK}", _ends(first, second))
    for (type_id,) in types:
        _tell(portal, start, end, type_id, removed=True)
        _tell(portal, end, start, _inverse(start, end, type_id), removed=True)
    if types:
        touch(portal, start, end)


def links_of(portal: Portal, start: ObjectType, ids: Sequence[int], end: ObjectType) -> Found:
    """What live records of one type are linked to these records of another; those without are left out."""
    found: Found = {}
    for first in range(0, len(ids), 500):
        part = ids[first : first + 500]
        rows = portal.store.rows(
            "SELECT l.from_id, l.to_id, l.type_id FROM links l JOIN records r ON r.type = l.to_type AND r.id = l.to_id"
            f" WHERE l.from_type = ? AND l.to_type = ? AND r.state = {LIVE} AND l.from_id IN ({marks(part)})"
            " ORDER BY l.from_id, l.to_id, l.type_id",
            (start.name, end.name, *part),
        )
        for from_id, to_id, type_id in rows:
            found.setdefault(from_id, {}).setdefault(to_id, []).append(type_id)
    return found


def count_of(portal: Portal, record: Record, end: ObjectType) -> int:
    return len(links_of(portal, record.kind, (record.id,), end).get(record.id, ()))


def move(portal: Portal, loser: Record, survivor: Record) -> None:
    """What was linked to the one is linked to the other; the survivor keeps its own primary."""
    ends = (loser.kind.name, loser.id)
    rows = portal.store.rows("SELECT to_type, to_id, type_id FROM links WHERE from_type = ? AND from_id = ?", ends)
    taken = {
        (to_type, type_id)
        for to_type, type_id in portal.store.rows(
            "SELECT to_type, type_id FROM links WHERE from_type = ? AND from_id = ?",
            (survivor.kind.name, survivor.id),
        )
    }
    for to_type, to_id, type_id in rows:
        known = LINK_TYPES[loser.kind.name, to_type][type_id]
        to_itself = (to_type, to_id) == (survivor.kind.name, survivor.id)
        if to_itself or (known.primary and known.holds and (to_type, type_id) in taken):
            continue
        there = (survivor.kind.name, survivor.id, to_type, to_id, type_id)
        back = (to_type, to_id, survivor.kind.name, survivor.id, known.inverse)
        for row in (there, back):
            portal.store.execute("INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?, ?)", row)
    portal.store.execute("DELETE FROM links WHERE from_type = ? AND from_id = ?", ends)
    portal.store.execute("DELETE FROM links WHERE to_type = ? AND to_id = ?", ends)


def touch(portal: Portal, *records: Record) -> None:
    """An association changes hidden properties, where the switch says so, and with them the modified date."""
    if portal.switches.associations_touch:
        for record in records:
            record.updated = portal.time.ms()
            portal.store.save(record)


def _ends(start: Record, end: Record) -> tuple[str, int, str, int]:
    return start.kind.name, start.id, end.kind.name, end.id


def _inverse(start: Record, end: Record, type_id: int) -> int:
    return LINK_TYPES[start.kind.name, end.kind.name][type_id].inverse


def _check_parent(portal: Portal, line: Record, parent: Record) -> None:
    if line.kind.name != "line_items" or parent.kind.name not in LINE_ITEM_PARENTS:
        return
    rows = portal.store.rows(
        "SELECT l.to_type, l.to_id FROM links l JOIN records r ON r.type = l.to_type AND r.id = l.to_id"
        f" WHERE l.from_type = ? AND l.from_id = ? AND r.state = {LIVE} AND l.to_type IN ({marks(LINE_ITEM_PARENTS)})",
        (line.kind.name, line.id, *LINE_ITEM_PARENTS),
    )
    if any(row != (parent.kind.name, parent.id) for row in rows):
        raise invalid(f"Line item {line.id} belongs to another record already.", "LINE_ITEM_ALREADY_ASSOCIATED")


def _move_primary(portal: Portal, start: Record, end: Record, known: LinkType) -> None:
    holder, other, type_id, inverse = (
        (start, end, known.id, known.inverse) if known.holds else (end, start, known.inverse, known.id)
    )
    portal.store.execute(
        "DELETE FROM links WHERE from_type = ? AND from_id = ? AND to_type = ? AND type_id = ?",
        (holder.kind.name, holder.id, other.kind.name, type_id),
    )
    portal.store.execute(
        "DELETE FROM links WHERE from_type = ? AND to_type = ? AND to_id = ? AND type_id = ?",
        (other.kind.name, holder.kind.name, holder.id, inverse),
    )


def _tell(portal: Portal, start: Record, end: Record, type_id: int, *, removed: bool) -> None:
    portal.happened(
        "associationChange",
        start.kind,
        start.id,
        to_type=end.kind.name,
        to_id=end.id,
        type_id=type_id,
        removed=removed,
    )
