"""What portals do that one would not expect, sprung by the emulated one and by nothing of the adapter's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from connector.errors import DeniedError, NotFoundError, RejectedError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Record, Write
from connector.testing.contract import FaultProxy, Request, Trouble

from .servers import Portal, build

_numbers = count(1)


@contextmanager
def switched(portal: Portal, **switches: Any) -> Iterator[None]:
    before = portal.switches(**switches)
    try:
        yield
    finally:
        portal.switches(**before)


def creating(external: str | None = None, **fields: Any) -> Write:
    body = json.dumps({**fields, **({"erp_id": external} if external else {})}).encode()
    return Write(Op.CREATE, None, body, None, f"trap-{next(_numbers)}", ("erp_id", external) if external else None)


def updating(key: str, **fields: Any) -> Write:
    return Write(Op.UPDATE, key, json.dumps(fields).encode(), None, f"trap-{next(_numbers)}")


def one(crm: Any, type_: str, write: Write) -> Outcome:
    (outcome,) = crm.write(type_, [write]).outcomes
    return outcome  # type: ignore[no-any-return]


def done(crm: Any, type_: str, write: Write) -> str:
    outcome = one(crm, type_, write)
    assert outcome.error is None
    return str(outcome.key)


def walked(crm: Any, type_: str, cursor: str | None) -> tuple[dict[str, Record], str]:
    found: dict[str, Record] = {}
    while True:
        page = crm.changes(type_, cursor)
        found.update((record.key, record) for record in page.records)
        cursor = page.cursor
        if not page.more:
            return found, str(cursor)


@pytest.mark.parametrize("version", ["2026-03", "v3"])
def test_older_versions_of_the_api_read_and_write_as_well(portal: Portal, version: str) -> None:
    crm = build(portal.url, api_version=version)
    company = done(crm, "companies", creating(f"old-{version}", name="x"))
    lines = [{"name": "a", "quantity": "2", "price": "3"}]
    deal = done(crm, "deals", creating(dealname="d", dealstage="closedwon", company_id=company, lines=lines))
    record = crm.read("deals", [deal])[deal]
    assert record.fields["company_id"] == company
    assert [line["amount"] for line in record.fields["lines"]] == ["6"]
    done(crm, "deals", updating(deal, lines=[], company_id=None))
    record = crm.read("deals", [deal])[deal]
    assert (record.fields["company_id"], record.fields["lines"]) == (None, [])
    again = one(crm, "companies", creating(f"old-{version}", name="y"))
    assert (again.key, again.existed) == (company, True)
    crm.close()


def test_a_merge_that_makes_a_new_record_leads_both_old_ids_to_it(portal: Portal, crm: Any) -> None:
    first, second = (portal.create("companies", name=name) for name in ("a", "b"))
    _, cursor = walked(crm, "companies", None)
    survivor = portal.merge("companies", first, second)
    assert survivor not in (first, second)
    told, _ = walked(crm, "companies", cursor)
    read = crm.read("companies", [first, second, survivor])
    for found in (told, read):
        assert [found[key].merged_into for key in (first, second, survivor)] == [survivor, survivor, None]
    assert not read[survivor].deleted
    assert first not in walked(crm, "companies", None)[0]


def test_the_conflict_of_an_address_names_the_contact_that_is_there(portal: Portal, crm: Any) -> None:
    for status in (400, 409):
        with switched(portal, conflict_status=status):
            address = f"ann.{next(_numbers)}@example.com"
            there = portal.create("contacts", email=address, firstname="typed by a person")
            mine = creating(f"C-{address}", email=address, firstname="ours")
            outcomes = crm.write("contacts", [mine, creating(f"D-{address}", lastname="other")]).outcomes
            assert [outcome.error for outcome in outcomes] == [None, None]
            assert [outcome.existed for outcome in outcomes] == [True, False]
            assert outcomes[0].key == there
            assert crm.read("contacts", [there])[there].fields["firstname"] == "typed by a person"
            portal.edit("contacts", there, erp_id=f"not {address}")
            assert isinstance(one(crm, "contacts", mine).error, RejectedError)


@pytest.mark.parametrize("rows", [[], ["create"], ["create", "update"]])
@pytest.mark.parametrize("order", ["reversed", "given"])
def test_rows_that_are_refused_are_told_apart_whatever_the_portal_answers(
    portal: Portal, crm: Any, rows: list[str], order: str
) -> None:
    with switched(portal, row_results=rows, result_order=order):
        tag = f"R-{next(_numbers)}"
        creates = [creating(f"{tag}-{n}", name=f"{tag}-{n}") for n in range(4)]
        creates[2] = creating(f"{tag}-2", name=f"{tag}-2", parent_id="999999999")
        outcomes = crm.write("companies", creates).outcomes
        assert [outcome.error is None for outcome in outcomes] == [True, True, False, True]
        assert isinstance(outcomes[2].error, RejectedError)
        keys = [str(outcome.key) for outcome in outcomes if outcome.key]
        names = [crm.read("companies", [key])[key].fields["name"] for key in keys]
        assert names == [f"{tag}-{n}" for n in (0, 1, 3)]
        updates = crm.write("companies", [updating(key, phone=str(n)) for n, key in enumerate(["9", *keys])]).outcomes
        assert [outcome.error is None for outcome in updates] == [False, True, True, True]
        assert isinstance(updates[0].error, NotFoundError)
        phones = {key: record.fields["phone"] for key, record in crm.read("companies", keys).items()}
        assert phones == {key: str(n) for n, key in enumerate(keys, 1)}


@pytest.mark.parametrize("unknown", ["reported", "left_out"])
def test_ids_that_are_not_there_are_unknown_whether_reported_or_left_out(
    portal: Portal, crm: Any, unknown: str
) -> None:
    with switched(portal, unknown_ids=unknown):
        live, gone = portal.create("companies", name="a"), portal.create("companies", name="b")
        portal.delete("companies", gone)
        found = crm.read("companies", [live, "888888888", gone])
        assert {key: record.deleted for key, record in found.items()} == {live: False, gone: True}


def test_a_product_is_found_by_its_key_before_search_knows_it(portal: Portal, crm: Any) -> None:
    with switched(portal, search_lag=30.0):
        key = done(crm, "products", creating(name="x", erp_id="P-now"))
        assert [record.key for record in crm.find("products", "erp_id", ["P-now"])] == [key]
        assert crm.find("products", "name", ["P-now"]) == []


def test_what_search_knows_late_is_told_once_it_is_sure(portal: Portal) -> None:
    with switched(portal, search_lag=1.0):
        crm = build(portal.url, search_lag=1.2)
        _, cursor = walked(crm, "products", None)
        key = portal.create("products", name="late")
        told, cursor = walked(crm, "products", cursor)
        assert key not in told
        deadline = time.monotonic() + 10
        while key not in told and time.monotonic() < deadline:
            time.sleep(0.3)
            told, cursor = walked(crm, "products", cursor)
        assert key in told
        crm.close()


def test_lines_that_change_come_and_go_are_told_though_their_deal_stands_still(portal: Portal) -> None:
    with switched(portal, associations_touch=False):
        crm = build(portal.url, sweep_every=0)
        deal = portal.create("deals", dealname="d", dealstage="closedwon", pipeline="default")
        items = [portal.create("line_items", name=name, quantity=1, price=2) for name in ("a", "b")]
        portal.link("line_items", items[0], "deals", deal, 20)
        told, cursor = walked(crm, "deals", None)
        versions = [told[deal].version]
        portal.edit("line_items", items[0], quantity=5)
        told, cursor = walked(crm, "deals", cursor)
        versions.append(told[deal].version)
        portal.link("line_items", items[1], "deals", deal, 20)
        told, cursor = walked(crm, "deals", cursor)
        versions.append(told[deal].version)
        portal.delete("line_items", items[0])
        told, cursor = walked(crm, "deals", cursor)
        versions.append(told[deal].version)
        assert [line["id"] for line in told[deal].fields["lines"]] == [items[1]]  # type: ignore[index]
        assert len(set(versions)) == 4
        crm.close()


def test_a_restored_record_is_told_as_live_when_all_are_looked_at(portal: Portal) -> None:
    crm = build(portal.url, sweep_every=0)
    key = portal.create("companies", name="back again")
    portal.delete("companies", key)
    _, cursor = walked(crm, "companies", None)
    portal.restore("companies", key)
    told, _ = walked(crm, "companies", cursor)
    assert not told[key].deleted
    crm.close()


def test_the_mark_primary_moves_only_where_another_company_is_written(portal: Portal, crm: Any) -> None:
    first, second = (portal.create("companies", name=name) for name in ("a", "b"))
    deal = done(crm, "deals", creating(dealname="d", dealstage="closedwon", company_id=first))
    portal.link("deals", deal, "companies", second, 341)
    done(crm, "deals", updating(deal, company_id=first, dealname="e"))
    assert primaries(portal, deal) == {first: True, second: False}
    done(crm, "deals", updating(deal, company_id=second))
    assert primaries(portal, deal) == {first: False, second: True}
    assert crm.read("deals", [deal])[deal].fields["company_id"] == second


def primaries(portal: Portal, deal: str) -> dict[str, bool]:
    ends = portal.linked("deals", deal, "companies")
    return {str(end["toObjectId"]): any(kind["typeId"] == 5 for kind in end["associationTypes"]) for end in ends}


def test_a_rate_that_is_used_up_says_how_long_to_wait(portal: Portal, crm: Any) -> None:
    crm.describe()

    many = [str(number) for number in range(1000, 1400)]

    def wait(go: Callable[[], object], **switches: int) -> float:
        with switched(portal, **switches), pytest.raises(TransientError) as error:
            go()
        assert error.value.after is not None
        return error.value.after

    assert wait(lambda: crm.find("products", "name", many), search_per_second=1) == 1.0
    assert wait(lambda: crm.read("products", many), ten_seconds=1) == 10.0
    assert 0 < wait(lambda: crm.read("products", many), daily=1) <= 25 * 3600


def test_payments_are_left_out_where_the_account_has_none(portal: Portal) -> None:
    with switched(portal, payments=False):
        crm = build(portal.url)
        assert "commerce_payments" not in crm.describe().objects
        assert all(finding.ok for finding in crm.check())
        crm.close()
        wanting = build(portal.url, payments="objects")
        findings = {finding.subject: finding for finding in wanting.check()}
        assert not findings["commerce_payments"].ok
        assert "crm.objects.commercepayments" in findings["commerce_payments"].detail
        wanting.close()


def test_a_rule_of_the_portal_is_a_refusal_that_names_the_property(portal: Portal, crm: Any) -> None:
    with switched(portal, required_by_rule={"companies": ["industry"]}):
        outcome = one(crm, "companies", creating(name="x"))
        assert isinstance(outcome.error, RejectedError)
        assert "industry" in str(outcome.error)


def test_a_key_nobody_gave_out_is_denied_by_check(portal: Portal) -> None:
    crm = build(portal.url, auth={"token": "pat-of-nobody"})
    (finding,) = crm.check()
    assert not finding.ok
    assert "pat-of-nobody" not in finding.detail
    with pytest.raises(DeniedError):
        crm.scan("companies", None)
    crm.close()


@pytest.mark.parametrize("kind", [Trouble.LOST, Trouble.BUSY, Trouble.INVALID])
def test_a_deal_whose_lines_meet_trouble_is_taken_back_or_in_doubt(portal: Portal, kind: Trouble) -> None:
    proxy = FaultProxy(portal.url)
    crm = build(proxy.url)
    tag = f"D-{next(_numbers)}"
    crm.describe()

    def is_hit(request: Request) -> bool:
        return request.path.endswith("/line_items/batch/create")

    with proxy.trouble(kind, is_hit):
        made = creating(tag, dealname=tag, dealstage="closedwon", lines=[{"name": "a"}])
        outcome = one(crm, "deals", made)
    there = crm.find("deals", "erp_id", [tag])
    assert isinstance(outcome.error, RejectedError if kind is Trouble.INVALID else UncertainError)
    assert len(there) == (0 if kind is Trouble.INVALID else 1)
    again = one(crm, "deals", made)
    assert again.error is None
    assert again.existed is (kind is not Trouble.INVALID)
    crm.close()
    proxy.close()


def test_a_thousand_changed_companies_are_ten_calls_to_write_and_twenty_one_to_read(portal: Portal, crm: Any) -> None:
    """The figures of docs/hubspot.md, counted on the wire: searches, records, associations."""
    made: list[str] = []
    for start in range(0, 1000, 100):
        writes = [creating(f"K-{start + n}", name=f"k{start + n}") for n in range(100)]
        made += [str(outcome.key) for outcome in crm.write("companies", writes).outcomes]
    reader = build(portal.url, archived_every=24, look_back=0)
    _, cursor = walked(reader, "companies", None)

    def calls() -> int:
        return sum(count for route, count in portal.calls().items() if route != "GET other")

    before = calls()
    for start in range(0, 1000, 100):
        crm.write("companies", [updating(key, phone="1") for key in made[start : start + 100]])
    written = calls()
    told, _ = walked(reader, "companies", cursor)
    assert set(made) <= set(told)
    assert (written - before, calls() - written) == (10, 6 + 10 + 5)
    reader.close()
