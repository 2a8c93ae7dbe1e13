"""sObject Collections: up to 200 rows in one call, each with a result of its own (contract §3.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.emulators.salesforce.errors import Choices, Problem, Refusal, Unreadable, refusal, unreadable
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.ids import full
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.resources.sobjects import select
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.schema import SObject

MAX_ROWS = 200
ROLLED_BACK = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Result = dict[str, Any]
Write = Callable[[Any], Result]


def too_many(most: int) -> Refusal:
    return refusal(
        "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {most} records in this call", status=400
    )


def _rows_of(instance: Instance, call: Call) -> tuple[list[tuple[SObject, dict[str, Any]]], bool]:
    """The rows of a request with their objects, and allOrNone. Raises Refusal for a request that is malformed."""
    body = call.object()
    unknown = sorted(set(body) - {"allOrNone", "records"})
    if unknown:
        raise unreadable(f'Unrecognized field "{unknown[0]}" at [line:1, column:1]')
    records, all_or_none = body.get("records"), body.get("allOrNone", False)
    if not isinstance(records, list) or not records or not isinstance(all_or_none, bool):
        raise unreadable("records must be a list of at least one record, allOrNone true or false")
    if len(records) > MAX_ROWS:
        raise too_many(MAX_ROWS)
    rows = []
    for record in records:
        attributes = record.get("attributes") if isinstance(record, dict) else None
        if not isinstance(attributes, dict) or not isinstance(attributes.get("type"), str):
            raise unreadable("Every record needs attributes with a type")
        kind = instance.org.schema.objects.get(attributes["type"])
        if kind is None:
            raise refusal("INVALID_TYPE", f"sObject type '{attributes['type']}' is not supported.")
        rows.append((kind, record))
    return rows, all_or_none


def failed(problems: Sequence[Problem]) -> Result:
    return {"success": False, "errors": [problem.row() for problem in problems]}


def succeeded(key: str) -> Result:
    return {"id": key, "success": True, "errors": []}


def each(instance: Instance, call: Call, rows: Sequence[Any], all_or_none: bool, write: Write) -> list[Result]:
    """Write the rows one by one; a row that fails leaves nothing behind, nor do the others when it is all or none."""
    try:
        with instance.org.store.savepoint():
            results = [_one(instance, call, index, row, write) for index, row in enumerate(rows)]
            if all_or_none and not all(result["success"] for result in results):
                raise _RolledBack
    except _RolledBack:
        return [failed([ROLLED_BACK]) if result["success"] else result for result in results]
    return results


class _RolledBack(Exception):  # noqa: N818  (a way out of the savepoint)
    pass


def _one(instance: Instance, call: Call, index: int, row: Any, write: Write) -> Result:
    try:
        with instance.org.store.savepoint():
            instance.fail_row(call, index)
            return write(row)
    except Unreadable:
        raise
    except Refusal as error:
        return failed(row_problems(error.problems))
    except Choices as error:
        ids = [path.rpartition("/")[2] for path in error.paths]
        message = f"More than one record found for external id field: [{', '.join(ids)}]"
        return failed([Problem("DUPLICATE_EXTERNAL_ID", message)])


def row_problems(problems: Sequence[Problem]) -> list[Problem]:
    """A row has no address that could be missing: there it is a reference that leads nowhere."""
    return [
        Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id") if problem.code == "NOT_FOUND" else problem
        for problem in problems
    ]


def create(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    rows, all_or_none = _rows_of(instance, call)

    def write(row: tuple[SObject, dict[str, Any]]) -> Result:
        kind, record = row
        if "Id" in record or "id" in record:
            raise refusal("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
        return succeeded(instance.org.records.create(kind, record, call.caller))

    return Answer(200, each(instance, call, rows, all_or_none, write))


def update(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    rows, all_or_none = _rows_of(instance, call)
    given = [record.get("id", record.get("Id")) for _, record in rows]
    times = Counter(full(key) for key in given if isinstance(key, str))

    def write(row: tuple[SObject, dict[str, Any]]) -> Result:
        kind, record = row
        body = {name: value for name, value in record.items() if name not in ("id", "Id")}
        key = record.get("id", record.get("Id"))
        if not isinstance(key, str) or not key:
            raise refusal("MISSING_ARGUMENT", "Id not specified in an update call")
        if full(key) is None:
            raise refusal("MALFORMED_ID", f"malformed id {key}", "Id")
        if times[full(key)] > 1:
            raise refusal("DUPLICATE_VALUE", f"duplicate id in list: {key}", "Id")
        found = instance.org.records.live(kind, key)
        instance.org.records.update(kind, found, body, call.caller)
        return succeeded(found["Id"])

    return Answer(200, each(instance, call, rows, all_or_none, write))


def put(instance: Instance, call: Call, values: Mapping[str, str]) -> Answer:
    """Write by external id; one object per call, and record ids are no way to name a row."""
    records = instance.org.records
    kind = instance.org.kind(values["object"])
    field = records.external_field(kind, values["field"])
    rows, all_or_none = _rows_of(instance, call)
    stranger = next((other for other, _ in rows if other is not kind), None)
    if stranger is not None:
        raise refusal("INVALID_TYPE", f"all records must be of type {kind.name}, not {stranger.name}")
    seen: set[str] = set()
    times = Counter(str(record.get(field.name)) for _, record in rows)

    def write(row: tuple[SObject, dict[str, Any]]) -> Result:
        _, record = row
        if "id" in record or "Id" in record:
            raise refusal("INVALID_FIELD", "cannot specify both an external ID reference and a salesforce id", "Id")
        body = {name: value for name, value in record.items() if name != field.name}
        value = record.get(field.name)
        if value is None or value == "":
            raise refusal("MISSING_ARGUMENT", f"{field.name} not specified")
        later = str(value) in seen or instance.org.switches.duplicate_rows == "all"
        seen.add(str(value))
        if times[str(value)] > 1 and later:
            raise refusal("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", field.name)
        key, new = records.put(kind, field, value, body, call.caller)
        return succeeded(key) | {"created": new}

    return Answer(200, each(instance, call, rows, all_or_none, write))


def delete(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    ids = [key for key in call.params.get("ids", "").split(",") if key]
    all_or_none = call.params.get("allOrNone", "false")
    if not ids or all_or_none not in ("true", "false"):
        raise refusal("MISSING_ARGUMENT", "ids must name at least one record, allOrNone be true or false")
    if len(ids) > MAX_ROWS:
        raise too_many(MAX_ROWS)

    def write(given: str) -> Result:
        key = full(given)
        if key is None:
            raise refusal("MALFORMED_ID", f"malformed id {given}", "Id")
        kind = instance.org.schema.of_id(key)
        if kind is None:
            raise refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        instance.org.bin.delete(kind, instance.org.records.live(kind, key), call.caller)
        return succeeded(key)

    return Answer(200, each(instance, call, ids, all_or_none == "true", write))


def retrieve(instance: Instance, call: Call, values: Mapping[str, str]) -> Answer:
    """Records in the order of the ids; null for one that is not there."""
    kind = instance.org.kind(values["object"])
    if call.method == "GET":
        ids, fields = (call.params.get(name, "").split(",") for name in ("ids", "fields"))
    else:
        body = call.object()
        if set(body) != {"ids", "fields"} or not all(isinstance(value, list) for value in body.values()):
            raise unreadable("the body must have a list of ids and a list of fields")
        ids, fields = body["ids"], body["fields"]
    if not ids or not fields or not all(isinstance(one, str) and one for one in (*ids, *fields)):
        raise refusal("MISSING_ARGUMENT", "ids and fields must not be empty")
    most = instance.org.switches.retrieve_rows
    if len(ids) > most:
        raise too_many(most)
    keys = [full(key) for key in ids]
    if None in keys:
        raise refusal("MALFORMED_ID", f"malformed id {ids[keys.index(None)]}", "Id")
    found = instance.records_of(select(kind, list(dict.fromkeys(fields)), [key for key in keys if key]), call.version)
    by_key = {record["attributes"]["url"].rpartition("/")[2]: record for record in found}
    return Answer(200, [by_key.get(key or "") for key in keys])


ROUTES = (
    route("POST", "composite/sobjects", create),
    route("PATCH", "composite/sobjects", update),
    route("DELETE", "composite/sobjects", delete, "ids", "allOrNone"),
    route("PATCH", "composite/sobjects/{object}/{field}", put),
    route("GET", "composite/sobjects/{object}", retrieve, "ids", "fields"),
    route("POST", "composite/sobjects/{object}", retrieve),
)
