"""Routes of batches: up to 100 inputs, results in no promised order (contract 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from connector.emulators.hubspot.catalog import ObjectType
from connector.emulators.hubspot.faults import strike_row
from connector.emulators.hubspot.objects_api import targets
from connector.emulators.hubspot.portal import Portal
from connector.emulators.hubspot.problems import NOT_FOUND, HubSpotError, invalid, not_found
from connector.emulators.hubspot.records import (
    check_account_rules,
    check_id_property,
    create,
    find,
    put_into_bin,
    update,
)
from connector.emulators.hubspot.shapes import BinBatch, CreateBatch, CreateInput, ReadBatch, UpdateBatch, UpdateInput
from connector.emulators.hubspot.shown import envelope, shown
from connector.emulators.hubspot.store import BINNED, LIVE, Record
from connector.emulators.hubspot.wire import LATEST, Answer, Call, json_answer, truth

MAX_INPUTS = 100
Input = TypeVar("Input", CreateInput, UpdateInput)


def read(portal: Portal, call: Call) -> Answer:
    """Records by id or by a unique property; no associations (contract 3.2)."""
    kind = portal.kind(call.params["type"])
    state = BINNED if truth(call.arguments("archived"), "archived") else LIVE
    given = call.decoded(ReadBatch)
    if given.properties_with_history:
        raise invalid("propertiesWithHistory is not served.", "UNSUPPORTED_PARAMETER")
    _check_size(given.inputs)
    check_id_property(portal, kind, given.id_property)
    keys = [str(ref.id) for ref in given.inputs]
    _check_duplicates(keys)
    found = find(portal, kind, keys, given.id_property)
    # An id that was merged away and its survivor are one record, answered once.
    records = {record.id: record for record in found.values() if record.state == state}
    results = [shown(portal, record, given.properties) for record in records.values()]
    unknown = [key for key in keys if key not in found or found[key].state != state]
    if not unknown or portal.switches.unknown_ids == "left_out":
        return json_answer(200, envelope(portal, _ordered(portal, results)))
    failed = {
        "status": "error",
        "category": NOT_FOUND,
        "message": f"Could not get some {kind.label} objects, they may be deleted or not exist.",
        "context": {"ids": unknown},
    }
    return json_answer(207, envelope(portal, _ordered(portal, results), [failed]))


def create_batch(portal: Portal, call: Call) -> Answer:
    call.arguments()
    kind = portal.kind(call.params["type"])
    inputs = call.decoded(CreateBatch).inputs

    def act(given: CreateInput) -> dict[str, Any]:
        if call.version == LATEST:
            check_account_rules(portal, kind, given.properties)
        record = create(portal, kind, given.properties, targets(portal, kind, given.associations))
        return _traced(shown(portal, record, given.properties), given)

    return _run(portal, call, "create", inputs, act)


def update_batch(portal: Portal, call: Call) -> Answer:
    call.arguments()
    kind = portal.kind(call.params["type"])
    inputs = call.decoded(UpdateBatch).inputs
    known = _known(portal, kind, inputs)

    def act(given: UpdateInput) -> dict[str, Any]:
        record = known.get((given.id_property, given.id))
        if record is None:
            raise not_found(given.id)
        return _traced(_changed(portal, call, record, given), given)

    return _run(portal, call, "update", inputs, act)


def create_or_update_batch(portal: Portal, call: Call) -> Answer:
    """By a unique property: what is not there is made. Not by e-mail address (contract 3.2)."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    inputs = call.decoded(UpdateBatch).inputs
    for given in inputs:
        if given.id_property in (None, "hs_object_id"):
            raise invalid("idProperty must name a unique property.", "INVALID_ID_PROPERTY")
        if given.id_property == "email":
            raise invalid("Partial upserts are not supported when using email as idProperty.", "INVALID_ID_PROPERTY")
    known = _known(portal, kind, inputs)

    def act(given: UpdateInput) -> dict[str, Any]:
        record = known.get((given.id_property, given.id))
        if record is not None:
            return _traced({**_changed(portal, call, record, given), "new": False}, given)
        properties = {str(given.id_property): given.id, **given.properties}
        if call.version == LATEST:
            check_account_rules(portal, kind, properties)
        made = create(portal, kind, properties)
        return _traced({**shown(portal, made, properties), "new": True}, given)

    return _run(portal, call, "upsert", inputs, act)


