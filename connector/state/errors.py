"""What can go wrong in the state store, by what happens next."""

from __future__ import annotations

from connector.errors import ConnectorError


class ImpossibleState(ConnectorError):  # noqa: N818  (names what was asked for, not a fault of the database)
    """The database refused a state that must never exist; the whole transaction is undone."""

    code = "impossible_state"


class StoreError(ConnectorError):
    """The store cannot be read or written (lost connection, full disk); the run ends, the next one recovers."""

    code = "store"


class SealError(ConnectorError):
    """A sealed value does not open: it was damaged, or sealed under another key or for another purpose."""

    code = "seal"
