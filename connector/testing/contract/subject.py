"""What the contract suite has to be told about a system: its objects, how a person uses it, how trouble is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from connector.model.records import Key
from connector.ports import Adapter, WebhookRequest
from connector.testing.contract.trouble import Trouble

Fields = Mapping[str, Any]


class Cannot(NotImplementedError):  # noqa: N818  (not an error of the subject: it says what a system has no way to do)
    """The subject has no way to do this. The tests that need it are left out."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One object, and what the suite may write to it. Fields are the system's own names; amounts are Decimal.

    create: a valid new record, given a number that no other record of this process has; every required field is in it.
        Where the object has lines: two that differ at least, better three.
    text: a free text field, always in `create` and different for each number, that `find` finds.
    change: a second field, and seven values of it that differ from each other and from what `create` gives.
    refused: fields the system refuses for good beside valid ones; None if it takes anything.
    kept: further fields, each with values that come back exactly as they are written.
    external: the field that holds the external key, where capabilities name one.
    line_key: what a nested line calls its own id. Lines are compared without it; a line that shows it has to keep it.
    steps: fields with choices that only go from one to another, as the system lets them: their choices are not tried.
    several: a write takes more than one call, and the calls are not counted.
    apart: so does a read of one batch, for the system keeps what a record shows in more than one place.
    """

    object: str
    create: Callable[[int], Fields]
    text: str
    change: tuple[str, Sequence[Any]]
    refused: Fields | None = None
    kept: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    external: str = "external_id"
    line_key: str = "id"
    steps: frozenset[str] = frozenset()
    several: bool = False
    apart: bool = False


class Subject(ABC):
    """A system and its adapter under test.

    What a person does must not go through the adapter. Everything but `samples`, `open`, `create`, `edit` and `delete`
    may be left out: then `Cannot` is raised and the tests that need it are left out.

    secrets: texts no error and no finding may show. most: records a single test may create; where a page of the system
    is longer, the tests of paging are left out.
    """

    samples: Sequence[Sample]
    secrets: Sequence[str] = ()
    most: int = 2000

    @abstractmethod
    def open(self) -> Adapter:
        """A new adapter, as another process would build it: nothing shared with those opened before."""

    # ---------------------------------------------------------------------------------------------- a person

    @abstractmethod
    def create(self, object: str, fields: Fields) -> Key:  # noqa: A002
        """A person creates a record."""

    @abstractmethod
    def edit(self, object: str, key: Key, fields: Fields) -> None:  # noqa: A002
        """A person changes fields of a record."""

    @abstractmethod
    def delete(self, object: str, key: Key) -> None:  # noqa: A002
        """A person deletes a record."""

    def restore(self, object: str, key: Key) -> None:  # noqa: A002
        """A person brings a deleted record back."""
        raise Cannot("restore a record")

    def merge(self, object: str, loser: Key, survivor: Key) -> None:  # noqa: A002
        """A person merges one record into another."""
        raise Cannot("merge records")

    # ---------------------------------------------------------------------------------------- what goes wrong

    def trouble(self, kind: Trouble, *, write: bool, after: int = 0) -> AbstractContextManager[None]:
        """Within the block every call meets this trouble: calls that write if `write`, else all of them.

        after: how many such calls pass before the first that meets it.

        The trouble strikes where a real one would: a refusal does nothing, `LOST` is carried out and not answered.
        """
        raise Cannot(f"make {kind.value}")

    def drop(self) -> None:
        """The system closes every connection that is idle just now."""
        raise Cannot("close idle connections")

    def strikes(self) -> int | None:
        """How many calls met trouble so far; None where nobody counts."""
        return None

    def calls(self) -> int | None:
        """How many calls reached the system so far; None where nobody counts."""
        return None

    def expire(self, object: str, cursor: str) -> AbstractContextManager[None]:  # noqa: A002
        """Within the block this cursor is too old for the system."""
        raise Cannot("expire a cursor")

    # ------------------------------------------------------------------------------------------------ webhooks

    def webhook(self, object: str, key: Key, age: float) -> WebhookRequest:  # noqa: A002
        """What the system sends when this record changed, rightly signed `age` seconds ago."""
        raise Cannot("send webhooks")

    def quiet(self) -> AbstractContextManager[None]:
        """Around each test; for what a subject has to put back afterwards."""
        return nullcontext()

    def close(self) -> None:  # noqa: B027  (most subjects have nothing to close)
        """After the last test."""
