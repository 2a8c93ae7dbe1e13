"""The application describes itself: objects, fields, and what they can do."""

from __future__ import annotations

from typing import Any

from connector.reference.kit.idempotency import SECONDS
from connector.reference.kit.objects import Field, ObjectType
from connector.reference.kit.service import Service
from connector.reference.kit.store import stamp


def describe(service: Service, principal: str, today: int, limit: int | None) -> dict[str, Any]:
    """The answer of `GET /api/describe`."""
    return {
        "system": service.domain.system,
        "principal": principal,
        "time": stamp(int(service.store.clock().timestamp() * 1000)),
        "calls": {"today": today, "limit": limit},
        "objects": {name: _object(service, kind) for name, kind in service.objects.items()},
    }


def _object(service: Service, kind: ObjectType) -> dict[str, Any]:
    switches = service.switches
    return {
        "fields": {field.name: _field(field, kind.read_only) for field in kind.fields},
        "creatable": kind.creatable,
        "deletable": kind.deletable,
        "external_key": switches.external_key if kind.has_external_id else "none",
        "idempotency": SECONDS if switches.idempotency == "on" else 0,
        "conditional": switches.conditional == "on",
        "created_by": True,
        "feed": switches.feed,
        "stamps": 0.001 if switches.stamps == "exact" else 1,
    }


def _field(field: Field, read_only: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": field.type,
        "required": field.required,
        "writable": field.writable and not read_only,
    }
    if field.max_length is not None:
        shown["max_length"] = field.max_length
    if field.choices:
        shown["choices"] = field.choices
    if field.ref is not None:
        shown["object"] = field.ref
    if field.type == "lines":
        lines = (Field(name="external_id", max_length=255), *field.lines)
        shown["lines"] = {line.name: _field(line, read_only) for line in lines}
    return shown
