"""Who may call, how often, what faults do, and that no input breaks the application."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_calls import Caller

from connector.reference.kit.faults import AnswerLost
from connector.reference.kit.problems import ServiceError
from connector.reference.kit.rate import Gate


def test_a_call_needs_a_known_token(crm: Caller) -> None:
    for token in (None, "wrong", ""):
        answer = Caller(crm.app, crm.clock, token).get("/api/companies")
        assert (answer.status, answer.code) == (401, "unauthorized")
    assert crm.call("GET", "/api/companies", authorization="Basic secret").status == 401
    assert Caller(crm.app, crm.clock, None).get("/healthz").status == 200


def test_only_the_admin_sees_stats_and_turns_switches(crm: Caller) -> None:
    for method, path in (("GET", "/api/stats"), ("POST", "/api/stats/reset"), ("PUT", "/api/admin/switches")):
        assert crm.call(method, path, {}).status == 403
    admin = Caller(crm.app, crm.clock, "root")
    crm.make("companies", name="A")
    crm.get("/api/companies/C-1")
    crm.get("/api/companies/C-1?x=1")
    crm.get("/api/nothing/here")
    stats = admin.get("/api/stats").json
    assert stats["rows"]["companies"] == 1
    assert stats["calls"]["GET /api/companies/{id}"] == 2
    assert stats["calls"]["GET other"] == 1
    assert admin.post("/api/stats/reset").status == 204
    assert admin.get("/api/stats").json["calls"] == {"GET /api/stats": 1}


def test_switches_show_their_state_and_refuse_nonsense(crm: Caller) -> None:
    admin = Caller(crm.app, crm.clock, "root")
    assert crm.switch(rate=50, idempotency="off").json["rate"] == 50
    assert admin.get("/api/admin/switches").json["idempotency"] == "off"
    for bad in ({"rate": 0}, {"rate": "x"}, {"colour": 1}, {"external_key": "maybe"}, {"fault": [{"kind": "x"}]}):
        assert crm.switch(**bad).status == 422
    assert crm.switch(fault=[{"kind": "status", "status": 200}]).status == 422


def test_too_many_calls_are_told_when_to_come_back(crm: Caller) -> None:
    crm.switch(rate=0.01)
    first, second = crm.get("/api/describe"), crm.get("/api/describe")
    assert (first.status, second.status, second.code) == (200, 429, "rate")
    assert 90 <= int(second.headers["retry-after"]) <= 100
    assert Caller(crm.app, crm.clock, "root").get("/api/describe").status == 200


def test_a_bucket_lets_through_its_rate_and_no_more(crm: Caller) -> None:
    gate, passed = Gate(), 0
    for _ in range(50):
        with suppress(ServiceError):
            gate.admit("p", 10.0, None, crm.clock())
            passed += 1
    assert 10 <= passed <= 11


def test_the_daily_limit_counts_and_ends_with_the_day(crm: Caller) -> None:
    crm.switch(daily_limit=2)
    answers = [crm.get("/api/describe") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-calls-today"] for answer in answers] == ["1", "2", "2"]
    assert (answers[0].headers["x-calls-limit"], answers[2].headers["retry-after"]) == ("2", str(15 * 3600))
    crm.clock.advance(hours=15)
    assert crm.get("/api/describe").json["calls"] == {"today": 1, "limit": 2}


def test_a_lost_answer_was_committed_and_a_dropped_call_was_not(crm: Caller) -> None:
    crm.switch(fault=[{"kind": "lost_answer", "object": "companies", "method": "POST"}])
    with pytest.raises(AnswerLost):
        crm.make("companies", name="A")
    crm.switch(fault=[{"kind": "drop_before", "path": "/api/comp*"}])
    with pytest.raises(AnswerLost):
        crm.make("companies", name="B")
    assert [item["fields"]["name"] for item in crm.feed("companies")[0]] == ["A"]


def test_faults_strike_where_when_and_as_often_as_told(crm: Caller) -> None:
    fault = {
        "kind": "status",
        "object": "companies",
        "method": "GET",
        "status": 429,
        "after": 1,
        "times": 2,
        "seconds": 7,
    }
    crm.switch(fault=[fault])
    crm.make("companies", name="A")
    assert crm.get("/api/contacts").status == 200
    answers = [crm.get("/api/companies") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["retry-after"] == "7"


def test_the_html_and_status_faults_write_nothing(crm: Caller) -> None:
    crm.switch(fault=[{"kind": "html", "times": None}])
    answer = crm.post("/api/companies", {"name": "A"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    crm.switch(fault=[{"kind": "status"}, {"kind": "slow", "seconds": 0}])
    answer = crm.post("/api/companies", {"name": "A"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert crm.post("/api/companies", {"name": "A"}).json["id"] == "C-1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("DELETE", "/api/companies"),
        ("POST", "/api/companies/batch/other"),
        ("POST", "/api/companies/C-1/ship"),
        ("PUT", "/api/companies/C-1"),
        ("PUT", "/api/companies/by/external_id"),
        ("GET", "/api/periods"),
        ("GET", "/api/companies/C-1/x/y/z"),
    ],
)
def test_an_unknown_path_is_not_found(crm: Caller, method: str, path: str) -> None:
    answer = crm.call(method, path, b"{}")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(crm: Caller, body: bytes) -> None:
    assert crm.post("/api/companies", body).status in (400, 422)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"'])
def test_a_body_that_is_no_object_is_refused(crm: Caller, body: bytes) -> None:
    crm.make("companies", name="A")
    assert crm.post("/api/companies", body).status == 422
    assert crm.patch("/api/companies/C-1", body).status == 422


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["C-1", "K-1", "O-1", "I-1", "A-1", "2026-01-01", "9999-12-31", "1.50", "-0", "EUR", "9" * 15, "\x00", "L-1"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "lines",
                    "items",
                    "fields",
                    "key",
                    "version",
                    "external_id",
                    "name",
                    "currency",
                    "customer",
                    "order",
                    "date",
                    "amount",
                    "quantity",
                    "price",
                    "item",
                    "invoice",
                    "freight",
                    "credit_limit",
                    "ids",
                    "winner",
                    "loser",
                    "number",
                    "due_days",
                    "closed_until",
                    "url",
                    "secret",
                    "state",
                    "order_date",
                    "parent",
                    "discount_percent",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
PATHS = [
    *(("POST", f"/api/{name}") for name in ("customers", "orders", "items", "payments", "persons", "webhooks")),
    *(("PATCH", f"/api/{name}") for name in ("customers/K-1", "orders/O-1", "items/A-1", "payments/Z-1")),
    *(("POST", f"/api/orders/batch/{verb}") for verb in ("create", "update", "delete", "read")),
    *(("POST", f"/api/customers/batch/{verb}") for verb in ("create", "update", "delete", "read")),
    *(("POST", f"/api/orders/O-1/{action}") for action in ("confirm", "ship", "invoice", "cancel")),
    ("POST", "/api/invoices/I-1/pay"),
    ("POST", "/api/invoices/I-1/void"),
    ("POST", "/api/items/A-1/receive"),
    ("POST", "/api/customers/merge"),
    ("PUT", "/api/customers/by/external_id/x"),
    ("PUT", "/api/periods"),
    ("DELETE", "/api/customers/K-1"),
]


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(target=st.sampled_from(PATHS), body=JSON, wrap=st.booleans())
def test_no_body_breaks_the_application(erp: Caller, target: tuple[str, str], body: Any, wrap: bool) -> None:
    if not erp.get("/api/orders").json["items"]:
        erp.make("customers", name="A", currency="EUR")
        erp.make("items", code="A", name="A", backorder=True)
        erp.make("orders", customer="K-1", currency="EUR", lines=[{"item": "A-1", "quantity": "1", "price": "1"}])
    given_ = {"items": [{"fields": body, "id": "K-1"}]} if wrap else body
    answer = erp.call(*target, json.dumps(given_).encode())
    assert answer.status < 500, (target, given_, answer.body)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(query=st.text(alphabet="abcurso_idlmtafex=&%0123456789-/' \"\x00é", max_size=40), key=st.text(max_size=10))
def test_no_query_or_path_breaks_the_application(crm: Caller, query: str, key: str) -> None:
    assert crm.get(f"/api/companies?{query}").status < 500
    assert crm.call("GET", "/api/companies/" + key.replace("?", "")).status < 500
