"""A record as it goes over the wire (contract 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import invalid
from connector.emulators.hubspot.store import BINNED, Record
from connector.emulators.hubspot.wire import Call, names_in
from connector.reference.kit.store import stamp


def shown(portal: Portal, record: Record, names: Iterable[str] = ()) -> dict[str, Any]:
    """The record with these properties and those every record has.

    A defined property without a value is null; a name that is not defined is dropped without a word.
    """
    definitions = portal.definitions[record.kind.name]
    fields = record.fields
    created, updated = stamp(record.created), stamp(record.updated)
    properties: dict[str, str | None] = {name: fields.get(name) for name in names if name in definitions}
    properties["hs_object_id"] = str(record.id)
    properties["createdate"] = created
    properties[record.kind.modified] = updated
    body: dict[str, Any] = {
        "id": str(record.id),
        "properties": properties,
        "createdAt": created,
        "updatedAt": updated,
        "archived": record.state == BINNED,
    }
    if record.binned_at is not None:
        body["archivedAt"] = stamp(record.binned_at)
    return body


def wanted(call: Call) -> list[str]:
    """The properties a GET asks for. Raises HubSpotError 400 for their history, which is not kept here."""
    if names_in(call, "propertiesWithHistory"):
        raise invalid("propertiesWithHistory is not served.", "UNSUPPORTED_PARAMETER")
    return names_in(call, "properties") or []


def envelope(portal: Portal, results: list[Any], failed: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The frame of a batch; with rows that failed, how many and why (contract 3.2)."""
    at = stamp(portal.time.ms())
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
    if failed:
        body |= {"numErrors": len(failed), "errors": failed}
    return body
