"""Values, paths, settings, tokens, and the properties that are made for a mapping."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from connector.adapters import get
from connector.adapters.hubspot import HubSpotSettings
from connector.adapters.hubspot.client import HubSpotClient
from connector.adapters.hubspot.paths import Paths
from connector.adapters.hubspot.properties import described, shown, wanted, worded
from connector.adapters.hubspot.wire import WireLimits, WireOption, WireProperty
from connector.app.setup import settings_template
from connector.errors import ConnectorError, DeniedError, RejectedError, TransientError
from connector.ports import Need, Preparable
from connector.rest.budget import Metered
from tests.unit.rest.scripted import VirtualClock, answer, scripted

from .memory import Memory, adapter

# ------------------------------------------------------------------------------------------------------ values


def a(type_: str, *options: str, look: str = "", **more: Any) -> WireProperty:
    return WireProperty("x", type_, look, options=[WireOption(one) for one in options], **more)


SHOWN = [
    ("string", "007", "007"),
    ("string", "", None),
    ("string", None, None),
    ("number", "1.50", "1.50"),
    ("number", "1.5E+3", "1500"),
    ("number", "many", "many"),
    ("number", "1E+999999", "1E+999999"),
    ("bool", "true", True),
    ("bool", "False", False),
    ("bool", "perhaps", "perhaps"),
    ("date", "2026-03-09", "2026-03-09"),
    ("date", "1772064000000", "2026-02-26"),
    ("date", "-86400000", "1969-12-31"),
    ("date", "soon", "soon"),
    ("datetime", "2026-03-09T10:00:00+01:00", "2026-03-09T09:00:00.000Z"),
    ("datetime", "1772064000123", "2026-02-26T00:00:00.123Z"),
    ("datetime", "9" * 30, "9" * 30),
    ("enumeration", "a;b", "a;b"),
]


@pytest.mark.parametrize(("type_", "text", "value"), SHOWN)
def test_a_text_becomes_a_value_of_its_type_and_an_odd_one_stays(type_: str, text: str | None, value: Any) -> None:
    (found,) = shown({"x": a(type_)}, {"x": text}).values()
    assert (type(found), found) == (type(value), value)
    assert shown({"x": a(type_)}, {}) == {"x": None}


WORDED = [
    (a("string"), "a b", "a b"),
    (a("string"), Decimal("1.50"), "1.50"),
    (a("number"), Decimal("1E+3"), "1000"),
    (a("number"), 7, "7"),
    (a("number"), "0.10", "0.10"),
    (a("bool"), True, "true"),
    (a("bool"), False, "false"),
    (a("date"), "2026-03-09", "2026-03-09"),
    (a("datetime"), "2026-03-09T00:00:00Z", "2026-03-09T00:00:00Z"),
    (a("enumeration", "s", "l"), "l", "l"),
    (a("enumeration", "s", "l", look="checkbox"), "l;s", "l;s"),
    (a("enumeration", "s", outside=True), "an owner", "an owner"),
    (a("enumeration"), "none is known", "none is known"),
    (a("number"), None, ""),
    (a("date"), "", ""),
]


@pytest.mark.parametrize(("one", "value", "text"), WORDED)
def test_a_value_goes_as_a_text(one: WireProperty, value: Any, text: str) -> None:
    assert worded("crm", one, value) == text


REFUSED = [
    (a("number"), "1_000"),
    (a("number"), " 1"),
    (a("number"), "Infinity"),
    (a("bool"), "yes"),
    (a("date"), "2026-3-9"),
    (a("date"), "20260309"),
    (a("date"), "2026-02-30"),
    (a("datetime"), "soon"),
    (a("enumeration", "s", "l"), "s;l"),
    (a("enumeration", "s", "l", look="checkbox"), "s;m"),
    (a("string"), ["x"]),
    (a("string"), {"x": 1}),
    (a("number", calculated=True), "1"),
    (a("string", limits=WireLimits(True)), "1"),
]


@pytest.mark.parametrize(("one", "value"), REFUSED)
def test_what_a_property_does_not_take_is_refused_by_name(one: WireProperty, value: Any) -> None:
    with pytest.raises(RejectedError, match="`x`"):
        worded("crm", one, value)


def test_a_property_is_described_as_it_can_be_used() -> None:
    assert described(a("enumeration", "s", "l", look="select")).choices == ("s", "l")
    assert described(a("enumeration", "s", look="checkbox")).choices == ()
    assert described(a("enumeration", "s", outside=True)).choices == ()
    assert [described(a(t)).type for t in ("number", "bool", "datetime", "json")] == [
        "decimal",
        "boolean",
        "instant",
        "text",
    ]
    assert not described(a("number", calculated=True)).writable
    noise = [a("number", calculated=True, hidden=True), WireProperty("own", "string", hidden=True)]
    assert list(wanted(noise)) == ["own"]


# ---------------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("version", "paths"),
    [
        (
            "2026-09",
            [
                "/crm/objects/2026-09/companies/batch/read",
                "/crm/associations/2026-09/deals/line_items/batch/read",
                "/crm/properties/2026-09/deals",
                "/crm/pipelines/2026-09/deals",
                "/oauth/2026-09/token",
            ],
        ),
        (
            "2026-03",
            [
                "/crm/objects/2026-03/companies/batch/read",
                "/crm/associations/2026-03/deals/line_items/batch/read",
                "/crm/properties/2026-03/deals",
                "/crm/pipelines/2026-03/deals",
                "/oauth/2026-03/token",
            ],
        ),
        (
            "v3",
            [
                "/crm/v3/objects/companies/batch/read",
                "/crm/v4/associations/deals/line_items/batch/read",
                "/crm/v3/properties/deals",
                "/crm/v3/pipelines/deals",
                "/oauth/v1/token",
            ],
        ),
    ],
)
def test_every_path_of_every_version(version: str, paths: list[str]) -> None:
    table = Paths(version)
    assert [
        table.of("objects", "companies", then="/batch/read"),
        table.of("associations", "deals", "line_items", then="/batch/read"),
        table.of("properties", "deals"),
        table.of("pipelines", "deals"),
        table.of("token"),
    ] == paths
    assert table.of("objects", "../x").endswith("/..%2Fx")


# ------------------------------------------------------------------------------------------------- settings


def settings(**values: Any) -> HubSpotSettings:
    return HubSpotSettings.model_validate({"auth": {"token": "pat-x"}, **values})


def test_a_new_configuration_asks_for_a_token_and_nothing_else() -> None:
    assert settings_template(HubSpotSettings, "crm") == ("auth:", '  token: "${env:CRM_TOKEN}"')


def test_a_token_is_all_that_is_needed() -> None:
    made = settings()
    assert (made.url, made.api_version, made.external_key) == ("https://api.hubapi.com", "2026-09", "erp_id")
    assert (made.search_lag, made.look_back, made.archived_every, made.payments) == (60, 300, 24, "auto")
    assert made.accept_unsigned_versions == frozenset()
    assert settings(url="http://127.0.0.1:8099").url == "http://127.0.0.1:8099"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://api.example.com"},
        {"url": "http://127.0.0.1.example.com"},
        {"api_version": "v4"},
        {"external_key": "ERP id"},
        {"accept_unsigned_versions": ["v3"]},
        {"pipelines": {"companies": "x"}},
        {"payments": "perhaps"},
        {"search_lag": -1},
        {"auth": {"client_id": "x", "client_secret": "y"}},
        {"auth": {"token": "x", "client_id": "y"}},
        {"nothing": 1},
    ],
)
def test_what_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_the_adapter_tells_what_the_account_used_and_makes_fields() -> None:
    spec = get("hubspot")
    made = spec.factory(settings(), "crm", VirtualClock())
    assert isinstance(made, Metered)
    assert isinstance(made, Preparable)
    assert "pat-x" not in repr(settings())


# --------------------------------------------------------------------------------------------------- tokens


OAUTH = {"client_id": "id-1", "client_secret": "SECRET-1", "refresh_token": "REFRESH-1"}
ACCOUNT = answer(200, b'{"portalId": 33}', extra="Connection: close\r\n")
EXPIRED = answer(401, b'{"category": "EXPIRED_AUTHENTICATION", "message": "x"}', extra="Connection: close\r\n")


def token(access: str, refresh: str = "REFRESH-1", seconds: int = 1800) -> bytes:
    body = {"access_token": access, "refresh_token": refresh, "expires_in": seconds, "token_type": "bearer"}
    return answer(200, json.dumps({**body, "scopes": ["oauth"]}).encode(), extra="Connection: close\r\n")


def opened(url: str, clock: VirtualClock) -> HubSpotClient:
    return HubSpotClient("crm", settings(url=url, auth=OAUTH, timeout=1), clock)


def test_a_token_is_fetched_before_it_runs_out_and_once_after_it_is_refused() -> None:
    clock = VirtualClock()
    steps = [token("A-1"), ACCOUNT, ACCOUNT, token("A-2"), ACCOUNT, EXPIRED, token("A-3"), ACCOUNT]
    with scripted(*steps, EXPIRED, token("A-4"), EXPIRED) as server:
        client = opened(server.url, clock)
        client.account()
        clock.time += 1800 - 121
        client.account()
        clock.time += 1
        client.account()
        client.account()
        with pytest.raises(DeniedError):
            client.account()
        client.close()
    heads = [request.decode().partition("\r\n\r\n") for request in server.requests]
    used = [line for head, _, _ in heads for line in head.splitlines() if line.startswith("Authorization")]
    assert [line.rpartition(" ")[2] for line in used] == ["A-1", "A-1", "A-2", "A-2", "A-3", "A-3", "A-4"]
    first, _, form = heads[0]
    assert first.startswith("POST /oauth/2026-09/token ")
    assert first.lower().count("content-type: application/x-www-form-urlencoded") == 1
    assert "application/json\r\n" not in first.replace("Accept: application/json\r\n", "")
    wanted_form = {"grant_type": ["refresh_token"], **{name: [value] for name, value in OAUTH.items()}}
    assert parse_qs(form) == wanted_form


def test_another_refresh_token_is_used_from_then_on_and_reported() -> None:
    clock = VirtualClock()
    with scripted(token("A-1"), ACCOUNT, token("A-2", "REFRESH-2"), ACCOUNT, token("A-3", "REFRESH-2"), ACCOUNT) as s:
        client = opened(s.url, clock)
        assert client.refreshed is not None
        for replaced in (False, True, True):
            client.account()
            assert client.refreshed.replaced is replaced
            clock.time += 1800
        client.close()
        forms = [parse_qs(r.decode().partition("\r\n\r\n")[2]) for r in s.requests if r.startswith(b"POST")]
    assert [form["refresh_token"] for form in forms] == [["REFRESH-1"], ["REFRESH-1"], ["REFRESH-2"]]
    assert client.refreshed.scopes == {"oauth"}


NO_TOKEN = [
    (answer(400, b'{"status": "BAD_REFRESH_TOKEN", "message": "refresh REFRESH-1 of SECRET-1 is wrong"}'), DeniedError),
    (answer(404, b'{"message": "SECRET-1"}'), DeniedError),
    (answer(401, b'{"message": "SECRET-1"}'), DeniedError),
    (answer(503, b'{"message": "SECRET-1"}'), TransientError),
    (answer(200, b"{}"), DeniedError),
    (b"", TransientError),
]


@pytest.mark.parametrize(("step", "wanted"), NO_TOKEN, ids=range(len(NO_TOKEN)))
def test_without_a_token_nothing_is_sent_and_no_secret_is_shown(step: bytes, wanted: type[ConnectorError]) -> None:
    with scripted(step) as server:
        client = opened(server.url, VirtualClock())
        with pytest.raises(wanted) as error:
            client.write("products", "create", [{}])
        client.close()
        assert len(server.requests) == 1
    assert not any(secret in str(error.value) for secret in ("SECRET-1", "REFRESH-1"))


# ----------------------------------------------------------------------------------------------- preparing


NEEDS = [
    Need("companies", "erp_balance", "money"),
    Need("companies", "erp_status", "enum", ("active", "inactive")),
    Need("products", "erp_stock", "decimal"),
    Need("deals", "erp_ship_date", "date"),
    Need("deals", "lines.erp_tax_percent", "decimal"),
    Need("invoices", "erp_open", "boolean"),
]


def told(portal: Memory, *needs: Need, make: bool = True) -> list[tuple[bool, str]]:
    return [(finding.ok, finding.detail) for finding in adapter(portal).prepare(needs, make=make)]


def test_what_is_missing_is_made_once_in_a_group_of_its_own() -> None:
    portal = Memory()
    made: list[Any] = []
    portal.fail = lambda what, type_, rows: made.extend((type_, row) for row in rows) if what == "make" else None
    assert told(portal, *NEEDS, make=False) == [(True, "can be made")] * 6
    assert made == []
    assert told(portal, *NEEDS) == [(True, "made")] * 6
    assert [(type_, one["name"], one["type"], one["fieldType"]) for type_, one in made] == [
        ("companies", "erp_balance", "number", "number"),
        ("companies", "erp_status", "enumeration", "select"),
        ("products", "erp_stock", "number", "number"),
        ("deals", "erp_ship_date", "date", "date"),
        ("line_items", "erp_tax_percent", "number", "number"),
        ("invoices", "erp_open", "bool", "booleancheckbox"),
    ]
    assert {one["groupName"] for _, one in made} == {"erp_sync"}
    assert [option["value"] for option in made[1][1]["options"]] == ["active", "inactive"]
    assert [option["value"] for option in made[5][1]["options"]] == ["true", "false"]
    made.clear()
    assert told(portal, *NEEDS) == [(True, "is there")] * 6
    assert made == []


def test_what_was_made_is_described_at_once() -> None:
    portal = Memory()
    crm = adapter(portal)
    assert "erp_stock" not in crm.describe().objects["products"].fields
    crm.prepare([NEEDS[2]], make=True)
    assert "erp_stock" in crm.describe().objects["products"].fields


def test_the_key_is_made_unique_where_hubspot_lets_it_be() -> None:
    portal = Memory()
    for known in portal.known.values():
        known[:] = [one for one in known if one.name != "erp_id"]

    def fail(what: str, type_: str, rows: Sequence[Any]) -> ConnectorError | None:
        refused = what == "make" and type_ == "orders" and rows[0].get("hasUniqueValue")
        return RejectedError("crm refuses it.") if refused else None

    portal.fail = fail
    names = ("companies", "products", "orders", "invoices")
    needs = [Need(name, "erp_id", "text", unique=True) for name in names]
    found = told(portal, *needs)
    assert [ok for ok, _ in found] == [True] * 4
    assert "HubSpot makes none unique" in found[1][1]
    assert "not unique" in found[2][1]
    objects = adapter(portal).describe().objects
    keys = [objects[name].capabilities.external_key for name in names]
    assert keys == ["unique", "search", "search", "unique"]
    assert told(portal, *needs)[2] == (True, "is there, not unique: records are looked for in the whole list")


BLOCKED = [
    (Need("companies", "name", "decimal"), "is there as string"),
    (Need("companies", "size", "enum", ("s", "xl")), "without the choices xl"),
    (Need("companies", "description", "text", unique=True), "which it cannot become"),
    (Need("tickets", "x", "text"), "no object `tickets`"),
    (Need("companies", "lines.x", "text"), "no `lines`"),
    (Need("deals", "parts.x", "text"), "no `parts`"),
    (Need("companies", "owner_of", "ref", target="contacts"), "is an association"),
]


@pytest.mark.parametrize(("need", "words"), BLOCKED)
def test_what_stands_in_the_way_is_said_and_nothing_is_changed(need: Need, words: str) -> None:
    portal = Memory()
    portal.fail = lambda what, type_, rows: RejectedError("must not be called") if what == "make" else None
    ((ok, detail),) = told(portal, need)
    assert not ok
    assert words in detail


def test_references_are_there_and_errors_are_findings() -> None:
    portal = Memory()
    assert told(portal, Need("deals", "company_id", "ref", target="companies")) == [(True, AN_ASSOCIATION)]
    portal.fail = lambda what, type_, rows: DeniedError("no right") if what == "make" else None
    assert told(portal, NEEDS[0]) == [(False, "no right")]
    taken = RejectedError("crm refuses it (status 409: already exists).")
    portal.fail = lambda what, type_, rows: taken if what == "group" else None
    assert told(portal, NEEDS[0]) == [(True, "made")], "the group is there from the last time"
    portal.fail = lambda what, type_, rows: RejectedError("crm refuses it.") if what == "group" else None
    assert told(portal, NEEDS[2]) == [(False, "crm refuses it.")]


AN_ASSOCIATION = "is an association, which HubSpot has of itself"
