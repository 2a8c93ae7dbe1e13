"""Plan, sync, apply, verify, migrate: the runs, one sync after the other, parents before children."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from connector.app.compile import compile_sync
from connector.app.core import App
from connector.app.plans import SavedPlan
from connector.clock import new_id
from connector.config import SyncConfig
from connector.engine.driver import Driver
from connector.engine.migrate import Certificate, certify, compared, one_way, uncovered
from connector.engine.spec import SyncSpec
from connector.engine.sync import Options
from connector.engine.sync import plan as plan_run
from connector.engine.sync import sync as sync_run
from connector.engine.verify import Difference, VerifyReport, balance_problems, not_compared
from connector.engine.verify import verify as verify_run
from connector.engine.work import hidden_text
from connector.errors import ConfigError, ConnectorError
from connector.mapping.located import listed
from connector.model.plan import PlanLine, Report
from connector.model.rows import RunRow
from connector.model.values import Side

LineSink = Callable[[PlanLine], None]
DifferenceSink = Callable[[Difference], None]


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one sync: a report, or the error that ended it. calls: made meanwhile, per system."""

    sync: str
    report: Report | None
    error: ConnectorError | None
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found. money: sentences about balances that do not add up across entities; not_compared: about
    those that cannot be compared."""

    reports: list[VerifyReport]
    money: list[str]
    not_compared: list[str]

    @property
    def clean(self) -> bool:
        return not self.money and all(report.clean for report in self.reports)


# ---------------------------------------------------------------------------------------------------- plan


def plan(app: App, names: Iterable[str], sink: LineSink, *, full: bool = False) -> list[Report]:
    """What a run of these syncs would do, line by line to `sink`. Writes nothing anywhere; both systems are read only.

    Raises the first error: half a plan is none.
    """
    reports = []
    for sync in app.chosen(names):
        spec = app.spec(sync.name)
        with app.driver(sync, read_only=True) as driver, app.spool() as spool:
            reports.append(driver.run(plan_run(spec, app.vault, spool, sink, full=full)))
    return reports


# ---------------------------------------------------------------------------------------------------- runs


def sync(app: App, names: Iterable[str] = (), *, full: bool = False, allow: Collection[str] = ()) -> list[Ran]:
    """Run these syncs, or all. A sync that fails or is halted does not keep the others from running.

    allow: guards a person let through.
    """
    options = Options(full=full, allow=frozenset(allow))
    return [_ran(app, sync.name, options) for sync in app.chosen(names)]


def apply(app: App, plan_: SavedPlan, *, allow: Collection[str] = ()) -> list[Ran]:
    """Do exactly the saved actions; what is no longer as planned is left and listed in the report's `drifted`.

    Raises ConfigError when the plan was made with another key or for systems this configuration does not have.
    """
    plan_.check(app)
    results = []
    for sync in app.chosen(plan_.wanted) if plan_.wanted else ():  # no name at all would mean every sync
        options = Options(allow=frozenset(allow), only=plan_.wanted[sync.name])
        results.append(_ran(app, sync.name, options))
    return results


def _ran(app: App, name: str, options: Options) -> Ran:
    before, config, started = app.calls(), app.sync_config(name), app.clock.now()
    try:
        spec = app.spec(name)
    except ConnectorError as error:
        _note_unbegun(app, config, started, error)
        return Ran(name, None, error, _since(app, before))
    try:
        return Ran(name, run_one(app, config, spec, options), None, _since(app, before))
    except ConnectorError as error:
        return Ran(name, None, error, _since(app, before))


def _note_unbegun(app: App, sync: SyncConfig, started: float, error: ConnectorError) -> None:
    """A run that could not begin is among the runs all the same: whoever looks there sees that a system is down."""
    with suppress(ConnectorError):  # no store: the error itself is told
        detail = hidden_text(app.vault, str(error))
        row = RunRow(new_id(), sync.name, app.kind(sync), started, app.clock.now(), "failed", "{}", detail)
        with app.store.begin() as tx:
            tx.put_run(row)


def _since(app: App, before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in app.calls().items() if count > before.get(name, 0)}


def run_one(app: App, sync: SyncConfig, spec: SyncSpec, options: Options) -> Report:
    """One run of one sync. The lease is given back however it ends, Ctrl-C included."""
    owner = new_id()
    with app.driver(sync) as driver, app.spool() as spool, _leased(app, spec.kind, owner):
        return driver.run(sync_run(spec, app.vault, spool, replace(options, owner=owner)))


@contextmanager
def _leased(app: App, kind: str, owner: str) -> Iterator[None]:
    """Free the lease of a run that was killed; give back that of one that is interrupted."""
    with app.sole(kind) as alone:
        if alone:
            with app.store.begin() as tx:
                tx.end_lease(kind)
        try:
            yield
        except Exception:
            raise  # the run gave it back itself
        except BaseException:
            with app.store.begin() as tx:
                tx.drop_lease(kind, owner)
            raise


# -------------------------------------------------------------------------------------------------- verify


def verify(app: App, names: Iterable[str], sink: DifferenceSink) -> Verified:
    """Read both sides fully and compare everything; every difference goes to `sink`. Writes nothing."""
    reports = []
    for sync in app.chosen(names):
        spec = app.spec(sync.name)
        with app.driver(sync, read_only=True, essential=True) as driver:
            reports.append(_verify(app, driver, compared(spec), sink))
    return Verified(reports, balance_problems(reports), not_compared(reports))


def _verify(app: App, driver: Driver, spec: SyncSpec, sink: DifferenceSink) -> VerifyReport:
    with app.spool() as spool:
        return driver.run(verify_run(spec, app.vault, spool, sink))


# ------------------------------------------------------------------------------------------------- migrate


def migrate(
    app: App, source: str, target: str, sink: DifferenceSink, *, allow: Collection[str] = ()
) -> tuple[list[Ran], Certificate]:
    """Move everything of one system into the other, once, and prove it. Run it again to go on where it stopped.

    Every sync between the two runs one way; what the target already has is linked, never made again. Raises ConfigError
    when nothing connects the two systems.
    """
    syncs = [sync for sync in app.chosen() if set(sync.pair) == {source, target}]
    if not syncs or source == target:
        pairs = sorted({f"{sync.between.left} and {sync.between.right}" for sync in app.chosen()})
        raise ConfigError(f"No sync is between `{source}` and `{target}`; there are syncs between {listed(pairs)}.")
    ran: list[Ran] = []
    reports: list[VerifyReport] = []
    left_behind: dict[str, list[str]] = {}
    side = app.side_of(syncs[0], target)
    for sync in syncs:
        spec = _migration_spec(app, sync, source, side)
        left_behind[sync.entity.name] = uncovered(spec, spec.units, side)
        if not spec.units:
            continue
        ran.append(_migrated(app, sync, spec, allow))
        with app.driver(sync, read_only=True, essential=True) as driver:
            reports.append(_verify(app, driver, spec, sink))
    certificate = certify(source, target, side, reports)
    certificate.left_behind = {entity: names for entity, names in left_behind.items() if names}
    return ran, certificate


def _migration_spec(app: App, sync: SyncConfig, source: str, side: Side) -> SyncSpec:
    """Everything the target can take, whichever way the sync runs otherwise; what the target owns stays its own."""
    spec = compile_sync(replace(sync, direction=source), sync.between.map(app.description), app.config.syncs.values())
    owned = {name for name, rule in sync.fields.items() if rule.owner == sync.between[side]}
    units = tuple(unit for unit in spec.units if unit.name not in owned)
    return one_way(replace(spec, units=units), side)


def _migrated(app: App, sync: SyncConfig, spec: SyncSpec, allow: Collection[str]) -> Ran:
    before = app.calls()
    try:
        report = run_one(app, sync, spec, Options(full=True, allow=frozenset(allow)))
        return Ran(sync.name, report, None, _since(app, before))
    except ConnectorError as error:
        return Ran(sync.name, None, error, _since(app, before))
