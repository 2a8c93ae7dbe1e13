"""Around an Adapter, each itself an Adapter: Budgeted, Breaker, Retrying, Logged, ReadOnly. `standard` stacks them.

Order, outside in: Logged sees what the engine sees; Retrying tries again what the inner ones refused; Breaker fails
fast while the system is down; Budgeted is next to the adapter, so that each try is paced and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import structlog
import tenacity

from connector.errors import ConnectorError, DeniedError, TransientError, UncertainError
from connector.model.records import Finding, Hint, Key, Op, Page, Record, Write, WriteResult
from connector.ports import Adapter, Clock, Description, WebhookRequest
from connector.rest.budget import Budget, Metered
from connector.rest.paging import chunks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call through the port. kind: what it counts as. items: keys, values or writes sent; 0 for pages."""

    name: str
    kind: str
    object: str | None = None
    items: int = 0
    op: str | None = None


class Wrapper:
    """The whole port, every call passed to `around`. A wrapper that overrides nothing changes nothing."""

    def __init__(self, inner: Adapter, system: str) -> None:
        self.inner = inner
        self.system = system

    def around(self, call: Call, go: Callable[[], T]) -> T:
        """Runs the call."""
        return go()

    def describe(self) -> Description:
        return self.around(Call("describe", "other"), self.inner.describe)

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self.around(Call("changes", "list", object), lambda: self.inner.changes(object, cursor))

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self.around(Call("scan", "list", object), lambda: self.inner.scan(object, cursor))

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return self.around(Call("read", "read", object, len(keys)), lambda: self.inner.read(object, keys))

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        call = Call("find", "find", object, len(values))
        return self.around(call, lambda: self.inner.find(object, field, values))

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        op = str(writes[0].op) if writes else None
        call = Call("write", "write", object, len(writes), op)
        return self.around(call, lambda: self.inner.write(object, writes))

    def check(self) -> Sequence[Finding]:
        return self.around(Call("check", "other"), self.inner.check)

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        # A webhook came to us: no call is made, so there is nothing to pace, retry or break.
        return self.inner.hints(request)


class ReadOnly(Wrapper):
    """A write raises DeniedError and reaches nothing: a plan behind it cannot write, even by mistake."""

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        raise DeniedError(f"{self.system} was opened for reading only; nothing was written. Use `apply` or `sync`.")


class Chunked(Wrapper):
    """Reads and finds of more than `batch_read` items are split: one call through the port is one on the wire."""

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        records: dict[Key, Record] = {}
        for part in chunks(keys, self._size(object, len(keys))):
            records.update(super().read(object, part))
        return records

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        records: list[Record] = []
        for part in chunks(values, self._size(object, len(values))):
            records.extend(super().find(object, field, part))
        return records

    def _size(self, object: str, items: int) -> int:  # noqa: A002
        if items <= 1:
            return 1
        known = self.describe().objects.get(object)
        return known.capabilities.batch_read if known else items


class Budgeted(Chunked):
    """Each call waits for its turn in the budget and is counted; a wish of the system for quiet holds all of them.

    essential: for recovery and verification, which may use the day's reserve. The description is asked for once.
    Raises TransientError beyond the budget. A call through the port that takes several on the wire counts as those.
    """

    def __init__(self, inner: Adapter, budget: Budget, *, essential: bool = False) -> None:
        super().__init__(inner, budget.system)
        self.budget = budget
        self.essential = essential
        self._describing = threading.Lock()
        self._description: Description | None = None

    def around(self, call: Call, go: Callable[[], T]) -> T:
        with self.budget.call(call.kind, essential=self.essential):
            try:
                return go()
            except TransientError as error:
                if error.after:
                    self.budget.hold(error.after)
                raise
            finally:
                self._listen()

    def _listen(self) -> None:
        """Other programs on the account use up its day too; some systems tell."""
        used = self.inner.calls_today() if isinstance(self.inner, Metered) else None
        if used is not None:
            self.budget.told(used)

    def describe(self) -> Description:
        with self._describing:
            if self._description is None:
                self._description = super().describe()
            return self._description


class _RestingError(TransientError):
    """A system is left alone. worked: it may come back; one that never answered, or not after a rest, is not waited
    for."""

    def __init__(self, message: str, after: float, worked: bool) -> None:
        super().__init__(message, after)
        self.worked = worked


