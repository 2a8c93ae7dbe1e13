"""The adapter under test, with every answer and every error checked for what always holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from connector.errors import (
    ConfigError,
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    StaleError,
    TransientError,
    UncertainError,
)
from connector.model.records import Finding, Hint, Key, Outcome, Page, Record, Write, WriteResult
from connector.ports import Adapter, Description, WebhookRequest

T = TypeVar("T")

RAISED = (ConfigError, DeniedError, NotFoundError, RejectedError, StaleError, TransientError, UncertainError)
"""What an adapter may raise. `Halted` and `NoImageError` are the engine's."""


class Broken(AssertionError):  # noqa: N818  (a failed assertion, not an error of the program)
    """A promise that holds for every call was not kept."""


class Watched:
    """See `ports.Adapter`. Raises Broken where the adapter underneath breaks a promise that always holds."""

    def __init__(self, inner: Adapter, secrets: Sequence[str]) -> None:
        self.inner = inner
        self._secrets = secrets

    def describe(self) -> Description:
        return self._call("describe", self.inner.describe)

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = self._call("changes", lambda: self.inner.changes(object, cursor))
        if not isinstance(page.cursor, str) or not page.cursor:
            raise Broken(f"changes: the cursor of a page is {page.cursor!r}; the next pass would start from nowhere")
        return self._page("changes", page)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = self._call("scan", lambda: self.inner.scan(object, cursor))
        if page.more != (page.cursor is not None):
            raise Broken(f"scan: more is {page.more} and the cursor {page.cursor!r}")
        if any(record.deleted or record.merged_into for record in page.records):
            raise Broken("scan: a record that is not live was listed")
        return self._page("scan", page)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        found = self._call("read", lambda: self.inner.read(object, keys))
        for key, record in found.items():
            if key != record.key or key not in keys:
                raise Broken(f"read: {record.key!r} came under {key!r}, asked for were {list(keys)!r:.200}")
            self._record("read", record)
        return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        found = self._call("find", lambda: self.inner.find(object, field, values))
        self._unique("find", found)
        for record in found:
            if record.deleted or record.merged_into or record.fields is None:
                raise Broken(f"find: {record.key} is not live")
            self._record("find", record)
        return found

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        result = self._call("write", lambda: self.inner.write(object, writes))
        if len(result.outcomes) != len(writes):
            raise Broken(f"write: {len(result.outcomes)} outcomes for {len(writes)} writes")
        for write, outcome in zip(writes, result.outcomes, strict=True):
            self._outcome(write, outcome)
        return result

    def check(self) -> Sequence[Finding]:
        try:
            findings = self.inner.check()
        except Exception as error:
            raise Broken(f"check: raised {error!r}; what it finds belongs into a finding") from error
        for finding in findings:
            self._keeps_secrets("check", finding.detail, finding.subject)
            if not finding.subject or not finding.detail:
                raise Broken(f"check: a finding says nothing: {finding!r}")
        return findings

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        hints = self._call("hints", lambda: self.inner.hints(request))
        for hint in hints:
            if not (isinstance(hint.key, str) and hint.key and isinstance(hint.object, str) and hint.object):
                raise Broken(f"hints: {hint!r} names no object or no key")
        return hints

    def close(self) -> None:
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()

    # ------------------------------------------------------------------------------------------------ checks

    def _call(self, name: str, go: Callable[[], T]) -> T:
        try:
            return go()
        except ConnectorError as error:
            self._error(name, error)
            raise
        except Exception as error:
            self._keeps_secrets(name, str(error), repr(error))
            if name == "write" and isinstance(error, ValueError):
                raise  # a batch that no caller may send; the tests say where that is allowed
            raise Broken(f"{name}: {type(error).__name__} came out; only errors of connector.errors may") from error

    def _error(self, name: str, error: ConnectorError) -> None:
        if not is_one_of(error, RAISED):
            raise Broken(f"{name}: {type(error).__name__} is not an adapter's to raise") from error
        self._keeps_secrets(name, str(error), repr(error))
        if not str(error).strip():
            raise Broken(f"{name}: a {type(error).__name__} says nothing: where, what, next step") from error
        if isinstance(error, TransientError) and error.after is not None and not 0 <= error.after < float("inf"):
            raise Broken(f"{name}: `after` is {error.after!r}; it is seconds from now") from error

    def _keeps_secrets(self, name: str, *texts: str) -> None:
        if any(secret in text for secret in self._secrets for text in texts):
            raise Broken(f"{name}: a secret is shown in an error or a finding")

    def _page(self, name: str, page: Page) -> Page:
        self._unique(name, page.records)
        for record in page.records:
            self._record(name, record)
        return page

    def _unique(self, name: str, records: Iterable[Record]) -> None:
        seen: set[Key] = set()
        for record in records:
            if record.key in seen:
                raise Broken(f"{name}: {record.key} came twice in one answer")
            seen.add(record.key)

    def _outcome(self, write: Write, outcome: Outcome) -> None:
        if outcome.error is not None:
            if not isinstance(outcome.error, ConnectorError):
                raise Broken(f"write: an outcome carries {outcome.error!r}; only errors of connector.errors may")
            self._error("write", outcome.error)
        elif outcome.key is None:
            raise Broken(f"write: a {write.op} was applied and its outcome names no key")
        if write.key is not None and outcome.key != write.key:
            raise Broken(f"write: the outcome of {write.key} names {outcome.key}: outcomes are out of order")
        if outcome.record is not None:
            if outcome.key is not None and outcome.record.key != outcome.key:
                raise Broken(f"write: the outcome of {outcome.key} shows {outcome.record.key}")
            self._record("write", outcome.record)

    def _record(self, name: str, record: Record) -> None:
        where = f"{name}: {record.key!r}"
        if not isinstance(record.key, str) or not record.key:
            raise Broken(f"{where}: a key is a text that is not empty")
        if not isinstance(record.version, str) or not record.version:
            raise Broken(f"{where}: the version is {record.version!r}; it is a text that is not empty")
        if record.modified is not None and not _is_instant(record.modified):
            raise Broken(f"{where}: modified is {record.modified!r}; it is an instant with its time zone")
        if record.merged_into == record.key:
            raise Broken(f"{where}: merged into itself")
        if (record.deleted or record.merged_into) and record.fields:
            raise Broken(f"{where}: is gone and still shows fields")
        odd = _odd(record.fields)
        if odd is not None:
            raise Broken(f"{where}: holds {odd!r}; fields are text, whole numbers, Decimal, true/false, null and lists")


def is_one_of(error: BaseException | None, kinds: Sequence[type[Exception]]) -> bool:
    """Whether the error is one of these to the engine: of the class, and no special kind with a code of its own."""
    return any(
        isinstance(error, kind) and getattr(error, "code", None) == getattr(kind, "code", None) for kind in kinds
    )


def _is_instant(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _odd(value: Any) -> Any:
    """The first value inside that cannot be trusted on the way: a float above all; None if there is none."""
    if isinstance(value, Mapping):
        return next((odd for odd in map(_odd, value.values()) if odd is not None), None)
    if isinstance(value, list | tuple):
        return next((odd for odd in map(_odd, value) if odd is not None), None)
    return value if isinstance(value, float | bytes | set) else None
