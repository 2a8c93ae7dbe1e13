"""Webhooks that are pushed: subscriptions, and events in batches, signed, retried by the clock (contract 7)."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from connector.emulators.hubspot.catalog import BY_NAME, TYPES, ObjectType
from connector.emulators.hubspot.events import Event
from connector.emulators.hubspot.link_types import LINK_TYPES
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import invalid, not_found
from connector.emulators.hubspot.shapes import SubscriptionCreate, WebhookSettings
from connector.emulators.hubspot.signature import signed
from connector.emulators.hubspot.wire import Answer, Call, json_answer
from connector.reference.kit.store import stamp

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], int]
"""Sends one request and returns the status of its answer, 0 when there was none in time."""

MAX_EVENTS = 100
MAX_ATTEMPTS = 10
FIRST_RETRY, LAST_RETRY = 60_000, 2 * 3_600_000
"""Between which delays a retry is drawn, in milliseconds: ten of them stay within a day."""
ACTIONS = ("creation", "deletion", "merge", "restore", "propertyChange", "associationChange")
EVENT_TYPES = frozenset(
    f"{name}.{action}" for name in (*(kind.singular for kind in TYPES if kind.events), "object") for action in ACTIONS
) - {"product.associationChange"} | {"contact.privacyDeletion"}


class Subscription(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """Which events are sent. One for each property of a `propertyChange`."""

    id: int
    active: bool
    event_type: str
    at: int
    property_name: str | None = None
    object_type_id: str | None = None

    def wants(self, event: Event, kind: ObjectType) -> bool:
        name, _, action = self.event_type.partition(".")
        if not self.active or action != event.action or self.property_name not in (None, event.property):
            return False
        return self.object_type_id == kind.type_id if name == "object" else name == kind.singular

    def wire(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": str(self.id), "active": self.active, "eventType": self.event_type}
        body |= {"createdAt": stamp(self.at), "updatedAt": stamp(self.at)}
        more = {"propertyName": self.property_name, "objectTypeId": self.object_type_id}
        return {**body, **{name: value for name, value in more.items() if value is not None}}


class Delivery(msgspec.Struct):
    """One event on its way to the address. attempt: how often it was tried before."""

    due: int
    event: dict[str, Any]
    attempt: int = 0


class Webhooks:
    """Knows who subscribed, and holds what has not been delivered yet."""

    def __init__(self, portal: Portal, post: Post) -> None:
        self._portal = portal
        self._post = post
        self._lock = threading.Lock()
        self.reset()
        portal.listeners.append(self._happened)

    def reset(self) -> None:
        """Subscriptions as the store has them, nothing on its way."""
        kept = self._portal.store.kept("subscription").values()
        self._subscriptions = [msgspec.json.decode(body, type=Subscription) for body in kept]
        self._subscriptions.sort(key=lambda subscription: subscription.id)
        self.waiting: list[Delivery] = []
        self._random = random.Random(self._portal.settings.portal_id)
        self._events = 0

    # routes of the app

    def read_settings(self, portal: Portal, call: Call) -> Answer:
        self._check_app(call)
        settings = self._settings()
        if settings is None:
            raise not_found(call.params["app"])
        return json_answer(200, settings)

    def write_settings(self, portal: Portal, call: Call) -> Answer:
        """Where events go. Raises HubSpotError 400 for what is no address."""
        self._check_app(call)
        given = call.decoded(WebhookSettings)
        if not given.target_url.startswith(("https://", "http://")) or given.throttling.max_concurrent_requests < 1:
            raise invalid("targetUrl must be an address, and maxConcurrentRequests at least 1.", "INVALID_SETTINGS")
        now = stamp(portal.time.ms())
        created = (self._settings() or {}).get("createdAt", now)
        body = {**msgspec.to_builtins(given), "createdAt": created, "updatedAt": now}
        with portal.write():
            portal.store.keep("webhooks", "settings", body)
        return json_answer(200, body)

    def list_subscriptions(self, portal: Portal, call: Call) -> Answer:
        self._check_app(call)
        return json_answer(200, {"results": [subscription.wire() for subscription in self._subscriptions]})

    def subscribe(self, portal: Portal, call: Call) -> Answer:
        """Raises HubSpotError 400 for an event type that is not there, or lacks its property or object type."""
        self._check_app(call)
        given = call.decoded(SubscriptionCreate)
        if given.event_type not in EVENT_TYPES or given.event_type_name is not None:
            raise invalid(f"Unknown event type {given.event_type[:80]}.", "INVALID_EVENT_TYPE")
        if given.event_type.endswith(".propertyChange") != (given.property_name is not None):
            raise invalid("propertyName goes with propertyChange, and only with that.", "INVALID_SUBSCRIPTION")
        if given.event_type.startswith("object.") != (given.object_type_id is not None):
            raise invalid("objectTypeId goes with object events, and only with those.", "INVALID_SUBSCRIPTION")
        if given.object_type_id is not None:
            portal.kind(given.object_type_id)
        with portal.write():
            made = Subscription(
                id=portal.store.next("subscription", 25),
                active=given.active,
                event_type=given.event_type,
                at=portal.time.ms(),
                property_name=given.property_name,
                object_type_id=given.object_type_id,
            )
            portal.store.keep("subscription", str(made.id), made)
        self._subscriptions.append(made)
        return json_answer(201, made.wire())

    def _check_app(self, call: Call) -> None:
        call.arguments()
        if call.params["app"] != str(self._portal.settings.app_id):
            raise not_found(call.params["app"])

    def _settings(self) -> dict[str, Any] | None:
        body = self._portal.store.kept("webhooks").get("settings")
        return None if body is None else msgspec.json.decode(body)

    # delivery

    def _happened(self, events: Sequence[Event]) -> None:
        now = self._portal.time.ms()
        made = [Delivery(now, body) for event in events for body in self._bodies(event)]
        if self._portal.switches.webhook_duplicates:
            made = [Delivery(now, dict(each.event)) for each in made for _ in range(2)]
        with self._lock:
            self.waiting += made

    def _bodies(self, event: Event) -> Iterator[dict[str, Any]]:
        kind = BY_NAME[event.type]
        for subscription in self._subscriptions:
            if subscription.wants(event, kind):
                self._events += 1
                # Two events share an id: the contract does not promise that it is unique.
                head: dict[str, Any] = {"eventId": 1000 + self._events // 2, "subscriptionId": subscription.id}
                head |= {"portalId": self._portal.settings.portal_id, "appId": self._portal.settings.app_id}
                head |= {self._portal.switches.webhook_type_name: subscription.event_type, "attemptNumber": 0}
                if subscription.object_type_id is not None:
                    head["objectTypeId"] = subscription.object_type_id
                yield {**head, **_told(event, kind)}

    def deliver(self) -> dict[str, int]:
        """Send what is due; returns how many events arrived, will be tried again, and were given up."""
        now, settings = self._portal.time.ms(), self._settings()
        if settings is None:
            return {"delivered": 0, "again": 0, "dropped": 0}
        with self._lock:
            due = [delivery for delivery in self.waiting if delivery.due <= now]
            self.waiting = [delivery for delivery in self.waiting if delivery.due > now]
        if self._portal.switches.webhook_order == "shuffled":
            self._random.shuffle(due)
        counts = {"delivered": 0, "again": 0, "dropped": 0}
        for start in range(0, len(due), MAX_EVENTS):
            part = due[start : start + MAX_EVENTS]
            for delivery in part:
                delivery.event["attemptNumber"] = delivery.attempt
            arrived = 200 <= self._send(settings["targetUrl"], [delivery.event for delivery in part]) < 300
            counts["delivered"] += len(part) if arrived else 0
            if not arrived:
                again = self._retry(part, now)
                counts["again"] += again
                counts["dropped"] += len(part) - again
        return counts

    def _retry(self, part: Sequence[Delivery], now: int) -> int:
        """Put what may be tried again back into the queue; returns how many."""
        again = [delivery for delivery in part if delivery.attempt < MAX_ATTEMPTS]
        for delivery in again:
            delivery.attempt += 1
            delivery.due = now + self._random.randint(FIRST_RETRY, LAST_RETRY)
        with self._lock:
            self.waiting += again
        return len(again)

    def _send(self, url: str, events: Sequence[dict[str, Any]]) -> int:
        body, now = msgspec.json.encode(events), self._portal.time.ms()
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-v3": signed(self._portal.settings.client_secret, "POST", url, body, now),
            "X-HubSpot-Request-Timestamp": str(now),
        }
        return self._post(url, body, headers)


def _told(event: Event, kind: ObjectType) -> dict[str, Any]:
    """What an event says of the record, by its action."""
    body: dict[str, Any] = {"objectId": event.id, "occurredAt": event.at, "changeSource": event.source}
    match event.action:
        case "propertyChange":
            body |= {"propertyName": event.property, "propertyValue": event.value}
        case "merge":
            body |= {"primaryObjectId": event.primary, "mergedObjectIds": event.merged, "newObjectId": event.id}
            body["numberOfPropertiesMoved"] = 0
        case "associationChange":
            body |= _linked(event, kind)
    return body


def _linked(event: Event, kind: ObjectType) -> dict[str, Any]:
    end = BY_NAME[event.to_type or ""]
    known = LINK_TYPES[kind.name, end.name][event.type_id or 0]
    return {
        "associationType": f"{kind.label}_TO_{end.label}",
        "fromObjectId": event.id,
        "toObjectId": event.to_id,
        "associationRemoved": event.removed,
        "isPrimaryAssociation": known.primary,
    }
