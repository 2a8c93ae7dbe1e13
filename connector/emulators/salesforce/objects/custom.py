"""Custom objects and fields, from metadata as the Tooling API and a settings file give it.

The contract names the fields an operator creates (§7) and not how; the shapes are those of the vendor's
metadata types CustomObject and CustomField.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connector.emulators.salesforce.errors import refusal
from connector.emulators.salesforce.fields import READ_ONLY, Field, OnDelete, reference, text
from connector.emulators.salesforce.schema import Schema, SObject, sobject

Metadata = Mapping[str, Any]

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c", re.ASCII)
_KNOWN = frozenset(
    """
    fullName label description inlineHelpText type length precision scale required unique externalId caseSensitive
    defaultValue displayFormat referenceTo relationshipName relationshipLabel relationshipOrder deleteConstraint
    reparentableMasterDetail writeRequiresMasterRead valueSet visibleLines trackHistory trackTrending trackFeedHistory
    """.split()  # noqa: SIM905  (a list of names is read more easily so)
)
_OBJECT_KNOWN = frozenset(
    """
    fullName label pluralLabel nameField deploymentStatus sharingModel description enableActivities enableHistory
    enableReports enableSearch enableBulkApi enableSharing enableStreamingApi allowInChatterGroups fields
    """.split()  # noqa: SIM905  (a list of names is read more easily so)
)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ON_DELETE: Mapping[str, OnDelete] = {"SetNull": "clear", "Restrict": "restrict", "Cascade": "cascade"}


def _invalid(message: str, *fields: str) -> Exception:
    return refusal("FIELD_INTEGRITY_EXCEPTION", message, *fields)


def _whole(given: Metadata, name: str, least: int, most: int) -> int:
    value = given.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _invalid(f"Must specify '{name}' between {least} and {most} for a CustomField of this type", name)
    return value


def _common(given: Metadata) -> dict[str, Any]:
    return {"label": given["label"], "required": bool(given.get("required"))}


def _plain(kind: str, length: int = 0) -> Callable[[str, Metadata], Field]:
    return lambda name, given: Field(name, kind, length=length, **_common(given))


def _text(name: str, given: Metadata) -> Field:
    return Field(
        name,
        "string",
        length=_whole(given, "length", 1, 255),
        external_id=bool(given.get("externalId")),
        unique=bool(given.get("unique")),
        case_sensitive=bool(given.get("caseSensitive")),
        **_common(given),
    )


def _email(name: str, given: Metadata) -> Field:
    keys: dict[str, Any] = {"external_id": bool(given.get("externalId")), "unique": bool(given.get("unique"))}
    return Field(name, "email", length=80, **keys, **_common(given))


def _number(kind: str) -> Callable[[str, Metadata], Field]:
    def read(name: str, given: Metadata) -> Field:
        precision = _whole(given, "precision", 1, 18)
        keys: dict[str, Any] = {"external_id": bool(given.get("externalId")), "unique": bool(given.get("unique"))}
        scale = _whole(given, "scale", 0, precision)
        return Field(name, kind, precision=precision, scale=scale, **keys, **_common(given))

    return read


def _checkbox(name: str, given: Metadata) -> Field:
    default = given.get("defaultValue", False)
    if default not in (True, False, "true", "false"):
        raise _invalid("Must specify 'defaultValue' true or false for a CustomField of type Checkbox", "defaultValue")
    return Field(name, "boolean", default=default in (True, "true"), label=given["label"])


def _picklist(name: str, given: Metadata) -> Field:
    values = given.get("valueSet", {}).get("valueSetDefinition", {}).get("value", [])
    choices = tuple(value["fullName"] for value in values)
    if not choices:
        raise _invalid("Must specify 'valueSet' for a CustomField of type Picklist", "valueSet")
    default = next((value["fullName"] for value in values if value.get("default")), None)
    restricted = bool(given.get("valueSet", {}).get("restricted"))
    return Field(
        name, "picklist", length=255, choices=choices, restricted=restricted, default=default, **_common(given)
    )


def _reference(master: bool) -> Callable[[str, Metadata], Field]:
    def read(name: str, given: Metadata) -> Field:
        target, children = given.get("referenceTo"), given.get("relationshipName")
        if not isinstance(target, str):
            raise _invalid("Must specify 'referenceTo' for a relationship field", "referenceTo")
        on_delete = "cascade" if master else _ON_DELETE.get(given.get("deleteConstraint", "SetNull"), "clear")
        return reference(
            name,
            target,
            f"{children}__r" if children else None,
            parent=name.removesuffix("__c") + "__r",
            required=master or bool(given.get("required")),
            updateable=not master or bool(given.get("reparentableMasterDetail")),
            on_delete=on_delete,
            label=given["label"],
        )

    return read


_TYPES: Mapping[str, Callable[[str, Metadata], Field]] = {
    "Text": _text,
    "TextArea": _plain("textarea", 255),
    "LongTextArea": lambda name, given: Field(
        name, "textarea", length=_whole(given, "length", 256, 131072), **_common(given)
    ),
    "Email": _email,
    "Phone": _plain("phone", 40),
    "Url": _plain("url", 255),
    "Number": _number("double"),
    "Currency": _number("currency"),
    "Percent": _number("percent"),
    "Date": _plain("date"),
    "DateTime": _plain("datetime"),
    "Checkbox": _checkbox,
    "Picklist": _picklist,
    "Lookup": _reference(master=False),
    "MasterDetail": _reference(master=True),
    "AutoNumber": lambda name, given: text(
        name, 30, auto_number=given.get("displayFormat", "{0}"), label=given["label"], **READ_ONLY
    ),
}


def custom_field(schema: Schema, kind: SObject, name: str, given: Metadata) -> Field:
    """The field that CustomField metadata describes. Raises Refusal."""
    if not _NAME.fullmatch(name) or len(name) > 43:
        raise refusal("INVALID_FULL_NAME", f"The name {name} is no developer name of a custom field", "FullName")
    if name.lower() in kind.by_lower:
        raise refusal(
            "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {name} on {kind.name}.", "DeveloperName"
        )
    unknown = sorted(set(given) - _KNOWN)
    if unknown:
        raise refusal("JSON_PARSER_ERROR", f"No such column '{unknown[0]}' on sobject of type Metadata")
    if not isinstance(given.get("label"), str):
        raise refusal("REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", "label")
    read = _TYPES.get(str(given.get("type")))
    if read is None:
        raise _invalid(f"Cannot create a custom field of type {given.get('type')}", "type")
    field = read(name, given)
    if field.refers is not None and field.refers not in schema.objects:
        raise _invalid(f"referenceTo value of '{field.refers}' does not resolve to a valid sObject type", "referenceTo")
    return field


def custom_object(schema: Schema, name: str, given: Metadata) -> SObject:
    """The object that CustomObject metadata describes, without its fields. Raises Refusal."""
    if not _NAME.fullmatch(name) or len(name) > 43:
        raise refusal("INVALID_FULL_NAME", f"The name {name} is no developer name of a custom object", "FullName")
    if schema.find(name) is not None:
        raise refusal("DUPLICATE_DEVELOPER_NAME", f"There is already an object named {name}.", "DeveloperName")
    unknown = sorted(set(given) - _OBJECT_KNOWN)
    if unknown:
        raise refusal("JSON_PARSER_ERROR", f"No such column '{unknown[0]}' on sobject of type Metadata")
    missing = [key for key in ("label", "pluralLabel", "nameField") if not given.get(key)]
    if missing:
        raise refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
    named = given["nameField"]
    if named.get("type") == "AutoNumber":
        called = text("Name", 80, auto_number=named.get("displayFormat", "{0}"), **READ_ONLY)
    else:
        called = text("Name", 80, required=True)
    place = sum(kind.custom for kind in schema)
    return sobject(
        name,
        f"a{place // 36}{_DIGITS[place % 36]}",
        (called, reference("OwnerId", "User")),
        given["pluralLabel"],
        label=given["label"],
        currency=True,
    )
