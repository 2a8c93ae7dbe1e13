"""The adapters `reference_crm` and `reference_erp` against the running built-in CRM and ERP, over loopback."""

from __future__ import annotations

import hmac
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector import adapters
from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Op, Record, Write
from connector.ports import Adapter, WebhookRequest

TOKENS = {"connector": "token-connector", "admin": "token-admin"}
_numbers = itertools.count(1)


class RealClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an adapter never sleeps")


@dataclass
class Server:
    kind: str
    url: str

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKENS['admin']}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def switches(self, **switches: Any) -> None:
        self.admin("PUT", "/api/admin/switches", switches)


def start(kind: str, folder: Path) -> tuple[subprocess.Popen[bytes], Server]:
    port_file = folder / f"{kind}.port"
    command = [sys.executable, "-m", f"connector.reference.{kind}", "--db", str(folder / f"{kind}.db"), "--port", "0"]
    command += ["--port-file", str(port_file)]
    for name, token in TOKENS.items():
        command += ["--token", f"{name}={token}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if port_file.exists() and port_file.read_text().strip():
            return process, Server(kind, f"http://127.0.0.1:{port_file.read_text().strip()}")
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    raise AssertionError(f"the {kind} server did not start")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Server]]:
    folder = tmp_path_factory.mktemp("reference")
    running = [start(kind, folder) for kind in ("crm", "erp")]
    yield {server.kind: server for _, server in running}
    for process, _ in running:
        process.terminate()
    for process, _ in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def build(name: str, url: str, token: str = TOKENS["connector"], **settings: Any) -> Any:
    spec = adapters.get(name)
    values = spec.settings.model_validate({"url": url, "auth": {"token": token}, **settings})
    return spec.factory(values, name.removeprefix("reference_"), RealClock())


@pytest.fixture
def crm(servers: Mapping[str, Server]) -> Iterator[Adapter]:
    adapter = build("reference_crm", servers["crm"].url)
    yield adapter
    adapter.close()
    servers["crm"].switches(external_key="unique", idempotency="on", conditional="on", rate=None, fault=[])


@pytest.fixture
def erp(servers: Mapping[str, Server]) -> Iterator[Adapter]:
    adapter = build("reference_erp", servers["erp"].url)
    yield adapter
    adapter.close()


def creating(number: int | None = None, external: str | None = None, **fields: Any) -> Write:
    number = number or next(_numbers)
    body = json.dumps({"name": f"Company {number}", **fields}).encode()
    return Write(Op.CREATE, None, body, None, f"create-{number}", ("external_id", external) if external else None)


def created(adapter: Adapter, count: int = 1, **fields: Any) -> list[Record]:
    result = adapter.write("companies", [creating(**fields) for _ in range(count)])
    assert [outcome.error for outcome in result.outcomes] == [None] * count
    records = [outcome.record for outcome in result.outcomes]
    return [record for record in records if record is not None]


def updating(record: Record, body: Mapping[str, Any], version: str | None = "same", token: str = "") -> Write:
    condition = record.version if version == "same" else version
    token = token or f"update-{next(_numbers)}"
    return Write(Op.UPDATE, record.key, json.dumps(body).encode(), condition, token)


def walk(adapter: Adapter, object: str, cursor: str | None = None) -> tuple[list[Record], str | None]:  # noqa: A002
    """The feed from the cursor to its end."""
    records: list[Record] = []
    while True:
        page = adapter.changes(object, cursor)
        records.extend(page.records)
        cursor = page.cursor
        if not page.more:
            return records, cursor


# ------------------------------------------------------------------------------------------- describe


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


# ------------------------------------------------------------------------------------ changes and scan


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


# --------------------------------------------------------------------------------------- read and find


def test_read_makes_as_few_calls_as_batches(crm: Adapter, servers: Mapping[str, Server]) -> None:
    keys = [record.key for _ in range(2) for record in created(crm, 200)] + [created(crm)[0].key]
    servers["crm"].admin("POST", "/api/stats/reset")
    assert set(crm.read("companies", keys + keys)) == set(keys)
    calls = servers["crm"].admin("GET", "/api/stats")["calls"]
    assert sum(n for path, n in calls.items() if "batch/read" in path) == 3
    assert crm.read("companies", []) == {}


