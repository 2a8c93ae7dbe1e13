"""How records are found by what they hold. Contract: sections 3.2 to 3.5.

A unique property is asked of the records themselves. Any other is asked of search, which does not know the newest
records: where the property holds the other system's key, and a second record must never be made for it, the plain list
of all records is walked for the keys that search does not know. That costs a call for each 100 records there are, and
comes up only where the answer to a create was lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.client import BATCH, SEARCH
from connector.adapters.hubspot.reading import Reader
from connector.errors import ConfigError
from connector.model.records import Key, Record

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient

LETTERS = 2000
"""Of the values of one search: its body holds 3,000 letters in all."""


class Finder:
    """Finds records of one kind. external: the property with the other system's key."""

    def __init__(self, client: HubSpotClient, reader: Reader, external: str) -> None:
        self._client = client
        self._reader = reader
        self._external = external

    def find(self, field: str, values: Sequence[str]) -> list[Record]:
        """Every live record whose field holds one of the values, letter by letter."""
        known = self._reader.known.get(field)
        if known is None:
            where = f"{self._client.place}: `{self._reader.kind.name}`"
            raise ConfigError(f"{where} cannot be searched by `{field}`; correct the mapping.")
        wanted = {value for value in values if value}
        if not wanted:
            return []
        if known.unique:
            return self._holding(field, wanted, self._reader.by(field, sorted(wanted)))
        small = sorted(value for value in wanted if _cost(value) <= LETTERS)
        found = self._holding(field, wanted, self._reader.fresh(self._searched(field, small)))
        rest = wanted - {_text((record.fields or {})[field]) for record in found}
        if rest and (field == self._external or len(small) < len(wanted)):
            have = {record.key for record in found}
            more = [key for key in self._walked(field, rest) if key not in have]
            found += self._holding(field, rest, self._reader.fresh(more))
        return found

    def _holding(self, field: str, wanted: set[str], records: Sequence[Record]) -> list[Record]:
        """Search may know an old value, and does not tell great letters from small ones."""
        return [record for record in records if _text((record.fields or {})[field]) in wanted]

    def _searched(self, field: str, values: Sequence[str]) -> list[Key]:
        keys: dict[Key, None] = {}
        for part in _parts(values):
            # Small letters beside the value itself: search compares texts in small letters, and choices as they are.
            small = [value.lower() for value in part] if self._reader.known[field].type == "string" else []
            forms = list(dict.fromkeys([*part, *small]))
            filters: list[Mapping[str, Any]] = [{"propertyName": field, "operator": "IN", "values": forms}]
            after = 0
            while True:
                hits = self._client.search(self._reader.kind.name, filters, after)
                keys.update((hit.id, None) for hit in hits)
                if len(hits) < SEARCH:
                    break
                after = int(hits[-1].id)
        return list(keys)

    def _walked(self, field: str, wanted: set[str]) -> Iterator[Key]:
        for rows in self._client.walk(self._reader.kind.name, [field]):
            yield from (row.id for row in rows if row.properties.get(field) in wanted)


def _parts(values: Sequence[str]) -> Iterator[list[str]]:
    """The values, as many at a time as one search takes."""
    part: list[str] = []
    length = 0
    for value in values:
        cost = _cost(value)
        if part and (len(part) == BATCH or length + cost > LETTERS):
            yield part
            part, length = [], 0
        part.append(value)
        length += cost
    if part:
        yield part


def _cost(value: str) -> int:
    """Letters of a value in the body, in both forms, with its quotes and escapes."""
    return 2 * (len(value) + 8 + sum(value.count(sign) for sign in '"\\'))


def _text(value: Any) -> str:
    """A field as HubSpot has it."""
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
