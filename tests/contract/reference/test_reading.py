"""Reading over the wire: schema, feed, scan, read and find."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from connector.errors import (
    ConfigError,
)
from connector.ports import Adapter

from .servers import Server, build, created


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


def test_find_takes_more_values_than_one_address_can_hold(crm: Adapter) -> None:
    records = [record for _ in range(2) for record in created(crm, 200)]
    names = [record.fields["name"] for record in records if record.fields]
    assert {r.key for r in crm.find("companies", "name", names + names)} == {r.key for r in records}
