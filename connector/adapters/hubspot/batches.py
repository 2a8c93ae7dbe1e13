"""One batch after another, and what became of each of its rows. Contract: section 3.2.

Every row carries a trace id of its own, by which its result or its error is told from the others: the order of answers
says nothing. A call that is refused whole wrote nothing: its halves are tried, until the rows that are wrong are alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from connector.adapters.hubspot.client import BATCH
from connector.adapters.hubspot.failures import named, row_error
from connector.adapters.hubspot.wire import WireBatch, WireObject
from connector.errors import ConnectorError, NotFoundError, RejectedError, StaleError, UncertainError
from connector.rest.paging import chunks

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient

TRACE = "objectWriteTraceId"
OWN = (RejectedError, NotFoundError, StaleError)
"""What is the matter of a row and not of the connection."""

Input: TypeAlias = Mapping[str, Any]
Results: TypeAlias = dict[str, WireObject | ConnectorError]
"""By trace id."""

T = TypeVar("T")
R = TypeVar("R")


def parted(
    rows: Sequence[T], go: Callable[[Sequence[T]], R], *, first: bool
) -> Iterator[tuple[Sequence[T], R | ConnectorError]]:
    """All at once, and in halves where that is refused; each part with its answer or its error.

    first: nothing was written before, so that any other error of the first call may be raised.
    """
    try:
        answer: R | ConnectorError = go(rows)
    except OWN as error:
        if len(rows) > 1:
            half = len(rows) // 2
            yield from parted(rows[:half], go, first=first)
            yield from parted(rows[half:], go, first=False)
            return
        answer = error
    except ConnectorError as error:
        if first:
            raise
        answer = error
    yield rows, answer


class Batches:
    """Sends rows of one type, as many as there are. key: the unique property by which rows can be told apart, too.

    Raises what struck the first call, when nothing was written yet.
    """

    def __init__(self, client: HubSpotClient, type_: str, key: str | None = None) -> None:
        self._client = client
        self._type = type_
        self._key = key

    def write(self, verb: str, inputs: Sequence[Input]) -> Results:
        """What became of each row. verb: create or update."""
        results: Results = {}
        for some in chunks(inputs, BATCH):
            for part, answer in parted(
                some, lambda rows: self._client.write(self._type, verb, rows), first=not results
            ):
                if isinstance(answer, ConnectorError):
                    results.update((row[TRACE], answer) for row in part)
                else:
                    results.update(self._matched(part, answer))
        return results

    def remove(self, keys: Sequence[str]) -> dict[str, ConnectorError | None]:
        """As `write`, by the ids of what is removed; None where it is gone."""
        results: dict[str, ConnectorError | None] = {}
        for some in chunks(keys, BATCH):
            for part, answer in parted(some, lambda rows: self._client.remove(self._type, rows), first=not results):
                results.update(dict.fromkeys(part, answer))
        return results

    def _matched(self, part: Sequence[Input], answer: WireBatch) -> Results:
        """Each row with its result or its error; one with neither may have been written."""
        place = self._client.place
        found: Results = {}
        names = dict(self._names(part))
        for problem in answer.errors:
            for name in named(problem.context, TRACE, "id", "ids"):
                if name in names:
                    found[names[name]] = row_error(place, problem, write=True)
        for row in answer.results:
            own = self._own(row, names, part)
            if own is not None:
                found[own] = row
        silent = UncertainError(
            f"{place} says nothing of this record in its answer; whether it was written is not known."
        )
        alone = row_error(place, answer.errors[0], write=True) if len(answer.errors) == len(part) == 1 else silent
        return {row[TRACE]: found.get(row[TRACE], alone) for row in part}

    def _names(self, part: Sequence[Input]) -> Iterable[tuple[str, str]]:
        """All that an answer may call a row by, and its trace id."""
        for row in part:
            trace = row[TRACE]
            if "id" in row:
                yield row["id"], trace
            yield trace, trace

    def _own(self, row: WireObject, names: Mapping[str, str], part: Sequence[Input]) -> str | None:
        """The trace id of the row that this answers; None where nobody can tell."""
        if row.trace is not None:
            return names.get(row.trace)
        if len(part) == 1:
            return str(part[0][TRACE])
        if row.id in names:
            return names[row.id]
        value = row.properties.get(self._key) if self._key is not None else None
        mine = [str(one[TRACE]) for one in part if value and one["properties"].get(self._key) == value]
        return mine[0] if len(mine) == 1 else None
