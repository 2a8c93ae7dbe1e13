"""Calls an emulated org in the process, holds the clock it reads, and checks every answer against its shape."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator

from connector.emulators.salesforce.app import Emulator

START = datetime(2026, 11, 1, 9, 0, 30, 250_000, tzinfo=UTC)
BASE = "/services/data/v68.0"
CONTRACT = Path(__file__).resolve().parents[5] / "shared" / "contracts" / "salesforce"


@dataclass
class ManualClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@cache
def _shapes() -> dict[str, Any] | None:
    path = CONTRACT / "rest-shapes.schema.json"
    return json.loads(path.read_text()) if path.exists() else None


@cache
def validator(shape: str) -> Draft202012Validator | None:
    shapes = _shapes()
    return None if shapes is None else Draft202012Validator({**shapes, "$ref": f"#/$defs/{shape}"})


def check_shape(shape: str, body: Any) -> None:
    """The body has the vendor's shape. Where the contract is not at hand nothing is checked."""
    known = validator(shape)
    if known is not None:
        known.validate(body)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def exact(self) -> Any:
        """The body with its decimals as they were written."""
        return json.loads(self.body, parse_float=Decimal)

    @property
    def code(self) -> str:
        """The errorCode of an error answer, which has to be a list."""
        check_shape("ErrorArray", self.json)
        return str(self.json[0]["errorCode"])

    @property
    def message(self) -> str:
        return str(self.json[0]["message"])


@dataclass
class OrgClient:
    """A client of one org. token: None sends no Authorization."""

    app: Emulator
    clock: ManualClock
    token: str | None = None
    base: str = BASE
    host: str = "acme.example"
    extra: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """headers: with underscores for hyphens. A body that is no bytes is sent as JSON."""
        sent = {"host": self.host, **self.extra} | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            raw = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        return asyncio.run(self._call(method, path, raw, sent))

    async def _call(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "server": ("acme.example", 80),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        got = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], got, b"".join(message.get("body", b"") for message in messages[1:]))

    def form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return self.call("POST", path, urlencode(fields).encode(), **headers)

    # the vendor's resources

    def get(self, path: str, **params: str) -> Answer:
        return self.call("GET", f"{self.base}/{path}" + (f"?{urlencode(params)}" if params else ""))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", f"{self.base}/{path}", body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self.call("PATCH", f"{self.base}/{path}", body, **headers)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", f"{self.base}/{path}")

    def query(self, soql: str, path: str = "query", **headers: str) -> Answer:
        answer = self.call("GET", f"{self.base}/{path}?{urlencode({'q': soql})}", **headers)
        if answer.status == 200:
            check_shape("QueryResult", answer.json)
        return answer

    def rows(self, soql: str, path: str = "query") -> list[Any]:
        """All records of a query that fits one page."""
        answer = self.query(soql, path)
        assert answer.status == 200, answer.body
        assert answer.json["done"]
        records: list[Any] = answer.json["records"]
        return records

    def names(self, soql: str, field: str = "Name") -> list[Any]:
        return [row[field] for row in self.rows(soql)]

    def make(self, name: str, /, **fields: Any) -> str:
        """Create a record and return its id."""
        answer = self.post(f"sobjects/{name}", fields)
        assert answer.status == 201, answer.body
        check_shape("CreateResult", answer.json)
        return str(answer.json["id"])

    def read(self, name: str, key: str) -> Any:
        answer = self.get(f"sobjects/{name}/{key}")
        assert answer.status == 200, answer.body
        check_shape("SObjectRecord", answer.json)
        return answer.json

    def put(self, name: str, external: str, value: str, /, **fields: Any) -> Answer:
        """Write by external id."""
        return self.patch(f"sobjects/{name}/{external}/{quote(value, safe='')}", fields)

    def collection(self, method: str, path: str, *records: Any, all_or_none: bool = False, **headers: str) -> list[Any]:
        body = {"allOrNone": all_or_none, "records": list(records)}
        check_shape("CollectionRequest", body)
        answer = self.call(method, f"{self.base}/{path}", body, **headers)
        assert answer.status == 200, answer.body
        check_shape("CollectionResult", answer.json)
        results: list[Any] = answer.json
        return results

    # the emulator's own routes

    def control(self, method: str, path: str, body: Any = None, token: str = "admin") -> Answer:
        return self.call(method, f"/emulator/{path}", body, authorization=f"Bearer {token}")

    def switch(self, **switches: Any) -> None:
        answer = self.control("PUT", "switches", switches)
        assert answer.status == 200, answer.body

    def fault(self, kind: str, **facts: Any) -> None:
        answer = self.control("POST", "faults", {"kind": kind, **facts})
        assert answer.status == 200, answer.body


def record(name: str, **fields: Any) -> dict[str, Any]:
    """A row of a collection."""
    return {"attributes": {"type": name}, **fields}


def codes(results: list[Any]) -> list[str | None]:
    """The statusCode of each row that failed; None for those that did not."""
    return [None if one["success"] else str(one["errors"][0]["statusCode"]) for one in results]


class Shop:
    """An org with a product that has a price, and an account: what an order needs."""

    def __init__(self, org: OrgClient) -> None:
        self.org = org
        self.account = org.make("Account", Name="Acme")
        self.product = org.make("Product2", Name="Bolt", ProductCode="B-1", IsActive=True)
        self.pricebook = org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
        self.entry = self.price(self.pricebook, 2.5)

    def price(self, pricebook: str, price: float, **fields: Any) -> str:
        fields = {"Pricebook2Id": pricebook, "Product2Id": self.product, "UnitPrice": price, "IsActive": True} | fields
        return self.org.make("PricebookEntry", **fields)

    def order(self, **fields: Any) -> str:
        given = {"AccountId": self.account, "EffectiveDate": "2026-11-01", "Status": "Draft"}
        return self.org.make("Order", **given | {"Pricebook2Id": self.pricebook} | fields)

    def line(self, order: str, **fields: Any) -> str:
        given = {"OrderId": order, "PricebookEntryId": self.entry, "Quantity": 4, "UnitPrice": 2.5}
        return self.org.make("OrderItem", **given | fields)