class Retrying(Chunked):
    """Tries again after TransientError, which promises that nothing was done; no other error is tried again.

    Each part of a long read is tried by itself. A write that no condition guards is not tried again: it follows a look
    at its target, and after a wait it would go over what people did since. Whoever sent it looks again.

    attempts: tries in all. patience: the longest single wait in seconds; a system that asks for more gets the error
    passed on, for the next run. Waits what the system asks for (`after`), else 0.5 s doubling up to 8 s.
    """

    def __init__(self, inner: Adapter, system: str, clock: Clock, *, attempts: int = 4, patience: float = 60.0) -> None:
        super().__init__(inner, system)
        self._clock = clock
        self._attempts = attempts
        self._patience = patience

    def around(self, call: Call, go: Callable[[], T]) -> T:
        if call.name == "check":
            return go()  # its findings are its errors
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._worth_it),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_pause,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(go)

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if all(write.op is Op.CREATE or write.version is not None for write in writes):
            return super().write(object, writes)
        return self.inner.write(object, writes)

    def _worth_it(self, error: BaseException) -> bool:
        if isinstance(error, _RestingError) and not error.worked:
            return False
        return isinstance(error, TransientError) and (error.after or 0.0) <= self._patience


def _pause(state: tenacity.RetryCallState) -> float:
    error = cast(TransientError, state.outcome.exception() if state.outcome else None)
    grown: float = min(8.0, 0.5 * 2.0 ** (state.attempt_number - 1))
    return grown if error.after is None else error.after


class Breaker(Wrapper):
    """After `failures` connection failures in a row, fails fast for `rest` seconds; then one call tries the system.

    A connection failure is an UncertainError, or a TransientError without a wait of the system's own. While open it
    raises TransientError with the seconds left and what went wrong last. A rest is waited for once: where the call
    after it fails as well, the others fail at once instead of each waiting out rests of its own.
    """

    def __init__(self, inner: Adapter, system: str, clock: Clock, *, failures: int = 5, rest: float = 30.0) -> None:
        super().__init__(inner, system)
        self._clock = clock
        self._allowed = failures
        self._rest = rest
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until = float("-inf")
        self._worked = self._answered = False
        self._last = ""

    def around(self, call: Call, go: Callable[[], T]) -> T:
        if call.name == "check":
            return go()  # a person asks how things stand now
        tries = self._enter()
        try:
            result = go()
        except UncertainError as error:
            self._failure(error, tries)
            raise
        except TransientError as error:
            if error.after is None:  # with a wait of its own the system is there, only busy: neither good nor bad
                self._failure(error, tries)
            elif tries:
                self._worked = True
            raise
        except ConnectorError:
            self._reset()
            raise
        self._reset()
        return result

    def _enter(self) -> bool:
        """Whether this call is the one that tries a system that was left alone."""
        with self._lock:
            if self._failed < self._allowed:
                return False
            now = self._clock.now()
            wait = self._open_until - now
            if wait > 0:
                said = f"{self._last} It failed {self._failed} times and is left alone for {wait:.0f} s."
                raise _RestingError(said, wait, self._worked)
            # This call tries it; the others wait for its answer, whatever was before: it may be back.
            self._open_until = now + self._rest
            self._worked = self._answered
            return True

    def _failure(self, error: ConnectorError, tries: bool) -> None:
        with self._lock:
            self._failed += 1
            self._last = str(error)
            if tries:
                self._worked = False
            if self._failed >= self._allowed:
                self._open_until = self._clock.now() + self._rest

    def _reset(self) -> None:
        with self._lock:
            self._failed = 0
            self._worked = self._answered = True


class Logged(Wrapper):
    """One log line per call: system, object, operation, counts, seconds, the error's class; never a value or a key."""

    def __init__(self, inner: Adapter, system: str, clock: Clock, logger: Any = None) -> None:
        super().__init__(inner, system)
        self._clock = clock
        self._log = (logger or structlog.get_logger("connector.calls")).bind(system=system)

    def around(self, call: Call, go: Callable[[], T]) -> T:
        start = self._clock.now()
        facts: dict[str, Any] = {"object": call.object, "op": call.op, "items": call.items or None}
        facts = {name: value for name, value in facts.items() if value is not None}
        try:
            result = go()
        except ConnectorError as error:
            facts |= {"error": error.code, "seconds": round(self._clock.now() - start, 3)}
            self._log.warning(call.name, **facts)
            raise
        self._log.info(call.name, **facts, **_counts(result), seconds=round(self._clock.now() - start, 3))
        return result


def _counts(result: Any) -> dict[str, int]:
    if isinstance(result, Page):
        return {"records": len(result.records)}
    if isinstance(result, WriteResult):
        failed = sum(outcome.error is not None for outcome in result.outcomes)
        return {"applied": len(result.outcomes) - failed, "failed": failed}
    if isinstance(result, Mapping | Sequence):
        return {"records": len(result)}
    return {}


def standard(
    adapter: Adapter, budget: Budget, clock: Clock, *, essential: bool = False, read_only: bool = False
) -> Adapter:
    """The stack every connection gets. Give recovery and verification a second one with `essential` on one Budget."""
    system = budget.system
    inner: Adapter = Budgeted(adapter, budget, essential=essential)
    inner = Breaker(inner, system, clock)
    inner = Retrying(inner, system, clock)
    if read_only:
        inner = ReadOnly(inner, system)
    return Logged(inner, system, clock)
