"""Routes of property definitions, their groups, and pipelines (contract 3.3, 8)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.definitions import FIELD_TYPES, Definition
from connector.emulators.hubspot.pipelines import PIPELINES
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import EXISTS, NOT_FOUND, HubSpotError, invalid
from connector.emulators.hubspot.shapes import GroupCreate, PropertyBatch, PropertyCreate
from connector.emulators.hubspot.shown import envelope
from connector.emulators.hubspot.wire import Answer, Call, json_answer, truth

MAX_NAME = 100
UNIQUE_TYPES = ("string", "number")
_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def list_properties(portal: Portal, call: Call) -> Answer:
    kind = portal.kind(call.params["type"])
    if truth(call.arguments("archived"), "archived"):
        return json_answer(200, {"results": []})
    return json_answer(200, {"results": [known.wire() for known in portal.definitions[kind.name].values()]})


def read_property(portal: Portal, call: Call) -> Answer:
    kind = portal.kind(call.params["type"])
    call.arguments()
    known = portal.definitions[kind.name].get(call.params["name"])
    if known is None:
        message = f"Property with name '{call.params['name'][:80]}' doesn't exist for object type {kind.type_id}."
        raise HubSpotError(404, message, category=NOT_FOUND)
    return json_answer(200, known.wire())


def create_property(portal: Portal, call: Call) -> Answer:
    """One more property. Raises HubSpotError 409 for a name that is taken, 400 for what cannot be defined."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    given = call.decoded(PropertyCreate)
    with portal.write():
        definition = _define(portal, kind, given)
    return json_answer(201, definition.wire())


def create_properties(portal: Portal, call: Call) -> Answer:
    """Several at once: all of them, or none."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    given = call.decoded(PropertyBatch).inputs
    known = dict(portal.definitions[kind.name])
    try:
        with portal.write():
            results = [_define(portal, kind, each).wire() for each in given]
    except HubSpotError:
        portal.definitions[kind.name] = known
        raise
    return json_answer(201, envelope(portal, results))


def list_groups(portal: Portal, call: Call) -> Answer:
    call.arguments()
    kind = portal.kind(call.params["type"])
    return json_answer(200, {"results": list(_groups(portal, kind).values())})


def create_group(portal: Portal, call: Call) -> Answer:
    """Raises HubSpotError 409 for a name that is taken."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    given = call.decoded(GroupCreate)
    _check_name(given.name)
    if given.name in _groups(portal, kind):
        raise HubSpotError(409, f"Property group {given.name} already exists.", category=EXISTS)
    group = _group(given.name, given.label, given.display_order)
    with portal.write():
        portal.store.keep("group", f"{kind.name}/{given.name}", group)
    return json_answer(201, group)


def list_pipelines(portal: Portal, call: Call) -> Answer:
    """Pipelines with the internal ids of their stages; other object types have none."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    known = PIPELINES.get(kind.name, ())
    return json_answer(200, {"results": [pipeline.wire(n, 0) for n, pipeline in enumerate(known)]})


def _define(portal: Portal, kind: ObjectType, given: PropertyCreate) -> Definition:
    known = portal.definitions[kind.name]
    _check_name(given.name)
    if given.name in known:
        message = f"Property {given.name} already exists for object type {kind.type_id}."
        raise HubSpotError(409, message, category=EXISTS)
    if given.field_type not in FIELD_TYPES.get(given.type, ()):
        raise _refused(f"fieldType {given.field_type[:40]} does not go with type {given.type[:40]}")
    if given.group_name not in _groups(portal, kind):
        raise _refused(f"property group {given.group_name[:80]} does not exist")
    if not given.label:
        raise _refused("label is empty")
    _check_options(given)
    if given.has_unique_value:
        _check_unique(portal, kind, given)
    definition = Definition(
        name=given.name,
        label=given.label,
        type=given.type,
        field_type=given.field_type,
        group_name=given.group_name,
        description=given.description,
        options=given.options,
        has_unique_value=given.has_unique_value,
        hidden=given.hidden,
        form_field=given.form_field,
        display_order=given.display_order,
        at=portal.time.ms(),
    )
    portal.define(kind, definition)
    return definition


def _check_options(given: PropertyCreate) -> None:
    values = [option.value for option in given.options]
    if given.external_options or given.calculation_formula is not None:
        raise _refused("external options and formulas are not for properties made by API here")
    if (given.type == "enumeration") != bool(values):
        raise _refused("options go with enumerations, and only with those")
    if len(set(values)) != len(values) or any(not value or ";" in value for value in values):
        raise _refused("option values must differ, not be empty and have no semicolon")


def _check_unique(portal: Portal, kind: ObjectType, given: PropertyCreate) -> None:
    """Unique properties are not offered on every object type, nor without number (contract 3.3)."""
    if kind.name not in portal.switches.unique_types:
        raise _refused(f"unique values are not supported on {kind.name}")
    if given.type not in UNIQUE_TYPES:
        raise _refused(f"a {given.type} cannot be unique")
    own = [known for known in portal.definitions[kind.name].values() if known.has_unique_value]
    if sum(not known.hubspot_defined for known in own) >= portal.switches.unique_limit:
        raise _refused(f"{kind.name} have {portal.switches.unique_limit} unique properties already")


def _groups(portal: Portal, kind: ObjectType) -> dict[str, dict[str, Any]]:
    groups = {kind.group: _group(kind.group, kind.group.capitalize(), 0)}
    for key, body in portal.store.kept("group").items():
        owner, _, name = key.partition("/")
        if owner == kind.name:
            groups[name] = msgspec.json.decode(body)
    return groups


def _group(name: str, label: str, position: int) -> dict[str, Any]:
    return {"name": name, "label": label, "displayOrder": position, "archived": False}


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise _refused(f"{name[:80]} is not an internal name: small letters, digits and underscores, a letter first")


def _refused(why: str) -> HubSpotError:
    return invalid(f"Invalid property: {why}.", "INVALID_PROPERTY")
