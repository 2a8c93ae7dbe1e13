"""Batches: up to 200 items, each with its own result, all committed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from connector.reference.kit import operations
from connector.reference.kit.feed import cursor_at
from connector.reference.kit.idempotency import Kept, Keys, digest
from connector.reference.kit.objects import Field, ObjectType
from connector.reference.kit.problems import ServiceError, invalid, malformed
from connector.reference.kit.records import Record, wire
from connector.reference.kit.service import Service
from connector.reference.kit.tx import Tx

MAX_ITEMS = 200

Item: TypeAlias = Mapping[str, Any]
Operation: TypeAlias = Callable[[Tx, ObjectType, Item], tuple[int, Record | None]]


class Result(msgspec.Struct, omit_defaults=True):
    status: int
    record: msgspec.Raw | None = None
    error: Mapping[str, str] | None = None


class Answer(msgspec.Struct):
    """span: feed positions right before and after the batch."""

    items: list[Result]
    span: tuple[str, str]


def error_body(error: ServiceError) -> dict[str, str]:
    body = {"code": error.code, "message": error.message}
    if error.field is not None:
        body["field"] = error.field
    return body


def items_of(given: Any, name: str) -> Sequence[Any]:
    """The list in a batch body. Raises ServiceError 400."""
    items = given.get(name) if isinstance(given, dict) else None
    if not isinstance(items, list) or len(given) != 1:
        raise malformed(f'The body must be {{"{name}": [...]}}.')
    if len(items) > MAX_ITEMS:
        raise malformed(f"A batch has at most {MAX_ITEMS} items, not {len(items)}.")
    return items


def run(service: Service, name: str, verb: str, given: Any, principal: str) -> Answer:
    """Do one batch. verb: create, update or delete. Raises ServiceError 400 when the batch itself is malformed."""
    kind = service.type(name)
    allowed, operation = _VERBS[verb]
    items = items_of(given, "items")
    for item in items:
        if not isinstance(item, dict) or not set(item) <= allowed:
            raise malformed(f"An item of this batch is an object of {', '.join(sorted(allowed))}.")
    use_keys = service.switches.idempotency == "on"
    conditional = service.switches.conditional == "on"
    with service.write(principal) as tx:
        before = tx.counters.get(f"seq:{name}", 0)
        keys = Keys(tx, [item["key"] for item in items if item.get("key") is not None] if use_keys else ())
        _prefetch(tx, kind, verb, items)
        results = [_one(tx, kind, verb, operation, item, keys if use_keys else None, conditional) for item in items]
    # No operation of a batch changes other records of the same object, so the span holds the batch alone.
    after = tx.counters.get(f"seq:{name}", 0)
    return Answer(results, (cursor_at(service.store, before), cursor_at(service.store, after)))


def _one(
    tx: Tx,
    kind: ObjectType,
    verb: str,
    operation: Operation,
    item: Item,
    keys: Keys | None,
    conditional: bool,
) -> Result:
    mark = tx.mark()
    key = item.get("key")
    try:
        if keys is None or key is None:
            return _result(*operation(tx, kind, item if conditional else {**item, "version": None}))
        body = digest(kind.name.encode(), verb.encode(), msgspec.json.encode({**item, "key": None}))
        kept = keys.recall(key, body)
        if kept is not None:
            return Result(kept.status, msgspec.Raw(kept.answer) if kept.answer else None)
        result = _result(*operation(tx, kind, item if conditional else {**item, "version": None}))
        keys.keep(key, Kept(body, result.status, bytes(result.record or b"")))
        return result
    except ServiceError as error:
        tx.undo(mark)
        shown = None if error.record is None else encoded(error.record)
        return Result(error.status, shown, error_body(error))


def encoded(record: Record) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(wire(record)))


def _result(status: int, record: Record | None) -> Result:
    return Result(status, None if record is None else encoded(record))


def _create(tx: Tx, kind: ObjectType, item: Item) -> tuple[int, Record | None]:
    given, external = item.get("fields"), item.get("external_id")
    if external is None:
        return 201, operations.create(tx, kind, given)
    if not isinstance(external, str) or not kind.has_external_id:
        raise invalid("external_id", f"must be a text, on an object that has one; {kind.name} got {external!r:.80}.")
    if tx.external_unique and external:
        holder = tx.holder(kind, "external_id", external)
        found = None if holder is None else tx.get(kind, holder)
        if found is not None:
            return 200, found
    if isinstance(given, dict):
        if given.get("external_id") not in (None, external):
            raise invalid("external_id", "differs from the one in the fields.")
        given = {**given, "external_id": external}
    return 201, operations.create(tx, kind, given)


def _update(tx: Tx, kind: ObjectType, item: Item) -> tuple[int, Record | None]:
    return 200, operations.update(tx, kind, item.get("id"), item.get("fields"), _version(item))


def _delete(tx: Tx, kind: ObjectType, item: Item) -> tuple[int, Record | None]:
    operations.delete(tx, kind, item.get("id"), _version(item))
    return 204, None


def _version(item: Item) -> int | None:
    version = item.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise invalid("version", "must be a whole number.")
    return version


_VERBS: Mapping[str, tuple[frozenset[str], Operation]] = {
    "create": (frozenset(("fields", "key", "external_id")), _create),
    "update": (frozenset(("id", "version", "fields", "key")), _update),
    "delete": (frozenset(("id", "version", "key")), _delete),
}


def _prefetch(tx: Tx, kind: ObjectType, verb: str, items: Sequence[Item]) -> None:
    """Fetch set by set what the items will ask for one by one."""
    if verb != "create":
        tx.load(kind, _numbers(kind, (item.get("id") for item in items)))
    given = [fields for item in items if isinstance(fields := item.get("fields"), dict)]
    for field in kind.refs:
        tx.load(*_targets(tx, field, (fields.get(field.name) for fields in given)))
    if kind.line_ref is not None:
        lines = [line for fields in given if isinstance(fields.get("lines"), list) for line in fields["lines"]]
        name = kind.line_ref.name
        tx.load(*_targets(tx, kind.line_ref, (line.get(name) for line in lines if isinstance(line, dict))))
    for name in kind.unique:
        tx.load_taken(kind, name, _texts(fields.get(name) for fields in given))
    if tx.external_unique and kind.has_external_id:
        tx.load_taken(kind, "external_id", _texts(item.get("external_id") for item in items))
        tx.load_taken(kind, "external_id", _texts(fields.get("external_id") for fields in given))


def _targets(tx: Tx, field: Field, keys: Iterable[Any]) -> tuple[ObjectType, list[int]]:
    assert field.ref is not None
    target = tx.store.types[field.ref]
    return target, _numbers(target, keys)


def _numbers(kind: ObjectType, keys: Iterable[Any]) -> list[int]:
    return [n for key in keys if (n := kind.number(key)) is not None]


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]
