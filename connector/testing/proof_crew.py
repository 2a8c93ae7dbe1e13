"""Worker processes that take pieces of work one by one, until there are none left or time is up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import active_children
from types import FrameType

from connector.ports import Clock
from connector.testing.proof_units import Result, Unit, do

TICK = 1.0
PROGRESS = 10.0
"""Seconds between two lines that say how far it is."""


class Crew:
    """Does pieces of work in processes. Use it in a `with`: what goes on when that is left by an exception is ended.

    ends: time after which nothing new is begun. say: told how far it is, every ten seconds.
    """

    def __init__(self, workers: int, clock: Clock, ends: float, say: Callable[[str], None]) -> None:
        self._pool = ProcessPoolExecutor(workers, initializer=_quiet)
        self._workers = workers
        self._clock = clock
        self._ends = ends
        self._say = say
        self._told = clock.now()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if kind is not None:
            for worker in active_children():
                worker.terminate()

    @property
    def is_late(self) -> bool:
        return self._clock.now() >= self._ends

    def work(self, units: Iterable[Unit], far: Callable[[], str]) -> Iterator[Result]:
        """The results, as they end. far: what to say of the progress."""
        rest = iter(units)
        going: set[Future[Result]] = set()
        empty = False
        while True:
            while not empty and len(going) < self._workers:
                unit = next(rest, None)
                empty = unit is None or self.is_late
                if unit is not None and not empty:
                    going.add(self._pool.submit(do, unit))
            if not going:
                return
            done, going = wait(going, TICK, FIRST_COMPLETED)
            yield from (future.result() for future in done)
            if self._clock.now() >= self._told + PROGRESS:
                self._told = self._clock.now()
                self._say(far())


def _quiet() -> None:
    """Ctrl-C reaches every process of a terminal: a worker ends its piece tidily and says nothing."""
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(1)
