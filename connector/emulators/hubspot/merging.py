"""Merges: two records become one, and both old ids lead to it (contract 3.6)."""

from __future__ import annotations

from connector.emulators.hubspot import links
from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.definitions import MERGED_IDS
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, invalid
from connector.emulators.hubspot.records import live, unique_names
from connector.emulators.hubspot.store import LIVE, MERGED, Record


def merge(portal: Portal, kind: ObjectType, primary_key: str, other_key: str) -> Record:
    """The survivor. Raises HubSpotError 404, 400 for a record with itself, 414 when it has absorbed too many."""
    primary, other = live(portal, kind, primary_key), live(portal, kind, other_key)
    if primary.id == other.id:
        raise invalid("A record cannot be merged with itself.", "INVALID_MERGE")
    new = kind.new_id and not portal.switches.merge_keeps_primary
    losers = [primary, other] if new else [other]
    ids = _absorbed(portal, primary, other, new)
    if len(ids) > portal.switches.merge_limit:
        raise HubSpotError(414, f"A record cannot have more than {portal.switches.merge_limit} identities.")
    fields = {**other.fields, **primary.fields, MERGED_IDS: ";".join(str(n) for n in ids)}
    for record in (primary, other):
        portal.store.release(record)
    survivor = _survivor(portal, primary, fields, new)
    for loser in losers:
        _absorb(portal, loser, survivor)
    for name in unique_names(portal, kind):
        if name in fields:
            portal.store.claim(survivor, name, fields[name])
    portal.happened("merge", kind, survivor.id, primary=primary.id, merged=[loser.id for loser in losers])
    return survivor


def _absorbed(portal: Portal, primary: Record, other: Record, new: bool) -> list[int]:
    """Ids the survivor answers to besides its own, in order."""
    known = {int(n) for record in (primary, other) for n in record.fields.get(MERGED_IDS, "").split(";") if n}
    return sorted({*known, other.id, *((primary.id,) if new else ())})


def _survivor(portal: Portal, primary: Record, fields: dict[str, str], new: bool) -> Record:
    now = portal.time.ms()
    if not new:
        primary.fields, primary.updated = fields, now
        portal.store.save(primary)
        return primary
    n = portal.store.next(f"id:{primary.kind.name}", portal.settings.first_id)
    survivor = Record(primary.kind, n, LIVE, primary.created, now, None, None, fields)
    portal.store.insert(survivor)
    return survivor


def _absorb(portal: Portal, loser: Record, survivor: Record) -> None:
    links.move(portal, loser, survivor)
    loser.state, loser.merged_into, loser.updated = MERGED, survivor.id, portal.time.ms()
    portal.store.save(loser)
    # Whoever was merged into the loser before is now part of the survivor.
    portal.store.execute(
        "UPDATE records SET merged_into = ? WHERE type = ? AND merged_into = ?",
        (survivor.id, loser.kind.name, loser.id),
    )
