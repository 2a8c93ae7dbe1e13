"""What every adapter promises, and what its system can do: data in `Capabilities`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from connector.model.records import Finding, Hint, Key, Page, Record, Write, WriteResult


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a system can do on one object. What the engine may promise follows from these.

    conditional_write: a write carries the version it was based on and fails with StaleError when it moved.
    idempotency: seconds a repeated token answers with the first representation; 0 if never.
    external_key: `unique` - creating again with the same external key reaches the same record; `search` - it can be
        found by it; `none`.
    created_by: records tell who created them, and `find` accepts the pseudo field `created_by`.
    feed: `exact` - a cursor covers everything committed before it; `overlap` - changes may turn visible late.
    versions: `counter` - each write adds one; `sortable`; `opaque`.
    deletes: `feed` - deletes appear in `changes`; `none` - only a full read shows them.
    batch_read, batch_write, page: records per call. concurrency: calls at a time.
    granularity: seconds of the modified stamp. decimals: how amounts travel in bodies.
    """

    conditional_write: bool = False
    idempotency: float = 0.0
    external_key: Literal["unique", "search", "none"] = "none"
    created_by: bool = False
    feed: Literal["exact", "overlap"] = "overlap"
    versions: Literal["counter", "sortable", "opaque"] = "opaque"
    deletes: Literal["feed", "none"] = "none"
    batch_read: int = 100
    batch_write: int = 100
    page: int = 100
    concurrency: int = 1
    granularity: float = 1.0
    decimals: Literal["string", "number"] = "string"


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field as the live system describes it. `lines`: fields of each nested line, if it is a list of lines."""

    name: str
    type: str
    required: bool = False
    writable: bool = True
    max_length: int | None = None
    choices: tuple[str, ...] = ()
    lines: Mapping[str, FieldSchema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """One object (table, resource) of a system."""

    name: str
    fields: Mapping[str, FieldSchema]
    capabilities: Capabilities
    creatable: bool = True
    deletable: bool = True


@dataclass(frozen=True, slots=True)
class Description:
    """principal: the name under which this connection writes, as records show it."""

    objects: Mapping[str, ObjectSchema]
    principal: str | None
    server_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    headers: Mapping[str, str]
    body: bytes


class Adapter(Protocol):
    """Speaks to one kind of system. Blocking, thread-safe, raises only errors of `connector.errors`.

    A call either returns or raises; a raise other than UncertainError promises that nothing was written.
    """

    def describe(self) -> Description:
        """Live schema and capabilities of every object this connection can see."""

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """What changed since the cursor, oldest first, deletes and merges included where the system tells.

        None starts at the beginning: every live record is returned. A record changed during the pass may come twice,
        an unchanged one is never missed. An expired cursor raises NotFoundError: read everything again.
        """

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """Every live record, by key order, page by page."""

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        """These records, fresh. Deleted and merged ones say so where the system knows; unknown keys are left out.

        Takes any number of keys and makes ceil(n / batch_read) calls.
        """

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        """Every live record whose field holds one of the values. `created_by` is a field where capabilities say so."""

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """One call: at most `batch_write` writes of one Op, no two on one record; one outcome per write, in order.

        Raises UncertainError when the request was sent and no usable answer came; other errors: nothing was written.
        """

    def check(self) -> Sequence[Finding]:
        """Credentials, rights and reachability, one finding each; never raises for what it can report."""

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        """The keys a webhook names. Raises DeniedError when the signature is missing, wrong or too old."""


@dataclass(frozen=True, slots=True)
class Need:
    """A field that the mappings name, as a system has to have it.

    object, name: the system's own; `lines.` before the name of a field of a line. type: text, note, decimal, money,
    price, integer, date, instant, boolean, enum or ref (a reference to `target`, an object). choices: of an enum, the
    system's own words. unique: it holds the key of the record in the other system.
    """

    object: str
    name: str
    type: str
    choices: Sequence[str] = ()
    target: str | None = None
    unique: bool = False


@runtime_checkable
class Preparable(Protocol):
    """An adapter whose system can be given the fields it lacks."""

    def prepare(self, needs: Sequence[Need], *, make: bool) -> Sequence[Finding]:
        """One finding a need, in order: there, made, or what stands in the way. make False: whether it can be made.

        Made twice is made once; what is there in another shape is reported, never changed.
        """
