"""Promises of `describe`: the schema tells of every field, and tells the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connector.errors import ConfigError, RejectedError
from connector.model.records import Op, Write
from connector.ports import FieldSchema
from connector.testing.contract.case import Case, each_object, failure, fits, must_raise, next_number
from connector.testing.contract.subject import Cannot


class Describes:
    """Tests of `describe`."""

    @each_object
    def test_describe_names_the_object_and_the_promises_it_is_used_under(self, case: Case) -> None:
        described = case.adapter.describe()
        assert case.object in described.objects, f"{case.object} is not described"
        known = described.objects[case.object]
        assert known.name == case.object
        assert all(name == field.name for name, field in known.fields.items()), "a field is filed under another name"
        assert {case.sample.text, case.sample.change[0]} <= set(known.fields), "fields of the sample are not described"
        sizes = (case.can.batch_read, case.can.batch_write, case.can.page, case.can.concurrency)
        assert min(sizes) >= 1, f"sizes are {sizes}"
        assert case.can.idempotency >= 0
        assert case.can.granularity >= 0
        if described.server_time is not None:
            assert described.server_time.tzinfo is not None, "server_time has no time zone"

    @each_object
    def test_describe_says_the_same_to_another_process(self, case: Case) -> None:
        mine, other = case.adapter.describe(), case.open().describe()
        assert other.principal == mine.principal
        assert other.objects[case.object] == mine.objects[case.object]

    @each_object
    def test_every_field_a_record_shows_is_described(self, case: Case) -> None:
        case.created()
        shown = {path for record in case.scanned() for path in paths(record.fields or {}, case.sample.line_key)}
        silent = shown - set(described_paths(case.schema.fields))
        assert not silent, f"shown and not described: {sorted(silent)}"

    @each_object
    def test_every_described_object_can_be_listed(self, case: Case) -> None:
        for name in case.adapter.describe().objects:
            case.adapter.scan(name, None)
            case.adapter.changes(name, None)

    @each_object
    def test_an_object_nobody_described_is_a_mistake_of_the_configuration(self, case: Case) -> None:
        name = f"{case.object}_nowhere"
        write = Write(Op.DELETE, "1", b"", None, case.token())
        uses: Mapping[str, Callable[[], Any]] = {
            "changes": lambda: case.adapter.changes(name, None),
            "scan": lambda: case.adapter.scan(name, None),
            "read": lambda: case.adapter.read(name, ["1"]),
            "find": lambda: case.adapter.find(name, case.sample.text, ["1"]),
            "write": lambda: case.adapter.write(name, [write]),
        }
        for what, use in uses.items():
            must_raise(use, ConfigError, what=f"{what} of `{name}`, which nobody described,")

    @each_object
    def test_a_create_without_a_required_field_is_refused(self, case: Case) -> None:
        required = [name for name, known in case.schema.fields.items() if known.required]
        assert set(required) <= set(case.fields()), "the sample leaves a required field out"
        if not required:
            raise Cannot(f"{case.object} requires no field")
        for name in required:
            fields = case.fields()
            del fields[name]
            error = failure(case, case.creating(fields))
            fits(f"a create without the required `{name}`", error, RejectedError)

    @each_object
    def test_a_field_that_is_not_writable_keeps_its_value(self, case: Case) -> None:
        closed = [name for name, known in case.schema.fields.items() if not known.writable and not known.lines]
        if not closed:
            raise Cannot(f"every field of {case.object} is writable")
        record = case.created()
        before = case.shown(record.key)
        for name in closed:
            error = failure(case, case.updating(record.key, {name: "7"}))
            assert error is None or isinstance(error, RejectedError), f"`{name}`: {error!r}"
            assert case.shown(record.key).get(name) == before.get(name), f"`{name}` was changed"

    @each_object
    def test_a_writable_field_takes_what_is_written_and_shows_it(self, case: Case) -> None:
        record = case.created()
        name, values = case.sample.change
        assert case.schema.fields[name].writable
        for value in values:
            case.done(case.updating(record.key, {name: value}))
            assert str(case.shown(record.key)[name]) == str(value)

    @each_object
    def test_a_text_as_long_as_described_is_kept_whole_and_a_longer_one_is_refused(self, case: Case) -> None:
        longest = case.schema.fields[case.sample.text].max_length
        if longest is None:
            raise Cannot(f"{case.object}.{case.sample.text} has no greatest length")
        whole = f"{next_number()}".ljust(longest, "x")
        key = str(case.done(case.creating(case.fields(**{case.sample.text: whole}))).key)
        assert case.shown(key)[case.sample.text] == whole
        error = failure(case, case.updating(key, {case.sample.text: whole + "x"}))
        fits("a text of one letter more than max_length", error, RejectedError)
        assert case.shown(key)[case.sample.text] == whole, "the text was cut"

    @each_object
    def test_of_a_choice_each_described_value_is_taken_and_no_other(self, case: Case) -> None:
        choices = {n: k.choices for n, k in case.schema.fields.items() if k.choices and k.writable}
        choices = {name: values for name, values in choices.items() if name not in case.sample.steps}
        if not choices:
            raise Cannot(f"{case.object} has no choices to try")
        record = case.created()
        for name, values in choices.items():
            for value in values:
                case.done(case.updating(record.key, {name: value}))
                assert case.shown(record.key)[name] == value
            error = failure(case, case.updating(record.key, {name: f"{values[0]}-not"}))
            fits(f"a value of `{name}` that is no choice", error, RejectedError)

    @each_object
    def test_what_cannot_be_created_says_so_when_asked_to(self, case: Case) -> None:
        closed = [name for name, known in case.adapter.describe().objects.items() if not known.creatable]
        if not closed:
            raise Cannot("every object can be created")
        for name in closed:
            write = Write(Op.CREATE, None, b"{}", None, case.token())
            error = failure(case, write, name)
            fits(f"a create of {name}, which is not creatable,", error, RejectedError)

    @each_object
    def test_what_cannot_be_deleted_says_so_when_asked_to(self, case: Case) -> None:
        case.needs(not case.schema.deletable, "deletable: false")
        record = case.created()
        error = failure(case, case.deleting(record.key))
        fits("a delete of what is not deletable", error, RejectedError)
        assert case.is_live(record.key)


def paths(fields: Mapping[str, Any], line_key: str) -> Iterator[str]:
    """Names of fields, those of lines with a dot; a line's own id is no field."""
    for name, value in fields.items():
        yield name
        if isinstance(value, list | tuple):
            for line in value:
                if isinstance(line, Mapping):
                    yield from (f"{name}.{inner}" for inner in line if inner != line_key)


def described_paths(fields: Mapping[str, FieldSchema]) -> Iterator[str]:
    for name, known in fields.items():
        yield name
        yield from (f"{name}.{inner}" for inner in known.lines)
