"""An adapter is used by several threads at once, and two processes use two adapters."""

from __future__ import annotations

from functools import partial

from connector.model.records import Record, WriteResult
from connector.testing.contract.case import Case, at_once, each_object

THREADS = 6


class Shares:
    """Tests of threads."""

    @each_object
    def test_parallel_writes_are_all_done_once_and_answered_to_whom_they_belong(self, case: Case) -> None:
        batches = [[case.creating() for _ in range(min(3, case.can.batch_write))] for _ in range(THREADS)]
        results = at_once([partial(case.write, *batch) for batch in batches])
        failed = [result for result in results if not isinstance(result, WriteResult)]
        assert not failed, f"{failed}"
        keys = [outcome.key for result in results for outcome in result.outcomes]
        assert len(set(keys)) == THREADS * len(batches[0])
        for batch, result in zip(batches, results, strict=True):
            for write, outcome in zip(batch, result.outcomes, strict=True):
                text = case.shown(str(outcome.key))[case.sample.text]
                assert case.body({case.sample.text: text})[1:-1] in write.body, "another thread's outcome came"

    @each_object
    def test_parallel_reads_and_writes_do_not_disturb_each_other(self, case: Case) -> None:
        records = case.create(THREADS)
        text = case.sample.text

        def use(record: Record) -> str:
            for number in range(1, 4):
                case.done(case.updating(record.key, case.change(number)))
                case.adapter.scan(case.object, None)
                assert str(case.shown(record.key)[case.sample.change[0]]) == str(
                    next(iter(case.change(number).values()))
                )
                found = case.adapter.find(case.object, text, [str((record.fields or {})[text])])
                assert [one.key for one in found] == [record.key]
            return record.key

        results = at_once([partial(use, record) for record in records])
        assert results == [record.key for record in records], f"{[r for r in results if isinstance(r, Exception)]}"

    @each_object
    def test_a_first_call_by_several_threads_is_one_description(self, case: Case) -> None:
        adapter = case.open()
        results = at_once([adapter.describe for _ in range(THREADS)])
        assert {type(result).__name__ for result in results} == {"Description"}, f"{results}"
        assert all(result.objects == results[0].objects for result in results)

    @each_object
    def test_what_one_process_writes_another_reads(self, case: Case) -> None:
        other = case.open()
        cursor = case.cursor()
        record = case.created()
        assert other.read(case.object, [record.key])[record.key] == record
        assert record.key in {told.key for told in case.walk(cursor, other)[0]}
        case.done(case.deleting(record.key))
        found = other.read(case.object, [record.key]).get(record.key)
        assert found is None or found.deleted
