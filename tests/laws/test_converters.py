"""Laws of converters over generated values: what is written reads back, reading is idempotent, nothing else escapes.

For every converter and every canonical value v it accepts: decode(encode(v)) == v unless it is declared lossy, and for
every raw value r it reads: decode(encode(decode(r))) == decode(r). The only way to refuse is NoImageError.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import NoImageError
from connector.mapping.countries import _codes, names
from connector.mapping.currencies import minor_unit
from connector.mapping.translate import Mapping, load_mapping
from connector.model import canonical
from connector.model.values import Line, Money, Ref

QUICK = settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

FIELDS = {
    "plain": "{type: text, field: a}",
    "short": "{type: text, field: b, max_length: 12}",
    "upper": "{type: text, field: c, case: upper}",
    "memo": "{type: note, field: d, newline: crlf}",
    "flag": "{type: boolean, field: e, values: {true: Y, false: N}}",
    "whole": "{type: integer, field: f}",
    "number": "{type: decimal, field: g, scale: 4}",
    "kind": "{type: enum, choices: [a, b, c], field: h, values: {a: 1, b: two, c: [x, y]}, lossy: true}",
    "amount": "{type: money, field: i, currency: cur}",
    "unit": "{type: price, field: j, currency: =EUR}",
    "day": '{type: date, field: k, format: "%m/%d/%Y"}',
    "day_ms": "{type: date, field: l, format: epoch_ms}",
    "moment": "{type: instant, field: m}",
    "local": "{type: instant, field: n, zone: Europe/Berlin, ambiguous: later}",
    "minute": '{type: instant, field: o, zone: America/New_York, format: "%d.%m.%Y %H:%M", precision: minute}',
    "call": "{type: text, field: p, as: phone, country: =DE, format: national}",
    "land": "{type: text, field: q, as: country, format: name, locale: fr}",
    "other": "{type: ref, ref: account, field: r}",
}
RAW = dict(zip(FIELDS, "abcdefghijklmnopqr", strict=True))


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    rows = "".join(f"  {name}: {row}\n" for name, row in FIELDS.items())
    name = "first_name, last_name: {field: z, as: person_name}"
    text = f"entity: contact\nobject: K\nfields:\n  {name}\ncustom:\n{rows}"
    return load_mapping(text, "laws.yaml")


def clean(text: str) -> str:
    """As a canonical text is: NFC, trimmed, to a fixed point."""
    while (again := unicodedata.normalize("NFC", text).strip()) != text:
        text = again
    return text


texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).map(clean).filter(bool)
notes = (
    st.lists(texts, min_size=1, max_size=4).map("\n".join).map(lambda t: t.replace("\r", "")).map(clean).filter(bool)
)
codes = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "RSD"])
digits = st.integers(-(10**12), 10**12)
amounts = st.builds(lambda n, code: Money(Decimal(n).scaleb(-minor_unit(code)), code), digits, codes)
prices = st.builds(lambda n: Money(Decimal(n).scaleb(-6), "EUR"), digits)
days = st.dates(date(1, 1, 1), date(9999, 12, 31))
moments = st.builds(
    lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms), st.integers(0, 40 * 365 * 86_400_000)
)

DOMAINS: dict[str, st.SearchStrategy[Any]] = {
    "plain": texts,
    "short": texts,
    "upper": texts,
    "memo": notes,
    "flag": st.booleans(),
    "whole": st.integers(-(10**20), 10**20),
    "number": st.builds(lambda n: Decimal(n).scaleb(-4), digits),
    "kind": st.sampled_from("abc"),
    "amount": amounts,
    "unit": prices,
    "day": days,
    "day_ms": days,
    "moment": moments,
    "local": moments,
    "minute": moments,
    "call": st.one_of(texts, st.integers(10**6, 10**12).map(lambda n: f"+{n}"), st.just("+4930123456;ext=9")),
    "land": st.sampled_from(["DE", "US", "CI", "GB", "XK", "TW"]),
    "other": texts.map(lambda key: Ref("account", key)),
}


@pytest.mark.parametrize("name", DOMAINS)
@QUICK
@given(data=st.data())
def test_what_is_written_reads_back_as_its_image_and_the_same_unless_declared_lossy(
    mapping: Mapping, name: str, data: st.DataObject
) -> None:
    value = data.draw(DOMAINS[name])
    if name == "call":  # canonical numbers only: the ones decode gives
        value = mapping.decode({"p": value}).values["call"]
    try:
        image = mapping.image(name, value, {})
        written = mapping.encode({name: value}, create=False)
    except NoImageError:
        return
    assert mapping.decode(written).values[name] == image
    assert mapping.image(name, image, {}) == image
    assert mapping.encode({name: image}, create=False) == written
    if name not in mapping.lossy:
        assert image == value
        assert canonical.encode(image) == canonical.encode(value)


def test_every_converter_accepts_what_its_domain_holds(mapping: Mapping) -> None:
    samples = {
        "plain": "Ä",
        "short": "Ä",
        "upper": "Ä",
        "memo": "a\nb",
        "flag": True,
        "whole": 1,
        "number": Decimal("1.5"),
        "kind": "c",
        "amount": Money(Decimal("1.10"), "EUR"),
        "unit": Money(Decimal("0.000001"), "EUR"),
        "day": date(2024, 2, 29),
        "day_ms": date(2024, 2, 29),
        "moment": datetime(2026, 1, 1, tzinfo=UTC),
        "local": datetime(2026, 1, 1, tzinfo=UTC),
        "minute": datetime(2026, 1, 1, tzinfo=UTC),
        "call": "+4930123456",
        "land": "DE",
        "other": Ref("account", "1"),
    }
    assert set(samples) == set(FIELDS)
    for name, value in samples.items():
        assert mapping.image(name, value, {}) == value


raws = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=20),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    st.sampled_from(["2026-10-25T02:30:00", "2026-03-29T02:30:00", "25.10.2026 01:30", "02/30/2024", "Türkiye", "Y"]),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.datetimes(),
    st.dates(),
)


@QUICK
@given(raw=raws)
def test_whatever_a_system_sends_is_read_or_held_and_reading_is_idempotent(mapping: Mapping, raw: Any) -> None:
    found = mapping.decode({**dict.fromkeys(RAW.values(), raw), "z": raw, "cur": "EUR"})
    assert set(found.values) | set(found.held) == mapping.readable
    for name, value in found.values.items():
        canonical.encode(value)
        if name in RAW:
            written = _written(mapping, name, value)
            if written is not None:
                assert mapping.decode(written).values[name] == value, name


def _written(mapping: Mapping, name: str, value: Any) -> dict[str, Any] | None:
    try:
        return mapping.encode({name: value}, create=False)
    except NoImageError:
        return None


@QUICK
@given(value=st.one_of(raws, amounts, days, moments, texts, st.just((Line(None, None, {}),))))
def test_encode_of_anything_at_all_answers_or_refuses(mapping: Mapping, value: Any) -> None:
    for name in FIELDS:
        assert refusal(mapping, name, value).startswith(name)


def refusal(mapping: Mapping, name: str, value: Any) -> str:
    try:
        mapping.encode({name: value}, create=True)
    except NoImageError as error:
        return str(error)
    return name


@QUICK
@given(first=st.none() | texts, last=st.none() | texts)
def test_a_joined_name_is_split_into_the_same_halves_or_refused(
    mapping: Mapping, first: str | None, last: str | None
) -> None:
    values = {name: None if v is None else " ".join(v.split()) or None for name, v in (("f", first), ("l", last))}
    halves = {"first_name": values["f"], "last_name": values["l"]}
    try:
        written = mapping.encode(halves, create=False)
    except NoImageError:
        return
    assert mapping.decode(written).values == halves


def test_equal_phone_numbers_in_different_notations_are_one_canonical_value(mapping: Mapping) -> None:
    notations = ["030 901820", "(030) 90 18 20", "+49 30 901820", "0049 30 90-18-20", "+49 (0) 30 901820", "030/901820"]
    assert {mapping.decode({"p": typed}).values["call"] for typed in notations} == {"+4930901820"}


@pytest.mark.parametrize("locale", ["en", "de", "fr", "ja"])
@pytest.mark.parametrize("form", ["name", "alpha2", "alpha3"])
def test_every_country_comes_back_from_every_form(locale: str, form: str) -> None:
    row = f"{{type: text, field: q, as: country, format: {form}, locale: {locale}}}"
    text = f"entity: contact\nobject: K\nfields: {{last_name: l}}\ncustom:\n  land: {row}\n"
    system = load_mapping(text, "m.yaml")
    assert len(names(locale)) == len(_codes())
    for code in _codes():
        assert system.decode(system.encode({"land": code}, create=False)).values["land"] == code
