"""What the adapter for Tryton rests on, asked of the server itself: where it changes its ways, these say so first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import KIND
from .tryton.server import Tryton, coded


def amount(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def created(tryton: Tryton, model: str, body: dict[str, Any], *fields: str) -> dict[str, Any]:
    status, answer = tryton.ask("POST", f"model/{model}?{_asked(fields)}", body)
    assert status == 200, answer
    assert isinstance(answer, dict)
    return answer


def read(tryton: Tryton, model: str, key: int, *fields: str) -> dict[str, Any]:
    status, answer = tryton.ask("GET", f"model/{model}/{key}?{_asked(fields)}")
    assert status == 200, answer
    assert isinstance(answer, dict)
    return answer


def _asked(fields: tuple[str, ...]) -> str:
    return "&".join(f"f={field}" for field in ("id", *fields))


def product(tryton: Tryton, code: str) -> int:
    body = {
        "name": f"Product {code}",
        "type": "service",
        "salable": True,
        "default_uom": tryton.facts["unit"],
        "sale_uom": tryton.facts["unit"],
        "list_price": amount("12.50"),
        "account_category": tryton.facts["category"],
        "products": [["create", [{"suffix_code": code}]]],
    }
    key: int = created(tryton, "product.template", body, "products")["products"][0]
    return key


def sale(tryton: Tryton, reference: str) -> dict[str, Any]:
    """Two lines of 12.50 and 25.00, with tax."""
    buyer = created(
        tryton, "party.party", {"name": "Buyer", "addresses": [["create", [{"city": "Köln"}]]]}, "addresses"
    )
    (address,) = buyer["addresses"]
    item = {
        "product": product(tryton, reference),
        "unit": tryton.facts["unit"],
        "unit_price": amount("12.50"),
        "taxes": [["add", [tryton.facts["taxes"]["19"]]]],
    }
    body = {
        "party": buyer["id"],
        "reference": reference,
        "invoice_address": address,
        "shipment_address": address,
        "lines": [["create", [{**item, "quantity": 1}, {**item, "quantity": 2}]]],
    }
    return created(tryton, "sale.sale", body, "lines", "party", "state", "total_amount", "write_date")


@pytest.mark.parametrize("company", [None, 99], ids=["no company", "a company that is not there"])
def test_without_the_company_prices_are_null_and_the_status_is_200(tryton: Tryton, company: int | None) -> None:
    key = product(tryton, f"NULL-{company}")
    path = f"model/product.product/{key}?f=list_price_used"
    assert tryton.ask("GET", path)[1]["list_price_used"] == amount("12.50")
    status, answer = tryton.ask("GET", path, company=company)
    assert (status, answer["list_price_used"]) == (200, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("model/party.party?f=nope&s=1", 500),
        ("model/no.model?f=id&s=1", 500),
        (f"model/party.party?f=id&s=1&d={coded([['nope', '=', 1]])}", 500),
        ("model/party.party/999999?f=id", 404),
        ("model/ir.model.log?f=id&s=1", 400),
    ],
    ids=["field", "model", "field of a domain", "id", "right"],
)
def test_what_is_not_there_or_not_allowed_has_its_own_status(tryton: Tryton, path: str, status: int) -> None:
    assert tryton.ask("GET", path)[0] == status


def test_a_wrong_key_is_401_and_a_method_that_is_not_public_403(tryton: Tryton) -> None:
    assert tryton.ask("GET", "model/party.party?f=id&s=1", key="wrong")[0] == 401
    assert tryton.ask("POST", f"model/sale.sale/{sale(tryton, 'CLOSED')['id']}/do", {})[0] == 403


def test_a_new_sale_has_no_write_date_and_a_line_written_alone_leaves_its_sale_as_it_was(tryton: Tryton) -> None:
    made = sale(tryton, "STAMPS")
    assert made["write_date"] is None
    line = made["lines"][0]
    status, _ = tryton.ask("PUT", f"model/sale.line/{line}?f=id", {"quantity": 5})
    after = read(tryton, "sale.sale", made["id"], "write_date", "total_amount")
    assert (status, after["write_date"]) == (200, None)
    assert after["total_amount"] != made["total_amount"]
    tryton.ask("PUT", f"model/sale.sale/{made['id']}?f=id", {"lines": [["write", [line], {"quantity": 1}]]})
    assert read(tryton, "sale.sale", made["id"], "write_date")["write_date"] is not None


def test_confirming_a_sale_processes_it_and_its_invoice_can_be_posted(tryton: Tryton) -> None:
    made = sale(tryton, "FLOW")
    for action in ("quote", "confirm"):
        status, answer = tryton.ask("POST", f"model/sale.sale/{made['id']}/{action}?f=state", {})
        assert status == 200, answer
    assert answer["state"] == "confirmed"  # the queue runs after the answer is made
    after = read(tryton, "sale.sale", made["id"], "state", "number", "invoices")
    assert (after["state"], bool(after["number"])) == ("processing", True)
    (invoice,) = after["invoices"]
    status, posted = tryton.ask("POST", f"model/account.invoice/{invoice}/post?f=state&f=total_amount", {})
    assert (status, posted["state"], posted["total_amount"]) == (200, "posted", amount("44.62"))
    owed = read(tryton, "party.party", made["party"], "receivable", "write_date")
    assert owed["receivable"] == amount("44.62")


def test_half_a_cent_goes_to_the_even_neighbour(tryton: Tryton) -> None:
    line = {"type": "line", "quantity": 1, "description": "half a cent"}
    buyer = created(tryton, "party.party", {"name": "Rounding"})["id"]
    for price, shown in (("8.685", "8.68"), ("8.675", "8.68")):
        lines = [["create", [{**line, "unit_price": amount(price)}]]]
        made = created(tryton, "sale.sale", {"party": buyer, "lines": lines}, "total_amount")
        assert made["total_amount"] == amount(shown)


def test_codes_of_active_products_are_unique_and_identifiers_of_parties_are_not(tryton: Tryton) -> None:
    product(tryton, "TWICE")
    template = {"name": "Again", "type": "service", "default_uom": tryton.facts["unit"], "list_price": amount("1")}
    body = {**template, "products": [["create", [{"suffix_code": "TWICE"}]]]}
    status, answer = tryton.ask("POST", "model/product.template?f=id", body)
    assert (status, answer["message"]) == (400, "Code of active product must be unique.")
    same = {"name": "Same", "identifiers": [["create", [{"code": "SAME"}]]]}
    assert created(tryton, "party.party", same)["id"] != created(tryton, "party.party", same)["id"]


def test_creates_at_the_same_time_are_refused_by_a_400_that_is_transient_on_sqlite_only(tryton: Tryton) -> None:
    def create(number: int) -> tuple[int, Any]:
        status, answer = tryton.ask("POST", "model/party.party?f=id", {"name": f"At once {number}"})
        return status, answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(create, range(60)))
    refused = [answer["message"] for status, answer in answers if status == 400]
    stored = tryton.ask("GET", f"model/party.party?f=id&d={coded([['name', 'like', 'At once %']])}")[1]
    assert {status for status, _ in answers} <= {200, 400}
    assert len(stored) == 60 - len(refused)  # what was refused is not there
    assert set(refused) == ({"The code on party must be unique."} if KIND == "sqlite" else set())
