"""The one error of the built-in applications: a status, a code, a sentence, and the field it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.reference.kit.records import Record


class ServiceError(Exception):
    """A request that is refused.

    status: HTTP status. code: stable word for programs. message: one sentence for people. field: the field at fault.
    record: the current record, where it helps (412, 410). retry_after: seconds to wait (429, 503).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        record: Record | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.record = record
        self.retry_after = retry_after


def malformed(message: str) -> ServiceError:
    """400: the request itself cannot be read."""
    return ServiceError(400, "malformed", message)


def invalid(field: str, message: str, code: str = "invalid") -> ServiceError:
    """422: the value of one field is refused."""
    return ServiceError(422, code, f"{field}: {message}", field)


def unknown(name: str, key: str) -> ServiceError:
    """404: no such record."""
    return ServiceError(404, "not_found", f"{name} {key} does not exist.")


def conflict(code: str, message: str, field: str | None = None) -> ServiceError:
    """409: the state of the data forbids it."""
    return ServiceError(409, code, message, field)
