"""Profiles of powers that systems have, by name. Each check takes those that make a difference to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.ports import Capabilities
from connector.testing.world import FULL

POWERS: Mapping[str, Capabilities] = {
    "everything": FULL,
    "idempotency key": replace(FULL, external_key="none", created_by=False),
    "searchable key": replace(FULL, external_key="search", idempotency=0.0),
    "created-by filter": replace(FULL, external_key="none", idempotency=0.0),
    "unconditional": replace(FULL, conditional_write=False, idempotency=0.0),
    "opaque overlap": replace(FULL, versions="opaque", feed="overlap", created_by=False),
    "no delete feed": replace(FULL, deletes="none", feed="overlap"),
    "small batches": replace(FULL, batch_write=2, batch_read=3, page=3),
    "one by one": replace(FULL, batch_write=1, batch_read=1, page=2, concurrency=1, versions="sortable"),
}


def powers(*names: str) -> dict[str, Capabilities]:
    """Some of them, in this order."""
    return {name: POWERS[name] for name in names}
