"""Reading over the wire: schema, feed, scan, read and find."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from connector.errors import (
    ConfigError,
    NotFoundError,
)
from connector.model.records import Op, Write
from connector.ports import Adapter

from .servers import Server, build, created, creating, next_number, updating, walk

# --- describe


def test_the_description_tells_capabilities_fields_and_the_name_we_write_under(crm: Adapter) -> None:
    described = crm.describe()
    assert described.principal == "connector"
    assert described.server_time is not None
    assert abs(described.server_time.timestamp() - time.time()) < 60
    assert set(described.objects) == {"companies", "contacts", "products", "deals", "invoices", "payments"}
    companies = described.objects["companies"]
    assert companies.creatable
    assert companies.fields["name"].required
    assert companies.fields["status"].choices == ("customer", "former")
    assert not described.objects["deals"].fields["amount"].writable
    assert described.objects["deals"].fields["lines"].lines["quantity"].required
    capabilities = companies.capabilities
    assert (capabilities.external_key, capabilities.conditional_write, capabilities.created_by) == (
        "unique",
        True,
        True,
    )
    assert (capabilities.feed, capabilities.versions, capabilities.deletes) == ("exact", "counter", "feed")
    assert capabilities.idempotency == 86400.0


def test_the_erp_describes_its_read_only_objects(erp: Adapter) -> None:
    objects = erp.describe().objects
    assert set(objects) == {"customers", "persons", "items", "orders", "invoices", "payments", "balances"}
    assert not objects["balances"].creatable
    assert not objects["items"].fields["stock"].writable


def test_the_description_is_asked_for_once(crm: Adapter, servers: Mapping[str, Server]) -> None:
    servers["crm"].admin("POST", "/api/stats/reset")
    for _ in range(3):
        crm.describe()
        crm.changes("companies", None)
    calls = servers["crm"].admin("GET", "/api/stats")["calls"]
    assert calls["GET /api/describe"] == 1


def test_the_wrong_kind_of_system_is_told_at_once(servers: Mapping[str, Server]) -> None:
    adapter = build("reference_crm", servers["erp"].url)
    with pytest.raises(ConfigError, match="is the ERP, not the CRM: correct `url`"):
        adapter.changes("companies", None)
    adapter.close()


def test_an_unknown_object_is_a_configuration_error_and_not_an_expired_cursor(crm: Adapter) -> None:
    for use in (
        lambda: crm.changes("company", None),
        lambda: crm.scan("company", None),
        lambda: crm.read("company", ["1"]),
        lambda: crm.find("company", "name", ["x"]),
        lambda: crm.write("company", [creating()]),
    ):
        with pytest.raises(ConfigError, match="has no object `company`; it has: companies"):
            use()


# --- changes and scan


def test_the_feed_brings_each_change_once_in_commit_order_and_then_nothing(crm: Adapter) -> None:
    _, cursor = walk(crm, "companies")
    first, second = created(crm, 2)
    crm.write("companies", [updating(first, {"phone": "1"})])
    records, cursor = walk(crm, "companies", cursor)
    assert [record.key for record in records] == [second.key, first.key]
    assert records[1].version > first.version
    assert records[1].fields is not None
    assert records[1].fields["phone"] == "1"
    assert (records[1].created_by, records[1].modified_by) == ("connector", "connector")
    assert records[1].modified is not None
    assert walk(crm, "companies", cursor)[0] == []


def test_deleted_and_merged_records_say_so_in_the_feed(crm: Adapter, servers: Mapping[str, Server]) -> None:
    _, cursor = walk(crm, "companies")
    gone, winner, loser = created(crm, 3)
    result = crm.write("companies", [Write(Op.DELETE, gone.key, b"", gone.version, f"delete-{gone.key}")])
    assert result.outcomes[0].error is None
    servers["crm"].admin("POST", "/api/companies/merge", {"winner": winner.key, "loser": loser.key})
    records = {record.key: record for record in walk(crm, "companies", cursor)[0]}
    assert records[gone.key].deleted
    assert records[gone.key].fields is None
    assert records[loser.key].merged_into == winner.key
    read = crm.read("companies", [gone.key, winner.key, loser.key, "C-999999"])
    assert set(read) == {gone.key, winner.key, loser.key}
    assert read[gone.key].deleted
    assert read[loser.key].merged_into == winner.key
    from_the_start = {record.key for record in walk(crm, "companies")[0]}
    assert from_the_start.isdisjoint({gone.key, loser.key})


def test_a_batchs_span_covers_the_cursor_before_and_after_it(crm: Adapter) -> None:
    _, before = walk(crm, "companies")
    result = crm.write("companies", [creating(), creating()])
    _, after = walk(crm, "companies", before)
    assert result.span == (before, after)


def test_an_unknown_cursor_asks_to_read_everything_again(crm: Adapter) -> None:
    with pytest.raises(NotFoundError):
        crm.changes("companies", "no-such-place")


def test_scan_and_feed_walk_many_pages_without_loss(crm: Adapter) -> None:
    keys = set()
    for _ in range(6):
        keys |= {record.key for record in created(crm, 200)}
    scanned: list[str] = []
    cursor: str | None = None
    pages = 0
    while True:
        page = crm.scan("companies", cursor)
        scanned += [record.key for record in page.records]
        pages += 1
        cursor = page.cursor
        assert page.more == (cursor is not None)
        if not page.more:
            break
    assert pages >= 3
    assert len(scanned) == len(set(scanned))
    assert keys <= set(scanned)
    assert {record.key for record in walk(crm, "companies")[0]} == set(scanned)


def test_versions_sort_as_text_across_a_tenth_write(crm: Adapter) -> None:
    (record,) = created(crm)
    versions = [record.version]
    for number in range(11):
        outcome = crm.write("companies", [updating(record, {"phone": str(number)})]).outcomes[0]
        assert outcome.error is None
        assert outcome.record is not None
        record = outcome.record
        versions.append(record.version)
    assert versions == sorted(versions)
    assert len(set(versions)) == 12


# --- read and find


def test_read_makes_as_few_calls_as_batches(crm: Adapter, servers: Mapping[str, Server]) -> None:
    keys = [record.key for _ in range(2) for record in created(crm, 200)] + [created(crm)[0].key]
    servers["crm"].admin("POST", "/api/stats/reset")
    assert set(crm.read("companies", keys + keys)) == set(keys)
    calls = servers["crm"].admin("GET", "/api/stats")["calls"]
    assert sum(n for path, n in calls.items() if "batch/read" in path) == 3
    assert crm.read("companies", []) == {}


def test_find_brings_every_match_of_every_value_and_no_deleted_one(crm: Adapter) -> None:
    tag = f"tag-{next_number()}"
    kept = created(crm, 3, tax_id=tag)
    gone = created(crm, 1, tax_id=tag)[0]
    other = created(crm, 1, tax_id=f"{tag} & Söhne=?")[0]
    crm.write("companies", [Write(Op.DELETE, gone.key, b"", None, f"delete-{gone.key}")])
    found = crm.find("companies", "tax_id", [tag, f"{tag} & Söhne=?", "nobody"])
    assert {record.key for record in found} == {record.key for record in [*kept, other]}
    assert crm.find("companies", "tax_id", []) == []


def test_find_takes_more_values_than_one_address_can_hold(crm: Adapter) -> None:
    records = [record for _ in range(2) for record in created(crm, 200)]
    names = [record.fields["name"] for record in records if record.fields]
    assert {r.key for r in crm.find("companies", "name", names + names)} == {r.key for r in records}


def test_find_walks_on_where_one_value_has_more_records_than_a_page(crm: Adapter) -> None:
    for _ in range(6):
        created(crm, 200)
    found = [record.key for record in crm.find("companies", "created_by", ["connector"])]
    assert len(found) >= 1200
    assert len(found) == len(set(found))
    assert set(found) == {record.key for record in walk(crm, "companies")[0] if record.created_by == "connector"}


def test_find_by_a_field_that_is_not_there_is_a_configuration_error(crm: Adapter) -> None:
    with pytest.raises(ConfigError, match="`companies` has no field `taxid`"):
        crm.find("companies", "taxid", ["1"])
