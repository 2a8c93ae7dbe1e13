"""Moves one system into the other, once: every sync one way, in dependency order, and a certificate at the end.

Resumable by nature: what is linked is known, what was open is settled, the rest is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from connector.engine.spec import SyncSpec
from connector.engine.verify import VerifyReport
from connector.merge.rules import Drift, Flow, Unit
from connector.model.values import Side


def one_way(spec: SyncSpec, target: Side) -> SyncSpec:
    """The same sync, writing only `target`. What its mapping cannot write drops out; deletes are left alone."""
    flow = Flow.L2R if target is Side.RIGHT else Flow.R2L
    writable = spec.systems[target].mapping.writable
    units = tuple(
        replace(unit, flow=flow, drift=Drift.IGNORE, source=f"{unit.source} (migrate)")
        for unit in spec.units
        if any(name in writable for name in unit.fields)
    )
    creates = frozenset() if spec.entity.projects or spec.systems[target].mapping.read_only else frozenset({target})
    return replace(spec, units=units, creates=creates, deletes="ignore")


def compared(spec: SyncSpec) -> SyncSpec:
    """The same sync as verification sees it: what the target kept of its own is a difference, too."""
    return replace(spec, units=tuple(replace(unit, drift=Drift.RESTORE) for unit in spec.units))


def uncovered(spec: SyncSpec, units: Sequence[Unit], target: Side) -> list[str]:
    """Fields the source shows and the target cannot take: what a migration leaves behind, by name."""
    covered = {name for unit in units for name in unit.fields}
    readable = spec.systems[target.other].mapping.readable
    return sorted(n for n, f in spec.entity.fields.items() if n in readable and n not in covered and not f.computed)


@dataclass(slots=True)
class Certificate:
    """What a migration proves: records and sums per entity on both sides, match rate per field, every exception.

    sums: entity -> figure and currency -> (source, target). rates: entity.field -> (same, different).
    """

    source: str
    target: str
    records: dict[str, tuple[int, int]] = field(default_factory=dict)
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    sums: dict[str, dict[str, tuple[Decimal, Decimal]]] = field(default_factory=dict)
    rates: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_behind: dict[str, list[str]] = field(default_factory=dict)
    exceptions: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Nothing differs, nothing is missing, every sum is equal."""
        return not self.exceptions


def certify(source: str, target: str, target_side: Side, reports: Sequence[VerifyReport]) -> Certificate:
    """The certificate over the verification of every entity moved."""
    found = Certificate(source, target)
    origin = target_side.other
    for report in reports:
        name = report.entity
        found.records[name] = (report.records[origin], report.records[target_side])
        if any(report.lines.values()):
            found.lines[name] = (report.lines[origin], report.lines[target_side])
        figures = sorted(set(report.sums[origin]) & set(report.sums[target_side]))
        found.sums[name] = {
            f"{figure} {currency}": (
                report.sums[origin][figure, currency],
                report.sums[target_side][figure, currency],
            )
            for figure, currency in figures
        }
        for field_name, (same, different) in report.fields.items():
            found.rates[f"{name}.{field_name}"] = (same, different)
        for kind, count in report.differences.items():
            found.exceptions[kind] = found.exceptions.get(kind, 0) + count
    return found
