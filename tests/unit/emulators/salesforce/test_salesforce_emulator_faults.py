"""Limits, faults and the control routes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from salesforce_org import BASE, OrgClient, check_shape

from connector.reference.kit.faults import AnswerLost


def test_each_answer_tells_the_usage(org: OrgClient) -> None:
    assert org.get("sobjects").headers["sforce-limit-info"] == "api-usage=1/15000"
    assert org.get("nonsense").headers["sforce-limit-info"] == "api-usage=2/15000"
    limits = org.get("limits").json
    check_shape("Limits", limits)
    assert limits["DailyApiRequests"] == {"Max": 15000, "Remaining": 14997}


def test_a_quota_that_is_used_up_refuses_every_call(org: OrgClient) -> None:
    org.switch(daily_limit=1)
    assert org.get("sobjects").status == 200
    for path in ("sobjects", "limits"):
        answer = org.get(path)
        assert (answer.status, answer.code) == (403, "REQUEST_LIMIT_EXCEEDED")
        assert answer.message.startswith("TotalRequests")
        assert "retry-after" not in answer.headers
    org.clock.advance(hours=24)
    assert org.get("sobjects").status == 200


def test_limits_can_be_exempt_from_the_quota(org: OrgClient) -> None:
    org.switch(daily_limit=0, limits_exempt=True)
    assert org.get("limits").json["DailyApiRequests"]["Remaining"] == 0
    assert org.get("sobjects").status == 403


def test_the_quota_is_of_a_rolling_day(org: OrgClient) -> None:
    org.switch(daily_limit=2)
    org.get("sobjects")
    org.clock.advance(hours=12)
    org.get("sobjects")
    org.clock.advance(hours=12)
    assert [org.get("sobjects").status for _ in range(2)] == [200, 403]


def test_too_many_long_calls_at_once_are_refused(org: OrgClient) -> None:
    org.switch(concurrent_limit=1, long_call_seconds=0.01)
    org.fault("slow", seconds=0.05, path="*/limits")

    async def both() -> list[Any]:
        send = org._call
        headers = {"host": org.host, "authorization": f"Bearer {org.token}"}
        first = asyncio.create_task(send("GET", f"{BASE}/limits", b"", headers))
        await asyncio.sleep(0.01)
        return [await send("GET", f"{BASE}/sobjects", b"", headers), await first]

    second, first = asyncio.run(both())
    assert (second.status, second.code, second.message) == (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests Limit exceeded.",
    )
    assert first.status == 200
    assert org.get("sobjects").status == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SERVER_UNAVAILABLE"), (503, "SERVICE_UNAVAILABLE"), (500, "UNKNOWN_EXCEPTION"), (502, "BAD_GATEWAY"),
        (403, "API_DISABLED_FOR_ORG"), (403, "API_CURRENTLY_DISABLED"), (400, "QUERY_TIMEOUT"),
        (400, "OPERATION_TOO_LARGE"), (400, "TXN_SECURITY_METERING_ERROR"), (412, "PRECONDITION_FAILED"),
        (403, "INSUFFICIENT_ACCESS"), (400, "STORAGE_LIMIT_EXCEEDED"),
    ],
)  # fmt: skip
def test_a_fault_answers_a_status_and_does_nothing(org: OrgClient, status: int, code: str) -> None:
    org.fault("status", status=status, code=code, method="POST")
    answer = org.post("sobjects/Account", {"Name": "A"})
    assert (answer.status, answer.code) == (status, code)
    assert org.rows("SELECT Id FROM Account") == []


def test_a_fault_strikes_as_often_as_it_was_told(org: OrgClient) -> None:
    org.fault("status", times=2, after=1, path="*/limits", method="GET")
    assert [org.get("limits").status for _ in range(5)] == [200, 503, 503, 200, 200]
    org.fault("status", times=None, path="*/limits")
    assert [org.get("limits").status for _ in range(3)] == [503, 503, 503]
    assert org.get("sobjects").status == 200
    org.control("DELETE", "faults")
    assert org.get("limits").status == 200


def test_a_status_can_come_although_the_work_was_done(org: OrgClient) -> None:
    org.fault("done_but_status", status=504, code="GATEWAY_TIMEOUT")
    assert org.post("sobjects/Account", {"Name": "A"}).status == 504
    assert org.names("SELECT Name FROM Account") == ["A"]


@pytest.mark.parametrize(("kind", "names"), [("drop_before", []), ("drop_after", ["A"])])
def test_the_connection_can_be_lost_before_and_after_the_work(org: OrgClient, kind: str, names: list[str]) -> None:
    org.fault(kind)
    with pytest.raises(AnswerLost):
        org.post("sobjects/Account", {"Name": "A"})
    assert org.names("SELECT Name FROM Account") == names


def test_an_answer_can_be_a_page_of_html(org: OrgClient) -> None:
    org.fault("html")
    answer = org.get("limits")
    assert (answer.status, answer.headers["content-type"]) == (503, "text/html; charset=UTF-8")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_an_answer_can_break_off(org: OrgClient) -> None:
    org.fault("truncated")
    answer = org.get("limits")
    assert answer.status == 200
    with pytest.raises(ValueError):
        _ = answer.json


def test_a_fault_uses_the_quota_up(org: OrgClient) -> None:
    org.fault("quota")
    assert org.get("sobjects").code == org.get("sobjects").code == "REQUEST_LIMIT_EXCEEDED"
    org.fault("concurrent")
    assert org.get("sobjects").message.startswith("ConcurrentRequests")


def test_the_token_request_can_fail_too(org: OrgClient) -> None:
    org.fault("html", path="/services/oauth2/*")
    assert org.form("/services/oauth2/token", {}).status == 503


def test_calls_are_counted_by_resource(org: OrgClient) -> None:
    org.get("limits")
    org.get("limits")
    org.get("sobjects/Account/describe")
    org.get("nonsense")
    org.fault("status")
    org.get("limits")
    shown = org.control("GET", "calls").json
    assert shown["routes"] == {"GET ?": 1, "GET limits": 2, "GET sobjects/{object}/describe": 1}
    assert shown["total"] == 4
    assert shown["api_usage"] == {"used": 4, "limit": 15000, "remaining": 14996}
    assert shown["faults"] == {"status": 1}


def test_a_reset_takes_counts_faults_and_switches_back(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    org.switch(daily_limit=5)
    org.fault("status")
    assert org.control("POST", "reset").status == 200
    assert org.get("limits").headers["sforce-limit-info"] == "api-usage=1/15000"
    assert org.control("GET", "calls").json["routes"] == {"GET limits": 1}
    assert org.read("Account", key)["Name"] == "A"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "switches", {"nonsense": 1}, 422),
        ("PUT", "switches", {"daily_limit": "many"}, 422),
        ("PUT", "switches", 5, 422),
        ("POST", "faults", {"kind": "nonsense"}, 422),
        ("POST", "faults", {"kind": "status", "nonsense": 1}, 422),
        ("POST", "merge", {}, 422),
        ("GET", "nonsense", None, 404),
        ("POST", "switches", {}, 404),
    ],
)
def test_control_refuses_what_it_does_not_know(org: OrgClient, method: str, path: str, body: Any, status: int) -> None:
    assert org.control(method, path, body).status == status


def test_control_needs_the_admin_token(org: OrgClient) -> None:
    assert org.control("GET", "switches", token="other").status == 401
    assert org.control("GET", "switches", token=org.token or "").status == 401
    assert org.control("GET", "switches").json["daily_limit"] == 15000
