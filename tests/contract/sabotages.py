"""Systems in memory that break one promise each, and the test of the suite that has to notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unicodedata import normalize

import msgspec

from connector.errors import DeniedError, NotFoundError, RejectedError, StaleError
from connector.model.records import Op, Outcome, Record, Write, WriteResult
from connector.ports import Adapter
from connector.testing.memory import MemorySystem

SABOTAGES: list[tuple[type[Adapter], str]] = []


def caught_by(*tests: str) -> Callable[[type[Any]], type[Any]]:
    """The class breaks a promise; each of these tests has to fail over it."""

    def note(kind: type[Any]) -> type[Any]:
        SABOTAGES.extend((kind, f"test_{test}") for test in tests)
        return kind

    return note


class Changing(MemorySystem):
    """Writes each go through `alter` on their way in, each outcome through `shown` on its way out."""

    def alter(self, write: Write) -> Write:
        return write

    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        return outcome

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        result = super().write(object, [self.alter(write) for write in writes])
        outcomes = [self.shown(w, o) for w, o in zip(writes, result.outcomes, strict=True)]
        return WriteResult(outcomes, result.span)


def with_body(write: Write, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Write:
    if not write.body:
        return write
    return replace(write, body=msgspec.json.encode(change(msgspec.json.decode(write.body))))


# ------------------------------------------------------------------------------------------------- writes


@caught_by("a_batch_is_one_call_and_its_outcomes_come_in_order")
class MixesOutcomesUp(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        return replace(result := super().write(object, writes), outcomes=result.outcomes[::-1])


@caught_by("a_batch_is_one_call_and_its_outcomes_come_in_order")
class LosesTheLastOutcome(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        return replace(result := super().write(object, writes), outcomes=result.outcomes[:-1])


@caught_by("a_batch_is_one_call_and_its_outcomes_come_in_order", "a_full_batch_is_taken_whole")
class WritesOneByOne(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        parts = [super(WritesOneByOne, self).write(object, [write]) for write in writes]
        return WriteResult([part.outcomes[0] for part in parts])


@caught_by("a_batch_no_caller_may_send_is_refused_before_anything_is_written")
class TakesTooMuch(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        parts = [super(TakesTooMuch, self).write(object, [write]) for write in writes]
        return WriteResult([part.outcomes[0] for part in parts])


@caught_by("of_a_batch_any_items_may_be_refused_and_the_others_are_done_once")
class StopsAtTheFirstRefusal(Changing):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        for number, write in enumerate(writes):
            if b"REFUSED" in write.body:
                done = super().write(object, writes[:number]).outcomes if number else []
                return WriteResult([*done, *(Outcome(w.key, None, RejectedError("no")) for w in writes[number:])])
        return super().write(object, writes)


@caught_by("of_a_batch_any_items_may_be_refused_and_the_others_are_done_once")
class RefusesTheWholeBatch(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if any(b"REFUSED" in write.body for write in writes):
            raise RejectedError("memory refuses the batch")
        return super().write(object, writes)


@caught_by("of_a_batch_any_items_may_be_refused_and_the_others_are_done_once")
class RefusesAndWrites(Changing):
    def alter(self, write: Write) -> Write:
        return replace(write, body=write.body.replace(b"REFUSED", b"fine"))

    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        return Outcome(write.key, None, RejectedError("no")) if b"REFUSED" in write.body else outcome


@caught_by("of_a_batch_any_items_may_be_refused_and_the_others_are_done_once")
class RollsBackWhatItAnswered(MemorySystem):
    """A group with a refused member is not kept, and its other members were answered as done."""

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        result = super().write(object, writes)
        if any(outcome.error is not None for outcome in result.outcomes) and writes[0].op is Op.CREATE:
            for outcome in result.outcomes:
                if outcome.error is None:
                    self.remove(object, str(outcome.key))
        return result


@caught_by("an_update_of_what_is_not_there_says_so_and_creates_nothing")
class UpdatesIntoBeing(Changing):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if writes and writes[0].op is Op.UPDATE and str(writes[0].key) not in self.live(object):
            key = self.add(object, msgspec.json.decode(writes[0].body), by="connector")
            return WriteResult([Outcome(writes[0].key, None) for _ in writes] if key else [])
        return super().write(object, writes)


@caught_by("an_update_of_what_is_not_there_says_so_and_creates_nothing")
class CallsWhatIsGoneRefused(Changing):
    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        missing = isinstance(outcome.error, NotFoundError)
        return Outcome(outcome.key, None, RejectedError("not there")) if missing else outcome


@caught_by("a_delete_again_finds_nothing_or_nothing_to_do")
class FailsADeleteTwice(Changing):
    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        again = write.op is Op.DELETE and outcome.error is not None
        return Outcome(write.key, None, DeniedError("no")) if again else outcome


@caught_by("a_delete_ends_one_record_and_no_other")
class DeletesItsNeighbour(MemorySystem):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        result = super().write(object, writes)
        if writes[0].op is Op.DELETE:
            self.remove(object, max(self.live(object)))
        return result


@caught_by(
    "a_write_on_a_moved_version_is_stale_and_changes_nothing", "of_two_writes_on_one_version_exactly_one_is_done"
)
class IgnoresConditions(Changing):
    def alter(self, write: Write) -> Write:
        return replace(write, version=None)


@caught_by("a_write_on_the_version_that_stands_is_done")
class IsAlwaysStale(Changing):
    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        if any(write.version is not None for write in writes):
            return WriteResult([Outcome(write.key, None, StaleError("moved")) for write in writes])
        return super().write(object, writes)


@caught_by("an_answer_shows_the_record_as_it_is_now")
class AnswersWithWhatWasSent(Changing):
    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        if outcome.record is None:
            return outcome
        return replace(outcome, record=replace(outcome.record, fields=msgspec.json.decode(write.body)))


@caught_by("the_span_of_a_batch_holds_its_own_changes_and_nobody_elses")
class ClaimsTheChangesOfOthers(MemorySystem):
    last: str | None = None

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        result = super().write(object, writes)
        assert result.span is not None
        before, self.last = self.last or result.span[0], result.span[1]
        return replace(result, span=(before, result.span[1]))


# -------------------------------------------------------------------------------------------- repetitions


@caught_by(
    "a_create_sent_again_reaches_the_same_record_and_shows_what_it_showed",
    "after_a_lost_answer_the_same_token_finds_the_record_from_another_process",
    "one_token_sent_by_several_at_once_makes_one_record",
    "an_update_sent_again_does_not_undo_what_a_person_typed_since",
    "a_delete_sent_again_is_answered_as_the_first_and_spares_a_restored_record",
)
class ForgetsTokens(Changing):
    sent = 0

    def alter(self, write: Write) -> Write:
        self.sent += 1
        return replace(write, token=f"{write.token}-{self.sent}", version=None)


@caught_by("a_create_sent_again_reaches_the_same_record_and_shows_what_it_showed")
class AnswersARepeatWithTheRecordOfToday(Changing):
    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        now = self.read("things", [str(outcome.key)]).get(str(outcome.key)) if outcome.error is None else None
        return replace(outcome, record=now) if now else outcome


@caught_by("different_tokens_make_different_records_of_the_same_body")
class TakesEqualBodiesForRepeats(Changing):
    def alter(self, write: Write) -> Write:
        return replace(write, token=f"body-{hash(write.body)}") if write.op is Op.CREATE else write


@caught_by("a_refused_write_is_tried_anew_under_its_token")
class RemembersRefusals(Changing):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.refused: dict[str, Outcome] = {}

    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        if outcome.error is not None:
            self.refused[write.token] = outcome
        return self.refused.get(write.token, outcome)


@caught_by("a_create_with_a_known_external_key_reaches_that_record_and_loses_no_field")
class DoublesExternalKeys(Changing):
    def alter(self, write: Write) -> Write:
        if write.external is None:
            return write
        name, value = write.external
        return replace(with_body(write, lambda body: {**body, name: value}), external=None)


@caught_by("a_create_with_a_known_external_key_reaches_that_record_and_loses_no_field")
class OverwritesOnCreate(Changing):
    def shown(self, write: Write, outcome: Outcome) -> Outcome:
        if write.external is not None and outcome.error is None:
            self.edit("things", str(outcome.key), by="connector", note=None)
            outcome = replace(outcome, record=None)
        return outcome


# ------------------------------------------------------------------------------------------------- values


def _storing(name: str, change: Callable[[Any], Any], *tests: str) -> None:
    """A system that keeps of every written value what `change` makes of it."""

    def alter(self: Changing, write: Write) -> Write:
        return with_body(write, lambda body: {field: change(value) for field, value in body.items()})

    caught_by(*tests)(type(name, (Changing,), {"alter": alter}))


def _text(change: Callable[[str], str]) -> Callable[[Any], Any]:
    return lambda value: change(value) if isinstance(value, str) else value


_TEXTS = "texts_come_back_letter_by_letter"
_OTHERS = "other_values_come_back_as_they_were_written"
_storing("ComposesLetters", _text(lambda text: normalize("NFC", text)), _TEXTS)
_storing("JoinsBlanks", _text(lambda text: " ".join(text.split())), _TEXTS)
_storing("UnescapesHtml", _text(lambda text: text.replace("&amp;", "&")), _TEXTS)
_storing("CutsTexts", _text(lambda text: text[:100]), _TEXTS)
_storing("KeepsAscii", _text(lambda text: text.encode("ascii", "replace").decode()), _TEXTS)
_storing("DropsLeadingZeros", _text(lambda text: text.lstrip("0") or text), _OTHERS)
_storing("DropsTrailingZeros", _text(lambda text: text.rstrip("0") if "." in text else text), _OTHERS)
_storing("MakesNullOfNothing", lambda value: value or None, _OTHERS)
_storing("MakesDatesInstants", _text(lambda text: f"{text}T00:00:00Z" if text.count("-") == 2 else text), _OTHERS)
_storing("SaysYes", lambda value: True if value is False else value, _OTHERS)


@caught_by("a_field_left_out_keeps_its_value_and_null_clears_it")
class TakesNullForAbsent(Changing):
    def alter(self, write: Write) -> Write:
        return with_body(write, lambda body: {name: value for name, value in body.items() if value is not None})


@caught_by("a_field_left_out_keeps_its_value_and_null_clears_it", "an_update_touches_only_the_fields_it_names")
class TakesAbsentForNull(Changing):
    def alter(self, write: Write) -> Write:
        empty = dict.fromkeys(self.describe().objects["things"].fields)
        return with_body(write, lambda body: {**empty, **body}) if write.op is Op.UPDATE else write


@caught_by("a_record_once_given_out_does_not_change_afterwards")
class SharesItsRecords(MemorySystem):
    def read(self, object: str, keys: Sequence[str]) -> Mapping[str, Record]:  # noqa: A002
        found = super().read(object, keys)
        rows = self._tables[object].rows
        for key in found:
            self._given = getattr(self, "_given", {})
            self._given.setdefault(key, dict(rows[key].fields)).update(rows[key].fields)
        return {k: replace(r, fields=self._given[k] if r.fields else None) for k, r in found.items()}


@caught_by("read_sees_what_a_person_did_a_moment_ago", "what_one_process_writes_another_reads")
class ReadsFromMemory(MemorySystem):
    def read(self, object: str, keys: Sequence[str]) -> Mapping[str, Record]:  # noqa: A002
        self._kept: dict[str, Record] = getattr(self, "_kept", {})
        self._kept = {**super().read(object, keys), **self._kept}
        return {key: self._kept[key] for key in keys if key in self._kept}


def _record(name: str, change: Callable[[Record], Record], *tests: str) -> None:
    """A system whose records look different."""

    def record(self: MemorySystem, table: Any, row: Any) -> Record:
        return change(MemorySystem._record(self, table, row))

    caught_by(*tests)(type(name, (MemorySystem,), {"_record": record}))


def _with(record: Record, **fields: Any) -> Record:
    return replace(record, fields={**record.fields, **fields}) if record.fields else record


_record("ShowsAFloat", lambda r: _with(r, amount=1.1), "read_brings_each_key_once_and_leaves_unknown_ones_out")
_record("ShowsMore", lambda r: _with(r, hidden="x"), "every_field_a_record_shows_is_described")
_record("StandsStill", lambda r: replace(r, version="1"), "a_version_moves_with_every_change_and_stands_still_without")
_record(
    "CountsWithoutZeros",
    lambda r: replace(r, version=str(int(r.version) + 7)),
    "a_version_moves_with_every_change_and_stands_still_without",
)
_record(
    "TellsNoZone",
    lambda r: replace(r, modified=r.modified.replace(tzinfo=None) if r.modified else None),
    "read_brings_each_key_once_and_leaves_unknown_ones_out",
)
_record(
    "ClaimsEverything",
    lambda r: replace(r, created_by="connector"),
    "created_by_tells_own_records_from_those_of_a_person",
)
_record(
    "ClaimsDeletes",
    lambda r: replace(r, modified_by="connector") if r.deleted else r,
    "a_deleted_record_is_told_where_the_system_tells_and_never_as_live",
)
