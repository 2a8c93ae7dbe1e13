"""A record in memory, and as it goes over the wire."""

from __future__ import annotations

import msgspec

from connector.reference.kit.objects import Fields, ObjectType

LIVE, DELETED, MERGED = 0, 1, 2

NULL = msgspec.Raw(b"null")


class Wire(msgspec.Struct):
    """A record as the API answers it."""

    id: str
    version: int
    created: str
    modified: str
    created_by: str
    modified_by: str
    deleted: bool
    merged_into: str | None
    fields: msgspec.Raw


class Record:
    """One record. Treat it as a value: a change makes a new one.

    `fields` is decoded on first use and must not be changed in place; `deleted` and `merged_into` tell
    what became of it.
    """

    __slots__ = (
        "_fields",
        "_raw",
        "created",
        "created_by",
        "last_line",
        "merged",
        "modified",
        "modified_by",
        "n",
        "seq",
        "state",
        "type",
        "version",
    )

    def __init__(
        self,
        kind: ObjectType,
        n: int,
        version: int,
        seq: int,
        state: int,
        merged: int | None,
        created: str,
        modified: str,
        created_by: str,
        modified_by: str,
        last_line: int,
        raw: bytes | None = None,
        fields: Fields | None = None,
    ) -> None:
        self.type = kind
        self.n = n
        self.version = version
        self.seq = seq
        self.state = state
        self.merged = merged
        self.created = created
        self.modified = modified
        self.created_by = created_by
        self.modified_by = modified_by
        self.last_line = last_line
        self._raw = raw
        self._fields = fields

    @property
    def id(self) -> str:
        return self.type.key(self.n)

    @property
    def fields(self) -> Fields:
        if self._fields is None:
            self._fields = msgspec.json.decode(self._raw or b"{}")
        return self._fields

    @property
    def raw(self) -> bytes:
        if self._raw is None:
            self._raw = msgspec.json.encode(self._fields)
        return self._raw

    @property
    def live(self) -> bool:
        return self.state == LIVE

    @property
    def deleted(self) -> bool:
        return self.state == DELETED

    @property
    def merged_into(self) -> str | None:
        return None if self.merged is None else self.type.key(self.merged)

    @property
    def label(self) -> str:
        """What a person calls it."""
        return str(self.fields.get(self.type.label) or self.id)

    def changed(
        self,
        *,
        modified: str,
        by: str,
        fields: Fields | None = None,
        last_line: int | None = None,
        state: int | None = None,
        merged: int | None = None,
    ) -> Record:
        """The record after one more write."""
        return Record(
            self.type,
            self.n,
            self.version + 1,
            self.seq,
            self.state if state is None else state,
            self.merged if merged is None else merged,
            self.created,
            modified,
            self.created_by,
            by,
            self.last_line if last_line is None else last_line,
            self._raw if fields is None else None,
            self._fields if fields is None else fields,
        )


def wire(record: Record) -> Wire:
    """The record as answered; a deleted or merged one shows no fields."""
    return Wire(
        record.id,
        record.version,
        record.created,
        record.modified,
        record.created_by,
        record.modified_by,
        record.state == DELETED,
        record.merged_into,
        msgspec.Raw(record.raw) if record.state == LIVE else NULL,
    )
