"""Makes the lines of documents as they are to be: line items are changed, created and removed. Contract: section 8.

A line item belongs to one document, so one that is not kept is removed and not only taken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.batches import OWN, TRACE, Batches, Input
from connector.adapters.hubspot.drafts import Draft, Line, apart
from connector.adapters.hubspot.kinds import LINE_ITEMS, Kind
from connector.adapters.hubspot.lines import POSITION, LineReader, positions
from connector.adapters.hubspot.properties import is_writable, worded
from connector.adapters.hubspot.references import association
from connector.errors import ConnectorError, RejectedError

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient

Row = tuple[Draft, Input]
"""One line of a draft, as it is sent."""


class LineWriter:
    """Writes the lines of one kind of document."""

    def __init__(self, client: HubSpotClient, kind: Kind, reader: LineReader) -> None:
        self._place = str(client.place)
        self._kind = kind
        self._reader = reader
        self._batches = Batches(client, LINE_ITEMS)
        known = reader.known.get(POSITION)
        self._placed = known is not None and is_writable(known)

    def create(self, drafts: Sequence[Draft]) -> list[tuple[Draft, list[str]]]:
        """Lines of documents that are new; those with a line that was refused, with the keys of the others.

        A document with a line of which nobody knows stays as it is, and in doubt.
        """
        rows: list[Row] = []
        for draft in drafts:
            lines = draft.lines or []
            places = positions({}, [None] * len(lines))
            rows += [(draft, self._new(draft, n, line, places[n])) for n, line in enumerate(lines)]
        made, errors = self._sent("create", rows, drafts)
        refused = []
        for draft in drafts:
            mine = errors.get(draft.number, [])
            doubt = next((error for error in mine if not isinstance(error, OWN)), None)
            if doubt is not None:
                draft.fail(doubt)
            elif mine:
                draft.error = apart(mine[0])
                refused.append((draft, made.get(draft.number, [])))
        return refused

    def update(self, drafts: Sequence[Draft], batch: Sequence[Draft]) -> None:
        """Lines of documents that are there. batch: all drafts that are being written."""
        if not drafts:
            return
        shown = self._shown(drafts, batch)
        plans = {draft.number: self._plan(draft, shown[str(draft.key)]) for draft in drafts if draft.is_open}
        for verb in ("update", "create"):
            rows = [(draft, one) for draft in drafts if draft.is_open for one in plans[draft.number][verb]]
            _, errors = self._sent(verb, rows, batch)
            for draft in drafts:
                for error in errors.get(draft.number, []):
                    draft.fail(error)
        self._drop({key: draft for draft in drafts if draft.is_open for key in plans[draft.number]["gone"]}, batch)

    def remove(self, keys: Sequence[str]) -> None:
        """Raises the first error."""
        for error in self._batches.remove(keys).values():
            if error is not None:
                raise error

    # -------------------------------------------------------------------------------------------------- inside

    def _shown(self, drafts: Sequence[Draft], batch: Sequence[Draft]) -> Mapping[str, list[dict[str, Any]]]:
        """The lines there are."""
        try:
            return self._reader.of([str(draft.key) for draft in drafts])
        except ConnectorError as error:
            _fail_or_raise(error, drafts, batch)
            return {}

    def _plan(self, draft: Draft, lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """What it takes: inputs to update and to create, and the keys of lines that go."""
        there = {line["id"]: line for line in lines}
        wanted = draft.lines or []
        kept = [line.key for line in wanted if line.key is not None]
        if len(kept) != len(set(kept)) or not there.keys() >= set(kept):
            wrong = f"{self._place}: `lines` names a line twice or one that is not there; read it again."
            draft.fail(RejectedError(wrong))
            return {"update": [], "create": [], "gone": []}
        places = positions({key: line.get(POSITION) for key, line in there.items()}, [line.key for line in wanted])
        plan: dict[str, list[Any]] = {"update": [], "create": [], "gone": [key for key in there if key not in kept]}
        for number, (line, place) in enumerate(zip(wanted, places, strict=True)):
            if line.key is None:
                plan["create"].append(self._new(draft, number, line, place))
            elif changed := dict(self._changed(line, there[line.key], place)):
                plan["update"].append({"id": line.key, "properties": changed, TRACE: f"{draft.trace}.{number}"})
        return plan

    def _new(self, draft: Draft, number: int, line: Line, place: int) -> Input:
        assert self._kind.line is not None
        properties = {name: text for name, text in line.properties.items() if text}
        if self._placed:
            properties = {POSITION: str(place), **properties}
        end = {"to": {"id": draft.key}, "types": [association(self._kind.line[1])]}
        return {"properties": properties, "associations": [end], TRACE: f"{draft.trace}.{number}"}

    def _changed(self, line: Line, now: Mapping[str, Any], place: int) -> Iterator[tuple[str, str]]:
        wanted = {POSITION: str(place), **line.properties} if self._placed else line.properties
        for name, text in wanted.items():
            known = self._reader.known[name]
            if not _same(known.type, worded(self._place, known, now.get(name)), text):
                yield name, text

    def _sent(
        self, verb: str, rows: Sequence[Row], batch: Sequence[Draft]
    ) -> tuple[dict[int, list[str]], dict[int, list[ConnectorError]]]:
        """By the number of the draft: the keys of lines that were written, and the errors of those that were not."""
        made: dict[int, list[str]] = {}
        errors: dict[int, list[ConnectorError]] = {}
        owners = {row[TRACE]: draft for draft, row in rows}
        try:
            results = self._batches.write(verb, [row for _, row in rows])
        except ConnectorError as error:
            _fail_or_raise(error, list(owners.values()), batch)
            return made, errors
        for trace, result in results.items():
            draft = owners[trace]
            if isinstance(result, ConnectorError):
                errors.setdefault(draft.number, []).append(result)
            else:
                draft.begun = True
                made.setdefault(draft.number, []).append(result.id)
        return made, errors

    def _drop(self, gone: Mapping[str, Draft], batch: Sequence[Draft]) -> None:
        try:
            results = self._batches.remove(list(gone))
        except ConnectorError as error:
            _fail_or_raise(error, list(gone.values()), batch)
            return
        for key, problem in results.items():
            if problem is not None:
                gone[key].fail(problem)


def _fail_or_raise(error: ConnectorError, drafts: Sequence[Draft], batch: Sequence[Draft]) -> None:
    """An error of a whole call is raised where nothing of the batch is written yet."""
    if not any(draft.begun for draft in batch):
        raise error
    for draft in drafts:
        draft.fail(error)


def _same(type_: str, now: str, wanted: str) -> bool:
    return Decimal(now) == Decimal(wanted) if type_ == "number" and now and wanted else now == wanted
