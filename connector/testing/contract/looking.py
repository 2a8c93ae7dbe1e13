"""Promises of `read` and `find`: exactly these records, and as few calls as batches."""

from __future__ import annotations

from functools import partial
from math import ceil

from connector.errors import ConfigError, RejectedError
from connector.testing.contract.case import Case, each_object, must_raise, next_number

HOSTILE = ("O'Brien\"; --%_*", "100%", "a_b", "a*b", "x,y;z", "a&b=c?d#e", "back\\slash", "(a or b)", "[1] {2} <3>")
HOSTILE_KEYS = ("", ".", "..", "../x", "/", "?", "a b", "a,b", "' or 1=1 --", "%00", "*", "ключ", "null", "x" * 300)


class Looks:
    """Tests of `read` and `find`."""

    @each_object
    def test_read_brings_each_key_once_and_leaves_unknown_ones_out(self, case: Case) -> None:
        first, second = (record.key for record in case.create(2))
        unknown = first + "0000000"
        found = case.adapter.read(case.object, [second, unknown, first, second])
        assert set(found) == {first, second}
        assert case.adapter.read(case.object, [unknown]) == {}

    @each_object
    def test_read_of_nothing_makes_no_call(self, case: Case) -> None:
        with case.counted(0, "read of no key"):
            assert case.adapter.read(case.object, []) == {}

    @each_object
    def test_read_takes_any_number_of_keys_in_as_few_calls_as_batches(self, case: Case) -> None:
        size = case.can.batch_read + 1
        case.may_create(size)
        keys = [record.key for record in case.create(size)]
        for some in (keys[:1], keys[:-1], keys):
            calls = None if case.sample.apart else ceil(len(some) / case.can.batch_read)
            with case.counted(calls, f"read of {len(some)} keys"):
                assert set(case.adapter.read(case.object, some)) == set(some)

    @each_object
    def test_a_key_that_means_something_to_an_address_or_a_query_is_an_unknown_key(self, case: Case) -> None:
        record = case.created()
        for key in HOSTILE_KEYS:
            assert case.adapter.read(case.object, [key]) == {}, f"{key!r} reached a record"
        assert set(case.adapter.read(case.object, [*HOSTILE_KEYS, record.key])) == {record.key}

    @each_object
    def test_read_sees_what_a_person_did_a_moment_ago(self, case: Case) -> None:
        record = case.created()
        for number in range(1, 4):
            case.subject.edit(case.object, record.key, case.change(number))
            for name, value in case.change(number).items():
                assert str(case.shown(record.key)[name]) == str(value)

    @each_object
    def test_a_deleted_record_is_read_as_deleted_or_not_at_all(self, case: Case) -> None:
        mine, theirs = case.create(2)
        case.done(case.deleting(mine.key))
        case.subject.delete(case.object, theirs.key)
        found = case.adapter.read(case.object, [mine.key, theirs.key])
        assert all(record.deleted for record in found.values()), "a deleted record is read as live"

    @each_object
    def test_a_merged_record_is_read_with_its_survivor_or_not_at_all(self, case: Case) -> None:
        loser, survivor = case.create(2)
        case.subject.merge(case.object, loser.key, survivor.key)
        found = case.adapter.read(case.object, [loser.key, survivor.key])
        assert not found[survivor.key].deleted
        if loser.key in found:
            assert found[loser.key].merged_into == survivor.key
        if case.can.deletes == "feed":
            assert loser.key in found, "the system tells of merges in its feed and not when asked"

    @each_object
    def test_a_version_moves_with_every_change_and_stands_still_without(self, case: Case) -> None:
        record = case.created()
        versions, times = [record.version], [record.modified]
        for number in range(1, 12):
            if number % 2:
                case.subject.edit(case.object, record.key, case.change(number))
            else:
                case.done(case.updating(record.key, case.change(number)))
            now, again = case.read(record.key), case.read(record.key)
            assert now is not None
            assert now == again, "two reads of an unchanged record differ"
            versions.append(now.version)
            times.append(now.modified)
        told = [time for time in times if time is not None]
        assert told == sorted(told), f"`modified` went back: {told}"
        assert len(set(versions)) == len(versions), f"a version came back: {versions}"
        if case.can.versions != "opaque":
            assert versions == sorted(versions), f"later versions do not sort as text: {versions}"
        if case.can.versions == "counter":
            counts = [int(version) for version in versions]
            assert counts == list(range(counts[0], counts[0] + len(counts))), f"not by one: {versions}"

    @each_object
    def test_find_brings_every_live_record_with_one_of_the_values(self, case: Case) -> None:
        name = case.sample.text
        one, two = (f"find {next_number()}" for _ in range(2))
        mine = [case.created(**{name: one}).key, case.created(**{name: two}).key]
        theirs = case.subject.create(case.object, case.fields(**{name: one}))
        gone = case.created(**{name: one}).key
        case.subject.delete(case.object, gone)
        case.created(**{name: f"{one}0"})
        assert self._found(case, one, two, "nobody has this", one) == {*mine, theirs}
        assert self._found(case, one) == {mine[0], theirs}
        assert self._found(case, "nobody has this") == set()

    @each_object
    def test_find_of_no_value_finds_nothing(self, case: Case) -> None:
        case.created()
        assert list(case.adapter.find(case.object, case.sample.text, [])) == []

    @each_object
    def test_find_takes_hostile_values_as_they_are(self, case: Case) -> None:
        mark = next_number()
        texts = [f"{value} {mark}" for value in HOSTILE]
        records = case.create_each([{case.sample.text: text} for text in texts])
        keys = {text: record.key for text, record in zip(texts, records, strict=True)}
        for text, key in keys.items():
            assert self._found(case, text) == {key}, f"{text!r}"
        assert self._found(case, *keys) == set(keys.values())

    @each_object
    def test_find_takes_a_sign_that_stands_for_any_other_for_itself(self, case: Case) -> None:
        mark = next_number()
        case.created(**{case.sample.text: f"pattern {mark}"})
        for text in (f"pattern%{mark}", f"pattern_{mark}", f"pattern*{mark}", f"pattern?{mark}", "%", "*", "_"):
            assert self._found(case, text) == set(), f"{text!r} was taken for a pattern"

    @each_object
    def test_find_takes_more_values_than_a_batch(self, case: Case) -> None:
        size = case.can.batch_read + 1
        case.may_create(size)
        records = case.create(size)
        texts = [str((record.fields or {})[case.sample.text]) for record in records]
        assert self._found(case, *texts) == {record.key for record in records}

    @each_object
    def test_find_walks_on_where_one_value_has_more_records_than_a_page(self, case: Case) -> None:
        size = case.can.page + 1
        case.may_create(size)
        text = f"same {next_number()}"
        keys = {record.key for record in case.create(size, **{case.sample.text: text})}
        assert self._found(case, text) == keys

    @each_object
    def test_find_by_a_field_that_is_not_there_is_a_mistake_and_never_an_empty_answer(self, case: Case) -> None:
        find = partial(case.adapter.find, case.object, "no_such_field", ["1"])
        must_raise(find, ConfigError, RejectedError, what="find by a field that is not there")

    @each_object
    def test_created_by_tells_own_records_from_those_of_a_person(self, case: Case) -> None:
        case.needs(case.can.created_by, "created_by")
        principal = case.adapter.describe().principal
        assert principal, "created_by is declared and the connection has no name"
        mine = case.created()
        theirs = case.subject.create(case.object, case.fields())
        case.subject.edit(case.object, mine.key, case.change(1))
        case.done(case.updating(theirs, case.change(1)))
        found = {record.key: record for record in case.adapter.find(case.object, "created_by", [principal])}
        assert mine.key in found
        assert theirs not in found
        told = case.adapter.read(case.object, [mine.key, theirs])
        assert told[mine.key].created_by == principal
        assert told[theirs].created_by not in (None, principal)
        assert told[theirs].modified_by == principal
        assert told[mine.key].modified_by not in (None, principal)

    @each_object
    def test_where_created_by_is_not_declared_asking_for_it_is_a_mistake(self, case: Case) -> None:
        case.needs(not case.can.created_by and "created_by" not in case.schema.fields, "records without created_by")
        who = case.adapter.describe().principal or "me"
        find = partial(case.adapter.find, case.object, "created_by", [who])
        must_raise(find, ConfigError, RejectedError, what="find by `created_by`, which is not declared,")

    def _found(self, case: Case, *texts: str) -> set[str]:
        return {record.key for record in case.adapter.find(case.object, case.sample.text, texts)}
