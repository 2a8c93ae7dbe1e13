"""Which promises hold over a connection: what keeps a create from being made twice, an update from overwriting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connector.app.core import App
from connector.engine.spec import SyncSpec, SystemSpec
from connector.errors import ConnectorError
from connector.model.values import Side

TWICE = "never twice"
SILENT = "never silently"
HOUR = 3600.0


@dataclass(slots=True)
class Promise:
    """One promise on the objects it is held the same way for. full: without a gap; `how` names what holds it."""

    system: str
    promise: str
    full: bool
    how: str
    objects: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.system}: {self.promise}: {self.how} ({', '.join(self.objects)})"


def promises(app: App, systems: Iterable[str]) -> list[Promise]:
    """For every object of these systems the syncs write to, in the order of the file.

    Syncs that cannot be compiled are passed over: `check` says of them what is wrong.
    """
    wanted = set(systems)
    found: dict[tuple[str, str, bool, str], Promise] = {}
    for sync in app.chosen():
        if not set(sync.pair) <= wanted:
            continue
        try:
            spec = app.spec(sync.name)
        except ConnectorError:
            continue
        for name, object_, promise, full, how in _of_sync(spec):
            entry = found.setdefault((name, promise, full, how), Promise(name, promise, full, how))
            if object_ not in entry.objects:
                entry.objects.append(object_)
    order = list(app.config.systems)
    return sorted(found.values(), key=lambda entry: (order.index(entry.system), entry.promise != TWICE))


def _of_sync(spec: SyncSpec) -> Iterator[tuple[str, str, str, bool, str]]:
    for side in Side:
        system = spec.systems[side]
        if side in spec.creates:
            yield (system.name, system.object, TWICE, *_creates(system))
        if any(unit.flow.allows(side) for unit in spec.units):
            yield (system.name, system.object, SILENT, *_updates(system))


def _creates(system: SystemSpec) -> tuple[bool, str]:
    """The way the engine settles a create whose answer was lost; see `engine/recover`."""
    can = system.capabilities
    keyed = system.mapping.external_key is not None
    if can.external_key == "unique" and keyed:
        return True, "unique external key"
    if can.external_key == "search" and keyed:
        return True, "searched by external key after a crash"
    if can.external_key != "unique" and can.created_by and system.principal is not None:
        return True, "found by who created it after a crash"
    if can.idempotency > HOUR:
        return (
            False,
            f"idempotency key, for {can.idempotency / HOUR - 1:.0f} h after a crash; later a duplicate is possible",
        )
    return False, "nothing holds it: a crash between a create and its answer may leave a duplicate"


def _updates(system: SystemSpec) -> tuple[bool, str]:
    if system.capabilities.conditional_write:
        return True, "conditional writes"
    return False, "no conditional writes: read again right before each write, with the gap of one call"
