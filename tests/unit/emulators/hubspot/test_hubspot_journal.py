"""The journal: files behind each other, for three days (contract 7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hubspot_calls import Answer, Caller

JOURNAL = "/webhooks-journal/journal/2026-09"
SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-09"
ALL = ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"]


@pytest.fixture
def app(portal: Caller) -> Caller:
    """The app with client credentials."""
    form = b"grant_type=client_credentials&client_id=emulated-client&client_secret=emulated-secret"
    token = portal.call("POST", "/oauth/2026-09/token", form, content_type="application/x-www-form-urlencoded")
    return Caller(portal.app, portal.clock, token.json["access_token"])


def _subscribe(app: Caller, type_id: str = "0-2", **more: Any) -> Answer:
    body = {"subscriptionType": "OBJECT", "objectTypeId": type_id, "portalId": 33, "actions": ALL}
    return app.call("POST", SUBSCRIPTIONS, {**body, "properties": [], "objectIds": [], **more})


def _read(app: Caller, pointer: Any) -> list[Any]:
    url = urlsplit(pointer["url"])
    answer = Caller(app.app, app.clock).call("GET", f"{url.path}?{url.query}")
    assert answer.status == 200
    return list(answer.json["journalEvents"])


def test_what_happened_is_read_file_by_file(app: Caller, portal: Caller) -> None:
    assert _subscribe(app).status == 201
    assert app.call("GET", f"{JOURNAL}/earliest").status == 204
    key = portal.make("companies", name="Acme")
    portal.patch(f"companies/{key}", {"name": "Beta", "city": "Bonn"})
    first = app.call("GET", f"{JOURNAL}/earliest").json
    created, told, changed = _read(app, first)
    assert (created["action"], told["action"], changed["action"]) == ("CREATE", "UPDATE", "UPDATE")
    assert changed["propertyChanges"] == {"name": "Beta", "city": "Bonn"}
    assert (changed["objectTypeId"], changed["objectId"]) == ("0-2", int(key))
    behind = f"{JOURNAL}/offset/{first['currentOffset']}/next"
    assert app.call("GET", behind).status == 204
    portal.delete(f"companies/{key}")
    second = app.call("GET", behind).json
    assert [event["action"] for event in _read(app, second)] == ["DELETE"]
    assert app.call("GET", f"{JOURNAL}/earliest").json["currentOffset"] == first["currentOffset"]


def test_a_merge_is_told_with_every_id(app: Caller, portal: Caller) -> None:
    _subscribe(app, actions=["MERGE"])
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    new = portal.post("companies/merge", {"primaryObjectId": first, "objectIdToMerge": second}).json["id"]
    (event,) = _read(app, app.call("GET", f"{JOURNAL}/earliest").json)
    assert (event["mergedObjectIds"], event["newObjectId"]) == ([int(first), int(second)], int(new))


def test_only_what_was_asked_for_is_told(app: Caller, portal: Caller) -> None:
    _subscribe(app, actions=["UPDATE"], properties=["city"], objectIds=[92])
    for name in "ab":
        key = portal.make("companies", name=name, city="Bonn")
        portal.patch(f"companies/{key}", {"phone": "1", "city": "Ulm"})
    portal.make("contacts", lastname="Ash")
    events = _read(app, app.call("GET", f"{JOURNAL}/earliest").json)
    assert [(event["objectId"], event["propertyChanges"]) for event in events] == [
        (92, {"city": "Bonn"}),
        (92, {"city": "Ulm"}),
    ]


def test_several_files_are_pointed_to_at_once(app: Caller, portal: Caller) -> None:
    _subscribe(app, actions=["CREATE"])
    for name in "abcd":
        portal.make("companies", name=name)
        app.call("GET", f"{JOURNAL}/earliest")
    first = app.call("GET", f"{JOURNAL}/earliest").json["currentOffset"]
    results = app.call("GET", f"{JOURNAL}/batch/{first}/next/2").json["results"]
    assert [_read(app, pointer)[0]["objectId"] for pointer in results] == [92, 93]
    for count in ("0", "101", "x"):
        assert app.call("GET", f"{JOURNAL}/batch/{first}/next/{count}").status == 400


def test_a_file_is_kept_for_three_days_and_its_offset_no_longer(app: Caller, portal: Caller) -> None:
    _subscribe(app)
    portal.make("companies", name="Acme")
    offset = app.call("GET", f"{JOURNAL}/earliest").json["currentOffset"]
    portal.clock.advance(days=3)
    form = b"grant_type=client_credentials&client_id=emulated-client&client_secret=emulated-secret"
    token = portal.call("POST", "/oauth/2026-09/token", form, content_type="application/x-www-form-urlencoded")
    app.token = token.json["access_token"]
    assert app.call("GET", f"{JOURNAL}/earliest").status == 204
    assert app.call("GET", f"{JOURNAL}/offset/{offset}/next").refused == (404, "OBJECT_NOT_FOUND")


def test_a_file_has_ten_thousand_events_at_most(app: Caller, portal: Caller) -> None:
    _subscribe(app, actions=["CREATE"])
    for _ in range(101):
        portal.batch("companies", "create", *[{"properties": {"name": "C"}}] * 100)
    first = app.call("GET", f"{JOURNAL}/earliest").json
    second = app.call("GET", f"{JOURNAL}/offset/{first['currentOffset']}/next").json
    assert [len(_read(app, pointer)) for pointer in (first, second)] == [10_000, 100]


def test_a_file_has_five_megabytes_at_most(app: Caller, portal: Caller) -> None:
    _subscribe(app, actions=["UPDATE"], properties=["description"])
    portal.batch("companies", "create", *[{"properties": {"name": "C", "description": "x" * 60_000}}] * 100)
    first = app.call("GET", f"{JOURNAL}/earliest").json
    second = app.call("GET", f"{JOURNAL}/offset/{first['currentOffset']}/next").json
    counts = [len(_read(app, pointer)) for pointer in (first, second)]
    assert sum(counts) == 100
    assert 0 < counts[1] < counts[0] < 5 * 1024 * 1024 / 60_000


def test_the_address_of_a_file_is_its_own_sign_in_for_ten_minutes(app: Caller, portal: Caller) -> None:
    _subscribe(app)
    portal.make("companies", name="Acme")
    url = urlsplit(app.call("GET", f"{JOURNAL}/earliest").json["url"])
    target, nobody = f"{url.path}?{url.query}", Caller(portal.app, portal.clock)
    assert app.call("GET", target).status == 400
    assert nobody.call("GET", target.replace("signature=", "signature=0")).status == 403
    assert nobody.call("GET", target.replace("expires=", "expires=9")).status == 403
    assert nobody.call("GET", url.path).status == 403
    portal.clock.advance(minutes=10)
    assert nobody.call("GET", target).status == 403


@pytest.mark.parametrize(
    "more",
    [
        {"actions": []},
        {"actions": ["BURN"]},
        {"portalId": 34},
        {"subscriptionType": "EVENT"},
        {"objectTypeId": "9-9"},
        {"foo": 1},
    ],
)
def test_400_for_a_subscription_that_makes_no_sense(app: Caller, more: Any) -> None:
    assert _subscribe(app, **more).refused == (400, "VALIDATION_ERROR")


def test_the_journal_is_for_client_credentials_only(app: Caller, portal: Caller) -> None:
    assert portal.call("GET", f"{JOURNAL}/earliest").refused == (403, "MISSING_SCOPES")
    assert _subscribe(portal).refused == (403, "MISSING_SCOPES")
    _subscribe(app)
    assert [known["objectTypeId"] for known in app.call("GET", SUBSCRIPTIONS).json["results"]] == ["0-2"]


def test_the_journal_has_a_limit_of_its_own(app: Caller, portal: Caller) -> None:
    portal.switch(journal_per_second=2)
    assert [app.call("GET", f"{JOURNAL}/earliest").status for _ in range(3)] == [204, 204, 429]
