"""Limits, record counts, and which resources there are (contract §1 and 4)."""

from __future__ import annotations

from collections.abc import Mapping

from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.router import route


def limits(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    return Answer(200, instance.limits())


def record_count(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    names = call.params.get("sObjects", "")
    kinds = [instance.org.kind(name) for name in names.split(",")] if names else list(instance.org.schema)
    shown = [{"name": kind.name, "count": instance.org.store.count(kind)} for kind in kinds]
    return Answer(200, {"sObjects": shown})


def resources(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    names = ("sobjects", "query", "queryAll", "composite", "limits", "tooling", "jobs")
    return Answer(200, {name: f"{call.base}/{name}" for name in names})


ROUTES = (
    route("GET", "", resources),
    route("GET", "limits", limits),
    route("GET", "limits/recordCount", record_count, "sObjects"),
)
