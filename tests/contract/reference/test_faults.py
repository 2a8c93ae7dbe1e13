"""What goes wrong on the wire is one error of the tree."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connector.errors import (
    TransientError,
    UncertainError,
)
from connector.model.records import Op, Write
from connector.ports import Adapter

from .servers import Server, build, canned, creating


def test_beyond_the_servers_rate_the_wait_is_told(crm: Adapter, servers: Mapping[str, Server]) -> None:
    crm.describe()
    servers["crm"].switches(rate=2)

    def fifty() -> None:
        for _ in range(50):
            crm.scan("companies", None)

    with pytest.raises(TransientError) as caught:
        fifty()
    servers["crm"].switches(rate=None)
    assert caught.value.after is not None
    assert caught.value.after > 0


def test_a_batch_answered_short_is_uncertain_as_a_whole() -> None:
    description = {"system": "crm", "objects": {"companies": {"fields": {"name": {"type": "text"}}}}}
    with canned([description, {"items": [{"status": 201}], "span": ["1", "2"]}]) as server:
        adapter = build("reference_crm", server.url)
        with pytest.raises(UncertainError, match="1 results for 2 writes"):
            adapter.write("companies", [creating(), creating()])
        adapter.close()


@pytest.mark.parametrize("offered", [True, False])
def test_conditions_and_item_ids_are_sent_only_where_the_object_offers_them(offered: bool) -> None:
    fields = {name: {"type": "text"} for name in ("name", "external_id")}
    known = {"fields": fields, "conditional": offered, "external_key": "unique" if offered else "search"}
    result = {"items": [{"status": 201}]}
    with canned([{"system": "crm", "objects": {"companies": known}}, result, result]) as server:
        adapter = build("reference_crm", server.url)
        adapter.write("companies", [creating(external="ERP-1")])
        adapter.write("companies", [Write(Op.UPDATE, "C-1", b'{"name":  "x"}', "000000000012", "token-1")])
        adapter.close()
    create, update = (request.partition(b"\r\n\r\n")[2] for request in server.requests[1:])
    assert (b'"external_id":"ERP-1"' in create) == offered
    assert (b'"version":12' in update) == offered
    assert b'"fields":{"name":  "x"}' in update, "the body travels byte for byte"
    assert b'"key":"token-1"' in update
