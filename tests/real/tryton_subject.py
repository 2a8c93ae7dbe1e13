"""A running Tryton for the contract suite: what may be written, how a person acts, how trouble is made."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector import adapters
from connector.model.records import Key
from connector.ports import Adapter
from connector.testing.contract import FaultProxy, Fields, HttpSubject, Request, Sample

from .tryton.server import Tryton

CLERK = "clerk"
RUN = time.time_ns() // 1_000_000
"""In every text, for the server keeps what earlier runs wrote."""

PHONES = tuple(f"+49 30 {number}" for number in range(1, 8))


@dataclass(frozen=True)
class Place:
    """A seeded Tryton. url: with the database. admin, clerk: passwords; the clerk is made where there is none."""

    url: str
    key: str
    login: str
    password: str
    admin: str
    company: int = 1
    category: str | None = None
    currency: str = "EUR"
    clerk: str = "A-clerk-s-own-1"


def place_of(tryton: Tryton, category: str | None = None) -> Place:
    """What an adapter has to know of a running one."""
    facts = tryton.facts
    words = (facts["key"], facts["login"], facts["password"], facts["admin_password"])
    return Place(tryton.url, *words, facts["company"], category, facts["currency"])


class RealClock:
    """ahead: seconds by which it shows a later time."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def now(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")


def build(place: Place, url: str, clock: RealClock | None = None, **settings: Any) -> Any:
    """An adapter of that Tryton, at its own address or through a proxy."""
    spec = adapters.get("tryton")
    auth = {"key": place.key, "login": place.login, "password": place.password}
    products = {"type": "service", "category": place.category}
    values = {"url": url, "auth": auth, "company": place.company, "products": products, **settings}
    return spec.factory(spec.settings.model_validate(values), "erp", clock or RealClock())


