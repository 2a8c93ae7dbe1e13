"""An adapter that raises what a script says, and a clock that moves when somebody sleeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import (
    ConnectorError,
)
from connector.model.records import Finding, Hint, Key, Op, Outcome, Page, Record, Write, WriteResult
from connector.ports import Capabilities, Description, ObjectSchema, WebhookRequest


class VirtualClock:
    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Scripted:
    """An adapter that raises what the script says, one step per call (None: works), and notes its calls."""

    def __init__(self, *script: ConnectorError | None) -> None:
        self.script = list(script)
        self.calls: list[tuple[Any, ...]] = []

    def _step(self, *call: Any) -> None:
        self.calls.append(call)
        error = self.script.pop(0) if self.script else None
        if error is not None:
            raise error

    def describe(self) -> Description:
        self._step("describe")
        schema = ObjectSchema("things", {}, Capabilities(batch_read=2))
        return Description({"things": schema}, "connector")

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        self._step("changes", object, cursor)
        return Page([Record("1", "1", {"name": "VALUE-1"})], "9", False)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        self._step("scan", object, cursor)
        return Page([Record("1", "1", {})], None, False)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        self._step("read", object, tuple(keys))
        return {key: Record(key, "1", {}) for key in keys}

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        self._step("find", object, field, tuple(values))
        return [Record(value, "1", {}) for value in values]

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        self._step("write", object, tuple(w.token for w in writes))
        return WriteResult([Outcome(w.key, None) for w in writes], ("1", "2"))

    def check(self) -> Sequence[Finding]:
        self._step("check")
        return [Finding("connection", True, "fine")]

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        self._step("hints", request.body)
        return [Hint("things", "1")]


WRITES = [Write(Op.UPDATE, "7", b'{"name": "VALUE-1"}', "1", "token-1")]
REQUEST = WebhookRequest({}, b"body")
