"""Tryton's objects as flat records: what a row shows, which commands a change becomes, and what its version is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.adapters.tryton import ProductDefaults
from connector.adapters.tryton.contact import Contact, is_key
from connector.adapters.tryton.feed import Walk, read_cursor
from connector.adapters.tryton.invoice import Invoice, Payment
from connector.adapters.tryton.kinds import STAMP, World
from connector.adapters.tryton.party import Party
from connector.adapters.tryton.product import Product
from connector.adapters.tryton.sale import Sale
from connector.config.mappings import packaged
from connector.errors import NotFoundError, RejectedError
from connector.mapping.translate import load_mapping
from connector.model.records import Op, Write

WORLD = World("USD", 1, {"DE": 5}, {"Unit": 1, "kg": 2}, {"Goods": 9})
PARTY = Party(WORLD, "eu_vat", lambda address: False)
SOLD_TO = Party(WORLD, "eu_vat", lambda address: True)
CONTACT = Contact(WORLD)
NOBODY: Any = None
SALE = Sale(WORLD, NOBODY, "Freight")
PRODUCT = Product(WORLD, ProductDefaults(type="service", category="Goods"))
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


def row(key: int, model: str = "x", at: datetime = NOON, by: int = 1, **values: Any) -> dict[str, Any]:
    stamps = {STAMP: at, "create_date": NOON, "create_uid": by, "write_uid": None, "_timestamp": str(at.timestamp())}
    return {"id": key, "__name__": model, "active": True, **stamps, **values}


def address(key: int, *, invoice: bool = False, delivery: bool = False, **values: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"attn": None, "street": None, "postal_code": None, "city": None, "country": None}
    return row(key, "party.address", invoice=invoice, delivery=delivery, **{**parts, **values})


def mechanism(key: int, kind: str, value: str, **values: Any) -> dict[str, Any]:
    return row(key, "party.contact_mechanism", **{"type": kind, "value": value, "address": None, **values})


def identifier(key: int, kind: str | None, code: str) -> dict[str, Any]:
    return row(key, "party.identifier", type=kind, code=code)


def party(**values: Any) -> dict[str, Any]:
    inside: dict[str, Any] = {"addresses": [], "contact_mechanisms": [], "identifiers": []}
    return row(2, "party.party", **{"name": "Acme", "code": "17", "replaced_by": None, **inside, **values})


def product(**values: Any) -> dict[str, Any]:
    template: dict[str, Any] = {
        "name": "Bolt",
        "type": "service",
        "products": [3],
        "list_price": Decimal("9.90"),
        "list_prices": [],
    }
    names: dict[str, Any] = {"default_uom": {"name": "Unit"}, "account_category": {"name": "Goods"}}
    own: dict[str, Any] = {
        "code": "A-1",
        "suffix_code": "A-1",
        "prefix_code": None,
        "description": None,
        "list_price": None,
    }
    inside: dict[str, Any] = {
        "template": row(4, "product.template", **template, **names),
        "list_prices": [],
        "identifiers": [],
    }
    return row(3, "product.product", **{**own, "list_price_used": Decimal("9.90"), **inside, **values})


def checked(kind: Any, create: bool = False, **fields: Any) -> Mapping[str, Any]:
    write = Write(Op.CREATE if create else Op.UPDATE, "1", json.dumps(fields).encode(), None, "t")
    known: Mapping[str, Any] = kind.checked(write, create=create)
    return known


# ---------------------------------------------------------------------------------------------- parties


def test_of_several_mechanisms_the_first_active_one_of_the_party_itself_is_shown() -> None:
    rows = [
        mechanism(1, "phone", "of an address", address=9),
        mechanism(2, "phone", "old", active=False),
        mechanism(3, "phone", "first"),
        mechanism(4, "phone", "second"),
        mechanism(5, "email", "a@example.com"),
    ]
    shown = PARTY.shown(party(contact_mechanisms=rows))
    assert (shown["phone"], shown["email"], shown["mobile"]) == ("first", "a@example.com", None)


ADDRESSES = [
    ("none", [], (None, None)),
    ("one without a tick bills", [address(1, city="A")], ("A", None)),
    ("the ticked one bills", [address(1, city="A"), address(2, city="B", invoice=True)], ("B", None)),
    ("one for deliveries ships only", [address(1, city="A", delivery=True)], (None, "A")),
    ("one for both is both", [address(1, city="A", delivery=True, invoice=True)], ("A", "A")),
    ("a person is no address", [address(1, city="A", attn="Ann"), address(2, city="B")], ("B", None)),
    ("a ticked one is, whoever it is for", [address(1, city="A", attn="Ann", invoice=True)], ("A", None)),
    ("an inactive one is not", [address(1, city="A", active=False)], (None, None)),
]


@pytest.mark.parametrize(("rows", "cities"), [case[1:] for case in ADDRESSES], ids=[case[0] for case in ADDRESSES])
def test_which_address_bills_and_which_ships(rows: list[Any], cities: tuple[str | None, str | None]) -> None:
    shown = PARTY.shown(party(addresses=rows))
    assert (shown["billing_city"], shown["shipping_city"]) == cities


def test_what_of_a_party_changes_becomes_commands_on_the_rows_inside() -> None:
    there = party(
        contact_mechanisms=[mechanism(1, "phone", "1"), mechanism(2, "email", "a@example.com")],
        identifiers=[
            identifier(5, "eu_vat", "DE1"),
            identifier(6, None, "somebody's"),
            identifier(7, None, "connector:C"),
        ],
        addresses=[address(8, invoice=True, country={"id": 5, "code": "DE"})],
    )
    fields = {
        "phone": "2",
        "email": None,
        "fax": "3",
        "tax_id": "DE2",
        "billing_city": "Bonn",
        "shipping_country": "DE",
    }
    model, key, values = PARTY.updating(there, fields)
    assert (model, key) == ("party.party", 2)
    assert values == {
        "contact_mechanisms": [
            ["delete", [2]],
            ["write", [1], {"value": "2"}],
            ["create", [{"type": "fax", "value": "3"}]],
        ],
        "identifiers": [["write", [5], {"code": "DE2"}]],
        "addresses": [["write", [8], {"city": "Bonn"}], ["create", [{"delivery": True, "country": 5}]]],
    }
    assert PARTY.shown(there)["external_id"] == "C"
    assert PARTY.updating(there, {"external_id": None})[2] == {"identifiers": [["delete", [7]]]}


def test_one_address_for_both_is_parted_when_one_of_them_changes() -> None:
    both = address(8, invoice=True, delivery=True, city="Bonn", country={"id": 5, "code": "DE"})
    copy = {"delivery": True, "street": None, "postal_code": None, "city": "Bonn", "country": 5}
    apart = ["write", [8], {"delivery": False}]
    assert PARTY.updating(party(addresses=[both]), {"shipping_city": "Köln"})[2] == {
        "addresses": [apart, ["create", [{**copy, "city": "Köln"}]]]
    }
    assert PARTY.updating(party(addresses=[both]), {"billing_city": "Köln"})[2] == {
        "addresses": [apart, ["write", [8], {"city": "Köln"}], ["create", [copy]]]
    }


def test_an_address_that_was_sold_to_stays_and_another_takes_its_place() -> None:
    germany = {"id": 5, "code": "DE"}
    billing = address(8, invoice=True, street="Hauptstr. 1", city="Bonn", country=germany)
    shipping = address(9, delivery=True, attn="Ann Lee", city="Kiel")
    there = party(addresses=[billing, shipping])
    copy = {"attn": None, "street": "Hauptstr. 1", "postal_code": None, "city": "Bonn", "country": 5}
    moved = [
        ["write", [8], {"active": False}],
        ["create", [{**copy, "invoice": True, "delivery": False, "city": "Köln"}]],
    ]
    assert SOLD_TO.updating(there, {"billing_city": "Köln"})[2] == {"addresses": moved}
    ((word, keys, _), (_, (made,))) = SOLD_TO.updating(there, {"shipping_city": None})[2]["addresses"]
    assert (word, keys) == ("write", [9])
    assert (made["attn"], made["invoice"], made["delivery"], made["city"]) == ("Ann Lee", False, True, None)
    both = party(addresses=[address(8, invoice=True, delivery=True, city="Bonn")])
    apart, asleep, bills, ships = SOLD_TO.updating(both, {"billing_city": "Köln"})[2]["addresses"]
    assert (apart[2], asleep[2]) == ({"delivery": False}, {"active": False})
    assert [(one["invoice"], one["delivery"], one["city"]) for one in bills[1]] == [(True, False, "Köln")]
    assert [(one["delivery"], one["city"]) for one in ships[1]] == [(True, "Bonn")]


def test_a_new_party_has_no_rows_for_what_is_empty_and_a_number_only_if_it_was_given() -> None:
    assert PARTY.creating({"name": "A", "code": None, "phone": None, "billing_city": None}) == {"name": "A"}
    assert PARTY.creating({"name": "A", "code": "5", "external_id": "C-7"}) == {
        "name": "A",
        "code": "5",
        "identifiers": [["create", [{"code": "connector:C-7"}]]],
    }


def test_a_replaced_party_names_its_survivor_and_shows_no_fields() -> None:
    record = PARTY.record(party(replaced_by=9, active=False))
    assert (record.merged_into, record.fields) == ("9", None)


# --------------------------------------------------------------------------------------------- versions


def test_the_version_moves_with_a_row_inside_and_who_wrote_that_last_is_told() -> None:
    later = NOON + timedelta(seconds=1)
    before = PARTY.record(party(addresses=[address(1)], by=1))
    moved = PARTY.record(party(addresses=[{**address(1), STAMP: later, "write_uid": 7}]))
    fewer = PARTY.record(party())
    assert len({before.version, moved.version, fewer.version}) == 3
    assert (moved.modified, moved.modified_by, moved.created_by) == (later, "7", "1")
    assert PARTY.record(party(addresses=[address(1)])) == before
    assert set(PARTY.stamps(party(addresses=[address(1)]))) == {"party.party,2", "party.address,1"}


# --------------------------------------------------------------------------------------------- contacts


def test_a_contact_carries_its_party_into_every_row_inside() -> None:
    made = CONTACT.creating({"party": "2", "name": "Ann Lee", "email": "a@example.com", "external_id": "P-1"})
    assert made == {
        "party": 2,
        "attn": "Ann Lee",
        "contact_mechanisms": [
            ["create", [{"type": "email", "party": 2, "value": "a@example.com"}]],
            ["create", [{"type": "other", "party": 2, "value": "connector:P-1"}]],
        ],
    }
    with pytest.raises(RejectedError, match="names no record"):
        CONTACT.creating({"party": "C-1", "name": "Ann"})


@pytest.mark.parametrize("text", ["", "0", "-1", "007", "1.0", "２", "²", "9" * 10, "2147483648", "1 "])
def test_a_text_that_is_no_id_of_trytons_is_no_key(text: str) -> None:
    assert not is_key(text)
    assert is_key("2147483647")


# --------------------------------------------------------------------------------------------- products


def test_the_price_shown_is_the_one_used_and_written_where_it_counts() -> None:
    assert PRODUCT.shown(product())["list_price"] == "9.90"
    assert PRODUCT.shown(product(list_price_used=None))["list_price"] is None
    new = {"list_price": Decimal("5.00")}
    assert PRODUCT.updating(product(), new) == ("product.template", 4, new)
    override = product(list_price=Decimal("8"), list_price_used=Decimal("8"))
    assert PRODUCT.updating(override, new)[2] == {"products": [["write", [3], new]]}
    several = product()
    several["template"]["products"] = [3, 8]
    assert PRODUCT.updating(several, new)[2] == {"products": [["write", [3], new]]}
    assert PRODUCT.deleting(several) == ("product.product", 3)
    assert PRODUCT.deleting(product()) == ("product.template", 4)


def test_a_new_product_gets_what_the_configuration_says_and_a_code_keeps_its_prefix() -> None:
    made = PRODUCT.creating({"name": "Bolt", "code": "A-1", "list_price": Decimal("1.5")})
    assert made == {
        "name": "Bolt",
        "type": "service",
        "default_uom": 1,
        "sale_uom": 1,
        "salable": True,
        "account_category": 9,
        "list_price": Decimal("1.5"),
        "products": [["create", [{"suffix_code": "A-1"}]]],
    }
    prefixed = product(prefix_code="T-", code="T-1", suffix_code="1")
    assert PRODUCT.updating(prefixed, {"code": "T-2"})[2] == {"products": [["write", [3], {"suffix_code": "2"}]]}
    with pytest.raises(RejectedError, match="starts with `T-`"):
        PRODUCT.updating(prefixed, {"code": "2"})


# ----------------------------------------------------------------------------------------------- bodies

REFUSED = [
    (PARTY, {"nofield": "x"}, "has no field"),
    (PARTY, {"name": 5}, "takes a text"),
    (PARTY, {"active": "perhaps"}, "takes a boolean"),
    (PRODUCT, {"category": "x"}, "cannot be written"),
    (PRODUCT, {"currency": "EUR"}, "takes USD"),
    (PRODUCT, {"list_price": "ten"}, "takes a number"),
    (PRODUCT, {"list_price": "NaN"}, "takes a number"),
    (PRODUCT, {"list_price": True}, "takes a number"),
    (PRODUCT, {"name": None}, "is required"),
    (CONTACT, {"name": ""}, "is required"),
]


@pytest.mark.parametrize(("kind", "fields", "words"), REFUSED, ids=[str(case[1]) for case in REFUSED])
def test_what_tryton_would_take_and_should_not_is_refused_before_it_is_sent(
    kind: Any, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(RejectedError, match=words):
        checked(kind, **fields)


def test_what_cannot_be_found_in_tryton_is_refused_with_the_way_out() -> None:
    with pytest.raises(RejectedError, match="no country `FR`: import the countries"):
        PARTY.creating({"name": "A", "billing_country": "FR"})
    with pytest.raises(RejectedError, match="no unit `box`"):
        PRODUCT.creating({"name": "A", "unit": "box"})


# ------------------------------------------------------------------------------------------------- feed


def test_a_cursor_is_read_as_it_was_written_and_no_other_text_is_one() -> None:
    for walk in (Walk(), Walk(NOON, NOON, False, NOON, 7), Walk(NOON, None, True, None, 2**31 - 1)):
        assert read_cursor(str(walk)) == walk
    for text in ("", "own", "1.5", "own - - - x", "inner - - - 0", "own 20261399T000000.000000 - - 0"):
        with pytest.raises(NotFoundError):
            read_cursor(text)


def test_the_next_walk_starts_early_and_never_before_the_last() -> None:
    walk = Walk(NOON).behind(1, NOON + timedelta(seconds=90), NOON + timedelta(seconds=100))
    assert walk.over(60.0) == Walk(NOON + timedelta(seconds=40))
    assert walk.over(600.0) == Walk(NOON)
    assert Walk(NOON).over(60.0) == Walk(NOON)
    assert Walk().over(60.0) == Walk()


def test_a_walk_goes_on_behind_stamp_and_id_and_then_looks_at_the_rows_inside() -> None:
    walk = Walk(NOON).behind(5, NOON, NOON)
    assert walk.domain(["lines"]) == [["OR", [STAMP, ">", NOON], [[STAMP, "=", NOON], ["id", ">", 5]]]]
    second = walk.second()
    assert second.domain(["lines"]) == [["id", ">", 0], [STAMP, "<", NOON], ["OR", [f"lines.{STAMP}", ">=", NOON]]]
    assert second.order == [("id", "ASC")]


# ------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize("name", ["contact", "order", "invoice", "payment"])
def test_whatever_refers_to_another_record_is_found_by_it(name: str) -> None:
    """Before a record is deleted it is asked what refers to it."""
    kinds = {kind.name: kind for kind in (CONTACT, SALE, Invoice(WORLD, "Freight"), Payment(WORLD))}
    mapping = load_mapping((packaged() / "tryton" / f"{name}.yaml").read_text("utf-8"), name)
    references = [entry.source for entry in mapping.spec.entries if entry.fields and entry.fields[0].ref]
    assert references
    for field in references:
        assert field is not None
        assert kinds[mapping.object].searched(field, ["7"]), field


@pytest.mark.parametrize("field", ["name", "billing_city", "external_id"])
def test_a_text_with_a_nul_is_refused_before_it_reaches_the_database(field: str) -> None:
    with pytest.raises(RejectedError, match="NUL"):
        checked(PARTY, **{field: "N\0ul"})


def test_documents_of_other_companies_are_left_out() -> None:
    for kind in (SALE, Invoice(WORLD, "Freight"), Payment(WORLD)):
        assert ["company", "=", 1] in kind.own
        assert ["company", "=", 1] in kind.live
    assert PARTY.own == ()
