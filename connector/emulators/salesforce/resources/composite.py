"""Several calls in one: composite and composite/batch (contract §3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connector.emulators.salesforce.errors import Refusal, refusal, unreadable
from connector.emulators.salesforce.http import Answer, Call, decoded, split_path, split_query
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.org import OLDEST, VERSION
from connector.emulators.salesforce.router import route

MAX_PARTS = 25
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
HALTED = "The transaction was rolled back since another operation in the same transaction failed."

_ALLOWED = ("sobjects", "query", "queryAll")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\[\d+\]|\.[A-Za-z0-9_]+)*)\}", re.ASCII)
_STEP = re.compile(r"\[(\d+)\]|\.([A-Za-z0-9_]+)", re.ASCII)
_URL = re.compile(r"/services/data/v(\d{1,3})\.0/(.+)", re.ASCII)

Part = Mapping[str, Any]


class Unresolved(Exception):  # noqa: N818  (the cause is the part it points to)
    """A reference to something that is not there."""


def halted(message: str = HALTED) -> Answer:
    return Answer(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])


def check_parts(parts: Any, most: int) -> Sequence[Part]:
    """The parts of a composite request. Raises Refusal when it is malformed."""
    if not isinstance(parts, list) or not parts:
        raise unreadable("compositeRequest must be a list of at least one subrequest")
    if len(parts) > most:
        raise refusal("LIMIT_EXCEEDED", f"The request has more than {most} subrequests")
    seen: set[str] = set()
    for part in parts:
        if not isinstance(part, dict) or not {"method", "url", "referenceId"} <= set(part):
            raise unreadable("a subrequest needs method, url and referenceId")
        unknown = sorted(set(part) - {"method", "url", "referenceId", "body", "httpHeaders"})
        if unknown:
            raise unreadable(f'Unrecognized field "{unknown[0]}"')
        name = part["referenceId"]
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in seen:
            raise refusal("INVALID_REFERENCE_ID", f"referenceId is no name, or is there twice: {name}")
        if part["method"] not in METHODS or not isinstance(part["url"], str):
            raise unreadable(f"a subrequest has no such method or url: {part['method']}")
        seen.add(name)
    return parts


def references(value: Any) -> set[str]:
    """The reference ids that a url or a body points to."""
    return {match[1] for match in _REFERENCE.finditer(msgspec.json.encode(value).decode())}


def resolved(value: Any, done: Mapping[str, Any]) -> Any:
    """A url or a body with its references replaced. Raises Unresolved."""
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            return _looked_up(whole, done)
        return _REFERENCE.sub(lambda match: str(_looked_up(match, done)), value)
    if isinstance(value, dict):
        return {name: resolved(one, done) for name, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, done) for one in value]
    return value


def _looked_up(match: re.Match[str], done: Mapping[str, Any]) -> Any:
    found: Any = done.get(match[1])
    for index, name in _STEP.findall(match[2]):
        try:
            found = found[int(index)] if index else found[name]
        except (KeyError, IndexError, TypeError):
            found = None
    if found is None:
        path = match[0][2:-1]
        raise Unresolved(f"Invalid reference specified. No value for {path} found in {match[1]}.")
    return decoded(found) if isinstance(found, msgspec.Raw) else found


def sub_call(call: Call, part: Part, url: str, body: Any) -> Call:
    """The call that a subrequest stands for. Raises Refusal."""
    match = _URL.fullmatch(url)
    if match is None or not OLDEST <= int(match[1]) <= VERSION:
        raise refusal("NOT_FOUND", "The requested resource does not exist")
    path, _, query = match[2].partition("?")
    segments = split_path(path)
    if segments[0] not in _ALLOWED and segments[:2] != ("composite", "sobjects"):
        raise refusal("INVALID_OPERATION", f"{path} cannot be used in a composite request", status=400)
    headers = {str(name).lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    headers.setdefault("content-type", "application/json")
    return Call(
        part["method"], url, segments, split_query(query), headers, call.caller, int(match[1]), payload=body,
        row_faults=call.row_faults,
    )  # fmt: skip


def do_part(instance: Instance, call: Call, part: Part, done: dict[str, Any]) -> Answer:
    """One subrequest with its references replaced; what it answered can be referred to afterwards."""
    try:
        url, body = resolved(part["url"], done), resolved(part.get("body"), done)
        answer = instance.answer(sub_call(call, part, url, body))
    except Unresolved as error:
        return halted(str(error))
    except Refusal as error:
        return Answer(error.status, error.top_level())
    if answer.status < 300:
        done[part["referenceId"]] = answer.body
    return answer


def shown(part: Part, answer: Answer) -> dict[str, Any]:
    return {
        "body": answer.body,
        "httpHeaders": answer.headers,
        "httpStatusCode": answer.status,
        "referenceId": part["referenceId"],
    }


class RolledBack(Exception):  # noqa: N818  (a way out of the savepoint)
    """A part failed, and all are to be taken back."""


def do_parts(instance: Instance, call: Call, parts: Sequence[Part], all_or_none: bool) -> tuple[list[Any], bool]:
    """The results of the parts in their order, and whether every one went well."""
    done: dict[str, Any] = {}
    answers: list[Answer] = []
    try:
        with instance.org.store.savepoint():
            for part in parts:
                answers.append(do_part(instance, call, part, done))
                if all_or_none and answers[-1].status >= 300:
                    raise RolledBack
    except RolledBack:
        last = len(answers) - 1
        answers = [answers[last] if index == last else halted() for index in range(len(parts))]
    results = [shown(part, answer) for part, answer in zip(parts, answers, strict=True)]
    return results, all(answer.status < 300 for answer in answers)


def composite(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    body = call.object()
    unknown = sorted(set(body) - {"allOrNone", "collateSubrequests", "compositeRequest"})
    if unknown:
        raise unreadable(f'Unrecognized field "{unknown[0]}"')
    flags = [body.get("allOrNone", False), body.get("collateSubrequests", False)]
    if not all(isinstance(one, bool) for one in flags):
        raise unreadable("allOrNone and collateSubrequests must be true or false")
    parts = check_parts(body.get("compositeRequest"), MAX_PARTS)
    for part in parts:
        if not part["url"].startswith("/services/data/v"):
            raise refusal("INVALID_INPUT", f"the url of {part['referenceId']} must begin with /services/data/v")
    results, _all_well = do_parts(instance, call, parts, flags[0])
    return Answer(200, {"compositeResponse": results})


def batch(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    """Independent subrequests; each counts against the quota."""
    body = call.object()
    parts = body.get("batchRequests")
    unknown = sorted(set(body) - {"haltOnError", "batchRequests"})
    if unknown or not isinstance(parts, list) or not parts or not isinstance(body.get("haltOnError", False), bool):
        raise unreadable("the body must have batchRequests, a list, and may have haltOnError, true or false")
    if len(parts) > MAX_PARTS:
        raise refusal("LIMIT_EXCEEDED", f"The request has more than {MAX_PARTS} subrequests")
    if not all(isinstance(part, dict) and {"method", "url"} <= set(part) for part in parts):
        raise unreadable("a subrequest needs method and url")
    instance.spend(len(parts) - 1)
    results: list[dict[str, Any]] = []
    failed = False
    for part in parts:
        if failed and body.get("haltOnError"):
            stopped = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing is halted by an error"}]
            results.append({"statusCode": 412, "result": stopped})
            continue
        answer = _batch_part(instance, call, part)
        failed = failed or answer.status >= 300
        results.append({"statusCode": answer.status, "result": answer.body})
    return Answer(200, {"hasErrors": failed, "results": results})


def _batch_part(instance: Instance, call: Call, part: Part) -> Answer:
    url = "/services/data/" + str(part["url"]).removeprefix("/services/data/")
    try:
        return instance.answer(sub_call(call, part, url, part.get("richInput")))
    except Refusal as error:
        return Answer(error.status, error.top_level())


ROUTES = (route("POST", "composite", composite), route("POST", "composite/batch", batch))
