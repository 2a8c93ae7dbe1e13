"""The standard objects a client of contract §7 touches, with the vendor's field names and limits."""

from __future__ import annotations

from connector.emulators.salesforce.fields import (
    DERIVED,
    READ_ONLY,
    Field,
    address,
    area,
    day,
    flag,
    money,
    phone,
    picklist,
    reference,
    text,
)
from connector.emulators.salesforce.schema import SObject, sobject

STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")
READ_ONLY_CALLS: frozenset[str] = frozenset()


def _owner() -> Field:
    return reference("OwnerId", "User")


def _account() -> SObject:
    return sobject(
        "Account",
        "001",
        (
            text("Name", 255, required=True),
            text("AccountNumber", 40),
            picklist("Type", "Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Other"),
            picklist("Industry", "Construction", "Consulting", "Manufacturing", "Retail", "Technology", "Other"),
            phone("Phone"),
            phone("Fax"),
            Field("Website", "url", length=255),
            reference("ParentId", "Account", "ChildAccounts"),
            *address("Billing"),
            *address("Shipping"),
            money("AnnualRevenue", scale=0),
            Field("NumberOfEmployees", "int", precision=8),
            area("Description", 32000),
            reference("MasterRecordId", "Account", **READ_ONLY),
            _owner(),
        ),
        currency=True,
    )


def _contact() -> SObject:
    return sobject(
        "Contact",
        "003",
        (
            text("LastName", 80, required=True),
            text("FirstName", 40),
            text("Name", 121, **DERIVED),
            reference("AccountId", "Account", "Contacts", on_delete="cascade"),
            Field("Email", "email", length=80),
            phone("Phone"),
            phone("MobilePhone"),
            text("Title", 128),
            text("Department", 80),
            *address("Mailing"),
            area("Description", 32000),
            reference("MasterRecordId", "Contact", **READ_ONLY),
            _owner(),
        ),
        currency=True,
    )


def _product2() -> SObject:
    return sobject(
        "Product2",
        "01t",
        (
            text("Name", 255, required=True),
            text("ProductCode", 255),
            text("StockKeepingUnit", 180),
            area("Description", 4000),
            picklist("Family", "None"),
            flag("IsActive"),
            picklist("QuantityUnitOfMeasure", "Each"),
            text("ExternalId", 255),
        ),
        label="Product",
        currency=True,
    )


def _pricebook2() -> SObject:
    return sobject(
        "Pricebook2",
        "01s",
        (
            text("Name", 255, required=True),
            area("Description", 255),
            flag("IsActive"),
            flag("IsStandard", **READ_ONLY),
        ),
        label="Price Book",
    )


def _pricebook_entry() -> SObject:
    return sobject(
        "PricebookEntry",
        "01u",
        (
            text("Name", 255, **DERIVED),
            text("ProductCode", 255, **DERIVED),
            reference(
                "Pricebook2Id",
                "Pricebook2",
                "PricebookEntries",
                required=True,
                updateable=False,
                parent="Pricebook2",
                on_delete="cascade",
            ),
            reference(
                "Product2Id",
                "Product2",
                "PricebookEntries",
                required=True,
                updateable=False,
                parent="Product2",
                on_delete="cascade",
            ),
            money("UnitPrice", required=True),
            flag("IsActive"),
            flag("UseStandardPrice"),
        ),
        plural="Price Book Entries",
        label="Price Book Entry",
        currency=True,
        currency_fixed=True,
    )


def _opportunity() -> SObject:
    return sobject(
        "Opportunity",
        "006",
        (
            text("Name", 120, required=True),
            reference("AccountId", "Account", "Opportunities", on_delete="cascade"),
            picklist("StageName", *STAGES, required=True),
            day("CloseDate", required=True),
            money("Amount"),
            Field("Probability", "percent", precision=3),
            area("Description", 32000),
            reference("Pricebook2Id", "Pricebook2", parent="Pricebook2", on_delete="restrict"),
            flag("HasOpportunityLineItem", **DERIVED),
            flag("IsClosed", **DERIVED),
            flag("IsWon", **DERIVED),
            _owner(),
        ),
        plural="Opportunities",
        currency=True,
    )


