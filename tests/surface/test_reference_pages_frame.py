"""The frame of the pages of the built-in systems: who may ask, headers, errors, lists, and following changes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

with warnings.catch_warnings():
    # The client announces a change of its own dependency when it is imported.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from connector.reference.crm.app import create_app as create_crm
from connector.reference.erp.app import create_app as create_erp
from connector.reference.kit.app import Application, Settings
from connector.reference.kit.service import Service

HERE = "http://127.0.0.1"


@dataclass
class Pages:
    """The pages of one system, and the service behind them."""

    app: Application
    client: TestClient

    @property
    def service(self) -> Service:
        return self.app.service


def see(pages: Pages, path: str, status: int = 200) -> str:
    answer = pages.client.get(path)
    assert answer.status_code == status, answer.text
    return str(answer.text)


def version(pages: Pages, path: str) -> str:
    return str(pages.client.get(f"/ui/version{path}").json()["version"])


@pytest.fixture
def crm() -> Iterator[Pages]:
    app = create_crm(Settings(db=":memory:", tokens={}))
    yield Pages(app, TestClient(app, base_url=HERE))
    app.close()


@pytest.fixture
def erp() -> Iterator[Pages]:
    app = create_erp(Settings(db=":memory:", tokens={}))
    yield Pages(app, TestClient(app, base_url=HERE))
    app.close()


@pytest.fixture
def company(crm: Pages) -> str:
    return crm.service.create("companies", {"name": "Acme", "currency": "EUR"}, "connector").id


@pytest.fixture
def deal(crm: Pages, company: str) -> str:
    return crm.service.create("deals", {"name": "Pumps", "company_id": company}, "connector").id


def test_an_open_page_learns_of_changes_to_what_it_shows_and_of_nothing_else(crm: Pages, company: str) -> None:
    path = f"/companies/{company}"
    shown = re.search(r'data-version="(\w+)"', see(crm, path))
    assert shown is not None
    assert version(crm, path) == shown[1]
    crm.service.create("companies", {"name": "Other"}, "connector")
    crm.service.create("products", {"sku": "1", "name": "Other"}, "connector")
    assert version(crm, "/products") != version(crm, "/companies")
    crm.service.update("companies", company, {"open_balance": "9.00", "balance_currency": "EUR"}, "connector")
    moved = version(crm, path)
    assert moved != shown[1]
    crm.service.create("deals", {"name": "New", "company_id": company}, "connector")
    assert version(crm, path) not in (moved, shown[1])
    crm.service.delete("companies", crm.service.create("companies", {"name": "Gone"}, "connector").id, "connector")
    assert version(crm, "/companies/C-3") == "410"


def test_the_version_of_a_page_stays_while_records_it_does_not_show_change(crm: Pages, deal: str) -> None:
    path = f"/deals/{deal}"
    before = version(crm, path)
    crm.service.create("deals", {"name": "Other", "company_id": "C-1"}, "connector")
    assert version(crm, path) == before
    crm.service.create("products", {"sku": "1", "name": "Pump"}, "connector")
    assert version(crm, path) != before, "one product more can be chosen"


def test_long_lists_go_on_at_the_next_page(crm: Pages) -> None:
    for number in range(51):
        crm.service.create("products", {"sku": str(number), "name": f"Product {number}"}, "connector")
    first = see(crm, "/products")
    more = re.search(r'href="(/products\?[^"]+)">Show more', first)
    assert more is not None
    assert "Product 0<" not in first
    assert "Product 0<" in see(crm, more[1].replace("&amp;", "&"))


SECTIONS = {
    "crm": ("companies", "contacts", "deals", "products", "invoices", "payments"),
    "erp": ("customers", "orders", "items", "invoices", "payments", "persons", "periods"),
}


@pytest.mark.parametrize("system", ["crm", "erp"])
def test_empty_pages_say_what_to_do_and_keep_the_policy(system: str, request: pytest.FixtureRequest) -> None:
    pages: Pages = request.getfixturevalue(system)
    for path in ("", *SECTIONS[system], "no/such/page", "companies/C-9", "ui/static/style.css", "ui/version/x"):
        answer = pages.client.get(f"/{path}")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        if path in ("", *SECTIONS[system]):
            assert answer.status_code == 200
            assert f'class="{system}"' in answer.text
            assert not re.search(r"<script(?! src)|<style|\sstyle=|\son\w+=|https?://", answer.text)
            assert 'class="empty"' in answer.text or path in ("periods", "")
        elif path.startswith(("no", "ui/version")):
            assert answer.status_code == 404


def test_what_is_not_there_is_said_on_a_page(crm: Pages) -> None:
    assert "There is no page at /nope" in see(crm, "/nope", 404)
    assert "C-77 does not exist" in see(crm, "/companies/C-77", 404)
    assert "is not an id" in see(crm, "/companies?after=x", 400)
    assert crm.client.post("/companies/C-77", data={"name": "x"}).status_code == 404
    assert crm.client.get("/api/nope").headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_a_form_from_another_site_is_refused(crm: Pages, company: str, headers: dict[str, str]) -> None:
    form = {"name": "Acme", "phone": "changed", "version": "1"}
    assert crm.client.post(f"/companies/{company}", data=form, headers=headers).status_code == 403
    assert crm.service.get("companies", company).version == 1
    own = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    assert crm.client.post(f"/companies/{company}", data=form, headers=own).status_code == 200
    assert crm.service.get("companies", company).version == 2


def test_pages_answer_only_under_a_name_of_this_machine(crm: Pages) -> None:
    for host, status in (("localhost:1", 200), ("[::1]:1", 200), ("crm.localhost", 200), ("evil.example", 403)):
        assert crm.client.get("/companies", headers={"Host": host}).status_code == status


def test_the_other_system_is_linked_once_its_address_is_known(
    crm: Pages, erp: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Open the" not in see(crm, "/")
    crm.app.site.state.peer_url = "http://127.0.0.1:4711/"
    assert '<a class="peer" href="http://127.0.0.1:4711/"' in see(crm, "/")
    monkeypatch.setenv("CONNECTOR_PEER_URL", "javascript:alert(1)")
    assert "Open the" not in see(erp, "/")
    monkeypatch.setenv("CONNECTOR_PEER_URL", "http://127.0.0.1:4712/")
    assert "Open the CRM" in see(erp, "/")


def test_figures_of_the_front_page_are_exact_per_currency(crm: Pages, company: str) -> None:
    for currency, price in (("EUR", "0.10"), ("EUR", "0.20"), ("USD", "12345.60"), ("JPY", "7")):
        lines = [{"quantity": "1", "unit_price": price}]
        fields = {"name": "x", "company_id": company, "currency": currency, "lines": lines, "stage": "won"}
        crm.service.create("deals", fields, "connector")
    assert "12,345.60 USD, 7 JPY, 0.30 EUR" in see(crm, "/")
