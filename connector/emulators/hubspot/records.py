"""Records: found, made, changed, put into the recycle bin and taken out of it (contract 3.1, 3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connector.emulators.hubspot import rules
from connector.emulators.hubspot.catalog import CONTACTS as CONTACT_TYPE
from connector.emulators.hubspot.catalog import LINE_ITEM_PARENTS, LINE_ITEMS, LISTED_FOR_PRODUCTS, ObjectType
from connector.emulators.hubspot.link_types import LinkType
from connector.emulators.hubspot.links import count_of, link, links_of
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import (
    CONFLICT,
    EXISTS,
    Failure,
    HubSpotError,
    invalid,
    invalid_properties,
    not_found,
)
from connector.emulators.hubspot.store import BINNED, LIVE, Record
from connector.emulators.hubspot.values import Given, Refused, checked, failure

REPORTED_UNIQUE = (("products", "hs_sku"), ("orders", "hs_external_order_id"))
MAX_ID = 15


def number_of(key: str) -> int | None:
    """The number in an id, or None when the text is no id."""
    return int(key) if key.isascii() and key.isdecimal() and len(key) <= MAX_ID else None


def find(portal: Portal, kind: ObjectType, keys: Sequence[str], id_property: str | None = None) -> dict[str, Record]:
    """Records by key, whatever state they are in; an id that was merged away finds the survivor (contract 3.6)."""
    numbers: dict[str, int] = {}
    for key in keys:
        n = (
            number_of(key)
            if id_property in (None, "hs_object_id")
            else portal.store.holder(kind, id_property or "", key)
        )
        if n is not None:
            numbers[key] = n
    found = portal.store.by_ids(kind, sorted(set(numbers.values())))
    merged = [record.merged_into for record in found.values() if record.merged_into is not None]
    survivors = portal.store.by_ids(kind, merged)
    return {key: survivors.get(found[n].merged_into or 0, found[n]) for key, n in numbers.items() if n in found}


def live(portal: Portal, kind: ObjectType, key: str, id_property: str | None = None) -> Record:
    """The live record. Raises HubSpotError 404."""
    record = find(portal, kind, (key,), id_property).get(key)
    if record is None or not record.live:
        raise not_found(key)
    return record


def check_id_property(portal: Portal, kind: ObjectType, name: str | None) -> None:
    """Raises HubSpotError 400 for a property that does not identify records."""
    if name is None:
        return
    known = portal.definitions[kind.name].get(name)
    if known is None or not known.has_unique_value:
        raise invalid(f"{name[:80]} is not a unique property of {kind.name}.", "INVALID_ID_PROPERTY", propertyName=name)


def create(
    portal: Portal,
    kind: ObjectType,
    given: Mapping[str, Given],
    targets: Sequence[tuple[Record, Sequence[LinkType]]] = (),
) -> Record:
    """A new record, with its associations. Raises HubSpotError 400 or 409."""
    values = accepted(portal, kind, given)
    fields = {name: value for name, value in values.items() if value}
    _check_required(portal, kind, fields)
    rules.complete(kind, None, fields)
    now = portal.time.ms()
    record = Record(kind, 0, LIVE, now, now, None, None, fields)
    _check_unique(portal, record, {})
    record.id = portal.store.next(f"id:{kind.name}", portal.settings.first_id)
    portal.store.insert(record)
    _claim(portal, record, {})
    portal.happened("creation", kind, record.id)
    for name, value in fields.items():
        portal.happened("propertyChange", kind, record.id, property=name, value=value)
    for other, types in targets:
        link(portal, record, other, types)
    _check_invoice(portal, record)
    return record


def update(portal: Portal, record: Record, given: Mapping[str, Given]) -> Record:
    """The record with other values; its modified date moves even where none differs. Raises HubSpotError 400, 409."""
    values = accepted(portal, record.kind, given)
    before = record.fields
    after = {name: value for name, value in {**before, **values}.items() if value}
    rules.complete(record.kind, before, after)
    record.fields = after
    _check_unique(portal, record, before)
    record.updated = portal.time.ms()
    _check_invoice(portal, record)
    portal.store.save(record)
    _claim(portal, record, before)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            portal.happened("propertyChange", record.kind, record.id, property=name, value=after.get(name, ""))
    return record


def put_into_bin(portal: Portal, record: Record) -> None:
    """To the recycle bin, line items with their parent where the switch says so. Raises HubSpotError 400."""
    rules.check_bin(record.kind, record.fields)
    if record.kind.name in LINE_ITEM_PARENTS and portal.switches.bin_takes_lines:
        lines = links_of(portal, record.kind, (record.id,), LINE_ITEMS).get(record.id, {})
        for line in portal.store.by_ids(LINE_ITEMS, list(lines)).values():
            put_into_bin(portal, line)
    record.state = BINNED
    record.binned_at = record.updated = portal.time.ms()
    portal.store.save(record)
    portal.store.release(record)
    portal.happened("deletion", record.kind, record.id)


def restore(portal: Portal, record: Record) -> None:
    """Out of the recycle bin. Raises HubSpotError 404, or 409 when its unique values were taken meanwhile."""
    if record.state != BINNED:
        raise not_found(str(record.id))
    _check_unique(portal, record, {})
    record.state = LIVE
    record.binned_at = None
    record.updated = portal.time.ms()
    portal.store.save(record)
    _claim(portal, record, {})
    portal.happened("restore", record.kind, record.id)


def forget(portal: Portal, record: Record) -> None:
    """Delete for privacy: the record was never there, and only the event says so (contract 3.6)."""
    portal.store.forget(record)
    portal.happened("privacyDeletion", record.kind, record.id)


def accepted(portal: Portal, kind: ObjectType, given: Mapping[str, Given]) -> dict[str, str]:
    """The values as they are kept, empty to clear. Raises HubSpotError 400 that names every value that was refused."""
    definitions = portal.definitions[kind.name]
    values: dict[str, str] = {}
    failures: list[Failure] = []
    for name, value in given.items():
        known = definitions.get(name)
        if known is None:
            message = f'Property "{name[:80]}" does not exist'
            failures.append(Failure(name[:80], "PROPERTY_DOESNT_EXIST", message))
        elif known.computed or (name == "hs_number" and portal.switches.invoice_number_read_only):
            failures.append(Failure(name, "READ_ONLY_VALUE", f'"{name}" is a read only property.'))
        else:
            try:
                values[name] = checked(known, value, portal.switches)
            except Refused as refused:
                failures.append(failure(known, refused))
    if failures:
        raise invalid_properties(failures)
    return values


def check_account_rules(portal: Portal, kind: ObjectType, after: Mapping[str, object]) -> None:
    """What the account's rules require of writes, since 2026-09 (contract 1). Raises HubSpotError 400."""
    _require(tuple((name,) for name in portal.switches.required_by_rule.get(kind.name, ())), after)


