"""Routes of single records: list, read, create, update, delete, merge (contract 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.link_types import LINK_TYPES, LinkType
from connector.emulators.hubspot.links import link_type, links_of
from connector.emulators.hubspot.merging import merge as merge_records
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import invalid, not_found
from connector.emulators.hubspot.records import (
    check_account_rules,
    check_id_property,
    create,
    find,
    live,
    number_of,
    put_into_bin,
    update,
)
from connector.emulators.hubspot.shapes import Create, Merge, Target, Update
from connector.emulators.hubspot.shown import shown, wanted
from connector.emulators.hubspot.store import BIN_DAYS, BINNED, DAY, LIVE, Record
from connector.emulators.hubspot.wire import (
    LATEST,
    Answer,
    Call,
    json_answer,
    names_in,
    truth,
    whole_number,
)

MAX_PAGE = 100
_LISTS = ("properties", "propertiesWithHistory", "associations")


def list_records(portal: Portal, call: Call) -> Answer:
    """A page by id, or of the recycle bin, which keeps 90 days (contract 3.1, 3.6)."""
    kind = portal.kind(call.params["type"])
    arguments = call.arguments("limit", "after", "archived", lists=_LISTS)
    limit = whole_number(arguments, "limit", 10, MAX_PAGE)
    after = number_of(arguments.get("after", "0"))
    if after is None:
        raise invalid("after is not a cursor of this list.", "INVALID_PARAMETER", parameter="after")
    if truth(arguments, "archived"):
        where, values = f"state = {BINNED} AND binned_at > ?", [portal.time.ms() - BIN_DAYS * DAY]
    else:
        where, values = f"state = {LIVE}", []
    found = portal.store.records(kind, f"{where} AND id > ? ORDER BY id LIMIT ?", (*values, after, limit + 1))
    page, names = found[:limit], wanted(call)
    results = [shown(portal, record, names) for record in page]
    _add_associations(portal, call, kind, page, results)
    body: dict[str, Any] = {"results": results}
    if len(found) > limit:
        rest = [(name, value) for name, value in call.query if name != "after"]
        link = f"{call.base_url}{call.path}?{urlencode([*rest, ('after', str(page[-1].id))])}"
        body["paging"] = {"next": {"after": str(page[-1].id), "link": link}}
    return json_answer(200, body)


def read_record(portal: Portal, call: Call) -> Answer:
    """One record; the id in the answer differs from the one asked for when that was merged away (contract 3.6)."""
    kind = portal.kind(call.params["type"])
    arguments = call.arguments("archived", "idProperty", lists=_LISTS)
    id_property = arguments.get("idProperty")
    check_id_property(portal, kind, id_property)
    key = call.params["id"]
    record = find(portal, kind, (key,), id_property).get(key)
    oldest = portal.time.ms() - BIN_DAYS * DAY
    wanted_state = BINNED if truth(arguments, "archived") else LIVE
    if record is None or record.state != wanted_state or (record.binned_at or oldest + 1) <= oldest:
        raise not_found(key)
    results = [shown(portal, record, wanted(call))]
    _add_associations(portal, call, kind, [record], results)
    return json_answer(200, results[0])


def create_record(portal: Portal, call: Call) -> Answer:
    call.arguments()
    kind = portal.kind(call.params["type"])
    given = call.decoded(Create)
    if call.version == LATEST:
        check_account_rules(portal, kind, given.properties)
    with portal.write():
        record = create(portal, kind, given.properties, targets(portal, kind, given.associations))
    return json_answer(201, shown(portal, record, given.properties))


def update_record(portal: Portal, call: Call) -> Answer:
    kind = portal.kind(call.params["type"])
    id_property = call.arguments("idProperty").get("idProperty")
    check_id_property(portal, kind, id_property)
    given = call.decoded(Update)
    with portal.write():
        record = live(portal, kind, call.params["id"], id_property)
        if call.version == LATEST:
            check_account_rules(portal, kind, {**record.fields, **given.properties})
        record = update(portal, record, given.properties)
    return json_answer(200, shown(portal, record, given.properties))


def bin_record(portal: Portal, call: Call) -> Answer:
    """To the recycle bin; once more is fine, an id that never was is not."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    with portal.write():
        record = find(portal, kind, (call.params["id"],)).get(call.params["id"])
        if record is None:
            raise not_found(call.params["id"])
        if record.live:
            put_into_bin(portal, record)
    return Answer(204)


def merge(portal: Portal, call: Call) -> Answer:
    call.arguments()
    kind = portal.kind(call.params["type"])
    given = call.decoded(Merge)
    with portal.write():
        record = merge_records(portal, kind, given.primary_object_id, given.object_id_to_merge)
    return json_answer(200, shown(portal, record, record.fields))


def targets(portal: Portal, kind: ObjectType, given: Sequence[Target]) -> list[tuple[Record, Sequence[LinkType]]]:
    """What a new record is to be associated with: the object type follows from the type id. Raises HubSpotError 400."""
    found: list[tuple[Record, Sequence[LinkType]]] = []
    for target in given:
        if not target.types:
            raise invalid("An association needs a type.", "INVALID_ASSOCIATION_TYPE")
        ids = [named.association_type_id for named in target.types]
        end = _end_of(portal, kind, ids)
        types = [link_type(kind, end, named.association_category, named.association_type_id) for named in target.types]
        found.append((live(portal, end, str(target.to.id)), types))
    return found


def _end_of(portal: Portal, kind: ObjectType, ids: Sequence[int]) -> ObjectType:
    for (start, end), types in LINK_TYPES.items():
        if start == kind.name and all(type_id in types for type_id in ids):
            return portal.kind(end)
    raise invalid(f"No association of {kind.name} has the type ids {list(ids)}.", "INVALID_ASSOCIATION_TYPE")


def _add_associations(
    portal: Portal, call: Call, kind: ObjectType, page: Sequence[Record], results: Sequence[dict[str, Any]]
) -> None:
    """`associations=contacts,deals`: ids and the names of the types, one entry each."""
    for name in names_in(call, "associations") or ():
        end = portal.kind(name)
        found = links_of(portal, kind, [record.id for record in page], end)
        for record, result in zip(page, results, strict=True):
            entries = [
                {"id": str(to_id), "type": type_name(kind, end, type_id)}
                for to_id, types in found.get(record.id, {}).items()
                for type_id in types
            ]
            if entries:
                result.setdefault("associations", {})[end.name] = {"results": entries}


def type_name(start: ObjectType, end: ObjectType, type_id: int) -> str:
    """A type id as the `associations` of a record spell it."""
    known = LINK_TYPES[start.name, end.name][type_id]
    plain = f"{start.singular}_to_{end.singular}"
    labelled = any(other.primary for other in LINK_TYPES[start.name, end.name].values())
    return plain if known.primary or not labelled else f"{plain}_unlabeled"
