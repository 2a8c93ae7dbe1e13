"""What HubSpot sends, decoded. No I/O. Contract: section 3.1, and the schemas beside it.

Names are ours where HubSpot's stand for something else here: `gone` is its `archived`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connector.adapters.hubspot.failures import Problem


class WireObject(msgspec.Struct):
    """A record as HubSpot sends it. gone: it is in the recycle bin. trace: the write that this answers."""

    id: str
    properties: dict[str, str | None]
    updated: datetime = msgspec.field(name="updatedAt")
    created: datetime | None = msgspec.field(name="createdAt", default=None)
    gone: bool = msgspec.field(name="archived", default=False)
    removed: datetime | None = msgspec.field(name="archivedAt", default=None)
    trace: str | None = msgspec.field(name="objectWriteTraceId", default=None)


class WireNext(msgspec.Struct):
    after: str


class WirePaging(msgspec.Struct):
    next: WireNext | None = None


class WireList(msgspec.Struct):
    results: list[WireObject]
    paging: WirePaging | None = None

    @property
    def after(self) -> str | None:
        return self.paging.next.after if self.paging and self.paging.next else None


class WireBatch(msgspec.Struct):
    """What came of a batch. errors: of the rows that are not in `results`."""

    results: list[WireObject]
    errors: list[Problem] = []


class WireKind(msgspec.Struct):
    """category, number: the type of an association."""

    category: str
    number: int = msgspec.field(name="typeId")


class WireEnd(msgspec.Struct):
    """The other end of an association. id: text or number, as HubSpot's own examples have both."""

    id: str | int = msgspec.field(name="toObjectId")
    kinds: list[WireKind] = msgspec.field(name="associationTypes", default_factory=list)

    def is_of(self, numbers: Sequence[int]) -> bool:
        return any(kind.category == "HUBSPOT_DEFINED" and kind.number in numbers for kind in self.kinds)


class WireStart(msgspec.Struct):
    id: str


class WireEnds(msgspec.Struct):
    start: WireStart = msgspec.field(name="from")
    to: list[WireEnd]
    paging: WirePaging | None = None


class WireEndsBatch(msgspec.Struct):
    results: list[WireEnds]
    errors: list[Problem] = []


class WireOption(msgspec.Struct):
    value: str
    label: str = ""


class WireLimits(msgspec.Struct):
    fixed: bool = msgspec.field(name="readOnlyValue", default=False)


class WireProperty(msgspec.Struct):
    """A property's definition."""

    name: str
    type: str
    look: str = msgspec.field(name="fieldType", default="")
    label: str = ""
    options: list[WireOption] = []
    calculated: bool = False
    hidden: bool = False
    unique: bool = msgspec.field(name="hasUniqueValue", default=False)
    outside: bool = msgspec.field(name="externalOptions", default=False)
    limits: WireLimits | None = msgspec.field(name="modificationMetadata", default=None)


class WireStage(msgspec.Struct):
    id: str
    label: str = ""
    metadata: dict[str, str] = {}


class WirePipeline(msgspec.Struct):
    id: str
    label: str = ""
    order: int = msgspec.field(name="displayOrder", default=0)
    stages: list[WireStage] = []


class WireProperties(msgspec.Struct):
    results: list[WireProperty]


class WirePipelines(msgspec.Struct):
    results: list[WirePipeline]


class WireAccount(msgspec.Struct):
    portal: int = msgspec.field(name="portalId")
    kind: str = msgspec.field(name="accountType", default="")
    zone: str = msgspec.field(name="timeZone", default="UTC")
    currency: str = msgspec.field(name="companyCurrency", default="")


class WireProblems(msgspec.Struct):
    errors: list[Problem] = []