def unique_names(portal: Portal, kind: ObjectType) -> list[str]:
    """Properties no two live records share."""
    names = [known.name for known in portal.definitions[kind.name].values() if known.has_unique_value]
    names.remove("hs_object_id")
    if portal.switches.reported_unique:
        names += [name for owner, name in REPORTED_UNIQUE if owner == kind.name]
    return names


def _check_required(portal: Portal, kind: ObjectType, fields: Mapping[str, str]) -> None:
    listed = kind.name == "products" and portal.switches.product_required == "listed"
    _require(LISTED_FOR_PRODUCTS if listed else kind.required, fields)


def _require(groups: Sequence[Sequence[str]], fields: Mapping[str, object]) -> None:
    missing = [" or ".join(names) for names in groups if not any(fields.get(name) for name in names)]
    if missing:
        raise invalid_properties([Failure(name, "REQUIRED_FIELD", f"{name} is required.") for name in missing])


def _check_unique(portal: Portal, record: Record, before: Mapping[str, str]) -> None:
    """Raises HubSpotError 409; only a contact's e-mail address tells which record has it (contract 3.4)."""
    for name in unique_names(portal, record.kind):
        value = record.fields.get(name)
        if value is None or value == before.get(name):
            continue
        holder = portal.store.holder(record.kind, name, value)
        if holder is None or holder == record.id:
            continue
        if record.kind is CONTACT_TYPE and name == "email":
            raise HubSpotError(409, f"Contact already exists. Existing ID: {holder}", category=CONFLICT)
        raise HubSpotError(409, f"A {record.kind.singular} with this {name} already exists.", category=EXISTS)


def _claim(portal: Portal, record: Record, before: Mapping[str, str]) -> None:
    for name in unique_names(portal, record.kind):
        value = record.fields.get(name)
        if value == before.get(name):
            continue
        if name in before:
            portal.store.release(record, name)
        if value is not None:
            portal.store.claim(record, name, value)


def _check_invoice(portal: Portal, record: Record) -> None:
    if record.kind.name == "invoices":
        counts = (count_of(portal, record, end) for end in (CONTACT_TYPE, LINE_ITEMS))
        rules.check_invoice(record.fields, *counts)
