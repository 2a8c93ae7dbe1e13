"""The eight methods of the port over the built-in CRM's and ERP's API. Nothing here knows an entity or a mapping."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, cast

import msgspec

from connector.adapters.reference.client import (
    ReferenceClient,
    WireDescription,
    WireField,
    WireItem,
    WireObject,
    WireRecord,
    WriteItem,
    event,
)
from connector.adapters.reference.walk import read_walk
from connector.errors import ConfigError, ConnectorError, DeniedError, StaleError
from connector.model.records import Finding, Hint, Key, Op, Outcome, Page, Record, Version, Write, WriteResult
from connector.ports import Capabilities, Clock, Description, FieldSchema, ObjectSchema, WebhookRequest
from connector.rest.failures import Said, item_error, lost
from connector.rest.paging import chunks, pages, query_chunks

PAGE = 500
BATCH = 200
FIND_PAGE = 1000
CONCURRENCY = 4
VERSION_DIGITS = 12
REPLAY_SECONDS = 300.0

KINDS: Mapping[str, str] = {"crm": "CRM", "erp": "ERP"}
EXTERNAL = "external_id"
CREATED = 201


class ReferenceAdapter:
    """Adapter of the built-in CRM or ERP; see `connector.ports.Adapter` for the promises.

    Versions are the server's counter, padded with zeros so that they sort as text; the padding is taken off again in
    conditions. The external id: where the object says `unique`, it goes with the item on create and a repeated create
    reaches the same record; where it says `search`, it is an ordinary field value inside the body, which `find` finds.
    """

    def __init__(
        self,
        kind: Literal["crm", "erp"],
        system: str,
        client: ReferenceClient,
        clock: Clock,
        webhook_secret: bytes | None = None,
    ) -> None:
        self._kind = kind
        self._system = system
        self._client = client
        self._clock = clock
        self._secret = webhook_secret
        self._lock = threading.Lock()
        self._description: Description | None = None

    def describe(self) -> Description:
        """Live schema and capabilities, asked for once and kept. Raises ConfigError at the wrong kind of system."""
        with self._lock:
            if self._description is None:
                self._description = self._describe()
            return self._description

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """The feed in commit order; exact: nothing committed before the cursor turns visible later.

        Where a system has none, by the time of the last change.
        """
        if self._object(object).capabilities.feed == "overlap":
            return self._modified(object, cursor)
        page = self._client.page(object, [("cursor", cursor or ""), ("limit", str(PAGE))])
        return Page([_record(r) for r in page.items], page.cursor, page.more)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """Live records in id order."""
        self._object(object)
        page = self._client.page(object, [("after", cursor or ""), ("limit", str(PAGE))])
        return Page([_record(r) for r in page.items], page.cursor if page.more else None, page.more)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        self._object(object)
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Record] = {}
        for part in chunks(wanted, BATCH):
            found.update((r.id, _record(r)) for r in self._client.read(object, part))
        return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        known = self._object(object)
        if field not in known.fields and not (field == "created_by" and known.capabilities.created_by):
            raise ConfigError(f"{self._system}: `{object}` has no field `{field}` to search by; correct the mapping.")
        found: list[Record] = []
        for pairs in query_chunks(field, list(dict.fromkeys(values)), BATCH):
            for items in pages(lambda after, pairs=pairs: self._found(object, pairs, after)):  # type: ignore[misc]
                found.extend(_record(item) for item in items)
        return found

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """One batch call. Bodies travel byte for byte; tokens as item keys; versions where the object checks them."""
        if not writes:
            return WriteResult([])
        op = writes[0].op
        if len(writes) > BATCH or any(w.op is not op for w in writes):
            raise ValueError(f"a batch is at most {BATCH} writes of one op")
        capabilities = self._object(object).capabilities
        exact = capabilities.feed == "exact"  # without positions there is no span between two of them
        batch = self._client.write(object, op, [_item(w, capabilities) for w in writes])
        if len(batch.items) != len(writes):
            what = f"{len(batch.items)} results for {len(writes)} writes"
            raise lost(self._client.place, what, write=True)
        outcomes = [self._outcome(w, item) for w, item in zip(writes, batch.items, strict=True)]
        span = (str(batch.span[0]), str(batch.span[1])) if batch.span and exact else None
        return WriteResult(outcomes, span)

    def check(self) -> Sequence[Finding]:
        """Reachability and token, then per object whether it can be listed and created."""
        try:
            with self._lock:
                description = self._description = self._describe()
        except ConnectorError as error:
            return [Finding("connection", False, str(error))]
        who = description.principal or "unnamed"
        findings = [Finding("connection", True, f"{self._client.place} answers; this connection is `{who}`")]
        return findings + [self._check_object(name, o) for name, o in sorted(description.objects.items())]

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        if self._secret is None:
            raise DeniedError(f"{self._system}: webhooks need `webhook_secret` in the configuration; none is set.")
        headers = {name.lower(): value for name, value in request.headers.items()}
        stamp = headers.get("x-timestamp", "")
        self._verify(stamp, headers.get("x-signature", ""), request.body)
        data = event(request.body) or {}
        name, key, version = data.get("object"), data.get("key"), data.get("version")
        if not isinstance(name, str) or not isinstance(key, str):
            raise DeniedError(f"{self._system}: a signed webhook names no object and key; it is left out.")
        return [Hint(name, key, _padded(version) if isinstance(version, int) else None)]

    def calls_today(self) -> int | None:
        """What the system last told of all calls under this principal today."""
        return self._client.calls_today

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    def _describe(self) -> Description:
        wire = self._client.describe()
        if wire.system != self._kind:
            other = KINDS.get(wire.system, "another system")
            raise ConfigError(f"{self._client.place} is the {other}, not the {KINDS[self._kind]}: correct `url`.")
        return _description(wire)

    def _object(self, name: str) -> ObjectSchema:
        objects = self.describe().objects
        if name not in objects:
            raise ConfigError(f"{self._system} has no object `{name}`; it has: {', '.join(sorted(objects))}.")
        return objects[name]

    def _modified(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        """One page by time of change. A walk begins at the newest time the one before it was shown, that second
        included: finer times are kept than are shown, and a second comes to its end after it was read."""
        walk = read_walk(cursor)
        page = self._client.page(object, [("modified_since", walk.since), ("after", walk.after), ("limit", str(PAGE))])
        walk = walk.behind(page.items, page.cursor or "", more=page.more)
        return Page([_record(r) for r in page.items], str(walk), page.more)

    def _found(
        self,
        object: str,  # noqa: A002
        pairs: Sequence[tuple[str, str]],
        after: str | None,
    ) -> tuple[Sequence[WireRecord], str | None]:
        more = [("after", after)] if after is not None else []
        page = self._client.page(object, [*pairs, *more, ("limit", str(FIND_PAGE))])
        live = [item for item in page.items if not item.deleted and item.merged_into is None]
        return live, page.cursor if page.more else None

    def _outcome(self, write: Write, item: WireItem) -> Outcome:
        record = _record(item.record) if item.record else None
        key = record.key if record else write.key
        if 200 <= item.status < 300:
            return Outcome(key, record, existed=write.op is Op.CREATE and item.status != CREATED)
        said = Said(item.error.code, item.error.message, item.error.field) if item.error else None
        return Outcome(key, record, item_error(self._client.place, item.status, said))

    def _check_object(self, name: str, known: ObjectSchema) -> Finding:
        try:
            self._client.page(name, [("after", ""), ("limit", "1")])
        except ConnectorError as error:
            return Finding(name, False, str(error))
        return Finding(name, True, "can be read and created" if known.creatable else "can be read, not created")

    def _verify(self, stamp: str, signature: str, body: bytes) -> None:
        """The signature first: nothing of an unsigned request is believed, not even its time."""
        assert self._secret is not None
        wanted = "sha256=" + hmac.new(self._secret, stamp.encode() + b"." + body, "sha256").hexdigest()
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise DeniedError(f"{self._system}: a webhook's signature is missing or wrong; check `webhook_secret`.")
        at = _seconds(stamp)
        if at is None or abs(self._clock.now() - at) > REPLAY_SECONDS:
            raise DeniedError(f"{self._system}: a webhook is more than {REPLAY_SECONDS:.0f} s old; check both clocks.")


def _item(write: Write, capabilities: Capabilities) -> WriteItem:
    item = WriteItem(key=write.token)
    if write.op is not Op.DELETE:
        item.fields = msgspec.Raw(write.body)
    if write.op is Op.CREATE:
        if capabilities.external_key == "unique" and write.external and write.external[0] == EXTERNAL:
            item.external_id = write.external[1]
        return item
    item.id = write.key
    if capabilities.conditional_write and write.version is not None:
        item.version = _number(write.version)
    return item


def _record(wire: WireRecord) -> Record:
    return Record(
        wire.id,
        _padded(wire.version),
        wire.fields,
        wire.modified,
        wire.created_by,
        wire.modified_by,
        wire.deleted,
        wire.merged_into,
        wire.created,
    )


def _padded(version: int) -> Version:
    return f"{version:0{VERSION_DIGITS}d}"


def _number(version: Version) -> int:
    try:
        return int(version)
    except ValueError:
        raise StaleError("The version kept for a record is not one of this system; it is read again.") from None


def _seconds(stamp: str) -> float | None:
    """A signature's time: seconds since the epoch, or an instant."""
    try:
        return float(stamp) if stamp.replace(".", "", 1).isdecimal() else datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def _description(wire: WireDescription) -> Description:
    objects = {name: _object_schema(name, known) for name, known in wire.objects.items()}
    return Description(objects, wire.principal, wire.time)


def _object_schema(name: str, wire: WireObject) -> ObjectSchema:
    external = wire.external_key if wire.external_key in ("unique", "search") else "none"
    capabilities = Capabilities(
        conditional_write=wire.conditional,
        idempotency=wire.idempotency,
        external_key=cast(Literal["unique", "search", "none"], external),
        created_by=wire.created_by,
        feed="exact" if wire.feed == "commit" else "overlap",
        versions="counter",
        deletes="feed",
        batch_read=BATCH,
        batch_write=BATCH,
        page=PAGE,
        concurrency=CONCURRENCY,
        granularity=wire.stamps,
        decimals="string",
    )
    fields = {field: _field(field, known) for field, known in wire.fields.items()}
    return ObjectSchema(name, fields, capabilities, wire.creatable, wire.deletable)


def _field(name: str, wire: WireField) -> FieldSchema:
    lines = {inner: _field(inner, known) for inner, known in (wire.lines or {}).items()}
    return FieldSchema(name, wire.type, wire.required, wire.writable, wire.max_length, tuple(wire.choices or ()), lines)