def bin_batch(portal: Portal, call: Call) -> Answer:
    """To the recycle bin; ids that are not there are passed over."""
    call.arguments()
    kind = portal.kind(call.params["type"])
    inputs = call.decoded(BinBatch).inputs
    _check_size(inputs)
    keys = [str(ref.id) for ref in inputs]
    _check_duplicates(keys)
    with portal.write():
        for n, record in enumerate(find(portal, kind, keys).values()):
            strike_row(call, n)
            if record.live:
                put_into_bin(portal, record)
    return Answer(204)


def _run(
    portal: Portal, call: Call, verb: str, inputs: Sequence[Input], act: Callable[[Input], dict[str, Any]]
) -> Answer:
    """Every input in turn; what a bad one does to the others depends on the verb and on trace ids (contract 3.2)."""
    _check_size(inputs)
    traces = [given.object_write_trace_id for given in inputs]
    apart = verb in portal.switches.row_results and None not in traces and len(set(traces)) == len(traces)
    results: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with portal.write():
        for n, given in enumerate(inputs):
            try:
                strike_row(call, n)
                with portal.part():
                    results.append(act(given))
            except HubSpotError as error:
                if not apart:
                    raise _whole(portal, error) from None
                failed.append(error.row(str(given.object_write_trace_id)))
    body = envelope(portal, _ordered(portal, results), failed)
    return json_answer(207 if failed else 201 if verb == "create" else 200, body)


def _whole(portal: Portal, error: HubSpotError) -> HubSpotError:
    """The refusal of one row as that of the call: it does not say which row it was."""
    status = portal.switches.conflict_status if error.status == 409 else 400
    return HubSpotError(status, error.message, category=error.category, errors=error.errors)


def _known(portal: Portal, kind: ObjectType, inputs: Sequence[UpdateInput]) -> dict[tuple[str | None, str], Record]:
    """Live records of the inputs by property and key. Raises HubSpotError 400 where two inputs are one record."""
    known: dict[tuple[str | None, str], Record] = {}
    _check_duplicates([f"{given.id_property or ''}/{given.id}" for given in inputs])
    for name in dict.fromkeys(given.id_property for given in inputs):
        check_id_property(portal, kind, name)
        keys = [given.id for given in inputs if given.id_property == name]
        found = find(portal, kind, keys, name).items()
        known |= {(name, key): record for key, record in found if record.live}
    _check_duplicates([str(record.id) for record in known.values()])
    return known


def _changed(portal: Portal, call: Call, record: Record, given: UpdateInput) -> dict[str, Any]:
    if call.version == LATEST:
        check_account_rules(portal, record.kind, {**record.fields, **given.properties})
    names = [given.id_property or "hs_object_id", *given.properties]
    return shown(portal, update(portal, record, given.properties), names)


def _traced(result: dict[str, Any], given: CreateInput | UpdateInput) -> dict[str, Any]:
    if given.object_write_trace_id is not None:
        result["objectWriteTraceId"] = given.object_write_trace_id
    return result


def _ordered(portal: Portal, results: list[Any]) -> list[Any]:
    return results[::-1] if portal.switches.result_order == "reversed" else results


def _check_size(inputs: Sequence[Any]) -> None:
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise invalid(f"A batch has from 1 to {MAX_INPUTS} inputs; this one has {len(inputs)}.", "INVALID_BATCH_SIZE")


def _check_duplicates(keys: Sequence[str]) -> None:
    if len(set(keys)) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise invalid(f"Duplicate IDs found in batch input: {twice[:5]}. IDs must be unique.", "DUPLICATE_IDS")
