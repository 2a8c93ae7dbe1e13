"""One portal: its records and definitions, its clock and switches, and one transaction per call."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from connector.emulators.hubspot.catalog import ObjectType, object_type
from connector.emulators.hubspot.definitions import Definition, all_defaults
from connector.emulators.hubspot.events import Event
from connector.emulators.hubspot.settings import Settings, Time
from connector.emulators.hubspot.store import Store
from connector.emulators.hubspot.switches import Switches

_NAMESPACE = uuid.UUID("6f1d3c52-7a0b-5c1e-9d43-0f2b6a8c4e11")


class Portal:
    """What every route works on. listeners: told of the events of each committed call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.time = Time(settings.clock)
        self.switches: Switches = settings.switches
        self.store = Store(settings.db)
        self.listeners: list[Callable[[Sequence[Event]], None]] = []
        self.definitions: dict[str, dict[str, Definition]] = {}
        self._events: list[Event] = []
        self._source = "INTEGRATION"
        self._correlations = 0
        self._load()

    def close(self) -> None:
        self.store.close()

    def reset(self) -> None:
        """Forget every record, definition and event; switches and clock are as at the start."""
        self.store.clear()
        self.switches = self.settings.switches
        self.time.ahead = 0
        self._load()

    def _load(self) -> None:
        self.definitions = all_defaults(self.settings.currencies)
        for key, body in self.store.kept("definition").items():
            name, _, _ = key.partition("/")
            known = msgspec.json.decode(body, type=Definition)
            self.definitions[name][known.name] = known

    def kind(self, key: str) -> ObjectType:
        """The object type of that name or id. Raises HubSpotError 400."""
        return object_type(key, self.switches.payments)

    def define(self, kind: ObjectType, definition: Definition) -> None:
        """Keep one more property definition."""
        self.store.keep("definition", f"{kind.name}/{definition.name}", definition)
        self.definitions[kind.name][definition.name] = definition

    @contextmanager
    def write(self, source: str = "INTEGRATION") -> Iterator[None]:
        """One transaction; who listens hears of it once it is committed. source: who changes, as events tell it."""
        with self.store.lock:
            self._events, self._source = [], source
            with self.store.transaction():
                yield
            for listener in self.listeners:
                listener(self._events)

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the call that may fail while the rest is kept."""
        before = len(self._events)
        try:
            with self.store.transaction():
                yield
        except BaseException:
            del self._events[before:]
            raise

    def happened(self, action: str, kind: ObjectType, key: int, **told: Any) -> None:
        """Note an event of the running call."""
        at, source = self.time.ms(), self._source
        self._events.append(Event(action=action, type=kind.name, id=key, at=at, source=source, **told))

    def correlation_id(self) -> str:
        """What HubSpot's support would ask for; never the same twice."""
        self._correlations += 1
        return str(uuid.uuid5(_NAMESPACE, str(self._correlations)))
