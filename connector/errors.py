"""Every error the program raises on purpose, grouped by what happens next.

ConnectorError
├── ConfigError        stop before reading anything; a person fixes the file (carries every problem at once)
├── TransientError     try again within the run, then in the next run (`after`: seconds to wait)
├── StaleError         the record moved under us: read it again and plan it anew
├── NotFoundError      the record is not there
├── RejectedError      the system refuses this record for good: dead letter, the others go on
│   └── NoImageError   a value has no counterpart under the mapping: the field is held, never nulled
├── DeniedError        credentials or rights: the system is paused, a person fixes the rights
├── UncertainError     the write may or may not have happened: keep the intent open and find out
└── Halted             a guard stopped the run before its first write
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ConnectorError(Exception):
    """Base of the tree. `str(error)` is one sentence: where, what, next step."""

    code: str = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One located mistake in a file a person wrote."""

    file: str
    line: int
    column: int
    found: str
    expected: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" - did you mean `{self.suggestion}`?" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}: found {self.found}, expected {self.expected}{hint}"


class ConfigError(ConnectorError):
    """Configuration or mapping cannot be used; `problems` lists every mistake found."""

    code = "config"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = tuple(problems)


class TransientError(ConnectorError):
    """Nothing was done; trying again later may work. `after` is in seconds, None when unknown."""

    code = "transient"

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class StaleError(ConnectorError):
    """The record's version is not the one the write was based on."""

    code = "stale"


class NotFoundError(ConnectorError):
    """The system says this key does not exist."""

    code = "not_found"


class RejectedError(ConnectorError):
    """The system refuses this record permanently; the same bytes will be refused again."""

    code = "rejected"


class NoImageError(RejectedError):
    """The value has no counterpart on the other side under the mapping."""

    code = "no_image"


class DeniedError(ConnectorError):
    """Wrong credentials or missing rights; nothing on this system will work until fixed."""

    code = "denied"


class UncertainError(ConnectorError):
    """The request was sent and no usable answer came back: the write may have happened."""

    code = "uncertain"


class Halted(ConnectorError):  # noqa: N818  (a halt is not an error of the program)
    """A guard stopped the run before its first write."""

    code = "halted"

    def __init__(self, message: str, guard: str) -> None:
        super().__init__(message)
        self.guard = guard
