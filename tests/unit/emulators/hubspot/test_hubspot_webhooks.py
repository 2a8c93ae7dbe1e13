"""Webhooks: what is told, in which order, how often, and signed (contract 7)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hubspot_calls import ADMIN, START, Caller, ManualClock, link
from hubspot_schemas import FILE, validator

from connector.emulators.hubspot.app import create_app
from connector.emulators.hubspot.settings import Settings
from connector.emulators.hubspot.signature import signed
from connector.emulators.hubspot.switches import Switches

TARGET = "https://sync.example.com/webhooks/hubspot?tenant=acme%3Aeu"
MS = int(START.timestamp() * 1000)


@dataclass
class Receiver:
    """Takes what is sent; answers with `status`."""

    status: int = 200
    requests: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.requests.append((url, body, headers))
        if FILE.exists():
            assert not list(validator("#/components/schemas/WebhookDelivery").iter_errors(json.loads(body)))
        return self.status

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, body, _ in self.requests for event in json.loads(body)]


@dataclass
class App(Caller):
    receiver: Receiver = field(default_factory=Receiver)
    developer: Caller | None = None

    def settings(self, method: str, rest: str, body: Any = None) -> Any:
        assert self.developer is not None
        return self.developer.call(method, f"/app-webhooks/2026-09/{rest}", body)

    def subscribe(self, event_type: str, **more: Any) -> int:
        answer = self.settings("POST", "7/subscriptions", {"active": True, "eventType": event_type, **more})
        assert answer.status == 201, answer.body
        return int(answer.json["id"])

    def deliver(self) -> Any:
        return self.admin("POST", "deliver").json


@pytest.fixture
def app() -> Iterator[App]:
    clock, receiver = ManualClock(), Receiver()
    switches = Switches(search_lag=0, ten_seconds=0)
    made = create_app(Settings(admin_token=ADMIN, clock=clock, switches=switches), receiver)
    portal = App(made, clock, made.portal.settings.service_key, receiver=receiver)
    form = b"grant_type=client_credentials&client_id=emulated-client&client_secret=emulated-secret"
    token = portal.call("POST", "/oauth/2026-09/token", form, content_type="application/x-www-form-urlencoded")
    portal.developer = Caller(made, clock, token.json["access_token"])
    body = {"targetUrl": TARGET, "throttling": {"maxConcurrentRequests": 10}}
    assert portal.settings("PUT", "7/settings", body).status == 200
    yield portal
    made.close()


def test_a_change_is_told_property_by_property_and_only_to_who_asked(app: App) -> None:
    subscription = app.subscribe("company.propertyChange", propertyName="name")
    app.subscribe("contact.propertyChange", propertyName="lastname")
    key = app.make("companies", name="Acme", city="Bonn")
    app.clock.advance(seconds=1)
    app.admin("PATCH", f"records/companies/{key}", {"properties": {"name": "Beta"}})
    app.patch(f"companies/{key}", {"name": "Beta"})
    assert app.deliver() == {"delivered": 2, "again": 0, "dropped": 0}
    first, second = app.receiver.events
    assert first == {
        "eventId": first["eventId"],
        "subscriptionId": subscription,
        "portalId": 33,
        "appId": 7,
        "occurredAt": MS,
        "subscriptionType": "company.propertyChange",
        "attemptNumber": 0,
        "objectId": int(key),
        "propertyName": "name",
        "propertyValue": "Acme",
        "changeSource": "INTEGRATION",
    }
    assert (second["propertyValue"], second["changeSource"], second["occurredAt"]) == ("Beta", "CRM_UI", MS + 1000)


def test_a_request_is_signed_over_its_raw_bytes(app: App) -> None:
    app.subscribe("company.creation")
    app.make("companies", name="Zoë")
    app.deliver()
    ((url, body, headers),) = app.receiver.requests
    assert url == TARGET
    assert headers["X-HubSpot-Request-Timestamp"] == str(app.clock.ms)
    assert headers["X-HubSpot-Signature-v3"] == signed("emulated-secret", "POST", url, body, app.clock.ms)


def test_every_action_has_its_event(app: App) -> None:
    for action in ("creation", "deletion", "restore", "merge"):
        app.subscribe(f"company.{action}")
    app.subscribe("contact.privacyDeletion")
    keys = [app.make("companies", name=name) for name in "ab"]
    app.delete(f"companies/{keys[0]}")
    app.admin("POST", f"records/companies/{keys[0]}/restore")
    body = {"primaryObjectId": keys[0], "objectIdToMerge": keys[1]}
    new = app.post("companies/merge", body).json["id"]
    app.admin("POST", f"records/contacts/{app.make('contacts', lastname='Ash')}/forget")
    app.deliver()
    told = [event["subscriptionType"].partition(".")[2] for event in app.receiver.events]
    assert told == ["creation", "creation", "deletion", "restore", "merge", "privacyDeletion"]
    merged = app.receiver.events[4]
    assert (merged["primaryObjectId"], merged["mergedObjectIds"]) == (int(keys[0]), [int(key) for key in keys])
    assert merged["newObjectId"] == int(new)


def test_an_association_is_told_from_both_ends(app: App) -> None:
    app.subscribe("company.associationChange")
    app.subscribe("contact.associationChange")
    company = app.make("companies", name="Acme")
    app.post("contacts", {"properties": {"lastname": "Ash"}, "associations": [link(company, 1)]})
    app.deliver()
    told = [(event["associationType"], event["isPrimaryAssociation"]) for event in app.receiver.events]
    assert told == [("CONTACT_TO_COMPANY", True), ("COMPANY_TO_CONTACT", True)]
    assert all(event["associationRemoved"] is False for event in app.receiver.events)


def test_orders_have_events_by_their_type_id_only(app: App) -> None:
    app.subscribe("object.creation", objectTypeId="0-123")
    app.make("orders", hs_order_name="O")
    app.make("companies", name="Acme")
    app.deliver()
    assert [(event["objectId"], event["objectTypeId"]) for event in app.receiver.events] == [(91, "0-123")]


def test_a_request_has_up_to_a_hundred_events(app: App) -> None:
    app.subscribe("company.creation")
    for _ in range(2):
        rows = [{"properties": {"name": "C"}}] * 75
        app.batch("companies", "create", *rows)
    app.deliver()
    assert [len(json.loads(body)) for _, body, _ in app.receiver.requests] == [100, 50]


def test_events_that_follow_each_other_can_share_an_id(app: App) -> None:
    app.subscribe("company.creation")
    for name in "abc":
        app.make("companies", name=name)
    app.deliver()
    ids = [event["eventId"] for event in app.receiver.events]
    assert len(set(ids)) < len(ids)


def test_a_row_that_failed_halfway_is_not_told(app: App) -> None:
    app.subscribe("line_item.creation")
    order, invoice = app.make("orders", hs_order_name="O"), app.make("invoices", hs_currency="EUR")
    row = {"properties": {"name": "a"}, "associations": [link(order, 514), link(invoice, 410)]}
    assert app.batch("line_items", "create", {**row, "objectWriteTraceId": "t"}).status == 207
    assert app.deliver()["delivered"] == 0


def test_a_subscription_that_is_not_active_is_told_nothing(app: App) -> None:
    body = {"active": False, "eventType": "company.creation"}
    assert app.settings("POST", "7/subscriptions", body).status == 201
    app.make("companies", name="Acme")
    assert app.deliver()["delivered"] == 0


def test_what_was_refused_or_undone_is_not_told(app: App) -> None:
    app.subscribe("company.creation")
    rows = [{"properties": {"name": "a"}, "objectWriteTraceId": "a"}, {"properties": {}, "objectWriteTraceId": "b"}]
    assert app.batch("companies", "create", *rows).status == 207
    assert app.batch("companies", "create", {"properties": {"name": "c"}}, {"properties": {}}).status == 400
    app.deliver()
    assert len(app.receiver.events) == 1


@pytest.mark.parametrize("status", [0, 301, 404, 500])
def test_a_failed_delivery_is_tried_ten_times_more_within_a_day(app: App, status: int) -> None:
    app.subscribe("company.creation")
    app.make("companies", name="Acme")
    app.receiver.status = status
    for _ in range(24 * 60):
        counts = app.deliver()
        if counts["dropped"]:
            break
        app.clock.advance(minutes=1)
    assert [event["attemptNumber"] for event in app.receiver.events] == list(range(11))
    app.clock.advance(days=1)
    assert app.deliver() == {"delivered": 0, "again": 0, "dropped": 0}


def test_a_delivery_that_is_taken_later_arrives_once(app: App) -> None:
    app.subscribe("company.creation")
    app.make("companies", name="Acme")
    app.receiver.status = 503
    assert app.deliver()["again"] == 1
    app.receiver.status = 200
    assert app.deliver() == {"delivered": 0, "again": 0, "dropped": 0}
    app.clock.advance(hours=2)
    assert app.deliver()["delivered"] == 1
    app.clock.advance(hours=2)
    assert app.deliver()["delivered"] == 0


def test_events_can_come_twice_and_out_of_order_under_either_name(app: App) -> None:
    app.switch(webhook_duplicates=True, webhook_order="shuffled", webhook_type_name="eventType")
    app.subscribe("company.creation")
    keys = [int(app.make("companies", name=name)) for name in "abcdef"]
    app.deliver()
    told = [event["objectId"] for event in app.receiver.events]
    assert sorted(told) == sorted(keys * 2)
    assert told != sorted(told)
    assert {event["eventType"] for event in app.receiver.events} == {"company.creation"}


def test_a_reset_forgets_who_subscribed_what_waits_and_every_token(app: App) -> None:
    app.subscribe("company.creation")
    app.make("companies", name="Acme")
    app.admin("POST", "reset")
    app.make("companies", name="Beta")
    assert app.settings("GET", "7/settings").refused == (401, "INVALID_AUTHENTICATION")
    assert app.deliver() == {"delivered": 0, "again": 0, "dropped": 0}
    assert app.app.webhooks.waiting == []


@pytest.mark.parametrize(
    "given",
    [
        {"eventType": "ticket.creation"},
        {"eventType": "product.associationChange"},
        {"eventType": "company.propertyChange"},
        {"eventType": "company.creation", "propertyName": "name"},
        {"eventType": "object.creation"},
        {"eventType": "company.creation", "objectTypeId": "0-2"},
        {"eventType": "object.creation", "objectTypeId": "9-9"},
        {},
    ],
)
def test_400_for_a_subscription_that_makes_no_sense(app: App, given: Any) -> None:
    assert app.settings("POST", "7/subscriptions", {"active": True, **given}).status == 400
    assert app.settings("GET", "7/subscriptions").json["results"] == []


def test_subscriptions_belong_to_the_app_and_are_not_for_service_keys(app: App) -> None:
    assert app.settings("GET", "8/settings").refused == (404, "OBJECT_NOT_FOUND")
    assert app.call("GET", "/app-webhooks/2026-09/7/settings").refused == (403, "MISSING_SCOPES")
    app.subscribe("company.propertyChange", propertyName="name")
    (listed,) = app.settings("GET", "7/subscriptions").json["results"]
    assert (listed["eventType"], listed["propertyName"]) == ("company.propertyChange", "name")
    assert app.settings("GET", "7/settings").json["targetUrl"] == TARGET
    body = {"targetUrl": "ftp://x", "throttling": {"maxConcurrentRequests": 10}}
    assert app.settings("PUT", "7/settings", body).codes == ["INVALID_SETTINGS"]


@pytest.mark.parametrize("base", ["/webhooks/2026-03", "/webhooks/v3"])
def test_older_versions_have_another_path(app: App, base: str) -> None:
    assert app.developer is not None
    assert app.developer.call("GET", f"{base}/7/settings").status == 200
