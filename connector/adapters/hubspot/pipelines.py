"""Pipelines and their stages: what a stage is called, and the id of one that is named. No I/O. Contract: section 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.adapters.hubspot.kinds import Kind
from connector.adapters.hubspot.wire import WirePipeline, WireStage
from connector.errors import ConfigError, RejectedError
from connector.ports import FieldSchema

LABEL = "stage_label"
WON = "stage_is_won"


class Pipelines:
    """Those of one kind. preferred: into which new records go that name none, by label or id; else the first."""

    def __init__(self, place: str, kind: Kind, known: Sequence[WirePipeline], preferred: str | None) -> None:
        self._place = place
        self._kind = kind
        self._known = sorted(known, key=lambda one: one.order)
        self._stages = {(pipeline.id, stage.id): stage for pipeline in self._known for stage in pipeline.stages}
        self._first = self._named(preferred) if preferred is not None else next(iter(self._known), None)
        if preferred is not None and self._first is None:
            names = ", ".join(pipeline.label for pipeline in self._known)
            raise ConfigError(f"{place} has no pipeline `{preferred}` of {kind.name}; it has: {names}.")

    def schema(self, fields: Mapping[str, FieldSchema]) -> dict[str, FieldSchema]:
        """Stage and pipeline with the ids there are, and what records show of their stage beside its id."""
        ids = {
            str(self._kind.pipeline): [pipeline.id for pipeline in self._known],
            str(self._kind.stage): [stage.id for pipeline in self._known for stage in pipeline.stages],
        }
        known = {name: replace(fields[name], choices=tuple(ids[name])) for name in ids if name in fields}
        shown = (FieldSchema(LABEL, "text", writable=False), FieldSchema(WON, "boolean", writable=False))
        return {**known, **{one.name: one for one in shown}}

    def shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        pipeline, stage = fields.get(self._kind.pipeline or ""), fields.get(self._kind.stage or "")
        found = self._stages.get((str(pipeline), str(stage)))
        return {LABEL: found.label if found else None, WON: _is_won(found) if found else None}

    def resolved(self, fields: Mapping[str, Any], *, create: bool) -> dict[str, Any]:
        """The fields of a write with ids where labels were given; a new record gets the preferred pipeline."""
        pipeline, stage = str(self._kind.pipeline), str(self._kind.stage)
        named, at = fields.get(pipeline), fields.get(stage)
        found = dict(fields)
        among = self._known
        if named or (create and at and self._first is not None):
            mine = self._named(named) if named else self._first
            if mine is None:
                raise RejectedError(
                    f"{self._place}: {self._kind.name} have no pipeline `{named}`; correct the mapping."
                )
            among, found[pipeline] = [mine], mine.id
        if at:
            found[stage] = self._stage(among, at)
        return found

    def _stage(self, among: Sequence[WirePipeline], name: str) -> str:
        stages = [stage for pipeline in among for stage in pipeline.stages]
        mine = {stage.id for stage in stages if stage.id == name} or {
            stage.id for stage in stages if stage.label == name
        }
        if len(mine) != 1:
            labels = ", ".join(stage.label for stage in stages)
            raise RejectedError(f"{self._place}: there is no one stage `{name}` of {self._kind.name}: {labels}.")
        return mine.pop()

    def _named(self, name: str) -> WirePipeline | None:
        mine = [one for one in self._known if one.id == name] or [one for one in self._known if one.label == name]
        return mine[0] if mine else None


def _is_won(stage: WireStage) -> bool:
    """Of a closed stage HubSpot keeps how probable a sale is: won is certain."""
    return stage.metadata.get("probability", "") in ("1", "1.0")
