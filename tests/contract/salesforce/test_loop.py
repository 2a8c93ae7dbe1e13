"""The closed loop: a deal won in Salesforce is sold, shipped, billed and paid in the built-in ERP, and shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.ports import Need
from connector.state.vault import new_key
from tests.surface.acceptance import SECRETS, Ended, Server, command

from .org import APP, SECRET, Org, build, start

MAPPINGS = Path(__file__).parents[3] / "mappings"
STATES = ("confirmed", "shipped", "invoiced", "closed", "cancelled")
NEEDS = [
    *(Need("Opportunity", f"ERP_{name}__c", "text") for name in ("Number", "Tracking", "Carrier")),
    Need("Opportunity", "ERP_Status__c", "enum", STATES),
    Need("Opportunity", "ERP_Ship_Date__c", "date"),
    Need("ERP_Invoice__c", "Opportunity__c", "ref", target="Opportunity"),
]
CHANGED = {
    # The built-in ERP wants a currency, of which an account in an org with one currency knows nothing.
    "reference_erp/account.yaml": ("currency: {field: currency, as: currency}", "default: EUR"),
    # The emulated org has an instant where a day is meant.
    "salesforce/balance.yaml": ("as_of: ERP_Balance_As_Of__c", "format: midnight"),
}


@dataclass(slots=True)
class Loop:
    folder: Path
    org: Org
    erp: Server

    def run(self, *words: str) -> Ended:
        ended = command(*words, "-c", str(self.folder / "config.yaml"))
        assert "Traceback" not in ended.text
        assert SECRET not in ended.text
        return ended

    def sync(self) -> None:
        ended = self.run("sync")
        assert ended.code == 0, ended.text

    def one(self, soql: str) -> dict[str, Any]:
        (row,) = self.org.rows(soql)
        return {name: value for name, value in row.items() if name != "attributes"}


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with ExitStack() as stack:
        process, org = start(tmp_path)
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        stack.callback(org.close)
        erp = Server("erp", ":memory:")
        stack.callback(erp.stop)
        adapter = build(org.url)
        assert all(finding.ok for finding in adapter.prepare(NEEDS, make=True))
        adapter.close()
        _configure(tmp_path, org, erp)
        yield Loop(tmp_path, org, erp)


def _configure(folder: Path, org: Org, erp: Server) -> None:
    for name, (row, more) in CHANGED.items():
        text = (MAPPINGS / name).read_text("utf-8").partition("\ntests:")[0]
        changed = f"{row[:-1]}, {more}}}" if row.endswith("}") else row.replace(": ", ": {field: ") + f", {more}}}"
        (folder / "mappings" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "mappings" / name).write_text(text.replace(row, changed) + "\n", "utf-8")
    (folder / "key").write_text(new_key() + "\n")
    syncs = "".join(
        f"  {name}s: {{entity: {name}, between: [crm, erp], settle: 1ms{more}}}\n"
        for name, more in [
            *((name, "") for name in ("account", "contact", "product", "order")),
            *((name, ', direction: "erp -> crm"') for name in ("invoice", "payment", "balance")),
        ]
    )
    auth = f"{{flow: client_credentials, client_id: {APP}, client_secret: {SECRET}}}"
    (folder / "config.yaml").write_text(
        f'state: {{url: "sqlite:///{folder}/state.db", key: "${{file:{folder}/key}}"}}\n'
        "systems:\n"
        f'  crm: {{adapter: salesforce, url: "{org.url}", auth: {auth}, currency: EUR, hold_back: 0, verify: false}}\n'
        f'  erp: {{adapter: reference_erp, url: "{erp.url}", auth: {{token: {SECRETS["connector"]}}}}}\n'
        f"syncs:\n{syncs}",
        encoding="utf-8",
    )


def test_a_won_deal_is_sold_and_paid_in_the_erp_and_what_begins_there_arrives(loop: Loop) -> None:
    org, erp = loop.org, loop.erp
    buyer = org.typed("Account", {"Name": "Quarzwerk GmbH", "BillingCity": "Berlin", "BillingCountry": "Germany"})
    product = org.typed("Product2", {"Name": "Bolt", "ProductCode": "B-1", "IsActive": True})
    book = org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
    priced = {"Product2Id": product, "Pricebook2Id": book, "UnitPrice": "10", "IsActive": True}
    entry = org.typed("PricebookEntry", priced)
    deal = {"StageName": "Closed Won", "CloseDate": "2026-03-01", "AccountId": buyer, "Pricebook2Id": book}
    spring = org.typed("Opportunity", {"Name": "Spring", **deal})
    org.typed(
        "OpportunityLineItem", {"OpportunityId": spring, "PricebookEntryId": entry, "Quantity": 2, "UnitPrice": 10}
    )
    assert loop.run("check").code == 0
    loop.sync()

    (order,) = erp.all("orders")
    (item,) = erp.all("items")
    erp.act("items", item, "receive", quantity="100")
    erp.act("orders", order, "ship", tracking="T-1", carrier="DHL")
    erp.act("orders", order, "invoice")
    (invoice,) = erp.all("invoices")
    erp.act("invoices", invoice, "pay", amount="5.00", reference="P-1")
    customer = erp.create("customers", name="Neu AG", currency="EUR")
    line = {"item": item, "quantity": "3", "price": "9.5"}
    for title in ("First", "Second"):
        erp.create(
            "orders", customer=customer, currency="EUR", title=title, order_date="2026-03-02", lines=[line, line]
        )
    loop.sync()

    shown = loop.one(f"SELECT ERP_Status__c, ERP_Tracking__c, Amount FROM Opportunity WHERE Id = '{spring}'")
    assert shown == {"ERP_Status__c": "invoiced", "ERP_Tracking__c": "T-1", "Amount": 20.0}
    assert loop.one("SELECT Status__c, Balance_Due__c FROM ERP_Invoice__c") == {
        "Status__c": "open",
        "Balance_Due__c": 15.0,
    }
    assert loop.one("SELECT Amount__c, Reference__c FROM ERP_Payment__c") == {"Amount__c": 5.0, "Reference__c": "P-1"}
    assert loop.one(f"SELECT ERP_Balance__c FROM Account WHERE Id = '{buyer}'") == {"ERP_Balance__c": 15.0}
    arrived = org.rows("SELECT Name, Amount FROM Opportunity WHERE Name != 'Spring' ORDER BY Name")
    assert [(one["Name"], one["Amount"]) for one in arrived] == [("First", 57.0), ("Second", 57.0)]

    # Salesforce adds the totals up itself where an org has formulas for it; the emulated one has plain fields.
    for words in (("verify", "accounts", "products", "orders", "payments", "balances"), ("plan",)):
        ended = loop.run(*words)
        assert ended.code == 0, ended.text
