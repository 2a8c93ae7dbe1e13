"""The built-in CRM and ERP as subjects of the contract suite: the adapter behind the proxy, a person beside it."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from connector.model.records import Key
from connector.ports import Adapter, WebhookRequest
from connector.testing.contract import FaultProxy, Fields, HttpSubject, Request, Sample

from .servers import TOKENS, Server, build, next_number

SECRET = "hook-secret"
TIMEOUT = 1.5
DATES = ("2024-02-29", "1999-12-31")
PHONES = tuple(f"+49 30 {number}" for number in range(7))


class ReferenceSubject(HttpSubject):
    """switches: how the server is set while a test runs."""

    secrets = (TOKENS["connector"], SECRET)

    def __init__(self, server: Server, samples: Sequence[Sample], **switches: Any) -> None:
        super().__init__(FaultProxy(server.url, seconds=2 * TIMEOUT))
        self.samples = samples
        self._server = server
        self._switches = switches

    def build(self, url: str) -> Adapter:
        adapter: Adapter = build(
            f"reference_{self._server.kind}", url, timeout=TIMEOUT, webhook_secret=SECRET, verify=False
        )
        return adapter

    def writes(self, request: Request) -> bool:
        return request.method == "POST" and not request.path.endswith("/batch/read")

    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        key: Key = self._server.admin("POST", f"/api/{object}", plain(fields))["id"]
        return key

    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        self._server.admin("PATCH", f"/api/{object}/{key}", plain(fields))

    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        self._server.admin("DELETE", f"/api/{object}/{key}")

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        self._server.admin("POST", f"/api/{object}/merge", {"winner": survivor, "loser": loser})

    def webhook(self, object: str, key: Key, age: float) -> WebhookRequest:  # noqa: A002
        stamp = str(time.time() - age)
        body = json.dumps({"id": f"e{next_number()}", "object": object, "key": key, "version": 1, "at": "x"}).encode()
        signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, "sha256").hexdigest()
        return WebhookRequest({"X-Timestamp": stamp, "X-Signature": f"sha256={signature}"}, body)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        if not self._switches:
            yield
            return
        before = self._server.admin("GET", "/api/admin/switches")
        self._server.switches(**self._switches)
        try:
            yield
        finally:
            self._server.switches(**{name: before[name] for name in self._switches})


def plain(fields: Fields) -> Any:
    """As a person's own program would send them."""
    return json.loads(msgspec.json.encode(fields))


def companies() -> Sample:
    return Sample(
        "companies",
        create=lambda number: {"name": f"Sample company {number}", "phone": "+49 30 77"},
        text="name",
        change=("phone", PHONES),
        refused={"parent_id": "C-999999"},
        kept={
            "number": ("007", "0"),
            "currency": ("EUR", "JPY"),
            "balance_currency": ("EUR", "TND"),
            "open_balance": (Decimal("1.100"), Decimal("-0.001"), Decimal("123456789012.345")),
            "balance_as_of": DATES,
            "notes": ("one\ntwo\r\n\tthree", "x" * 10_000),
        },
    )


def customers() -> Sample:
    return Sample(
        "customers",
        create=lambda number: {"name": f"Sample customer {number}", "currency": "EUR", "phone": "+49 30 77"},
        text="name",
        change=("phone", PHONES),
        refused={"parent": "K-999999"},
        kept={"blocked": (True, False), "credit_limit": (Decimal("1.10"), Decimal("100.00"), Decimal("0.05"))},
    )


def items() -> Sample:
    return Sample(
        "items",
        create=lambda number: {"code": f"I-{time.time_ns()}-{number}", "name": f"Item {number}", "unit": "pc"},
        text="name",
        change=("unit", tuple(f"unit {number}" for number in range(7))),
        refused={"price": "dear"},
        kept={"price": (Decimal("0.125"),), "vat_percent": (Decimal("19"),), "active": (False, True)},
    )


def deals(server: Server) -> Sample:
    company = server.admin("POST", "/api/companies", {"name": "Buyer", "currency": "EUR"})["id"]
    line: Mapping[str, Any] = {"description": "a", "quantity": "3", "unit_price": "0.335", "tax_percent": "19"}
    lines = [line, {**line, "description": "b"}, {"description": "c", "quantity": "1", "unit_price": "2.00"}]
    made = {"company_id": company, "currency": "EUR", "lines": lines, "po_number": "first"}
    return Sample(
        "deals",
        create=lambda number: {"name": f"Deal {number}", **made},
        text="name",
        change=("po_number", tuple(f"PO {number}" for number in range(7))),
        refused={"company_id": "C-999999"},
        kept={"close_date": DATES, "freight": (Decimal("4.90"), Decimal("0.00")), "lines": (lines[1:], lines[:1])},
    )
