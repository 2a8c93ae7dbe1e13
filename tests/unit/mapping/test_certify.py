"""Certification finds broken laws and mappings keep them; a mapping's own tests fail where they say."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from connector.mapping.cases import run_tests
from connector.mapping.certify import certify
from connector.mapping.codecs import Plain
from connector.mapping.translate import Mapping, load_mapping

GOOD = """
entity: order
object: deals
fields:
  name: {field: name, max_length: 80}
  account: company_id
  status: {field: state, values: {confirmed: c, shipped: s, invoiced: [i, b]}, unmapped: hold, lossy: true}
  order_date: {field: date, format: "%d.%m.%Y"}
  po_number: {field: po, case: upper}
  currency: currency
  freight: {field: freight, currency: currency}
  notes: {field: notes, newline: crlf}
  shipping_address: {country: {field: country, as: country, format: name, locale: de}}
  lines:
    field: lines
    id: id
    fields:
      quantity: {field: q, scale: 2}
      unit_price: {field: p, currency: ^currency}
custom:
  called: {type: text, field: phone, as: phone, country: country, format: national}
  seen: {type: instant, field: seen, zone: Europe/Berlin, format: "%d.%m.%Y %H:%M", precision: minute}
tests:
  - given: {name: "Acme  ", state: b, freight: 12.5, currency: EUR, country: Deutschland, date: 1.2.2026,
            lines: [{id: 7, q: "1", p: "2.5"}]}
    expect:
      name: Acme
      status: invoiced
      freight: 12.50 EUR
      order_date: 2026-02-01
      shipping_address: {country: DE}
      notes:
      lines: [{key: "7", quantity: 1, unit_price: 2.5 EUR}]
    in_scope: true
  - given: {state: x, notes: null}
    expect: {notes: null}
    held: [status]
  - values: {name: Acme, freight: 5 EUR, order_date: 2026-02-01, lines: [{quantity: 2, unit_price: 1 EUR}]}
    expect_fields: {name: Acme, freight: "5.00", currency: EUR, date: 01.02.2026, lines: [{q: 2, p: 1}]}
""".replace("      notes:\n", "")

SAMPLE: dict[str, Any] = {
    "name": "Straße",
    "company_id": "C-1",
    "state": "b",
    "date": "1.2.2026",
    "po": "Po-1",
    "currency": "EUR",
    "freight": "1.10",
    "notes": "a\r\nb",
    "country": "Österreich",
    "phone": "01 5880",
    "seen": "01.07.2026 12:00",
    "lines": [{"id": "1", "q": "1.50", "p": "0.123456"}, {"id": "2", "q": None, "p": None}],
}


COUNTER = count()


def broken(mapping: Mapping, *records: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for law in certify(mapping, records):
        found.setdefault(law.field, set()).add(law.law)
    return found


def with_codec(mapping: Mapping, name: str, **changes: Any) -> Mapping:
    """The same mapping with one converter replaced, as a careless converter would be."""
    entries = tuple(
        replace(e, codec=replace(e.codec, **changes)) if e.names == (name,) and isinstance(e.codec, Plain) else e
        for e in mapping.spec.entries
    )
    return Mapping(replace(mapping.spec, entries=entries))


def test_a_sound_mapping_breaks_no_law_on_generated_values_and_real_records() -> None:
    mapping = load_mapping(GOOD, "m.yaml")
    assert certify(mapping, [SAMPLE]) == []


def test_detail_lost_without_a_declaration_breaks_m6_and_names_the_smallest_example() -> None:
    mapping = with_codec(load_mapping(GOOD, "m.yaml"), "po_number", lossy=False)
    (law,) = certify(mapping)
    assert (law.law, law.field) == ("M6", "po_number")
    assert "`lossy: true`" in str(law)
    assert len(law.example) < 10


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"decode": lambda raw: raw + "x"}, "M2"),
        ({"decode": lambda raw: raw + "x"}, "M4"),
        ({"encode": lambda value: value[1]}, "M1"),
        ({"encode": lambda value: f"{value} {next(COUNTER)}"}, "M1"),
    ],
)
def test_a_careless_converter_is_caught(changes: dict[str, Any], law: str) -> None:
    mapping = with_codec(load_mapping(GOOD, "m.yaml"), "name", **changes)
    assert law in broken(mapping)["name"]


def test_a_real_record_that_does_not_survive_being_written_back_breaks_m4() -> None:
    mapping = with_codec(load_mapping(GOOD, "m.yaml"), "name", encode=lambda value: value[:3], lossy=True)
    assert "M4" in broken(mapping, SAMPLE)["name"]


def test_the_tests_of_a_mapping_hold() -> None:
    assert run_tests(load_mapping(GOOD, "m.yaml")) == []


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (
            "{given: {N: ' Acme '}, expect: {name: Acmee}}",
            "m.yaml:5:37: found `Acme`, expected `Acmee` for `name`",
        ),
        ("{given: {S: z}, expect: {status: active}}", "found `status` held (S: `z` is none of `a` or `i`"),
        ("{given: {N: x}, expect: {phone: null}}", "found nothing, expected null for `phone`"),
        ("{given: {P: x}, held: [phone]}", "found `phone` is `x`, expected `phone` held"),
        ("{given: {N: x}, in_scope: false}", "found in_scope true, expected in_scope false"),
        ("{values: {name: x}, expect_fields: {N: y}}", "found `x`, expected `y` for `N`"),
        ("{values: {number: '1234'}, expect_fields: {No: x}}", "found number: 4 characters, the field holds 3"),
    ],
)
def test_a_failing_test_of_a_mapping_says_where_and_what(test: str, message: str) -> None:
    rows = "status: {field: S, values: {active: a, inactive: i}}, number: {field: No, max_length: 3}"
    text = f"entity: account\nobject: A\nfields: {{name: N, phone: P, {rows}}}\ntests:\n  - {test}\n"
    (problem,) = run_tests(load_mapping(text, "m.yaml"))
    assert message in str(problem)
