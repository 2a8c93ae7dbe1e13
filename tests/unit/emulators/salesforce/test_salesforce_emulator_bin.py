"""Deletions, merges, undeletes, getDeleted and getUpdated."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from salesforce_org import BASE, Answer, OrgClient, check_shape


def log(org: OrgClient, kind: str, start: str, end: str, name: str = "Account") -> Answer:
    return org.call("GET", f"{BASE}/sobjects/{name}/{kind}/?" + urlencode({"start": start, "end": end}))


def test_what_belongs_to_a_record_is_deleted_and_comes_back_with_it(org: OrgClient) -> None:
    account = org.make("Account", Name="A", ERP_Id__c="1")
    contact = org.make("Contact", LastName="B", AccountId=account)
    child = org.make("Account", Name="C", ParentId=account)
    org.delete(f"sobjects/Account/{account}")
    assert org.get(f"sobjects/Contact/{contact}").code == "ENTITY_IS_DELETED"
    assert org.read("Account", child)["ParentId"] is None
    org.clock.advance(seconds=3)
    assert org.control("POST", "undelete", {"object": "Account", "id": account}).status == 200
    assert org.read("Account", account)["SystemModstamp"][17:19] == "33"
    assert org.read("Contact", contact)["AccountId"] == account
    assert org.control("POST", "undelete", {"object": "Account", "id": account}).status == 422


def test_a_record_does_not_come_back_to_a_value_that_was_taken_since(org: OrgClient) -> None:
    gone = org.make("Account", Name="A", ERP_Id__c="1")
    org.delete(f"sobjects/Account/{gone}")
    org.make("Account", Name="B", ERP_Id__c="1")
    answer = org.control("POST", "undelete", {"object": "Account", "id": gone})
    assert (answer.status, answer.code) == (422, "DUPLICATE_VALUE")
    assert org.get(f"sobjects/Account/{gone}").code == "ENTITY_IS_DELETED"


def test_a_merge_deletes_the_loser_and_moves_what_points_to_it(org: OrgClient) -> None:
    winner, loser = org.make("Account", Name="A"), org.make("Account", Name="B", ERP_Id__c="2")
    contact = org.make("Contact", LastName="C", AccountId=loser)
    org.clock.advance(seconds=5)
    assert org.control("POST", "merge", {"object": "Account", "master": winner, "losers": [loser]}).status == 200
    gone = org.rows("SELECT Id, MasterRecordId, ERP_Id__c FROM Account WHERE IsDeleted = true", "queryAll")[0]
    assert (gone["Id"], gone["MasterRecordId"], gone["ERP_Id__c"]) == (loser, winner, "2")
    assert org.read("Contact", contact)["AccountId"] == winner
    assert org.read("Account", winner)["SystemModstamp"][17:19] == "35"
    assert org.put("Account", "ERP_Id__c", "2", Name="New").status == 201
    assert org.control("POST", "merge", {"object": "Account", "master": winner, "losers": [winner]}).status == 422
    assert org.control("POST", "merge", {"object": "Order", "master": winner, "losers": []}).status == 422


def test_a_merge_can_be_taken_back_as_far_as_the_loser_goes(org: OrgClient) -> None:
    loser = org.make("Account", Name="B")
    winner = org.make("Account", Name="A", ParentId=loser)
    org.control("POST", "merge", {"object": "Account", "master": winner, "losers": [loser]})
    assert org.read("Account", winner)["ParentId"] is None
    assert org.control("POST", "undelete", {"object": "Account", "id": loser}).status == 200
    assert org.read("Account", loser)["MasterRecordId"] is None


def test_more_changes_than_can_be_told_are_not_told(org: OrgClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.emulators.salesforce.resources.sobjects.UPDATED_MAX", 1)
    for name in "AB":
        org.make("Account", Name=name)
    org.clock.advance(minutes=5)
    answer = log(org, "updated", "2026-11-01T09:00:00Z", "2026-11-01T09:05:00Z")
    assert (answer.status, answer.code) == (400, "EXCEEDED_ID_LIMIT")


def test_a_deleted_record_is_readable_for_fifteen_days(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    org.delete(f"sobjects/Account/{key}")
    org.clock.advance(days=14, hours=23)
    assert len(org.rows("SELECT Id FROM Account", "queryAll")) == 1
    org.clock.advance(hours=1)
    assert org.rows("SELECT Id FROM Account", "queryAll") == []
    assert org.get(f"sobjects/Account/{key}").code == "NOT_FOUND"


def test_an_emptied_bin_still_tells_what_was_deleted(org: OrgClient) -> None:
    org.delete(f"sobjects/Account/{org.make('Account', Name='A')}")
    assert org.control("POST", "bin/empty").json == {"gone": 1}
    assert org.rows("SELECT Id FROM Account", "queryAll") == []
    org.clock.advance(minutes=5)
    answer = log(org, "deleted", "2026-11-01T09:00:00Z", "2026-11-01T09:05:00Z")
    assert len(answer.json["deletedRecords"]) == 1


def test_deletions_are_told_for_a_window_whose_seconds_do_not_count(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    org.delete(f"sobjects/Account/{key}")
    org.clock.advance(minutes=10)
    answer = log(org, "deleted", "2026-11-01T09:00:59+00:00", "2026-11-01T09:01:59+00:00")
    assert answer.status == 200
    check_shape("DeletedResult", answer.json)
    assert answer.json["deletedRecords"] == [{"id": key, "deletedDate": "2026-11-01T09:00:30.000+0000"}]
    assert answer.json["latestDateCovered"] == "2026-11-01T09:01:00.000+0000"
    assert log(org, "deleted", "2026-11-01T09:01:00Z", "2026-11-01T09:05:00Z").json["deletedRecords"] == []
    assert log(org, "deleted", "2026-11-01T09:00:00Z", "2026-11-01T09:05:00Z", "Contact").json["deletedRecords"] == []


def test_a_window_ends_before_its_end(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    org.clock.advance(seconds=30)
    org.delete(f"sobjects/Account/{key}")
    org.clock.advance(minutes=10)
    first = log(org, "deleted", "2026-11-01T09:00:00Z", "2026-11-01T09:01:00Z").json["deletedRecords"]
    second = log(org, "deleted", "2026-11-01T09:01:00Z", "2026-11-01T09:02:00Z").json["deletedRecords"]
    assert (first, [one["id"] for one in second]) == ([], [key])


def test_the_latest_changes_are_not_covered_yet(org: OrgClient) -> None:
    key = org.make("Account", Name="A")
    answer = log(org, "updated", "2026-11-01T08:00:00Z", "2026-11-01T10:00:00Z")
    assert answer.json == {"ids": [], "latestDateCovered": "2026-11-01T08:59:00.000+0000"}
    org.clock.advance(minutes=2)
    answer = log(org, "updated", "2026-11-01T08:59:00Z", "2026-11-01T10:00:00Z")
    check_shape("UpdatedResult", answer.json)
    assert answer.json == {"ids": [key], "latestDateCovered": "2026-11-01T09:01:00.000+0000"}


@pytest.mark.parametrize("kind", ["deleted", "updated"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-01T09:00:00Z", "2026-11-01T08:00:00Z"),
        ("2026-11-01T09:00:00", "2026-11-01T10:00:00"),
        ("2026-11-01T08:00:00", "2026-11-01T08:30:00Z"),
        ("2026-09-01T09:00:00Z", "2026-11-01T08:00:00Z"),
        ("nonsense", "2026-11-01T08:00:00Z"),
        ("", ""),
    ],
)
def test_a_window_that_is_wrong_is_refused(org: OrgClient, kind: str, start: str, end: str) -> None:
    answer = log(org, kind, start, end)
    assert (answer.status, answer.code) == (400, "INVALID_REPLICATION_DATE")


def test_changes_are_told_for_longer_than_deletions(org: OrgClient) -> None:
    window = ("2026-10-10T09:00:00Z", "2026-11-01T08:00:00Z")
    assert log(org, "updated", *window).status == 200
    assert log(org, "deleted", *window).code == "INVALID_REPLICATION_DATE"


def test_lines_of_orders_cannot_be_undeleted(org: OrgClient) -> None:
    shown = {one["name"]: one for one in org.get("sobjects").json["sobjects"]}
    assert shown["Order"]["undeletable"] is True
    assert shown["OrderItem"]["undeletable"] is False
