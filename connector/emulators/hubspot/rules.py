"""What single object types ask of their values beyond the type of each property (contract 8)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.definitions import LIFECYCLE
from connector.emulators.hubspot.pipelines import PIPELINES, PROPERTIES, stages_of
from connector.emulators.hubspot.problems import Failure, HubSpotError, invalid, invalid_properties

BY_HAND = ("", "none")
"""Values of `hs_processor_type` of payments that no processor made."""


def complete(kind: ObjectType, before: Mapping[str, str] | None, after: dict[str, str]) -> None:
    """Check the values a record is about to have, and fill those that follow. before: None for a new record.

    Raises HubSpotError 400.
    """
    if kind.name in PIPELINES:
        _check_stage(kind, before or {}, after)
    match kind.name:
        case "companies" | "contacts":
            _keep_lifecycle(before or {}, after)
        case "line_items":
            _compute_amount(after)
        case "invoices":
            if before is None:
                after.setdefault("hs_invoice_status", "draft")
                after.setdefault("hs_invoice_billable", "true")
        case "commerce_payments":
            if before is not None and before.get("hs_processor_type", "").lower() not in BY_HAND:
                raise invalid("Payments made by a payment processor are read only.", "READ_ONLY_OBJECT")


def _check_stage(kind: ObjectType, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    pipeline, stage = PROPERTIES[kind.name]
    if all(before.get(name) == after.get(name) for name in (pipeline, stage)):
        return
    if pipeline in after and after[pipeline] not in {known.id for known in PIPELINES[kind.name]}:
        raise _invalid_option(pipeline, after[pipeline])
    if stage in after and after[stage] not in stages_of(kind.name, after.get(pipeline)):
        raise _invalid_option(stage, after[stage])


def _invalid_option(name: str, value: str) -> HubSpotError:
    return invalid_properties([Failure(name, "INVALID_OPTION", f"{value[:100]} was not one of the allowed options.")])


def _keep_lifecycle(before: Mapping[str, str], after: dict[str, str]) -> None:
    """The stage of life goes forward only; a step back is left out without a word, unless it was cleared before."""
    old, new = before.get("lifecyclestage"), after.get("lifecyclestage")
    if old is not None and new is not None and LIFECYCLE.index(new) < LIFECYCLE.index(old):
        after["lifecyclestage"] = old


def _compute_amount(after: dict[str, str]) -> None:
    price, quantity = after.get("price"), after.get("quantity")
    if price is not None and Decimal(price) < 0:
        raise invalid_properties([Failure("price", "INVALID_PRICE", "The price of a line item cannot be negative.")])
    after.pop("amount", None)
    if price is not None and quantity is not None:
        amount = f"{Decimal(price) * Decimal(quantity):f}"
        after["amount"] = amount.rstrip("0").rstrip(".") if "." in amount else amount


def check_invoice(fields: Mapping[str, str], contacts: int, lines: int) -> None:
    """A billable invoice leaves `draft` only with a contact and a line item. Raises HubSpotError 400."""
    if fields.get("hs_invoice_billable") != "true" or fields.get("hs_invoice_status") == "draft":
        return
    missing = [name for name, count in (("contact", contacts), ("line item", lines)) if not count]
    if missing:
        raise invalid(f"A billable invoice needs a {' and a '.join(missing)} to leave draft.", "INVALID_INVOICE_STATUS")


def check_bin(kind: ObjectType, fields: Mapping[str, str]) -> None:
    """Raises HubSpotError 400 for a record that cannot be deleted."""
    if kind.name == "invoices" and fields.get("hs_invoice_status", "draft") not in ("draft", "open"):
        raise invalid("Only draft and open invoices can be deleted.", "INVALID_INVOICE_STATUS")
