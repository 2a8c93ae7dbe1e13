"""One call and its answer, apart from the server: a call can also come out of a composite request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from connector.emulators.salesforce.errors import Problem, refusal, unreadable
from connector.emulators.salesforce.records import Caller

MISSING: Any = object()

decoded = msgspec.json.Decoder(float_hook=Decimal).decode
"""Reads JSON; a number with a fraction becomes a Decimal."""


@dataclass
class Call:
    """segments: of the path behind `/services/data/vNN.0`, each percent-decoded. row_faults: rows that are to fail.

    payload: the body as a value, when it did not come as bytes.
    """

    method: str
    path: str
    segments: tuple[str, ...]
    params: Mapping[str, str]
    headers: Mapping[str, str]
    caller: Caller
    version: int
    body: bytes = b""
    payload: Any = MISSING
    row_faults: RowFaults | None = None

    def json(self) -> Any:
        """The body read as JSON. Raises Refusal."""
        if self.payload is not MISSING:
            return self.payload
        if not self.headers.get("content-type", "").lower().startswith("application/json"):
            raise refusal(
                "UNSUPPORTED_MEDIA_TYPE",
                f"Content-Type header specified in HTTP request is not supported:"
                f" {self.headers.get('content-type', '')}",
            )
        try:
            return decoded(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise unreadable(f"{error} at [line:1, column:1]") from None

    def object(self) -> dict[str, Any]:
        """The body, which has to be a JSON object. Raises Refusal."""
        given = self.json()
        if not isinstance(given, dict):
            raise unreadable("The HTTP entity body is required, and must be a JSON object")
        return given

    @property
    def base(self) -> str:
        return f"/services/data/v{self.version}.0"


@dataclass(frozen=True, slots=True)
class RowFaults:
    """rows: those that fail, from 1; None for all."""

    problem: Problem
    rows: Sequence[int] | None

    def hit(self, index: int) -> bool:
        return self.rows is None or index + 1 in self.rows


@dataclass
class Answer:
    """body: a value that becomes JSON, None for no body. text: a body that is not JSON, with its type."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes | None = None
    content_type: str = "application/json;charset=UTF-8"

    def encoded(self) -> bytes:
        if self.text is not None:
            return self.text
        return b"" if self.body is None else msgspec.json.encode(self.body)


def split_path(raw: str) -> tuple[str, ...]:
    """The segments of a percent-encoded path: a slash inside a value is no separator."""
    return tuple(unquote(part) for part in raw.strip("/").split("/"))


def split_query(raw: str) -> dict[str, str]:
    """Parameters by name. Raises Refusal when one comes twice."""
    pairs = parse_qsl(raw, keep_blank_values=True)
    params = dict(pairs)
    if len(params) < len(pairs):
        raise refusal("INVALID_ARGUMENT_TYPE", "a parameter is given twice")
    return params
