"""Refusals as HubSpot words them (contract 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

VALIDATION = "VALIDATION_ERROR"
NOT_FOUND = "OBJECT_NOT_FOUND"
CONFLICT = "CONFLICT"
EXISTS = "OBJECT_ALREADY_EXISTS"


class Failure(NamedTuple):
    """One property that was refused."""

    name: str
    code: str
    message: str


class HubSpotError(Exception):
    """A call that is refused: its status, and the fields of the body, each of which a switch may leave out."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        category: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.errors = errors
        self.context = context
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The body of a call that was refused as a whole."""
        return {"status": "error", "message": self.message, "correlationId": correlation_id, **self._details()}

    def row(self, trace_id: str) -> dict[str, Any]:
        """The same as one of `errors` in a 207, with the input it is about (contract 3.2)."""
        context = {**(self.context or {}), "objectWriteTraceId": [trace_id]}
        return {"status": "error", "message": self.message, **self._details(), "context": context}

    def _details(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.category is not None:
            body["category"] = self.category
        if self.errors:
            body["errors"] = list(self.errors)
        if self.context is not None:
            body["context"] = {name: list(values) for name, values in self.context.items()}
        return {**body, **self.extra}


class RateLimitError(HubSpotError):
    """429: its body has `errorType` and `policyName` where others have `category` (contract 5)."""

    def __init__(self, policy: str, words: str, retry_after: int | None = None) -> None:
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        names = {"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi:crm:emulated"}
        super().__init__(429, f"You have reached your {words} limit.", headers=headers, extra=names)


def invalid(message: str, code: str | None = None, **context: str) -> HubSpotError:
    """400 `VALIDATION_ERROR`; with a code, the one thing at fault is told apart in `errors`."""
    errors: list[dict[str, Any]] = []
    if code is not None:
        errors = [{"message": message, "code": code, "context": {name: [value] for name, value in context.items()}}]
    return HubSpotError(400, message, category=VALIDATION, errors=errors)


def invalid_properties(failures: Sequence[Failure]) -> HubSpotError:
    """400 for property values: every one that was refused, by name."""
    told = ", ".join(f"{failure.name}: {failure.message}" for failure in failures)
    errors = [
        {"message": failure.message, "code": failure.code, "context": {"propertyName": [failure.name]}}
        for failure in failures
    ]
    return HubSpotError(400, f"Property values were not valid: [{told}]", category=VALIDATION, errors=errors)


def not_found(key: str) -> HubSpotError:
    """404 for a record: never there, in the recycle bin, or forgotten; the answer does not say which."""
    return HubSpotError(
        404, "Object not found. objectId are usually numeric.", category=NOT_FOUND, context={"id": [key[:80]]}
    )


def no_route(path: str) -> HubSpotError:
    """404 for a path: without a category, so that a client cannot take it for a record that is gone."""
    return HubSpotError(404, f"The requested URL {path[:200]} was not found on this server.")


def unauthorized(category: str, message: str) -> HubSpotError:
    """401, with the category the contract's table names."""
    return HubSpotError(401, message, category=category)


def missing_scopes(scopes: Sequence[str]) -> HubSpotError:
    """403 with what would have been needed."""
    errors = [
        {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": list(scopes)},
        }
    ]
    message = "This app hasn't been granted all required scopes to make this call."
    links = {"scopes": "https://developers.hubspot.com/scopes"}
    return HubSpotError(403, message, category="MISSING_SCOPES", errors=errors, extra={"links": links})


class GatewayError(Exception):
    """A page instead of a body: what stands before HubSpot answers it, so nothing in it can be relied on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status
