"""The crash matrix on the command line: every scenario under every profile, in worker processes.

    python -m connector.testing.crash [--all | --step N] [--pairs N] [--scenario NAME] [--profile NAME]
                                      [--store memory|sqlite] [--workers N] [--json]

Without --all a spread of it: some seconds. Exits 1 when an end differs, 2 when the command line cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.testing.crash_matrix import ALL, CrashReport, Depth, Matrix, StoreName, cells, crash_matrix, new_world
from connector.testing.crash_profiles import PROFILES
from connector.testing.crash_scenarios import SCENARIOS

__all__ = [
    "ALL",
    "SHORT",
    "CrashReport",
    "Depth",
    "Matrix",
    "StoreName",
    "cells",
    "crash_matrix",
    "main",
    "new_world",
    "run",
    "summary",
]

SHORT = Depth(kills=7, pairs=61, faults=11)
SHOWN = 8


def one(scenario: str, profile: str, depth: Depth, store: StoreName) -> CrashReport:
    """The matrix of one cell, in a folder of its own."""
    with TemporaryDirectory(prefix="crash-") as folder:
        return crash_matrix(SCENARIOS[scenario], PROFILES[profile], Path(folder), depth=depth, store=store)


def run(
    chosen: Sequence[tuple[str, str]], depth: Depth, store: StoreName = "memory", workers: int = 1
) -> Iterator[CrashReport]:
    """The report of every cell (scenario, profile), as they end; the order is that of the cells."""
    if workers == 1:
        yield from (one(*cell, depth, store) for cell in chosen)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(one, *zip(*chosen, strict=True), [depth] * len(chosen), [store] * len(chosen))


def summary(reports: Sequence[CrashReport]) -> dict[str, Any]:
    """All reports in numbers, and every difference."""
    names = ("steps", "points", "pairs", "worlds")
    total = {name: sum(getattr(report, name) for report in reports) for name in names}
    total["differences"] = sum(len(report.differences) for report in reports)
    return {**total, "cells": [asdict(report) for report in reports]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    options = _parser().parse_args(arguments)
    chosen = [(scenario.name, profile.name) for scenario, profile in cells(options.scenario, options.profile)]
    if not chosen:
        sys.stderr.write("This scenario needs creates, and the profile cannot find out about unknown ones.\n")
        return 2
    depth = ALL if options.all or options.step is not None else SHORT
    depth = replace(depth, only=options.step)
    if options.pairs is not None:
        depth = replace(depth, pairs=options.pairs)
    reports = []
    for report in run(chosen, depth, options.store, max(1, min(options.workers, len(chosen)))):
        reports.append(report)
        if not options.json:
            sys.stdout.write(_shown(report))
            sys.stdout.flush()
    total = summary(reports)
    if options.json:
        sys.stdout.write(json.dumps(total, indent=1) + "\n")
    else:
        sys.stdout.write(", ".join(f"{name} {total[name]}" for name in total if name != "cells") + "\n")
    return 1 if total["differences"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connector.testing.crash", description="Goes through the matrix.")
    parser.add_argument("--all", action="store_true", help="every step, both ways to restart, one in 61 pairs")
    parser.add_argument("--step", type=_number, metavar="N", help="this step alone: killed there, failing, unanswered")
    parser.add_argument("--pairs", type=_number, metavar="N", help="every Nth pair of kills; 1: all, 0: none")
    parser.add_argument("--scenario", choices=list(SCENARIOS))
    parser.add_argument("--profile", choices=list(PROFILES))
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    parser.add_argument("--workers", type=_number, default=2, help="processes side by side; 0 counts as 1")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, for example 2")
    return int(text)


def _shown(report: CrashReport) -> str:
    lines = [
        f"{'FAIL' if report.differences else 'ok  '} {report.scenario}, {report.profile}: {report.steps} steps, "
        f"{report.points} points, {report.pairs} pairs"
    ]
    for difference in report.differences[:SHOWN]:
        lines += [f"  {difference.at}", *(f"    {text}" for text in difference.what[:SHOWN])]
    if len(report.differences) > SHOWN:
        lines.append(f"  ... and {len(report.differences) - SHOWN} more")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
