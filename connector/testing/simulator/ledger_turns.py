"""When each process asked what: how many turns lie between its look at a record and its write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from connector.testing.simulator.judge_things import Held

NEVER = 1 << 30
"""How long ago the look is that there never was."""


class Turns:
    """A turn is one call, or the calls that a process makes side by side: they take the time of one.

    carried_out: tokens of the request that is being carried out; what else changes a record was sent earlier.
    """

    def __init__(self) -> None:
        self.carried_out: frozenset[str] = frozenset()
        self._turn: Counter[str] = Counter()
        self._abreast: set[str] = set()
        self._looked: dict[tuple[str, Held], int] = {}

    def called(self, process: str) -> None:
        if process not in self._abreast:
            self._turn[process] += 1

    @contextmanager
    def abreast(self, process: str) -> Iterator[None]:
        """The calls made meanwhile are made side by side."""
        self._turn[process] += 1
        self._abreast.add(process)
        try:
            yield
        finally:
            self._abreast.discard(process)

    def looked(self, process: str, held: Held) -> None:
        """An answer of this turn showed the process this record."""
        self._looked[process, held] = self._turn[process]

    def since_look(self, process: str, held: Held | None) -> int:
        """Turns from the look at a record to this one: 1, if nothing else was called in between."""
        look = self._looked.get((process, held)) if held is not None else None
        return NEVER if look is None else self._turn[process] - look
