"""Makes the properties that mappings name and the portal lacks. Contract: section 3.3.

Properties of ours stand in a group of their own, `erp_sync`. A property once made cannot become unique, and its name
stays: what is there in another shape is reported and left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.kinds import BY_NAME, LINE, LINES, Kind
from connector.adapters.hubspot.wire import WireProperty
from connector.errors import ConnectorError, RejectedError
from connector.model.records import Finding
from connector.ports import Need

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient

GROUP = "erp_sync"
SHAPES: Mapping[str, tuple[str, str]] = {
    "text": ("string", "text"),
    "note": ("string", "textarea"),
    "decimal": ("number", "number"),
    "money": ("number", "number"),
    "price": ("number", "number"),
    "integer": ("number", "number"),
    "date": ("date", "date"),
    "instant": ("datetime", "date"),
    "boolean": ("bool", "booleancheckbox"),
    "enum": ("enumeration", "select"),
}
"""Type and field type of HubSpot's for each type of a need. References are associations and never properties."""

ANSWERS = (("Yes", "true"), ("No", "false"))


class Preparer:
    """One look at the portal, and what is made of it."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._known: dict[str, dict[str, WireProperty]] = {}
        self._grouped: set[str] = set()

    def prepare(self, need: Need, *, make: bool) -> Finding:
        """What there is, was made, or stands in the way; raises nothing."""
        subject = f"{need.object}.{need.name}"
        try:
            ok, detail = self._prepared(need, make=make)
        except ConnectorError as error:
            ok, detail = False, str(error)
        return Finding(subject, ok, detail)

    def _prepared(self, need: Need, *, make: bool) -> tuple[bool, str]:
        kind = BY_NAME.get(need.object)
        if kind is None:
            return False, f"HubSpot has no object `{need.object}` here"
        inside, _, name = need.name.rpartition(".")
        if inside not in ("", LINES) or (inside and kind.line is None):
            return False, f"`{need.object}` have no `{inside}`"
        if any(one.name == name for one in kind.references) and not inside:
            return True, "is an association, which HubSpot has of itself"
        if need.type not in SHAPES:
            return False, f"a {need.type} is an association in HubSpot, and none of that name can be made"
        own = LINE if inside else kind
        there = self._properties(own.name).get(name)
        if there is not None:
            return _looked_at(own, there, need)
        if not make:
            return True, "can be made"
        return self._made(own, name, need)

    def _properties(self, type_: str) -> dict[str, WireProperty]:
        if type_ not in self._known:
            self._known[type_] = {one.name: one for one in self._client.properties(type_)}
        return self._known[type_]

    def _made(self, kind: Kind, name: str, need: Need) -> tuple[bool, str]:
        self._group(kind.name)
        unique = need.unique and kind.unique is not False
        definition = _definition(name, need)
        try:
            self._client.make_property(kind.name, {**definition, "hasUniqueValue": True} if unique else definition)
        except RejectedError as error:
            if not unique or kind.unique:
                raise
            # Nobody has seen whether such an object takes a unique property: it is made as an ordinary one.
            self._client.make_property(kind.name, definition)
            unique, refused = False, str(error)
            self._known.pop(kind.name, None)
            return True, f"made, but not unique, so that records are looked for in the whole list: {refused}"
        self._known.pop(kind.name, None)
        return True, "made" if unique or not need.unique else f"made; of {kind.name} HubSpot makes none unique"

    def _group(self, type_: str) -> None:
        """Ours, where it is not there yet: HubSpot refuses it a second time."""
        if type_ in self._grouped:
            return
        try:
            self._client.make_group(type_, GROUP, "ERP")
        except RejectedError as error:
            if not _is_there(error):
                raise
        self._grouped.add(type_)


def _is_there(error: RejectedError) -> bool:
    return "status 409" in str(error) or "already exists" in str(error)


def _definition(name: str, need: Need) -> dict[str, Any]:
    type_, look = SHAPES[need.type]
    label = name.replace("_", " ").capitalize().replace("Erp", "ERP")
    definition: dict[str, Any] = {"groupName": GROUP, "name": name, "label": label, "type": type_, "fieldType": look}
    if need.type == "boolean":
        definition["options"] = _options(ANSWERS)
    if need.type == "enum":
        definition["options"] = _options([(word, word) for word in need.choices])
    return definition


def _options(choices: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Choices as HubSpot wants them, by label and value."""
    return [
        {"label": label, "value": value, "displayOrder": number, "hidden": False}
        for number, (label, value) in enumerate(choices)
    ]


def _looked_at(kind: Kind, there: WireProperty, need: Need) -> tuple[bool, str]:
    type_, _ = SHAPES[need.type]
    if there.type != type_:
        return False, f"is there as {there.type}, and {type_} is needed: name another property in the mapping"
    lacking = [word for word in need.choices if word not in {option.value for option in there.options}]
    if need.type == "enum" and lacking:
        return False, f"is there without the choices {', '.join(lacking)}: add them in HubSpot"
    if need.unique and not there.unique:
        if kind.unique:
            return False, "is there and not unique, which it cannot become: set `external_key` to another name"
        return True, "is there, not unique: records are looked for in the whole list"
    return True, "is there"
