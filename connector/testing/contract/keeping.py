"""Promises about values: what is written is what is read, letter by letter and digit by digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connector.testing.contract.case import Case, each_object, next_number, only
from connector.testing.contract.lines import difference, lines_in, without
from connector.testing.contract.looking import HOSTILE
from connector.testing.contract.subject import Cannot

TEXTS = (
    *HOSTILE,
    "007",
    "1e5",
    "1.10",
    "true",
    "null",
    "NaN",
    "2024-02-29",
    "Grüße, Ωmega, 東京, עברית, 👩‍👩‍👧‍👦",
    "combining e\u0301 and \u00e9",
    "two\u00a0hard\u00a0spaces",
    "a  b",
    "<b>&amp;</b> &lt;",
    '{"a": [1]}',
    "%C3%A9 %41 +",
    "\\u0041 \\n",
)


class Keeps:
    """Tests of values."""

    @each_object
    def test_texts_come_back_letter_by_letter(self, case: Case) -> None:
        mark = next_number()
        longest = case.schema.fields[case.sample.text].max_length or 1000
        texts = [f"{text} #{mark}.{number}" for number, text in enumerate(TEXTS)] + [f"{mark} " + "ß" * (longest - 20)]
        records = case.create_each([{case.sample.text: text} for text in texts])
        for record, text in zip(records, texts, strict=True):
            assert (record.fields or {})[case.sample.text] == text
        for record, text in zip(records, reversed(texts), strict=True):
            outcome = case.done(case.updating(record.key, {case.sample.text: text}))
            shown = outcome.record.fields if outcome.record else case.shown(record.key)
            assert (shown or {})[case.sample.text] == text

    @each_object
    def test_other_values_come_back_as_they_were_written(self, case: Case) -> None:
        if not case.sample.kept:
            raise Cannot(f"the sample of {case.object} names no further values")
        record = case.created()
        for name, values in case.sample.kept.items():
            for value in values:
                case.done(case.updating(record.key, {name: value}))
                shown = case.shown(record.key)[name]
                if lines_in(value):
                    problem = difference(shown, [without(line, case.sample.line_key) for line in value], _same)
                    assert problem is None, f"`{name}`: {problem}"
                else:
                    assert _same(shown, value), f"`{name}`: {value!r} came back as {shown!r}"

    @each_object
    def test_a_value_reads_the_same_whichever_way_it_is_asked_for(self, case: Case) -> None:
        cursor = case.cursor()
        record = case.created(**{name: values[0] for name, values in case.sample.kept.items()})
        listed = only(case.scanned(), record.key, "the scan")
        told = only(case.walk(cursor)[0], record.key, "the feed")
        found = only(case.named(str((record.fields or {})[case.sample.text])), record.key, "find")
        for other in (listed, told, found):
            assert other.version == record.version
            assert other.fields is None or other.fields == record.fields

    @each_object
    def test_a_field_left_out_keeps_its_value_and_null_clears_it(self, case: Case) -> None:
        name, values = case.sample.change
        known = case.schema.fields[name]
        record = case.created(**{name: values[1]})
        case.done(case.updating(record.key, {case.sample.text: str(case.fields()[case.sample.text])}))
        assert str(case.shown(record.key)[name]) == str(values[1]), "a field the body does not name was changed"
        if known.required or known.choices:
            raise Cannot(f"{case.object}.{name} cannot be cleared")
        case.done(case.updating(record.key, {name: None}))
        assert case.shown(record.key).get(name) is None, "null did not clear"

    @each_object
    def test_an_update_touches_only_the_fields_it_names(self, case: Case) -> None:
        record = case.created(**{name: values[0] for name, values in case.sample.kept.items()})
        before = dict(case.shown(record.key))
        name, values = case.sample.change
        case.done(case.updating(record.key, {name: values[1]}))
        after = dict(case.shown(record.key))
        writable = {n for n, known in case.schema.fields.items() if known.writable}
        for field in (set(before) | set(after)) & writable - {name}:
            assert after.get(field) == before.get(field), f"`{field}` changed beside `{name}`"

    @each_object
    def test_a_record_once_given_out_does_not_change_afterwards(self, case: Case) -> None:
        record = case.created()
        held = dict(record.fields or {})
        case.done(case.updating(record.key, case.change(1)))
        case.subject.edit(case.object, record.key, case.change(2))
        case.shown(record.key)
        assert record.fields == held, "a record that was given out followed the system's changes"


def _same(shown: Any, value: Any) -> bool:
    """Equal with all its digits. A decimal travels as its own text or number, trailing zeros included."""
    if isinstance(value, Decimal):
        return str(shown) == str(value)
    return type(shown) is type(value) and bool(shown == value)
