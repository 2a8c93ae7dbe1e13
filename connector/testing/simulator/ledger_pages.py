"""What listings gave the runs that are going on: whether all of it was answered, and what was there to be listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.model.records import Key, Page
from connector.model.values import Side

Place = tuple[Side, str]


@dataclass(slots=True)
class _Listed:
    """Of one run. reached: places in a listing that its pages led to from the first one on; whole: what was listed to
    the last page; began: the newest touch when its feed was first asked, and the time.
    """

    reached: set[tuple[str, Place, str | None]] = field(default_factory=set)
    whole: set[Place] = field(default_factory=set)
    began: dict[Place, tuple[int, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Pages:
    """Fed with every page. whole: (side, entity) that the store knows from the first page to the last; ever: those that
    it knew at any time, as a copy of it may.

    passed: records that a system did not show while a run asked for its changes, and the newest touch by then: until
    there is a newer one, no feed need show them.
    """

    whole: set[Place] = field(default_factory=set)
    ever: set[Place] = field(default_factory=set)
    passed: dict[tuple[Place, Key], int] = field(default_factory=dict)
    _runs: dict[str, _Listed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored(self.whole)

    def stored(self, places: Iterable[Place]) -> None:
        """The store knows these from the first page to the last."""
        self.whole |= set(places)
        self.ever |= self.whole

    def asked(self, process: str, place: Place, number: int, at: float, hidden: Iterable[Key]) -> None:
        """A page of a feed is asked for."""
        run = self._runs.setdefault(process, _Listed())
        run.began.setdefault(place, (number, at))
        self.passed.update({(place, key): number for key in hidden})

    def answered(self, process: str, method: str, place: Place, cursor: str | None, page: Page) -> None:
        """A page came. Only what follows the first page of the same run is part of a whole, or what the store knows.

        Cursors move last: a run that has one from the store has from there what another listed, though that is not
        over yet.
        """
        run = self._runs.setdefault(process, _Listed())
        stored = method == "changes" and any(place in o.whole for o in self._runs.values() if o is not run)
        if cursor is not None and (method, place, cursor) not in run.reached and not stored:
            return
        if page.more:
            run.reached.add((method, place, page.cursor))
        else:
            run.whole.add(place)

    def is_whole(self, process: str, place: Place) -> bool:
        """Whether all of it was listed for what this run sends; what it sends before it asks, one that sleeps noted."""
        runs = [self._runs[process]] if process in self._runs else self._runs.values()
        return place in self.whole or any(place in run.whole for run in runs)

    def began(self, process: str, place: Place) -> tuple[int, float]:
        """The newest touch when this run first asked that feed, and when that was: what came later it need not see."""
        run = self._runs.get(process)
        return run.began.get(place, (-1, 0.0)) if run is not None else (-1, 0.0)

    def ended(self, process: str) -> set[Place]:
        """That run is over; what it had listed whole."""
        return self._runs.pop(process, _Listed()).whole
