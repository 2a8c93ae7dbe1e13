"""What the objects have in common: how a row becomes a record, and how a body becomes what is written.

A record may be more than its row: an order has lines, a product a price. What is inside has stamps of its own and does
not always move that of the row it belongs to, so the version is the newest stamp and a digest of all that is shown.
Stamps have whole seconds, and two changes fit into one. Contract: 2.2, 7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from connector.adapters.salesforce.client import Node, Row, SalesforceClient
from connector.adapters.salesforce.entries import Entries
from connector.adapters.salesforce.soql import ID_BYTES, ROOM, identity, read_instant
from connector.adapters.salesforce.table import DELETED, MASTER, Table, stamp_of
from connector.errors import RejectedError
from connector.model.records import Record, Write
from connector.ports import Capabilities, FieldSchema, ObjectSchema

MOST_READ = 400
BATCH = 200
"""Rows of one write: what a collection takes."""

MOST_NODES = 500
"""Requests of all graphs of one call."""

ROOT = "root"
"""What the row itself is called within a graph."""

CONCURRENCY = 5
"""Calls at a time: what a small org may have running for 20 s or more."""

PERSON = "IsPersonAccount"
"""Only there where person accounts are switched on."""

_digested = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_bodies = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class World:
    """What was learned of the org. book: id of the price book that counts; standard: of the standard one. currency: of
    an org with one, or of prices where there are several."""

    external_key: str = "ERP_Id__c"
    principal: str | None = None
    book: str | None = None
    standard: str | None = None
    currency: str | None = None
    page: int = 2000


@dataclass(frozen=True, slots=True)
class Inner:
    """Rows that belong to a record. link: their field that points to it. only: further conditions on them."""

    table: Table
    link: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A body, checked. root: fields of the row itself. inside: what is written beside it (`lines`, a price), if
    anything. create: whether the record is new. external: the key it is found by. token: of the write."""

    root: dict[str, Any]
    inside: Mapping[str, Any]
    create: bool
    external: tuple[str, str] | None = None
    token: str = ""


class Kind:
    """One object with what belongs to it. Plain: a row is the whole record."""

    inner: Inner | None = None

    def __init__(self, table: Table, world: World) -> None:
        self.table = table
        self.world = world
        self.name = table.name
        self.fields: Mapping[str, FieldSchema] = {known.name: known for known in self.described()}

    def described(self) -> Sequence[FieldSchema]:
        """Every field a record shows."""
        return [column.schema() for column in self.table.columns.values()]

    @property
    def capabilities(self) -> Capabilities:
        table, known = self.table, self.table.columns.get(self.world.external_key)
        unique = known is not None and known.external_id and known.unique
        longest = max(len(",".join(group)) for group in self._groups())
        return Capabilities(
            external_key="unique" if unique else "search" if known is not None else "none",
            created_by=table.has("CreatedById") and self.world.principal is not None,
            deletes="feed" if table.deletes else "none",
            batch_read=min(MOST_READ, (ROOM - longest) // ID_BYTES),
            batch_write=BATCH,
            page=self.world.page,
            concurrency=CONCURRENCY,
            decimals="number",
        )

    def schema(self) -> ObjectSchema:
        return ObjectSchema(
            self.name, self.fields, self.capabilities, creatable=self.table.createable, deletable=self.table.deletable
        )

    def _groups(self) -> list[list[str]]:
        return [*self.table.groups, *(self.inner.table.groups if self.inner else [])]

    # ------------------------------------------------------------------------------------------------ reading

    def record(self, row: Row, inside: Sequence[Row]) -> Record:
        """What the port tells of a row. Raises ValueError, TypeError or KeyError for one that is none."""
        key = identity(row["Id"])
        if key is None:
            raise ValueError("an Id that is none")
        survivor = identity(row.get(MASTER))
        if row.get(DELETED) or survivor:
            at = stamp_of(row)
            merged = survivor if survivor != key else None
            return Record(key, f"{at:%Y%m%dT%H%M%S.%f}-gone", None, at, deleted=merged is None, merged_into=merged)
        newest = max([(stamp_of(row), 0, row), *((stamp_of(one), -n - 1, one) for n, one in enumerate(inside))])
        fields = self.shown(row, inside)
        told = self.world.principal is not None
        return Record(
            key=key,
            version=f"{newest[0]:%Y%m%dT%H%M%S.%f}-{_digest(fields)}",
            fields=fields,
            modified=newest[0],
            created_by=identity(row.get("CreatedById")) if told else None,
            modified_by=identity(newest[2].get("LastModifiedById")) if told else None,
            created=read_instant(row["CreatedDate"]) if row.get("CreatedDate") else None,
        )

    def shown(self, row: Row, inside: Sequence[Row]) -> dict[str, Any]:
        """The fields of a live record."""
        return self.table.shown(row, self.table.columns)

    # ------------------------------------------------------------------------------------------------ writing

    def checked(self, write: Write, *, create: bool) -> Change:
        """The body, each value of its field's type. Raises RejectedError."""
        body = _bodies.decode(write.body)
        if not isinstance(body, dict):
            raise RejectedError(f"{self.name}: the body is no JSON object.")
        external = write.external if create else None
        if create and external is None and body.get(self.world.external_key):
            external = (self.world.external_key, str(body[self.world.external_key]))
        if external is not None:
            body = {**body, external[0]: external[1]}
        try:
            root, inside = self.parted(body, create=create)
            return Change(self._written(root, create=create), inside, create, external, write.token)
        except RejectedError as error:
            raise RejectedError(f"{self.name}: {error}") from None

    def parted(self, body: dict[str, Any], *, create: bool) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """The fields of the row, and what is written beside it. Raises RejectedError."""
        return body, {}

    def _written(self, fields: Mapping[str, Any], *, create: bool) -> dict[str, Any]:
        return {name: written(self.table, name, value, create=create) for name, value in fields.items()}

    def nodes(
        self, client: SalesforceClient, change: Change, row: Row, inside: Sequence[Row], prices: Entries
    ) -> list[Node]:
        """The requests that do a change, as one graph. row: as it is, empty for a create. Raises RejectedError."""
        if change.create:
            return [client.node("POST", self.name, None, change.root, ROOT)]
        return [client.node("PATCH", self.name, str(row["Id"]), change.root, ROOT)] if change.root else []

    def needs(self, change: Change) -> set[str]:
        """The products whose prices have to be known for it."""
        return set()


class Party(Kind):
    """Accounts and contacts, which in some orgs may be both at once. Where no org setting lets them, none is."""

    def described(self) -> Sequence[FieldSchema]:
        found = super().described()
        return found if PERSON in self.table.columns else [*found, FieldSchema(PERSON, "boolean", writable=False)]

    def shown(self, row: Row, inside: Sequence[Row]) -> dict[str, Any]:
        return {PERSON: False, **super().shown(row, inside)}


def written(table: Table, name: str, value: Any, *, create: bool, above: str = "") -> Any:
    """One value of a body, as it is sent. above: what its name begins with in messages. Raises RejectedError."""
    column = table.columns.get(name)
    if column is None:
        raise RejectedError(f"Salesforce has no field `{above}{name}`, or hides it from this user.")
    if not (column.createable if create else column.updateable):
        kept = "is Salesforce's own" if not column.createable else "can only be set when the record is made"
        raise RejectedError(f"`{above}{name}` {kept}, or this user may not edit it.")
    return column.written(value, above + name)


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.blake2b(_digested.encode(fields), digest_size=8).hexdigest()
