"""What every command shares: its options, exit codes, opening the app, and turning errors into one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.output import complain, counted, emit, progress, say, table
from connector.errors import ConfigError
from connector.merge.guards import Limits

if TYPE_CHECKING:
    from connector.app.core import App
    from connector.app.running import Ran

DONE, ERROR, DIFFERENT, HALTED, PARTLY = 0, 1, 2, 3, 4
"""Exit codes: clean; error; plan or verify found differences; halted by a guard; some records held or parked."""

GUARDS = tuple(field.name for field in fields(Limits))

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration.", metavar="FILE")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]
SyncsArgument = Annotated[list[str] | None, typer.Argument(help="Names of syncs; all when none is given.")]
AllowOption = Annotated[
    list[str] | None, typer.Option("--allow", help=f"Let a guard through: {', '.join(GUARDS)}.", metavar="GUARD")
]
CONFIG = Path("config.yaml")


@contextmanager
def opened(config: Path, *, quiet: bool = False) -> Iterator[App]:
    """The app of a configuration, with progress shown; closed at the end."""
    from connector.app.core import App
    from connector.cli.logs import configure

    configure()
    with App.open(config) as app:
        if quiet:
            yield app
        else:
            with progress(app):
                yield app


def checked(allow: list[str] | None) -> list[str]:
    """Names of guards. Raises ConfigError for another word."""
    for name in allow or ():
        if name not in GUARDS:
            raise ConfigError(f"There is no guard `{name}`; there are {', '.join(GUARDS)}.")
    return allow or []


COUNTS = ("read", "created", "updated", "unchanged", "skipped", "held", "failed")


def ran_code(ran: list[Ran]) -> int:
    """The exit code of several runs: an error counts most, then a halt, then what was held or parked."""
    from connector.errors import Halted

    errors = [entry.error for entry in ran if entry.error is not None]
    reports = [entry.report for entry in ran if entry.report is not None]
    if any(not isinstance(error, Halted) for error in errors) or any(report.trouble for report in reports):
        return ERROR
    if errors:
        return HALTED
    return PARTLY if any(report.status == "partly" for report in reports) else DONE


def ran_data(ran: list[Ran]) -> list[dict[str, object]]:
    """Runs as JSON has them."""
    from connector.errors import Halted

    found: list[dict[str, object]] = []
    for entry in ran:
        report, error = entry.report, entry.error
        status = report.status if report else "halted" if isinstance(error, Halted) else "failed"
        found.append(
            {
                "sync": entry.sync,
                "status": status,
                "run": report.run if report else None,
                "counts": report.counts if report else {},
                "amounts": {c: str(a) for c, a in report.summary.amounts.items()} if report else {},
                "calls": dict(entry.calls),
                "drifted": [line_data(line) for line in report.drifted] if report else [],
                "error": str(error) if error else " ".join(report.trouble) or None if report else None,
            }
        )
    return found


def line_data(line: object) -> dict[str, object]:
    """One line of a plan as JSON has it."""
    from connector.model.plan import PlanLine

    assert isinstance(line, PlanLine)
    return {
        "sync": line.sync,
        "action": line.action,
        "side": line.side.value if line.side else None,
        "left": line.keys.left,
        "right": line.keys.right,
        "fields": list(line.fields),
        "rule": line.rule,
        "reason": line.reason,
        "label": line.label,
    }


def show_ran(ran: list[Ran], *, json: bool) -> int:
    """Show what became of each sync; the exit code."""
    if json:
        emit({"runs": ran_data(ran)})
        return ran_code(ran)
    rows = []
    for entry in ran:
        counts = entry.report.counts if entry.report else {}
        status = entry.report.status if entry.report else "halted" if entry.error and _halted(entry) else "failed"
        calls = " + ".join(str(count) for count in entry.calls.values())
        rows.append([entry.sync, *(counts.get(name, 0) for name in COUNTS), calls, status])
    table(["sync", *COUNTS, "API calls", "status"], rows)
    for entry in ran:
        for line in entry.report.drifted if entry.report else ():
            keys = "/".join(str(key) for key in line.keys if key)
            now = " ".join(word for word in (line.action, line.reason) if word)
            say(f"{entry.sync} {keys}: no longer as planned (now: {now}); left as it is")
    # One system that is down fails every sync with one sentence: it is said once.
    troubles = [t for entry in ran for t in (entry.report.trouble if entry.report else [str(entry.error or "")])]
    for sentence in _once(troubles):
        complain(sentence)
    _show_next(ran)
    return ran_code(ran)


def _once(sentences: Iterable[str]) -> list[str]:
    """Each sentence once, without those that only add to the end of one that is said already."""
    said: list[str] = []
    for sentence in filter(None, sentences):
        if not any(sentence.startswith(earlier) for earlier in said):
            said.append(sentence)
    return said


def _show_next(ran: list[Ran]) -> None:
    """Where to look at what was held or refused."""
    counts = [entry.report.counts for entry in ran if entry.report]
    later = [bool(found.get("unconfirmed") or found.get("waiting")) for found in counts]
    if any(
        found.get("conflicts") or (found.get("held") and not wait) for found, wait in zip(counts, later, strict=True)
    ):
        say("Something waits for a person: connector conflicts list")
    if any(later):
        say("Some records wait for another, or for a second look: connector status")
    unknown = sum(found.get("uncertain", 0) for found in counts)
    if sum(found.get("failed", 0) for found in counts) > unknown:
        say("Records were refused: connector dead-letters list")
    if unknown:
        say(f"What became of {counted(unknown, 'write')} is not known yet: connector status")


def _halted(entry: Ran) -> bool:
    from connector.errors import Halted

    return isinstance(entry.error, Halted)