class Person:
    """Somebody at work in Tryton, over JSON-RPC and not through the adapter."""

    def __init__(self, place: Place, login: str, password: str) -> None:
        self._url = f"{place.url}/rpc/"
        self._company = place.company
        self._headers = {"Content-Type": "application/json"}
        user, token, _ = self._post("common.db.login", [login, {"password": password}, "en"])
        session = base64.b64encode(f"{login}:{user}:{token}".encode()).decode()
        self._headers["Authorization"] = f"Session {session}"

    def call(self, method: str, *params: Any) -> Any:
        return self._post(f"model.{method}", [*params, {"company": self._company, "language": "en"}])

    def read(self, model: str, key: int, *fields: str) -> Mapping[str, Any]:
        (row,) = self.call(f"{model}.read", [key], list(fields))
        assert isinstance(row, dict)
        return row

    def merge(self, loser: int, survivor: int) -> None:
        """With the wizard, which asks first whether two parties of different names are one: they get one name."""
        name = self.read("party.party", survivor, "name")["name"]
        self.call("party.party.write", [loser], {"name": name})
        at = {"active_model": "party.party", "active_id": loser, "active_ids": [loser], "company": self._company}
        session = self._post("wizard.party.replace.create", [at])[0]
        form = {"ask": {"source": loser, "destination": survivor}}
        self._post("wizard.party.replace.execute", [session, form, "replace", at])

    def _post(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self._url, body, self._headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.loads(answer.read())
        assert "error" not in told, f"{method}: {told['error']}"
        return told["result"]


def clerk_of(place: Place) -> Person:
    """A second user with the rights of the first, so that it shows who wrote what."""
    admin = Person(place, "admin", place.admin)
    if not admin.call("res.user.search", [["login", "=", CLERK]]):
        groups = admin.call("res.group.search", [])
        values = {"name": "A clerk", "login": CLERK, "password": place.clerk, "groups": [["add", groups]]}
        admin.call("res.user.create", [{**values, "companies": [["add", [place.company]]], "company": place.company}])
    return Person(place, CLERK, place.clerk)


class TrytonSubject(HttpSubject):
    """Parties, contacts, products and sales. The person is another user than the connection's."""

    def __init__(self, place: Place, most: int = 250) -> None:
        super().__init__(FaultProxy(place.url, words=_words, seconds=5.0))
        self.place = place
        self.clerk = clerk_of(place)
        self.secrets = (place.key, place.password)
        self.most = most
        home = [["create", [{"street": "Am Markt 1", "city": "Berlin"}]]]
        (self.party,) = self.clerk.call("party.party.create", [{"name": "The party of all", "addresses": home}])
        (self.home,) = self.clerk.read("party.party", self.party, "addresses")["addresses"]
        party = str(self.party)
        self.samples = (parties(), contacts(party), products(place.currency), sales(party, place.currency))

    def build(self, url: str) -> Adapter:
        adapter: Adapter = build(self.place, url, timeout=4.0)
        return adapter

    def writes(self, request: Request) -> bool:
        if request.path.endswith("/rpc/"):
            return any(f'.{method}"'.encode() in request.body for method in ("create", "write", "delete"))
        return request.method == "POST" and "/get_preferences" not in request.path

    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        model, values = self._made(object, fields)
        (key,) = self.clerk.call(f"{model}.create", [values])
        if model == "product.template":
            (key,) = self.clerk.read(model, key, "products")["products"]
        return str(key)

    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        """Through the form of the record, as the client of Tryton writes it."""
        if object == "product.product":
            template = self.clerk.read(object, int(key), "template")["template"]
            values = {name: value for name, value in fields.items() if name == "name"}
            variant = {name: value for name, value in fields.items() if name == "description"}
            assert len(values) + len(variant) == len(fields)
            self.clerk.call(
                "product.template.write", [template], {**values, "products": [["write", [int(key)], variant]]}
            )
            return
        if object == "sale.sale":
            self.clerk.call("sale.sale.write", [int(key)], dict(fields))
            return
        name = "attn" if object == "party.address" else "name"
        values = {name: fields["name"]} if "name" in fields else {}
        if "phone" in fields:
            values["contact_mechanisms"] = self._phone(object, int(key), fields["phone"])
        self.clerk.call(f"{object}.write", [int(key)], values)

    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        if object == "product.product":
            object, key = "product.template", str(self.clerk.read(object, int(key), "template")["template"])  # noqa: A001
        if object == "sale.sale":
            self.clerk.call("sale.sale.cancel", [int(key)])
        self.clerk.call(f"{object}.delete", [int(key)])

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        if object != "party.party":
            super().merge(object, loser, survivor)
        self.clerk.merge(int(loser), int(survivor))

    def _phone(self, model: str, key: int, value: str | None) -> list[Any]:
        there = self.clerk.read(model, key, "contact_mechanisms")["contact_mechanisms"]
        new = {"type": "phone", "value": value}
        if model == "party.address":
            new["party"] = str(self.party)
        rows = self.clerk.call("party.contact_mechanism.search", [["id", "in", there], ["type", "=", "phone"]])
        return [["write", rows, {"value": value}]] if rows else [["create", [new]]]

    def _made(self, object: str, fields: Fields) -> tuple[str, dict[str, Any]]:  # noqa: A002
        if object == "sale.sale":
            return object, self._sale(fields)
        text = fields["name"]
        if object == "party.party":
            return object, {"name": text}
        if object == "party.address":
            return object, {"party": self.party, "attn": text}
        (unit,) = self.clerk.call("product.uom.search", [["name", "=", "Unit"]])
        variant = {"suffix_code": fields["code"]}
        return "product.template", {
            "name": text, "type": "service", "default_uom": unit, "products": [["create", [variant]]]
        }  # fmt: skip

    def _sale(self, fields: Fields) -> dict[str, Any]:
        """A draft, its lines without products, as one may type them."""
        lines = [
            {
                "type": "line",
                "description": line["description"],
                "quantity": float(line["quantity"]),
                "unit_price": {"__class__": "Decimal", "decimal": str(line["base_price"])},
            }
            for line in fields["lines"]
        ]
        said = {name: fields[name] for name in ("description", "reference") if name in fields}
        addresses = {"invoice_address": self.home, "shipment_address": self.home}
        return {**said, **addresses, "party": self.party, "lines": [["create", lines]]}


def parties() -> Sample:
    return Sample(
        "party.party",
        create=lambda number: {"name": f"Party {RUN} {number}", "email": "a@example.com", "billing_city": "Berlin"},
        text="name",
        change=("phone", PHONES),
        refused={"billing_country": "Nowhere"},
        kept={
            "billing_street": ("Hauptstr. 1", "two\nlines"),
            "billing_postal_code": ("01067",),
            "shipping_city": ("Köln", "Ω"),
            "website": ("https://example.com/a?b=c",),
            "tax_id": (None,),
            "active": (False, True),
        },
    )


def contacts(party: str) -> Sample:
    return Sample(
        "party.address",
        create=lambda number: {"party": party, "name": f"Person {RUN} {number}", "email": "b@example.com"},
        text="name",
        change=("phone", PHONES),
        refused={"party": "nobody"},
        kept={"mobile": ("0170 1",), "active": (False, True)},
    )


def products(currency: str) -> Sample:
    return Sample(
        "product.product",
        create=lambda number: {"name": f"Product {RUN} {number}", "code": f"P-{RUN}-{number}", "currency": currency},
        text="name",
        change=("description", tuple(f"Text {number}" for number in range(1, 8))),
        refused={"unit": "Nowhere"},
        kept={"list_price": (Decimal("12.5000"), Decimal("0.1250"), None), "active": (False, True)},
    )


def sales(party: str, currency: str) -> Sample:
    line: Mapping[str, Any] = {"description": "a", "quantity": Decimal(3), "base_price": Decimal("0.3350")}
    lines = [line, {**line, "description": "b", "quantity": Decimal("2")}, {**line, "description": "c"}]
    made = {"party": party, "currency": currency, "reference": "first", "lines": lines}
    return Sample(
        "sale.sale",
        create=lambda number: {"description": f"Sale {RUN} {number}", **made},
        text="description",
        change=("reference", tuple(f"PO {number}" for number in range(1, 8))),
        refused={"party": "nobody"},
        kept={
            "comment": ("one\ntwo",),
            "shipping_date": ("2027-02-28", None),
            "freight": (Decimal("4.90"), Decimal("0.01")),
            "lines": (lines[1:], lines[:1]),
        },
        steps=frozenset({"stage"}),
        several=True,
    )


def _words(status: int, request: Request) -> bytes:
    """An error in Tryton's own words, which repeat the credentials: an adapter must not pass them on."""
    told = f"refused with status {status} for {request.headers.get('authorization', 'nobody')}"
    return json.dumps({"status": status, "message": told, "description": ""}).encode()
