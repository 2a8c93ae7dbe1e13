"""What Salesforce does that other systems do not, tried on an emulated org."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count, pairwise
from typing import Any

import pytest

from connector.errors import ConfigError, NotFoundError, RejectedError, TransientError, UncertainError
from connector.model.records import Op, Outcome, Record, Write
from connector.ports import Need

from .org import Org, build, priced

numbers = count(1)


@pytest.fixture
def opened(org: Org) -> Iterator[Callable[..., Any]]:
    """Makes adapters with these settings, and closes them."""
    org.control("POST", "reset")
    org.control("PUT", "switches", {"granularity": "seconds", "daily_limit": 1_000_000})
    made: list[Any] = []

    def make(**settings: Any) -> Any:
        made.append(build(org.url, **settings))
        return made[-1]

    yield make
    for adapter in made:
        adapter.close()
    org.control("POST", "reset")


@pytest.fixture
def crm(opened: Callable[..., Any]) -> Any:
    adapter = opened()
    adapter.describe()
    return adapter


def creating(external: str | None = None, **body: Any) -> Write:
    key = ("ERP_Id__c", external) if external else None
    return Write(Op.CREATE, None, json.dumps(body, default=str).encode(), None, f"t-{next(numbers)}", key)


def updating(key: str, **body: Any) -> Write:
    return Write(Op.UPDATE, key, json.dumps(body, default=str).encode(), None, f"t-{next(numbers)}")


def done(adapter: Any, name: str, *writes: Write) -> list[str]:
    outcomes: list[Outcome] = adapter.write(name, writes).outcomes
    assert [outcome.error for outcome in outcomes] == [None] * len(writes)
    return [str(outcome.key) for outcome in outcomes]


def shown(adapter: Any, name: str, key: str) -> Mapping[str, Any]:
    record: Record = adapter.read(name, [key])[key]
    assert record.fields is not None
    return record.fields


def walked(adapter: Any, name: str, cursor: str | None) -> tuple[list[Record], str]:
    records: list[Record] = []
    while True:
        page = adapter.changes(name, cursor)
        records += page.records
        cursor = page.cursor
        if not page.more:
            return records, str(cursor)


# ------------------------------------------------------------------------------------------------ few calls


def test_a_thousand_changed_accounts_take_five_writes_three_reads_and_one_look(
    opened: Callable[..., Any], org: Org
) -> None:
    crm = opened(look_back=0)
    keys = [
        key
        for start in range(0, 1000, 200)
        for key in done(crm, "Account", *(creating(Name=f"Many {start + n}") for n in range(200)))
    ]
    cursor = walked(crm, "Account", None)[1]
    calls = [org.calls()]
    assert len(crm.read("Account", keys)) == 1000
    calls.append(org.calls())
    for start in range(0, 1000, 200):
        done(crm, "Account", *(updating(key, Phone="1") for key in keys[start : start + 200]))
    calls.append(org.calls())
    assert {record.key for record in walked(crm, "Account", cursor)[0]} >= set(keys)
    calls.append(org.calls())
    assert [after - before for before, after in pairwise(calls)] == [3, 5, 1]


def test_two_hundred_orders_with_lines_take_four_calls(crm: Any, org: Org) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Washer")
    lines = [{"Product2Id": product, "Quantity": n, "UnitPrice": "0.5"} for n in (1, 2, 3)]
    writes = [creating(AccountId=account, EffectiveDate="2026-03-09", Name=f"O {n}", lines=lines) for n in range(200)]
    before = org.calls()
    keys = done(crm, "Order", *writes)
    assert org.calls() - before == 4  # the entries of the price book, and graphs of 75, 75 and 50
    before = org.calls()
    found = crm.read("Order", keys)
    assert org.calls() - before == 1
    assert {len(record.fields["lines"]) for record in found.values()} == {3}


# ------------------------------------------------------------------------------------------------ all or nothing


def test_an_order_with_a_line_that_is_refused_is_not_there(crm: Any, org: Org) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Nail")
    good = {"Product2Id": product, "Quantity": 1, "UnitPrice": 1}
    lines = [good, {**good, "Quantity": None, "ERP_Line_Id__c": "A"}]
    base = {"AccountId": account, "EffectiveDate": "2026-03-09"}
    unknown = {**good, "Product2Id": org.create("Product2", Name="Without a price")}
    writes = [
        creating("O-1", **base, lines=lines),
        creating("O-2", **base, lines=[good]),
        creating("O-3", **base, lines=[unknown]),
        creating("O-4", **base, lines=[{**good, "ERP_Line_Id__c": "x" * 100}]),
    ]
    outcomes = crm.write("Order", writes).outcomes
    assert [type(outcome.error) for outcome in outcomes] == [RejectedError, type(None), RejectedError, RejectedError]
    assert "has no price" in str(outcomes[2].error)
    found = crm.find("Order", "ERP_Id__c", ["O-1", "O-2", "O-3", "O-4"])
    assert [record.fields["ERP_Id__c"] for record in found] == ["O-2"]


def test_an_order_sent_again_is_the_order_that_is_there(crm: Any, org: Org) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Rivet")
    lines = [{"Product2Id": product, "Quantity": 1, "UnitPrice": 1, "ERP_Line_Id__c": "R-1"}]
    write = creating("O-again", AccountId=account, EffectiveDate="2026-03-09", Name="Once", lines=lines)
    org.control("POST", "faults", {"kind": "drop_after", "path": "*/composite/graph", "times": 1})
    with pytest.raises(UncertainError):
        crm.write("Order", [write])
    (outcome,) = crm.write("Order", [write]).outcomes
    assert outcome.error is None
    assert outcome.existed
    assert outcome.record is not None
    assert [line["ERP_Line_Id__c"] for line in outcome.record.fields["lines"]] == ["R-1"]


def test_two_creates_of_one_external_key_in_a_batch_are_one_record(crm: Any) -> None:
    outcomes = crm.write(
        "Account", [creating("TWIN", Name="A"), creating(Name="B"), creating("TWIN", Name="A")]
    ).outcomes
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert outcomes[0].key == outcomes[2].key != outcomes[1].key
    assert [outcome.existed for outcome in outcomes] == [False, False, True]


def test_an_external_key_of_another_record_is_no_repetition(crm: Any) -> None:
    first, second = done(crm, "Account", creating("K-1", Name="A"), creating("K-2", Name="B"))
    (outcome,) = crm.write("Account", [updating(second, ERP_Id__c="K-1")]).outcomes
    assert isinstance(outcome.error, RejectedError)
    assert shown(crm, "Account", first)["Name"] == "A"


# ------------------------------------------------------------------------------------------------ orders


def test_an_order_is_activated_by_its_status_alone_and_then_frozen(
    org: Org, crm: Any, opened: Callable[..., Any]
) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Screw")
    lines = [{"Product2Id": product, "Quantity": 2, "UnitPrice": "1.5"}]
    write = creating(AccountId=account, EffectiveDate="2026-03-09", Status="Activated", lines=lines)
    (refused,) = crm.write("Order", [write]).outcomes
    assert "activated" in str(refused.error)
    bold = opened(activate_orders=True)
    (key,) = done(bold, "Order", write)
    there = shown(bold, "Order", key)
    assert there["StatusCode"] == "Activated"
    (outcome,) = bold.write("Order", [updating(key, lines=[{"id": there["lines"][0]["id"]}, *lines])]).outcomes
    assert "freezes its lines" in str(outcome.error)
    (outcome,) = bold.write("Order", [updating(key, lines=[{"id": there["lines"][0]["id"], "Quantity": 2}])]).outcomes
    assert outcome.error is None, "lines named as they are are no change"


def test_a_draft_takes_its_fields_and_its_status_in_one_write(org: Org, opened: Callable[..., Any]) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Pin")
    bold = opened(activate_orders=True)
    lines = [{"Product2Id": product, "Quantity": 2, "UnitPrice": "1.5"}]
    (key,) = done(bold, "Order", creating(AccountId=account, EffectiveDate="2026-03-09", lines=lines))
    done(bold, "Order", updating(key, PoNumber="PO 7", Status="Activated"))
    there = shown(bold, "Order", key)
    assert (there["PoNumber"], there["StatusCode"]) == ("PO 7", "Activated")


def test_a_new_quantity_does_not_move_the_price_and_a_product_stays(org: Org, crm: Any) -> None:
    product, other = priced(org, "Hook"), priced(org, "Eye")
    made = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-03-09"}
    (key,) = done(crm, "Opportunity", creating(**made, lines=[{"Product2Id": product, "Quantity": 2, "UnitPrice": 10}]))
    (line,) = shown(crm, "Opportunity", key)["lines"]
    done(crm, "Opportunity", updating(key, lines=[{"id": line["id"], "Quantity": "4"}]))
    (now,) = shown(crm, "Opportunity", key)["lines"]
    assert (now["Quantity"], now["UnitPrice"], now["TotalPrice"]) == (4, 10, 40)
    (outcome,) = crm.write("Opportunity", [updating(key, lines=[{"id": line["id"], "Product2Id": other}])]).outcomes
    assert "cannot change its product" in str(outcome.error)


@pytest.mark.parametrize("name", ["Opportunity", "Order"])
def test_a_line_that_comes_changes_or_goes_tells_of_its_parent(crm: Any, org: Org, name: str) -> None:
    product = priced(org, "Clip")
    body: dict[str, Any] = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-03-09"}
    if name == "Order":
        body = {"AccountId": org.create("Account", Name="Buyer"), "EffectiveDate": "2026-03-09"}
    line = {"Product2Id": product, "Quantity": 2, "UnitPrice": 10}
    (key,) = done(crm, name, creating(**body, lines=[line, line]))
    (before,) = [one for one in walked(crm, name, None)[0] if one.key == key]
    table = {"Opportunity": "OpportunityLineItem", "Order": "OrderItem"}[name]
    first, second = (one["id"] for one in before.fields["lines"])
    for act in (
        lambda: org.api("PATCH", f"/sobjects/{table}/{first}", {"Description": "new"}),
        lambda: org.api("DELETE", f"/sobjects/{table}/{second}"),
    ):
        cursor = walked(crm, name, None)[1]
        act()
        told = [one for one in walked(crm, name, cursor)[0] if one.key == key]
        assert len(told) == 1
        assert told[0].version not in (before.version, None)
        before = told[0]
    assert len(before.fields["lines"]) == 1


# ------------------------------------------------------------------------------------------------ prices


def test_a_price_in_a_book_of_its_own_stands_on_a_standard_price(org: Org, opened: Callable[..., Any]) -> None:
    org.create("Pricebook2", Name="Wholesale", IsActive=True)
    adapter = opened(price_book="Wholesale")
    (key,) = done(adapter, "Product2", creating(Name="Nut", UnitPrice="1.25"))
    entries = org.rows(f"SELECT UnitPrice, Pricebook2.IsStandard FROM PricebookEntry WHERE Product2Id = '{key}'")
    assert len(entries) == 2
    done(adapter, "Product2", updating(key, UnitPrice="2.5"))
    assert shown(adapter, "Product2", key)["UnitPrice"] == 2.5
    prices = {row["Pricebook2"]["IsStandard"]: row["UnitPrice"] for row in org.rows(
        f"SELECT UnitPrice, Pricebook2.IsStandard FROM PricebookEntry WHERE Product2Id = '{key}'"
    )}  # fmt: skip
    assert prices == {True: 1.25, False: 2.5}
    with pytest.raises(ConfigError, match="Retail"):
        opened(price_book="Retail").describe()


def test_a_price_of_another_currency_is_refused(crm: Any) -> None:
    (outcome,) = crm.write("Product2", [creating(Name="Nut", UnitPrice="1", CurrencyIsoCode="USD")]).outcomes
    assert isinstance(outcome.error, RejectedError)
    (outcome,) = crm.write("Product2", [creating(Name="Nut", UnitPrice="1.125", CurrencyIsoCode="EUR")]).outcomes
    assert "decimals" in str(outcome.error), "Salesforce would round it in silence"


# ------------------------------------------------------------------------------------------------ the wire


def test_a_list_is_followed_to_its_end_and_a_forgotten_one_is_asked_for_again(crm: Any, org: Org) -> None:
    keys = set(done(crm, "Contact", *(creating(LastName=f"Row {n}") for n in range(120))))
    org.control("PUT", "switches", {"page_rows": 50})
    assert keys <= {record.key for record in crm.scan("Contact", None).records}
    org.control("PUT", "switches", {"locator_seconds": 0})
    with pytest.raises(TransientError, match="asked for again"):
        crm.scan("Contact", None)


def test_a_session_that_ended_is_renewed_once_and_nothing_is_done_twice(crm: Any, org: Org) -> None:
    org.control("POST", "sessions/expire")
    before = org.calls()
    (key,) = done(crm, "Account", creating(Name="After the end"))
    assert org.calls() - before <= 3
    assert shown(crm, "Account", key)["Name"] == "After the end"


def test_a_quota_that_is_used_up_pauses_for_an_hour_and_is_told_before(crm: Any, org: Org) -> None:
    crm.scan("Contact", None)
    assert crm.calls_today() >= 1
    org.control("POST", "faults", {"kind": "quota", "times": 1})
    with pytest.raises(TransientError) as caught:
        crm.scan("Contact", None)
    assert caught.value.after == 3600


def test_of_a_batch_a_locked_row_is_tried_later_and_the_others_are_done(crm: Any, org: Org) -> None:
    fault = {"kind": "rows", "path": "*/composite/sobjects", "rows": [2], "code": "UNABLE_TO_LOCK_ROW", "message": "x"}
    org.control("POST", "faults", {**fault, "times": 1})
    outcomes = crm.write("Account", [creating(Name=f"Lock {n}") for n in range(3)]).outcomes
    assert [type(outcome.error) for outcome in outcomes] == [type(None), TransientError, type(None)]


def test_a_value_that_refuses_a_whole_call_is_told_apart_from_its_neighbours(crm: Any, org: Org) -> None:
    # A text where Salesforce wants an id of this kind is refused for the whole call by some versions.
    fault = {"kind": "status", "method": "POST", "path": "*/composite/sobjects", "status": 400}
    org.control("POST", "faults", {**fault, "code": "JSON_PARSER_ERROR", "message": "odd", "times": 1})
    before = org.calls()
    assert len(done(crm, "Account", *(creating(Name=f"Half {n}") for n in range(4)))) == 4
    assert org.calls() - before == 2, "a half each, beside the one that was refused"


def test_an_update_of_what_was_merged_is_not_found_and_reading_tells_where_it_went(crm: Any, org: Org) -> None:
    loser, winner = done(crm, "Account", creating(Name="L"), creating(Name="W"))
    org.control("POST", "merge", {"object": "Account", "master": winner, "losers": [loser]})
    (outcome,) = crm.write("Account", [updating(loser, Name="x")]).outcomes
    assert isinstance(outcome.error, NotFoundError)
    assert crm.read("Account", [loser])[loser].merged_into == winner


# ------------------------------------------------------------------------------------------------ setting up


def test_missing_fields_are_made_once(org: Org, crm: Any) -> None:
    needs = [
        Need("Opportunity", "ERP_Status__c", "enum", ("confirmed", "shipped")),
        Need("Opportunity", "lines.Weight__c", "decimal"),
        Need("Account", "ERP_Id__c", "text", unique=True),
        Need("Account", "Name2", "text"),
        Need("Account", "ERP_Balance__c", "date"),
        Need("Nothing__c", "X__c", "text"),
    ]
    looked = crm.prepare(needs, make=False)
    assert [finding.ok for finding in looked] == [False, False, True, False, False, False]
    made = crm.prepare(needs, make=True)
    assert [finding.ok for finding in made] == [True, True, True, False, False, False]
    assert [finding.detail for finding in crm.prepare(needs, make=True)[:2]] == ["is there", "is there"]
    fields = crm.describe().objects["Opportunity"].fields
    assert fields["ERP_Status__c"].choices == ("confirmed", "shipped")
    assert "Weight__c" in fields["lines"].lines


def test_a_field_that_was_made_and_is_hidden_is_named_with_the_right_that_is_missing(org: Org, crm: Any) -> None:
    org.control("PUT", "switches", {"field_security": True})
    need = [Need("Contact", "Hidden__c", "text")]
    for _ in range(2):
        (finding,) = crm.prepare(need, make=True)
        assert not finding.ok
        assert "Contact.Hidden__c" in finding.detail


def test_lines_of_two_documents_may_have_the_same_key(crm: Any, org: Org) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Bracket")
    base = {"AccountId": account, "EffectiveDate": "2026-03-09"}
    line = {"Product2Id": product, "Quantity": 1, "UnitPrice": 1, "ERP_Line_Id__c": "L|1%"}
    long = "x" * 60
    keys = done(crm, "Order", *(creating(one, **base, lines=[line]) for one in ("SO-1", "SO-2", long)))
    for key in keys:
        (there,) = shown(crm, "Order", key)["lines"]
        assert there["ERP_Line_Id__c"] == "L|1%"
        done(crm, "Order", updating(key, lines=[{"id": there["id"], "Quantity": 2}, {**line, "ERP_Line_Id__c": "L-2"}]))
        assert [one["ERP_Line_Id__c"] for one in shown(crm, "Order", key)["lines"]] == ["L|1%", "L-2"]
    kept = {
        row["ERP_Line_Id__c"] for row in org.rows(f"SELECT ERP_Line_Id__c FROM OrderItem WHERE OrderId = '{keys[0]}'")
    }
    assert kept == {"SO-1|L%7C1%25", f"{keys[0]}|L-2"}


def test_an_order_that_was_made_is_found_again_though_its_price_is_gone(crm: Any, org: Org) -> None:
    account, product = org.create("Account", Name="Buyer"), priced(org, "Discontinued")
    lines = [{"Product2Id": product, "Quantity": 1, "UnitPrice": 1}]
    write = creating("O-priced", AccountId=account, EffectiveDate="2026-03-09", lines=lines)
    (key,) = done(crm, "Order", write)
    done(crm, "Product2", updating(product, UnitPrice=None))
    outcomes = crm.write(
        "Order", [write, creating("O-new", AccountId=account, EffectiveDate="2026-03-09", lines=lines)]
    )
    again, new = outcomes.outcomes
    assert (again.key, again.existed, again.error) == (key, True, None)
    assert "has no price" in str(new.error)
