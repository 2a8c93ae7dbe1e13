"""What the engine asks of the outside, one value per request. Two drivers run the same generators: real and simulated.

A generator yields one effect and is resumed with its result, or with its exception thrown in. It may yield a list of
effects: they run in parallel, and it is resumed with a list in which a failed effect is its exception.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from connector.model.values import Side
from connector.ports import Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one side's adapter."""

    side: Side
    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """One write transaction on the store. durable: fully synchronous."""

    body: Callable[[Tx], Any]
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One read-only transaction on the store."""

    body: Callable[[Tx], Any]


@dataclass(frozen=True, slots=True)
class Now:
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class NewId:
    """A name never used before (runs, lease owners)."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Progress for whoever watches: phase, records done, records in all (None: unknown)."""

    phase: str
    done: int
    total: int | None = None


Effect = Call | Commit | Look | Now | Sleep | NewId | Tell
Effects = Generator["Effect | Sequence[Effect]", Any, T]


def call(side: Side, method: str, *args: Any) -> Effects[Any]:
    """One adapter call."""
    return (yield Call(side, method, args))


def commit(body: Callable[[Tx], T], *, durable: bool = False) -> Effects[T]:
    """One write transaction; its result."""
    result: T = yield Commit(body, durable)
    return result


def look(body: Callable[[Tx], T]) -> Effects[T]:
    """One read-only transaction; its result."""
    result: T = yield Look(body)
    return result


def now() -> Effects[float]:
    result: float = yield Now()
    return result
