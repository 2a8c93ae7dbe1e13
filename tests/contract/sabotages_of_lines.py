"""Systems in memory that do not look after the lines of a record, with ids and without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from connector.model.records import Op, Record, Write, WriteResult
from connector.testing.memory import MemorySystem

from .sabotages import Changing, caught_by, with_body

Lines = list[dict[str, Any]]
_CREATED = "lines_are_created_each_once_and_in_order"
_CHANGED = "one_line_is_changed_and_the_others_stay"
_ADDED = "a_line_is_added_and_the_others_stay"
_DROPPED = "a_line_is_dropped_and_the_others_stay"
_EMPTIED = "all_lines_are_dropped_or_that_is_refused"
_NAMED = "a_line_keeps_what_an_update_does_not_name"
_KEPT = "other_values_come_back_as_they_were_written"
WITHOUT_IDS = "WithoutIds"


def _sending(name: str, change: Callable[[Lines], Lines], *tests: str, op: Op | None = None, bare: bool = True) -> None:
    """A system that takes other lines than were written, in every write or in those of one kind."""

    def alter(self: Changing, write: Write) -> Write:
        if op not in (None, write.op):
            return write
        return with_body(write, lambda b: {n: change(v) if n == "lines" and v else v for n, v in b.items()})

    for kind in (name, name + WITHOUT_IDS) if bare else (name,):
        caught_by(*tests)(type(kind, (Changing,), {"alter": alter}))


def _new(lines: Lines) -> Lines:
    return [{name: value for name, value in line.items() if name != "id"} for line in lines]


_sending("DropsTheLastLine", lambda lines: lines[:-1], _CREATED, _CHANGED, _ADDED, _DROPPED, _KEPT)
_sending("CreatesWithoutTheLastLine", lambda lines: lines[:-1], _CREATED, op=Op.CREATE)
_sending("UpdatesWithoutTheLastLine", lambda lines: lines[:-1], _CHANGED, _ADDED, _DROPPED, _KEPT, op=Op.UPDATE)
_sending("KeepsOneLine", lambda lines: lines[:1], _CREATED, _CHANGED, _KEPT)
_sending("CreatesLinesTwice", lambda lines: lines * 2, _CREATED, op=Op.CREATE)
_sending("UpdatesWithALineTwice", lambda lines: [*lines, *_new(lines[:1])], _CHANGED, _ADDED, _DROPPED, op=Op.UPDATE)
_sending("CreatesLinesFromTheLast", lambda lines: lines[::-1], _CREATED, op=Op.CREATE)
_sending("UpdatesLinesFromTheLast", lambda lines: lines[::-1], _CHANGED, _ADDED, _DROPPED, op=Op.UPDATE)
_sending("SortsLines", lambda lines: sorted(lines, key=lambda line: str(line.get("sku"))), _CREATED)
_sending("JoinsEqualItems", lambda lines: list({line.get("sku"): line for line in lines}.values()), _CREATED)
_sending("CutsDigits", lambda lines: [{**x, "quantity": str(x["quantity"])[:1]} for x in lines], _CREATED)
# Every line is a new one: what points at the old ones leads nowhere.
_sending("MakesAllLinesNew", _new, _CHANGED, _ADDED, _DROPPED, op=Op.UPDATE, bare=False)
_sending("UpdatesKnownLinesOnly", lambda lines: [x for x in lines if "id" in x], _ADDED, op=Op.UPDATE, bare=False)
_sending(
    "EmptiesWhatALineLeavesOut",
    lambda lines: [{"sku": None, "quantity": None, "text": None, **line} for line in lines],
    _NAMED,
    op=Op.UPDATE,
    bare=False,
)


class _Adding(Changing):
    """Keeps the lines that an update leaves out."""

    def alter(self, write: Write) -> Write:
        if write.op is not Op.UPDATE:
            return write
        old = self.get("things", str(write.key))["lines"] or []
        return with_body(
            write, lambda body: {**body, "lines": self.joined(old, body["lines"])} if body.get("lines") else body
        )

    def joined(self, old: Lines, new: Lines) -> Lines:
        return [*new, *(line for line in old if line["id"] not in [n.get("id") for n in new])]


@caught_by(_DROPPED)
class KeepsDroppedLines(_Adding):
    pass


@caught_by(_CHANGED, _ADDED, _DROPPED)
class AppendsLinesWithoutIds(_Adding):
    def joined(self, old: Lines, new: Lines) -> Lines:
        return [*old, *new]


class _Empty(Changing):
    def alter(self, write: Write) -> Write:
        return with_body(write, lambda body: {n: v for n, v in body.items() if n != "lines" or v})


@caught_by(_EMPTIED)
class IgnoresAnEmptyList(_Empty):
    pass


@caught_by(_EMPTIED)
class IgnoresAnEmptyListWithoutIds(_Empty):
    pass


@caught_by(_CREATED)
class MixesLinesOfABatchUp(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if writes and writes[0].op is Op.CREATE:
            lines = [msgspec.json.decode(write.body).get("lines") for write in writes]
            pairs = zip(writes, reversed(lines), strict=True)
            writes = [with_body(write, lambda body, other=other: {**body, "lines": other}) for write, other in pairs]
        return super().write(object, writes)


def _showing(name: str, change: Callable[[Lines, int], Lines], *tests: str, bare: bool = False) -> None:
    """A system whose lines look different; `change` is told the record's version."""

    def record(self: MemorySystem, table: Any, row: Any) -> Record:
        shown = MemorySystem._record(self, table, row)
        lines = (shown.fields or {}).get("lines")
        return replace(shown, fields={**shown.fields, "lines": change(lines, row.version)}) if lines else shown

    for kind in (name, name + WITHOUT_IDS) if bare else (name,):
        caught_by(*tests)(type(kind, (MemorySystem,), {"_record": record}))


_showing("HidesTheLastLine", lambda lines, _: lines[:-1], _CREATED, _CHANGED, bare=True)
_showing("ShowsALineTwice", lambda lines, _: [*lines, lines[0]], _CREATED, _CHANGED, bare=True)
_showing("GivesAllLinesOneId", lambda lines, _: [{**line, "id": "1"} for line in lines], _CREATED)
_showing("HidesSomeIds", lambda lines, _: [{**lines[0], "id": None}, *lines[1:]], _CREATED)
_showing("HidesIdsLater", lambda lines, version: lines if version == 1 else _new(lines), _CHANGED)
_showing("NumbersLinesThrough", lambda lines, _: [{**x, "id": str(n)} for n, x in enumerate(lines)], _DROPPED)


def _reading(name: str, *methods: str) -> None:
    """A system that loses a line in one of its answers only."""

    def method(what: str) -> Callable[..., Any]:
        def call(self: MemorySystem, *given: Any) -> Any:
            answer = getattr(MemorySystem, what)(self, *given)
            return (
                [_short(r) for r in answer]
                if what == "find"
                else replace(answer, records=[*map(_short, answer.records)])
            )

        return call

    parts = {what: method(what) for what in methods}
    caught_by("a_value_reads_the_same_whichever_way_it_is_asked_for")(type(name, (MemorySystem,), parts))


def _short(record: Record) -> Record:
    return replace(record, fields={**record.fields, "lines": record.fields["lines"][:-1]}) if record.fields else record


_reading("LosesALineInTheFeed", "changes")
_reading("LosesALineInAScan", "scan")
_reading("LosesALineInFind", "find")
