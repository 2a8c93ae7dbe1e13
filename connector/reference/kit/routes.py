"""From a call to the record service and back to an answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from connector.reference.kit import batch, operations
from connector.reference.kit.describe import describe
from connector.reference.kit.feed import Page, by_key
from connector.reference.kit.idempotency import Kept, Keys, digest
from connector.reference.kit.problems import ServiceError, malformed, unknown
from connector.reference.kit.rate import Gate
from connector.reference.kit.records import Record, wire
from connector.reference.kit.service import MAX_PAGE, MAX_VALUES, Service
from connector.reference.kit.tx import Tx
from connector.reference.kit.webhooks import Webhooks

DEFAULT_PAGE = 200
ADMIN = "admin"
_ETAG = re.compile(r'(?:W/)?"(\d{1,15})"', re.ASCII)
_CONTROL = ("cursor", "limit", "after", "modified_since")


class Call(NamedTuple):
    """One request; `segments` are the parts of the path behind /api, at least one."""

    method: str
    path: str
    segments: tuple[str, ...]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ServiceError 400."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise malformed(f"The body is not JSON: {error}.") from None


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


def json_answer(status: int, value: Any) -> Answer:
    return Answer(status, msgspec.json.encode(value), {"content-type": "application/json"})


def _record_answer(status: int, record: Record) -> Answer:
    answer = json_answer(status, wire(record))
    answer.headers["etag"] = f'"{record.version}"'
    return answer


def _page_answer(page: Page) -> Answer:
    return json_answer(
        200, {"items": [wire(record) for record in page.records], "cursor": page.cursor, "more": page.more}
    )


class Router:
    """Knows every path under /api."""

    def __init__(self, service: Service, webhooks: Webhooks, gate: Gate, calls: Counter[str]) -> None:
        self._service = service
        self._webhooks = webhooks
        self._gate = gate
        self._calls = calls

    def pattern(self, call: Call) -> str:
        """`METHOD /path/pattern` under which the call is counted."""
        first, *rest = call.segments
        if first in self._service.objects:
            if rest and rest[0] == "by":
                rest[2:] = ["{value}"] if len(rest) > 2 else []
            elif rest and rest[0] not in ("batch", "merge"):
                action = rest[1:2] if (first, *rest[1:2]) in self._service.domain.actions else []
                rest = ["{id}", *action]
        elif first == "webhooks" and rest:
            rest = ["{id}"]
        elif first not in ("describe", "stats", "admin", "webhooks", "periods"):
            return f"{call.method} other"
        return f"{call.method} /api/{'/'.join((first, *rest[:2]))}"

    def route(self, call: Call, principal: str) -> Answer:
        """Raises ServiceError for everything that is refused."""
        match (call.method, *call.segments):
            case ("GET", "describe"):
                return json_answer(200, self._describe(principal))
            case (_, "stats" | "admin", *_):
                return self._admin(call, principal)
            case (_, "webhooks", *_):
                return self._hooks(call)
            case (_, name, *_) if name in self._service.objects:
                return self._object(call, name, principal)
            case (_, name) if name:
                given = call.json() if call.method == "PUT" else None
                extra = self._service.domain.extra(self._service, call.method, name, given)
                if extra is not None:
                    return json_answer(200, extra)
        raise ServiceError(404, "not_found", f"There is no {call.method} {call.path[:80]}.")

    def _describe(self, principal: str) -> Any:
        limit = self._service.switches.daily_limit
        return describe(self._service, principal, self._gate.today(principal), limit)

    def _admin(self, call: Call, principal: str) -> Answer:
        if principal != ADMIN:
            raise ServiceError(403, "forbidden", f"{principal} may not do this; only {ADMIN} may.")
        match (call.method, *call.segments):
            case ("GET", "stats"):
                store = self._service.store
                rows = {name: store.count(kind) for name, kind in self._service.objects.items()}
                return json_answer(200, {"calls": dict(sorted(self._calls.items())), "rows": rows})
            case ("POST", "stats", "reset"):
                self._calls.clear()
                return Answer(204, b"", {})
            case ("GET", "admin", "switches"):
                return json_answer(200, self._service.switches)
            case ("PUT", "admin", "switches"):
                return json_answer(200, self._service.set_switches(call.json()))
        raise ServiceError(404, "not_found", f"There is no {call.method} {call.path[:80]}.")

    def _hooks(self, call: Call) -> Answer:
        match (call.method, *call.segments[1:]):
            case ("GET",):
                hooks = [{"id": hook.id, "url": hook.url} for hook in self._webhooks.list()]
                return json_answer(200, {"items": hooks})
            case ("POST",):
                hook = self._webhooks.add(call.json())
                return json_answer(201, {"id": hook.id, "url": hook.url})
            case ("DELETE", key):
                self._webhooks.remove(key)
                return Answer(204, b"", {})
        raise ServiceError(404, "not_found", f"There is no {call.method} {call.path[:80]}.")

    def _object(self, call: Call, name: str, principal: str) -> Answer:
        service = self._service
        match (call.method, *call.segments[1:]):
            case ("GET",):
                return _page_answer(self._read(call, name))
            case ("GET", key):
                return _record_answer(200, service.get(name, key))
            case ("POST", "batch", "read"):
                keys = batch.items_of(call.json(), "ids")
                if not all(isinstance(key, str) for key in keys):
                    raise malformed("ids must be texts.")
                found = service.read(name, keys)
                return json_answer(200, {"items": [wire(found[key]) for key in keys if key in found]})
            case ("POST", "batch", "create" | "update" | "delete" as verb):
                return json_answer(200, batch.run(service, name, verb, call.json(), principal))
        return self._write(call, name, principal)

    def _read(self, call: Call, name: str) -> Page:
        control = {key: value for key, value in call.query if key in _CONTROL}
        limit, after = _limit(control.get("limit")), control.get("after")
        fields = {key for key, _ in call.query if key not in _CONTROL}
        if len(fields) > 1:
            raise malformed("Look for the values of one field at a time.")
        if fields:
            values = [value for key, value in call.query if key not in _CONTROL]
            if len(values) > MAX_VALUES:
                raise malformed(f"At most {MAX_VALUES} values can be looked for at once.")
            limit = MAX_PAGE if "limit" not in control else limit
            found = self._service.find(name, fields.pop(), values, after=after or None, limit=limit + 1)
            return by_key(found, limit, after)
        if "modified_since" in control:
            return self._service.modified_since(name, control["modified_since"], after or None, limit)
        if after is not None:
            return self._service.scan(name, after, limit)
        if self._service.switches.feed == "modified":
            raise malformed("There is no feed here: read what changed with modified_since.")
        return self._service.feed(name, control.get("cursor") or None, limit)

    def _write(self, call: Call, name: str, principal: str) -> Answer:
        """A write of one record, with its idempotency key."""
        operation = self._operation(call, name)
        key = call.headers.get("idempotency-key")
        if key is None or self._service.switches.idempotency == "off":
            with self._service.write(principal) as tx:
                return operation(tx)
        body = digest(call.method.encode(), call.path.encode(), call.body)
        with self._service.write(principal) as tx:
            keys = Keys(tx, (key,))
            kept = keys.recall(key, body)
            if kept is not None:
                return _kept_answer(kept)
            answer = operation(tx)
            keys.keep(key, Kept(body, answer.status, answer.body))
            return answer

    def _operation(self, call: Call, name: str) -> Callable[[Tx], Answer]:
        kind = self._service.type(name)
        version = self._version(call)
        match (call.method, *call.segments[1:]):
            case ("POST",):
                given = call.json()
                return lambda tx: _record_answer(201, operations.create(tx, kind, given))
            case ("POST", "merge"):
                given = call.json()
                return lambda tx: _record_answer(200, operations.merge(tx, kind, given))
            case ("PATCH", key):
                given = call.json()
                return lambda tx: _record_answer(200, operations.update(tx, kind, key, given, version))
            case ("DELETE", key):
                return lambda tx: _delete(tx, name, key, version)
            case ("PUT", "by", "external_id", *rest) if rest and kind.has_external_id:
                given, value = call.json(), "/".join(rest)
                return lambda tx: _put(tx, name, value, given, version)
            case ("POST", key, action) if (name, action) in self._service.domain.actions:
                run = self._service.domain.actions[name, action]
                given = call.json() if call.body else {}
                if not isinstance(given, dict):
                    raise malformed("The body of an action must be an object.")
                return lambda tx: _acted(run(tx, key, given), name)
        raise ServiceError(404, "not_found", f"There is no {call.method} {call.path[:80]}.")

    def _version(self, call: Call) -> int | None:
        given = call.headers.get("if-match")
        if given is None or given == "*" or self._service.switches.conditional == "off":
            return None
        match = _ETAG.fullmatch(given)
        if match is None:
            raise malformed('If-Match must be a version in quotes, such as "4".')
        return int(match[1])


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= MAX_PAGE or len(text) > 9:
        raise malformed(f"limit must be a number from 1 to {MAX_PAGE}.")
    return int(text)


def _kept_answer(kept: Kept) -> Answer:
    if not kept.answer:
        return Answer(kept.status, b"", {})
    version = msgspec.json.decode(kept.answer)["version"]
    return Answer(kept.status, kept.answer, {"content-type": "application/json", "etag": f'"{version}"'})


def _delete(tx: Tx, name: str, key: str, version: int | None) -> Answer:
    operations.delete(tx, tx.store.types[name], key, version)
    return Answer(204, b"", {})


def _acted(record: Record, name: str) -> Answer:
    """201 when the action made a document of another object, else 200."""
    return _record_answer(200 if record.type.name == name else 201, record)


def _put(tx: Tx, name: str, value: str, given: Any, version: int | None) -> Answer:
    kind = tx.store.types[name]
    if not tx.external_unique:
        raise ServiceError(404, "no_external_key", "External ids are not unique here: find the record and change it.")
    if isinstance(given, dict):
        if given.get("external_id") not in (None, value):
            raise ServiceError(422, "invalid", "external_id: differs from the one in the path.", "external_id")
        given = {**given, "external_id": value}
    holder = tx.holder(kind, "external_id", value)
    if holder is not None:
        return _record_answer(200, operations.update(tx, kind, kind.key(holder), given, version))
    if version is not None:
        raise unknown(kind.name, f"with external_id {value[:80]}")
    return _record_answer(201, operations.create(tx, kind, given))
