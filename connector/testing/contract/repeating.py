"""Promises of a write that is sent again: same token or same external key, one record and one effect."""

from __future__ import annotations

from collections.abc import Callable

from connector.errors import ConnectorError, RejectedError
from connector.model.records import Outcome
from connector.testing.contract.case import Case, each_object, next_number, sent
from connector.testing.contract.subject import Cannot
from connector.testing.contract.trouble import Trouble


class Repeats:
    """Tests of `idempotency` and `external_key`."""

    @each_object
    def test_a_create_sent_again_reaches_the_same_record_and_shows_what_it_showed(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0, "idempotency")
        write = case.creating()
        first = case.done(write)
        case.subject.edit(case.object, str(first.key), case.change(1))
        typed = case.read(str(first.key))
        for adapter in (case.adapter, case.open()):
            again = adapter.write(case.object, [write]).outcomes[0]
            assert again.error is None
            assert (again.key, again.record) == (first.key, first.record)
        assert case.read(str(first.key)) == typed, "the repeat undid what a person typed since"
        assert len(case.named(self._text(case, first))) == 1

    @each_object
    def test_an_update_sent_again_does_not_undo_what_a_person_typed_since(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0, "idempotency")
        record = case.created()
        condition = record.version if case.can.conditional_write else None
        write = case.updating(record.key, case.change(1), condition)
        first = case.done(write)
        case.subject.edit(case.object, record.key, case.change(2))
        typed = case.read(record.key)
        again = case.open().write(case.object, [write]).outcomes[0]
        assert again.error is None, f"a repeat of a write that was done: {again.error!r}"
        assert again.record == first.record
        assert case.read(record.key) == typed

    @each_object
    def test_a_delete_sent_again_is_answered_as_the_first_and_spares_a_restored_record(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0, "idempotency")
        record = case.created()
        write = case.deleting(record.key, record.version if case.can.conditional_write else None)
        case.done(write)
        assert case.open().write(case.object, [write]).outcomes[0].error is None
        case.subject.restore(case.object, record.key)
        case.done(write)
        assert case.is_live(record.key), "a repeat deleted a record that a person brought back"

    @each_object
    def test_a_repeat_among_new_writes_is_told_apart(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0 and case.can.batch_write > 2, "idempotency in batches")
        old = case.creating()
        first = case.done(old)
        new = [case.creating(), case.creating()]
        outcomes = case.write(new[0], old, new[1]).outcomes
        assert [outcome.error for outcome in outcomes] == [None] * 3
        assert outcomes[1].key == first.key
        assert len({outcome.key for outcome in outcomes}) == 3

    @each_object
    def test_different_tokens_make_different_records_of_the_same_body(self, case: Case) -> None:
        body = case.fields()
        unique = body.get(case.sample.external) is not None
        case.needs(not unique, "records that may be equal")
        first = case.one(case.creating(body))
        second = case.one(case.creating(body))
        assert first.error is None
        if isinstance(second.error, RejectedError):
            raise Cannot(f"{case.object}: no two records may be equal")
        assert second.error is None
        assert second.key != first.key, "the second of two equal creates was swallowed"

    @each_object
    def test_a_refused_write_is_tried_anew_under_its_token(self, case: Case) -> None:
        case.needs(case.can.conditional_write and case.can.idempotency > 0, "conditions and idempotency")
        record = case.created()
        case.subject.delete(case.object, record.key)
        write = case.updating(record.key, case.change(1))
        assert case.one(write).error is not None
        case.subject.restore(case.object, record.key)
        case.done(write)
        ((name, value),) = case.change(1).items()
        assert str(case.shown(record.key)[name]) == str(value), "a refusal was remembered as done"

    @each_object
    def test_after_a_lost_answer_the_same_token_finds_the_record_from_another_process(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0, "idempotency")
        writes = [case.creating() for _ in range(min(3, case.can.batch_write))]
        self._lose(case, lambda: case.write(*writes))
        outcomes = case.open().write(case.object, writes).outcomes
        assert [outcome.error for outcome in outcomes] == [None] * len(writes)
        for outcome in outcomes:
            assert [record.key for record in case.named(self._text(case, outcome))] == [outcome.key]

    @each_object
    def test_one_token_sent_by_several_at_once_makes_one_record(self, case: Case) -> None:
        case.needs(case.can.idempotency > 0, "idempotency")
        write = case.creating()
        results = case.race([write] * 4)
        done = {r.key for r in results if isinstance(r, Outcome) and r.error is None}
        assert len(done) == 1, f"{results}"
        final = case.done(write)
        assert done == {final.key}
        assert len(case.named(self._text(case, final))) == 1

    @each_object
    def test_a_create_with_a_known_external_key_reaches_that_record_and_loses_no_field(self, case: Case) -> None:
        case.needs(case.can.external_key == "unique", "a unique external key")
        external = (case.sample.external, f"X-{next_number()}-{case.token()}")
        body = case.fields()
        first = case.done(case.creating(body, external=external))
        key = str(first.key)
        assert case.shown(key)[external[0]] == external[1], "the external key is not shown"
        case.subject.edit(case.object, key, case.change(1))
        typed = case.shown(key)
        for adapter in (case.adapter, case.open()):
            again = adapter.write(case.object, [case.creating(body, external=external)]).outcomes[0]
            assert again.error is None
            assert again.key == key, "a second record was made"
        assert case.shown(key) == typed, "creating again changed or emptied fields"
        found = case.adapter.find(case.object, external[0], [external[1]])
        assert [record.key for record in found] == [key]

    @each_object
    def test_one_external_key_sent_by_several_at_once_makes_one_record(self, case: Case) -> None:
        case.needs(case.can.external_key == "unique", "a unique external key")
        external = (case.sample.external, f"X-{next_number()}-{case.token()}")
        body = case.fields()
        writes = [case.creating(body, external=external) for _ in range(4)]
        case.race(writes)
        final = case.done(writes[0])
        found = case.adapter.find(case.object, external[0], [external[1]])
        assert [record.key for record in found] == [final.key]

    @each_object
    def test_after_a_lost_answer_the_external_key_finds_the_record(self, case: Case) -> None:
        case.needs(case.can.external_key != "none", "an external key")
        value = f"X-{next_number()}-{case.token()}"
        unique = case.can.external_key == "unique"
        fields = case.fields() if unique else case.fields(**{case.sample.external: value})
        write = case.creating(fields, external=(case.sample.external, value) if unique else None)
        self._lose(case, lambda: case.write(write))
        found = case.open().find(case.object, case.sample.external, [value])
        assert [(r.fields or {})[case.sample.text] for r in found] == [fields[case.sample.text]], "not one record"

    @each_object
    def test_after_a_lost_answer_own_records_are_found_by_their_creator(self, case: Case) -> None:
        case.needs(case.can.created_by, "created_by")
        write = case.creating()
        self._lose(case, lambda: case.write(write))
        principal = str(case.adapter.describe().principal)
        found = case.open().find(case.object, "created_by", [principal])
        texts = [(record.fields or {}).get(case.sample.text) for record in found]
        assert texts.count(sent(write, case.sample.text)) == 1

    def _lose(self, case: Case, go: Callable[[], object]) -> None:
        with case.subject.trouble(Trouble.LOST, write=True):
            try:
                go()
            except ConnectorError:
                return
        raise AssertionError("a write whose answer was lost returned as if nothing had happened")

    def _text(self, case: Case, outcome: Outcome) -> str:
        return str(case.shown(str(outcome.key))[case.sample.text])
