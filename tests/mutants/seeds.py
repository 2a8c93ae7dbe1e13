"""Plays seeds until the judge finds something: `python -m tests.mutants.seeds 300`. Prints what it was, and where."""

from __future__ import annotations

import sys

from connector.testing.simulator.campaign import tasks

FOUND = 3
"""The exit code of a finding; one that Python itself does not use."""


def main(seeds: int) -> int:
    """FOUND, or 0 when nothing was found in so many seeds, each in one profile and policy."""
    for task in tasks(range(seeds), spread=True):
        found = task.setup.play(task.setup.seed(task.seed)).findings
        if found:
            print(f"{found[0][0]} in seed {task.seed}")
            return FOUND
    print(f"nothing in {seeds} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
