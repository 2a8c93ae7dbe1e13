"""Batches and idempotency keys."""

from __future__ import annotations

import pytest
from reference_calls import Caller


def test_a_failed_item_leaves_no_trace_and_the_others_are_done(crm: Caller) -> None:
    crm.make("companies", name="Old", external_id="taken")
    answer = crm.batch(
        "companies",
        "create",
        {"fields": {"name": "A", "external_id": "a"}},
        {"fields": {"name": "B", "external_id": "a"}},
        {"fields": {"name": None}},
        {"fields": {"name": "C", "external_id": "taken"}},
        {"fields": {"name": "D", "external_id": "d"}},
    )
    assert [item["status"] for item in answer["items"]] == [201, 409, 422, 409, 201]
    assert answer["items"][2]["error"]["field"] == "name"
    names = [item["fields"]["name"] for item in crm.feed("companies")[0]]
    assert names == ["Old", "A", "D"]


def test_the_span_is_what_the_batch_alone_moved(crm: Caller) -> None:
    first = crm.make("companies", name="A")
    _, before = crm.feed("companies")
    answer = crm.batch("companies", "update", {"id": first, "fields": {"fax": "1"}}, {"id": "C-9", "fields": {}})
    assert answer["span"] == [before, crm.feed("companies")[1]]
    assert crm.feed("companies", answer["span"][0])[0][0]["id"] == first
    assert crm.feed("companies", answer["span"][1])[0] == []
    same = crm.batch("companies", "update", {"id": first, "fields": {"fax": "1"}})
    assert same["span"] == [answer["span"][1]] * 2


def test_an_item_sees_what_the_items_before_it_did(crm: Caller) -> None:
    first, second = crm.make("companies", name="A", external_id="x"), crm.make("companies", name="B", external_id="y")
    answer = crm.batch(
        "companies",
        "update",
        {"id": first, "fields": {"external_id": None}},
        {"id": second, "fields": {"external_id": "x"}},
        {"id": first, "fields": {"external_id": "y"}},
        {"id": first, "version": 2, "fields": {"fax": "1"}},
    )
    assert [item["status"] for item in answer["items"]] == [200, 200, 200, 412]
    assert [item["record"]["version"] for item in answer["items"]] == [2, 2, 3, 3]
    assert {item["id"]: item["fields"]["external_id"] for item in crm.feed("companies")[0]} == {first: "y", second: "x"}


def test_a_conditional_item_fails_alone(crm: Caller) -> None:
    first, second = crm.make("companies", name="A"), crm.make("companies", name="B")
    crm.patch(f"/api/companies/{first}", {"fax": "1"})
    answer = crm.batch(
        "companies",
        "update",
        {"id": first, "version": 1, "fields": {"fax": "2"}},
        {"id": second, "version": 1, "fields": {"fax": "2"}},
    )
    assert [(item["status"], item["record"]["version"]) for item in answer["items"]] == [(412, 2), (200, 2)]


def test_batch_delete_answers_each_item(crm: Caller) -> None:
    company, other = crm.make("companies", name="A"), crm.make("companies", name="B")
    crm.make("deals", name="D", company_id=company)
    answer = crm.batch(
        "companies", "delete", {"id": company}, {"id": other, "version": 1}, {"id": other}, {"id": "C-9"}
    )
    assert [item["status"] for item in answer["items"]] == [409, 204, 410, 404]
    assert crm.get(f"/api/companies/{company}").status == 200


def test_children_made_free_in_the_same_batch_no_longer_hold(crm: Caller) -> None:
    top = crm.make("companies", name="A")
    below = crm.make("companies", name="B", parent_id=top)
    answer = crm.batch("companies", "delete", {"id": top}, {"id": below}, {"id": top})
    assert [item["status"] for item in answer["items"]] == [409, 204, 204]