def _opportunity_line_item() -> SObject:
    return sobject(
        "OpportunityLineItem",
        "00k",
        (
            reference(
                "OpportunityId",
                "Opportunity",
                "OpportunityLineItems",
                required=True,
                updateable=False,
                on_delete="cascade",
            ),
            reference("PricebookEntryId", "PricebookEntry", required=True, updateable=False, on_delete="restrict"),
            reference("Product2Id", "Product2", parent="Product2", **DERIVED),
            text("Name", 376, **DERIVED),
            Field("Quantity", "double", precision=12, scale=2, required=True),
            money("UnitPrice"),
            money("ListPrice", **DERIVED),
            money("TotalPrice", **DERIVED),
            day("ServiceDate"),
            text("Description", 255),
        ),
        label="Opportunity Product",
        currency=True,
        currency_fixed=True,
    )


def _contract() -> SObject:
    return sobject(
        "Contract",
        "800",
        (
            reference("AccountId", "Account", "Contracts", required=True, on_delete="restrict"),
            picklist("Status", "Draft", "Activated", default="Draft", restricted=True),
            day("StartDate"),
            Field("ContractTerm", "int", precision=4),
        ),
    )


def _order(statuses: tuple[str, ...]) -> SObject:
    return sobject(
        "Order",
        "801",
        (
            reference("AccountId", "Account", "Orders", required=True, on_delete="restrict"),
            day("EffectiveDate", required=True),
            picklist("Status", *statuses, required=True, restricted=True),
            picklist("StatusCode", "Draft", "Activated", **DERIVED),
            reference("Pricebook2Id", "Pricebook2", "Orders", parent="Pricebook2", on_delete="restrict"),
            reference("ContractId", "Contract", "Orders", on_delete="restrict"),
            text("Name", 80),
            text("OrderReferenceNumber", 80),
            text("PoNumber", 80),
            day("EndDate"),
            money("TotalAmount", **DERIVED),
            text("OrderNumber", 30, auto_number="{00000000}", **READ_ONLY),
            area("Description", 32000),
            *address("Billing"),
            *address("Shipping"),
            Field("ActivatedDate", "datetime", createable=False),
            _owner(),
        ),
        currency=True,
    )


def _order_item() -> SObject:
    return sobject(
        "OrderItem",
        "802",
        (
            reference("OrderId", "Order", "OrderItems", required=True, updateable=False, on_delete="cascade"),
            reference(
                "PricebookEntryId",
                "PricebookEntry",
                "OrderItems",
                required=True,
                updateable=False,
                on_delete="restrict",
            ),
            reference("Product2Id", "Product2", "OrderItems", parent="Product2", **DERIVED),
            Field("Quantity", "double", precision=18, scale=2, required=True),
            money("UnitPrice", required=True),
            money("ListPrice", **DERIVED),
            money("TotalPrice", **DERIVED),
            day("ServiceDate"),
            day("EndDate"),
            text("Description", 255),
            text("OrderItemNumber", 30, auto_number="{0000000000}", **READ_ONLY),
        ),
        label="Order Product",
        currency=True,
        currency_fixed=True,
        calls=frozenset({"create", "update", "delete"}),
    )


def _user() -> SObject:
    return sobject(
        "User",
        "005",
        (
            text("Username", 80, **READ_ONLY),
            text("Name", 121, **READ_ONLY),
            Field("Email", "email", length=128, **READ_ONLY),
            flag("IsActive", **READ_ONLY),
        ),
        calls=READ_ONLY_CALLS,
    )


def _organization() -> SObject:
    return sobject(
        "Organization",
        "00D",
        (
            text("Name", 80, **READ_ONLY),
            picklist("OrganizationType", **READ_ONLY),
            text("InstanceName", 5, **READ_ONLY),
            flag("IsSandbox", **READ_ONLY),
        ),
        calls=READ_ONLY_CALLS,
    )


def _currency_type() -> SObject:
    return sobject(
        "CurrencyType",
        "01L",
        (
            text("IsoCode", 3, **READ_ONLY),
            Field("ConversionRate", "double", precision=18, scale=6, **READ_ONLY),
            Field("DecimalPlaces", "int", precision=1, **READ_ONLY),
            flag("IsActive", **READ_ONLY),
            flag("IsCorporate", **READ_ONLY),
        ),
        calls=READ_ONLY_CALLS,
        label="Currency Type",
    )


def standard_objects(order_statuses: tuple[str, ...], several_currencies: bool) -> list[SObject]:
    """Fresh objects: custom fields are added to them. CurrencyType is there in a multi-currency org only."""
    kinds = [
        _account(),
        _contact(),
        _product2(),
        _pricebook2(),
        _pricebook_entry(),
        _opportunity(),
        _opportunity_line_item(),
        _contract(),
        _order(order_statuses),
        _order_item(),
        _user(),
        _organization(),
    ]
    return [*kinds, _currency_type()] if several_currencies else kinds
