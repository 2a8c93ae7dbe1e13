"""Pipelines of deals and orders: a stage is written by its internal id, never by its label (contract 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector.reference.kit.store import stamp


@dataclass(frozen=True, slots=True)
class Stage:
    id: str
    label: str
    closed: bool = False
    probability: str | None = None

    def wire(self, position: int, at: int) -> dict[str, Any]:
        metadata = {"isClosed": "true" if self.closed else "false"}
        if self.probability is not None:
            metadata["probability"] = self.probability
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": position,
            "metadata": metadata,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
            "createdAt": stamp(at),
            "updatedAt": stamp(at),
        }


@dataclass(frozen=True, slots=True)
class Pipeline:
    id: str
    label: str
    stages: tuple[Stage, ...]

    def wire(self, position: int, at: int) -> dict[str, Any]:
        """The pipeline as the API answers it."""
        return {
            "id": self.id,
            "label": self.label,
            "displayOrder": position,
            "stages": [stage.wire(n, at) for n, stage in enumerate(self.stages)],
            "archived": False,
            "createdAt": stamp(at),
            "updatedAt": stamp(at),
        }


_SALES = Pipeline(
    "default",
    "Sales Pipeline",
    (
        Stage("appointmentscheduled", "Appointment Scheduled", probability="0.2"),
        Stage("qualifiedtobuy", "Qualified To Buy", probability="0.4"),
        Stage("presentationscheduled", "Presentation Scheduled", probability="0.6"),
        Stage("decisionmakerboughtin", "Decision Maker Bought-In", probability="0.8"),
        Stage("contractsent", "Contract Sent", probability="0.9"),
        Stage("closedwon", "Closed Won", closed=True, probability="1.0"),
        Stage("closedlost", "Closed Lost", closed=True, probability="0.0"),
    ),
)
# People make pipelines too, and HubSpot gives those and their stages numbers for ids.
_RENEWALS = Pipeline(
    "75481062",
    "Renewals",
    (
        Stage("142930661", "Negotiation", probability="0.5"),
        Stage("142930662", "Closed Won", closed=True, probability="1.0"),
        Stage("142930663", "Closed Lost", closed=True, probability="0.0"),
    ),
)
_ORDERS = Pipeline(
    "b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a10",
    "Order Pipeline",
    (
        Stage("b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a11", "Open"),
        Stage("b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a12", "Processed"),
        Stage("b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a13", "Shipped"),
        Stage("b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a14", "Delivered", closed=True),
        Stage("b1f3a6de-0c55-4d0e-9b6e-6c1f0f5d7a15", "Cancelled", closed=True),
    ),
)

PIPELINES = {"deals": (_SALES, _RENEWALS), "orders": (_ORDERS,)}
PROPERTIES = {"deals": ("pipeline", "dealstage"), "orders": ("hs_pipeline", "hs_pipeline_stage")}
"""By object type: the property that names the pipeline, and the one that names the stage."""


def stages_of(name: str, pipeline: str | None) -> frozenset[str]:
    """Ids of the stages of one pipeline, or of all when none is named."""
    return frozenset(stage.id for known in PIPELINES[name] if pipeline in (None, known.id) for stage in known.stages)
