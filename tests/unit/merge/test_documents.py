"""A document adds up, to the minor unit, or it says by how much it does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.merge.documents import header_problem
from connector.model.values import Line, Money, Value


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def line(quantity: str, price: str, discount: str | None = None) -> Line:
    values: dict[str, Value] = {"quantity": Decimal(quantity), "unit_price": eur(price)}
    if discount is not None:
        values["discount_percent"] = Decimal(discount)
    return Line("1", None, values)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"lines": (line("2", "1.50"),), "total": eur("3.00")}, None),
        ({"lines": (line("2", "1.50"),), "total": eur("3.01")}, "make 3.00, the document says 3.01"),
        ({"lines": (line("3", "0.333"), line("1", "1")), "total": eur("2.00")}, None),
        ({"lines": (line("1", "10", "12.5"),), "total": eur("8.75")}, None),
        ({"lines": (line("1", "1"),), "freight": eur("2"), "tax": eur("0.19"), "total": eur("3.19")}, None),
        ({"lines": (line("1", "1"),), "tax": eur("0.19"), "total": eur("1.00")}, "make 1.19, the document says 1.00"),
        (
            {"lines": (line("1", "1"),), "subtotal": eur("2"), "total": eur("1.00")},
            "lines add up to 1.00",
        ),
        ({"lines": (), "total": eur("0.00")}, None),
        ({"lines": (), "total": eur("1.00")}, "make 0, the document says 1.00"),
        ({"total": eur("1.00")}, None),
        ({"lines": (line("1", "1"),)}, None),
        ({"lines": (Line("1", None, {"quantity": Decimal(1)}),), "total": eur("5")}, None),
    ],
)
def test_lines_and_what_is_added_make_the_total(values: dict[str, Value], wrong: str | None) -> None:
    found = header_problem(values)
    assert found is None if wrong is None else wrong in str(found)
