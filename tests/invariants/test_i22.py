"""I22: the parts of a document sum to the whole, to the minor unit, or it is held."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from parts_a import PROFILES, Arena, Builder, arenas, line
from parts_days import rest, with_totals

from connector.merge.documents import header_problem
from connector.merge.functions import add_changes
from connector.model.values import Line, Money


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Builder]:
    with arenas(tmp_path) as builder:
        yield builder


CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: Decimal(cents) / 100)
DIGITS = {"EUR": 2, "JPY": 0, "KWD": 3}


def figure(units: int, currency: str) -> str:
    """So many minor units as a system shows them."""
    return str(Decimal(units).scaleb(-DIGITS[currency]))


def shares(whole: int, weights: list[int]) -> list[int]:
    """The whole, in minor units, given to lines by weight; what cannot be divided goes to the first ones."""
    parts = [whole * weight // sum(weights) for weight in weights]
    return [part + (n < whole - sum(parts)) for n, part in enumerate(parts)]


def given_to_lines(arena: Arena, number: int, currency: str) -> tuple[str, dict[str, Any]]:
    """An order of which 1,000 minor units are given to three lines alike, with freight and tax; what its total says."""
    company = arena.desks("account")[number].add(name="Buyer")
    arena.sync("account")
    desk, parts = arena.desks("order")[number], shares(1000, [1, 1, 1])
    key = desk.add(name="Deal", account=company, currency=currency, lines=[line("a"), line("b"), line("c")])
    rows = desk.system.get(desk.object, key)[("lines", "positions")[number]]
    shown = [{**row, "amount": figure(part, currency)} for row, part in zip(rows, parts, strict=True)]
    right = {"subtotal": 1000, "freight": 50, "tax": 211, "total": 1261}
    right_figures: dict[str, Any] = {name: figure(units, currency) for name, units in right.items()}
    right_figures[("lines", "positions")[number]] = shown
    return key, right_figures


def with_one_wrong(figures: dict[str, Any], wrong: str, step: int, currency: str) -> dict[str, Any]:
    """The figures of a document, one of which is a minor unit off."""
    off = Decimal(step).scaleb(-DIGITS[currency])
    if wrong in figures:
        return {**figures, wrong: str(Decimal(figures[wrong]) + off)}
    (name,) = figures.keys() & {"lines", "positions"}
    first, *others = figures[name]
    return {**figures, name: [{**first, "amount": str(Decimal(first["amount"]) + off)}, *others]}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("currency", DIGITS)
@pytest.mark.parametrize("wrong", ["a line", "subtotal", "freight", "tax", "total"])
@pytest.mark.parametrize("step", [1, -1])
def test_i22_a_document_travels_when_its_parts_make_its_figures_and_is_held_a_minor_unit_off(
    build: Builder, number: int, currency: str, wrong: str, step: int
) -> None:
    arena = build()
    with_totals(arena, "subtotal")
    key, figures = given_to_lines(arena, number, currency)
    desk, other = arena.desks("order")[number], arena.desks("order")[1 - number]
    desk.system.edit(desk.object, key, **with_one_wrong(figures, wrong, step, currency))
    arena.sync("order")
    assert other.live() == {}
    assert len(arena.dead("order")) == 1
    desk.system.edit(desk.object, key, **figures)
    arena.sync("order")
    (image,) = other.live()
    assert Decimal(other.get(image)["freight"]) == Decimal(figures["freight"])
    assert arena.dead("order") == []
    desk.edit(key, freight=figure(51, currency), notes="no amount")
    arena.sync("order")
    assert Decimal(other.get(image)["freight"]) == Decimal(figures["freight"])
    assert other.get(image)["notes"] == "no amount"
    assert [unit for unit, _ in arena.conflicts("order")] == ["freight", "lines"]


@given(st.data(), st.sampled_from(sorted(DIGITS)))
def test_i22_what_lines_come_to_is_rounded_where_each_stands_and_makes_the_figures(
    data: st.DataObject, currency: str
) -> None:
    """Half a minor unit goes away from zero, line by line; reckoned here in whole numbers."""
    lines, net = [], 0
    for n in range(data.draw(st.integers(0, 4))):
        quantity, price, discount = (data.draw(st.integers(low, 99_999)) for low in (0, -99_999, 0))
        discount %= 10_001
        # thousandths x hundredths x ten-thousandths of a unit, to minor units
        scaled = quantity * price * (10_000 - discount) * 10 ** DIGITS[currency]
        units = (2 * abs(scaled) + 10**9) // (2 * 10**9) * (1 if scaled > 0 else -1)
        net += units
        values = {
            "quantity": Decimal(quantity) / 1000,
            "unit_price": Money(Decimal(price) / 100, currency),
            "discount_percent": Decimal(discount) / 100,
        }
        lines.append(Line(str(n), None, values))
    freight, tax = data.draw(st.integers(0, 5000)), data.draw(st.integers(-5000, 5000))
    right = {"subtotal": net, "freight": freight, "tax": tax, "total": net + freight + tax}
    shown = {name: Money(Decimal(figure(units, currency)), currency) for name, units in right.items()}
    assert header_problem({**shown, "lines": tuple(lines)}) is None
    for name, step in itertools.product(shown, (1, -1)):
        wrong = Money(Decimal(figure(right[name] + step, currency)), currency)
        assert header_problem({**shown, "lines": tuple(lines), name: wrong}) is not None, name


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("number", [0, 1])
def test_i22_an_order_edited_line_by_line_on_both_sides_sums_to_what_all_edits_make(
    build: Builder, profile: str, number: int
) -> None:
    """One changes quantities, the other prices; one adds a line, the other drops one: both end with the same parts."""
    arena = build(PROFILES[profile], swapped=number == 1)
    company = arena.desks()[number].add(name="Buyer")
    arena.sync()
    texts = [f"line {n}" for n in range(5)]
    first = [line(text, "1", f"{n}.10") for n, text in enumerate(texts)]
    arena.desks("order")[number].add(name="Deal", account=company, lines=first)
    arena.sync("order")
    wanted = {text: (Decimal(1), Decimal(f"{n}.10")) for n, text in enumerate(texts)}
    desks = arena.desks("order")
    keys = [next(iter(desk.live())) for desk in desks]
    for turn in range(4):
        for side, name in enumerate(("quantity", "price")):
            rows = desks[side].get(keys[side])["lines"]
            text, changed = f"line {turn + 1 if side else 4 - turn}", Decimal(f"{turn + 1}.{side + 3}7")
            rows = [{**row, name: str(changed)} if row["text"] == text else row for row in rows]
            if side == turn % 2:
                rows = [row for row in rows if row["text"] != f"line {turn}"]
                wanted.pop(f"line {turn}", None)
            else:
                rows.append(line(f"new {turn}", "2", "0.05"))
                wanted[f"new {turn}"] = (Decimal(2), Decimal("0.05"))
            desks[side].edit(keys[side], lines=rows)
            if text in wanted:
                quantity, price = wanted[text]
                wanted[text] = (changed, price) if side == 0 else (quantity, changed)
        rest(arena, "order")
        for desk, key in zip(desks, keys, strict=True):
            parts = sorted(
                (row["text"], Decimal(row["quantity"]) * Decimal(row["price"])) for row in desk.get(key)["lines"]
            )
            assert parts == sorted((text, quantity * price) for text, (quantity, price) in wanted.items()), turn


@given(CENTS, CENTS, CENTS)
def test_i22_changes_of_both_sides_add_up_to_the_merged_amount(base: Decimal, left: Decimal, right: Decimal) -> None:
    assume(left != right)  # equal ones agree: that is one change, not two
    merged = add_changes(Money(base, "EUR"), Money(left, "EUR"), Money(right, "EUR"))
    assert isinstance(merged, Money)
    assert merged.amount - base == (left - base) + (right - base)


@pytest.mark.parametrize("number", [0, 1])
def test_i22_counters_merged_on_both_sides_keep_every_cent(build: Builder, number: int) -> None:
    arena = build(swapped=number == 1)
    arena.rule("account", credit_limit={"function": "add_changes", "sealed": True})
    left = arena.desks()[0].add(name="Acme", limit="0.10")
    arena.sync()
    right = arena.mates()[left]
    wanted = Decimal("0.10")
    for step in range(1, 8):
        arena.desks()[0].edit(left, limit=str(wanted + Decimal("0.01") * step))
        arena.desks()[1].edit(right, limit=str(wanted - Decimal("0.07") * step))
        wanted += Decimal("0.01") * step - Decimal("0.07") * step
        arena.sync()
        found = arena.desks()[0].get(left)["limit"], arena.desks()[1].get(right)["limit"]
        assert [Decimal(value) for value in found] == [wanted, wanted]
