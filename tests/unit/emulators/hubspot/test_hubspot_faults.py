"""Faults, the clock and the other controls of the emulator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hubspot_calls import Caller

from connector.emulators import hubspot as emulator
from connector.emulators.hubspot.faults import FaultKind
from connector.emulators.hubspot.switches import Switches
from connector.reference.kit.faults import AnswerLost


def test_a_fault_strikes_the_calls_that_match_as_often_as_it_says(portal: Caller) -> None:
    portal.fault("status", method="POST", path="/crm/objects/*/companies", times=2, skip=1, status=500)
    statuses = [portal.post("companies", {"properties": {"name": "Acme"}}).status for _ in range(4)]
    assert statuses == [201, 500, 500, 201]
    assert portal.get("companies").status == 200


def test_a_fault_without_end_lasts_until_it_is_taken_away(portal: Caller) -> None:
    portal.fault("status", times=None)
    assert [portal.get("companies").status for _ in range(3)] == [503] * 3
    assert len(portal.admin("GET", "faults").json["results"]) == 1
    assert portal.admin("DELETE", "faults").status == 204
    assert portal.get("companies").status == 200


@pytest.mark.parametrize(("kind", "done"), [("drop_before", False), ("drop_after", True)])
def test_a_connection_is_dropped_before_or_after_the_work(portal: Caller, kind: str, done: bool) -> None:
    portal.fault(kind, method="POST")
    with pytest.raises(AnswerLost):
        portal.make("companies", name="Acme")
    assert len(portal.get("companies").json["results"]) == int(done)


def test_an_error_can_be_answered_although_the_work_was_done(portal: Caller) -> None:
    portal.fault("status_after", method="POST", status=502)
    assert portal.post("companies", {"properties": {"name": "Acme"}}).status == 502
    assert len(portal.get("companies").json["results"]) == 1


def test_a_page_can_stand_where_json_is_due(portal: Caller) -> None:
    portal.fault("html")
    answer = portal.get("companies")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_an_answer_can_be_cut_off(portal: Caller) -> None:
    portal.fault("truncated")
    answer = portal.get("companies")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    with pytest.raises(ValueError):
        _ = answer.json


def test_a_slow_call_is_answered_all_the_same(portal: Caller) -> None:
    portal.fault("slow", seconds=0.01)
    assert portal.get("companies").status == 200


def test_a_fault_of_429_is_a_quota_too(portal: Caller) -> None:
    portal.fault("status", status=429)
    assert portal.get("companies").json["errorType"] == "RATE_LIMIT"


@pytest.mark.parametrize("policy", ["TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY"])
def test_a_quota_can_be_used_up(portal: Caller, policy: str) -> None:
    portal.fault("quota", policy=policy)
    answer = portal.get("companies")
    assert (answer.status, answer.json["policyName"]) == (429, policy)


def test_one_row_of_a_batch_can_fail(portal: Caller) -> None:
    rows = [{"properties": {"name": name}, "objectWriteTraceId": name} for name in "abc"]
    portal.fault("row", row=1, code="INTERNAL_ERROR", status=500)
    answer = portal.batch("companies", "create", *rows)
    assert answer.status == 207
    (error,) = answer.json["errors"]
    assert (error["category"], error["context"]["objectWriteTraceId"]) == ("INTERNAL_ERROR", ["b"])
    portal.fault("row", row=1)
    keys = [record["id"] for record in portal.get("companies").json["results"]]
    assert portal.batch("companies", "archive", *({"id": key} for key in keys)).status == 400
    assert len(portal.get("companies").json["results"]) == 2


@pytest.mark.parametrize(
    "fault", [{"kind": "flood"}, {"kind": "status", "status": 200}, {"kind": "slow", "often": 1}, [], {}]
)
def test_400_for_a_fault_that_is_not_known(portal: Caller, fault: Any) -> None:
    assert portal.admin("POST", "faults", fault).status == 400


@pytest.mark.parametrize("switches", [{"foo": 1}, {"search_lag": "late"}, {"numbers": "rounded"}, []])
def test_400_for_a_switch_that_is_not_known(portal: Caller, switches: Any) -> None:
    before = portal.admin("GET", "switches").json
    assert portal.admin("PUT", "switches", switches).status == 400
    assert portal.admin("GET", "switches").json == before


def test_every_switch_is_explained() -> None:
    words = set(re.findall(r"\w+", Switches.__doc__ or ""))
    assert [name for name in Switches.__struct_fields__ if name not in words] == []


def test_every_kind_of_fault_is_explained() -> None:
    readme = Path(emulator.__file__).with_name("README.md").read_text()
    assert [kind for kind in get_args(FaultKind) if f"`{kind}`" not in readme] == []


def test_the_controls_need_a_token_of_their_own(portal: Caller) -> None:
    assert portal.call("GET", "/emulator/switches").status == 401
    assert portal.admin("GET", "nothing").status == 404
    assert portal.admin("PUT", "clock").status == 404
    assert portal.admin("PUT", "faults").status == 404
    assert portal.admin("POST", "records/companies/999/restore").status == 404
    assert portal.admin("POST", "records/companies/91/frame").status == 404


def test_calls_are_counted_by_route_with_the_budget(portal: Caller) -> None:
    portal.get("companies/1")
    portal.get("companies/2")
    portal.search("companies")
    portal.call("GET", "/nowhere")
    counted = portal.admin("GET", "calls").json
    assert counted["calls"] == {
        "GET /crm/objects/2026-09/{type}/{id}": 2,
        "POST /crm/objects/2026-09/{type}/search": 1,
        "GET other": 1,
    }
    assert counted["budget"] == {"service": 2, "search": 1, "today": 3}


def test_a_reset_leaves_an_empty_portal_with_the_switches_of_the_start(portal: Caller) -> None:
    portal.define("companies", "erp_id")
    portal.make("companies", name="Acme")
    portal.switch(search_lag=60)
    portal.fault("status", times=None, path="/crm/*")
    portal.admin("POST", "clock", {"advance": 3600})
    assert portal.admin("POST", "reset").status == 204
    assert portal.admin("GET", "calls").json["calls"] == {}
    assert portal.get("companies").json["results"] == []
    assert portal.call("GET", "/crm/properties/2026-09/companies/erp_id").status == 404
    assert portal.admin("GET", "switches").json["search_lag"] == 0
    assert portal.make("companies", name="Acme") == "91"
    assert portal.get("companies/91").json["createdAt"] == "2026-11-01T09:00:00.000Z"


def test_the_clock_can_be_put_forward_and_not_back(portal: Caller) -> None:
    assert portal.admin("POST", "clock", {"advance": 90}).json == {"now": "2026-11-01T09:01:30+00:00"}
    assert portal.admin("POST", "clock", {"advance": -1}).status == 400
    assert portal.admin("POST", "clock", b"{").status == 400
    assert portal.admin("GET", "clock").json == {"now": "2026-11-01T09:01:30+00:00"}


def test_a_person_can_make_change_and_delete_records(portal: Caller) -> None:
    made = portal.admin("POST", "records/companies", {"properties": {"name": "Acme"}})
    key = made.json["id"]
    portal.admin("PATCH", f"records/companies/{key}", {"properties": {"city": "Bonn"}})
    assert portal.fields("companies", key, "city")["city"] == "Bonn"
    assert portal.admin("DELETE", f"records/companies/{key}").status == 204
    assert portal.get(f"companies/{key}").status == 404
