"""Refusals, as Salesforce words them (contract §5).

Refusal             one call refused: an HTTP status and one or more problems
TokenRefusal        a refused OAuth request (§1), which has a body of its own
Choices             an external id that several records share (§3.1): HTTP 300
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One error. A top-level answer shows its code as `errorCode`, a row of a batch as `statusCode`."""

    code: str
    message: str
    fields: tuple[str, ...] = ()

    def top_level(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return shown | {"fields": list(self.fields)} if self.fields else shown

    def row(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


STATUSES = {
    "INVALID_SESSION_ID": 401,
    "INVALID_AUTH_HEADER": 403,
    "API_DISABLED_FOR_ORG": 403,
    "API_CURRENTLY_DISABLED": 403,
    "INSUFFICIENT_ACCESS": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "METHOD_NOT_ALLOWED": 405,
    "GONE": 410,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "UNKNOWN_EXCEPTION": 500,
    "SERVER_UNAVAILABLE": 503,
    "SERVICE_UNAVAILABLE": 503,
}
"""HTTP status of a code at the top level; every other code answers 400."""


class Refusal(Exception):  # noqa: N818  (the vendor's word for it is in the problems)
    """A call, or one row of it, that is refused."""

    def __init__(self, problems: Sequence[Problem], status: int | None = None) -> None:
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)
        self.status = STATUSES.get(problems[0].code, 400) if status is None else status

    def top_level(self) -> list[dict[str, Any]]:
        return [problem.top_level() for problem in self.problems]

    def rows(self) -> list[dict[str, Any]]:
        return [problem.row() for problem in self.problems]


class Unreadable(Refusal):
    """A value of the wrong JSON type: the parser refuses the whole request, not just the row."""


class TokenRefusal(Exception):  # noqa: N818  (as above)
    """A refused OAuth request."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


class Choices(Exception):  # noqa: N818  (an answer of its own, HTTP 300)
    """Several records have this value in the external-id field. paths: where each of them is."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__("several records have this external id")
        self.paths = list(paths)


def refusal(code: str, message: str, *fields: str, status: int | None = None) -> Refusal:
    return Refusal([Problem(code, message, fields)], status)


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    return refusal("NOT_FOUND", message)


def unreadable(message: str) -> Unreadable:
    return Unreadable([Problem("JSON_PARSER_ERROR", message)])
