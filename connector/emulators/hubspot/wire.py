"""A call and its answer; what a client sends that no one asked for is refused (contract 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import msgspec

from connector.emulators.hubspot.problems import HubSpotError, invalid

T = TypeVar("T")
LATEST = "2026-09"


class RowFault(NamedTuple):
    """A fault of one input of a batch: the input at `row` (from 0) fails with `code`."""

    row: int
    code: str
    status: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. kind: `service` key, `oauth` token of an install, or `client` credentials of the app."""

    kind: str
    name: str
    scopes: frozenset[str]


@dataclass(slots=True)
class Call:
    """One request. target: path and query as sent.

    What is found out on the way: pattern, version and params of its route, and a fault of one input.
    """

    method: str
    path: str
    target: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str = ""
    pattern: str = "other"
    version: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    row_fault: RowFault | None = None

    def arguments(self, *known: str, lists: Sequence[str] = ()) -> dict[str, str]:
        """The query as names and values, without the parameters that are `lists`.

        Raises HubSpotError 400 for a name that is not known or stands twice.
        """
        found: dict[str, str] = {}
        for name, value in self.query:
            if name in lists:
                continue
            if name not in known:
                raise invalid(f"Unknown query parameter {name[:80]}.", "UNKNOWN_PARAMETER", parameter=name[:80])
            if name in found:
                raise invalid(f"The query parameter {name} stands twice.", "DUPLICATE_PARAMETER", parameter=name)
            found[name] = value
        return found

    def decoded(self, shape: type[T]) -> T:
        """The JSON body in that shape. Raises HubSpotError 400, 415."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HubSpotError(415, f"Unsupported content type {kind[:80] or 'none'}: send application/json.")
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.DecodeError, RecursionError) as error:
            raise invalid(f"Invalid input JSON: {error}") from None


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"content-type": "application/json;charset=utf-8"})


def html_answer(status: int, text: str) -> Answer:
    """A page, as what stands before HubSpot answers it."""
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{status} {text}</h1></body></html>"
    return Answer(status, page.encode(), {"content-type": "text/html; charset=utf-8"})


def whole_number(arguments: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A number of the query between 1 and `most`. Raises HubSpotError 400."""
    text = arguments.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
        raise invalid(f"{name} must be a number from 1 to {most}.", "INVALID_PARAMETER", parameter=name)
    return int(text)


def truth(arguments: Mapping[str, str], name: str) -> bool:
    """A boolean of the query, false by default. Raises HubSpotError 400."""
    text = arguments.get(name, "false")
    if text not in ("true", "false"):
        raise invalid(f"{name} must be true or false.", "INVALID_PARAMETER", parameter=name)
    return text == "true"


def names_in(call: Call, name: str) -> list[str] | None:
    """Names of one query parameter, which may stand several times and separate names by commas; None without it."""
    given = [value for key, value in call.query if key == name]
    return _split(given) if given else None


def _split(given: Iterable[str]) -> list[str]:
    return [part for value in given for part in value.split(",") if part]
