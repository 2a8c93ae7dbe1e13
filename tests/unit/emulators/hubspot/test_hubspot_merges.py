"""Merges: ids that change under a client's hands (contract 3.6)."""

from __future__ import annotations

import pytest
from hubspot_calls import Caller, only

DEAL = {"dealname": "Deal", "pipeline": "default", "dealstage": "appointmentscheduled"}


def _merge(portal: Caller, kind: str, primary: str, other: str) -> str:
    answer = portal.post(f"{kind}/merge", {"primaryObjectId": primary, "objectIdToMerge": other})
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


def test_a_merge_of_companies_makes_a_new_id_that_both_old_ones_lead_to(portal: Caller) -> None:
    first = portal.make("companies", name="Acme", city="Bonn")
    second = portal.make("companies", name="Acme Ltd", phone="1")
    portal.clock.advance(seconds=1)
    new = _merge(portal, "companies", first, second)
    assert new not in (first, second)
    for key in (first, second, new):
        record = portal.get(f"companies/{key}", properties="name,city,phone,hs_merged_object_ids").json
        assert record["id"] == new
        fields = record["properties"]
        assert (fields["name"], fields["city"], fields["phone"]) == ("Acme", "Bonn", "1")
        assert fields["hs_merged_object_ids"] == f"{first};{second}"
        assert fields["hs_lastmodifieddate"] == "2026-11-01T09:00:01.000Z"


def test_what_was_merged_away_is_listed_nowhere(portal: Caller) -> None:
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    new = _merge(portal, "companies", first, second)
    assert [record["id"] for record in portal.get("companies").json["results"]] == [new]
    assert portal.get("companies", archived="true").json["results"] == []
    assert portal.found("companies") == [new]
    assert portal.get(f"companies/{first}", archived="true").status == 404


def test_the_primary_id_is_kept_in_portals_that_preserve_it(portal: Caller) -> None:
    portal.switch(merge_keeps_primary=True)
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    assert _merge(portal, "companies", first, second) == first
    assert portal.fields("companies", second, "hs_merged_object_ids")["hs_merged_object_ids"] == second


def test_a_merge_of_deals_keeps_the_primary_id(portal: Caller) -> None:
    first, second = portal.make("deals", **DEAL), portal.make("deals", **DEAL)
    assert _merge(portal, "deals", first, second) == first


def test_ids_lead_on_through_one_merge_after_another(portal: Caller) -> None:
    keys = [portal.make("companies", name=name) for name in "abc"]
    middle = _merge(portal, "companies", keys[0], keys[1])
    last = _merge(portal, "companies", middle, keys[2])
    assert {portal.get(f"companies/{key}").json["id"] for key in [*keys, middle]} == {last}
    ids = portal.fields("companies", last, "hs_merged_object_ids")["hs_merged_object_ids"].split(";")
    assert ids == [keys[0], keys[1], keys[2], middle]


def test_a_batch_reads_a_merged_record_once_and_cannot_write_it_twice(portal: Caller) -> None:
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    new = _merge(portal, "companies", first, second)
    answer = portal.batch("companies", "read", {"id": first}, {"id": new})
    assert [record["id"] for record in answer.json["results"]] == [new]
    rows = [{"id": key, "properties": {"city": "Bonn"}} for key in (first, second)]
    assert portal.batch("companies", "update", *rows).codes == ["DUPLICATE_IDS"]
    assert portal.patch(f"companies/{first}", {"city": "Bonn"}).json["id"] == new


def test_unique_values_follow_the_survivor_and_the_primary_wins(portal: Caller) -> None:
    portal.define("companies", "erp_id", hasUniqueValue=True)
    first = portal.make("companies", name="Acme", erp_id="1")
    second = portal.make("companies", name="Beta", erp_id="2")
    new = _merge(portal, "companies", first, second)
    assert portal.get("companies/1", idProperty="erp_id").json["id"] == new
    assert portal.get("companies/2", idProperty="erp_id").status == 404
    assert portal.post("companies", {"properties": {"name": "C", "erp_id": "2"}}).status == 201


def test_associations_follow_the_survivor(portal: Caller) -> None:
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    contacts = [portal.make("contacts", lastname=name) for name in "ab"]
    for contact, company in zip(contacts, (first, second), strict=True):
        portal.call("PUT", portal.objects(f"contacts/{contact}/associations/default/companies/{company}"))
    new = _merge(portal, "companies", first, second)
    linked = portal.get(f"companies/{new}", associations="contacts").json["associations"]["contacts"]["results"]
    assert [entry["id"] for entry in linked] == contacts


def test_the_survivor_keeps_its_own_primary_company(portal: Caller) -> None:
    contacts = [portal.make("contacts", lastname=name) for name in "ab"]
    companies = [portal.make("companies", name=name) for name in "ab"]
    for contact, company in zip(contacts, companies, strict=True):
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        pair = {"from": {"id": contact}, "to": {"id": company}, "types": types}
        portal.call("POST", portal.links("contacts/companies/batch/create"), {"inputs": [pair]})
    new = _merge(portal, "contacts", *contacts)
    linked = portal.call("GET", portal.objects(f"contacts/{new}/associations/companies")).json["results"]
    types_of = {entry["toObjectId"]: [known["typeId"] for known in entry["associationTypes"]] for entry in linked}
    assert types_of == {companies[0]: [1, 279], companies[1]: [279]}


@pytest.mark.parametrize(
    ("primary", "other", "refused"),
    [("91", "91", (400, "VALIDATION_ERROR")), ("91", "999", (404, "OBJECT_NOT_FOUND"))],
)
def test_a_merge_needs_two_records(portal: Caller, primary: str, other: str, refused: tuple[int, str]) -> None:
    portal.make("companies", name="Acme")
    body = {"primaryObjectId": primary, "objectIdToMerge": other}
    assert portal.post("companies/merge", body).refused == refused


def test_414_when_a_record_has_absorbed_too_many(portal: Caller) -> None:
    portal.switch(merge_limit=1, merge_keeps_primary=True)
    first, second, third = (portal.make("contacts", lastname=name) for name in "abc")
    _merge(portal, "contacts", first, second)
    body = {"primaryObjectId": first, "objectIdToMerge": third}
    answer = portal.post("contacts/merge", body)
    assert answer.status == 414
    assert portal.get(f"contacts/{third}").json["id"] == third


def test_a_merged_record_that_is_deleted_is_gone_under_all_its_ids(portal: Caller) -> None:
    first, second = portal.make("companies", name="Acme"), portal.make("companies", name="Beta")
    new = _merge(portal, "companies", first, second)
    portal.delete(f"companies/{second}")
    assert {portal.get(f"companies/{key}").status for key in (first, second, new)} == {404}
    assert portal.found("companies", only("name", "HAS_PROPERTY")) == []
    assert [record["id"] for record in portal.get("companies", archived="true").json["results"]] == [new]
