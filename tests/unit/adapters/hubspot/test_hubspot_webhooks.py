"""Only what HubSpot signed just now is believed, and every kind of event names the records to look at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.adapters.hubspot.kinds import BY_NAME
from connector.adapters.hubspot.webhooks import Signatures, decoded, hints, signed_older, signed_v3
from connector.errors import DeniedError
from connector.model.records import Hint
from connector.ports import WebhookRequest

SECRET = b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
PLAIN_URL = "https://sync.example.com/webhooks/hubspot"
URL = f"{PLAIN_URL}?tenant=acme%3Aeu"
STAMP = "1700000001234"
NOW = int(STAMP) / 1000
BODY = (
    '[{"eventId":3816279340,"subscriptionId":25,"portalId":33,"appId":1160452,"occurredAt":1700000000000,'
    '"subscriptionType":"company.propertyChange","attemptNumber":0,"objectId":1246965,"propertyName":"name",'
    '"propertyValue":"Zoë GmbH","changeSource":"CRM_UI"}]'
).encode()
V3 = "CVAHM33V22tsVKytkPbOhoDMiCc4E4PY56KGdq/VBDc="
UNDECODED = "HYIABoD0NEaF4Ngud8+ejEUpIQzGIsNbkvQ8NIQXKVQ="
PLAIN = "mldimeV/egwpZZh+OPujA6AWUfHh6WFPOBtIHIN4M8E="
V1 = "706b598990df082935d21129d005741b5785402308717945d0d1f20b84b1ae2f"
V2 = "98bbf2d09d7d5ae8118c0385a1193701f62f2c56c95bbc2696518b22b604d75b"


def verify(headers: dict[str, str], *, now: float = NOW, url: str | None = URL, older: tuple[str, ...] = ()) -> None:
    Signatures("crm", SECRET, url, older).verify(WebhookRequest(headers, BODY), now)


def headers(signature: str, stamp: str = STAMP) -> dict[str, str]:
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}


def older(signature: str, version: str) -> dict[str, str]:
    return {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": version}


def test_the_worked_examples_come_out_as_they_are_written() -> None:
    assert decoded(f"{URL}#part") == f"{PLAIN_URL}?tenant=acme:eu"
    assert decoded("/a%2fb%25c%20d") == "/a/b%25c%20d", "nothing else is decoded"
    assert signed_v3(SECRET, "POST", URL, BODY, STAMP) == V3
    assert signed_v3(SECRET, "POST", PLAIN_URL, BODY, STAMP) == PLAIN
    assert signed_older("v1", SECRET, "POST", URL, BODY) == V1
    assert signed_older("v2", SECRET, "POST", URL, BODY) == V2


def test_a_right_signature_is_believed_for_five_minutes_and_not_before() -> None:
    for now in (NOW, NOW + 300, NOW - 300):
        verify(headers(V3), now=now)
    verify(headers(PLAIN), url=PLAIN_URL)
    for now in (NOW + 300.01, NOW - 300.01):
        with pytest.raises(DeniedError, match="five minutes"):
            verify(headers(V3), now=now)


@pytest.mark.parametrize("signature", [UNDECODED, PLAIN, V3[:-1], V3.lower(), "", "ü", V1])
def test_a_wrong_signature_is_not_believed(signature: str) -> None:
    with pytest.raises(DeniedError, match="signature is wrong"):
        verify(headers(signature))


@pytest.mark.parametrize("stamp", ["", "1700000001235", "-1700000001234", "nan", "1" * 40])
def test_a_stamp_is_part_of_what_is_signed(stamp: str) -> None:
    with pytest.raises(DeniedError):
        verify(headers(V3, stamp))
    with pytest.raises(DeniedError):
        verify(headers(signed_v3(SECRET, "POST", URL, BODY, stamp), stamp), now=NOW + 400)


def test_older_signatures_are_believed_only_where_the_configuration_says_so() -> None:
    for signature, version in ((V1, "v1"), (V2, "v2")):
        with pytest.raises(DeniedError, match="version 3"):
            verify(older(signature, version))
        verify(older(signature, version), older=(version,))
        with pytest.raises(DeniedError, match="signature is wrong"):
            verify(older(signature[::-1], version), older=(version,))
    with pytest.raises(DeniedError):
        verify(older(V1, "v2"), older=("v1", "v2"))
    both = {**headers(UNDECODED), **older(V2, "v2")}
    with pytest.raises(DeniedError):
        verify(both, older=("v2",))


def test_without_a_secret_or_an_address_nothing_is_believed() -> None:
    with pytest.raises(DeniedError, match="app_secret"):
        Signatures("crm", None, URL, ()).verify(WebhookRequest(headers(V3), BODY), NOW)
    with pytest.raises(DeniedError, match="webhook_url"):
        verify(headers(V3), url=None)


def told(**event: Any) -> set[tuple[str, str]]:
    found = hints(json.dumps([{"eventId": 1, "portalId": 33, "occurredAt": 1, **event}]).encode(), BY_NAME)
    return {(hint.object, hint.key) for hint in found}


def test_the_event_of_the_worked_example_names_its_company() -> None:
    assert hints(BODY, BY_NAME) == [Hint("companies", "1246965")]


NAMES = {"company": "companies", "contact": "contacts", "deal": "deals", "product": "products"}
HAPPENED = ("creation", "deletion", "restore", "propertyChange", "privacyDeletion")


@pytest.mark.parametrize("happened", HAPPENED)
@pytest.mark.parametrize("name", NAMES)
def test_what_happens_to_a_record_names_it(name: str, happened: str) -> None:
    for field in ("subscriptionType", "eventType"):
        assert told(**{field: f"{name}.{happened}", "objectId": 7}) == {(NAMES[name], "7")}


@pytest.mark.parametrize(
    ("number", "name"),
    [("0-123", "orders"), ("0-53", "invoices"), ("0-101", "commerce_payments"), ("0-2", "companies")],
)
def test_events_of_any_object_name_their_type_by_number(number: str, name: str) -> None:
    assert told(subscriptionType="object.creation", objectTypeId=number, objectId=7) == {(name, "7")}


def test_a_merge_names_all_records_that_take_part() -> None:
    merge = {"primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 4}
    assert told(subscriptionType="contact.merge", objectId=4, **merge) == {("contacts", key) for key in "1234"}


def test_an_association_names_both_ends_and_a_line_item_its_document() -> None:
    ends = {"fromObjectId": 7, "toObjectId": 8}
    change = {"subscriptionType": "deal.associationChange", **ends}
    assert told(**change, associationType="DEAL_TO_COMPANY") == {("deals", "7"), ("companies", "8")}
    assert told(**change, associationType="DEAL_TO_LINE_ITEM") == {("deals", "7")}
    lines = {"subscriptionType": "line_item.associationChange", **ends}
    assert told(**lines, associationType="LINE_ITEM_TO_DEAL") == {("deals", "8")}


def test_a_line_items_own_event_names_no_document_and_is_left_to_the_feed() -> None:
    assert told(subscriptionType="line_item.propertyChange", objectId=7) == set()
    assert told(subscriptionType="object.creation", objectTypeId="0-8", objectId=7) == set()
    assert told(subscriptionType="ticket.creation", objectId=7) == set()
    assert told(subscriptionType="object.creation", objectTypeId="2-9", objectId=7) == set()


def test_a_hundred_events_of_one_record_are_one_hint() -> None:
    events = [{"subscriptionType": "deal.propertyChange", "objectId": 1 + number % 2} for number in range(100)]
    assert hints(json.dumps(events).encode(), BY_NAME) == [Hint("deals", "1"), Hint("deals", "2")]


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'[{"objectId": "x"}]'])
def test_what_is_no_list_of_events_is_refused(body: bytes) -> None:
    with pytest.raises(DeniedError):
        hints(body, BY_NAME)
