"""Bulk API 2.0 ingest: rows uploaded as CSV, written when their time has come (contract §3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.emulators.salesforce.bulk.load import DELIMITERS, ENDED, LINE_ENDINGS, Load, Loads, wrong_state
from connector.emulators.salesforce.bulk.table import InvalidBatch, body_of, error_cell, read_table, write_table
from connector.emulators.salesforce.errors import Choices, Problem, Refusal, Unreadable, refusal, unreadable
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.resources.collections import row_problems
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.schema import SObject

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")
MAX_UPLOAD = 150 * 1024 * 1024
_SETTINGS = {"object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter"}

Values = Mapping[str, str]


def csv_settings(body: Mapping[str, Any]) -> dict[str, str]:
    """Content type, line ending and delimiter, with their defaults. Raises Refusal."""
    known: Mapping[str, tuple[str, Sequence[str]]] = {
        "contentType": ("CSV", ("CSV",)),
        "lineEnding": ("LF", tuple(LINE_ENDINGS)),
        "columnDelimiter": ("COMMA", tuple(DELIMITERS)),
    }
    given = {name: str(body.get(name, default)) for name, (default, _) in known.items()}
    for name, (_, choices) in known.items():
        if given[name] not in choices:
            raise unreadable(f"{name} must be one of {', '.join(choices)}")
    return given


def loads(instance: Instance) -> Loads:
    """The org's ingests."""
    return instance.bulk("ingest", lambda load: write_rows(instance, load))


def create(instance: Instance, call: Call, _: Values) -> Answer:
    body = call.object()
    unknown = sorted(set(body) - _SETTINGS)
    if unknown:
        raise unreadable(f'Unrecognized field "{unknown[0]}"')
    operation, name = body.get("operation"), body.get("object")
    kind = instance.org.schema.objects.get(str(name))
    if kind is None:
        raise refusal("INVALIDENTITY", f"Unable to find object: {name}")
    if operation not in OPERATIONS:
        raise unreadable(f"operation must be one of {', '.join(OPERATIONS)}")
    if operation == "hardDelete":
        raise refusal("FEATURENOTENABLED", "hardDelete needs the permission Bulk API Hard Delete")
    external = body.get("externalIdFieldName")
    if operation == "upsert":
        instance.org.records.external_field(kind, str(external))
    elif external is not None:
        raise refusal("INVALID_FIELD", "externalIdFieldName belongs to another operation", "externalIdFieldName")
    given = {"object": kind.name, "externalIdFieldName": external, **csv_settings(body)}
    known = loads(instance)
    return Answer(200, known.show(known.open(str(operation), given, call.version, "Open")))


