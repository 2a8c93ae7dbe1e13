"""Every path of the API, in one table per kind of version. No I/O. Contract: section 1."""

from __future__ import annotations

from collections.abc import Mapping

from connector.rest.client import segment

ACCOUNT = "/account-info/2026-03/details"
"""Named so in the contract whatever version the other calls have."""

_DATED: Mapping[str, str] = {
    "objects": "/crm/objects/{version}/{0}",
    "associations": "/crm/associations/{version}/{0}/{1}",
    "properties": "/crm/properties/{version}/{0}",
    "pipelines": "/crm/pipelines/{version}/{0}",
    "token": "/oauth/{version}/token",
}
_LEGACY: Mapping[str, str] = {
    "objects": "/crm/v3/objects/{0}",
    "associations": "/crm/v4/associations/{0}/{1}",
    "properties": "/crm/v3/properties/{0}",
    "pipelines": "/crm/v3/pipelines/{0}",
    "token": "/oauth/v1/token",
}


class Paths:
    """Paths of one version. version: a date, or `v3`, whose associations are those of v4."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._table = _LEGACY if version == "v3" else _DATED

    def of(self, resource: str, *names: str, then: str = "") -> str:
        """The path of a resource. names: object types, escaped here. then: what follows it."""
        return self._table[resource].format(*map(segment, names), version=self._version) + then
