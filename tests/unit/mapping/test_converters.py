"""Each converter, row by row: what it reads, what it writes, and what it refuses with which words."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import NoImageError
from connector.mapping.currencies import minor_unit
from connector.model.entities import FieldType
from connector.model.values import Money, Ref

from .codec import codec

T, N, E, B = FieldType.TEXT, FieldType.NOTE, FieldType.ENUM, FieldType.BOOLEAN
I, D, DAY, NOW = FieldType.INTEGER, FieldType.DECIMAL, FieldType.DATE, FieldType.INSTANT  # noqa: E741
STATUS = {"choices": ("active", "inactive")}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("type_", "options", "raw", "value"),
    [
        (T, "", "  Acme ", "Acme"),
        (T, "", "a  b", "a  b"),
        (T, "", "", None),
        (T, "", " \t ", None),
        (T, "", "01234", "01234"),
        (T, "", 1234, "1234"),
        (T, "", Decimal("1.50"), "1.5"),
        (T, "", 12345.0, "12345"),
        (T, "", "e\u0301", "é"),
        (T, "", "東京", "東京"),
        (T, "case: lower", " A.Berg@X.de ", "a.berg@x.de"),
        (N, "", "a\r\nb\rc\n", "a\nb\nc"),
        (B, "", True, True),
        (B, "", "False", False),
        (B, "", "", None),
        (B, "values: {true: Y, false: N}", "N", False),
        (I, "", "12", 12),
        (I, "", Decimal("12.0"), 12),
        (I, "", 12.0, 12),
        (D, "", "2.50", Decimal("2.5")),
        (D, "", 0.1, Decimal("0.1")),
        (D, "", 3, Decimal(3)),
        (D, "", "1e2", Decimal(100)),
        (E, "values: {active: 'Yes', inactive: 'No'}", "Yes", "active"),
        (E, "values: {active: 'Yes', inactive: 'No'}", " No ", "inactive"),
        (E, "values: {active: false, inactive: true}", True, "inactive"),
        (E, "values: {active: false, inactive: true}", "false", "active"),
        (E, "values: {active: 1, inactive: 2}", "2", "inactive"),
        (E, "values: {active: 1, inactive: 2}", Decimal("2.0"), "inactive"),
        (E, "values: {active: a, inactive: [former, lost]}, lossy: true", "lost", "inactive"),
        (E, "values: {active: a}, unmapped: default, default: active", "whatever", "active"),
        (E, "values: {active: a, inactive: b}", "", None),
        (E, "", "active", "active"),
        (T, "values: {30 days: N30}, unmapped: hold", "N30", "30 days"),
        (DAY, "", "2024-02-29", date(2024, 2, 29)),
        (DAY, "", date(2024, 2, 29), date(2024, 2, 29)),
        (DAY, "", " ", None),
        (DAY, "format: '%d.%m.%Y'", "29.2.2024", date(2024, 2, 29)),
        (DAY, "format: '%m/%d/%Y'", "02/29/2024", date(2024, 2, 29)),
        (DAY, "format: midnight", "2024-02-29T00:00:00.000Z", date(2024, 2, 29)),
        (DAY, "format: epoch_days", -1, date(1969, 12, 31)),
        (DAY, "format: epoch_ms", "1709164800000", date(2024, 2, 29)),
        (NOW, "", "2026-01-31T12:00:00.1239Z", at(2026, 1, 31, 12, 0, 0, 123000)),
        (NOW, "", "2026-01-31T12:00:00.000+0000", at(2026, 1, 31, 12)),
        (NOW, "", "2026-01-31T12:00:00+05:30", at(2026, 1, 31, 6, 30)),
        (NOW, "zone: Europe/Berlin", "2026-07-01T12:00:00", at(2026, 7, 1, 10)),
        (NOW, "zone: Europe/Berlin, ambiguous: earlier", "2026-10-25T02:30:00", at(2026, 10, 25, 0, 30)),
        (NOW, "zone: Europe/Berlin, ambiguous: later", "2026-10-25T02:30:00", at(2026, 10, 25, 1, 30)),
        (NOW, "format: epoch_ms", 1500, at(1970, 1, 1, 0, 0, 1, 500000)),
        (NOW, "format: epoch_s", "1500", at(1970, 1, 1, 0, 25)),
        (
            NOW,
            "format: '%d.%m.%Y %H:%M', zone: Europe/Berlin, precision: minute",
            "1.7.2026 12:05",
            at(2026, 7, 1, 10, 5),
        ),
        (NOW, "precision: minute", "2026-01-31T12:00:59Z", at(2026, 1, 31, 12)),
        (T, "as: country", "Germany", "DE"),
        (T, "as: country", "germany ", "DE"),
        (T, "as: country", "DEU", "DE"),
        (T, "as: country", "de", "DE"),
        (T, "as: country", "U.S.A.", "US"),
        (T, "as: country", "276", "DE"),
        (T, "as: country", 8, "AL"),
        (T, "as: country", "Côte d'Ivoire", "CI"),
        (T, "as: country, locale: de", "Österreich", "AT"),
        (T, "as: country, names: {GB: England & Co}", "england & co", "GB"),
        (T, "as: country", "", None),
        (T, "as: currency", "eur ", "EUR"),
    ],
)
def test_a_system_value_is_read_as(type_: FieldType, options: str, raw: Any, value: Any) -> None:
    more = STATUS if type_ is E else {}
    found = codec(options, type_, **more).decode(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("type_", "options", "value", "raw"),
    [
        (T, "case: upper", "straße", "STRASSE"),
        (T, "case: title", "old street", "Old Street"),
        (T, "max_length: 4, truncate: true", "abc def", "abc"),
        (N, "newline: crlf", "a\nb", "a\r\nb"),
        (B, "values: {true: Y, false: N}", False, "N"),
        (D, "scale: 2", Decimal("1.5"), Decimal("1.50")),
        (D, "scale: 2, lossy: true", Decimal("1.125"), Decimal("1.12")),
        (E, "values: {active: a, inactive: [former, lost]}, lossy: true", "inactive", "former"),
        (E, "values: {active: a}, unmapped: default, default: active", "inactive", "a"),
        (DAY, "format: '%d.%m.%Y'", date(2024, 2, 9), "09.02.2024"),
        (DAY, "format: midnight", date(2024, 2, 9), "2024-02-09T00:00:00Z"),
        (DAY, "format: epoch_ms", date(1970, 1, 2), 86_400_000),
        (NOW, "", at(2026, 1, 31, 12, 0, 0, 123000), "2026-01-31T12:00:00.123Z"),
        (NOW, "precision: minute", at(2026, 1, 31, 12, 5, 59), "2026-01-31T12:05:00.000Z"),
        (NOW, "zone: Europe/Berlin", at(2026, 7, 1, 10), "2026-07-01T12:00:00.000"),
        (NOW, "format: epoch_ms", at(1970, 1, 1, 0, 0, 1), 1000),
        (T, "as: country, format: name", "DE", "Germany"),
        (T, "as: country, format: name, locale: fr", "DE", "Allemagne"),
        (T, "as: country, format: alpha3", "DE", "DEU"),
        (T, "as: country, format: numeric", "AL", "008"),
        (T, "as: country, format: name, names: {US: USofA}", "US", "USofA"),
    ],
)
def test_a_canonical_value_is_written_as(type_: FieldType, options: str, value: Any, raw: Any) -> None:
    more = STATUS if type_ is E else {}
    found = codec(options, type_, **more).encode(value)
    assert found == raw
    assert type(found) is type(raw)


@pytest.mark.parametrize(
    ("type_", "options", "raw", "words"),
    [
        (T, "", True, "`True` is not text"),
        (T, "", {"a": 1}, "is not text"),
        (T, "", "\ud800", "half a character"),
        (B, "", "maybe", "neither true nor false"),
        (I, "", "1.5", "not a whole number"),
        (I, "", True, "is not a number"),
        (D, "", "12,5", "is not a number"),
        (D, "", "NaN", "is not a number"),
        (D, "", float("inf"), "usable size"),
        (D, "", 0.1 + 0.2, "float"),
        (D, "", "1e999", "usable size"),
        (D, "", 10**40, "too large"),
        (E, "values: {active: a, inactive: b}", "c", "none of `a` or `b`"),
        (E, "values: {active: a, inactive: b}", ["a"], "none of"),
        (E, "", "gone", "none of `active` or `inactive`"),
        (DAY, "", "2024-02-30", "not a date"),
        (DAY, "", "20240229", "not a date"),
        (DAY, "", "2024-02-29T10:00:00Z", "not a date"),
        (DAY, "", 5, "not a date"),
        (DAY, "format: midnight", "2024-02-29T10:00:00Z", "not a date"),
        (DAY, "format: epoch_ms", 1, "not a date"),
        (DAY, "format: epoch_days", 10**12, "not a date"),
        (NOW, "", "2026-01-31T12:00:00", "no offset"),
        (NOW, "", "2026-01-31", "not a point in time"),
        (NOW, "", "9999-12-31T23:59:59-23:00", "out of range"),
        (NOW, "zone: Europe/Berlin", "2026-03-29T02:30:00", "does not exist"),
        (NOW, "zone: Europe/Berlin", "2026-10-25T02:30:00", "came twice"),
        (NOW, "format: epoch_ms", 10**20, "not a point in time"),
        (T, "as: country", "Atlantis", "is not a country"),
        (T, "as: currency", "EURO", "ISO 4217"),
    ],
)
def test_a_system_value_without_canonical_form_is_held_with_a_reason(
    type_: FieldType, options: str, raw: Any, words: str
) -> None:
    more = STATUS if type_ is E else {}
    with pytest.raises(NoImageError, match=words):
        codec(options, type_, **more).decode(raw)


@pytest.mark.parametrize(
    ("type_", "options", "value", "words"),
    [
        (T, "max_length: 4", "12345", "5 characters, the field holds 4"),
        (T, "", 5, "is not text"),
        (D, "scale: 2", Decimal("1.125"), "more than the 2 decimals"),
        (D, "", 1, "not a decimal"),
        (I, "", True, "not a whole number"),
        (E, "values: {active: a}, unmapped: hold", "inactive", "has no counterpart"),
        (E, "values: {active: a, inactive: b}", ("x",), "has no counterpart"),
        (B, "values: {true: Y, false: N}", 1, "has no counterpart"),
        (DAY, "", at(2026, 1, 1), "is not a date"),
        (NOW, "", date(2026, 1, 1), "not a point in time"),
        (NOW, "zone: Europe/Berlin, ambiguous: earlier", at(2026, 10, 25, 1, 30), "clocks went back"),
        (NOW, "zone: Europe/Berlin", at(2026, 10, 25, 1, 30), "came twice"),
        (T, "as: country", "de", "not an ISO 3166"),
        (T, "as: country", "ZZ", "not an ISO 3166"),
    ],
)
def test_a_canonical_value_the_system_cannot_hold_is_refused_with_a_reason(
    type_: FieldType, options: str, value: Any, words: str
) -> None:
    more = STATUS if type_ is E else {}
    with pytest.raises(NoImageError, match=words):
        codec(options, type_, **more).encode(value)


@pytest.mark.parametrize(
    ("typed", "country", "canonical"),
    [
        ("030 123456", "Germany", "+4930123456"),
        ("(030) 12 34 56", "DE", "+4930123456"),
        ("+49 30 123456", None, "+4930123456"),
        ("0049-30-123456", "deu", "+4930123456"),
        ("+49 (0)30 123456", "US", "+4930123456"),
        ("tel:+49-30-123456;ext=5", None, "+4930123456;ext=5"),
        ("+49 30 123456 ext. 5", None, "+4930123456;ext=5"),
        ("030 123456", None, "030 123456"),
        ("030 123456", "Atlantis", "030 123456"),
        ("call Anna", "DE", "call Anna"),
        ("1-800-FLOWERS", "US", "1-800-FLOWERS"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("12", "DE", "12"),
        (" ", "DE", None),
        (493012345678, "DE", "+493012345678"),
    ],
)
def test_a_phone_number_is_e164_where_it_can_be_understood(typed: Any, country: str | None, canonical: str) -> None:
    phone = codec("as: phone, country: land")
    assert phone.decode(typed, country) == canonical


@pytest.mark.parametrize(
    ("format_", "canonical", "country", "written"),
    [
        ("international", "+4930123456", None, "+49 30 123456"),
        ("e164", "+4930123456", "DE", "+4930123456"),
        ("national", "+4930123456", "DE", "030 123456"),
        ("national", "+4930123456", "US", "+49 30 123456"),
        ("national", "+4930123456", None, "+49 30 123456"),
        ("national", "+14155550123", "US", "(415) 555-0123"),
        ("as_is", "+4930123456;ext=5", None, "+4930123456;ext=5"),
        ("international", "+4930123456;ext=5", None, "+49 30 123456 ext. 5"),
        ("international", "call Anna", None, "call Anna"),
    ],
)
def test_a_phone_number_is_written_as_the_system_wants_it(
    format_: str, canonical: str, country: str | None, written: str
) -> None:
    phone = codec(f"as: phone, country: land, format: {format_}")
    assert phone.encode(canonical, country) == written
    assert phone.decode(written, country) == canonical


def test_e164_refuses_to_lose_an_extension() -> None:
    with pytest.raises(NoImageError, match="extension"):
        codec("as: phone, format: e164").encode("+4930123456;ext=5")


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        ("12.5", "EUR", Money(Decimal("12.50"), "EUR")),
        ("12.500", "eur", Money(Decimal("12.50"), "EUR")),
        (12, "JPY", Money(Decimal(12), "JPY")),
        (Decimal("1.234"), "KWD", Money(Decimal("1.234"), "KWD")),
        (0.1, "EUR", Money(Decimal("0.10"), "EUR")),
        ("-0", "EUR", Money(Decimal(0), "EUR")),
        ("", "EUR", None),
        ("", "", None),
    ],
)
def test_money_is_read_at_the_minor_unit_of_its_currency(amount: Any, currency: str, money: Money | None) -> None:
    assert codec("currency: cur", FieldType.MONEY).decode(amount, currency) == money


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("12.505", "EUR", "not rounded silently"),
        ("12.5", "JPY", "more than 0 decimals"),
        ("12.5", None, "has no currency"),
        ("12.5", " ", "not an ISO 4217"),
        (12, "", "has no currency"),
        ("12.5", "XYZ", "not an ISO 4217"),
        ("12.5", 978, "not an ISO 4217"),
        ("twelve", "EUR", "not a number"),
    ],
)
def test_money_is_held_rather_than_rounded_or_left_without_currency(amount: Any, currency: Any, words: str) -> None:
    with pytest.raises(NoImageError, match=words):
        codec("currency: cur", FieldType.MONEY).decode(amount, currency)


def test_a_price_keeps_six_decimals_and_refuses_a_seventh() -> None:
    price = codec("currency: cur", FieldType.PRICE)
    assert price.decode("0.123456", "JPY") == Money(Decimal("0.123456"), "JPY")
    with pytest.raises(NoImageError, match="6 decimals"):
        price.decode("0.1234567", "EUR")
    with pytest.raises(NoImageError, match="6 decimals"):
        price.encode(Money(Decimal("0.1234567"), "EUR"))


def test_minor_units_are_those_of_iso_4217() -> None:
    assert [minor_unit(code) for code in ("EUR", "JPY", "KWD", "CLF", "RSD", "IQD")] == [2, 0, 3, 4, 2, 3]


@pytest.mark.parametrize(
    ("options", "full", "parts"),
    [
        ("", "Anna Berg", ("Anna", "Berg")),
        ("", "  Anna   Maria  Berg ", ("Anna Maria", "Berg")),
        ("", "Anna van der Berg", ("Anna", "van der Berg")),
        ("", "Berg", (None, "Berg")),
        ("", "", (None, None)),
        (", order: last_first", "García Márquez, Gabriel", ("Gabriel", "García Márquez")),
        (", order: last_first", "Berg", (None, "Berg")),
    ],
)
def test_a_full_name_is_split_and_joined(options: str, full: str, parts: tuple[str | None, str | None]) -> None:
    name = codec("as: person_name" + options)
    assert name.decode(full) == parts
    assert name.encode(parts) == (" ".join(full.split()) or None)


def test_a_name_that_would_be_split_differently_is_refused_unless_declared_lossy() -> None:
    parts = ("Gabriel", "García Márquez")
    with pytest.raises(NoImageError, match="would not be split"):
        codec("as: person_name").encode(parts)
    assert codec("as: person_name, lossy: true").encode(parts) == "Gabriel García Márquez"


def test_a_reference_carries_its_entity_and_any_key_as_text() -> None:
    ref = codec("", FieldType.REF, ref="account")
    assert ref.decode(17) == Ref("account", "17")
    assert ref.decode("") is None
    assert ref.encode(Ref("account", "C-1")) == "C-1"
    with pytest.raises(NoImageError, match="reference to account"):
        ref.encode(Ref("contact", "C-1"))


def test_importing_the_mapping_language_loads_no_heavy_data() -> None:
    heavy = ("phonenumbers", "pycountry", "babel", "rapidfuzz")
    modules = "connector.mapping.certify, connector.mapping.cases"
    script = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
