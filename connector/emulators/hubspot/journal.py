"""The webhooks journal, which is read instead of pushed: subscriptions, files behind each other (contract 7).

What stands in a file beyond `journalEvents` is not in the contract: the names here are those of a subscription.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from connector.emulators.hubspot.catalog import BY_NAME
from connector.emulators.hubspot.events import Event
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import HubSpotError, invalid, not_found
from connector.emulators.hubspot.shapes import JournalSubscription
from connector.emulators.hubspot.wire import Answer, Call, json_answer
from connector.reference.kit.store import stamp

MAX_EVENTS = 10_000
MAX_BYTES = 5 * 1024 * 1024
MAX_FILES = 100
RETENTION = 3 * 86_400_000
URL_LIVES = 600_000
FILES = "/journal-files"
ACTIONS = {
    "creation": "CREATE",
    "propertyChange": "UPDATE",
    "deletion": "DELETE",
    "privacyDeletion": "DELETE",
    "merge": "MERGE",
    "restore": "RESTORE",
}
_NAMESPACE = uuid.UUID("0d6c7a4e-52b1-5a8f-8f0e-3b9d2c1e7f60")


@dataclass(frozen=True, slots=True)
class File:
    """One file of the journal; `offset` is where it stands."""

    offset: str
    at: int
    body: bytes


class Journal:
    """Notes what subscriptions ask for; what was noted becomes a file when somebody reads on."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.reset()
        portal.listeners.append(self._happened)

    def reset(self) -> None:
        """Subscriptions as the store has them, no files."""
        kept = self._portal.store.kept("journal").items()
        self._subscriptions = {key: msgspec.json.decode(body, type=JournalSubscription) for key, body in kept}
        self._noted: list[tuple[int, bytes]] = []
        self._files: list[File] = []
        self._drawn = 0

    # routes

    def subscribe(self, portal: Portal, call: Call) -> Answer:
        """Raises HubSpotError 400 for a portal, an object type or an action that is not there."""
        call.arguments()
        given = call.decoded(JournalSubscription)
        kind = portal.kind(given.object_type_id)
        if given.subscription_type != "OBJECT" or given.portal_id != portal.settings.portal_id:
            raise invalid("Only subscriptions of type OBJECT to this portal are possible.", "INVALID_SUBSCRIPTION")
        unknown = sorted(set(given.actions) - set(ACTIONS.values()))
        if unknown or not given.actions:
            raise invalid(f"Unknown actions {unknown}.", "INVALID_SUBSCRIPTION")
        given.object_type_id = kind.type_id
        with portal.write():
            key = str(portal.store.next("journal", 1))
            portal.store.keep("journal", key, given)
        self._subscriptions[key] = given
        return json_answer(201, self._shown(key))

    def list_subscriptions(self, portal: Portal, call: Call) -> Answer:
        call.arguments()
        return json_answer(200, {"results": [self._shown(key) for key in self._subscriptions]})

    def earliest(self, portal: Portal, call: Call) -> Answer:
        """The oldest file that is kept; 204 when there is none."""
        call.arguments()
        return self._one(call, self._kept_files())

    def next(self, portal: Portal, call: Call) -> Answer:
        """The file behind an offset; 204 when there is none yet. Raises HubSpotError 404 for one no longer kept."""
        call.arguments()
        return self._one(call, self._behind(call.params["offset"]))

    def next_batch(self, portal: Portal, call: Call) -> Answer:
        """Up to `count` files behind an offset."""
        call.arguments()
        text = call.params["count"]
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:4]) <= MAX_FILES:
            raise invalid(f"count must be a number from 1 to {MAX_FILES}.", "INVALID_PARAMETER")
        files = self._behind(call.params["offset"])[: int(text)]
        return json_answer(200, {"results": [self._pointed(call, file) for file in files]})

    def read_file(self, portal: Portal, call: Call) -> Answer:
        """A file by its pre-signed address, which is all the sign-in there is. Raises HubSpotError 403."""
        arguments = call.arguments("expires", "signature")
        if "authorization" in call.headers:
            raise HubSpotError(400, "Only one authentication mechanism is allowed; the address has its own.")
        expires, signature = arguments.get("expires", ""), arguments.get("signature", "")
        if not hmac.compare_digest(signature.encode(), self._signature(call.params["offset"], expires).encode()):
            raise HubSpotError(403, "The signature does not match.")
        file = next((known for known in self._files if known.offset == call.params["offset"]), None)
        if file is None or int(expires) <= portal.time.ms():
            raise HubSpotError(403, "The address has expired.")
        return Answer(200, file.body, {"content-type": "application/json"})

    # files

    def _one(self, call: Call, files: Sequence[File]) -> Answer:
        return json_answer(200, self._pointed(call, files[0])) if files else Answer(204)

    def _behind(self, offset: str) -> list[File]:
        files = self._kept_files()
        for n, file in enumerate(files):
            if file.offset == offset:
                return files[n + 1 :]
        raise not_found(offset)

    def _kept_files(self) -> list[File]:
        """Every file within the retention, the newest made of what was noted since the last reading."""
        for events in self._parts():
            self._drawn += 1
            body = b'{"journalEvents":[' + b",".join(body for _, body in events) + b"]}"
            self._files.append(File(str(uuid.uuid5(_NAMESPACE, str(self._drawn))), events[-1][0], body))
        self._noted = []
        oldest = self._portal.time.ms() - RETENTION
        self._files = [file for file in self._files if file.at > oldest]
        return self._files

    def _parts(self) -> Iterator[list[tuple[int, bytes]]]:
        part: list[tuple[int, bytes]] = []
        size = 0
        for at, body in self._noted:
            if part and (len(part) == MAX_EVENTS or size + len(body) > MAX_BYTES):
                yield part
                part, size = [], 0
            part.append((at, body))
            size += len(body) + 1
        if part:
            yield part

    def _pointed(self, call: Call, file: File) -> dict[str, str]:
        expires = self._portal.time.ms() + URL_LIVES
        signature = self._signature(file.offset, str(expires))
        url = f"{call.base_url}{FILES}/{file.offset}?expires={expires}&signature={signature}"
        return {"url": url, "expiresAt": stamp(expires), "currentOffset": file.offset}

    def _signature(self, offset: str, expires: str) -> str:
        source = f"{offset}/{expires}".encode()
        return hmac.new(self._portal.settings.client_secret.encode(), source, "sha256").hexdigest()

    # events

    def _happened(self, events: Sequence[Event]) -> None:
        told = [event for event in events if event.action in ACTIONS and self._wanted(event)]
        for (action, name, key), group in groupby(told, lambda event: (ACTIONS[event.action], event.type, event.id)):
            found = list(group)
            body: dict[str, Any] = {
                "type": "crm.object",
                "portalId": self._portal.settings.portal_id,
                "occurredAt": stamp(found[0].at),
                "action": action,
                "objectTypeId": BY_NAME[name].type_id,
                "objectId": key,
            }
            if action == "UPDATE":
                body["propertyChanges"] = {event.property: event.value for event in found}
            if action == "MERGE":
                body |= {"primaryObjectId": found[0].primary, "mergedObjectIds": found[0].merged, "newObjectId": key}
            self._noted.append((found[0].at, msgspec.json.encode(body)))

    def _wanted(self, event: Event) -> bool:
        type_id = BY_NAME[event.type].type_id
        return any(
            known.object_type_id == type_id
            and ACTIONS[event.action] in known.actions
            and (not known.properties or event.property is None or event.property in known.properties)
            and (not known.object_ids or event.id in known.object_ids)
            for known in self._subscriptions.values()
        )

    def _shown(self, key: str) -> dict[str, Any]:
        return {"id": key, **msgspec.to_builtins(self._subscriptions[key])}
