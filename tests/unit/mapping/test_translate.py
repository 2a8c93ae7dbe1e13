"""Whole records: decode, encode, images, lines, currencies, and the difference between absent, null and a value."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import NoImageError
from connector.mapping.translate import Mapping, load_mapping
from connector.model.values import Line, Money, Ref

EUR = "EUR"


def money(amount: str, currency: str = EUR) -> Money:
    return Money(Decimal(amount), currency)


def load(text: str) -> Mapping:
    return load_mapping(text, "m.yaml")


def account(rows: str, more: str = "") -> Mapping:
    body = "".join(f"  {row}\n" for row in rows.strip().splitlines())
    return load(f"entity: account\nobject: A\n{more}fields:\n  name: Name\n{body}")


ORDER = """
entity: order
object: deals
external_key: external_id
filter: "stage == 'won'"
fields:
  name: name
  account: {field: company_id, ref: account}
  order_date: {field: close_date, as: date}
  currency: currency
  freight: {field: freight, currency: currency}
  total: {field: amount, currency: currency}
  shipping_address: {city: ship_city, country: {field: ship_country, as: country, format: name}}
  lines:
    field: lines
    id: id
    external_key: external_id
    fields:
      product: product_id
      quantity: {field: quantity, scale: 3}
      unit_price: {field: unit_price, as: price, currency: ^currency}
      tax_percent: {field: tax_percent, default: 19}
      amount: {field: amount, currency: ^currency}
