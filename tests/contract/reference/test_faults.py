"""What goes wrong on the wire is one error of the tree."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from connector.errors import (
    ConnectorError,
    DeniedError,
    TransientError,
    UncertainError,
)
from connector.model.records import Op, Write
from connector.ports import Adapter

from .servers import Server, build, canned, created, creating

# --- faults


@pytest.mark.parametrize("kind", ["lost_answer", "drop_before"])
def test_a_lost_answer_to_a_write_is_uncertain(crm: Adapter, servers: Mapping[str, Server], kind: str) -> None:
    crm.describe()
    write = creating()
    servers["crm"].switches(fault=[{"kind": kind, "object": "companies", "method": "POST", "times": 1}])
    with pytest.raises(UncertainError, match="not known"):
        crm.write("companies", [write])
    name = json.loads(write.body)["name"]
    assert len(crm.find("companies", "name", [name])) == (1 if kind == "lost_answer" else 0)
    again = crm.write("companies", [write]).outcomes[0]
    assert again.error is None
    assert [record.key for record in crm.find("companies", "name", [name])] == [again.key]


@pytest.mark.parametrize("kind", ["lost_answer", "drop_before"])
def test_a_lost_answer_to_a_read_is_transient(crm: Adapter, servers: Mapping[str, Server], kind: str) -> None:
    (record,) = created(crm)
    for use in (lambda: crm.changes("companies", None), lambda: crm.read("companies", [record.key])):
        servers["crm"].switches(fault=[{"kind": kind, "object": "companies", "times": 1}])
        with pytest.raises(TransientError):
            use()
        servers["crm"].switches(fault=[])


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (429, TransientError, TransientError),
        (500, TransientError, UncertainError),
        (503, TransientError, TransientError),
        (403, DeniedError, DeniedError),
    ],
)
def test_a_status_of_the_whole_call_is_one_error(
    crm: Adapter,
    servers: Mapping[str, Server],
    status: int,
    on_read: type[ConnectorError],
    on_write: type[ConnectorError],
) -> None:
    crm.describe()
    servers["crm"].switches(fault=[{"kind": "status", "status": status, "object": "companies", "times": 2}])
    with pytest.raises(on_read):
        crm.scan("companies", None)
    with pytest.raises(on_write):
        crm.write("companies", [creating()])


def test_html_stops_a_read_and_leaves_a_write_in_doubt(crm: Adapter, servers: Mapping[str, Server]) -> None:
    crm.describe()
    servers["crm"].switches(fault=[{"kind": "html", "object": "companies", "times": 2}])
    with pytest.raises(DeniedError, match="answered HTML instead of JSON: is the address right"):
        crm.scan("companies", None)
    with pytest.raises(UncertainError):
        crm.write("companies", [creating()])


def test_a_slow_answer_to_a_write_is_uncertain(servers: Mapping[str, Server]) -> None:
    adapter = build("reference_crm", servers["crm"].url, timeout=0.3)
    adapter.describe()
    fault = {"kind": "slow", "object": "companies", "method": "POST", "times": 1}
    servers["crm"].switches(fault=[fault])
    with pytest.raises(UncertainError):
        adapter.write("companies", [creating()])
    servers["crm"].switches(fault=[])
    adapter.close()


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
