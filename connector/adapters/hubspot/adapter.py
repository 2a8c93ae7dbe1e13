"""The methods of the port over HubSpot's API. What an object is made of stands in kinds.py. Contract: all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connector.adapters.hubspot import webhooks
from connector.adapters.hubspot.client import BATCH, SEARCH, HubSpotClient
from connector.adapters.hubspot.drafts import Drafting
from connector.adapters.hubspot.kinds import BY_NAME, KINDS, LINE_ITEMS, LINES, Kind
from connector.adapters.hubspot.line_writing import LineWriter
from connector.adapters.hubspot.lines import LineReader
from connector.adapters.hubspot.pipelines import Pipelines
from connector.adapters.hubspot.preparing import Preparer
from connector.adapters.hubspot.properties import described, wanted
from connector.adapters.hubspot.reading import Reader
from connector.adapters.hubspot.references import References
from connector.adapters.hubspot.searching import Finder
from connector.adapters.hubspot.webhooks import Signatures
from connector.adapters.hubspot.wire import WireProperty
from connector.adapters.hubspot.writing import Writer
from connector.errors import ConfigError, ConnectorError, DeniedError, NotFoundError, RejectedError
from connector.model.records import Finding, Hint, Key, Page, Record, Write, WriteResult
from connector.ports import Capabilities, Clock, Description, FieldSchema, Need, ObjectSchema, WebhookRequest

if TYPE_CHECKING:
    from connector.adapters.hubspot import HubSpotSettings

PAYMENTS = "commerce_payments"
CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Parts:
    """All that serves one object."""

    schema: ObjectSchema
    reader: Reader
    finder: Finder
    writer: Writer


@dataclass(frozen=True, slots=True)
class World:
    """What was learned of the portal. missing: objects that cannot be seen, and why."""

    parts: Mapping[str, Parts]
    missing: Mapping[str, ConnectorError]
    account: str


class HubSpotAdapter:
    """Adapter of HubSpot's CRM; see `connector.ports.Adapter` for the promises.

    HubSpot has no conditional writes and shows nobody's name on a record. What it deletes is told when the recycle bin
    is looked at, and at once by webhooks and by `read`.
    """

    def __init__(self, system: str, client: HubSpotClient, settings: HubSpotSettings, clock: Clock) -> None:
        self._system = system
        self._client = client
        self._settings = settings
        self._clock = clock
        secret = settings.app_secret.get_secret_value().encode() if settings.app_secret else None
        self._signatures = Signatures(system, secret, settings.webhook_url, settings.accept_unsigned_versions)
        self._lock = threading.Lock()
        self._world: World | None = None

    def describe(self) -> Description:
        """The objects this connection can see, asked for once and kept."""
        parts = self._learned().parts
        now = datetime.fromtimestamp(self._client.now(), UTC)
        return Description({name: one.schema for name, one in parts.items()}, None, now)

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._parts(object).reader.changes(cursor)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._parts(object).reader.scan(cursor)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return self._parts(object).reader.read(keys)

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return self._parts(object).finder.find(field, values)

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """As many calls as there are things HubSpot keeps apart, whatever the number of writes."""
        parts = self._parts(object)
        if not writes:
            return WriteResult([])
        keys = [write.key for write in writes if write.key is not None]
        if len(writes) > BATCH or len({write.op for write in writes}) > 1 or len(set(keys)) < len(keys):
            raise ValueError(f"a batch of {object} is at most {BATCH} writes of one op, no two on one record")
        return WriteResult(parts.writer.write(writes))

    def check(self) -> Sequence[Finding]:
        """The portal, then each object: whether it can be read, and which right is missing."""
        try:
            world = self._learn()
        except ConnectorError as error:
            return [Finding("connection", False, str(error))]
        with self._lock:
            self._world = world
        return [Finding("connection", True, world.account), *self._checked_token(), *self._checked(world)]

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        self._signatures.verify(request, self._clock.now())
        return webhooks.hints(request.body, BY_NAME)

    def prepare(self, needs: Sequence[Need], *, make: bool) -> Sequence[Finding]:
        """Properties, the one of the external key as a unique one where HubSpot lets it be."""
        preparer = Preparer(self._client)
        findings = [preparer.prepare(need, make=make) for need in needs]
        with self._lock:
            self._world = None
        return findings

    def calls_today(self) -> int | None:
        return self._client.calls_today

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    # ------------------------------------------------------------------------------------------ what is known

    def _parts(self, name: str) -> Parts:
        world = self._learned()
        if name in world.parts:
            return world.parts[name]
        if name in world.missing:
            raise world.missing[name]
        raise ConfigError(f"{self._system} has no object `{name}`; it has: {', '.join(sorted(world.parts))}.")

    def _learned(self) -> World:
        with self._lock:
            if self._world is None:
                self._world = self._learn()
            return self._world

    def _learn(self) -> World:
        """Raises where nothing at all can be seen: then it is not an object that is kept from us, but the portal."""
        account, currency = self._account()
        known: dict[str, dict[str, WireProperty]] = {}
        missing: dict[str, ConnectorError] = {}
        for name in [*self._names(), LINE_ITEMS]:
            try:
                known[name] = wanted(self._client.properties(name))
                if name == PAYMENTS:
                    self._client.page(name, ["hs_object_id"], None)
            except (DeniedError, NotFoundError, RejectedError) as error:  # it says 400 of a type it does not know
                known.pop(name, None)
                missing[name] = error
        if not known:
            raise next(iter(missing.values()))
        kinds = [BY_NAME[name] for name in known if name in BY_NAME]
        parts = {kind.name: self._made(kind, known, currency) for kind in kinds}
        if self._settings.payments == "auto":
            missing.pop(PAYMENTS, None)
        return World(parts, missing, account)

    def _account(self) -> tuple[str, str | None]:
        """Whose portal it is, in words, and its currency."""
        try:
            told = self._client.account()
        except (DeniedError, NotFoundError):  # a token need not have the right to ask
            return f"{self._client.place} answers", None
        words = " ".join(filter(None, (str(told.portal), told.kind, told.zone, told.currency)))
        return f"{self._client.place} answers: portal {words}", told.currency or None

    def _names(self) -> Iterator[str]:
        return (kind.name for kind in KINDS if kind.name != PAYMENTS or self._settings.payments != "off")

    def _made(self, kind: Kind, known: Mapping[str, Mapping[str, WireProperty]], currency: str | None) -> Parts:
        client, own = self._client, known[kind.name]
        references = References(client, kind, [one for one in kind.references if one.to in known])
        has_lines = kind.line is not None and LINE_ITEMS in known
        lines = LineReader(client, kind, known[LINE_ITEMS]) if has_lines else None
        pipelines = self._pipelines(kind) if kind.pipeline is not None else None
        reader = Reader(client, kind, own, references, lines, pipelines, currency, self._settings)
        drafting = Drafting(
            str(client.place), kind, own, references.own, lines.known if lines else None, pipelines, currency
        )
        external = self._settings.external_key
        unique = external in own and own[external].unique
        writer = Writer(
            client,
            reader,
            drafting,
            LineWriter(client, kind, lines) if lines else None,
            external if unique else None,
        )
        return Parts(_schema(kind, reader, self._capabilities(own)), reader, Finder(client, reader, external), writer)

    def _pipelines(self, kind: Kind) -> Pipelines:
        preferred = {str(name): label for name, label in self._settings.pipelines.items()}
        return Pipelines(str(self._client.place), kind, self._client.pipelines(kind.name), preferred.get(kind.name))

    def _capabilities(self, own: Mapping[str, WireProperty]) -> Capabilities:
        known = own.get(self._settings.external_key)
        return Capabilities(
            external_key="none" if known is None else "unique" if known.unique else "search",
            feed="overlap",
            versions="opaque",
            deletes="feed",
            batch_read=BATCH,
            batch_write=BATCH,
            page=SEARCH,
            concurrency=CONCURRENCY,
            granularity=0.001,
            decimals="string",
        )

    # ------------------------------------------------------------------------------------------------- checks

    def _checked_token(self) -> Iterator[Finding]:
        if self._client.refreshed is not None and self._client.refreshed.replaced:
            yield Finding(
                "refresh token",
                False,
                "HubSpot has replaced it, and the new one is kept only until this process ends: "
                "install the app again and put the new one into the configuration",
            )

    def _checked(self, world: World) -> Iterator[Finding]:
        for name, error in world.missing.items():
            scope = BY_NAME[name].scopes if name in BY_NAME else f"crm.objects.{name}"
            yield Finding(name, False, f"cannot be seen: give this connection {scope}.read and .write ({error})")
        granted = self._client.refreshed.scopes if self._client.refreshed is not None else frozenset()
        for name, parts in world.parts.items():
            scopes = [f"{BY_NAME[name].scopes}.{right}" for right in ("read", "write")]
            lacking = [scope for scope in scopes if granted and scope not in granted]
            try:
                parts.reader.scan(None)
            except ConnectorError as error:
                yield Finding(name, False, f"cannot be read: give this connection {scopes[0]} ({error})")
            else:
                can = "can be read" if granted else f"can be read; writing needs {scopes[1]}"
                yield Finding(name, not lacking, f"lacks {', '.join(lacking)}" if lacking else can)


def _schema(kind: Kind, reader: Reader, capabilities: Capabilities) -> ObjectSchema:
    fields = {name: described(one, required=name in kind.required) for name, one in reader.known.items()}
    fields.update((name, FieldSchema(name, "text")) for name in reader.references.own)
    if kind.currency is not None and kind.currency not in fields:
        fields[kind.currency] = FieldSchema(
            kind.currency, "text", choices=(reader.currency,) if reader.currency else ()
        )
    if reader.pipelines is not None:
        fields.update(reader.pipelines.schema(fields))
    if reader.lines is not None:
        fields[LINES] = FieldSchema(LINES, "lines", lines=reader.lines.schema)
    return ObjectSchema(kind.name, fields, capabilities)
