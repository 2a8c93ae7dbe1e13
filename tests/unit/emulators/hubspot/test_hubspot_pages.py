"""Pages for people, from this machine only."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hubspot_calls import Answer, Caller, link

DEAL = {"dealname": "Deal", "pipeline": "default", "dealstage": "closedwon"}


@pytest.fixture
def person(portal: Caller) -> Caller:
    return Caller(portal.app, portal.clock, sent={"host": "localhost:1"})


def _send(person: Caller, path: str, **form: str) -> Answer:
    return person.call("POST", path, urlencode(form).encode())


def test_a_person_sees_what_is_there(portal: Caller, person: Caller) -> None:
    company = portal.make("companies", name="<Acme> & Co")
    portal.post("contacts", {"properties": {"lastname": "Ash"}, "associations": [link(company, 1)]})
    assert b"<a href='/ui/companies'>companies</a></td><td>1<" in person.call("GET", "/").body
    assert b"&lt;Acme&gt; &amp; Co" in person.call("GET", "/ui/companies").body
    page = person.call("GET", f"/ui/companies/{company}").body
    assert b"value='&lt;Acme&gt; &amp; Co'" in page
    assert b"href='/ui/contacts/91'" in page
    assert person.call("GET", "/ui/style.css").headers["content-type"] == "text/css"


def test_a_person_changes_a_record_and_it_is_changed_for_programs(portal: Caller, person: Caller) -> None:
    key = portal.make("companies", name="Acme", city="Bonn")
    portal.clock.advance(seconds=5)
    answer = _send(person, f"/ui/companies/{key}/save", name="Acme", city="")
    assert (answer.status, answer.headers["location"]) == (303, f"/ui/companies/{key}")
    fields = portal.fields("companies", key, "name", "city")
    assert (fields["name"], fields["city"]) == ("Acme", None)
    assert fields["hs_lastmodifieddate"] == "2026-11-01T09:00:05.000Z"


def test_a_form_that_changes_nothing_is_no_change(portal: Caller, person: Caller) -> None:
    key = portal.make("companies", name="Acme")
    portal.clock.advance(seconds=5)
    _send(person, f"/ui/companies/{key}/save", name="Acme", city="")
    assert portal.get(f"companies/{key}").json["updatedAt"] == "2026-11-01T09:00:00.000Z"


def test_a_person_makes_deletes_and_restores(portal: Caller, person: Caller) -> None:
    assert b"Closed Won" in person.call("GET", "/ui/deals/new").body
    path = _send(person, "/ui/deals/new", **DEAL, amount="").headers["location"]
    assert portal.get("deals/91").status == 200
    _send(person, f"{path}/delete")
    assert portal.get("deals/91").status == 404
    assert b"/ui/deals/91" in person.call("GET", "/ui/deals?bin=").body
    assert b"Restore" in person.call("GET", path).body
    _send(person, f"{path}/restore")
    assert portal.get("deals/91").status == 200


def test_what_is_refused_says_why(portal: Caller, person: Caller) -> None:
    key = portal.make("products", name="Nut", price="1")
    answer = _send(person, f"/ui/products/{key}/save", name="Nut", price="<ten>")
    assert answer.status == 400
    assert b"&lt;ten&gt; was not a valid number" in answer.body
    assert person.call("GET", "/ui/products/999").status == 404
    assert person.call("GET", "/ui/nothing/here/at/all").status == 404


def test_a_long_list_goes_on(portal: Caller, person: Caller) -> None:
    portal.batch("companies", "create", *[{"properties": {"name": "C"}}] * 51)
    page = person.call("GET", "/ui/companies").body
    assert b"?after=140" in page
    rest = person.call("GET", "/ui/companies?after=140").body
    assert (rest.count(b"<td>C</td>"), b"More" in rest) == (1, False)


@pytest.mark.parametrize(
    "headers",
    [{"host": "hubspot.test"}, {"origin": "http://evil.test"}, {"sec_fetch_site": "cross-site"}, {"host": "["}],
)
def test_strangers_get_no_page(portal: Caller, person: Caller, headers: dict[str, str]) -> None:
    answer = person.call("POST", "/ui/companies/new", b"name=Acme", **headers)
    assert answer.status == 403
    assert portal.get("companies").json["results"] == []
