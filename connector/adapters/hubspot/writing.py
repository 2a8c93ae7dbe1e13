"""Writes of one kind: records in batches, then what HubSpot keeps apart from them, associations and lines.

A new record goes with its associations in one call; its lines follow, and where they are refused it is taken back. Of
an update the properties go first, then the associations, then the lines: what is refused after that is in doubt, for
part of it is done (docs/decisions/0015). A create that meets a record with its key, or a contact with its e-mail
address, is answered with that record, which stays as it is. Contract: sections 3.2 to 3.4, 4 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.batches import TRACE, Batches, parted
from connector.adapters.hubspot.drafts import Draft, Drafting, apart
from connector.adapters.hubspot.failures import RefusedError, named, row_error
from connector.adapters.hubspot.line_writing import LineWriter
from connector.adapters.hubspot.reading import Reader
from connector.adapters.hubspot.references import NOTHING, References, Step, types_of
from connector.errors import ConnectorError, NotFoundError, RejectedError, UncertainError
from connector.model.records import Op, Outcome, Record, Write

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient


class Writer:
    """Writes records of one kind. external: the property with the other system's key, where it is a unique one."""

    def __init__(
        self, client: HubSpotClient, reader: Reader, drafting: Drafting, lines: LineWriter | None, external: str | None
    ) -> None:
        self._client = client
        self._reader = reader
        self._kind = reader.kind
        self._references: References = reader.references
        self._drafting = drafting
        self._lines = lines
        self._external = external
        self._batches = Batches(client, reader.kind.name, external)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Writes of one op, no two on one record; their outcomes, in order."""
        match writes[0].op:
            case Op.CREATE:
                drafts = self._create(writes)
            case Op.UPDATE:
                drafts = self._update(writes)
            case Op.DELETE:
                return self._delete([str(write.key) for write in writes])
        return [draft.ended() for draft in drafts]

    # ------------------------------------------------------------------------------------------------- creates

    def _create(self, writes: Sequence[Write]) -> list[Draft]:
        drafts = [self._drafting.read(number, write, create=True) for number, write in enumerate(writes)]
        ready = [draft for draft in drafts if draft.is_open]
        results = self._batches.write("create", [self._input(draft) for draft in ready])
        for draft in ready:
            result = results[draft.trace]
            if isinstance(result, ConnectorError):
                draft.error = apart(result) if any(draft.references.values()) else result
            else:
                draft.key, draft.begun = result.id, True
        self._meet(ready)
        if self._lines is not None:
            self._take_back(self._lines.create([draft for draft in ready if draft.is_open and draft.lines]))
        return drafts

    def _input(self, draft: Draft) -> dict[str, Any]:
        ends = [
            {"to": {"id": key}, "types": types_of(self._references.own[name])}
            for name, key in draft.references.items()
            if key is not None
        ]
        return {"properties": draft.properties, "associations": ends, TRACE: draft.trace}

    def _meet(self, drafts: Sequence[Draft]) -> None:
        """Refused creates whose record is there already are answered with it."""
        refused = [draft for draft in drafts if isinstance(draft.error, RejectedError) and draft.write.external]
        if not refused or self._external is None:
            return
        keys = [draft.write.external[1] for draft in refused if draft.write.external]
        alike = {draft.number: draft.error.existing for draft in refused if isinstance(draft.error, RefusedError)}
        try:
            found = self._reader.by(self._external, keys)
            others = {one.key: one for one in self._reader.fresh([key for key in alike.values() if key is not None])}
        except ConnectorError as error:
            for draft in refused:
                draft.error = UncertainError(f"{draft.error} Whether it is there already could not be asked: {error}")
            return
        there = {(record.fields or {})[self._external]: record for record in found}
        for draft in refused:
            record = there.get(draft.write.external[1] if draft.write.external else "")
            other = others.get(alike.get(draft.number) or "")
            if record is not None:
                draft.outcome = Outcome(record.key, record, existed=True)
            elif other is not None:
                self._join(draft, other)

    def _join(self, draft: Draft, other: Record) -> None:
        """A record a person made, which HubSpot takes for the same. One that has another key is another's."""
        owner = (other.fields or {}).get(str(self._external))
        if owner is None:
            draft.outcome = Outcome(other.key, other, existed=True)
        else:
            draft.error = RejectedError(f"{draft.error} That one belongs to {owner} of the other system.")

    def _take_back(self, refused: Sequence[tuple[Draft, Sequence[str]]]) -> None:
        """New records whose lines were refused, and those of their lines that were not, go into the recycle bin."""
        keys = {str(draft.key): draft for draft, _ in refused}
        lines = [line for _, some in refused for line in some]
        errors: dict[str, ConnectorError | None] = {}
        try:
            if self._lines is not None:
                self._lines.remove(lines)
            errors = self._batches.remove(list(keys))
        except ConnectorError as error:
            errors = dict.fromkeys(keys, error)
        for key, problem in errors.items():
            if problem is not None:
                draft = keys[key]
                draft.error = UncertainError(f"{draft.error} The record is there all the same: {problem}")

    # ------------------------------------------------------------------------------------------------- updates

    def _update(self, writes: Sequence[Write]) -> list[Draft]:
        drafts = [self._drafting.read(number, write, create=False) for number, write in enumerate(writes)]
        steps = self._steps([draft for draft in drafts if draft.is_open and draft.references])
        wanted = [draft for draft in drafts if draft.is_open]
        self._look([draft for draft in wanted if not draft.properties])
        self._write_properties([draft for draft in wanted if draft.is_open and draft.properties])
        self._link([(drafts[number], step) for number, some in steps.items() for step in some], drafts)
        if self._lines is not None:
            self._lines.update([draft for draft in wanted if draft.is_open and draft.lines is not None], drafts)
        return drafts

    def _steps(self, drafts: Sequence[Draft]) -> dict[int, list[Step]]:
        """What it takes to make the references of each draft show what they are to show."""
        if not drafts:
            return {}
        names = [name for name in self._references.own if any(name in draft.references for draft in drafts)]
        now = self._references.of([str(draft.key) for draft in drafts], names)
        found: dict[int, list[Step]] = {}
        for draft in drafts:
            linked = now[str(draft.key)]
            try:
                steps = [
                    self._references.step(name, str(draft.key), linked.get(name, NOTHING), wanted)
                    for name, wanted in draft.references.items()
                ]
            except RejectedError as error:
                draft.error = error
                continue
            found[draft.number] = [step for step in steps if step is not None]
        return found

    def _look(self, drafts: Sequence[Draft]) -> None:
        """Nothing of the records themselves is written: whether they are there has to be asked."""
        if not drafts:
            return
        rows = self._client.read(self._kind.name, [str(draft.key) for draft in drafts], ["hs_object_id"])
        there = {row.id for row in rows}
        for draft in drafts:
            if draft.key not in there:
                draft.error = NotFoundError(f"{self._client.place} does not have {self._kind.name} {draft.key}.")

    def _write_properties(self, drafts: Sequence[Draft]) -> None:
        inputs = [{"id": draft.key, "properties": draft.properties, TRACE: draft.trace} for draft in drafts]
        results = self._batches.write("update", inputs)
        for draft in drafts:
            result = results[draft.trace]
            if isinstance(result, ConnectorError):
                draft.error = result
            else:
                draft.begun = True
        # What HubSpot says of a record that is not there is not told from other refusals by status or category.
        with suppress(ConnectorError):  # a refusal is a refusal, also where nobody can say more of it
            self._look([draft for draft in drafts if isinstance(draft.error, RejectedError)])

    def _link(self, steps: Sequence[tuple[Draft, Step]], drafts: Sequence[Draft]) -> None:
        """Takes off what is to go, then puts on what is to come; one call each for a reference. drafts: the batch."""
        for name in self._references.own:
            mine = [(draft, step) for draft, step in steps if step.reference.name == name]
            off = [(draft, step) for draft, step in mine if step.off is not None]
            self._sent(off, self._unlink, drafts)
            on = [(draft, step) for draft, step in mine if step.on is not None]
            self._sent(on, self._put_on, drafts)

    def _sent(
        self,
        steps: Sequence[tuple[Draft, Step]],
        go: Callable[[Sequence[tuple[Draft, Step]]], None],
        drafts: Sequence[Draft],
    ) -> None:
        steps = [(draft, step) for draft, step in steps if draft.is_open]
        if not steps:
            return
        for part, error in parted(steps, go, first=not any(draft.begun for draft in drafts)):
            for draft, _ in part:
                if error is not None:
                    draft.fail(error)
                elif draft.is_open:
                    draft.begun = True

    def _unlink(self, off: Sequence[tuple[Draft, Step]]) -> None:
        pairs = [(step.key, str(step.off)) for _, step in off]
        self._client.unlink(self._kind.name, off[0][1].reference.to, pairs)

    def _put_on(self, on: Sequence[tuple[Draft, Step]]) -> None:
        """A row that is wrong has its own error; where nobody can tell which it is, all may be."""
        problems = self._client.link(self._kind.name, on[0][1].reference.to, [step.input() for _, step in on])
        for problem in problems:
            ends = set(named(problem.context, "fromObjectId", "toObjectId", "id", "ids"))
            hit = [draft for draft, step in on if {step.key, str(step.on)} & ends] or [draft for draft, _ in on]
            for draft in hit:
                draft.fail(row_error(self._client.place, problem, write=True))

    # ------------------------------------------------------------------------------------------------- deletes

    def _delete(self, keys: Sequence[str]) -> list[Outcome]:
        errors = self._batches.remove(keys)
        return [Outcome(key, None, errors[key]) for key in keys]
