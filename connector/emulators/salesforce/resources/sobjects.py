"""Describe, single records, external ids, getDeleted and getUpdated (contract §2.3, 2.4 and 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.emulators.salesforce.errors import Choices, not_found, refusal
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.soql.nodes import Among, Literal, Path, Query
from connector.emulators.salesforce.times import parse_instant, stamp

DELETED_DAYS = 15
UPDATED_DAYS = 30
UPDATED_MAX = 600_000

Values = Mapping[str, str]


def describe_global(instance: Instance, call: Call, _: Values) -> Answer:
    shown = [_summary(kind, call.base) for kind in instance.org.schema]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})


def _summary(kind: SObject, base: str) -> dict[str, Any]:
    url = f"{base}/sobjects/{kind.name}"
    return {
        "name": kind.name,
        "label": kind.label,
        "labelPlural": kind.plural,
        "keyPrefix": kind.prefix,
        "custom": kind.custom,
        "createable": "create" in kind.calls,
        "updateable": "update" in kind.calls,
        "deletable": "delete" in kind.calls,
        "undeletable": "undelete" in kind.calls,
        "mergeable": kind.mergeable,
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "searchable": True,
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
    }


def basic(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    rows = instance.org.store.select(kind, "IsDeleted = 0 ORDER BY SystemModstamp DESC LIMIT 5")
    recent = [{"attributes": _attributes(kind, row["Id"], call), "Id": row["Id"]} for row in rows]
    return Answer(200, {"objectDescribe": _summary(kind, call.base), "recentItems": recent})


def _attributes(kind: SObject, key: str, call: Call) -> dict[str, str]:
    return {"type": kind.name, "url": f"{call.base}/sobjects/{kind.name}/{key}"}


def describe(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    fields = [field for field in kind.fields.values() if not instance.org.hidden(kind, field.name)]
    children = [
        {"childSObject": name, "field": field.name, "relationshipName": field.children,
         "cascadeDelete": field.on_delete == "cascade", "restrictedDelete": field.on_delete == "restrict"}
        for name, field in kind.children.values()
    ]  # fmt: skip
    shown = [field.describe() for field in fields]
    return Answer(200, _summary(kind, call.base) | {"fields": shown, "childRelationships": children})


def select(kind: SObject, names: Sequence[str], keys: Sequence[str]) -> Query:
    """The query that reads these fields of these records."""
    where = Among(Path(("Id",)), tuple(Literal("text", key) for key in keys), negated=False)
    fields = tuple(Path((name,)) for name in names)
    return Query("", kind.name, 0, fields, (), False, where, (), None, 0)


def visible(instance: Instance, kind: SObject) -> list[str]:
    return [name for name in kind.fields if not instance.org.hidden(kind, name)]


def _shown(instance: Instance, call: Call, kind: SObject, key: str) -> Answer:
    names = call.params["fields"].split(",") if call.params.get("fields") else visible(instance, kind)
    return Answer(200, instance.records_of(select(kind, names, [key]), call.version)[0])


def read(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    return _shown(instance, call, kind, instance.org.records.live(kind, values["id"])["Id"])


def create(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    instance.fail_row(call, 0)
    body = call.object()
    if "Id" in body or "id" in body:
        raise refusal("INVALID_FIELD", "The Id field should not be specified in the sobject data.", "Id")
    key = instance.org.records.create(kind, body, call.caller)
    return created(call, kind, key)


def created(call: Call, kind: SObject, key: str, **more: bool) -> Answer:
    location = f"{call.base}/sobjects/{kind.name}/{key}"
    return Answer(201, {"id": key, "success": True, "errors": [], **more}, {"Location": location})


def update(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    instance.fail_row(call, 0)
    row = instance.org.records.live(kind, values["id"])
    body = call.object()
    if "Id" in body or "id" in body:
        raise refusal("INVALID_FIELD", "The Id field should not be specified in the sobject data.", "Id")
    instance.org.records.update(kind, row, body, call.caller)
    return Answer(204)


def delete(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    instance.fail_row(call, 0)
    instance.org.bin.delete(kind, instance.org.records.live(kind, values["id"]), call.caller)
    return Answer(204)


def _one(instance: Instance, call: Call, values: Values) -> tuple[SObject, str]:
    """The record that an external id in the path names. Raises Choices when there are several."""
    records = instance.org.records
    kind = instance.org.kind(values["object"])
    field = records.external_field(kind, values["field"])
    found = records.by_external_id(kind, field, records.external_value(field, values["value"]))
    if not found:
        raise not_found()
    if len(found) > 1:
        raise Choices([f"/sobjects/{kind.name}/{key}" for key in found])
    return kind, found[0]


def read_external(instance: Instance, call: Call, values: Values) -> Answer:
    kind, key = _one(instance, call, values)
    return _shown(instance, call, kind, key)


def delete_external(instance: Instance, call: Call, values: Values) -> Answer:
    kind, key = _one(instance, call, values)
    instance.org.bin.delete(kind, instance.org.records.live(kind, key), call.caller)
    return Answer(204)


def put_external(instance: Instance, call: Call, values: Values) -> Answer:
    """§3.1: 201 created, 200 (or 204) updated, 300 when the value is not unique."""
    records = instance.org.records
    kind = instance.org.kind(values["object"])
    instance.fail_row(call, 0)
    field = records.external_field(kind, values["field"])
    update_only = call.params.get("updateOnly", "false")
    if update_only not in ("true", "false"):
        raise refusal("INVALID_ARGUMENT_TYPE", "updateOnly must be true or false")
    if not values["value"]:
        raise refusal("MISSING_ARGUMENT", f"{field.name} not specified")
    key, new = records.put(kind, field, values["value"], call.object(), call.caller, update_only == "true")
    if new:
        return created(call, kind, key, created=True)
    if instance.org.switches.empty_update:
        return Answer(204)
    return Answer(200, {"id": key, "success": True, "errors": [], "created": False})


def _span(instance: Instance, call: Call, days: int) -> tuple[datetime, datetime]:
    """The window asked for, its seconds ignored. Raises Refusal INVALID_REPLICATION_DATE."""
    given = [parse_instant(call.params.get(name, "")) for name in ("start", "end")]
    start, end = (None if at is None else at.replace(second=0, microsecond=0) for at in given)
    if start is None or end is None:
        raise refusal("INVALID_REPLICATION_DATE", "start and end must be ISO 8601 times with their zone")
    now = instance.org.now()
    if start < (now - timedelta(days=days)).replace(second=0, microsecond=0):
        raise refusal("INVALID_REPLICATION_DATE", f"startDate must be within the last {days} days")
    if start >= end:
        raise refusal("INVALID_REPLICATION_DATE", "endDate should be after startDate")
    # What was written a moment ago may still be on its way into the log.
    covered = (now - timedelta(seconds=instance.org.switches.replication_lag)).replace(second=0, microsecond=0)
    return start, min(end, covered)


def deleted(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    start, end = _span(instance, call, DELETED_DAYS)
    sql = "SELECT id, at FROM _deleted WHERE object = ? AND at >= ? AND at < ? ORDER BY at, id"
    rows = instance.org.store.rows(sql, (kind.name, stamp(start), stamp(end)))
    earliest = instance.org.now() - timedelta(days=DELETED_DAYS)
    shown = [{"id": key, "deletedDate": at} for key, at in rows]
    times = {"earliestDateAvailable": stamp(earliest, "seconds"), "latestDateCovered": stamp(end)}
    return Answer(200, {"deletedRecords": shown, **times})


def updated(instance: Instance, call: Call, values: Values) -> Answer:
    kind = instance.org.kind(values["object"])
    start, end = _span(instance, call, UPDATED_DAYS)
    sql = (
        f'SELECT Id FROM "{kind.name}" WHERE IsDeleted = 0 AND SystemModstamp >= ? AND SystemModstamp < ?'
        f" ORDER BY SystemModstamp, Id LIMIT {UPDATED_MAX + 1}"
    )
    ids = [key for (key,) in instance.org.store.rows(sql, (stamp(start), stamp(end)))]
    if len(ids) > UPDATED_MAX:
        raise refusal("EXCEEDED_ID_LIMIT", f"more than {UPDATED_MAX} ids")
    return Answer(200, {"ids": ids, "latestDateCovered": stamp(end)})


def field_permissions(instance: Instance, call: Call, values: Values) -> Answer:
    """Makes a field visible that field-level security hides."""
    body = call.object()
    name, _dot, field = str(body.get("Field", "")).partition(".")
    kind = instance.org.schema.objects.get(name)
    if kind is None or field not in kind.fields or body.get("SobjectType") != name:
        raise refusal("INVALID_CROSS_REFERENCE_KEY", "Field: invalid field", "Field")
    if body.get("PermissionsRead") is True:
        instance.org.show(kind, field)
    key = instance.org.permission_id()
    return Answer(201, {"id": key, "success": True, "errors": []})


ROUTES = (
    route("GET", "sobjects", describe_global),
    route("POST", "sobjects/FieldPermissions", field_permissions),
    route("GET", "sobjects/{object}", basic),
    route("POST", "sobjects/{object}", create),
    route("GET", "sobjects/{object}/describe", describe),
    route("GET", "sobjects/{object}/deleted", deleted, "start", "end"),
    route("GET", "sobjects/{object}/updated", updated, "start", "end"),
    route("GET", "sobjects/{object}/{id}", read, "fields"),
    route("PATCH", "sobjects/{object}/{id}", update),
    route("DELETE", "sobjects/{object}/{id}", delete),
    route("GET", "sobjects/{object}/{field}/{value}", read_external, "fields"),
    route("PATCH", "sobjects/{object}/{field}/{value}", put_external, "updateOnly"),
    route("DELETE", "sobjects/{object}/{field}/{value}", delete_external),
)
