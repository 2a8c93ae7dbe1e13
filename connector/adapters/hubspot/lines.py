"""Lines of deals, orders and invoices: the line items they are associated with. Contract: sections 4 and 8.

A line item belongs to one document. Its place is `hs_position_on_quote` where the portal has that property; lines
without a place come behind the others, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.client import BATCH
from connector.adapters.hubspot.kinds import LINE_ITEMS, Kind
from connector.adapters.hubspot.properties import described, shown
from connector.adapters.hubspot.wire import WireObject, WireProperty
from connector.ports import FieldSchema
from connector.rest.paging import chunks

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient

POSITION = "hs_position_on_quote"
"""Not in the contract: used where the portal describes it."""


class LineReader:
    """Line items of one kind of document, as lines."""

    def __init__(self, client: HubSpotClient, kind: Kind, known: Mapping[str, WireProperty]) -> None:
        self._client = client
        self._kind = kind
        self.known = known

    @property
    def schema(self) -> dict[str, FieldSchema]:
        return {"id": FieldSchema("id", "text"), **{name: described(one) for name, one in self.known.items()}}

    def keys(self, documents: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the line items of each of these documents."""
        assert self._kind.line is not None
        ends = self._client.linked(self._kind.name, LINE_ITEMS, documents)
        numbers = self._kind.line[:1]
        return {key: [str(end.id) for end in some if end.is_of(numbers)] for key, some in ends.items()}

    def documents(self, items: Sequence[str]) -> list[str]:
        """The documents that have one of these line items."""
        assert self._kind.line is not None
        ends = self._client.linked(LINE_ITEMS, self._kind.name, items)
        numbers = self._kind.line[1:]
        return list(dict.fromkeys(str(end.id) for some in ends.values() for end in some if end.is_of(numbers)))

    def of(self, documents: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The lines of each of these documents, in order."""
        keys = self.keys(documents)
        rows = {row.id: self._line(row) for row in self._rows({one for some in keys.values() for one in some})}
        return {
            document: sorted((rows[key] for key in keys.get(document, ()) if key in rows), key=_place)
            for document in documents
        }

    def _rows(self, keys: Iterable[str]) -> Iterable[WireObject]:
        for part in chunks(sorted(keys, key=int), BATCH):
            yield from self._client.read(LINE_ITEMS, part, list(self.known))

    def _line(self, row: WireObject) -> dict[str, Any]:
        return {"id": row.id, **shown(self.known, row.properties)}


def positions(there: Mapping[str, Any], wanted: Sequence[str | None]) -> list[int]:
    """The place of each line. wanted: their ids in order, None for a new one. there: the places of those there are.

    A line keeps its place where it still comes behind the line before it.
    """
    places: list[int] = []
    last = 0
    for key in wanted:
        now = position(there.get(key or ""))
        last = now if now is not None and now > last else last + 1
        places.append(last)
    return places


def position(value: Any) -> int | None:
    """A place as a number."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else None


def _place(line: Mapping[str, Any]) -> tuple[bool, int, int]:
    at = position(line.get(POSITION))
    return at is None, at or 0, int(line["id"])
