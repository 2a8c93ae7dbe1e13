"""Fields that are associations: which record is shown, and what makes them show another. Contract: section 4.

Of several associated records the one with HubSpot's mark *primary* is shown, and where none has it, the one with the
lowest id. Only what is shown is ever taken off; what a person added beside it stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector.adapters.hubspot.kinds import Kind, Reference
from connector.adapters.hubspot.wire import WireEnd
from connector.errors import RejectedError

if TYPE_CHECKING:
    from connector.adapters.hubspot.client import HubSpotClient


@dataclass(frozen=True, slots=True)
class Linked:
    """What a reference shows. others: how many more there are. marked: the one shown has the mark."""

    key: str | None = None
    others: int = 0
    marked: bool = False


NOTHING = Linked()


class References:
    """The references of one kind. own: those whose records this connection can see."""

    def __init__(self, client: HubSpotClient, kind: Kind, own: Sequence[Reference]) -> None:
        self._client = client
        self._kind = kind
        self.own = {one.name: one for one in own}

    def of(self, keys: Sequence[str], names: Sequence[str] | None = None) -> dict[str, dict[str, Linked]]:
        """What each of these records is linked with, by the names of the references; one call for each name."""
        found: dict[str, dict[str, Linked]] = {key: {} for key in keys}
        for name in self.own if names is None else names:
            one = self.own[name]
            for key, ends in self._client.linked(self._kind.name, one.to, keys).items():
                if key in found:
                    found[key][name] = _shown(one, ends)
        return found

    def step(self, name: str, key: str, now: Linked, wanted: str | None) -> Step | None:
        """What makes this record show `wanted`; None where it does. Raises RejectedError where it cannot be made to."""
        one = self.own[name]
        if now.key == wanted:
            return None
        stays = now.others if one.primary is None or wanted is None else 0
        if stays:
            raise RejectedError(
                f"{self._client.place}: {self._kind.name} {key} has {now.others + 1} {one.to}; "
                f"`{name}` cannot be changed until all but one are taken off in HubSpot."
            )
        # Where the mark moves to the new one, the old one stays as one of several.
        off = now.key if one.primary is None or wanted is None else None
        return Step(one, key, off, wanted)


@dataclass(frozen=True, slots=True)
class Step:
    """One reference of one record: off is taken off, on is put on."""

    reference: Reference
    key: str
    off: str | None
    on: str | None

    def input(self) -> dict[str, Any]:
        assert self.on is not None
        return {"from": {"id": self.key}, "to": {"id": self.on}, "types": types_of(self.reference)}


def types_of(one: Reference) -> list[dict[str, Any]]:
    """The type an association is made with: with the mark, where there is one, for this is the record that is meant."""
    return [association(one.plain if one.primary is None else one.primary)]


def association(number: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}


def keys_of(linked: Mapping[str, Linked], names: Sequence[str]) -> dict[str, str | None]:
    """The fields of a record."""
    return {name: linked.get(name, NOTHING).key for name in names}


def _shown(one: Reference, ends: Sequence[WireEnd]) -> Linked:
    mine = [end for end in ends if end.is_of(one.numbers)]
    if not mine:
        return NOTHING
    marked = [end for end in mine if one.primary is not None and end.is_of((one.primary,))]
    key = min((str(end.id) for end in marked or mine), key=int)
    return Linked(key, len({str(end.id) for end in mine}) - 1, bool(marked))
