"""How often one may call (contract 5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hubspot_calls import ADMIN, Answer, Caller, ManualClock

from connector.emulators.hubspot.app import create_app
from connector.emulators.hubspot.settings import Settings


def _oauth(portal: Caller) -> Caller:
    settings = portal.app.portal.settings
    form = (
        f"grant_type=refresh_token&client_id={settings.client_id}&client_secret={settings.client_secret}"
        f"&refresh_token={settings.refresh_token}"
    )
    answer = portal.call(
        "POST", "/oauth/2026-09/token", form.encode(), content_type="application/x-www-form-urlencoded"
    )
    return Caller(portal.app, portal.clock, answer.json["access_token"])


def _until_refused(act: Callable[[], Answer], most: int) -> int:
    """How many calls pass before the first 429."""
    for n in range(most + 1):
        if act().status == 429:
            return n
    return most + 1


@pytest.mark.parametrize(
    ("plan", "packs", "calls"),
    [("free", 0, 100), ("professional", 0, 190), ("enterprise", 0, 190), ("professional", 1, 250)],
)
def test_a_plan_decides_how_often_a_service_key_may_call(plan: Any, packs: int, calls: int) -> None:
    clock = ManualClock()
    app = create_app(Settings(admin_token=ADMIN, clock=clock, plan=plan, packs=packs))
    portal = Caller(app, clock, app.portal.settings.service_key)
    assert _until_refused(lambda: portal.get("companies"), calls) == calls
    app.close()


@pytest.mark.parametrize(
    ("plan", "packs", "calls"),
    [("free", 0, 250_000), ("professional", 0, 625_000), ("enterprise", 0, 1_000_000), ("enterprise", 3, 3_000_000)],
)
def test_a_plan_decides_how_often_a_day(plan: Any, packs: int, calls: int) -> None:
    clock = ManualClock()
    app = create_app(Settings(admin_token=ADMIN, clock=clock, plan=plan, packs=packs))
    portal = Caller(app, clock, app.portal.settings.service_key)
    assert portal.get("companies").headers["x-hubspot-ratelimit-daily"] == str(calls)
    app.close()


def test_an_oauth_app_has_a_budget_of_its_own_and_no_day(harsh: Caller) -> None:
    app = _oauth(harsh)
    first = app.get("companies").headers
    assert first["x-hubspot-ratelimit-max"] == "110"
    assert "x-hubspot-ratelimit-daily" not in first
    assert _until_refused(lambda: app.get("companies"), 109) == 109
    assert _oauth(harsh).get("companies").status == 429
    assert harsh.get("companies").status == 200


def test_the_window_rolls(harsh: Caller) -> None:
    harsh.switch(ten_seconds=2)
    harsh.get("companies")
    harsh.clock.advance(seconds=6)
    harsh.get("companies")
    assert harsh.get("companies").status == 429
    harsh.clock.advance(seconds=4)
    assert harsh.get("companies").status == 200
    assert harsh.get("companies").status == 429


def test_429_has_no_category_but_the_policy(harsh: Caller) -> None:
    harsh.switch(ten_seconds=1)
    harsh.get("companies")
    answer = harsh.get("companies")
    body = answer.json
    assert (answer.status, body["errorType"], body["policyName"]) == (429, "RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert "category" not in body
    assert "retry-after" not in answer.headers


def test_429_says_how_long_only_where_it_is_switched(harsh: Caller) -> None:
    harsh.switch(ten_seconds=1, retry_after_on_429=True)
    harsh.get("companies")
    assert harsh.get("companies").headers["retry-after"] == "10"


def test_answers_tell_what_is_left(harsh: Caller) -> None:
    harsh.get("companies")
    headers = harsh.get("companies/1").headers
    names = ("max", "remaining", "interval-milliseconds", "daily", "daily-remaining")
    assert [headers[f"x-hubspot-ratelimit-{name}"] for name in names] == ["190", "188", "10000", "625000", "624998"]


def test_the_day_ends_at_midnight_of_the_portals_time_zone(harsh: Caller) -> None:
    harsh.clock.now = datetime(2026, 11, 1, 22, 59, 0, tzinfo=UTC)
    harsh.switch(daily=2)
    assert [harsh.get("companies").status for _ in range(3)] == [200, 200, 429]
    answer = harsh.get("companies")
    assert (answer.json["policyName"], answer.json["message"]) == ("DAILY", "You have reached your daily limit.")
    harsh.clock.advance(seconds=61)
    assert harsh.get("companies").status == 200


def test_the_search_has_a_limit_of_its_own_and_says_nothing_of_it(harsh: Caller) -> None:
    app = _oauth(harsh)
    answers = [caller.search("companies") for caller in (harsh, harsh, harsh, app, app, harsh)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json["policyName"] == "SECONDLY"
    assert not [name for answer in answers for name in answer.headers if "ratelimit" in name]
    harsh.clock.advance(seconds=1)
    assert harsh.search("companies").status == 200
    assert harsh.get("companies").headers["x-hubspot-ratelimit-remaining"] == "189"


def test_batches_of_associations_count_for_the_day_alone(harsh: Caller) -> None:
    harsh.switch(ten_seconds=1, daily=3)
    target = harsh.links("contacts/companies/batch/read")
    body = {"inputs": [{"id": "1"}]}
    assert [harsh.call("POST", target, body).status for _ in range(4)] == [207, 207, 207, 429]


def test_what_was_refused_does_not_count(harsh: Caller) -> None:
    harsh.switch(ten_seconds=1, daily=2)
    assert [harsh.get("companies").status for _ in range(3)] == [200, 429, 429]
    harsh.clock.advance(seconds=10)
    assert harsh.get("companies").headers["x-hubspot-ratelimit-daily-remaining"] == "0"
