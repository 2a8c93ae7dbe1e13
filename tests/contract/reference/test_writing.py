"""Writing over the wire: one outcome per item, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from connector.errors import (
    NotFoundError,
    RejectedError,
    StaleError,
)
from connector.model.records import Op, Record, Write
from connector.ports import Adapter

from .servers import Server, build, created, creating, next_number, updating

# --- write


def test_one_bad_item_leaves_the_others_alone_and_says_which_field(crm: Adapter) -> None:
    bad = Write(Op.CREATE, None, b'{"name": "X", "parent_id": "C-999999"}', None, f"bad-{next_number()}")
    outcomes = crm.write("companies", [creating(), bad, creating()]).outcomes
    assert [type(outcome.error) for outcome in outcomes] == [type(None), RejectedError, type(None)]
    assert "parent_id" in str(outcomes[1].error)
    assert outcomes[1].record is None


def test_the_same_token_is_answered_with_the_first_record(crm: Adapter) -> None:
    write = creating()
    first = crm.write("companies", [write]).outcomes[0]
    again = crm.write("companies", [write]).outcomes[0]
    assert again.error is None
    assert (again.key, again.record) == (first.key, first.record)


def test_a_repeated_create_with_one_external_id_reaches_the_same_record(
    crm: Adapter, servers: Mapping[str, Server]
) -> None:
    servers["crm"].switches(idempotency="off")
    external = f"ERP-{next_number()}"
    first = crm.write("companies", [creating(external=external)]).outcomes[0]
    again = crm.write("companies", [creating(external=external)]).outcomes[0]
    assert again.error is None
    assert again.key == first.key
    assert again.record is not None
    assert again.record.fields is not None
    assert again.record.fields["external_id"] == external
    assert again.record.version == first.record.version  # type: ignore[union-attr]


def test_where_the_external_id_is_only_searchable_it_travels_in_the_body(servers: Mapping[str, Server]) -> None:
    servers["crm"].switches(external_key="search")
    adapter = build("reference_crm", servers["crm"].url)
    assert adapter.describe().objects["companies"].capabilities.external_key == "search"
    external = f"ERP-{next_number()}"
    outcome = adapter.write("companies", [creating(external=external, external_id=external)]).outcomes[0]
    assert outcome.error is None
    assert [record.key for record in adapter.find("companies", "external_id", [external])] == [outcome.key]
    adapter.close()
    servers["crm"].switches(external_key="unique")


def test_an_update_on_a_moved_record_is_stale_and_shows_the_current_one(crm: Adapter) -> None:
    (record,) = created(crm)
    crm.write("companies", [updating(record, {"phone": "by another"})])
    outcome = crm.write("companies", [updating(record, {"phone": "late"})]).outcomes[0]
    assert isinstance(outcome.error, StaleError)
    assert outcome.key == record.key
    assert crm.read("companies", [record.key])[record.key].fields["phone"] == "by another"  # type: ignore[index]


def test_a_delete_of_a_moved_record_is_stale(crm: Adapter) -> None:
    (record,) = created(crm)
    crm.write("companies", [updating(record, {"phone": "1"})])
    outcome = crm.write("companies", [Write(Op.DELETE, record.key, b"", record.version, "d")]).outcomes[0]
    assert isinstance(outcome.error, StaleError)
    assert not crm.read("companies", [record.key])[record.key].deleted


def test_a_system_without_conditions_gets_none(servers: Mapping[str, Server]) -> None:
    servers["crm"].switches(conditional="off")
    adapter = build("reference_crm", servers["crm"].url)
    assert not adapter.describe().objects["companies"].capabilities.conditional_write
    (record,) = created(adapter)
    adapter.write("companies", [updating(record, {"phone": "1"})])
    assert adapter.write("companies", [updating(record, {"phone": "2"})]).outcomes[0].error is None
    adapter.close()
    servers["crm"].switches(conditional="on")


def test_writes_to_records_that_are_not_there_say_not_found(crm: Adapter) -> None:
    (gone,) = created(crm)
    crm.write("companies", [Write(Op.DELETE, gone.key, b"", None, f"d-{gone.key}")])
    ghost = Record("C-999999", "000000000001", {})
    outcomes = crm.write("companies", [updating(gone, {"phone": "1"}), updating(ghost, {"phone": "1"})]).outcomes
    assert [type(outcome.error) for outcome in outcomes] == [NotFoundError, NotFoundError]


def test_no_writes_make_no_call(servers: Mapping[str, Server]) -> None:
    adapter = build("reference_crm", "http://127.0.0.1:1")
    assert adapter.write("companies", []).outcomes == []
    adapter.close()


def test_a_version_of_another_system_is_stale(crm: Adapter) -> None:
    (record,) = created(crm)
    with pytest.raises(StaleError):
        crm.write("companies", [updating(record, {"phone": "1"}, version="W/xyz")])


def test_writing_lines_keeps_their_ids_and_amounts_to_the_cent(crm: Adapter) -> None:
    company = created(crm, currency="EUR")[0].key
    lines = [{"description": "a", "quantity": "3", "unit_price": "0.335", "tax_percent": "19"}]
    deal = {"name": "D", "company_id": company, "currency": "EUR", "stage": "won", "lines": lines}
    write = Write(Op.CREATE, None, json.dumps(deal).encode(), None, f"deal-{next_number()}")
    outcome = crm.write("deals", [write]).outcomes[0]
    assert outcome.error is None
    assert outcome.record is not None
    assert outcome.record.fields is not None
    (line,) = outcome.record.fields["lines"]
    assert line["id"]
    assert (line["amount"], outcome.record.fields["subtotal"]) == ("1.01", "1.01")