def test_find_brings_every_match_of_every_value_and_no_deleted_one(crm: Adapter) -> None:
    tag = f"tag-{next(_numbers)}"
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


# ----------------------------------------------------------------------------------------------- write


def test_one_bad_item_leaves_the_others_alone_and_says_which_field(crm: Adapter) -> None:
    bad = Write(Op.CREATE, None, b'{"name": "X", "parent_id": "C-999999"}', None, f"bad-{next(_numbers)}")
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
    external = f"ERP-{next(_numbers)}"
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
    external = f"ERP-{next(_numbers)}"
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
    write = Write(Op.CREATE, None, json.dumps(deal).encode(), None, f"deal-{next(_numbers)}")
    outcome = crm.write("deals", [write]).outcomes[0]
    assert outcome.error is None
    assert outcome.record is not None
    assert outcome.record.fields is not None
    (line,) = outcome.record.fields["lines"]
    assert line["id"]
    assert (line["amount"], outcome.record.fields["subtotal"]) == ("1.01", "1.01")


# ---------------------------------------------------------------------------------------------- faults


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
    fault = {"kind": "slow", "object": "companies", "method": "POST", "after": 1.0, "times": 1}
    servers["crm"].switches(fault=[fault])
    with pytest.raises(UncertainError):
        adapter.write("companies", [creating()])
    servers["crm"].switches(fault=[])
    adapter.close()


def test_beyond_the_servers_rate_the_wait_is_told(crm: Adapter, servers: Mapping[str, Server]) -> None:
    crm.describe()
    servers["crm"].switches(rate=2)
    with pytest.raises(TransientError) as caught:
        for _ in range(50):
            crm.scan("companies", None)
    servers["crm"].switches(rate=None)
    assert caught.value.after is not None
    assert caught.value.after > 0


def test_a_batch_answered_short_is_uncertain_as_a_whole() -> None:
    description = {"system": "crm", "objects": {"companies": {"fields": {"name": {"type": "text"}}}}}
    with canned([description, {"items": [{"status": 201}], "span": ["1", "2"]}]) as url:
        adapter = build("reference_crm", url)
        with pytest.raises(UncertainError, match="1 results for 2 writes"):
            adapter.write("companies", [creating(), creating()])
        adapter.close()


