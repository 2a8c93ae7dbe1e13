"""Bulk CSV: RFC 4180, in UTF-8, with the vendor's ways for empty and null."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from connector.emulators.salesforce.bulk.load import Load
from connector.emulators.salesforce.errors import Problem
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.values import from_text

NULL = "#N/A"
MAX_ROW = 400_000
MAX_CELL = 131_072


class InvalidBatch(Exception):  # noqa: N818  (the vendor's word for it)
    """Rows that cannot be read as the header and the settings say; none of them is written."""


def read_table(load: Load) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the uploaded text. Raises InvalidBatch."""
    try:
        text = (load.data or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidBatch("InvalidBatch : the data is not UTF-8") from None
    first = text.partition("\n")[0]
    if text and first.endswith("\r") != (load.line_ending == "\r\n"):
        ending = load.given["lineEnding"]
        raise InvalidBatch(f"InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {ending}")
    csv.field_size_limit(MAX_ROW)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=load.delimiter, strict=True))
    except csv.Error as error:
        raise InvalidBatch(f"InvalidBatch : {error}") from None
    if not rows:
        raise InvalidBatch("InvalidBatch : Records not found for this query")
    header, *records = rows
    for number, row in enumerate(records, 1):
        if len(row) != len(header) or sum(map(len, row)) > MAX_ROW or max(map(len, row), default=0) > MAX_CELL:
            raise InvalidBatch(f"InvalidBatch : record {number} has not one value for each of {len(header)} columns")
    return header, records


def write_table(load: Load, header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=load.delimiter, lineterminator=load.line_ending, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def body_of(kind: SObject, header: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """The record a row stands for: an empty cell leaves the field alone, #N/A empties it. Raises Refusal."""
    body: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        if not cell:
            continue
        parent, dot, field = name.partition(".")
        if dot and cell == NULL:
            body[kind.parents[parent.lower()].name] = None
        elif dot:
            body[parent] = {field: cell}
        else:
            body[name] = None if cell == NULL else from_text(kind.fields[name], cell)
    return body


def error_cell(problem: Problem) -> str:
    """`CODE:message:fields --`."""
    return f"{problem.code}:{problem.message}:{','.join(problem.fields)} --"
