"""HubSpot's schemas beside the repository, where they are there: every answer is checked against its own."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FILE = Path(__file__).resolve().parents[5] / "shared" / "contracts" / "hubspot" / "crm-contract.openapi.json"

# Where the contract's text and its schemas differ, the text has been followed.
STATUS = {("POST", "/crm/associations/2026-09/{fromObjectType}/{toObjectType}/batch/create", "200"): "201"}
UNDECLARED = "/groups"
NULL_LABEL = ("AssociationSpecWithLabel", "label")

checked: set[tuple[str, str, str]] = set()
"""(method, path, status) of every answer that was held against a schema."""


@cache
def _document() -> dict[str, Any] | None:
    if not FILE.exists():
        return None
    document: dict[str, Any] = json.loads(FILE.read_text())
    schema, name = NULL_LABEL
    document["components"]["schemas"][schema]["properties"][name]["type"] = ["string", "null"]
    return document


@cache
def _operations() -> list[tuple[str, re.Pattern[str], str, dict[str, Any]]]:
    """Method, pattern, path and responses; paths with fewer parameters first."""
    document = _document() or {"paths": {}}
    found = [
        (
            method.upper(),
            re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path)) + "$"),
            path,
            operation["responses"],
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda operation: operation[2].count("{"))


@cache
def validator(reference: str) -> Draft202012Validator:
    """The validator of one schema of the components."""
    document = _document()
    assert document is not None
    return Draft202012Validator(
        {"$ref": reference, "components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Raises AssertionError for an answer that HubSpot's declaration does not allow."""
    for known, pattern, name, responses in _operations():
        if known != method or not pattern.match(path) or (method == "GET" and path.endswith(UNDECLARED)):
            continue
        text = STATUS.get((method, name, str(status)), str(status))
        if status < 400:
            assert text in responses, f"{method} {name} does not answer {status}"
        declared = responses.get(text, responses["default"])
        content = declared.get("content", {}).get("application/json")
        if content is None or not body or "json" not in headers.get("content-type", ""):
            return
        try:
            given = json.loads(body)
        except ValueError:
            return  # a fault cut it off
        errors = [error.message for error in validator(content["schema"]["$ref"]).iter_errors(given)]
        assert not errors, f"{method} {name} {status}: {errors[:3]}"
        checked.add((method, name, str(status)))
        return