class canned:  # noqa: N801
    """A server that gives these JSON answers, one connection each."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for value in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                body = json.dumps(value).encode()
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        self._thread.join(5)


# ----------------------------------------------------------------------------------------------- check


def test_check_reports_the_connection_and_each_object(crm: Adapter, erp: Adapter) -> None:
    findings = {finding.subject: finding for finding in crm.check()}
    assert all(finding.ok for finding in findings.values())
    assert set(findings) == {"connection", "companies", "contacts", "products", "deals", "invoices", "payments"}
    assert "this connection is `connector`" in findings["connection"].detail
    details = {finding.subject: finding.detail for finding in erp.check()}
    assert details["balances"] == "can be read, not created"
    assert details["customers"] == "can be read and created"


def test_check_reports_a_wrong_token_and_never_shows_it(servers: Mapping[str, Server]) -> None:
    adapter = build("reference_crm", servers["crm"].url, token="wrong-SECRET")
    (finding,) = adapter.check()
    assert not finding.ok
    assert "does not accept the credentials" in finding.detail
    assert "wrong-SECRET" not in finding.detail
    with pytest.raises(DeniedError):
        adapter.scan("companies", None)
    adapter.close()


def test_check_reports_what_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    adapter = build("reference_erp", f"http://127.0.0.1:{port}")
    (finding,) = adapter.check()
    assert finding.detail.startswith(f"erp at http://127.0.0.1:{port} cannot be reached (connection refused)")
    with pytest.raises(TransientError):
        adapter.write("customers", [creating()])
    adapter.close()


def test_check_reports_one_object_that_cannot_be_read(crm: Adapter, servers: Mapping[str, Server]) -> None:
    servers["crm"].switches(fault=[{"kind": "status", "status": 403, "object": "deals", "times": 1}])
    bad = [finding for finding in crm.check() if not finding.ok]
    assert [finding.subject for finding in bad] == ["deals"]
    assert "give this connection the right" in bad[0].detail


# ----------------------------------------------------------------------------------------------- hints


def signed(body: bytes, stamp: str, secret: bytes = b"hook") -> WebhookRequest:
    signature = hmac.new(secret, stamp.encode() + b"." + body, "sha256").hexdigest()
    return WebhookRequest({"X-Timestamp": stamp, "x-signature": f"sha256={signature}"}, body)


def hooked(secret: str | None = "hook") -> Any:
    return build("reference_crm", "http://127.0.0.1:1", webhook_secret=secret)


EVENT = b'{"id": "e1", "object": "companies", "key": "C-1", "version": 7, "at": "x"}'


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


@pytest.mark.parametrize("form", [str, iso], ids=["seconds", "instant"])
def test_a_signed_webhook_names_a_key_and_a_version_that_sorts(form: Any) -> None:
    (hint,) = hooked().hints(signed(EVENT, form(time.time())))
    assert (hint.object, hint.key, hint.version) == ("companies", "C-1", "000000000007")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"object": 1, "key": 2}', b"\xff"],
)
def test_a_signed_webhook_without_a_key_is_refused(body: bytes) -> None:
    with pytest.raises(DeniedError):
        hooked().hints(signed(body, str(time.time())))


@pytest.mark.parametrize("shift", [-301.0, 301.0])
def test_an_old_or_future_webhook_is_refused(shift: float) -> None:
    with pytest.raises(DeniedError, match="s old"):
        hooked().hints(signed(EVENT, str(time.time() + shift)))


@pytest.mark.parametrize("stamp", ["", "soon", "1.2.3", "nan", "9" * 400, "2026-13-45"])
def test_an_odd_time_is_refused_even_when_signed(stamp: str) -> None:
    with pytest.raises(DeniedError):
        hooked().hints(signed(EVENT, stamp))


def test_a_wrong_or_missing_signature_is_refused() -> None:
    now = str(time.time())
    good = signed(EVENT, now)
    for request in (
        signed(EVENT, now, b"other"),
        WebhookRequest({}, EVENT),
        WebhookRequest(good.headers, EVENT + b" "),
        WebhookRequest({**good.headers, "X-Timestamp": str(time.time() + 1)}, EVENT),
        WebhookRequest({**good.headers, "x-signature": "sha256=ü"}, EVENT),
    ):
        with pytest.raises(DeniedError, match="signature"):
            hooked().hints(request)


def test_without_a_secret_no_webhook_is_believed() -> None:
    with pytest.raises(DeniedError, match="webhook_secret"):
        hooked(None).hints(signed(EVENT, str(time.time())))


def test_a_webhook_the_crm_really_sends_is_understood(crm: Adapter, servers: Mapping[str, Server]) -> None:
    caught: list[tuple[dict[str, str], bytes]] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def catch() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            connection.settimeout(5)
            stream.readline()
            headers: dict[str, str] = {}
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.decode().partition(":")
                headers[name.strip()] = value.strip()
            lengths = [int(v) for n, v in headers.items() if n.lower() == "content-length"]
            caught.append((headers, stream.read(lengths[0])))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    thread = threading.Thread(target=catch, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    servers["crm"].admin("POST", "/api/webhooks", {"url": url, "secret": "hook"})
    (record,) = created(crm)
    thread.join(10)
    listener.close()
    (headers, body) = caught[0]
    (hint,) = hooked().hints(WebhookRequest(headers, body))
    assert (hint.object, hint.key, hint.version) == ("companies", record.key, record.version)


# ------------------------------------------------------------------------------------------- discovery


def test_the_folder_offers_both_adapters() -> None:
    assert {"reference_crm", "reference_erp"} <= set(adapters.discover())


def test_an_unknown_adapter_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean `reference_crm`"):
        adapters.get("reference_cmr")


def test_settings_keep_the_token_out_of_sight() -> None:
    settings = adapters.get("reference_crm").settings
    shown = repr(settings.model_validate({"url": "http://x", "auth": {"token": "SECRET-1"}}))
    assert "SECRET-1" not in shown
