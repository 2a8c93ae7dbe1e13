"""The commands that run syncs: plan, apply, sync, migrate, verify, match."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.common import (
    CONFIG,
    DIFFERENT,
    DONE,
    AllowOption,
    ConfigOption,
    JsonOption,
    SyncsArgument,
    checked,
    line_data,
    opened,
    ran_code,
    ran_data,
    show_ran,
)
from connector.cli.output import counted, emit, few, plain, say, table

if TYPE_CHECKING:
    from connector.app.core import App
    from connector.app.running import Verified
    from connector.engine.migrate import Certificate
    from connector.engine.verify import Difference
    from connector.model.plan import PlanLine, Report

SHOWN = 50
"""Lines of a plan or of differences a table shows unless all are asked for."""

FullOption = Annotated[bool, typer.Option("--full", help="List every record, too, so that what is gone shows.")]
AllOption = Annotated[bool, typer.Option("--all", help=f"Show every line, not the first {SHOWN}.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for function in (plan, apply, sync, migrate, verify, match):
        app.command()(function)


class _Kept:
    """Keeps the lines a table will show and counts the rest: memory stays flat however long a plan is."""

    def __init__(self, limit: int | None, then: Callable[[Any], None] | None = None) -> None:
        self.limit = limit
        self.then = then
        self.lines: list[Any] = []
        self.more = 0

    def add(self, line: Any) -> None:
        if self.limit is None or len(self.lines) < self.limit:
            self.lines.append(line)
        else:
            self.more += 1
        if self.then is not None:
            self.then(line)


# ---------------------------------------------------------------------------------------------------- plan


def plan(
    syncs: SyncsArgument = None,
    out: Annotated[Path | None, typer.Option("--out", help="Save it for `connector apply`.", metavar="FILE")] = None,
    full: FullOption = False,
    every: AllOption = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Show every action and conflict a run would bring. Writes nothing anywhere."""
    from connector.app.plans import PlanWriter
    from connector.app.running import plan as run_plan

    names = syncs or []
    with opened(config) as app:
        kept = _Kept(None if every or json else SHOWN)
        if out is not None:
            with PlanWriter(out, app, [sync.name for sync in app.chosen(names)]) as writer:
                kept.then = writer.add
                reports = run_plan(app, names, kept.add, full=full)
        else:
            reports = run_plan(app, names, kept.add, full=full)
        if json:
            emit({"syncs": [_summary(app, r) for r in reports], "lines": [line_data(line) for line in kept.lines]})
        else:
            _show_plan(app, reports, kept)
            if out is not None:
                say(f"Saved to {out}: {counted(writer.actions, 'action')}. Do them with `connector apply {out}`.")
    return DIFFERENT if any(report.summary.actions for report in reports) else DONE


def _summary(app: App, report: Report) -> dict[str, object]:
    systems = app.sync_config(report.sync).between
    summary = report.summary
    return {
        "sync": report.sync,
        "systems": plain(systems),
        "linked": summary.linked,
        "actions": dict(summary.actions),
        "creates": plain(summary.creates),
        "updates": plain(summary.updates),
        "deletes": plain(summary.deletes),
        "calls": plain(summary.calls),
        "calls_left": {name: app.budget(name).left() for name in systems},
        "amounts": {currency: str(amount) for currency, amount in summary.amounts.items()},
        "halted": report.halted,
    }


def _show_plan(app: App, reports: list[Report], kept: _Kept) -> None:
    if kept.lines:
        table(["sync", "action", "record", "keys", "fields", "why"], [_plan_row(app, line) for line in kept.lines])
    if kept.more:
        say(f"... and {kept.more} more lines; --all shows them.")
    rows = []
    for report in reports:
        systems, s = app.sync_config(report.sync).between, report.summary
        for name, creates, updates, deletes, calls in zip(
            systems, s.creates, s.updates, s.deletes, s.calls, strict=True
        ):
            left = app.budget(name).left()
            if calls:
                rows.append([report.sync, name, creates, updates, deletes, calls, "" if left is None else left])
    if rows:
        table(["sync", "system", "creates", "updates", "deletes", "write calls", "calls left today"], rows)
    for report in reports:
        waiting = {
            name: n for name, n in report.summary.actions.items() if name in ("conflict", "hold", "wait", "refuse")
        }
        notes = [f"{count} {name}" for name, count in waiting.items()]
        notes += [f"creates worth {amount} {currency}" for currency, amount in report.summary.amounts.items()]
        if notes:
            say(f"{report.sync}: {', '.join(notes)}")
        for sentence in report.halted:
            say(f"A run would be halted. {sentence}")
    if not any(report.summary.actions for report in reports):
        say(_nothing_to_do(app, reports))