def upload(instance: Instance, call: Call, values: Values) -> Answer:
    load = loads(instance).find(values["id"])
    if load.state != "Open" or load.data is not None:
        raise wrong_state(load)
    if not call.headers.get("content-type", "").replace(" ", "").lower().startswith("text/csv"):
        raise refusal("UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
    # The vendor counts the upload as it stores it, in base64.
    if len(call.body) * 4 // 3 > MAX_UPLOAD:
        raise refusal("REQUEST_TOO_LONG", "the upload exceeds 150 MB", status=413)
    load.data = call.body
    return Answer(201)


def change(instance: Instance, call: Call, values: Values) -> Answer:
    load = loads(instance).find(values["id"])
    body = call.object()
    if set(body) != {"state"}:
        raise unreadable("the body must have state, and nothing else")
    if body["state"] == "UploadComplete" and load.data is None:
        raise wrong_state(load)
    loads(instance).close(load, body["state"])
    load.faults = call.row_faults
    if load.state == "Aborted":
        _unprocessed(load)
    return Answer(200, loads(instance).show(load))


def read(instance: Instance, call: Call, values: Values) -> Answer:
    known = loads(instance)
    return Answer(200, known.look(known.find(values["id"])))


def read_all(instance: Instance, call: Call, _: Values) -> Answer:
    known = loads(instance)
    return Answer(200, {"done": True, "records": [known.show(load) for load in known.all()], "nextRecordsUrl": None})


def remove(instance: Instance, call: Call, values: Values) -> Answer:
    known = loads(instance)
    known.remove(known.find(values["id"]))
    return Answer(204)


def results(instance: Instance, call: Call, values: Values) -> Answer:
    load = loads(instance).find(values["id"])
    if values["which"] not in RESULTS:
        raise refusal("NOT_FOUND", "The requested resource does not exist")
    if load.state not in ENDED:
        raise wrong_state(load)
    # No charset, as the vendor leaves it out: the text is UTF-8 all the same.
    return Answer(200, text=load.results[values["which"]], content_type="text/csv")


# the work


def _unprocessed(load: Load) -> None:
    """Every row is left as it came."""
    try:
        header, rows = read_table(load)
    except InvalidBatch:
        header, rows = [], []
    _keep(load, header, [], [], rows)


def _keep(
    load: Load, header: Sequence[str], done: list[list[str]], failed: list[list[str]], left: list[list[str]]
) -> None:
    load.processed, load.failed = len(done) + len(failed), len(failed)
    load.results = {
        "successfulResults": write_table(load, ["sf__Id", "sf__Created", *header], done),
        "failedResults": write_table(load, ["sf__Id", "sf__Error", *header], failed),
        "unprocessedrecords": write_table(load, header, left),
    }


def write_rows(instance: Instance, load: Load) -> None:
    """Write the rows of a load, each by itself; JobComplete says nothing of how they fared."""
    kind = instance.org.kind(load.given["object"])
    try:
        header, rows = read_table(load)
        _check_header(kind, load, header)
    except InvalidBatch as error:
        load.state, load.error = "Failed", str(error)
        return _unprocessed(load)
    write = _writer(instance, load, kind, header)
    done: list[list[str]] = []
    failed: list[list[str]] = []
    stop = instance.org.switches.bulk_stop_after
    for index, row in enumerate(rows):
        if index == stop:
            load.state, load.error = "Failed", "InternalServerError : the load was stopped"
            return _keep(load, header, done, failed, rows[index:])
        try:
            with instance.org.store.savepoint():
                if load.faults is not None and load.faults.hit(index):
                    raise Refusal([load.faults.problem])
                key, new = write(row)
        except Unreadable as error:
            wrong = Problem("INVALID_TYPE_ON_FIELD_IN_RECORD", error.problems[0].message)
            failed.append([_own_id(header, row), error_cell(wrong), *row])
        except Refusal as error:
            failed.append([_own_id(header, row), error_cell(row_problems(error.problems)[0]), *row])
        except Choices as error:
            failed.append(["", error_cell(Problem("DUPLICATE_EXTERNAL_ID", str(error))), *row])
        else:
            done.append([key, "true" if new else "false", *row])
    return _keep(load, header, done, failed, [])


def _own_id(header: Sequence[str], row: Sequence[str]) -> str:
    return row[header.index("Id")] if "Id" in header else ""


def _check_header(kind: SObject, load: Load, header: Sequence[str]) -> None:
    """Raises InvalidBatch for a column that is no field, or a key that is missing."""
    for name in header:
        parent, dot, _field = name.partition(".")
        if (dot and parent.lower() not in kind.parents) or (not dot and name not in kind.fields):
            raise InvalidBatch(f"InvalidBatch : Field name not found : {name}")
    needed = {"upsert": load.given["externalIdFieldName"], "update": "Id", "delete": "Id"}.get(load.operation)
    if needed is not None and needed not in header:
        raise InvalidBatch(f"InvalidBatch : Field name not found : {needed}")
    if len(set(header)) < len(header):
        raise InvalidBatch("InvalidBatch : a column is there twice")


def _writer(
    instance: Instance, load: Load, kind: SObject, header: Sequence[str]
) -> Callable[[Sequence[str]], tuple[str, bool]]:
    """How one row is written: the record's id, and whether it is new."""
    records, caller = instance.org.records, instance.org.caller

    def write(row: Sequence[str]) -> tuple[str, bool]:
        body = body_of(kind, header, row)
        if load.operation == "insert":
            return records.create(kind, body, caller), True
        if load.operation == "upsert":
            field = records.external_field(kind, load.given["externalIdFieldName"])
            value = body.pop(field.name, None)
            if value is None:
                raise refusal("MISSING_ARGUMENT", f"{field.name} not specified")
            return records.put(kind, field, str(value), body, caller)
        found = records.live(kind, str(body.pop("Id", "")))
        if load.operation == "update":
            records.update(kind, found, body, caller)
        else:
            instance.org.bin.delete(kind, found, caller)
        return str(found["Id"]), False

    return write


ROUTES = (
    route("POST", "jobs/ingest", create),
    route("GET", "jobs/ingest", read_all),
    route("GET", "jobs/ingest/{id}", read),
    route("PATCH", "jobs/ingest/{id}", change),
    route("DELETE", "jobs/ingest/{id}", remove),
    route("PUT", "jobs/ingest/{id}/batches", upload),
    route("GET", "jobs/ingest/{id}/{which}", results),
)
