"""What Salesforce insists on beyond single fields: orders, price books, lines (contract §7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.emulators.salesforce.errors import Refusal, refusal
from connector.emulators.salesforce.store import Values

if TYPE_CHECKING:
    from connector.emulators.salesforce.records import Records


def frozen(message: str, *fields: str) -> Refusal:
    return refusal("FIELD_INTEGRITY_EXCEPTION", f"field integrity exception: {message}", *fields)


class Rules:
    """Nothing to insist on. `changes` and `row` may be added to; a Refusal stops the write."""

    def before_create(self, records: Records, row: Values) -> None:
        """The record is complete but for its id."""

    def before_update(self, records: Records, old: Values, changes: Values) -> None:
        """`changes` are what the caller writes."""

    def before_delete(self, records: Records, row: Values) -> None:
        """The record is there and not deleted."""

    def after(self, records: Records, row: Values) -> None:
        """The record was written, or deleted or brought back."""


class ContactRules(Rules):
    """Name is made of the two names."""

    def before_create(self, records: Records, row: Values) -> None:
        row["Name"] = " ".join(filter(None, (row.get("FirstName"), row["LastName"])))

    def before_update(self, records: Records, old: Values, changes: Values) -> None:
        self.before_create(records, view := {**old, **changes})
        changes["Name"] = view["Name"]


class PricebookRules(Rules):
    """The standard price book stays."""

    def before_delete(self, records: Records, row: Values) -> None:
        if row["IsStandard"]:
            raise refusal("DELETE_FAILED", "You can't delete the standard price book.")


class EntryRules(Rules):
    """One price per product, price book and currency; the standard price comes first."""

    def before_create(self, records: Records, row: Values) -> None:
        product = records.row("Product2", row["Product2Id"])
        row["Name"], row["ProductCode"] = product["Name"], product["ProductCode"]
        same = "Product2Id = ? AND Pricebook2Id = ? AND IsDeleted = 0"
        keys = [row["Product2Id"], row["Pricebook2Id"]]
        if "CurrencyIsoCode" in row:
            same += " AND CurrencyIsoCode = ?"
            keys.append(row["CurrencyIsoCode"])
        if records.some("PricebookEntry", same, keys):
            raise refusal("DUPLICATE_VALUE", "This price definition already exists in this price book")
        standard = records.standard_pricebook
        if row["Pricebook2Id"] == standard:
            if row.get("UseStandardPrice"):
                raise frozen("UseStandardPrice (a standard price cannot use the standard price)", "UseStandardPrice")
        elif not records.some("PricebookEntry", same, [keys[0], standard, *keys[2:]]):
            raise refusal(
                "STANDARD_PRICE_NOT_DEFINED", "Before creating a custom price, create a standard price.", "Pricebook2Id"
            )


class OpportunityRules(Rules):
    """Stage decides whether it is closed; products decide the amount and hold the price book."""

    def before_create(self, records: Records, row: Values) -> None:
        row["IsWon"] = int(row["StageName"] == "Closed Won")
        row["IsClosed"] = int(row["StageName"] in ("Closed Won", "Closed Lost"))
        row["HasOpportunityLineItem"] = 0

    def before_update(self, records: Records, old: Values, changes: Values) -> None:
        stage = changes.get("StageName", old["StageName"])
        changes["IsWon"] = int(stage == "Closed Won")
        changes["IsClosed"] = int(stage in ("Closed Won", "Closed Lost"))
        if old["HasOpportunityLineItem"]:
            changes.pop("Amount", None)
            hold_pricebook(old, changes)


def hold_pricebook(old: Values, changes: Mapping[str, Any]) -> None:
    for name in ("Pricebook2Id", "CurrencyIsoCode"):
        if name in changes and changes[name] != old[name]:
            raise frozen(f"{name} (cannot be changed while there are line items)", name)


class LineRules(Rules):
    """Lines take product and list price from the price book entry, and tell their parent the total."""

    def __init__(self, parent: str, field: str, line: str) -> None:
        self.parent, self.field, self.line = parent, field, line

    def before_create(self, records: Records, row: Values) -> None:
        parent = records.row(self.parent, row[self.field])
        self._open(parent)
        entry = records.row("PricebookEntry", row["PricebookEntryId"])
        if parent["Pricebook2Id"] is None and self.parent == "Opportunity":
            records.system_change("Opportunity", parent["Id"], {"Pricebook2Id": entry["Pricebook2Id"]})
        elif parent["Pricebook2Id"] != entry["Pricebook2Id"]:
            raise frozen(
                "PricebookEntryId (pricebook entry is in a different pricebook than the one assigned to the"
                f" {self.parent.lower()})",
                "PricebookEntryId",
            )
        if not entry["IsActive"]:
            raise frozen("PricebookEntryId (pricebook entry is inactive)", "PricebookEntryId")
        if "CurrencyIsoCode" in row:
            if parent["CurrencyIsoCode"] != entry["CurrencyIsoCode"]:
                raise frozen(
                    "PricebookEntryId (currency of the pricebook entry differs from its parent's)", "PricebookEntryId"
                )
            row["CurrencyIsoCode"] = entry["CurrencyIsoCode"]
        row["Product2Id"], row["ListPrice"] = entry["Product2Id"], entry["UnitPrice"]
        if row.get("UnitPrice") is None:
            row["UnitPrice"] = entry["UnitPrice"]
        if "Name" in records.schema.objects[self.line].fields:
            row["Name"] = f"{parent['Name']} {entry['Name']}"[:376]
        row["TotalPrice"] = round(row["Quantity"] * row["UnitPrice"], 2)

    def before_update(self, records: Records, old: Values, changes: Values) -> None:
        self._open(records.row(self.parent, old[self.field]), set(changes))
        quantity = {**old, **changes}["Quantity"]
        if "Quantity" in changes and "UnitPrice" not in changes and records.org.switches.reprice and quantity:
            changes["UnitPrice"] = round(old["TotalPrice"] / quantity, 2)
        changes["TotalPrice"] = round(quantity * {**old, **changes}["UnitPrice"], 2)

    def before_delete(self, records: Records, row: Values) -> None:
        self._open(records.row(self.parent, row[self.field]))

    def _open(self, parent: Values, changes: set[str] | None = None) -> None:
        if parent.get("StatusCode") != "Activated":
            return
        if changes is None:
            raise frozen("OrderId (lines of an activated order cannot be added or removed)", "OrderId")
        locked = sorted(name for name in changes if not name.endswith("__c"))
        if locked:
            raise frozen(f"{locked[0]} (the order is activated)", *locked)

    def after(self, records: Records, row: Values) -> None:
        key = row[self.field]
        parent = records.store.get(records.schema.objects[self.parent], key)
        if parent is None or parent["IsDeleted"]:
            return
        sql = f'SELECT count(*), total(TotalPrice) FROM "{self.line}" WHERE "{self.field}" = ? AND IsDeleted = 0'
        count, total = records.store.rows(sql, (key,))[0]
        total = round(total, 2)
        if self.parent == "Opportunity":
            amount = total if count or parent["HasOpportunityLineItem"] else parent["Amount"]
            records.system_change(self.parent, key, {"Amount": amount, "HasOpportunityLineItem": int(count > 0)})
        elif parent["TotalAmount"] != total:
            records.system_change(self.parent, key, {"TotalAmount": total})


class OrderRules(Rules):
    """Draft, then lines, then activated by a change of Status alone; after that nearly everything is locked."""

    def before_create(self, records: Records, row: Values) -> None:
        row["StatusCode"] = records.org.settings.order_statuses[row["Status"]]
        row["TotalAmount"] = 0.0
        if row["StatusCode"] != "Draft":
            raise frozen("Status (an order is created with a status of the Draft category)", "Status")

    def before_update(self, records: Records, old: Values, changes: Values) -> None:
        code = records.org.settings.order_statuses.get({**old, **changes}["Status"], "")
        changes["StatusCode"] = code
        if old["StatusCode"] == code == "Draft":
            if records.some("OrderItem", "OrderId = ? AND IsDeleted = 0", (old["Id"],)):
                hold_pricebook(old, changes)
            return
        others = [name for name in changes if name not in ("Status", "StatusCode") and not name.endswith("__c")]
        if old["StatusCode"] == "Draft":
            self._activate(records, old, changes)
        elif code == "Draft" and not records.org.switches.edit_activated_orders:
            raise refusal(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id: Edit Activated Orders"
            )
        elif code == "Draft":
            if others:
                raise frozen(f"{others[0]} (only Status can change in this update)", *others)
        else:
            locked = [name for name in others if name not in records.org.switches.edit_activated]
            if locked:
                raise frozen(f"{locked[0]} (the order is activated)", *locked)

    def _activate(self, records: Records, old: Values, changes: Values) -> None:
        others = [name for name in changes if name not in ("Status", "StatusCode")]
        if others:
            raise frozen(f"{others[0]} (an activation changes nothing but Status)", *others)
        if not records.org.switches.activate_orders:
            raise refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id: Activate Orders")
        if not records.some("OrderItem", "OrderId = ? AND IsDeleted = 0", (old["Id"],)):
            raise refusal("FAILED_ACTIVATION", "An order must have at least one product.")
        if old["ContractId"] is not None and records.row("Contract", old["ContractId"])["Status"] != "Activated":
            raise refusal("FAILED_ACTIVATION", "The order's contract must be activated.")
        changes["ActivatedDate"] = records.org.stamp()

    def before_delete(self, records: Records, row: Values) -> None:
        if row["StatusCode"] == "Activated":
            raise refusal("DELETE_FAILED", "An activated order cannot be deleted.")


PLAIN = Rules()
RULES: Mapping[str, Rules] = {
    "Contact": ContactRules(),
    "Pricebook2": PricebookRules(),
    "PricebookEntry": EntryRules(),
    "Opportunity": OpportunityRules(),
    "OpportunityLineItem": LineRules("Opportunity", "OpportunityId", "OpportunityLineItem"),
    "Order": OrderRules(),
    "OrderItem": LineRules("Order", "OrderId", "OrderItem"),
}
