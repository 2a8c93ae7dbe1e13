"""Closed periods: nothing may be dated on or before the day up to which the books are closed."""

from __future__ import annotations

from typing import Any

from connector.reference.kit.problems import conflict, invalid
from connector.reference.kit.service import Service
from connector.reference.kit.store import Store
from connector.reference.kit.tx import Tx
from connector.reference.kit.values import parse_date

_SETTING = "closed_until"


def closed_until(store: Store) -> str | None:
    rows = store.rows("SELECT value FROM settings WHERE name = ?", (_SETTING,))
    return rows[0][0] or None if rows else None


def check_open(tx: Tx, field: str, day: str | None) -> None:
    """Raises ServiceError 409 when the day lies in a closed period."""
    closed = closed_until(tx.store)
    if day is not None and closed is not None and day <= closed:
        raise conflict(
            "closed_period", f"{field}: {day} is in a closed period; the books are closed up to {closed}.", field
        )


def periods(service: Service, method: str, given: Any) -> dict[str, str | None] | None:
    """`GET /api/periods` and `PUT /api/periods`. Raises ServiceError 422; None for other methods."""
    if method == "PUT":
        if not isinstance(given, dict) or set(given) != {_SETTING}:
            raise invalid(_SETTING, 'the body must be {"closed_until": DATE}.')
        day = None if given[_SETTING] is None else parse_date(_SETTING, given[_SETTING])
        with service.store.transaction():
            service.store.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (_SETTING, day or ""))
    elif method != "GET":
        return None
    return {_SETTING: closed_until(service.store)}
