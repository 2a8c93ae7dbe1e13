"""HubSpot as a subject of the contract suite: the adapter behind the proxy, a person beside it."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.model.records import Key
from connector.ports import Adapter, WebhookRequest
from connector.testing.contract import FaultProxy, Fields, HttpSubject, Request, Sample

from .servers import KEY, Portal, build

SECRET = "app-secret-of-the-portal"
HOOK = "https://sync.example.com/webhooks/hubspot"
TIMEOUT = 1.5
LINE_TYPES = {"deals": 20, "orders": 514, "invoices": 410}
PHONES = tuple(f"+49 30 {number}" for number in range(1, 8))
NOTES = tuple(f"note {number}" for number in range(1, 8))
READS = ("/search", "/batch/read")
KINDS = {"companies": "company", "contacts": "contact", "products": "product", "deals": "deal"}
NUMBERS = {"orders": "0-123", "invoices": "0-53"}


class HubSpotSubject(HttpSubject):
    """settings: of the adapter. The person works with a key of the same portal and a client of their own."""

    secrets = (KEY, SECRET)

    def __init__(self, portal: Portal, samples: Sequence[Sample], **settings: Any) -> None:
        super().__init__(FaultProxy(portal.url, words=_words, seconds=2 * TIMEOUT))
        self.portal = portal
        self.samples = samples
        self._settings = settings

    def build(self, url: str) -> Adapter:
        hooks = {"app_secret": SECRET, "webhook_url": HOOK}
        adapter: Adapter = build(url, timeout=TIMEOUT, **hooks, **self._settings)
        return adapter

    def writes(self, request: Request) -> bool:
        path = request.path.partition("?")[0]
        return request.method == "POST" and not path.endswith(READS)

    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        plain = {name: value for name, value in fields.items() if name not in ("lines", "company_id")}
        key = self.portal.create(object, **plain)
        for line in fields.get("lines", ()):
            item = self.portal.create("line_items", **line)
            self.portal.link("line_items", item, object, key, LINE_TYPES[object])
        return key

    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        self.portal.edit(object, key, **fields)

    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        self.portal.delete(object, key)

    def restore(self, object: str, key: Key) -> None:  # noqa: A002
        self.portal.restore(object, key)

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        """As in portals where the survivor keeps its id; test_portal.py has the others."""
        if object not in ("companies", "contacts"):
            super().merge(object, loser, survivor)
        before = self.portal.switches(merge_keeps_primary=True)
        self.portal.merge(object, survivor, loser)
        self.portal.switches(**before)

    def webhook(self, object: str, key: Key, age: float) -> WebhookRequest:  # noqa: A002
        stamp = str(int((time.time() - age) * 1000))
        event: dict[str, Any] = {"eventId": 1, "subscriptionId": 25, "portalId": 33, "occurredAt": int(stamp)}
        event |= {"objectId": int(key), "attemptNumber": 0}
        if object in KINDS:
            event["subscriptionType"] = f"{KINDS[object]}.propertyChange"
        else:
            event |= {"subscriptionType": "object.propertyChange", "objectTypeId": NUMBERS[object]}
        body = json.dumps([event]).encode()
        digest = hmac.new(SECRET.encode(), b"POST" + HOOK.encode() + body + stamp.encode(), "sha256").digest()
        headers = {
            "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
            "X-HubSpot-Request-Timestamp": stamp,
        }
        return WebhookRequest(headers, body)


def companies() -> Sample:
    return Sample(
        "companies",
        create=lambda number: {"name": f"Sample company {number}", "phone": "+49 30 77"},
        text="name",
        change=("phone", PHONES),
        refused={"parent_id": "999999999"},
        kept={
            "zip": ("01067", "007"),
            "description": ("one\ntwo\n\tthree", "x" * 5000),
            "erp_balance": (Decimal("1.1"), Decimal("-0.05"), Decimal("123456789012.34")),
            "erp_balance_as_of": ("2024-02-29", "1999-12-31"),
            "website": ("https://example.com/a?b=c",),
        },
        external="erp_id",
        steps=frozenset({"lifecyclestage"}),
        several=True,
        apart=True,
    )


def contacts() -> Sample:
    return Sample(
        "contacts",
        create=lambda number: {"lastname": f"Person {number}", "firstname": "Ann"},
        text="lastname",
        change=("phone", PHONES),
        refused={"email": "no address"},
        kept={"jobtitle": ("CEO",), "company": ("a free text",)},
        external="erp_id",
        steps=frozenset({"lifecyclestage"}),
        several=True,
        apart=True,
    )


def products() -> Sample:
    return Sample(
        "products",
        create=lambda number: {"name": f"Product {number}", "price": Decimal("9.5")},
        text="name",
        change=("description", NOTES),
        refused={"price": "dear"},
        kept={"price": (Decimal("0.125"), Decimal("19")), "hs_product_type": ("service", "inventory")},
        external="erp_id",
    )


def deals(portal: Portal) -> Sample:
    company = portal.create("companies", name="The buyer of all deals")
    made = {"dealstage": "closedwon", "pipeline": "default", "company_id": company, "description": "first"}
    return Sample(
        "deals",
        create=lambda number: {"dealname": f"Deal {number}", **made, "lines": LINES},
        text="dealname",
        change=("description", NOTES),
        refused={"company_id": "999999999"},
        kept={
            "closedate": ("2026-03-01T00:00:00.000Z", None),
            "amount": (Decimal("12.5"),),
            "lines": (LINES[1:], LINES[:1]),
            "company_id": (company,),
        },
        external="erp_id",
        steps=frozenset({"dealstage", "pipeline"}),
        several=True,
        apart=True,
    )


_LINE: Mapping[str, Any] = {"name": "a", "quantity": Decimal("3"), "price": Decimal("0.335")}
LINES = [_LINE, {**_LINE, "name": "b", "description": "second"}, {"name": "c", "quantity": "1", "price": "2"}]


def _words(status: int, request: Request) -> bytes:
    """An error in HubSpot's own words, which repeat the credentials: an adapter must not pass them on."""
    told = f"refused with status {status} for {request.headers.get('authorization', 'nobody')}"
    said = {"status": "error", "message": told, "correlationId": "c0", "category": "TEST"}
    return json.dumps(said).encode()
