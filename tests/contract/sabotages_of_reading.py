"""Systems in memory that break one promise of reading, of failing or of answering strangers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from connector.errors import (
    ConnectorError,
    DeniedError,
    NotFoundError,
    RejectedError,
    TransientError,
    UncertainError,
)
from connector.model.records import Finding, Hint, Key, Page, Record, Write, WriteResult
from connector.ports import Description, WebhookRequest
from connector.rest.paging import chunks
from connector.testing.memory import MemorySystem

from .sabotages import Changing, caught_by

# -------------------------------------------------------------------------------------------------- lists


@caught_by(
    "nothing_is_missed_while_records_change_during_a_pass",
    "the_cursor_of_a_page_in_the_middle_serves_another_process",
)
class SkipsOneBetweenPages(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        return replace(page, cursor=str(int(str(page.cursor)) + 1)) if page.more else page


@caught_by("without_a_cursor_every_live_record_comes")
class BeginsToday(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return super().changes(object, cursor or str(self._tables[object].position))


@caught_by("after_a_cursor_every_change_comes_and_oldest_first")
class TellsNewestFirst(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        return replace(page, records=list(page.records)[::-1])


@caught_by("after_a_cursor_every_change_comes_and_oldest_first")
class TellsOwnWritesOnly(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        return replace(page, records=[r for r in page.records if cursor is None or r.modified_by == self.principal])


@caught_by("an_own_write_comes_back_equal_to_what_its_answer_showed")
class HidesOwnWrites(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        return replace(page, records=[r for r in page.records if cursor is None or r.modified_by != self.principal])


@caught_by("a_cursor_serves_another_process_and_serves_it_twice", "a_quiet_system_has_nothing_more_to_tell")
class ForgetsCursorsOnceUsed(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        used: set[str] = self.__dict__.setdefault("used", set())
        if cursor in used:
            raise NotFoundError("this cursor was used")
        used.update([cursor] if cursor else [])
        return super().changes(object, cursor)


@caught_by("a_deleted_record_is_told_where_the_system_tells_and_never_as_live")
class TellsNoDeletes(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        return replace(page, records=[record for record in page.records if not record.deleted])


@caught_by("a_merged_record_names_its_survivor_and_is_not_live")
class CallsMergedDeleted(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().changes(object, cursor)
        gone = [replace(r, merged_into=None, deleted=True) if r.merged_into else r for r in page.records]
        return replace(page, records=gone)


@caught_by("a_restored_record_is_told_as_live_again")
class ForgetsTheRestored(MemorySystem):
    def restore(self, object_: str, key: Key, *, by: str = "user") -> None:
        self._tables[object_].rows[key].deleted = False


@caught_by("a_quiet_system_has_nothing_more_to_tell")
class RepeatsItself(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return super().changes(object, str(max(0, int(cursor) - 1)) if cursor else cursor)


@caught_by("a_cursor_the_system_does_not_know_asks_to_read_everything_again")
class TakesAnyCursorForTheEnd(MemorySystem):
    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        known = cursor is None or (cursor.isdecimal() and len(cursor) < 9)
        return super().changes(object, cursor) if known else Page([], str(self._tables[object].position), False)


@caught_by("a_scan_of_many_pages_misses_nothing_while_records_come_and_go")
class ScansByNumber(MemorySystem):
    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        size, start = self._tables[object].spec.capabilities.page, int(cursor or 0)
        keys = sorted(self.live(object))
        found = list(self.read(object, keys[start : start + size]).values())
        more = start + size < len(keys)
        return Page(found, str(start + size) if more else None, more)


@caught_by("a_scan_lists_every_live_record_once_and_in_one_order")
class ScansTwice(MemorySystem):
    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        page = super().scan(object, None if cursor is None else cursor.rstrip("-"))
        return page if cursor or page.more else Page(page.records, "-", True)


# ---------------------------------------------------------------------------------------------- read, find


@caught_by("read_brings_each_key_once_and_leaves_unknown_ones_out")
class FailsOnUnknownKeys(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        found = super().read(object, keys)
        return {key: found[key] for key in keys}


@caught_by("read_takes_any_number_of_keys_in_as_few_calls_as_batches")
class ReadsOneByOne(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return {k: record for key in keys for k, record in super(ReadsOneByOne, self).read(object, [key]).items()}


@caught_by("read_takes_any_number_of_keys_in_as_few_calls_as_batches")
class ReadsOneBatch(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return super().read(object, keys[: self._tables[object].spec.capabilities.batch_read])


@caught_by("an_answer_in_several_parts_is_whole_or_an_error")
class ReadsWhatItCan(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        found: dict[Key, Record] = {}
        for part in chunks(keys, self._tables[object].spec.capabilities.batch_read):
            with suppress(TransientError):
                found.update(super().read(object, part))
        return found


@caught_by("a_key_that_means_something_to_an_address_or_a_query_is_an_unknown_key")
class PutsKeysIntoAddresses(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        found = dict(super().read(object, keys))
        everything = self.live(object)
        return {**found, **({"": replace(self._one(object, min(everything)), key="")} if "" in keys else {})}

    def _one(self, object_: str, key: Key) -> Record:
        return super().read(object_, [key])[key]


@caught_by("a_deleted_record_is_read_as_deleted_or_not_at_all")
class ReadsTheDeletedAsLive(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return {key: replace(record, deleted=False) for key, record in super().read(object, keys).items()}


class Searching(MemorySystem):
    """A system whose search goes through `hit`."""

    def hit(self, shown: str, value: str) -> bool:
        return shown == value

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        if field == "created_by" or not values:
            return super().find(object, field, values)
        keys = [k for k, row in self.live(object).items() if any(self.hit(str(row.get(field)), v) for v in values)]
        return list(super().read(object, keys).values())


def _finding(name: str, hit: Callable[[str, str], bool], *tests: str) -> None:
    caught_by(*tests)(type(name, (Searching,), {"hit": lambda self, shown, value: hit(shown, value)}))


_ALL = "find_brings_every_live_record_with_one_of_the_values"
_SIGNS = "find_takes_a_sign_that_stands_for_any_other_for_itself"
_HOSTILE = "find_takes_hostile_values_as_they_are"
_finding("FindsByBeginning", lambda shown, value: shown.startswith(value), _ALL)
_finding("FindsByPattern", lambda shown, value: fnmatchcase(shown, value), _SIGNS, _HOSTILE)
_finding("FindsLikeSql", lambda shown, value: fnmatchcase(shown, value.replace("%", "*").replace("_", "?")), _SIGNS)
_finding("SplitsAtCommas", lambda shown, value: shown in value.split(","), _HOSTILE)
_finding("DropsQuotes", lambda shown, value: shown == value.replace("'", ""), _HOSTILE)


@caught_by(_ALL)
class FindsTheFirstValueOnly(MemorySystem):
    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return super().find(object, field, values[:1])


@caught_by("find_walks_on_where_one_value_has_more_records_than_a_page")
class FindsOnePage(MemorySystem):
    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return super().find(object, field, values)[: self._tables[object].spec.capabilities.page]


@caught_by("find_takes_more_values_than_a_batch")
class FindsOneBatch(MemorySystem):
    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return super().find(object, field, values[: self._tables[object].spec.capabilities.batch_read])


@caught_by("find_of_no_value_finds_nothing")
class FindsEverythingForNothing(MemorySystem):
    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return super().find(object, field, values) if values else list(self.scan(object, None).records)


@caught_by("find_by_a_field_that_is_not_there_is_a_mistake_and_never_an_empty_answer")
class FindsNothingWhereNothingIs(MemorySystem):
    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return [] if field == "no_such_field" else super().find(object, field, values)


# ------------------------------------------------------------------------------------------------ describe


def _describing(name: str, change: Callable[[Any], Any], *tests: str) -> None:
    """A system that says something untrue of its fields."""

    def describe(self: MemorySystem) -> Description:
        said = MemorySystem.describe(self)
        known = said.objects["things"]
        return replace(said, objects={"things": replace(known, fields=change(dict(known.fields)))})

    caught_by(*tests)(type(name, (MemorySystem,), {"describe": describe}))


def _saying(field: str, **truth: Any) -> Callable[[Any], Any]:
    return lambda fields: {n: replace(k, **truth) if n == field else k for n, k in fields.items()}


_describing(
    "HidesAField",
    lambda fields: {name: known for name, known in fields.items() if name != "code"},
    "every_field_a_record_shows_is_described",
)
_describing("RequiresNothing", _saying("note", required=True), "a_create_without_a_required_field_is_refused")
_describing("ProtectsNothing", _saying("code", writable=False), "a_field_that_is_not_writable_keeps_its_value")
_describing(
    "LimitsNothing",
    _saying("name", max_length=20),
    "a_text_as_long_as_described_is_kept_whole_and_a_longer_one_is_refused",
)
_describing(
    "ChoosesAnything", _saying("code", choices=("a", "b")), "of_a_choice_each_described_value_is_taken_and_no_other"
)


# ------------------------------------------------------------------------------------------------ failures


class Failing(MemorySystem):
    """A system whose errors of `write` go through `said`."""

    def said(self, error: ConnectorError) -> ConnectorError:
        return error

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        try:
            return super().write(object, writes)
        except ConnectorError as error:
            raise self.said(error) from None


def _failing(name: str, said: Callable[[ConnectorError], ConnectorError], *tests: str) -> None:
    caught_by(*tests)(type(name, (Failing,), {"said": lambda self, error: said(error)}))


_CREATE = "a_create_in_trouble_raises_the_error_that_fits"


def _instead(of: type[ConnectorError], error: ConnectorError) -> Callable[[ConnectorError], ConnectorError]:
    return lambda came: error if isinstance(came, of) else came


_failing(
    "CallsADoubtNothing",
    _instead(UncertainError, TransientError("try again")),
    f"{_CREATE}[lost]",
    "a_batch_whose_answer_is_lost_is_uncertain_as_a_whole",
)
_failing("CallsNothingADoubt", _instead(TransientError, UncertainError("who knows")), f"{_CREATE}[refused]")
_failing("ForgetsTheWait", _instead(TransientError, TransientError("busy")), f"{_CREATE}[busy]")
_failing("CallsDeniedRefused", _instead(DeniedError, RejectedError("no")), f"{_CREATE}[forbidden]")
_failing("CallsRefusedTransient", _instead(RejectedError, TransientError("no")), f"{_CREATE}[invalid]")
_failing("TellsItsSecret", _instead(DeniedError, DeniedError("token SECRET-7 is wrong")), f"{_CREATE}[unauthorized]")


@caught_by(f"{_CREATE}[lost]")
class TriesADoubtAgain(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        try:
            return super().write(object, writes)
        except UncertainError:
            self.faults.clear()
            return super().write(object, [replace(write, token=write.token + "again") for write in writes])


@caught_by(f"{_CREATE}[refused]")
class WritesAndSaysItDidNot(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        for fault in self.faults:
            fault.after = True
        return super().write(object, writes)


@caught_by("a_read_in_trouble_raises_the_error_that_fits[forbidden]")
class ReadsNothingWhenDenied(MemorySystem):
    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        try:
            return super().read(object, keys)
        except DeniedError:
            return {}


@caught_by("parallel_writes_are_all_done_once_and_answered_to_whom_they_belong")
class MixesThreadsUp(Changing):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        self._waiting = writes
        time.sleep(0.02)
        return super().write(object, self._waiting)


# ------------------------------------------------------------------------------------------------- strangers


@caught_by("check_finds_a_working_connection_in_order")
class RaisesWhenChecked(MemorySystem):
    def check(self) -> Sequence[Finding]:
        raise TransientError("not now")


@caught_by("a_system_that_sends_no_webhooks_believes_none")
class BelievesStrangers(MemorySystem):
    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        return [Hint("things", "1")]
