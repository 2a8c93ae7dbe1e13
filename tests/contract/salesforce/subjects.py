"""An emulated org as a subject of the contract suite: what may be written, how a person acts, how trouble is made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector.model.records import Key
from connector.ports import Adapter
from connector.testing.contract import FaultProxy, Fields, HttpSubject, Request, Sample

from .org import SECRET, Org, build

TIMEOUT = 2.0
READS = ("/services/oauth2/token", "/composite")


class SalesforceSubject(HttpSubject):
    """A person works in the pages of the org, as another user than the connection's."""

    secrets = (SECRET,)

    def __init__(self, org: Org, samples: Sequence[Sample], most: int = 450) -> None:
        super().__init__(FaultProxy(org.url, words=_words, seconds=2 * TIMEOUT))
        self.org = org
        self.samples = samples
        self.most = most
        org.control("PUT", "switches", {"granularity": "milliseconds", "daily_limit": 10_000_000})

    def build(self, url: str) -> Adapter:
        objects = [sample.object for sample in self.samples]
        adapter: Adapter = build(url, timeout=TIMEOUT, objects=objects, page=200)
        return adapter

    def writes(self, request: Request) -> bool:
        return request.method != "GET" and not request.path.partition("?")[0].endswith(READS)

    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        price = fields.get("UnitPrice")
        plain = {name: value for name, value in fields.items() if name not in ("lines", "UnitPrice")}
        if fields.get("lines") and object in LINES:
            plain.setdefault("Pricebook2Id", self._book())
        key = self.org.typed(object, plain)
        if object == "Product2" and price is not None:
            self._priced(key, price)
        for line in fields.get("lines", ()):
            self._line(object, key, line)
        return key

    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        self.org.retyped(object, key, fields)

    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        self.org.thrown_away(object, key)

    def restore(self, object: str, key: Key) -> None:  # noqa: A002
        self.org.control("POST", "undelete", {"object": object, "id": key})

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        if object not in ("Account", "Contact"):
            super().merge(object, loser, survivor)
        self.org.control("POST", "merge", {"object": object, "master": survivor, "losers": [loser]})

    def _book(self) -> str:
        return str(self.org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"])

    def _priced(self, product: Key, price: Any) -> str:
        entry = {"Product2Id": product, "Pricebook2Id": self._book(), "UnitPrice": price, "IsActive": True}
        return self.org.typed("PricebookEntry", entry)

    def _line(self, object: str, key: Key, line: Mapping[str, Any]) -> None:  # noqa: A002
        table, link = LINES.get(object, ("ERP_Invoice_Line__c", "Invoice__c"))
        values = {name: value for name, value in line.items() if name != "Product2Id"}
        if "Product2Id" in line:
            found = self.org.rows(f"SELECT Id FROM PricebookEntry WHERE Product2Id = '{line['Product2Id']}'")
            values["PricebookEntryId"] = found[0]["Id"]
        self.org.typed(table, {**values, link: key})


LINES = {"Order": ("OrderItem", "OrderId"), "Opportunity": ("OpportunityLineItem", "OpportunityId")}
PHONES = tuple(f"+49 30 {number}" for number in range(7))


def accounts() -> Sample:
    return Sample(
        "Account",
        create=lambda number: {"Name": f"Company {number}", "BillingCity": "Berlin"},
        text="Name",
        change=("Phone", PHONES),
        refused={"ParentId": "0015g00000ZZZZZAAA"},
        kept={
            "BillingStreet": ("Hauptstr. 1", "two\nlines"),
            "BillingPostalCode": ("01067",),
            "ERP_Balance__c": (Decimal("12.5"), Decimal("-0.01"), Decimal("12345678.25"), None),
            "ERP_Balance_As_Of__c": ("2024-02-29T12:00:00Z", None),
            "NumberOfEmployees": (7, 0),
        },
        external="ERP_Id__c",
    )


def contacts() -> Sample:
    return Sample(
        "Contact",
        create=lambda number: {"LastName": f"Person {number}", "FirstName": "Ann"},
        text="LastName",
        change=("Phone", PHONES),
        refused={"AccountId": "0015g00000ZZZZZAAA"},
        kept={"Email": ("a@example.com", None), "Title": ("Ωmega",)},
        external="ERP_Id__c",
    )


def products() -> Sample:
    return Sample(
        "Product2",
        create=lambda number: {"Name": f"Product {number}", "UnitPrice": Decimal("1.25"), "IsActive": True},
        text="Name",
        change=("ProductCode", tuple(f"P-{number}" for number in range(7))),
        refused={"Name": None},
        kept={"UnitPrice": (Decimal("12.5"), Decimal("0.13"), None, Decimal("2")), "IsActive": (False, True)},
        external="ERP_Id__c",
        several=True,
    )


def opportunities(products: Sequence[str]) -> Sample:
    line: Mapping[str, Any] = {"Product2Id": products[0], "Quantity": Decimal(3), "UnitPrice": Decimal("0.33")}
    lines = [line, {**line, "Quantity": Decimal(2)}, {**line, "UnitPrice": Decimal("7.5"), "Description": "third"}]
    made = {"StageName": "Prospecting", "CloseDate": "2026-03-09", "lines": lines}
    return Sample(
        "Opportunity",
        create=lambda number: {"Name": f"Deal {number}", **made},
        text="Name",
        change=("CloseDate", tuple(f"2026-04-0{number}" for number in range(1, 8))),
        refused={"AccountId": "0015g00000ZZZZZAAA"},
        kept={"lines": (lines[1:], lines[:1])},
        external="ERP_Id__c",
        several=True,
    )


def orders(account: str, products: Sequence[str]) -> Sample:
    line: Mapping[str, Any] = {"Product2Id": products[0], "Quantity": Decimal(3), "UnitPrice": Decimal("0.33")}
    lines = [line, {**line, "Quantity": Decimal(2)}, {**line, "UnitPrice": Decimal("7.5"), "Description": "third"}]
    made = {"AccountId": account, "EffectiveDate": "2026-03-09", "Status": "Draft", "lines": lines}
    return Sample(
        "Order",
        create=lambda number: {"Name": f"Order {number}", **made},
        text="Name",
        change=("PoNumber", tuple(f"PO {number}" for number in range(7))),
        refused={"AccountId": "0015g00000ZZZZZAAA"},
        kept={"lines": (lines[1:], lines[:1]), "Description": ("one\ntwo",)},
        external="ERP_Id__c",
        steps=frozenset({"Status"}),
        several=True,
    )


def invoices(account: str) -> Sample:
    line: Mapping[str, Any] = {"Description__c": "a", "Quantity__c": Decimal(3), "Unit_Price__c": Decimal("0.33")}
    lines = [line, {**line, "Description__c": "b"}, {**line, "Quantity__c": Decimal("2.5")}]
    return Sample(
        "ERP_Invoice__c",
        create=lambda number: {"Invoice_Number__c": f"RE {number}", "Account__c": account, "lines": lines},
        text="Invoice_Number__c",
        change=("Due_Date__c", tuple(f"2026-04-0{number}" for number in range(1, 8))),
        refused={"Account__c": "0015g00000ZZZZZAAA"},
        kept={"lines": (lines[1:], lines[:1]), "Total__c": (Decimal("23.8"), Decimal("-5"))},
        external="ERP_Id__c",
        several=True,
    )


def _words(status: int, request: Request) -> bytes:
    """An error in Salesforce's own words, which repeat the token: an adapter must not pass it on."""
    told = f"refused with status {status} for {request.headers.get('authorization', 'nobody')}"
    return json.dumps([{"message": told, "errorCode": f"TEST_{status}"}]).encode()
