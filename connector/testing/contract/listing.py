"""Promises of `changes` and `scan`: nothing is missed, and a cursor holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from connector.errors import ConfigError, NotFoundError
from connector.model.records import Record
from connector.testing.contract.case import Case, each_object, must_raise, only, twice

UNKNOWN_CURSORS = ("no such place", "-1", "9" * 40, "1.5", "1' or '1'='1", "cursor=1&limit=9")


class Lists:
    """Tests of `changes` and `scan`."""

    @each_object
    def test_without_a_cursor_every_live_record_comes(self, case: Case) -> None:
        mine = {record.key for record in case.create(3)}
        theirs = case.subject.create(case.object, case.fields())
        gone = case.created().key
        case.subject.delete(case.object, gone)
        live = {record.key for record in case.walk(None)[0] if not record.deleted and record.merged_into is None}
        assert mine | {theirs} <= live, f"missed: {(mine | {theirs}) - live}"
        assert gone not in live
        assert live == {record.key for record in case.scanned()}

    @each_object
    def test_after_a_cursor_every_change_comes_and_oldest_first(self, case: Case) -> None:
        kept, edited = case.create(2)
        cursor = case.cursor()
        written = case.created()
        case.subject.edit(case.object, edited.key, case.change(1))
        typed = case.subject.create(case.object, case.fields())
        records, _ = case.walk(cursor)
        keys = [record.key for record in records if record.key in (written.key, edited.key, typed)]
        assert keys == [written.key, edited.key, typed], f"came: {keys}"
        if case.can.feed == "exact":
            assert kept.key not in {record.key for record in records}, "an unchanged record came from an exact feed"

    @each_object
    def test_a_quiet_system_has_nothing_more_to_tell(self, case: Case) -> None:
        case.created()
        cursor = case.cursor()
        first, again = case.walk(cursor), case.walk(cursor)
        assert first == again, "the same cursor told two different things"
        if case.can.feed == "exact":
            assert first[0] == [], "an exact feed repeats itself"

    @each_object
    def test_a_record_in_the_feed_is_the_record_as_it_is(self, case: Case) -> None:
        cursor = case.cursor()
        record = case.created()
        case.subject.edit(case.object, record.key, case.change(1))
        told = only(case.walk(cursor)[0], record.key, "the feed")
        now = case.read(record.key)
        assert now is not None
        assert told.version == now.version
        assert told.fields is None or told.fields == now.fields
        listed = only(case.scanned(), record.key, "the scan")
        assert (listed.version, listed.fields or now.fields) == (now.version, now.fields)

    @each_object
    def test_an_own_write_comes_back_equal_to_what_its_answer_showed(self, case: Case) -> None:
        cursor = case.cursor()
        outcome = case.done(case.creating())
        outcome = case.done(case.updating(str(outcome.key), case.change(1)))
        told = only(case.walk(cursor)[0], str(outcome.key), "the feed")
        if outcome.record is not None:
            assert told.version == outcome.record.version
            assert told.fields is None or told.fields == outcome.record.fields

    @each_object
    def test_a_cursor_serves_another_process_and_serves_it_twice(self, case: Case) -> None:
        cursor = case.cursor()
        record = case.created()
        for _ in range(2):
            assert record.key in {told.key for told in case.walk(cursor, case.open())[0]}

    @each_object
    def test_the_cursor_of_a_page_in_the_middle_serves_another_process(self, case: Case) -> None:
        size = case.can.page + 2
        case.may_create(size)
        cursor = case.cursor()
        keys = {record.key for record in case.create(size)}
        first = case.adapter.changes(case.object, cursor)
        assert first.more, f"{size} changes came on one page of {case.can.page}"
        rest, _ = case.walk(first.cursor, case.open())
        seen = {record.key for record in first.records} | {record.key for record in rest}
        assert keys <= seen, f"missed: {sorted(keys - seen)[:5]}"

    @each_object
    def test_nothing_is_missed_while_records_change_during_a_pass(self, case: Case) -> None:
        size = 2 * case.can.page + 3
        case.may_create(size)
        cursor = case.cursor()
        records = case.create(size)
        told: dict[str, Record] = {}
        added = ""
        for number, page in enumerate(case.pages(cursor)):
            told.update({record.key: record for record in page.records})
            if number == 0:
                case.subject.edit(case.object, records[0].key, case.change(1))
                case.subject.edit(case.object, records[-1].key, case.change(1))
                case.subject.delete(case.object, records[1].key)
                added = case.subject.create(case.object, case.fields())
            cursor = str(page.cursor)
        told.update({record.key: record for record in case.walk(cursor)[0]})
        untouched = {record.key for record in records[2:-1]}
        assert untouched <= set(told), f"missed: {sorted(untouched - set(told))[:5]}"
        for key in (records[0].key, records[-1].key, added):
            now = case.read(key)
            assert now is not None
            assert told[key].version == now.version, f"{key} was last told at an older version"

    @each_object
    def test_with_people_at_work_the_feed_ends_up_with_the_truth(self, case: Case) -> None:
        records = case.create(6)
        cursor = case.cursor()

        def work() -> None:
            for number in range(30):
                case.subject.edit(case.object, records[number % 5].key, case.change(number // 5))
            case.subject.delete(case.object, records[5].key)

        with ThreadPoolExecutor(1) as pool:
            person = pool.submit(work)
            told: dict[str, str] = {}
            finished = False
            while not finished:
                finished = person.done()
                found, cursor = case.walk(cursor)
                told.update({record.key: record.version for record in found})
            person.result()
        truth = case.adapter.read(case.object, [record.key for record in records[:5]])
        assert {key: told.get(key) for key in truth} == {key: record.version for key, record in truth.items()}

    @each_object
    def test_a_deleted_record_is_told_where_the_system_tells_and_never_as_live(self, case: Case) -> None:
        mine, theirs = case.create(2)
        cursor = case.cursor()
        case.done(case.deleting(mine.key))
        case.subject.delete(case.object, theirs.key)
        told = {record.key: record for record in case.walk(cursor)[0]}
        for key in (mine.key, theirs.key):
            if case.can.deletes == "feed":
                assert key in told, f"the feed does not tell that {key} was deleted"
            assert key not in told or told[key].deleted, f"{key} is told as live"
        if case.can.created_by and theirs.key in told:
            mine_by = case.adapter.describe().principal
            assert told[theirs.key].modified_by != mine_by, "what a person deleted is told as deleted by us"

    @each_object
    def test_a_restored_record_is_told_as_live_again(self, case: Case) -> None:
        record = case.created()
        case.subject.delete(case.object, record.key)
        cursor = case.cursor()
        case.subject.restore(case.object, record.key)
        told = only(case.walk(cursor)[0], record.key, "the feed")
        assert not told.deleted
        assert case.is_live(record.key)

    @each_object
    def test_a_merged_record_names_its_survivor_and_is_not_live(self, case: Case) -> None:
        loser, survivor = case.create(2)
        cursor = case.cursor()
        case.subject.merge(case.object, loser.key, survivor.key)
        told = {record.key: record for record in case.walk(cursor)[0]}
        if case.can.deletes == "feed":
            assert loser.key in told, "the feed does not tell of a merge"
        if loser.key in told:
            assert told[loser.key].merged_into == survivor.key
        live = {record.key for record in case.scanned()}
        assert loser.key not in live
        assert survivor.key in live

    @each_object
    def test_a_cursor_the_system_does_not_know_asks_to_read_everything_again(self, case: Case) -> None:
        for cursor in UNKNOWN_CURSORS:
            what = f"changes from the unknown cursor {cursor!r}"
            must_raise(partial(case.adapter.changes, case.object, cursor), NotFoundError, ConfigError, what=what)

    @each_object
    def test_an_expired_cursor_asks_to_read_everything_again(self, case: Case) -> None:
        cursor = case.cursor()
        with case.subject.expire(case.object, cursor):
            must_raise(lambda: case.adapter.changes(case.object, cursor), NotFoundError, what="an expired cursor")

    @each_object
    def test_a_scan_lists_every_live_record_once_and_in_one_order(self, case: Case) -> None:
        keys = {record.key for record in case.create(3)}
        first = [record.key for record in case.scanned()]
        assert not twice(first), f"came twice: {twice(first)}"
        assert keys <= set(first)
        assert [record.key for record in case.scanned(case.open())] == first, "another process sees another order"

    @each_object
    def test_a_scan_of_many_pages_misses_nothing_while_records_come_and_go(self, case: Case) -> None:
        size = 2 * case.can.page + 3
        case.may_create(size)
        records = case.create(size)
        seen: list[Record] = []
        gone: set[str] = set()
        cursor: str | None = None
        while True:
            page = case.adapter.scan(case.object, cursor)
            assert len(page.records) <= case.can.page, f"{len(page.records)} records on a page of {case.can.page}"
            seen.extend(page.records)
            cursor = page.cursor
            if cursor is None:
                break
            # The last record of a page is what many systems go on from.
            case.subject.delete(case.object, page.records[-1].key)
            gone.add(page.records[-1].key)
        keys = [record.key for record in seen]
        assert not twice(keys), f"came twice: {twice(keys)}"
        missed = {record.key for record in records} - gone - set(keys)
        assert not missed, f"missed: {sorted(missed)[:5]}"
