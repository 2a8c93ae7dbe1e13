"""Promises of `write`: one outcome per write, in order, and nothing done beyond what the outcomes say."""

from __future__ import annotations

from itertools import product

from connector.errors import ConnectorError, NotFoundError, RejectedError, StaleError
from connector.testing.contract.case import Case, each_object, failure, fits, sent
from connector.testing.contract.subject import Cannot


class Writes:
    """Tests of `write`."""

    @each_object
    def test_a_batch_is_one_call_and_its_outcomes_come_in_order(self, case: Case) -> None:
        writes = [case.creating() for _ in range(min(5, case.can.batch_write))]
        with case.counted(None if case.sample.several else 1, f"write of {len(writes)} records"):
            outcomes = case.write(*writes).outcomes
        for write, outcome in zip(writes, outcomes, strict=True):
            assert outcome.error is None
            assert case.shown(str(outcome.key))[case.sample.text] == sent(write, case.sample.text), "out of order"
        keys = [str(outcome.key) for outcome in outcomes]
        updates = [case.updating(key, case.change(number + 1)) for number, key in enumerate(reversed(keys))]
        assert [outcome.key for outcome in case.write(*updates).outcomes] == keys[::-1]
        deletes = [case.deleting(key) for key in keys]
        assert [outcome.error for outcome in case.write(*deletes).outcomes] == [None] * len(keys)
        assert not any(case.is_live(key) for key in keys)

    @each_object
    def test_a_full_batch_is_taken_whole(self, case: Case) -> None:
        case.may_create(case.can.batch_write)
        writes = [case.creating() for _ in range(case.can.batch_write)]
        with case.counted(None if case.sample.several else 1, "a full batch"):
            outcomes = case.write(*writes).outcomes
        assert [outcome.error for outcome in outcomes] == [None] * len(writes)
        assert len({outcome.key for outcome in outcomes}) == len(writes)

    @each_object
    def test_a_batch_no_caller_may_send_is_refused_before_anything_is_written(self, case: Case) -> None:
        case.may_create(case.can.batch_write + 1)
        record = case.created()
        cursor = case.cursor()
        before = case.walk(cursor)
        too_many = [case.creating() for _ in range(case.can.batch_write + 1)]
        mixed = [case.creating(), case.updating(record.key, case.change(1))]
        for writes in [too_many] if case.can.batch_write < 2 else [too_many, mixed]:
            try:
                case.write(*writes)
            except (ValueError, ConnectorError):
                assert case.walk(cursor) == before, "a refused batch was written in part"
            else:
                raise AssertionError(
                    f"a batch of {len(writes)} with {len({w.op for w in writes})} operations was taken"
                )

    @each_object
    def test_no_writes_make_no_call(self, case: Case) -> None:
        with case.counted(0, "no writes"):
            assert list(case.write().outcomes) == []

    @each_object
    def test_an_answer_shows_the_record_as_it_is_now(self, case: Case) -> None:
        created = case.done(case.creating())
        if created.record is None:
            raise Cannot(f"{case.object}: answers to writes show nothing")
        assert created.record == case.read(str(created.key))
        updated = case.done(case.updating(str(created.key), case.change(1)))
        assert updated.record is None or updated.record == case.read(str(created.key))

    @each_object
    def test_of_a_batch_any_items_may_be_refused_and_the_others_are_done_once(self, case: Case) -> None:
        if case.sample.refused is None:
            raise Cannot(f"{case.object} refuses nothing")
        for pattern in product((True, False), repeat=min(3, case.can.batch_write)):
            writes = [case.creating(case.fields(**({} if good else case.sample.refused))) for good in pattern]
            outcomes = case.write(*writes).outcomes
            words = " and ".join("a valid" if good else "a refused" for good in pattern)
            for good, outcome in zip(pattern, outcomes, strict=True):
                kind = "valid" if good else "invalid"
                fits(f"of {words} create, the {kind} one", outcome.error, None if good else RejectedError)
                assert good == (outcome.key is not None and case.is_live(outcome.key))
            texts = [sent(write, case.sample.text) for write in writes]
            assert len(case.named(*texts)) == sum(pattern), f"of {words} create, each valid one has to be there once"

    @each_object
    def test_of_a_batch_of_updates_each_outcome_is_its_own(self, case: Case) -> None:
        fine, gone, moved = case.create(3)
        case.subject.delete(case.object, gone.key)
        case.subject.edit(case.object, moved.key, case.change(1))
        text = {case.sample.text: str(case.fields()[case.sample.text])}
        condition = moved.version if case.can.conditional_write else None
        writes = [
            case.updating(gone.key, text),
            case.updating(fine.key, text),
            case.updating(moved.key, text, condition),
            case.updating(fine.key + "0000000", text),
        ]
        if case.can.batch_write < len(writes):
            raise Cannot(f"{case.object}: batches are smaller than {len(writes)}")
        outcomes = case.write(*writes).outcomes
        fits("the update of a deleted record", outcomes[0].error, NotFoundError)
        fits("a valid update between others that fail", outcomes[1].error, None)
        fits("an update on an old version", outcomes[2].error, StaleError if condition else None)
        fits("the update of a key that never was", outcomes[3].error, NotFoundError)
        assert case.shown(fine.key)[case.sample.text] == text[case.sample.text]

    @each_object
    def test_an_update_of_what_is_not_there_says_so_and_creates_nothing(self, case: Case) -> None:
        gone = case.created().key
        case.subject.delete(case.object, gone)
        before = {record.key for record in case.scanned()}
        for key in (gone, gone + "0000000"):
            for write in (case.updating(key, case.change(1)), case.updating(key, case.fields())):
                outcome = case.one(write)
                fits("the update of a record that is not there", outcome.error, NotFoundError)
        assert {record.key for record in case.scanned()} == before

    @each_object
    def test_a_delete_again_finds_nothing_or_nothing_to_do(self, case: Case) -> None:
        record = case.created()
        case.done(case.deleting(record.key))
        for key in (record.key, record.key + "0000000"):
            error = case.one(case.deleting(key)).error
            fits("the delete of a record that is not there", error, None if error is None else NotFoundError)
        assert not case.is_live(record.key)

    @each_object
    def test_a_delete_ends_one_record_and_no_other(self, case: Case) -> None:
        before = {record.key for record in case.create(3)}
        live = {record.key for record in case.scanned()}
        gone = min(before)
        case.done(case.deleting(gone))
        assert {record.key for record in case.scanned()} == live - {gone}

    @each_object
    def test_a_write_on_a_moved_version_is_stale_and_changes_nothing(self, case: Case) -> None:
        case.needs(case.can.conditional_write, "conditional writes")
        record = case.created()
        case.subject.edit(case.object, record.key, case.change(1))
        typed = case.read(record.key)
        for write in (
            case.updating(record.key, case.change(2), record.version),
            case.deleting(record.key, record.version),
            case.updating(record.key, case.change(2), record.version + "9"),
            case.updating(record.key, case.change(2), "no version of this system"),
        ):
            fits(f"the {write.op} on the old or unknown version {write.version!r}", failure(case, write), StaleError)
            assert case.read(record.key) == typed, "a stale write changed the record"

    @each_object
    def test_a_write_on_the_version_that_stands_is_done(self, case: Case) -> None:
        record = case.created()
        case.done(case.updating(record.key, case.change(1), record.version))
        now = case.read(record.key)
        assert now is not None
        case.done(case.deleting(record.key, now.version))
        assert not case.is_live(record.key)

    @each_object
    def test_a_write_without_a_version_is_done_whatever_happened(self, case: Case) -> None:
        record = case.created()
        case.subject.edit(case.object, record.key, case.change(1))
        case.done(case.updating(record.key, case.change(2)))
        case.done(case.deleting(record.key))
        assert not case.is_live(record.key)

    @each_object
    def test_where_conditions_are_not_declared_none_is_made(self, case: Case) -> None:
        case.needs(not case.can.conditional_write, "writes without conditions")
        record = case.created()
        case.subject.edit(case.object, record.key, case.change(1))
        case.done(case.updating(record.key, case.change(2), record.version))

    @each_object
    def test_of_two_writes_on_one_version_exactly_one_is_done(self, case: Case) -> None:
        case.needs(case.can.conditional_write, "conditional writes")
        record = case.created()
        writes = [case.updating(record.key, case.change(number + 1), record.version) for number in range(4)]
        errors = [result if isinstance(result, Exception) else result.error for result in case.race(writes)]
        assert errors.count(None) == 1, f"{errors.count(None)} of {len(errors)} writes on one version were taken, not 1"
        for error in errors:
            fits("a write on a version that another write moved", error, None if error is None else StaleError)
        winner = errors.index(None)
        ((name, value),) = case.change(winner + 1).items()
        assert str(case.shown(record.key)[name]) == str(value)

    @each_object
    def test_the_span_of_a_batch_holds_its_own_changes_and_nobody_elses(self, case: Case) -> None:
        cursor = case.cursor()
        record = case.created()
        after = case.cursor()
        result = case.write(case.updating(record.key, case.change(1)))
        if result.span is None:
            raise Cannot(f"{case.object}: writes tell no span")
        assert result.span[0] == after, "the span does not begin where the feed was"
        assert result.span[1] == case.walk(after)[1], "the span does not end where the feed is now"
        case.subject.edit(case.object, record.key, case.change(2))
        again = case.write(case.updating(record.key, case.change(3)))
        assert again.span is not None
        assert again.span[0] != result.span[1], "a person's change in between is hidden in the span"
        assert record.key in {told.key for told in case.walk(cursor)[0]}