def _nothing_to_do(app: App, reports: list[Report]) -> str:
    """Both sides are in step, or everything that differs waits for a person."""
    from connector.app.status import waiting as count

    conflicts, dead = count(app, [report.sync for report in reports])
    if not conflicts and not dead:
        return "Nothing to do: both sides are in step."
    waiting = []
    if conflicts:
        waiting.append(f"{counted(conflicts, 'conflict')} (connector conflicts list)")
    if dead:
        waiting.append(f"{counted(dead, 'dead letter')} (connector dead-letters list)")
    return f"Nothing to do, but this waits for a person: {', '.join(waiting)}"


def _plan_row(app: App, line: PlanLine) -> list[object]:
    systems = app.sync_config(line.sync).between
    where = f"{line.action} in {systems[line.side]}" if line.side else line.action
    keys = " = ".join(str(key) for key in line.keys if key)
    return [line.sync, where, line.label, keys, few(line.fields), line.reason or line.rule]


# ---------------------------------------------------------------------------------------------------- runs


def apply(
    file: Annotated[Path, typer.Argument(help="A plan saved with `connector plan --out`.")],
    allow: AllowOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Do exactly a saved plan. What has changed since is left alone and listed."""
    from connector.app.plans import load_plan
    from connector.app.running import apply as run_apply

    with opened(config) as app:
        ran = run_apply(app, load_plan(file), allow=checked(allow))
    if not ran and not json:
        say(f"{file} holds no action; nothing was done.")
        return DONE
    return show_ran(ran, json=json)


def sync(
    syncs: SyncsArgument = None,
    full: FullOption = False,
    allow: AllowOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Bring both sides in step: plan and apply in one, guards on."""
    from connector.app.running import sync as run_sync

    with opened(config) as app:
        ran = run_sync(app, syncs or [], full=full, allow=checked(allow))
    return show_ran(ran, json=json)


def migrate(
    source: Annotated[str, typer.Option("--from", help="The system everything is in.", metavar="SYSTEM")],
    target: Annotated[str, typer.Option("--to", help="The system it goes to.", metavar="SYSTEM")],
    out: Annotated[Path | None, typer.Option("--out", help="Save the certificate as JSON.", metavar="FILE")] = None,
    allow: AllowOption = None,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Move one system into the other, once, and prove it. Run it again to go on where it stopped."""
    from connector.app.running import migrate as run_migrate

    kept = _Kept(SHOWN)
    with opened(config) as app:
        ran, certificate = run_migrate(app, source, target, kept.add, allow=checked(allow))
        if out is not None:
            _save(out, certificate)
        if json:
            emit({"runs": ran_data(ran), "certificate": plain(certificate), "complete": certificate.complete})
        else:
            show_ran(ran, json=False)
            _show_certificate(certificate)
            _show_differences(app, kept)
    return ran_code(ran) or (DONE if certificate.complete else DIFFERENT)


def _save(path: Path, certificate: Certificate) -> None:
    import msgspec

    from connector.errors import ConfigError

    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(plain(certificate)), indent=2) + b"\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {(error.strerror or 'refused').lower()}.") from None


def _show_certificate(found: Certificate) -> None:
    rows: list[list[object]] = [[entity, "records", *both] for entity, both in found.records.items()]
    rows += [[entity, "lines", *both] for entity, both in found.lines.items()]
    rows += [[entity, name, *both] for entity, sums in found.sums.items() for name, both in sums.items()]
    table(["entity", "figure", found.source, found.target], rows, title="Certificate")
    different = [[name, same, other] for name, (same, other) in found.rates.items() if other]
    if different:
        table(["field", "same", "different"], different)
    for entity, names in found.left_behind.items():
        what = ", ".join(names) if entity in found.records else "anything of it"
        say(f"{entity}: {found.target} does not take {what}")
    if found.complete:
        say(f"Complete: everything of {found.source} is in {found.target}, to the cent.")
    else:
        say("Exceptions: " + ", ".join(f"{count} {kind}" for kind, count in found.exceptions.items()))


# -------------------------------------------------------------------------------------------------- verify


def verify(
    syncs: SyncsArgument = None,
    every: AllOption = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Read both sides fully, compare every field, prove the money, and show each difference."""
    from connector.app.running import verify as run_verify

    kept = _Kept(None if every or json else SHOWN)
    with opened(config) as app:
        found = run_verify(app, syncs or [], kept.add)
        if json:
            emit(_verified_data(app, found, kept.lines))
        else:
            _show_verified(app, found, kept)
    return DONE if found.clean else DIFFERENT


def _verified_data(app: App, found: Verified, lines: list[Difference]) -> dict[str, object]:
    syncs = []
    for report in found.reports:
        systems = app.sync_config(report.sync).between
        syncs.append(
            {
                "sync": report.sync,
                "entity": report.entity,
                "records": {systems[side]: count for side, count in report.records.items()},
                "lines": {systems[side]: count for side, count in report.lines.items()},
                "linked": report.linked,
                "fields": {name: {"same": pair[0], "different": pair[1]} for name, pair in report.fields.items()},
                "sums": {
                    systems[side]: {f"{name} {currency}": str(a) for (name, currency), a in sums.items()}
                    for side, sums in report.sums.items()
                },
                "differences": dict(report.differences),
                "skipped": dict(report.skipped),
            }
        )
    money = {"money": found.money, "not_compared": found.not_compared}
    return {"clean": found.clean, "syncs": syncs, **money, "differences": [plain(d) for d in lines]}


def _show_verified(app: App, found: Verified, kept: _Kept) -> None:
    rows = []
    for report in found.reports:
        systems = app.sync_config(report.sync).between
        records = ", ".join(f"{systems[side]} {count}" for side, count in report.records.items())
        same, other = (sum(pair[n] for pair in report.fields.values()) for n in (0, 1))
        rows.append([report.sync, records, report.linked, same, other, sum(report.differences.values())])
    table(["sync", "records", "linked", "fields same", "fields different", "differences"], rows)
    for report in found.reports:
        if apart := report.skipped["closed"]:
            say(f"{report.sync}: {counted(apart, 'record')} not compared, whose link has ended: connector links list")
    _show_differences(app, kept)
    for sentence in (*found.money, *found.not_compared):
        say(sentence)
    if found.clean:
        money = "" if found.not_compared else ", and the money adds up"
        say(f"Clean: every linked record is the same on both sides{money}.")


def _show_differences(app: App, kept: _Kept) -> None:
    if kept.lines:
        rows = []
        for d in kept.lines:
            keys = " = ".join(str(key) for key in d.keys if key)
            rows.append([d.sync, d.kind, keys, d.name, d.shown.left, d.shown.right, d.reason])
        # The systems' names head their columns where all syncs shown are between the same two.
        pairs = {tuple(app.sync_config(d.sync).between) for d in kept.lines}
        left, right = pairs.pop() if len(pairs) == 1 else ("left", "right")
        table(["sync", "difference", "keys", "field", left, right, "why"], rows)
    if kept.more:
        say(f"... and {kept.more} more differences; --all shows them.")


# --------------------------------------------------------------------------------------------------- match


def match(
    sync: Annotated[str, typer.Argument(help="The sync whose records are to be linked.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the pairs for review.", metavar="FILE")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Read a reviewed file back.", metavar="FILE")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Show the records' names (on screen only).")] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """First link: propose pairs for review, and carry out the reviewed file.

    The column `decision` takes `link`, `keep-apart` (both are left alone for good) or nothing.
    """
    from connector.app import matching

    with opened(config) as app:
        if source is not None:
            decided = matching.decide(app, sync, source)
            if json:
                emit(decided)
            else:
                say(f"{decided.linked} linked, {decided.apart} kept apart, {decided.undecided} without a decision.")
                say(f"Next: connector sync {sync}")
            return DONE
        found = matching.propose(app, sync)
    if out is not None:
        matching.write_review(out, found)
    if json:
        emit(found)
        return DONE
    head = [found.systems.left, found.systems.right, "rule", "score", "decision"]
    rows = [[c.left, c.right, c.rule, c.score, c.decision] for c in found.candidates[:SHOWN]]
    if labels:
        head += ["left record", "right record"]
        rows = [[*row, *c.labels] for row, c in zip(rows, found.candidates, strict=False)]
    table(head, rows)
    settled = sum(c.decision == matching.LINK for c in found.candidates)
    for name, unlinked, alone in zip(found.systems, found.unlinked, found.alone, strict=True):
        say(f"{name}: {unlinked} records without a link, {alone} of them like no other")
    say(f"{settled} pairs without doubt, {len(found.candidates) - settled} for a person to decide")
    if out is not None:
        say(f"Written to {out}; fill in `decision`, then: connector match {sync} --from {out}")
    return DONE
