"""Orders, price books, opportunities: the rules beyond single fields."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_org import OrgClient, Shop, record

from connector.emulators.salesforce import Settings, create_app

FROZEN = "FIELD_INTEGRITY_EXCEPTION"


def activate(shop: Shop, order: str, **more: Any) -> Any:
    return shop.org.patch(f"sobjects/Order/{order}", {"Status": "Activated", **more})


@pytest.fixture
def active(shop: Shop) -> str:
    """An activated order of one line."""
    order = shop.order(ERP_Id__c="1")
    shop.line(order, ERP_Line_Id__c="1-1")
    assert activate(shop, order).status == 204
    return order


def test_an_order_goes_from_draft_to_activated(shop: Shop, active: str) -> None:
    read = shop.org.read("Order", active)
    assert (read["Status"], read["StatusCode"], read["TotalAmount"]) == ("Activated", "Activated", 10.0)
    assert read["OrderNumber"] == "00000001"
    assert read["ActivatedDate"] is not None


def test_an_order_is_not_created_activated(shop: Shop) -> None:
    fields = {"AccountId": shop.account, "EffectiveDate": "2026-11-01", "Status": "Activated"}
    assert shop.org.post("sobjects/Order", fields).code == FROZEN


def test_an_activation_changes_nothing_else(shop: Shop) -> None:
    order = shop.order()
    shop.line(order)
    answer = activate(shop, order, PoNumber="7")
    assert (answer.code, answer.json[0]["fields"]) == (FROZEN, ["PoNumber"])


def test_an_activation_needs_a_line(shop: Shop) -> None:
    assert activate(shop, shop.order()).code == "FAILED_ACTIVATION"


def test_an_activation_needs_an_active_contract(shop: Shop) -> None:
    contract = shop.org.make("Contract", AccountId=shop.account)
    order = shop.order(ContractId=contract)
    shop.line(order)
    assert activate(shop, order).code == "FAILED_ACTIVATION"
    shop.org.patch(f"sobjects/Contract/{contract}", {"Status": "Activated"})
    assert activate(shop, order).status == 204


def test_an_activation_needs_the_permission(shop: Shop) -> None:
    order = shop.order()
    shop.line(order)
    shop.org.switch(activate_orders=False)
    answer = activate(shop, order)
    assert (answer.status, answer.code) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")


@pytest.mark.parametrize(
    ("name", "value"),
    [("EffectiveDate", "2026-12-01"), ("PoNumber", "7"), ("Pricebook2Id", None), ("Description", "later")],
)
def test_an_activated_order_is_locked(shop: Shop, active: str, name: str, value: str | None) -> None:
    answer = shop.org.patch(f"sobjects/Order/{active}", {name: value})
    assert (answer.code, answer.json[0]["fields"]) == (FROZEN, [name])


def test_custom_fields_of_an_activated_order_can_change(shop: Shop, active: str) -> None:
    assert shop.org.patch(f"sobjects/Order/{active}", {"ERP_Id__c": "2"}).status == 204
    shop.org.switch(edit_activated=["PoNumber"])
    assert shop.org.patch(f"sobjects/Order/{active}", {"PoNumber": "7"}).status == 204


def test_lines_of_an_activated_order_are_frozen(shop: Shop, active: str) -> None:
    line = shop.org.rows("SELECT Id FROM OrderItem")[0]["Id"]
    new = {"OrderId": active, "PricebookEntryId": shop.entry, "Quantity": 1, "UnitPrice": 1}
    assert shop.org.post("sobjects/OrderItem", new).code == FROZEN
    assert shop.org.delete(f"sobjects/OrderItem/{line}").code == FROZEN
    assert shop.org.patch(f"sobjects/OrderItem/{line}", {"Quantity": 1}).code == FROZEN
    assert shop.org.patch(f"sobjects/OrderItem/{line}", {"ERP_Line_Id__c": "2"}).status == 204


def test_an_activated_order_is_not_deleted(shop: Shop, active: str) -> None:
    assert shop.org.delete(f"sobjects/Order/{active}").code == "DELETE_FAILED"
    assert shop.org.delete(f"sobjects/Account/{shop.account}").code == "DELETE_FAILED"


def test_the_way_back_to_draft_needs_the_permission(shop: Shop, active: str) -> None:
    path = f"sobjects/Order/{active}"
    assert shop.org.patch(path, {"Status": "Draft"}).code == "INSUFFICIENT_ACCESS_OR_READONLY"
    shop.org.switch(edit_activated_orders=True)
    assert shop.org.patch(path, {"Status": "Draft", "PoNumber": "7"}).code == FROZEN
    assert shop.org.patch(path, {"Status": "Draft"}).status == 204
    assert shop.org.patch(path, {"PoNumber": "7"}).status == 204


def test_statuses_have_the_names_the_org_gave_them() -> None:
    statuses = {"Entwurf": "Draft", "Freigegeben": "Activated", "Geliefert": "Activated"}
    with pytest.raises(ValueError, match="Draft or Activated"):
        create_app(Settings(order_statuses={"Draft": "Open"}))
    app = create_app(Settings(order_statuses=statuses))
    assert app.org.schema.objects["Order"].fields["Status"].choices == tuple(statuses)
    app.close()


def test_the_price_book_is_frozen_by_lines(shop: Shop) -> None:
    order = shop.order()
    other = shop.org.make("Pricebook2", Name="Retail", IsActive=True)
    assert shop.org.patch(f"sobjects/Order/{order}", {"Pricebook2Id": other}).status == 204
    assert shop.org.patch(f"sobjects/Order/{order}", {"Pricebook2Id": shop.pricebook}).status == 204
    shop.line(order)
    assert shop.org.patch(f"sobjects/Order/{order}", {"Pricebook2Id": other}).code == FROZEN


@pytest.mark.parametrize("case", ["no price book", "other price book", "inactive"])
def test_a_line_takes_its_price_from_the_orders_price_book(shop: Shop, case: str) -> None:
    entry, order = shop.entry, shop.order(Pricebook2Id=None if case == "no price book" else shop.pricebook)
    if case == "other price book":
        entry = shop.price(shop.org.make("Pricebook2", Name="Retail", IsActive=True), 3)
    if case == "inactive":
        shop.org.patch(f"sobjects/PricebookEntry/{entry}", {"IsActive": False})
    fields = {"OrderId": order, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    answer = shop.org.post("sobjects/OrderItem", fields)
    assert (answer.code, answer.json[0]["fields"]) == (FROZEN, ["PricebookEntryId"])


def test_a_line_knows_its_product_and_keeps_the_total(shop: Shop) -> None:
    order = shop.order()
    line = shop.line(order, Quantity=3, UnitPrice=1.5)
    read = shop.org.read("OrderItem", line)
    assert [read[name] for name in ("Product2Id", "ListPrice", "TotalPrice")] == [shop.product, 2.5, 4.5]
    shop.org.delete(f"sobjects/OrderItem/{line}")
    assert shop.org.read("Order", order)["TotalAmount"] == 0


def test_a_line_moves_the_time_of_its_order(shop: Shop) -> None:
    order = shop.order()
    before = shop.org.read("Order", order)
    shop.org.clock.advance(seconds=5)
    shop.line(order)
    after = shop.org.read("Order", order)
    assert after["SystemModstamp"] > before["SystemModstamp"]
    assert after["LastModifiedDate"] == before["LastModifiedDate"]


def test_a_new_quantity_alone_changes_the_price(shop: Shop) -> None:
    line = shop.line(shop.order(), Quantity=4, UnitPrice=2.5)
    shop.org.patch(f"sobjects/OrderItem/{line}", {"Quantity": 5})
    assert shop.org.read("OrderItem", line)["UnitPrice"] == 2.0
    shop.org.patch(f"sobjects/OrderItem/{line}", {"Quantity": 4, "UnitPrice": 2.5})
    assert shop.org.read("OrderItem", line)["TotalPrice"] == 10.0
    shop.org.switch(reprice=False)
    shop.org.patch(f"sobjects/OrderItem/{line}", {"Quantity": 5})
    assert shop.org.read("OrderItem", line)["UnitPrice"] == 2.5


@pytest.mark.parametrize("name", ["OrderId", "PricebookEntryId", "TotalPrice", "Product2Id"])
def test_some_fields_of_a_line_are_set_once(shop: Shop, name: str) -> None:
    line = shop.line(shop.order())
    assert shop.org.patch(f"sobjects/OrderItem/{line}", {name: None}).code == "INVALID_FIELD_FOR_INSERT_UPDATE"


# price books


def test_a_custom_price_needs_a_standard_one(org: OrgClient) -> None:
    product = org.make("Product2", Name="Nut")
    book = org.make("Pricebook2", Name="Retail")
    entry = {"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 1}
    assert org.post("sobjects/PricebookEntry", entry).code == "STANDARD_PRICE_NOT_DEFINED"
    standard = org.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
    first = org.post("sobjects/PricebookEntry", {**entry, "Pricebook2Id": standard, "UseStandardPrice": True})
    assert first.code == FROZEN
    org.make("PricebookEntry", **{**entry, "Pricebook2Id": standard})
    key = org.make("PricebookEntry", **entry)
    assert org.read("PricebookEntry", key)["Name"] == "Nut"
    assert org.post("sobjects/PricebookEntry", entry).code == "DUPLICATE_VALUE"


def test_the_standard_price_book_stays(shop: Shop) -> None:
    assert shop.org.delete(f"sobjects/Pricebook2/{shop.pricebook}").code == "DELETE_FAILED"


def test_a_product_that_was_sold_stays(shop: Shop) -> None:
    shop.line(shop.order())
    assert shop.org.delete(f"sobjects/Product2/{shop.product}").code == "DELETE_FAILED"
    assert shop.org.read("Product2", shop.product)["IsDeleted"] is False


def test_new_products_are_inactive(org: OrgClient) -> None:
    assert org.read("Product2", org.make("Product2", Name="P"))["IsActive"] is False


# several currencies


def test_prices_are_per_currency(euro_org: OrgClient) -> None:
    shop = Shop(euro_org)
    assert euro_org.read("PricebookEntry", shop.entry)["CurrencyIsoCode"] == "EUR"
    dollar = shop.price(shop.pricebook, 3, CurrencyIsoCode="USD")
    order = shop.order(CurrencyIsoCode="USD")
    wrong = {"OrderId": order, "PricebookEntryId": shop.entry, "Quantity": 1, "UnitPrice": 1}
    assert euro_org.post("sobjects/OrderItem", wrong).code == FROZEN
    line = shop.line(order, PricebookEntryId=dollar)
    assert euro_org.read("OrderItem", line)["CurrencyIsoCode"] == "USD"
    assert euro_org.patch(f"sobjects/Order/{order}", {"CurrencyIsoCode": "EUR"}).code == FROZEN
    fields = {"Name": "A", "CurrencyIsoCode": "GBP"}
    assert euro_org.post("sobjects/Account", fields).code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert [row["IsoCode"] for row in euro_org.rows("SELECT IsoCode FROM CurrencyType ORDER BY IsoCode")] == [
        "EUR",
        "USD",
    ]


def test_an_org_of_one_currency_knows_none(org: OrgClient) -> None:
    assert org.post("sobjects/Account", {"Name": "A", "CurrencyIsoCode": "EUR"}).code == "INVALID_FIELD"
    assert org.query("SELECT Id FROM CurrencyType").code == "INVALID_TYPE"


# opportunities


def test_products_decide_the_amount_of_an_opportunity(shop: Shop) -> None:
    org = shop.org
    key = org.make("Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-12-01", Amount=5)
    org.make("OpportunityLineItem", OpportunityId=key, PricebookEntryId=shop.entry, Quantity=2)
    org.patch(f"sobjects/Opportunity/{key}", {"Amount": 99, "StageName": "Closed Won"})
    read = org.read("Opportunity", key)
    shown = [read[name] for name in ("Amount", "Pricebook2Id", "HasOpportunityLineItem", "IsClosed", "IsWon")]
    assert shown == [5.0, shop.pricebook, True, True, True]
    other = org.make("Pricebook2", Name="Retail")
    assert org.patch(f"sobjects/Opportunity/{key}", {"Pricebook2Id": other}).code == FROZEN


# custom objects


def test_the_objects_an_erp_needs_are_there(shop: Shop) -> None:
    org = shop.org
    invoice = org.make("ERP_Invoice__c", ERP_Id__c="I1", Account__c=shop.account, Total__c=10)
    line = record("ERP_Invoice_Line__c", ERP_Id__c="I1-1", Invoice__r={"ERP_Id__c": "I1"}, Quantity__c=2.5)
    org.collection("PATCH", "composite/sobjects/ERP_Invoice_Line__c/ERP_Id__c", line)
    rows = org.rows(
        "SELECT Name, Account__r.Name, (SELECT Quantity__c FROM Lines__r) FROM ERP_Invoice__c WHERE ERP_Id__c = 'I1'"
    )
    assert (rows[0]["Name"], rows[0]["Account__r"]["Name"]) == ("EI-00000001", "Acme")
    assert rows[0]["Lines__r"]["records"][0]["Quantity__c"] == 2.5
    org.delete(f"sobjects/ERP_Invoice__c/{invoice}")
    assert org.rows("SELECT Id FROM ERP_Invoice_Line__c") == []
    fields = {"ERP_Id__c": "I2-1"}
    assert org.post("sobjects/ERP_Invoice_Line__c", fields).code == "REQUIRED_FIELD_MISSING"
