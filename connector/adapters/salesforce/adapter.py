"""The eight methods of the port over Salesforce. What an object is made of stands in files of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from connector.adapters.salesforce.client import SalesforceClient
from connector.adapters.salesforce.failures import StaleSchemaError
from connector.adapters.salesforce.kinds import BATCH
from connector.adapters.salesforce.learning import Learned, findings, learn
from connector.adapters.salesforce.messages import hints_of
from connector.adapters.salesforce.preparing import prepare
from connector.adapters.salesforce.reading import Rows
from connector.adapters.salesforce.writing import Writer
from connector.errors import ConfigError, ConnectorError
from connector.model.records import Finding, Hint, Key, Op, Page, Record, Write, WriteResult
from connector.ports import Clock, Description, Need, WebhookRequest

if TYPE_CHECKING:
    from connector.adapters.salesforce import SalesforceSettings

T = TypeVar("T")

DAY = 86_400.0
"""Seconds a description is kept."""


class SalesforceAdapter:
    """Adapter of Salesforce; see `connector.ports.Adapter` for the promises.

    Writes carry no condition, for Salesforce knows none; a create is told from its repetition by the external key.
    """

    def __init__(self, system: str, client: SalesforceClient, settings: SalesforceSettings, clock: Clock) -> None:
        self._system = system
        self._client = client
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Learned | None = None
        self._until = 0.0

    def describe(self) -> Description:
        """Objects as this org has them and this user sees them, asked for once a day."""
        learned = self._learned()
        objects = {name: rows.schema for name, rows in learned.rows.items()}
        return Description(objects, learned.world.principal, self._client.server_time())

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._with(object, lambda rows, _: rows.changes(cursor))

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._with(object, lambda rows, _: rows.scan(cursor))

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return self._with(object, lambda rows, _: rows.read(keys))

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return self._with(object, lambda rows, _: rows.find(field, values))

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """A call for all of them where rows are written; for what has lines or a price, one for every 75."""
        if not writes:
            return WriteResult([])
        keys = [write.key for write in writes if write.op is not Op.CREATE]
        if len(writes) > BATCH or len(keys) != len(set(keys)) or any(write.op is not writes[0].op for write in writes):
            raise ValueError(f"a batch of {object} is at most {BATCH} writes of one op, no two on one record")
        outcomes = self._with(object, lambda _, writer: writer.write(writes))
        if any(isinstance(outcome.error, StaleSchemaError) for outcome in outcomes):
            self._forget()
        return WriteResult(outcomes)

    def check(self) -> Sequence[Finding]:
        """Reachability and calls left; then per object whether it is there, and which field or right is missing."""
        try:
            self._forget()
            learned = self._learned()
            most, left = self._client.limits()
        except ConnectorError as error:
            return [Finding("connection", False, str(error))]
        who = learned.world.principal or "a user it does not name"
        told = f"{self._client.place} answers; this connection writes as {who}"
        calls = Finding("calls", left > 0, f"{left} of {most} calls a day are left to the whole org")
        return [Finding("connection", True, told), calls, *findings(learned, self._settings)]

    def prepare(self, needs: Sequence[Need], *, make: bool) -> Sequence[Finding]:
        """See `connector.ports.Preparable`."""
        kinds = [rows.kind for rows in self._learned().rows.values()]
        tables = {kind.name: (kind.table, kind.inner.table if kind.inner else None) for kind in kinds}
        found = prepare(self._client, tables, needs, make=make)
        if make:
            self._forget()
        return found

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        """Of an outbound message; it is answered with `messages.ACK`."""
        token, organization = self._settings.webhook_token, self._settings.organization
        return hints_of(
            self._system,
            request.headers,
            request.body,
            token=token.get_secret_value() if token else None,
            organization=organization or self._client.organization,
            links=self._learned().links if token else {},
        )

    def calls_today(self) -> int | None:
        """What Salesforce last told of all calls to the org in the last 24 hours."""
        return self._client.calls_today

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    def _learned(self) -> Learned:
        with self._lock:
            now = self._clock.now()
            if self._known is None or now >= self._until:
                self._known = learn(self._client, self._settings)
                self._until = now + DAY
            return self._known

    def _with(self, name: str, go: Callable[[Rows, Writer], T]) -> T:
        """A field that is there no more: what was learned of the org is learned again next time."""
        learned = self._learned()
        if name not in learned.rows:
            raise ConfigError(f"{self._system} has no object `{name}`; it has: {', '.join(sorted(learned.rows))}.")
        try:
            return go(learned.rows[name], learned.writers[name])
        except StaleSchemaError:
            self._forget()
            raise

    def _forget(self) -> None:
        with self._lock:
            self._known = None
