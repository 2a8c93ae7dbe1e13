"""What a write says, checked against what the portal describes before anything is sent. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from connector.adapters.hubspot.kinds import LINES, Kind, Reference, is_key
from connector.adapters.hubspot.pipelines import Pipelines
from connector.adapters.hubspot.properties import worded
from connector.adapters.hubspot.wire import WireProperty
from connector.errors import ConnectorError, NotFoundError, RejectedError, UncertainError
from connector.model.records import Key, Outcome, Write

_bodies = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(slots=True)
class Draft:
    """One write on its way. number: its place in the batch. properties: as HubSpot takes them. references: the ids they
    are to show. lines: the lines there are to be, None where the write names none.

    key: of the record, once there is one. begun: part of it is written. error: what ended it.
    """

    number: int
    write: Write
    properties: dict[str, str] = field(default_factory=dict)
    references: dict[str, str | None] = field(default_factory=dict)
    lines: list[Line] | None = None
    key: Key | None = None
    begun: bool = False
    error: ConnectorError | None = None
    outcome: Outcome | None = None

    @property
    def trace(self) -> str:
        return f"{self.write.token}.{self.number}"

    @property
    def is_open(self) -> bool:
        return self.error is None and self.outcome is None

    def fail(self, error: ConnectorError) -> None:
        """Something apart from the record went wrong; where part of it is written, nobody can call that nothing."""
        error = apart(error)
        if self.begun and not isinstance(error, UncertainError):
            error = UncertainError(f"{error} What else this write changes was written before.")
        self.error = error

    def ended(self) -> Outcome:
        if self.outcome is not None:
            return self.outcome
        return Outcome(self.write.key if self.error is not None else self.key, None, self.error)


@dataclass(slots=True)
class Line:
    """One line as it is to be. key: of the line that is there; None for a new one."""

    key: Key | None
    properties: dict[str, str]


def apart(error: ConnectorError) -> ConnectorError:
    """A line or an associated record that is not there does not mean that the record is not."""
    if isinstance(error, NotFoundError):
        return RejectedError(f"{error} It is something that the record refers to.")
    return error


class Drafting:
    """Reads the bodies of one kind. known: its properties; of_lines: those of its lines. currency: the account's."""

    def __init__(
        self,
        place: str,
        kind: Kind,
        known: Mapping[str, WireProperty],
        references: Mapping[str, Reference],
        of_lines: Mapping[str, WireProperty] | None,
        pipelines: Pipelines | None,
        currency: str | None,
    ) -> None:
        self._place = place
        self._kind = kind
        self._known = known
        self._references = references
        self._of_lines = of_lines
        self._pipelines = pipelines
        self._currency = currency

    def read(self, number: int, write: Write, *, create: bool) -> Draft:
        """The draft of a write; one that is refused says so."""
        draft = Draft(number, write, key=write.key)
        try:
            fields = _bodies.decode(write.body)
            if not isinstance(fields, dict):
                raise RejectedError(f"{self._place}: the body is no JSON object.")
            if self._pipelines is not None:
                fields = self._pipelines.resolved(fields, create=create)
            if create and write.external is not None:
                fields = {**fields, write.external[0]: write.external[1]}
            self._check_required(fields, create=create)
            for name, value in fields.items():
                self._take(draft, name, value)
        except RejectedError as error:
            draft.error = error
        if create:
            draft.properties = {name: text for name, text in draft.properties.items() if text}
        return draft

    def _take(self, draft: Draft, name: str, value: Any) -> None:
        if name in self._references:
            if value is not None and not (isinstance(value, str) and value and is_key(value)):
                raise RejectedError(f"{self._place}: `{name}` names no record of HubSpot's.")
            draft.references[name] = value
        elif name == self._kind.currency and name not in self._known:
            if value not in (None, self._currency):
                raise RejectedError(f"{self._place}: {self._kind.name} have prices in {self._currency} only.")
        elif name == LINES and self._of_lines is not None:
            draft.lines = self._lines(value)
        else:
            draft.properties[name] = self._worded(self._known, name, value)

    def _lines(self, value: Any) -> list[Line]:
        if not isinstance(value, list) or not all(isinstance(line, dict) for line in value):
            raise RejectedError(f"{self._place}: `{LINES}` takes a list of lines.")
        lines = []
        for one in value:
            known = {name: part for name, part in one.items() if name != "id"}
            properties = {name: self._worded(self._of_lines or {}, name, part) for name, part in known.items()}
            lines.append(Line(one.get("id"), properties))
        return lines

    def _worded(self, known: Mapping[str, WireProperty], name: str, value: Any) -> str:
        if name not in known:
            raise RejectedError(f"{self._place}: {self._kind.name} have no property `{name}`; correct the mapping.")
        return worded(self._place, known[name], value)

    def _check_required(self, fields: Mapping[str, Any], *, create: bool) -> None:
        kind = self._kind
        for name in kind.required:
            if (create or name in fields) and fields.get(name) in (None, ""):
                raise RejectedError(f"{self._place}: `{name}` of {kind.name} is required; give it a value.")
        if create and kind.any_of and all(fields.get(name) in (None, "") for name in kind.any_of):
            raise RejectedError(f"{self._place}: {kind.name} need one of {_listed(kind.any_of)}; give one a value.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
