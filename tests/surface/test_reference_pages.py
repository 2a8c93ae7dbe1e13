"""The pages of the built-in CRM and ERP, used as a person would: load a page, fill its form, send it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

with warnings.catch_warnings():
    # The client announces a change of its own dependency when it is imported.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from connector.reference.crm.app import create_app as create_crm
from connector.reference.erp.app import create_app as create_erp
from connector.reference.kit import operations
from connector.reference.kit.app import Application, Settings

HERE = "http://127.0.0.1"
NAME = "Žluťoučký kůň & Söhne <東京>"


class Forms(HTMLParser):
    """The forms of a page with the values a browser would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] = {}
        self._select = ""
        self._area = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.found.setdefault(given.get("action", ""), {})
        elif tag == "input" and "name" in given and (given.get("type") != "checkbox" or "checked" in given):
            self._form[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and (self._select not in self._form or "selected" in given):
            self._form[self._select] = given["value"]
        elif tag == "textarea":
            self._area = given["name"]
            self._form[self._area] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            # A browser drops the first newline of a text area.
            self._form[self._area] += data.removeprefix("\n")


class Person:
    """Someone with a browser."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.service = app.service
        self.client = TestClient(app, base_url=HERE)

    def see(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return str(answer.text)

    def form(self, path: str, action: str = "") -> dict[str, str]:
        return Forms(self.see(path)).found[action or path]

    def send(self, path: str, action: str = "", status: int = 200, /, **typed: str) -> Any:
        """Loads the page, types into the form and sends it."""
        return self.post(action or path, {**self.form(path, action), **typed}, status)

    def post(self, action: str, values: dict[str, str], status: int = 200) -> Any:
        answer = self.client.post(action, data=values)
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def crm() -> Iterator[Person]:
    app = create_crm(Settings(db=":memory:", tokens={}))
    yield Person(app)
    app.close()


@pytest.fixture
def erp() -> Iterator[Person]:
    app = create_erp(Settings(db=":memory:", tokens={}))
    yield Person(app)
    app.close()


@pytest.fixture
def company(crm: Person) -> str:
    return crm.service.create("companies", {"name": "Acme", "currency": "EUR", "phone": "1"}, "connector").id


@pytest.fixture
def deal(crm: Person, company: str) -> str:
    line = {"description": "Pump", "quantity": "2", "unit_price": "100.00", "tax_percent": "19"}
    fields = {"name": "Pumps", "company_id": company, "currency": "EUR", "lines": [line]}
    return crm.service.create("deals", fields, "connector").id


@pytest.fixture
def order(erp: Person) -> str:
    customer = erp.service.create("customers", {"name": "Acme", "currency": "EUR"}, "connector").id
    item = erp.service.create("items", {"code": "P1", "name": "Pump"}, "connector").id
    erp.service.act("items", item, "receive", {"quantity": "10"}, "connector")
    lines = [{"item": item, "quantity": "4", "price": "50.00", "vat_percent": "20"}]
    return erp.service.create("orders", {"customer": customer, "currency": "EUR", "lines": lines}, "connector").id


def test_a_company_is_created_with_any_script_in_its_name(crm: Person) -> None:
    page = crm.send("/companies/new", name=NAME, billing_city="Plzeň", currency="czk").text
    record = crm.service.list("companies")[0]
    assert record.fields["name"] == NAME
    assert record.fields["currency"] == "CZK"
    assert record.created_by == "web"
    assert "&lt;東京&gt;" in page
    assert "<東京>" not in page
    assert "Žluťoučký" in crm.see("/companies?q=žluť")


def test_a_contact_and_a_deal_are_created_from_the_page_of_their_company(crm: Person, company: str) -> None:
    new = [
        found.replace("&amp;", "&") for found in re.findall(r'href="(/\w+/new[^"]*)', crm.see(f"/companies/{company}"))
    ]
    assert new == [f"/{name}/new?company_id={company}&currency=EUR" for name in ("deals", "contacts")]
    contact = {**crm.form(new[1], "/contacts/new"), "last_name": "Núñez"}
    crm.post("/contacts/new", contact)
    typed = {"name": "Big", "lines-0-description": "Pump", "lines-0-quantity": "3", "lines-0-unit_price": "1 250.50"}
    crm.post("/deals/new", {**crm.form(new[0], "/deals/new"), **typed})
    assert crm.service.list("contacts")[0].fields["company_id"] == company
    deal = crm.service.list("deals")[0]
    assert (deal.fields["company_id"], deal.fields["amount"]) == (company, "3751.50")


def test_a_new_line_takes_price_and_tax_of_its_product_when_they_are_left_empty(crm: Person, deal: str) -> None:
    product = {"sku": "S", "name": "Seal", "price": "12.50", "currency": "EUR", "tax_percent": "7"}
    key = crm.service.create("products", product, "connector").id
    crm.send(f"/deals/{deal}", **{"lines-1-product_id": key, "lines-1-quantity": "2"})
    added = crm.service.get("deals", deal).fields["lines"][1]
    assert (added["unit_price"], added["tax_percent"], added["amount"]) == ("12.50", "7", "25.00")
    dollars = crm.service.create("products", {**product, "sku": "D", "currency": "USD"}, "connector").id
    crm.send(f"/deals/{deal}", "", 422, **{"lines-2-product_id": dollars, "lines-2-quantity": "2"})
    crm.send(f"/deals/{deal}", **{"lines-1-tax_percent": ""})
    assert crm.service.get("deals", deal).fields["lines"][1]["tax_percent"] is None


def test_saving_an_untouched_form_writes_nothing(crm: Person, company: str, deal: str) -> None:
    notes = "one\r\ntwo\n\n  three"
    crm.service.update("companies", company, {"notes": notes, "industry": "with\nnewline"}, "connector")
    for path, name, key in ((f"/companies/{company}", "companies", company), (f"/deals/{deal}", "deals", deal)):
        before = crm.service.get(name, key)
        crm.send(path)
        after = crm.service.get(name, key)
        assert (after.version, after.fields) == (before.version, before.fields)


def test_only_what_the_person_changed_is_written(crm: Person, company: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    update = crm.service.update

    def recorded(name: str, key: str, fields: Any, *rest: Any) -> Any:
        sent.append(fields)
        return update(name, key, fields, *rest)

    monkeypatch.setattr(crm.service, "update", recorded)
    crm.send(f"/companies/{company}", phone="+49 40 1", credit_limit="1,500")
    assert sent == [{"phone": "+49 40 1", "credit_limit": "1500"}]
    assert crm.service.get("companies", company).fields["credit_limit"] == "1500.00"


def test_a_deal_is_won_with_the_edits_made_beside_the_button(crm: Person, deal: str) -> None:
    page = crm.send(f"/deals/{deal}", **{"name": "Pumps, two", "lines-0-quantity": "5", "set-stage": "won"}).text
    fields = crm.service.get("deals", deal).fields
    assert (fields["stage"], fields["name"], fields["amount"]) == ("won", "Pumps, two", "595.00")
    assert "595.00 EUR" in page
    assert "Waiting for the ERP" in page


def test_a_deal_shows_the_answer_of_the_erp(crm: Person, company: str, deal: str) -> None:
    answer = {"erp_status": "shipped", "erp_number": "SO-77", "ship_date": "2026-03-01", "tracking": "JD1"}
    crm.service.update("deals", deal, {**answer, "stage": "won"}, "connector")
    bill = {"number": "INV-9", "company_id": company, "deal_id": deal, "status": "open", "currency": "EUR"}
    invoice = crm.service.create("invoices", {**bill, "open_amount": "40.00"}, "connector").id
    paid = {"company_id": company, "invoice_id": invoice, "amount": "60.00", "currency": "EUR"}
    crm.service.create("payments", paid, "connector")
    page = crm.see(f"/deals/{deal}")
    for text in ("SO-77", "2026-03-01", "JD1", "INV-9", "40.00 EUR open", "60.00 EUR"):
        assert text in page


def test_lines_are_added_changed_and_removed_and_the_others_keep_their_identity(crm: Person, deal: str) -> None:
    path = f"/deals/{deal}"
    first = crm.service.get("deals", deal).fields["lines"][0]["id"]
    crm.send(path, **{"lines-1-description": "Seal", "lines-1-quantity": "1", "lines-1-unit_price": "9.90"})
    crm.send(path, **{"lines-1-quantity": "7"})
    lines = crm.service.get("deals", deal).fields["lines"]
    assert [line["quantity"] for line in lines] == ["2", "7"]
    assert lines[0]["id"] == first
    crm.send(path, **{"lines-0-remove": "yes"})
    assert [line["description"] for line in crm.service.get("deals", deal).fields["lines"]] == ["Seal"]


def test_a_mistake_is_shown_at_its_field_and_nothing_typed_is_lost(crm: Person, company: str) -> None:
    path = f"/companies/{company}"
    answer = crm.send(path, "", 422, credit_limit="much", notes="a long\nstory")
    assert re.search(r'id="credit_limit-help"><span class="err">Must be a number', answer.text)
    form = Forms(answer.text).found[path]
    assert (form["credit_limit"], form["notes"]) == ("much", "a long\nstory")
    crm.post(path, {**form, "credit_limit": "5"})
    fields = crm.service.get("companies", company).fields
    assert (fields["credit_limit"], fields["notes"]) == ("5.00", "a long\nstory")


@pytest.mark.parametrize("was", ["", "[", "[]", "{}", "[" * 9000, '{"texts": [], "lines": 1}'])
def test_a_damaged_form_is_refused_or_saved_whole_but_never_breaks(crm: Person, company: str, was: str) -> None:
    path = f"/companies/{company}"
    crm.post(path, {**crm.form(path), "was": was, "phone": "2"})
    fields = crm.service.get("companies", company).fields
    assert (fields["name"], fields["phone"]) == ("Acme", "2")
    assert crm.client.post(path, content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code == 400
    crm.post(path, {"was": was, "version": "9" * 99, "name": "\x00"}, 200)


def test_a_mistake_in_a_line_is_shown_in_that_line(crm: Person, deal: str) -> None:
    typed = {"lines-1-description": "Seal", "lines-1-quantity": "few", "lines-1-unit_price": "1"}
    answer = crm.send(f"/deals/{deal}", "", 422, **typed)
    assert 'id="lines-1-quantity-help"><span class="err">Must be a number' in answer.text
    assert Forms(answer.text).found[f"/deals/{deal}"]["lines-1-description"] == "Seal"


def test_a_stale_form_comes_back_with_the_input_and_the_values_of_the_others(crm: Person, company: str) -> None:
    path = f"/companies/{company}"
    form = crm.form(path)
    crm.service.update("companies", company, {"email": "new@acme.example", "phone": "theirs"}, "connector")
    answer = crm.post(path, {**form, "phone": "mine", "website": "acme.example"}, 409)
    assert "connector changed this company" in answer.text
    assert "Stored now: theirs" in answer.text
    again = Forms(answer.text).found[path]
    assert (again["phone"], again["email"], again["website"]) == ("mine", "new@acme.example", "acme.example")
    assert crm.service.get("companies", company).fields["phone"] == "theirs"
    crm.post(path, again)
    fields = crm.service.get("companies", company).fields
    assert (fields["phone"], fields["email"], fields["website"]) == ("mine", "new@acme.example", "acme.example")


def test_a_change_that_arrives_while_a_mistake_is_corrected_is_still_noticed(crm: Person, company: str) -> None:
    path = f"/companies/{company}"
    wrong = crm.send(path, "", 422, credit_limit="much", phone="mine")
    crm.service.update("companies", company, {"phone": "theirs"}, "connector")
    answer = crm.post(path, {**Forms(wrong.text).found[path], "credit_limit": "5"}, 409)
    assert "Stored now: theirs" in answer.text


def test_input_for_a_record_that_was_deleted_meanwhile_is_shown_to_copy(crm: Person, company: str) -> None:
    path = f"/companies/{company}"
    form = crm.form(path)
    crm.service.delete("companies", company, "connector")
    answer = crm.post(path, {**form, "notes": "dear words"}, 410)
    assert "dear words" in answer.text
    assert "not saved" in answer.text


def test_an_order_goes_from_shipping_to_paid_through_its_forms(erp: Person, order: str) -> None:
    path = f"/orders/{order}"
    erp.send(path, f"{path}/ship", **{"ship-tracking": "JD99", "ship-carrier": "DHL", "ship-date": "2026-03-01"})
    fields = erp.service.get("orders", order).fields
    assert (fields["state"], fields["tracking"], fields["ship_date"]) == ("shipped", "JD99", "2026-03-01")
    assert erp.service.list("items")[0].fields["stock"] == "6"
    answer = erp.send(path, f"{path}/invoice", **{"invoice-due_days": "10", "invoice-date": "2026-03-02"})
    invoice = erp.service.list("invoices")[0]
    bill = f"/invoices/{invoice.id}"
    assert str(answer.url) == f"{HERE}{bill}"
    assert invoice.fields["due"] == "2026-03-12"
    assert erp.form(bill, f"{bill}/pay")["pay-amount"] == "240.00"
    part = erp.send(bill, f"{bill}/pay", **{"pay-amount": "40", "pay-method": "transfer"}).text
    assert "200.00 EUR" in part
    assert f"{bill}/void" not in part
    erp.send(bill, f"{bill}/pay")
    assert erp.service.get("orders", order).fields["state"] == "closed"
    customer = erp.see(f"/customers/{erp.service.list('customers')[0].id}")
    for text in ("-200.00 EUR", "-40.00 EUR", "240.00 EUR", "Ledger"):
        assert text in customer


def test_a_refused_action_says_why_and_keeps_what_was_typed(erp: Person, order: str) -> None:
    path = f"/orders/{order}"
    answer = erp.send(path, f"{path}/ship", 422, **{"ship-date": "tomorrow", "ship-tracking": "JD7"})
    assert re.search(r'id="ship-date-help"><span class="err">Must be a date', answer.text)
    assert Forms(answer.text).found[f"{path}/ship"]["ship-tracking"] == "JD7"
    item = erp.service.list("items")[0].id
    erp.send(f"/items/{item}", f"/items/{item}/receive", **{"receive-quantity": "-9"})
    assert "stock" in erp.send(path, f"{path}/ship", 409).text
    assert erp.service.get("orders", order).fields["state"] == "confirmed"


def test_an_order_that_was_shipped_meanwhile_says_which_input_is_too_late(erp: Person, order: str) -> None:
    path = f"/orders/{order}"
    form = erp.form(path)
    erp.service.act("orders", order, "ship", {}, "connector")
    answer = erp.post(path, {**form, "lines-0-quantity": "9", "remarks": "hurry"}, 409)
    assert "No longer open to change: Lines." in answer.text
    assert Forms(answer.text).found[path]["remarks"] == "hurry"


def test_an_order_is_cancelled_and_an_invoice_voided(erp: Person, order: str) -> None:
    erp.service.act("orders", order, "ship", {}, "connector")
    bill = f"/invoices/{erp.service.act('orders', order, 'invoice', {}, 'connector').id}"
    erp.send(bill, f"{bill}/void")
    assert erp.service.get("orders", order).fields["state"] == "shipped"
    assert "was taken back" in erp.see(bill)
    fields = {**erp.service.get("orders", order).fields}
    given = {name: fields[name] for name in ("customer", "currency")}
    other = f"/orders/{erp.service.create('orders', given, 'connector').id}"
    erp.send(other, f"{other}/cancel")
    assert "was cancelled" in erp.see(other)


def test_nothing_is_shipped_into_a_closed_period(erp: Person, order: str) -> None:
    erp.send("/periods", closed_until="2026-06-30")
    assert "closed up to <strong" in erp.see("/periods")
    path = f"/orders/{order}"
    assert "closed period" in erp.send(path, f"{path}/ship", 409, **{"ship-date": "2026-06-30"}).text
    assert "Must be a date" in erp.send("/periods", "", 422, closed_until="2026-02-31").text


def test_a_merged_record_leads_to_the_one_that_stayed(crm: Person, company: str) -> None:
    other = crm.service.create("companies", {"name": "Acme again"}, "connector").id
    crm.service.merge("companies", company, other, "connector")
    assert str(crm.client.get(f"/companies/{other}").url) == f"{HERE}/companies/{company}"


def test_a_record_is_deleted_on_its_page_unless_others_need_it(crm: Person, company: str, deal: str) -> None:
    form = {**crm.form(f"/companies/{company}"), "notes": "mine"}
    refused = crm.post(f"/companies/{company}/delete", form, 409)
    assert "Not deleted" in refused.text
    assert Forms(refused.text).found[f"/companies/{company}"]["notes"] == "mine"
    crm.service.update("deals", deal, {"notes": "theirs"}, "connector")
    crm.post(f"/deals/{deal}/delete", {**crm.form(f"/deals/{deal}"), "version": "1"}, 409)
    crm.post(f"/deals/{deal}/delete", crm.form(f"/deals/{deal}"))
    assert "was deleted" in crm.see(f"/deals/{deal}", 410)


def test_a_list_of_choices_too_long_to_show_becomes_a_search(crm: Person, deal: str) -> None:
    with crm.service.write("connector") as tx:
        for number in range(205):
            operations.create(tx, crm.service.type("companies"), {"name": f"Firm {number:03}"})
    page = crm.see(f"/deals/{deal}")
    assert 'value="Acme (C-1)"' in page
    assert crm.client.get("/ui/options/companies?q=firm 204").json() == ["Firm 204 (C-206)"]
    crm.send(f"/deals/{deal}")
    assert crm.service.get("deals", deal).version == 1
    crm.send(f"/deals/{deal}", company_id="Firm 204 (C-206)")
    assert crm.service.get("deals", deal).fields["company_id"] == "C-206"
