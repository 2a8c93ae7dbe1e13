"""Tryton's sales as flat records, and the commands that a changed sale becomes. No server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from connector.adapters.tryton.kinds import World
from connector.adapters.tryton.lines import mark, noted, unmarked
from connector.adapters.tryton.sale import Sale, stage
from connector.errors import RejectedError, TransientError, UncertainError
from connector.model.records import Op, Write

from .tryton_rows import WORLD, address, line, row

PLAIN = World("EUR", currencies={"EUR": 1}, discounts=False)


FREIGHT = line(90, None, 1, "4.90", description="Freight")


def sale(*lines: dict[str, Any], **values: Any) -> dict[str, Any]:
    fields = {"party": 2, "number": None, "description": None, "reference": None, "comment": None, "sale_date": None,
              "shipping_date": None, "state": "draft", "invoice_state": "none", "shipment_state": "none",
              "currency": {"id": 1, "code": "EUR"}, "untaxed_amount": Decimal(20), "tax_amount": Decimal(0),
              "total_amount": Decimal(20), "shipment_address": address(6, city="Wien"), "shipments": []}  # fmt: skip
    return row(1, "sale.sale", **{**fields, "lines": list(lines), **values})


class Client:
    """What the sale asks Tryton for, answered from here; what it does there, noted. fails: an error by button."""

    place = "Tryton"

    def __init__(self, fails: Mapping[str, Exception] | None = None, **party: Any) -> None:
        self.party = row(2, **{"customer_payment_term": 9, "addresses": [address(6, city="Wien")], **party})
        self.fails = dict(fails or {})
        self.done: list[Any] = []

    def rows(self, model: str, *_: Any) -> list[dict[str, Any]]:
        if model == "party.party":
            return [self.party]
        category = {"customer_taxes": [{"id": 7}]}
        return [row(key, template={"default_uom": 1, "account_category": category}) for key in (3, 4)]

    def create(self, model: str, values: Sequence[Mapping[str, Any]]) -> list[int]:
        self.done.append((model, *values))
        return [77]

    def write(self, model: str, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        self.done.append((model, *changes))

    def press(self, model: str, button: str, key: int) -> None:
        self.done.append((button, key))
        if button in self.fails:
            raise self.fails[button]

    def delete(self, model: str, keys: Sequence[int]) -> None:
        self.done.append(("delete", *keys))


def kind(client: Any = None, world: World = WORLD) -> Sale:
    return Sale(world, client or Client(), "Freight")


def checked(made: Sale, create: bool = True, **fields: Any) -> Mapping[str, Any]:
    write = Write(Op.CREATE if create else Op.UPDATE, "1", json.dumps(fields).encode(), None, "t")
    return made.checked(write, create=create)


def changed(there: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made = kind()
    return made.updating(there, checked(made, False, **fields))[2]


# ------------------------------------------------------------------------------------------------ reading


def test_the_line_without_product_that_is_named_so_is_the_freight_and_no_line() -> None:
    shown = kind().shown(sale(line(8), FREIGHT, untaxed_amount=Decimal("24.90")))
    assert (shown["freight"], shown["subtotal"]) == ("4.90", "20.00")
    assert [one["id"] for one in shown["lines"]] == ["8"]


def test_titles_and_comments_are_layout_and_lines_come_in_trytons_order() -> None:
    rows = [line(1, sequence=2), line(2, sequence=1), line(3), line(4, type="comment")]
    assert [one["id"] for one in kind().shown(sale(*rows))["lines"]] == ["3", "2", "1"]


def test_a_line_shows_its_price_before_discount_and_its_taxes_added_up() -> None:
    taxes = [{"id": 7, "rate": Decimal("0.19")}, {"id": 8, "rate": Decimal("0.07")}]
    priced = line(1, price="8.5", base_price=Decimal("10.0000"), discount_rate=Decimal("0.1500"), taxes=taxes)
    (shown,) = kind().shown(sale(priced))["lines"]
    assert (shown["base_price"], shown["discount_percent"], shown["tax_percent"]) == ("10.0000", "15", "26")
    (bare,) = kind().shown(sale(line(1)))["lines"]
    assert (bare["base_price"], bare["discount_percent"], bare["tax_percent"]) == ("10", None, "0")


@pytest.mark.parametrize(("value", "text"), [(2.0, "2"), (2.5, "2.5"), (100.0, "100"), (0.001, "0.001"), (None, None)])
def test_a_quantity_is_shown_in_its_shortest_digits(value: Any, text: str | None) -> None:
    assert kind().shown(sale(line(1, quantity=value, amount=None)))["lines"][0]["quantity"] == text


STAGES = [
    ("draft", "none", "none", "draft"),
    ("processing", "waiting", "none", "processing"),
    ("processing", "waiting", "sent", "shipped"),
    ("processing", "awaiting payment", "waiting", "invoiced"),
    ("processing", "paid", "sent", "invoiced"),
    ("done", "paid", "sent", "done"),
]


@pytest.mark.parametrize(("state", "invoice", "shipment", "wanted"), STAGES)
def test_what_is_processed_is_told_apart_by_what_came_of_it(
    state: str, invoice: str, shipment: str, wanted: str
) -> None:
    assert stage(sale(state=state, invoice_state=invoice, shipment_state=shipment)) == wanted


def test_the_date_of_shipment_is_that_of_the_last_one_done() -> None:
    days = [("done", 3), ("done", 5), ("assigned", 9)]
    shipments = [{"state": state, "effective_date": date(2026, 3, day)} for state, day in days]
    assert kind().shown(sale(shipments=shipments))["ship_date"] == "2026-03-05"


@pytest.mark.parametrize("keys", [("D-1", "L-1"), ("D/1%_", "a/b"), (None, "L"), ("D", None), ("ä ö", "日")])
def test_keys_of_order_and_line_come_back_out_of_the_note(keys: tuple[str | None, str | None]) -> None:
    assert unmarked(mark(*keys)) == keys


def test_what_a_person_noted_is_no_key() -> None:
    assert [unmarked(note) for note in (None, "", "ring twice", "a connector: b")] == [(None, None)] * 4
    assert mark(None, None) is None


NOTED = [
    (None, "connector:D/L"),
    ("", "connector:D/L"),
    ("Call before delivery!", "connector:D/L\nCall before delivery!"),
    ("connector:D/", "connector:D/L"),
    ("connector:/X\nCall\nbefore", "connector:D/L\nCall\nbefore"),
    ("connector:/X\r\nCall", "connector:D/L\nCall"),
]


@pytest.mark.parametrize(("there", "note"), NOTED)
def test_what_a_person_noted_stays_below_the_keys(there: str | None, note: str) -> None:
    assert noted(there, "D", "L") == note
    assert unmarked(note) == ("D", "L")
    assert noted(note, None, None) == (note.partition("\n")[2] or None)


# ------------------------------------------------------------------------------------------------ creating


def test_a_new_sale_takes_along_what_trytons_client_would_have_filled_in() -> None:
    made = kind()
    lines = [{"external_id": "L1", "product": "3", "quantity": "2", "base_price": "10", "discount_percent": "15"}]
    fields = checked(
        made, party="2", stage="confirmed", external_id="D-1", freight="4.90", lines=lines, ship_city="Wien"
    )
    values = made.creating(fields)
    assert (values["payment_term"], values["invoice_address"], values["shipment_address"]) == (9, 6, 6)
    assert values["stage"] == ("quote", "confirm")
    priced = {"type": "line", "sequence": 1, "quantity": 2.0, "product": 3, "unit": 1, "taxes": [["add", [7]]],
              "unit_price": Decimal("8.5000"), "base_price": Decimal(10), "note": "connector:D-1/L1"}  # fmt: skip
    freight = {"type": "line", "quantity": 1, "unit_price": Decimal("4.90"), "description": "Freight", "sequence": 9999}
    assert values["lines"] == [["create", [priced]], ["create", [freight]]]


def test_an_address_the_party_does_not_have_is_made_for_this_sale_alone() -> None:
    client = Client()
    made = kind(client)
    values = made.creating(checked(made, party="2", ship_city="Graz", ship_country="AT"))
    assert client.done == [
        ("party.address", {"party": 2, "city": "Graz", "country": 4}),
        ("party.address", (77, {"active": False})),
    ]
    assert (values["shipment_address"], values["invoice_address"]) == (77, 6)


def test_an_address_that_an_earlier_sale_had_is_taken_again_and_an_active_one_before_it() -> None:
    asleep, awake = address(4, city="Graz", active=False), address(9, city="Graz")
    client = Client(addresses=[asleep, address(6, city="Wien")])
    assert kind(client).creating({"party": "2", "ship_city": "Graz"})["shipment_address"] == 4
    client = Client(addresses=[asleep, awake])
    assert kind(client).creating({"party": "2", "ship_city": "Graz"})["shipment_address"] == 9
    assert client.done == []


def test_where_nothing_is_said_goods_go_where_the_party_gets_its_deliveries() -> None:
    addresses = [address(6, city="Wien", invoice=True), address(7, city="Graz", delivery=True)]
    values = kind(Client(addresses=addresses)).creating({"party": "2"})
    assert (values["shipment_address"], values["invoice_address"]) == (7, 6)
    asleep = [address(6, city="Wien"), address(7, city="Graz", delivery=True, active=False)]
    assert kind(Client(addresses=asleep)).creating({"party": "2"})["shipment_address"] == 6


REFUSED = [
    ({"party": "nobody"}, "names no record"),
    ({"party": "2", "currency": "XYZ"}, "another value"),
    ({"party": "2", "stage": "done"}, "does not go from"),
    ({"party": "2", "sale_date": "tomorrow"}, "takes a date"),
    ({"party": "2", "lines": {}}, "a list of lines"),
    ({"party": "2", "lines": [{"colour": "red"}]}, "no field `lines.colour`"),
    ({"party": "2", "lines": [{"amount": "1"}]}, "`lines.amount` is Tryton's own"),
    ({"party": "2", "lines": [{"product": "99"}]}, "no product 99"),
    ({"party": "2", "lines": [{"tax_percent": "16"}]}, "no tax of 16 %"),
    ({"party": "2", "lines": [{"quantity": "0.12345678901234567890"}]}, "more digits"),
    ({"party": "2", "external_id": "D-1", "lines": []}, "no place for its external key"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_tryton_cannot_take_is_refused_before_anything_is_written(fields: dict[str, Any], said: str) -> None:
    client = Client()
    made = kind(client)
    with pytest.raises(RejectedError, match=said):
        made.creating(checked(made, **fields))
    assert client.done == []


def test_without_an_address_nothing_can_be_quoted() -> None:
    client = Client()
    client.party["addresses"] = [address(6, attn="Ann"), address(7, active=False)]
    made = kind(client)
    with pytest.raises(RejectedError, match="no address"):
        made.creating(checked(made, party="2"))


def test_a_discount_needs_the_module_that_keeps_it() -> None:
    made = kind(world=PLAIN)
    line_ = {"product": "3", "quantity": "1", "base_price": "10"}
    values = made.creating(checked(made, party="2", lines=[line_]))
    assert "base_price" not in values["lines"][0][1][0]
    with pytest.raises(RejectedError, match="sale_discount"):
        made.creating(checked(made, party="2", lines=[{**line_, "discount_percent": "5"}]))


def made_with(**fails: Exception) -> tuple[Client, Any]:
    client = Client(fails)
    created = kind(client)
    values = created.creating(checked(created, party="2", stage="confirmed"))
    return client, lambda: created.make(client, [values])  # type: ignore[arg-type]


def test_a_sale_that_is_refused_on_its_way_is_taken_away_again() -> None:
    client, make = made_with(confirm=RejectedError("no"))
    with pytest.raises(RejectedError):
        make()
    assert [one[0] for one in client.done] == ["sale.sale", "quote", "confirm", "cancel", "delete"]


@pytest.mark.parametrize(
    "fails",
    [
        {"quote": RejectedError("no"), "cancel": TransientError("busy")},
        {"quote": RejectedError("no"), "cancel": RejectedError("no")},
        {"confirm": TransientError("busy")},
        {"quote": UncertainError("lost")},
    ],
)
def test_a_sale_that_is_there_and_not_as_it_was_to_be_is_uncertain(fails: dict[str, Exception]) -> None:
    with pytest.raises(UncertainError):
        made_with(**fails)[1]()


# ------------------------------------------------------------------------------------------------ updating


def test_lines_are_made_as_wanted_with_the_least_that_has_to_be_written() -> None:
    there = sale(line(8, note="connector:D-1/L1"), line(9, 4))
    shown = kind().shown(there)["lines"]
    keep = {name: shown[0][name] for name in ("id", "product", "quantity", "base_price", "external_id")}
    assert changed(there, lines=[keep, {"id": "9"}]) == {}
    more = changed(there, lines=[{**keep, "quantity": "5"}, {"product": "4", "quantity": "1", "external_id": "L7"}])
    new = {"type": "line", "sequence": 1, "quantity": 1.0, "product": 4, "unit": 1, "taxes": [["add", [7]]],
           "unit_price": Decimal("0.0000"), "base_price": Decimal(0), "note": "connector:D-1/L7"}  # fmt: skip
    assert more == {"lines": [["delete", [9]], ["write", [8], {"quantity": 5.0}], ["create", [new]]]}


def test_lines_in_another_order_are_numbered_anew() -> None:
    there = sale(line(8, sequence=1), line(9, sequence=2))
    moved = changed(there, lines=[{"id": "9"}, {"id": "8"}])
    assert moved == {"lines": [["write", [9], {"sequence": 1}], ["write", [8], {"sequence": 2}]]}


@pytest.mark.parametrize("lines", [[{"id": "99"}], [{"id": "8"}, {"id": "8"}]])
def test_a_line_that_is_not_there_is_refused(lines: list[dict[str, str]]) -> None:
    with pytest.raises(RejectedError, match="read it again"):
        changed(sale(line(8)), lines=lines)


def test_a_changed_tax_takes_the_old_one_away_and_none_means_what_the_product_has() -> None:
    there = sale(line(8, taxes=[{"id": 8, "rate": Decimal("0.07")}]))
    wanted = {"19": [["remove", [8]], ["add", [7]]], "0": [["remove", [8]]], None: [["remove", [8]], ["add", [7]]]}
    for percent, commands in wanted.items():
        values = changed(there, lines=[{"id": "8", "tax_percent": percent}])
        assert values == {"lines": [["write", [8], {"taxes": commands}]]}


@pytest.mark.parametrize(
    ("rows", "amount", "commands"),
    [
        ([FREIGHT], "5", [["write", [90], {"quantity": 1, "unit_price": Decimal(5)}]]),
        ([FREIGHT], None, [["delete", [90]]]),
        ([FREIGHT], "0", [["delete", [90]]]),
        ([], None, []),
    ],
)
def test_the_freight_is_there_with_its_amount_or_not_there(rows: list[Any], amount: Any, commands: list[Any]) -> None:
    assert changed(sale(*rows), freight=amount) == ({"lines": commands} if commands else {})


PRESSED = [
    ("draft", "confirmed", ["quote", "confirm"]),
    ("quotation", "confirmed", ["confirm"]),
    ("draft", "draft", []),
    ("quotation", "cancelled", ["cancel"]),
    ("cancelled", "draft", ["draft"]),
]


@pytest.mark.parametrize(("state", "wanted", "buttons"), PRESSED)
def test_a_stage_is_reached_by_its_buttons(state: str, wanted: str, buttons: list[str]) -> None:
    made = kind()
    assert list(made.pressed(sale(state=state), checked(made, False, stage=wanted))) == buttons


@pytest.mark.parametrize("wanted", ["cancelled", "draft", "confirmed", "shipped", "done"])
def test_what_is_being_processed_goes_nowhere_from_outside(wanted: str) -> None:
    made = kind()
    with pytest.raises(RejectedError, match="from outside"):
        made.pressed(sale(state="processing"), checked(made, False, stage=wanted))


def test_another_party_brings_its_own_addresses() -> None:
    made = kind()
    values = made.updating(sale(party=1), checked(made, False, party="2", ship_city="Wien"))[2]
    assert values == {"party": 2, "shipment_address": 6, "invoice_address": 6}


HALVES = [
    # quantity, price, discount, what Tryton is told, what it makes of it
    ("1", "9.65", "10", "8.6851", "8.69"),
    ("3", "4.5", "15", "3.8250", "11.48"),
    ("3", "9.65", "10", "8.6850", "26.06"),
    ("1", "0.135", None, "0.1350", "0.14"),
    ("-1", "9.65", "10", "8.6851", "-8.69"),
    # Out of reach: a step of the price is more than the cent, or would be another discount.
    ("150", "1.0001", None, "1.0001", "150.02"),
    ("1", "0.05", "10", "0.0450", "0.04"),
    ("1", "0.125", None, "0.1250", "0.12"),
]


@pytest.mark.parametrize(("quantity", "price", "off", "told", "amount"), HALVES)
def test_half_a_cent_goes_up_although_tryton_rounds_to_the_even_neighbour(
    quantity: str, price: str, off: str | None, told: str, amount: str
) -> None:
    wanted = {"product": "3", "quantity": quantity, "base_price": price, "discount_percent": off}
    made = kind()
    ((_, (values,)),) = made.creating(checked(made, party="2", lines=[wanted]))["lines"]
    assert str(values["unit_price"]) == told
    assert str((Decimal(quantity) * values["unit_price"]).quantize(Decimal("0.01"), ROUND_HALF_EVEN)) == amount
