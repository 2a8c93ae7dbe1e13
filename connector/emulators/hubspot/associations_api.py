"""Routes of associations (contract 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.faults import strike_row
from connector.emulators.hubspot.link_types import LINK_TYPES, LinkType, default_type
from connector.emulators.hubspot.links import link, link_type, links_of, unlink
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import NOT_FOUND, HubSpotError, invalid
from connector.emulators.hubspot.records import live, number_of
from connector.emulators.hubspot.shapes import (
    DefaultLinkBatch,
    DefaultLinkInput,
    LinkBatch,
    LinkInput,
    LinksBatch,
    UnlinkBatch,
)
from connector.emulators.hubspot.shown import envelope
from connector.emulators.hubspot.store import Record
from connector.emulators.hubspot.wire import LATEST, Answer, Call, json_answer, whole_number

MAX_READ, MAX_CREATE, MAX_REMOVE = 1000, 2000, 100
PAGE = 500
HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
Input = TypeVar("Input", LinkInput, DefaultLinkInput)


def create_batch(portal: Portal, call: Call) -> Answer:
    """Associate with the types that are named. 201, and 200 since 2026-09."""
    start, end = _ends(portal, call)
    inputs = call.decoded(LinkBatch).inputs
    types = [[_named(start, end, each) for each in given.types] for given in inputs]
    if not all(types):
        raise invalid("An association needs a type.", "INVALID_ASSOCIATION_TYPE")
    named = {id(given): each for given, each in zip(inputs, types, strict=True)}

    def act(first: Record, second: Record, given: LinkInput) -> dict[str, Any]:
        link(portal, first, second, named[id(given)])
        labels = [known.label for known in named[id(given)] if known.label]
        return {
            "fromObjectTypeId": start.type_id,
            "fromObjectId": str(first.id),
            "toObjectTypeId": end.type_id,
            "toObjectId": str(second.id),
            "labels": labels,
        }

    return _run(portal, call, (start, end), inputs, act, 200 if call.version == LATEST else 201)


def create_default_batch(portal: Portal, call: Call) -> Answer:
    """Associate without naming a type."""
    start, end = _ends(portal, call)
    known = _default(start, end)

    def act(first: Record, second: Record, given: DefaultLinkInput) -> dict[str, Any]:
        link(portal, first, second, [known])
        return _default_result(first, second, known.id)

    return _run(portal, call, (start, end), call.decoded(DefaultLinkBatch).inputs, act, 200)


def put_default(portal: Portal, call: Call) -> Answer:
    """Associate two records without naming a type; answers both directions."""
    start, end = _ends(portal, call)
    known = _default(start, end)
    with portal.write():
        first, second = live(portal, start, call.params["id"]), live(portal, end, call.params["to_id"])
        link(portal, first, second, [known])
    results = [_default_result(first, second, known.id), _default_result(second, first, known.inverse)]
    return json_answer(200, envelope(portal, results))


def remove_batch(portal: Portal, call: Call) -> Answer:
    """Remove all associations between the pairs; what is not associated is passed over. 200, and 204 in v4."""
    start, end = _ends(portal, call)
    inputs = call.decoded(UnlinkBatch).inputs
    if not 1 <= len({given.from_.id for given in inputs}) <= MAX_REMOVE:
        raise invalid(f"A batch has from 1 to {MAX_REMOVE} distinct from ids.", "INVALID_BATCH_SIZE")
    with portal.write():
        for given in inputs:
            for other in given.to:
                first, second = _pair(portal, (start, end), str(given.from_.id), str(other.id))
                unlink(portal, first, second)
    return Answer(204 if call.version == "v4" else 200)


def read_batch(portal: Portal, call: Call) -> Answer:
    """What is associated with each id. An id without any is one of the errors of a 207."""
    start, end = _ends(portal, call)
    inputs = call.decoded(LinksBatch).inputs
    _check_size(inputs, MAX_READ)
    numbers = [n for given in inputs if (n := number_of(given.id)) is not None]
    found = links_of(portal, start, numbers, end)
    results, failed = [], []
    for given in inputs:
        linked = found.get(number_of(given.id) or 0)
        if linked is None:
            failed.append(_none_found(start, end, given.id))
            continue
        page, paging = _page(start, end, linked, given.after, PAGE)
        results.append({"from": {"id": given.id}, "to": page, **paging})
    if portal.switches.result_order == "reversed":
        results.reverse()
    return json_answer(207 if failed else 200, envelope(portal, results, failed))


def read_of_record(portal: Portal, call: Call) -> Answer:
    """What is associated with one record, page by page."""
    start, end = portal.kind(call.params["from"]), portal.kind(call.params["to"])
    arguments = call.arguments("limit", "after")
    record = live(portal, start, call.params["id"])
    linked = links_of(portal, start, (record.id,), end).get(record.id, {})
    page, paging = _page(start, end, linked, arguments.get("after"), whole_number(arguments, "limit", PAGE, PAGE))
    return json_answer(200, {"results": page, **paging})


def labels(portal: Portal, call: Call) -> Answer:
    """The types that link these two object types."""
    start, end = _ends(portal, call)
    return json_answer(
        200, {"results": [_spec(known) for known in LINK_TYPES.get((start.name, end.name), {}).values()]}
    )


def _run(
    portal: Portal,
    call: Call,
    ends: tuple[ObjectType, ObjectType],
    inputs: Sequence[Input],
    act: Callable[[Record, Record, Input], dict[str, Any]],
    status: int,
) -> Answer:
    """Every pair in turn; pairs that cannot be associated are errors of a 207."""
    _check_size(inputs, MAX_CREATE)
    results: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with portal.write():
        for n, given in enumerate(inputs):
            pair = (str(given.from_.id), str(given.to.id))
            try:
                strike_row(call, n)
                with portal.part():
                    results.append(act(*_pair(portal, ends, *pair), given))
            except HubSpotError as error:
                body = error.body(portal.correlation_id())
                del body["correlationId"]
                failed.append({**body, "context": {"fromObjectId": [pair[0]], "toObjectId": [pair[1]]}})
    if portal.switches.result_order == "reversed":
        results.reverse()
    return json_answer(207 if failed else status, envelope(portal, results, failed))


def _ends(portal: Portal, call: Call) -> tuple[ObjectType, ObjectType]:
    call.arguments()
    return portal.kind(call.params["from"]), portal.kind(call.params["to"])


def _pair(portal: Portal, ends: tuple[ObjectType, ObjectType], start: str, end: str) -> tuple[Record, Record]:
    return live(portal, ends[0], start), live(portal, ends[1], end)


def _named(start: ObjectType, end: ObjectType, given: Any) -> LinkType:
    return link_type(start, end, given.association_category, given.association_type_id)


def _default(start: ObjectType, end: ObjectType) -> LinkType:
    known = default_type(start.name, end.name)
    if known is None:
        raise invalid(f"There is no default association from {start.name} to {end.name}.", "INVALID_ASSOCIATION_TYPE")
    return known


def _default_result(start: Record, end: Record, type_id: int) -> dict[str, Any]:
    return {
        "from": {"id": str(start.id)},
        "to": {"id": str(end.id)},
        "associationSpec": {"associationCategory": HUBSPOT_DEFINED, "associationTypeId": type_id},
    }


def _page(
    start: ObjectType, end: ObjectType, linked: dict[int, list[int]], after: str | None, limit: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Linked records by id behind `after`, and the `paging` that leads on."""
    position = number_of(after or "0")
    if position is None:
        raise invalid("after is not a cursor of this list.", "INVALID_PARAMETER")
    known = LINK_TYPES[start.name, end.name] if linked else {}
    rest = [to_id for to_id in linked if to_id > position]
    page = [
        {"toObjectId": str(to_id), "associationTypes": [_spec(known[type_id]) for type_id in linked[to_id]]}
        for to_id in rest[:limit]
    ]
    return page, {"paging": {"next": {"after": str(rest[limit - 1])}}} if len(rest) > limit else {}


def _spec(known: LinkType) -> dict[str, Any]:
    return {"category": HUBSPOT_DEFINED, "typeId": known.id, "label": known.label}


def _none_found(start: ObjectType, end: ObjectType, key: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": NOT_FOUND,
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {end.singular} is associated with {start.singular} {key[:80]}.",
        "context": {"fromObjectId": [key[:80]], "fromObjectType": [start.name], "toObjectType": [end.name]},
    }


def _check_size(inputs: Sequence[Any], most: int) -> None:
    if not 1 <= len(inputs) <= most:
        raise invalid(f"A batch has from 1 to {most} inputs; this one has {len(inputs)}.", "INVALID_BATCH_SIZE")
