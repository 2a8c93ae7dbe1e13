"""The promises. Everything the engine knows of the outside is in this package."""

from __future__ import annotations

from typing import Protocol

from connector.ports.adapter import (
    Adapter,
    Capabilities,
    Description,
    FieldSchema,
    Need,
    ObjectSchema,
    Preparable,
    WebhookRequest,
)
from connector.ports.spool import Found, Spool
from connector.ports.store import Store, Tx, Vault

__all__ = [
    "Adapter",
    "Capabilities",
    "Clock",
    "Description",
    "FieldSchema",
    "Found",
    "Need",
    "ObjectSchema",
    "Preparable",
    "Spool",
    "Store",
    "Tx",
    "Vault",
    "WebhookRequest",
]


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None: ...
