"""I44: what waits is listed with its age, and that is the age of the wait, not of the last look at it."""

from __future__ import annotations

from collections.abc import Iterable

from connector.model.rows import HintRow
from connector.testing.simulator.judge_findings import Verdicts


class AgeRules:
    """Told after each round of runs what waits, while no person acts.

    As long as neither system changes, what waits for the same reason before and after a round has waited all the time:
    nothing can have ended the wait and begun it again.
    """

    def __init__(self, verdicts: Verdicts) -> None:
        self.verdicts = verdicts
        self._changes: object = None
        self._since: dict[object, float] = {}

    def round_ended(self, changes: object, hints: Iterable[HintRow]) -> None:
        """changes: how often each record was changed, and whether a write is open."""
        rows = list(hints)
        known = self._since if changes == self._changes else {}
        for hint in rows:
            since = known.get(_wait(hint))
            if since is not None and hint.first > since:
                what = f"{hint.side} {hint.key} of {hint.kind}: {hint.reason}"
                self.verdicts.find("I44", f"{what}: listed as waiting since {hint.first}, and was seen since {since}")
        self._changes, self._since = changes, {_wait(hint): hint.first for hint in rows}


def _wait(hint: HintRow) -> object:
    return hint.kind, hint.side, hint.key, hint.reason
