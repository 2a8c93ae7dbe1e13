"""Fields that mappings name and an org lacks: looked for, and made through the Tooling API where they are custom ones.

Contract: 7. An object is made by hand, and so is what lets a user see a new field: Salesforce hides it from everybody
until field-level security says otherwise, and that is not this connection's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.adapters.salesforce.client import SalesforceClient
from connector.adapters.salesforce.table import Column, Table
from connector.errors import ConnectorError
from connector.model.records import Finding
from connector.ports import Need

CUSTOM = "__c"
LINES = "lines."
THERE = "DUPLICATE_DEVELOPER_NAME"

_KINDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("text", "note", "enum", "ref"), ("text",)),
    **dict.fromkeys(("decimal", "money", "price"), ("decimal",)),
    "integer": ("integer", "decimal"),
    "date": ("date",),
    "instant": ("instant",),
    "boolean": ("boolean",),
}
_KEY = {"type": "Text", "length": 80, "externalId": True, "unique": True, "caseSensitive": True}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "Text", "length": 255},
    "note": {"type": "LongTextArea", "length": 32768, "visibleLines": 3},
    "decimal": {"type": "Number", "precision": 18, "scale": 6},
    "money": {"type": "Number", "precision": 18, "scale": 2},
    "price": {"type": "Number", "precision": 18, "scale": 6},
    "integer": {"type": "Number", "precision": 18, "scale": 0},
    "date": {"type": "Date"},
    "instant": {"type": "DateTime"},
    "boolean": {"type": "Checkbox", "defaultValue": "false"},
}


def prepare(
    client: SalesforceClient, tables: Mapping[str, tuple[Table, Table | None]], needs: Sequence[Need], *, make: bool
) -> Sequence[Finding]:
    """tables: of each object its own, and that of its lines. One finding a need, in order."""
    found: list[Finding] = []
    made: dict[int, tuple[Table, str]] = {}
    for need in needs:
        subject = f"{need.object}.{need.name}"
        own, inner = tables.get(need.object, (None, None))
        table = inner if need.name.startswith(LINES) else own
        name = need.name.removeprefix(LINES)
        if table is None:
            missing = need.object if own is None else f"the object of the lines of {need.object}"
            why = f"{missing} is not there, or hidden: an object is made in Setup, Object Manager, by hand"
            found.append(Finding(subject, False, why))
        elif (column := table.columns.get(name)) is not None:
            found.append(_there(subject, column, need))
        elif not name.endswith(CUSTOM):
            found.append(Finding(subject, False, "a standard field that is not there, or hidden from this user"))
        elif not make:
            found.append(Finding(subject, False, f"is missing; it would be made as {_shape(need)['type']}"))
        else:
            if any(table.name == one.name and name == field for one, field in made.values()):
                error = None
            else:
                error = _make(client, table, name, need)
            if error is None:
                made[len(found)] = (table, name)
            found.append(Finding(subject, error is None, error or "made"))
    return _seen(client, found, made)


def _there(subject: str, column: Column, need: Need) -> Finding:
    if column.kind not in _KINDS[need.type]:
        return Finding(subject, False, f"is there as {column.type}, and a {need.type} is needed: make another field")
    if need.unique and not (column.unique and column.external_id):
        return Finding(subject, False, "is there and not marked External ID and Unique: tick both in Setup")
    if not column.createable or not column.updateable:
        return Finding(subject, True, "is there; this user may not edit it")
    return Finding(subject, True, "is there")


def _make(client: SalesforceClient, table: Table, name: str, need: Need) -> str | None:
    """What stands in the way, or None."""
    label = name.removesuffix(CUSTOM).replace("_", " ")
    shape = dict(_shape(need))
    if shape["type"] == "Lookup":
        shape["relationshipName"] = f"{table.name.removesuffix(CUSTOM)}_{name.removesuffix(CUSTOM)}".replace("__", "_")
    try:
        client.create_field(f"{table.name}.{name}", {"label": label, **shape})
    except ConnectorError as error:
        if THERE in str(error):
            return _hidden(table.name, name)
        return str(error)
    return None


def _shape(need: Need) -> Mapping[str, Any]:
    if need.unique:
        return _KEY
    if need.type == "enum":
        values = [{"fullName": one, "label": one, "default": False} for one in need.choices]
        return {
            "type": "Picklist",
            "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
        }
    if need.type == "ref":
        return {"type": "Lookup", "referenceTo": need.target}
    return _SHAPES[need.type]


def _seen(
    client: SalesforceClient, found: Sequence[Finding], made: Mapping[int, tuple[Table, str]]
) -> Sequence[Finding]:
    """What was made, with whether this user sees it."""
    now = {table.name: client.describe(table.name) for table, _ in made.values()}
    done = list(found)
    for number, (table, name) in made.items():
        wire = now[table.name]
        if wire is None or not any(column.name == name for column in wire.fields):
            done[number] = Finding(found[number].subject, False, f"made; {_hidden(table.name, name)}")
    return done


def _hidden(table: str, name: str) -> str:
    return f"it is hidden from this user: give its permission set Read and Edit on {table}.{name}"
