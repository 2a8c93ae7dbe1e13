"""A wrapper keeps every promise of what it wraps, and so do all of them together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from connector.ports import Adapter
from connector.rest.budget import Budget, Limits
from connector.testing.contract import AdapterContract, Trouble
from connector.testing.driver import HandClock
from connector.wrappers import Breaker, Budgeted, Chunked, Logged, Retrying, Wrapper, standard

from .subjects import PROFILES, TROUBLES, MemorySubject

# With a wait of 7 seconds asked for, `Retrying` waits on a clock that moves by itself, and gives the last error on.
NEVER_OPEN = 10_000
REST = 30.0


def plain(inner: Adapter, clock: HandClock) -> Adapter:
    return Chunked(Wrapper(inner, "memory"), "memory")


def retrying(inner: Adapter, clock: HandClock) -> Adapter:
    return Retrying(inner, "memory", clock)


def breaker(inner: Adapter, clock: HandClock) -> Adapter:
    return Breaker(inner, "memory", clock, failures=NEVER_OPEN)


def budgeted(inner: Adapter, clock: HandClock) -> Adapter:
    limits = Limits(rate=50.0, burst=5, concurrency=4, patience=600.0)
    return Budgeted(inner, Budget("memory", clock, limits))


def logged(inner: Adapter, clock: HandClock) -> Adapter:
    return Logged(inner, "memory", clock)


def all_of_them(inner: Adapter, clock: HandClock) -> Adapter:
    return standard(inner, Budget("memory", clock), clock)


class Rested(MemorySubject):
    """After trouble the suite goes on when the system was left alone for as long as it is to be."""

    @contextmanager
    def trouble(self, kind: Trouble, *, write: bool, after: int = 0) -> Iterator[None]:
        with super().trouble(kind, write=write, after=after):
            yield
        self.clock.sleep(REST)


class Wrapped(AdapterContract):
    troubles = TROUBLES


class TestWrapper(Wrapped):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"], plain))


class TestRetrying(Wrapped):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"], retrying))


class TestBreaker(Wrapped):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"], breaker))


class TestBudgeted(Wrapped):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"], budgeted))


class TestLogged(Wrapped):
    subject = staticmethod(partial(MemorySubject, PROFILES["full"], logged))


class TestStandard(Wrapped):
    """The stack every connection gets. While its breaker is open it names its own wait, so `BUSY` is left out."""

    troubles = tuple(trouble for trouble in TROUBLES if trouble is not Trouble.BUSY)
    subject = staticmethod(partial(Rested, PROFILES["bare"], all_of_them))
