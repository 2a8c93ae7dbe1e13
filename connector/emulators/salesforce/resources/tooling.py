"""Custom objects and fields made through the Tooling API, as an operator's set-up script does it (§7)."""

from __future__ import annotations

from collections.abc import Mapping

from connector.emulators.salesforce.errors import refusal, unreadable
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.router import route


def _make(instance: Instance, call: Call, field: bool) -> Answer:
    body = call.object()
    name, metadata = body.get("FullName"), body.get("Metadata")
    if not isinstance(name, str) or not isinstance(metadata, dict) or set(body) != {"FullName", "Metadata"}:
        raise unreadable("the body must have FullName and Metadata, and nothing else")
    if field != ("." in name):
        raise refusal("INVALID_FULL_NAME", f"{name} is not the full name of a custom {'field' if field else 'object'}")
    key = instance.org.apply(name, metadata)
    if field and instance.org.switches.field_security:
        kind, _, one = name.partition(".")
        instance.org.hide(instance.org.kind(kind), one)
    return Answer(201, {"id": key, "success": True, "errors": [], "warnings": [], "infos": []})


def custom_field(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    return _make(instance, call, field=True)


def custom_object(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    return _make(instance, call, field=False)


ROUTES = (
    route("POST", "tooling/sobjects/CustomField", custom_field),
    route("POST", "tooling/sobjects/CustomObject", custom_object),
)
