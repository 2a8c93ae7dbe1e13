"""Bulk API 2.0 query: a result as CSV, page by page (contract §3.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace

from connector.emulators.salesforce.bulk.load import Load, Loads, wrong_state
from connector.emulators.salesforce.bulk.table import write_table
from connector.emulators.salesforce.errors import Refusal, refusal, unreadable
from connector.emulators.salesforce.fields import Field
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.resources.ingest import csv_settings
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.soql.compile import Shape
from connector.emulators.salesforce.soql.parse import parse
from connector.emulators.salesforce.values import as_text

MOST_ROWS = 50_000
_SETTINGS = {"operation", "query", "contentType", "lineEnding", "columnDelimiter"}
_COMPOUND = {("Contact", "Name")}

Values = Mapping[str, str]


def loads(instance: Instance) -> Loads:
    """The org's bulk queries."""
    return instance.bulk("query", lambda load: read_rows(instance, load))


def create(instance: Instance, call: Call, _: Values) -> Answer:
    body = call.object()
    unknown = sorted(set(body) - _SETTINGS)
    if unknown:
        raise unreadable(f'Unrecognized field "{unknown[0]}"')
    if body.get("operation") not in ("query", "queryAll") or not isinstance(body.get("query"), str):
        raise unreadable("operation must be query or queryAll, and query a text")
    query = parse(body["query"])
    if query.children or query.count or query.offset:
        raise refusal("API_ERROR", "subqueries, COUNT() and OFFSET are not supported in a bulk query")
    compiled = instance.found(replace(query, limit=0), deleted=True).compiled
    if any((shape.kind.name, name) in _COMPOUND for _, name, shape, _column in _columns(compiled.shape, "")):
        raise refusal("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")
    known = loads(instance)
    given = {"object": compiled.kind.name, **csv_settings(body)}
    load = known.open(body["operation"], given, call.version, "UploadComplete")
    load.query = query
    return Answer(200, known.show(load))


def _columns(shape: Shape, prefix: str) -> Iterator[tuple[str, str, Shape, tuple[Field, int]]]:
    """Title, name, shape, and field with its column of everything selected, in the order of the query."""
    fields = {name: (field, column) for name, field, column in shape.fields}
    for kind, called in shape.order:
        if kind == "field":
            yield prefix + called, called, shape, fields[called]
        else:
            yield from _columns(shape.parents[called], f"{prefix}{called}.")


def read_rows(instance: Instance, load: Load) -> None:
    """Run the query; the rows stay as they are now."""
    assert load.query is not None
    try:
        found = instance.found(load.query, load.operation == "queryAll")
    except Refusal as error:
        load.state, load.error = "Failed", str(error)
        return
    columns = list(_columns(found.compiled.shape, ""))
    load.header = [title for title, _, _, _ in columns]
    cells = [found_in for _, _, _, found_in in columns]
    load.rows = [[as_text(field, row[column]) for field, column in cells] for row in found.rows]
    load.processed = len(load.rows)


def read(instance: Instance, call: Call, values: Values) -> Answer:
    known = loads(instance)
    return Answer(200, known.look(known.find(values["id"])))


def read_all(instance: Instance, call: Call, _: Values) -> Answer:
    known = loads(instance)
    return Answer(200, {"done": True, "records": [known.show(load) for load in known.all()], "nextRecordsUrl": None})


def change(instance: Instance, call: Call, values: Values) -> Answer:
    known = loads(instance)
    load = known.find(values["id"])
    if call.object() != {"state": "Aborted"}:
        raise unreadable("the body must be a state of Aborted")
    known.close(load, "Aborted")
    return Answer(200, known.show(load))


def remove(instance: Instance, call: Call, values: Values) -> Answer:
    known = loads(instance)
    known.remove(known.find(values["id"]))
    return Answer(204)


def results(instance: Instance, call: Call, values: Values) -> Answer:
    """A page of rows below their header; Sforce-Locator says where the next begins, `null` that there is none."""
    load = loads(instance).find(values["id"])
    if load.state != "JobComplete":
        raise wrong_state(load)
    most = call.params.get("maxRecords", str(MOST_ROWS))
    if not most.isdigit() or not 0 < int(most) <= MOST_ROWS:
        raise refusal("INVALID_ARGUMENT_TYPE", f"maxRecords must be between 1 and {MOST_ROWS}")
    start = _start(call.params.get("locator"), len(load.rows))
    rows = load.rows[start : start + int(most)]
    end = start + len(rows)
    locator = "null" if end >= len(load.rows) else base64.b64encode(str(end).encode()).decode().rstrip("=")
    headers = {"Sforce-NumberOfRecords": str(len(rows)), "Sforce-Locator": locator}
    return Answer(200, headers=headers, text=write_table(load, load.header, rows), content_type="text/csv")


def _start(locator: str | None, count: int) -> int:
    """The row a locator stands for. Raises Refusal INVALID_QUERY_LOCATOR."""
    if locator is None:
        return 0
    try:
        start = int(base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True))
    except (ValueError, binascii.Error):
        start = 0
    if not 0 < start < count:
        raise refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
    return start


ROUTES = (
    route("POST", "jobs/query", create),
    route("GET", "jobs/query", read_all, "isPkChunkingEnabled", "jobType", "concurrencyMode", "queryLocator"),
    route("GET", "jobs/query/{id}", read),
    route("PATCH", "jobs/query/{id}", change),
    route("DELETE", "jobs/query/{id}", remove),
    route("GET", "jobs/query/{id}/results", results, "maxRecords", "locator"),
)
