"""Tokens, scopes, and the account they open (contract 2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hubspot_calls import ADMIN, Answer, Caller, ManualClock

from connector.emulators.hubspot.app import create_app
from connector.emulators.hubspot.settings import Settings

FORM = "application/x-www-form-urlencoded"


def _token(portal: Caller, path: str = "/oauth/2026-09/token", **given: str) -> Answer:
    settings = portal.app.portal.settings
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "refresh_token": settings.refresh_token,
        **given,
    }
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    return portal.call("POST", path, body, content_type=FORM)


def _scoped(*scopes: str) -> Caller:
    clock = ManualClock()
    app = create_app(Settings(admin_token=ADMIN, clock=clock, scopes=frozenset(scopes)))
    return Caller(app, clock, app.portal.settings.service_key)


@pytest.mark.parametrize("path", ["/oauth/2026-09/token", "/oauth/2026-03/token", "/oauth/v1/token"])
def test_a_refresh_token_gives_thirty_minutes(portal: Caller, path: str) -> None:
    answer = _token(portal, path)
    assert (answer.json["expires_in"], answer.json["token_type"], answer.json["hub_id"]) == (1800, "bearer", 33)
    app = Caller(portal.app, portal.clock, answer.json["access_token"])
    portal.clock.advance(seconds=1799)
    assert app.get("companies").status == 200
    portal.clock.advance(seconds=1)
    assert app.get("companies").refused == (401, "EXPIRED_AUTHENTICATION")
    assert portal.get("companies").status == 200


def test_a_refresh_token_is_kept_or_replaced(portal: Caller) -> None:
    assert _token(portal).json["refresh_token"] == portal.app.portal.settings.refresh_token
    portal.switch(refresh_tokens="rotate")
    new = _token(portal).json["refresh_token"]
    assert _token(portal).json["status"] == "BAD_REFRESH_TOKEN"
    assert _token(portal, refresh_token=new).status == 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"client_id": "x"}, "BAD_CLIENT_ID"),
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET"),
        ({"client_secret": ""}, "BAD_CLIENT_SECRET"),
        ({"refresh_token": "x"}, "BAD_REFRESH_TOKEN"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE"),
        ({"grant_type": "client_credentials"}, "BAD_REQUEST"),
    ],
)
def test_400_says_what_is_wrong_with_a_request_for_a_token(portal: Caller, given: Any, status: str) -> None:
    answer = _token(portal, **given)
    assert (answer.status, answer.json["status"]) == (400, status)


def test_a_request_for_a_token_is_a_form(portal: Caller) -> None:
    assert portal.call("POST", "/oauth/2026-09/token", {"grant_type": "refresh_token"}).status == 415


def test_client_credentials_do_not_open_records(portal: Caller) -> None:
    answer = _token(portal, grant_type="client_credentials", refresh_token="", scope="developer.webhooks_journal.read")
    assert "refresh_token" not in answer.json
    app = Caller(portal.app, portal.clock, answer.json["access_token"])
    assert app.get("companies").refused == (403, "MISSING_SCOPES")


@pytest.mark.parametrize(
    ("scopes", "method", "target", "missing"),
    [
        ((), "GET", "/crm/objects/2026-09/companies", ["crm.objects.companies.read"]),
        (("crm.objects.companies.read",), "POST", "/crm/objects/2026-09/companies", ["crm.objects.companies.write"]),
        (("crm.objects.companies.write",), "DELETE", "/crm/objects/2026-09/contacts/1", ["crm.objects.contacts.write"]),
        ((), "POST", "/crm/objects/2026-09/deals/search", ["crm.objects.deals.read"]),
        ((), "POST", "/crm/objects/2026-09/0-101/batch/read", None),
        (
            ("crm.objects.companies.write",),
            "POST",
            "/crm/associations/2026-09/companies/contacts/batch/create",
            ["crm.objects.contacts.write"],
        ),
        (
            ("crm.objects.companies.write",),
            "POST",
            "/crm/properties/2026-09/companies",
            ["crm.schemas.companies.write"],
        ),
        ((), "GET", "/crm/pipelines/2026-09/orders", ["crm.objects.orders.read"]),
        ((), "GET", "/crm/objects/2026-09/products", ["crm.objects.products.read"]),
    ],
)
def test_403_names_the_scopes_that_are_missing(
    scopes: tuple[str, ...], method: str, target: str, missing: list[str] | None
) -> None:
    portal = _scoped(*scopes)
    answer = portal.call(method, target, {})
    if missing is None:
        assert answer.status == 400  # no payments here at all
    else:
        assert answer.refused == (403, "MISSING_SCOPES")
        assert answer.json["errors"][0]["context"]["requiredGranularScopes"] == missing
    portal.app.close()


def test_products_and_lines_open_with_the_older_scope_too() -> None:
    portal = _scoped("e-commerce")
    assert portal.get("products").status == 200
    assert portal.post("line_items", {"properties": {}}).status == 201
    assert portal.get("orders").status == 403
    portal.app.close()


def test_the_account_tells_who_it_is(portal: Caller) -> None:
    details = portal.call("GET", "/account-info/2026-03/details").json
    assert (details["portalId"], details["timeZone"], details["companyCurrency"]) == (33, "Europe/Berlin", "EUR")
    assert portal.call("GET", "/account-info/2026-09/details").status == 404
