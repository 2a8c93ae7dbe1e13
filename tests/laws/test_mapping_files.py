"""A damaged mapping file is refused with located problems or understood; it never fails in any other way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.mapping.cases import run_tests
from connector.mapping.translate import load_mapping

SOUND = """\
entity: order
object: deals
external_key: external_id
filter: "stage == 'won' and number(amount) > 5"
fields:
  name: {field: name, max_length: 80, truncate: true}
  account: {field: company_id, ref: account}
  status: {field: state, values: {confirmed: c, shipped: [s, t]}, unmapped: default, default: confirmed, lossy: true}
  order_date: {field: date, format: "%d.%m.%Y"}
  currency: {constant: EUR}
  freight: {field: freight, currency: =EUR}
  total: {expr: "number(a) + 1", as: money, currency: cur, direction: read}
  shipping_address: {country: {field: country, as: country, format: name, names: {US: USA}}}
  lines:
    field: lines
    id: id
    fields:
      quantity: {field: q, scale: 2, default: 1}
      unit_price: {field: p, currency: ^cur}
constants: {source: web}
custom:
  seen: {type: instant, field: seen, zone: Europe/Berlin, precision: minute}
  called: {type: text, field: phone, as: phone, country: =DE}
tests:
  - given: {name: x, lines: [{q: 1, p: 2}], cur: EUR}
    expect: {name: x, lines: [{quantity: 1}]}
  - {values: {name: x, freight: 1 EUR}, expect_fields: {name: x}, create: false}
"""

PIECES = [
    "",
    " ",
    "\n",
    ":",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    '"',
    "~",
    "null",
    "5",
    "-1",
    "1.5",
    "true",
    "&a",
    "*a",
    "=",
    "^",
]


def test_the_sound_file_is_sound() -> None:
    assert run_tests(load_mapping(SOUND, "m.yaml")) == []


@settings(max_examples=80, deadline=None, database=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_with_places_or_understood(data: st.DataObject) -> None:
    text = SOUND
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.sampled_from([0, 1, 3, 8, 20]))
        piece = data.draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)))
        text = text[:start] + piece + text[start + length :]
    try:
        mapping = load_mapping(text, "m.yaml")
    except ConfigError as error:
        problems = error.problems
    else:
        problems = tuple(run_tests(mapping))
    lines = text.count("\n") + 2 + sum(text.count(c) for c in "\r\x85\u2028\u2029")
    assert all(1 <= p.line <= lines and p.column >= 1 and p.found and p.expected for p in problems)
