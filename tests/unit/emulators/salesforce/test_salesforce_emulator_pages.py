"""Pages for a person."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from salesforce_org import Answer, OrgClient


@pytest.fixture
def person(org: OrgClient) -> OrgClient:
    org.host = "127.0.0.1:80"
    return org


def send(org: OrgClient, path: str, **fields: str) -> Answer:
    headers = {"content_type": "application/x-www-form-urlencoded", "origin": f"http://{org.host}"}
    return org.call("POST", path, urlencode(fields).encode(), **headers)


def api(org: OrgClient) -> OrgClient:
    return OrgClient(org.app, org.clock, org.token)


def test_a_person_makes_and_changes_a_record(person: OrgClient) -> None:
    made = send(person, "/ui/Account/new", Name="Acme <b>", Phone="5", NumberOfEmployees="3")
    assert made.status == 303
    path = made.headers["location"]
    key = path.rpartition("/")[2]
    page = person.call("GET", path)
    assert page.status == 200
    assert b"Acme &lt;b&gt;" in page.body
    assert b"<b>" not in page.body
    fields = {"Name": "Beta", "Phone": "", "NumberOfEmployees": "3"}
    person.clock.advance(seconds=5)
    assert send(person, path, **fields).status == 303
    read = api(person).read("Account", key)
    assert [read[name] for name in ("Name", "Phone", "NumberOfEmployees")] == ["Beta", None, 3]
    assert read["SystemModstamp"][17:19] == "35"


def test_a_person_is_another_user_than_the_integration(person: OrgClient) -> None:
    client = api(person)
    key = client.make("Account", Name="A")
    send(person, f"/ui/Account/{key}", Name="B")
    read = client.read("Account", key)
    assert (read["CreatedById"], read["LastModifiedById"][-4:]) == (person.app.org.user, "2AAA")


def test_what_a_person_writes_is_checked_like_any_write(person: OrgClient) -> None:
    answer = send(person, "/ui/Account/new", Name="", NumberOfEmployees="many")
    assert answer.status == 400
    assert b"INVALID_TYPE_ON_FIELD_IN_RECORD" in answer.body
    answer = send(person, "/ui/Account/new", Name="")
    assert b"REQUIRED_FIELD_MISSING" in answer.body
    path = send(person, "/ui/Account/new", Name="A").headers["location"]
    answer = send(person, path, Name="x" * 256)
    assert (answer.status, b"STRING_TOO_LONG" in answer.body) == (400, True)


def test_a_person_deletes_brings_back_and_merges(person: OrgClient) -> None:
    client = api(person)
    key, other = client.make("Account", Name="A"), client.make("Account", Name="B")
    assert send(person, f"/ui/Account/{key}/delete").status == 303
    assert client.get(f"sobjects/Account/{key}").code == "ENTITY_IS_DELETED"
    assert b"Undelete" in person.call("GET", f"/ui/Account/{key}").body
    assert send(person, f"/ui/Account/{key}/undelete").status == 303
    assert send(person, f"/ui/Account/{key}/merge", loser=other).status == 303
    gone = client.rows("SELECT MasterRecordId FROM Account WHERE IsDeleted = true", "queryAll")
    assert gone[0]["MasterRecordId"] == key
    assert send(person, f"/ui/Account/{key}/nonsense").status == 404
    assert send(person, f"/ui/Account/{key}/merge", loser="nobody").status == 404


def test_lists_can_be_searched(person: OrgClient) -> None:
    client = api(person)
    client.make("Account", Name="Müller", ERP_Id__c="E-1")
    client.make("Account", Name="Beta")
    for wanted in ("mÜLL", "e-1"):
        page = person.call("GET", "/ui/Account?" + urlencode({"q": wanted})).body.decode()
        assert "Müller" in page
        assert "Beta" not in page
    assert b"Order Products" in person.call("GET", "/").body
    assert person.call("GET", "/ui/Nonsense").status == 404
    assert person.call("GET", "/ui/style.css").headers["content-type"].startswith("text/css")


def test_pages_are_for_this_machine_only(person: OrgClient) -> None:
    person.host = "elsewhere.example"
    assert person.call("GET", "/ui/Account").status == 403
    person.host = "127.0.0.1:80"
    headers = {"content_type": "application/x-www-form-urlencoded", "origin": "http://elsewhere.example"}
    assert person.call("POST", "/ui/Account/new", b"Name=A", **headers).status == 403
