"""One emulated org: its settings, objects, records and the clock they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from connector.emulators.salesforce.bin import RecycleBin
from connector.emulators.salesforce.errors import not_found, refusal
from connector.emulators.salesforce.ids import numbered
from connector.emulators.salesforce.objects.custom import custom_field, custom_object
from connector.emulators.salesforce.objects.standard import standard_objects
from connector.emulators.salesforce.records import Caller, Records
from connector.emulators.salesforce.schema import Schema, SObject
from connector.emulators.salesforce.settings import Settings
from connector.emulators.salesforce.soql.compile import compile_query
from connector.emulators.salesforce.soql.parse import parse
from connector.emulators.salesforce.store import Change, Store
from connector.emulators.salesforce.times import stamp

VERSION = 68
OLDEST = 31

_OBJECT_PREFIX, _FIELD_PREFIX = "01I", "00N"


class Org:
    """What the routes, the pages and the tests work on."""

    def __init__(self, settings: Settings) -> None:
        if not set(settings.order_statuses.values()) <= {"Draft", "Activated"}:
            raise ValueError("an order's status is of the category Draft or Activated")
        self.settings = settings
        self.switches = settings.switches
        self.store = Store(settings.db)
        kinds = standard_objects(tuple(settings.order_statuses), bool(settings.currencies))
        self.schema = Schema(kinds, tuple(settings.currencies))
        self._invisible: set[tuple[str, str]] = set()
        self.records = Records(self)
        self.bin = RecycleBin(self.records)
        self._purged = ""
        self.listeners: list[Callable[[Sequence[Change]], None]] = []
        for kind in self.schema:
            self.store.open_object(kind)
        self.id = numbered("00D", 1)
        self.user = numbered("005", 1)
        self.person = numbered("005", 2)
        with self.store.transaction():
            if not self.store.count(self.schema.objects["Organization"]):
                self._seed()
            self._restore()
        self.store.take_changes()

    def close(self) -> None:
        self.store.close()

    # time

    def now(self) -> datetime:
        return self.settings.clock()

    def stamp(self) -> str:
        """The time as a record's system fields show it."""
        return stamp(self.now(), self.switches.granularity)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction at this time: what the recycle bin no longer keeps is gone before it begins."""
        minute = stamp(self.now())[:16]
        try:
            with self.store.transaction():
                if minute != self._purged:
                    self.bin.purge(self.switches.recycle_days)
                    self._purged = minute
                yield
        except BaseException:
            self.store.take_changes()
            raise
        changes = self.store.take_changes()
        for listener in self.listeners:
            listener(changes)

    # objects

    def kind(self, name: str) -> SObject:
        """The object of this API name. Raises Refusal NOT_FOUND."""
        kind = self.schema.objects.get(name)
        if kind is None:
            raise not_found()
        return kind

    def hidden(self, kind: SObject, field: str) -> bool:
        """Whether field-level security keeps the field from the caller."""
        return (kind.name, field) in self._invisible

    def hide(self, kind: SObject, field: str) -> None:
        self._invisible.add((kind.name, field))

    def show(self, kind: SObject, field: str) -> None:
        self._invisible.discard((kind.name, field))

    def permission_id(self) -> str:
        return numbered("01k", self.store.next_number("01k"))

    def matches(self, kind: SObject, key: str, condition: str) -> bool:
        """Whether a SOQL condition holds for a record."""
        query = parse(f"SELECT Id FROM {kind.name} WHERE Id = '{key}' AND ({condition})")
        compiled = compile_query(self.schema, query, self.hidden, deleted=True, shuffled=False)
        return bool(self.store.rows(compiled.sql, compiled.parameters))

    def apply(self, full_name: str, metadata: Mapping[str, Any]) -> str:
        """Make a custom object (`X__c`) or field (`Account.X__c`); its id. Raises Refusal."""
        key = self._make(full_name, metadata)
        body = msgspec.json.encode(metadata).decode()
        self.store.execute("INSERT INTO _metadata (name, body) VALUES (?, ?)", (full_name, body))
        return key

    def _make(self, full_name: str, metadata: Mapping[str, Any]) -> str:
        name, dot, field = full_name.partition(".")
        if dot:
            kind = self.schema.objects.get(name)
            if kind is None:
                raise refusal("INVALID_CROSS_REFERENCE_KEY", f"Entity {name} does not exist", "FullName")
            made = custom_field(self.schema, kind, field, metadata)
            self.schema.add_field(kind, made)
            self.store.add_column(kind, made)
            return numbered(_FIELD_PREFIX, self.store.next_number(_FIELD_PREFIX))
        kind = custom_object(self.schema, name, metadata)
        for one in metadata.get("fields", ()):
            kind.add(custom_field(self.schema, kind, one["fullName"], one))
        self.schema.add_object(kind)
        self.store.open_object(kind)
        return numbered(_OBJECT_PREFIX, self.store.next_number(_OBJECT_PREFIX))

    def _restore(self) -> None:
        """Custom objects and fields of the file first, then those of the settings that it lacks."""
        known = self.store.rows("SELECT name, body FROM _metadata ORDER BY n")
        for name, body in known:
            self._make(name, msgspec.json.decode(body))
        names = {name for name, _ in known}
        for given in self.settings.setup:
            if given["FullName"] not in names:
                self.apply(given["FullName"], given["Metadata"])

    def _seed(self) -> None:
        """What every org has on its first day."""
        self._insert("Organization", Name="Acme", OrganizationType="Developer Edition", InstanceName="EMU1")
        if self.settings.sandbox:
            self.store.execute("UPDATE Organization SET IsSandbox = 1")
        self._insert("User", Username=self.settings.username, Name="Integration User", IsActive=1)
        self._insert("User", Username="person@acme.example", Name="Pat Person", IsActive=1)
        self._insert("Pricebook2", Name="Standard Price Book", IsActive=1, IsStandard=1)
        for place, code in enumerate(self.settings.currencies):
            facts = {"IsoCode": code, "ConversionRate": 1.0, "DecimalPlaces": 2, "IsActive": 1}
            self._insert("CurrencyType", **facts, IsCorporate=int(place == 0))

    def _insert(self, name: str, **values: Any) -> None:
        kind = self.schema.objects[name]
        at = self.stamp()
        user = numbered("005", 1)
        blank = {field.name: 0 for field in kind.fields.values() if field.type == "boolean"}
        key = numbered(kind.prefix, self.store.next_number(kind.prefix))
        times = {"CreatedDate": at, "LastModifiedDate": at, "SystemModstamp": at}
        people = {"CreatedById": user, "LastModifiedById": user}
        self.store.insert(kind, {"Id": key, **blank, **times, **people, **values})

    @property
    def caller(self) -> Caller:
        """The integration user, as whom every API call runs."""
        return Caller(self.user)

    @property
    def by_hand(self) -> Caller:
        """A person, as whom the pages and the control routes write."""
        return Caller(self.person)