constants: {source: connector}
"""

RECORD: dict[str, Any] = {
    "external_id": 4711,
    "stage": "won",
    "name": " Köln ",
    "company_id": "C-1",
    "close_date": None,
    "currency": "EUR",
    "freight": "5.00",
    "amount": "29.00",
    "ship_country": "Germany",
    "lines": [
        {"id": 1, "external_id": "X1", "product_id": "P-1", "quantity": "2", "unit_price": "12", "amount": "24.00"},
        {"id": 2, "external_id": None, "product_id": None, "quantity": 0, "unit_price": None, "amount": "0"},
    ],
}


def test_a_record_is_decoded_with_its_lines_and_its_partner() -> None:
    found = load(ORDER).decode(RECORD)
    assert found.held == {}
    assert found.partner == "4711"
    assert found.in_scope
    assert found.values == {
        "name": "Köln",
        "account": Ref("account", "C-1"),
        "order_date": None,
        "currency": EUR,
        "freight": money("5.00"),
        "total": money("29.00"),
        "shipping_address.country": "DE",
        "lines": (
            Line(
                "1",
                "X1",
                {
                    "product": Ref("product", "P-1"),
                    "quantity": Decimal(2),
                    "unit_price": money("12"),
                    "amount": money("24.00"),
                },
            ),
            Line("2", None, {"product": None, "quantity": Decimal(0), "unit_price": None, "amount": money("0.00")}),
        ),
    }


def test_absent_fields_stay_absent_null_stays_null_and_no_lines_are_an_empty_list() -> None:
    mapping = load(ORDER)
    assert mapping.decode({}).values == {}
    assert mapping.decode({"name": None, "freight": None, "lines": None}).values == {
        "name": None,
        "freight": None,
        "lines": (),
    }
    assert mapping.encode({}, create=False) == {}
    assert mapping.encode({"name": None, "freight": None, "lines": None}, create=False) == {
        "name": None,
        "freight": None,
        "lines": [],
    }


def test_what_has_no_image_is_held_by_field_and_the_rest_goes_on() -> None:
    found = load(ORDER).decode({**RECORD, "ship_country": "Atlantis", "close_date": "soon", "freight": "1.005"})
    assert set(found.held) == {"shipping_address.country", "order_date", "freight"}
    assert found.held["shipping_address.country"] == "ship_country: `Atlantis` is not a country"
    assert not set(found.held) & set(found.values)
    assert found.values["name"] == "Köln"


def test_one_bad_line_holds_the_lines_and_names_the_line() -> None:
    lines = [*RECORD["lines"], {"id": 3, "quantity": "many", "unit_price": "1"}]
    found = load(ORDER).decode({**RECORD, "lines": lines})
    assert found.held == {"lines": "line 3: quantity: `many` is not a number"}
    assert "lines" not in found.values


@pytest.mark.parametrize("raw", ["x", 5, [1], {"id": 1}, [None]])
def test_lines_that_are_no_list_of_lines_are_held(raw: Any) -> None:
    assert "not a list of lines" in load(ORDER).decode({"lines": raw}).held["lines"]


@pytest.mark.parametrize(
    ("fields", "in_scope", "held"),
    [
        ({"stage": "won"}, True, False),
        ({"stage": "lost"}, False, False),
        ({"stage": None}, False, False),
        ({}, False, False),
    ],
)
def test_the_filter_decides_what_is_in_scope(fields: dict[str, Any], in_scope: bool, held: bool) -> None:
    found = load(ORDER).decode(fields)
    assert found.in_scope is in_scope
    assert bool(found.held) is held


def test_a_filter_that_cannot_be_evaluated_keeps_the_record_out_and_says_so() -> None:
    mapping = account("phone: P", more='filter: "revenue > 5"\n')
    found = mapping.decode({"Name": "A", "revenue": "many"})
    assert not found.in_scope
    assert "cannot order text and a number" in found.held["*"]


def test_a_record_is_encoded_with_its_lines() -> None:
    values: dict[str, Any] = {
        "name": "Köln",
        "account": Ref("account", "E-9"),
        "order_date": date(2026, 1, 31),
        "currency": EUR,
        "freight": money("5"),
        "total": money("29"),
        "shipping_address.country": "DE",
        "lines": (
            Line("1", "X1", {"quantity": Decimal("2.5"), "unit_price": money("12.345678")}),
            Line(None, "X2", {"quantity": Decimal(1), "unit_price": money("1"), "tax_percent": None}),
        ),
    }
    assert load(ORDER).encode(values, create=False) == {
        "name": "Köln",
        "company_id": "E-9",
        "close_date": "2026-01-31",
        "currency": EUR,
        "freight": Decimal("5.00"),
        "ship_country": "Germany",
        "lines": [
            {"id": "1", "external_id": "X1", "quantity": Decimal("2.500"), "unit_price": Decimal("12.345678")},
            {"external_id": "X2", "quantity": Decimal("1.000"), "unit_price": Decimal(1), "tax_percent": Decimal(19)},
        ],
    }


def test_amounts_leave_as_decimal_and_never_as_float() -> None:
    written = load(ORDER).encode({"freight": money("0.1"), "currency": EUR}, create=False)
    assert type(written["freight"]) is Decimal
    assert str(written["freight"]) == "0.10"


def test_defaults_and_constants_are_added_on_create_only_and_never_over_a_value() -> None:
    mapping = account('payment_terms: {field: Terms, default: "30 days"}', more="constants: {Source: web}\n")
    assert mapping.encode({"name": "A"}, create=True) == {"Name": "A", "Terms": "30 days", "Source": "web"}
    assert mapping.encode({"name": "A", "payment_terms": None}, create=True)["Terms"] == "30 days"
    assert mapping.encode({"payment_terms": "net"}, create=True)["Terms"] == "net"
    assert mapping.encode({"name": "A", "payment_terms": None}, create=False) == {"Name": "A", "Terms": None}


def test_only_writable_fields_are_written_and_unknown_names_are_left_out() -> None:
    mapping = account("phone: {field: P, direction: read}\nfax: {field: F, direction: write}\nnumber: {constant: N1}")
    assert mapping.encode({"name": "A", "phone": "1", "fax": "2", "website": "w"}, create=False) == {
        "Name": "A",
        "F": "2",
    }
    assert mapping.decode({"Name": "A", "P": "1", "F": "2"}).values == {"name": "A", "phone": "1", "number": "N1"}
    assert mapping.readable == {"name", "phone", "number"}
    assert mapping.writable == {"name", "fax"}


def test_a_read_only_mapping_writes_nothing() -> None:
    mapping = account("phone: P", more="read_only: true\n")
    assert mapping.read_only
    assert mapping.encode({"name": "A", "phone": "1"}, create=True) == {}


def test_an_error_of_encode_starts_with_the_field_and_for_lines_with_the_line() -> None:
    mapping = load(ORDER)
    with pytest.raises(NoImageError, match=r"^shipping_address.country: `ZZ` is not"):
        mapping.encode({"shipping_address.country": "ZZ"}, create=False)
    lines = (Line(None, None, {"quantity": Decimal(1)}), Line(None, None, {"quantity": Decimal("0.0001")}))
    with pytest.raises(NoImageError, match=r"^lines: line 2: quantity: 0.0001 has more than the 3 decimals"):
        mapping.encode({"lines": lines}, create=False)


# ------------------------------------------------------------------------------------------- currencies


def test_an_amount_writes_its_currency_field_where_nothing_else_does() -> None:
    mapping = account("credit_limit: {field: C, currency: Cur}")
    assert mapping.encode({"credit_limit": money("5", "USD")}, create=False) == {"C": Decimal("5.00"), "Cur": "USD"}
    assert mapping.encode({"credit_limit": None}, create=False) == {"C": None}


def test_two_currencies_for_one_field_are_refused() -> None:
    mapping = load(ORDER)
    with pytest.raises(NoImageError, match=r"^freight: it is in USD, but `currency` is `EUR`"):
        mapping.encode({"currency": EUR, "freight": money("1", "USD")}, create=False)
    line = Line(None, None, {"unit_price": money("1", "USD")})
    with pytest.raises(NoImageError, match=r"^lines: line 1: unit_price: it is in USD"):
        mapping.encode({"currency": EUR, "lines": (line,)}, create=False)
    with pytest.raises(NoImageError, match=r"^lines: line 1"):
        mapping.encode({"freight": money("1"), "lines": (line,)}, create=False)


def test_a_constant_currency_is_written_nowhere_and_must_agree() -> None:
    mapping = account("credit_limit: {field: C, currency: =EUR}")
    assert mapping.decode({"C": "5"}).values == {"credit_limit": money("5.00")}
    assert mapping.encode({"credit_limit": money("5")}, create=False) == {"C": Decimal("5.00")}
    with pytest.raises(NoImageError, match=r"^credit_limit: it is in USD, but this field holds EUR"):
        mapping.encode({"credit_limit": money("5", "USD")}, create=False)


def test_a_currency_that_is_only_read_must_be_known_to_agree() -> None:
    mapping = account("currency: {field: Cur, direction: read}\ncredit_limit: {field: C, currency: Cur}")
    assert mapping.together["credit_limit"] == {"currency"}
    assert mapping.encode({"currency": EUR, "credit_limit": money("5")}, create=False) == {"C": Decimal("5.00")}
    for currency in ({"currency": "USD"}, {}):
        with pytest.raises(NoImageError, match=r"^credit_limit: it is in EUR, but `Cur`, which is only read,"):
            mapping.encode({**currency, "credit_limit": money("5")}, create=False)


def test_a_system_with_its_own_words_for_currencies_is_understood_in_amounts_too() -> None:
    mapping = account(
        "currency: {field: Cur, values: {EUR: 1, USD: 2}, unmapped: hold}\ncredit_limit: {field: C, currency: Cur}"
    )
    assert mapping.decode({"Cur": "2", "C": "5"}).values == {"currency": "USD", "credit_limit": money("5.00", "USD")}
    written = {"C": Decimal("5.00"), "Cur": 2}
    assert mapping.encode({"currency": "USD", "credit_limit": money("5", "USD")}, create=False) == written
    assert mapping.encode({"credit_limit": money("5", "USD")}, create=False) == written
    assert "currency" in mapping.decode({"Cur": 9, "C": "5"}).held
    assert "credit_limit" in mapping.decode({"Cur": 9, "C": "5"}).held


# ------------------------------------------------------------------------------- several fields and derived ones


def test_a_split_name_is_written_only_when_both_halves_are_known() -> None:
    mapping = load("entity: contact\nobject: K\nfields:\n  first_name, last_name: {field: Full, as: person_name}\n")
    assert mapping.decode({"Full": "Anna Berg"}).values == {"first_name": "Anna", "last_name": "Berg"}
    assert mapping.decode({"Full": None}).values == {"first_name": None, "last_name": None}
    assert mapping.encode({"first_name": "Anna", "last_name": "Berg"}, create=False) == {"Full": "Anna Berg"}
    assert mapping.together == {"first_name": {"last_name"}, "last_name": {"first_name"}}
    with pytest.raises(NoImageError, match=r"^first_name: `Full` holds last_name too"):
        mapping.encode({"first_name": "Anna"}, create=False)
    assert mapping.image("first_name", "Anna", {"last_name": "Berg"}) == "Anna"


def test_a_derived_field_is_read_only_and_absent_when_its_fields_are() -> None:
    mapping = account("""notes: {expr: "concat(a, ' / ', b)"}\ncredit_limit: {expr: "number(x) * 2", currency: =EUR}""")
    assert mapping.decode({"a": "1", "b": None, "x": "1.5"}).values == {"notes": "1 /", "credit_limit": money("3.00")}
    assert mapping.decode({"Name": "A"}).values == {"name": "A"}
    assert "credit_limit" in mapping.decode({"x": "many"}).held
    assert mapping.writable == {"name"}
    assert mapping.system_fields == {"Name", "a", "b", "x"}


def test_a_phone_number_finds_its_country_beside_it() -> None:
    mapping = account(
        "phone: {field: P, as: phone, country: Land, format: national}\n"
        "billing_address: {country: {field: Land, as: country, format: name}}"
    )
    german: dict[str, Any] = {"phone": "+4930123456", "billing_address.country": "DE"}
    assert mapping.decode({"P": "030 123456", "Land": "Germany"}).values == german
    assert mapping.encode(german, create=False) == {"P": "030 123456", "Land": "Germany"}
    assert mapping.encode({"phone": "+4930123456"}, create=False) == {"P": "+49 30 123456"}
    assert mapping.image("phone", "+4930123456", german) == "+4930123456"
    assert mapping.image("phone", "+4930123456", {}) == "+4930123456"


# -------------------------------------------------------------------------------------------------- images


def test_an_image_is_what_the_system_would_show() -> None:
    mapping = account(
        "number: {field: N, max_length: 3, truncate: true}\nstatus: {field: S, values: {active: Y}, unmapped: hold}\n"
        "credit_limit: {field: C, currency: =EUR}\nfax: {field: F, direction: read}\n"
        "phone: {field: P, direction: write}"
    )
    assert mapping.image("number", "12345", {}) == "123"
    assert mapping.image("number", None, {}) is None
    assert mapping.image("credit_limit", money("5"), {}) == money("5.00")
    assert mapping.image("fax", " as it is ", {}) == " as it is "
    assert mapping.image("phone", "1", {}) == "1"
    with pytest.raises(NoImageError, match=r"^status: `inactive` has no counterpart"):
        mapping.image("status", "inactive", {})
    with pytest.raises(NoImageError, match=r"^website: not mapped for `A`"):
        mapping.image("website", "w", {})


def test_the_image_of_lines_keeps_ids_and_drops_what_the_system_does_not_have() -> None:
    mapping = load(ORDER)
    lines = (Line("1", "X1", {"quantity": Decimal("2"), "unit_price": money("1"), "description": "d"}),)
    shown = mapping.image("lines", lines, {"currency": EUR})
    assert shown == (Line("1", "X1", {"quantity": Decimal(2), "unit_price": money("1")}),)
    assert mapping.image("lines", None, {}) == ()
    with pytest.raises(NoImageError, match=r"^lines: line 1: unit_price: it is in EUR, but `currency` is `USD`"):
        mapping.image("lines", lines, {"currency": "USD"})


def test_a_mapping_lists_every_system_field_it_touches() -> None:
    mapping = load(ORDER)
    assert mapping.system_fields == {
        *("external_id", "stage", "name", "company_id", "close_date", "currency", "freight", "amount", "ship_city"),
        *("ship_country", "lines", "source"),
    }
    assert mapping.line_fields == {
        "lines": {"id", "external_id", "product_id", "quantity", "unit_price", "tax_percent", "amount"}
    }
    assert mapping.together["lines"] == {"currency"}


@pytest.mark.parametrize(
    "value", [True, 5, 1.5, Decimal("1.5"), "x", "", [], {}, [{}], {"a": 1}, None, b"x", "\ud800", 10**50, float("nan")]
)
def test_decode_never_fails_whatever_a_system_sends(value: Any) -> None:
    mapping = load(ORDER)
    fields: Fields[str, Any] = dict.fromkeys(mapping.system_fields, value)
    found = mapping.decode(fields)
    assert set(found.values) | set(found.held) >= mapping.readable - {"*"}
    line = dict.fromkeys(mapping.line_fields["lines"], value)
    assert set(mapping.decode({"currency": EUR, "lines": [line]}).held) <= {"lines"}
