"""An org with several currencies: each price, order and line has its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connector.errors import RejectedError
from connector.model.records import Op, Write

from .org import Org, build, start

numbers = count(1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    folder: Path = tmp_path_factory.mktemp("currencies")
    process, org = start(folder, "--currencies", "EUR,USD")
    yield org
    org.close()
    process.terminate()
    process.wait(10)


def create(adapter: Any, name: str, **body: Any) -> Any:
    write = Write(Op.CREATE, None, json.dumps(body).encode(), None, f"c-{next(numbers)}")
    return adapter.write(name, [write]).outcomes[0]


@pytest.mark.parametrize("currency", [None, "USD"])
def test_a_price_is_kept_in_the_product_s_currency_and_orders_need_one_in_theirs(
    world: Org, currency: str | None
) -> None:
    adapter = build(world.url, currency=currency)
    assert all(finding.ok for finding in adapter.check())
    product = create(adapter, "Product2", Name="Nut", UnitPrice="1.5", CurrencyIsoCode="USD").key
    fields = adapter.read("Product2", [product])[product].fields
    assert (str(fields["UnitPrice"]), fields["CurrencyIsoCode"]) == ("1.5", "USD")
    account = create(adapter, "Account", Name="Buyer", CurrencyIsoCode="USD").key
    body = {"AccountId": account, "EffectiveDate": "2026-03-09"}
    lines = [{"Product2Id": product, "Quantity": 1, "UnitPrice": 2}]
    made = create(adapter, "Order", **body, CurrencyIsoCode="USD", lines=lines)
    assert made.error is None
    shown = adapter.read("Order", [made.key])[made.key].fields
    assert (shown["CurrencyIsoCode"], len(shown["lines"])) == ("USD", 1)
    other = create(adapter, "Order", **body, CurrencyIsoCode="EUR", lines=lines)
    assert isinstance(other.error, RejectedError)
    assert "no price in EUR" in str(other.error)
    adapter.close()
