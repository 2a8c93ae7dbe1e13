"""The built-in systems' wire format: what goes out and what comes back, as docs/reference-api.md states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec

from connector.ports import Clock
from connector.rest.auth import Bearer
from connector.rest.client import Options, RestClient, segment

if TYPE_CHECKING:
    from connector.adapters.reference import ReferenceSettings


Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time that names its zone. One that does not is refused: it could only be guessed at."""


class WireRecord(msgspec.Struct):
    id: str
    version: int
    modified: Instant | None = None
    created: Instant | None = None
    created_by: str | None = None
    modified_by: str | None = None
    deleted: bool = False
    merged_into: str | None = None
    fields: dict[str, Any] | None = None


class WirePage(msgspec.Struct):
    items: list[WireRecord]
    cursor: str | None = None
    more: bool = False


class WireError(msgspec.Struct):
    code: str = ""
    message: str = ""
    field: str | None = None


class WireItem(msgspec.Struct):
    status: int
    record: WireRecord | None = None
    error: WireError | None = None


class WireBatch(msgspec.Struct):
    items: list[WireItem]
    span: tuple[str | int, str | int] | None = None


class WireField(msgspec.Struct):
    type: str
    required: bool = False
    writable: bool = True
    max_length: int | None = None
    choices: list[str] | None = None
    lines: dict[str, WireField] | None = None


class WireObject(msgspec.Struct):
    fields: dict[str, WireField]
    creatable: bool = True
    deletable: bool = True
    external_key: str = "none"
    idempotency: float = 0.0
    conditional: bool = False
    created_by: bool = False
    feed: str = "commit"
    stamps: float = 0.001


class WireDescription(msgspec.Struct):
    system: str
    objects: dict[str, WireObject]
    principal: str | None = None
    time: Instant | None = None


class WriteItem(msgspec.Struct, omit_defaults=True):
    """One item of a batch write. fields: the frozen body, embedded byte for byte."""

    id: str | None = None
    version: int | None = None
    fields: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    key: str | None = None
    external_id: str | None = None


class ReferenceClient:
    """The calls of the API, one method each. Thread-safe; raises only errors of `connector.errors`."""

    def __init__(self, system: str, settings: ReferenceSettings, clock: Clock) -> None:
        options = Options(timeout=settings.timeout, verify=settings.verify, proxy=settings.proxy)
        auth = Bearer(settings.auth.token.get_secret_value())
        self._rest = RestClient(system, settings.url, clock, auth=auth, options=options, observe=self._count)
        self.calls_today: int | None = None
        self.place = self._rest.place

    def describe(self) -> WireDescription:
        return self._rest.get("/api/describe", WireDescription)

    def page(self, object: str, query: Sequence[tuple[str, str]]) -> WirePage:  # noqa: A002
        """Feed, scan or find: the query says which."""
        return self._rest.get(f"/api/{segment(object)}", WirePage, query)

    def read(self, object: str, ids: Sequence[str]) -> list[WireRecord]:  # noqa: A002
        body = msgspec.json.encode({"ids": ids})
        return self._rest.send("POST", f"/api/{segment(object)}/batch/read", WirePage, body, write=False).items

    def write(self, object: str, op: str, items: Sequence[WriteItem]) -> WireBatch:  # noqa: A002
        """op: create, update or delete."""
        body = msgspec.json.encode({"items": items})
        return self._rest.send("POST", f"/api/{segment(object)}/batch/{op}", WireBatch, body, write=True)

    def _count(self, headers: Mapping[str, str]) -> None:
        told = headers.get("x-calls-today", "")
        if told.isascii() and told.isdigit():
            self.calls_today = int(told)

    def close(self) -> None:
        self._rest.close()


def event(body: bytes) -> Mapping[str, Any] | None:
    """A webhook's body, None when it is not a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
