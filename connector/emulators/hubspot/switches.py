"""What can be switched while the emulator runs: vices, variants of what the contract leaves open, and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from connector.emulators.hubspot.problems import invalid

Verb: TypeAlias = Literal["create", "update", "upsert"]


class Switches(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The defaults are the behaviour that is harder on a client, except where the contract names another as usual.

    Records:
        payments: whether the account can take payments at all; without, `commerce_payments` is no object type.
        product_required: what a new product needs: all that is listed, or what suffices in practice (contract 3.1).
        required_by_rule: by object type, what the account's rules require of writes on 2026-09 (contract 1).
        reported_unique: `hs_sku` of products and `hs_external_order_id` of orders are unique (contract 3.3).
        unique_types: object types that take unique properties.
        unique_limit: how many of them each.
        numbers: numbers come back `normalized` ("10.50" as "10.5") or `as_given`.
        lowercase_emails: e-mail addresses are kept in lower case.
        invoice_number_read_only: `hs_number` cannot be written.
        bin_takes_lines: line items go to the recycle bin with their deal, order or invoice.
        associations_touch: an association moves the modified date of both its ends.

    Batches:
        row_results: verbs for which a 207 tells rows apart; for the others a bad row fails the call (contract 3.2).
        conflict_status: status of a batch that a 409 of one row fails.
        unknown_ids: what a batch read says of ids it does not know.
        result_order: results stand in the reverse order of the inputs, or in their order.

    Merges:
        merge_keeps_primary: the survivor of contacts and companies keeps the primary id (contract 3.6).
        merge_limit: records one record can have absorbed; beyond, 414.

    Search:
        search_lag: seconds until a new or changed record is found.
        search_in_lowercase: IN and NOT_IN find text only by values in lower case.

    Limits (None: by the settings' plan; 0: no limit):
        ten_seconds, daily, search_per_second: calls.
        journal_per_second: calls of the journal.
        retry_after_on_429: 429 has Retry-After, which the contract promises for 477 only.
        max_uri: bytes of path and query; beyond, 414.

    Errors:
        omit_error_fields: fields left out of every error body; all but `message` are optional (contract 6).

    Versions and sign-in:
        versions_off: versions that are no longer served.
        refresh_tokens: `keep` answers the refresh token that was sent, `rotate` a new one that replaces it.

    Webhooks:
        webhook_order: events as they happened, or shuffled. webhook_duplicates: each is sent twice.
        webhook_type_name: name of the field that has the event type; samples have both.
    """

    payments: bool = False
    product_required: Literal["listed", "name"] = "name"
    required_by_rule: dict[str, list[str]] = {}
    reported_unique: bool = True
    unique_types: tuple[str, ...] = ("companies", "contacts", "deals")
    unique_limit: int = 10
    numbers: Literal["normalized", "as_given"] = "normalized"
    lowercase_emails: bool = True
    invoice_number_read_only: bool = True
    bin_takes_lines: bool = True
    associations_touch: bool = False
    row_results: tuple[Verb, ...] = ("create",)
    conflict_status: Literal[400, 409] = 400
    unknown_ids: Literal["reported", "left_out"] = "reported"
    result_order: Literal["reversed", "given"] = "reversed"
    merge_keeps_primary: bool = False
    merge_limit: int = 250
    search_lag: float = 10.0
    search_in_lowercase: bool = True
    search_per_second: int = 5
    ten_seconds: int | None = None
    daily: int | None = None
    journal_per_second: int = 100
    retry_after_on_429: bool = False
    max_uri: int = 8192
    omit_error_fields: tuple[str, ...] = ()
    versions_off: tuple[str, ...] = ()
    refresh_tokens: Literal["keep", "rotate"] = "keep"
    webhook_order: Literal["in_order", "shuffled"] = "in_order"
    webhook_duplicates: bool = False
    webhook_type_name: Literal["subscriptionType", "eventType"] = "subscriptionType"


def changed(switches: Switches, given: Any) -> Switches:
    """The switches after a partial change. Raises HubSpotError 400."""
    if not isinstance(given, Mapping):
        raise invalid("Switches must be an object.")
    try:
        return msgspec.convert({**msgspec.to_builtins(switches), **given}, Switches)
    except msgspec.ValidationError as error:
        raise invalid(f"Switches: {error}.") from None
