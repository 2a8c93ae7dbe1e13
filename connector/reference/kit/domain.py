"""What makes an application out of the record service: its objects, its tables, its follow-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from connector.reference.kit.objects import ObjectType
from connector.reference.kit.records import Record
from connector.reference.kit.tx import Tx

if TYPE_CHECKING:
    from connector.reference.kit.service import Service


class Action(Protocol):
    """`POST /api/OBJECT/ID/ACTION`: changes the record and returns the record to answer."""

    def __call__(self, tx: Tx, key: str, given: Mapping[str, Any]) -> Record: ...


class Domain:
    """Base of both applications; without overrides it is a plain set of records."""

    system = "records"
    types: Sequence[ObjectType] = ()
    ddl: Sequence[str] = ()
    actions: Mapping[tuple[str, str], Action] = {}

    def finish(self, tx: Tx) -> None:
        """Called before each commit, with everything pending."""

    def refresh(self, service: Service, name: str) -> None:
        """Called before the object is read: bring up to date what moves with the calendar."""

    def extra(self, service: Service, method: str, name: str, given: Any) -> Any:
        """`GET/PUT /api/NAME` that is no object; None when there is no such thing."""
        return None
