"""composite/graph and composite/tree: records that hang together (contract §3.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from connector.emulators.salesforce.errors import Problem, Refusal, Unreadable, refusal, unreadable
from connector.emulators.salesforce.http import Answer, Call
from connector.emulators.salesforce.instance import Instance
from connector.emulators.salesforce.resources.collections import row_problems
from connector.emulators.salesforce.resources.composite import (
    Part,
    RolledBack,
    check_parts,
    do_parts,
    halted,
    references,
    shown,
)
from connector.emulators.salesforce.router import route
from connector.emulators.salesforce.schema import SObject

MAX_GRAPHS = 75
MAX_NODES = 500
MAX_DEPTH = 15
MAX_KINDS = 15
MAX_FAILED = 14
MAX_TREE = 200
MAX_TREE_TYPES = 5
MAX_TREE_DEPTH = 5

_NODE = re.compile(r"/services/data/v(\d+)\.0/(?:composite/)?sobjects/([^/?]+)", re.ASCII)


def graph(instance: Instance, call: Call, _: Mapping[str, str]) -> Answer:
    body = call.object()
    graphs = body.get("graphs")
    if set(body) != {"graphs"} or not isinstance(graphs, list) or not graphs:
        raise unreadable("the body must have graphs, a list of at least one")
    if len(graphs) > MAX_GRAPHS:
        raise refusal("LIMIT_EXCEEDED", f"The request has more than {MAX_GRAPHS} graphs")
    for one in graphs:
        if not isinstance(one, dict) or set(one) != {"graphId", "compositeRequest"}:
            raise unreadable("a graph needs graphId and compositeRequest, and nothing else")
    names = Counter(str(one["graphId"]) for one in graphs)
    if max(names.values()) > 1:
        raise refusal("INVALID_INPUT", "a graphId is there twice")
    checked = [check_parts(one["compositeRequest"], MAX_NODES) for one in graphs]
    if sum(map(len, checked)) > MAX_NODES:
        raise refusal("LIMIT_EXCEEDED", f"The request has more than {MAX_NODES} nodes")
    results: list[dict[str, Any]] = []
    failures = 0
    for one, parts in zip(graphs, checked, strict=True):
        _check_graph(parts)
        if failures >= MAX_FAILED:
            rows, well = (
                [shown(part, halted("Processing stopped after too many failed graphs")) for part in parts],
                False,
            )
        else:
            rows, well = do_parts(instance, call, parts, all_or_none=True)
        failures += not well
        answer = {"compositeResponse": rows}
        results.append({"graphId": one["graphId"], "graphResponse": answer, "isSuccessful": well})
    return Answer(200, {"graphs": results})


def _check_graph(parts: Sequence[Part]) -> None:
    """Raises Refusal for a graph that is too deep or has too many kinds of nodes."""
    depths: dict[str, int] = {}
    kinds: set[tuple[str, ...]] = set()
    for part in parts:
        above = [depths.get(name, 0) for name in references([part["url"], part.get("body")])]
        depths[part["referenceId"]] = depth = 1 + max(above, default=0)
        if depth > MAX_DEPTH:
            raise refusal("LIMIT_EXCEEDED", f"A graph is deeper than {MAX_DEPTH}")
        match = _NODE.match(part["url"])
        if match is None:
            raise refusal("INVALID_INPUT", f"{part['url']} cannot be used in a graph")
        kinds.add((part["method"], *match.groups()))
    if len(kinds) > MAX_KINDS:
        raise refusal("LIMIT_EXCEEDED", f"A graph has more than {MAX_KINDS} different nodes")


class _Node(NamedTuple):
    kind: SObject
    name: str
    body: dict[str, Any]
    parent: tuple[str, str] | None


def tree(instance: Instance, call: Call, values: Mapping[str, str]) -> Answer:
    """Create records below each other, all or nothing."""
    kind = instance.org.kind(values["object"])
    body = call.object()
    if set(body) != {"records"} or not isinstance(body["records"], list) or not body["records"]:
        raise unreadable("the body must have records, a list of at least one")
    nodes = [node for record in body["records"] for node in _nodes(instance, kind, record, None, 1)]
    if len(nodes) > MAX_TREE or len({node.kind.name for node in nodes}) > MAX_TREE_TYPES:
        raise refusal("LIMIT_EXCEEDED", f"a tree has at most {MAX_TREE} records of {MAX_TREE_TYPES} types")
    if len({node.name for node in nodes}) < len(nodes):
        raise refusal("INVALID_INPUT", "a referenceId is there twice")
    made: dict[str, str] = {}
    failed: list[dict[str, Any]] = []
    try:
        with instance.org.store.savepoint():
            for index, node in enumerate(nodes):
                problems = _make(instance, call, node, made, index)
                if problems:
                    failed.append({"referenceId": node.name, "errors": [problem.row() for problem in problems]})
            if failed:
                raise RolledBack
    except RolledBack:
        return Answer(400, {"hasErrors": True, "results": failed})
    results = [{"referenceId": node.name, "id": made[node.name]} for node in nodes]
    return Answer(201, {"hasErrors": False, "results": results})


def _make(instance: Instance, call: Call, node: _Node, made: dict[str, str], index: int) -> list[Problem]:
    """Create one record of a tree; what is wrong with it. Below a record that failed nothing is tried."""
    if node.parent is not None and node.parent[1] not in made:
        return []
    body = node.body | ({} if node.parent is None else {node.parent[0]: made[node.parent[1]]})
    try:
        with instance.org.store.savepoint():
            instance.fail_row(call, index)
            made[node.name] = instance.org.records.create(node.kind, body, call.caller)
    except Unreadable:
        raise
    except Refusal as error:
        return row_problems(error.problems)
    return []


def _nodes(
    instance: Instance, kind: SObject, record: Any, parent: tuple[str, str] | None, depth: int
) -> Iterator[_Node]:
    """A record and what is below it, parents first."""
    attributes = record.get("attributes") if isinstance(record, dict) else None
    if not isinstance(attributes, dict) or attributes.get("type") != kind.name:
        raise refusal("INVALID_INPUT", f"every record of {kind.name} needs attributes with that type")
    name = attributes.get("referenceId")
    if not isinstance(name, str) or not name:
        raise refusal("INVALID_INPUT", "every record needs a referenceId")
    if depth > MAX_TREE_DEPTH:
        raise refusal("LIMIT_EXCEEDED", f"a tree has at most {MAX_TREE_DEPTH} levels")
    below = {key: value for key, value in record.items() if isinstance(value, dict) and "records" in value}
    own = {key: value for key, value in record.items() if key not in below and key != "attributes"}
    yield _Node(kind, name, own, parent)
    for relationship, value in below.items():
        found = kind.children.get(relationship.lower())
        if found is None or not isinstance(value["records"], list):
            raise refusal("INVALID_FIELD", f"No such relation '{relationship}' on {kind.name}")
        child, link = instance.org.kind(found[0]), found[1]
        for one in value["records"]:
            yield from _nodes(instance, child, one, (link.name, name), depth + 1)


ROUTES = (route("POST", "composite/graph", graph), route("POST", "composite/tree/{object}", tree))