def test_creating_with_a_known_external_id_answers_the_record_that_is_there(crm: Caller) -> None:
    item = {"fields": {"name": "A"}, "external_id": "x"}
    first = crm.batch("companies", "create", item)["items"][0]
    again = crm.batch("companies", "create", {"fields": {"name": "Other"}, "external_id": "x"}, item)
    assert first["status"] == 201
    assert first["record"]["fields"]["external_id"] == "x"
    assert [(item["status"], item["record"]) for item in again["items"]] == [(200, first["record"])] * 2
    assert again["span"][0] == again["span"][1]
    crm.switch(external_key="search")
    assert crm.batch("companies", "create", item)["items"][0]["status"] == 201


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"{",
        b'{"items": 5}',
        b'{"items": [1]}',
        b'{"items": [{"colour": 1}]}',
        b'{"items": [], "x": 1}',
        b'{"items": [' + b",".join([b"{}"] * 201) + b"]}",
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(crm: Caller, body: bytes) -> None:
    assert crm.post("/api/companies/batch/create", body).status == 400


def test_an_item_without_a_usable_id_or_key_fails_alone(crm: Caller) -> None:
    crm.make("companies", name="A")
    answer = crm.batch("companies", "update", {}, {"id": 5, "fields": {}}, {"id": "C-1", "version": "1", "fields": {}})
    assert [item["status"] for item in answer["items"]] == [404, 404, 422]


def test_a_repeated_key_answers_as_the_first_time(crm: Caller) -> None:
    first = crm.post("/api/companies", {"name": "A"}, idempotency_key="k")
    crm.patch("/api/companies/C-1", {"fax": "1"})
    again = crm.post("/api/companies", {"name": "A"}, idempotency_key="k")
    assert (again.status, again.body, again.headers["etag"]) == (201, first.body, '"1"')
    other = crm.post("/api/companies", {"name": "B"}, idempotency_key="k")
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert len(crm.feed("companies")[0]) == 1


def test_keys_of_principals_are_apart_and_a_refused_request_is_tried_anew(crm: Caller) -> None:
    admin = Caller(crm.app, crm.clock, "root")
    deal = {"name": "D", "company_id": "C-1"}
    assert crm.post("/api/deals", deal, idempotency_key="k").status == 422
    crm.make("companies", name="A")
    assert crm.post("/api/deals", deal, idempotency_key="k").status == 201
    assert admin.post("/api/deals", deal, idempotency_key="k").json["id"] == "D-2"


def test_a_key_is_forgotten_after_a_day_or_when_switched_off(crm: Caller) -> None:
    crm.post("/api/companies", {"name": "A"}, idempotency_key="k")
    crm.clock.advance(hours=23, minutes=59)
    assert crm.post("/api/companies", {"name": "A"}, idempotency_key="k").json["id"] == "C-1"
    crm.clock.advance(minutes=2)
    assert crm.post("/api/companies", {"name": "A"}, idempotency_key="k").json["id"] == "C-2"
    crm.switch(idempotency="off")
    assert crm.post("/api/companies", {"name": "A"}, idempotency_key="k").json["id"] == "C-3"


def test_keys_of_items_hold_within_and_across_batches(crm: Caller) -> None:
    item = {"fields": {"name": "A"}, "key": "k"}
    answer = crm.batch("companies", "create", item, item, {"fields": {"name": "B"}, "key": "k"})
    assert [entry["status"] for entry in answer["items"]] == [201, 201, 422]
    assert answer["items"][0] == answer["items"][1]
    crm.patch("/api/companies/C-1", {"fax": "1"})
    again = crm.batch("companies", "create", item)
    assert again["items"] == answer["items"][:1]
    assert again["span"][0] == again["span"][1]
    update = {"id": "C-1", "fields": {"fax": "2"}, "key": "u", "version": 2}
    first, second = (crm.batch("companies", "update", update)["items"] for _ in range(2))
    assert (first, first[0]["record"]["version"]) == (second, 3)
    delete = {"id": "C-1", "key": "d"}
    assert [crm.batch("companies", "delete", delete)["items"] for _ in range(2)] == [[{"status": 204}]] * 2


def test_deletes_and_patches_repeat_under_their_key(crm: Caller) -> None:
    crm.make("companies", name="A")
    patch = [crm.patch("/api/companies/C-1", {"fax": "1"}, idempotency_key="p", if_match='"1"') for _ in range(2)]
    assert [(answer.status, answer.json["version"]) for answer in patch] == [(200, 2)] * 2
    assert [crm.call("DELETE", "/api/companies/C-1", idempotency_key="d").status for _ in range(2)] == [204, 204]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_no_key_is_refused(crm: Caller, key: str) -> None:
    assert crm.post("/api/companies", {"name": "A"}, idempotency_key=key).status == 400
