"""HubSpot, reached over its CRM API with dated versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from connector.adapters import AdapterSpec
from connector.ports import Adapter, Clock


def _safe(url: str) -> str:
    """A token must not travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("https:// is needed beyond this machine")
    return url


def _is_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError("a property's internal name: small letters, digits and _")
    return name


class TokenAuth(BaseModel):
    """token: of a service key, or of a private app."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr


class OAuthAuth(BaseModel):
    """client_id, client_secret: of the app. refresh_token: what HubSpot gave when the app was installed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr


class HubSpotSettings(BaseModel):
    """Keys of a system of this kind in config.yaml.

    app_secret: the app's client secret, which signs webhooks. webhook_url: the public address they are sent to, as it
    is set in HubSpot. accept_unsigned_versions: older signatures to believe, which protect from no repeat.
    external_key: the property that holds the key of the other system, as the mappings name it. pipelines: per object
    the pipeline, by label or id, that new records go into where the mapping names none. search_lag: seconds until a
    change is sure to be found by search. look_back: seconds read again each time beside that. archived_every: hours
    between two looks at the deleted records. sweep_every: hours between two looks at all records for links and lines
    that changed and moved no stamp. timeout: seconds without progress. verify: False, or the path of a CA file. proxy:
    its address. payments: `objects` where the account has them, `off` where not, `auto` to find out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_safe)] = "https://api.hubapi.com"
    api_version: Literal["2026-09", "2026-03", "v3"] = "2026-09"
    auth: TokenAuth | OAuthAuth
    app_secret: SecretStr | None = None
    webhook_url: str | None = None
    accept_unsigned_versions: frozenset[Literal["v1", "v2"]] = frozenset()
    external_key: Annotated[str, AfterValidator(_is_name)] = "erp_id"
    pipelines: Mapping[Literal["deals", "orders"], str] = Field(default_factory=dict)
    search_lag: float = Field(default=60.0, ge=0, le=3600)
    look_back: float = Field(default=300.0, ge=0, le=86400)
    archived_every: float = Field(default=24.0, ge=0, le=720)
    sweep_every: float = Field(default=24.0, ge=0, le=720)
    timeout: float = Field(default=30.0, gt=0, le=600)
    verify: bool | str = True
    proxy: str | None = None
    payments: Literal["auto", "objects", "off"] = "auto"


def _make(settings: HubSpotSettings, system: str, clock: Clock) -> Adapter:
    from connector.adapters.hubspot.adapter import HubSpotAdapter
    from connector.adapters.hubspot.client import HubSpotClient

    return HubSpotAdapter(system, HubSpotClient(system, settings, clock), settings, clock)


ADAPTERS = {
    "hubspot": AdapterSpec(
        "hubspot",
        HubSpotSettings,
        _make,
        "HubSpot: companies, contacts, products, deals, orders, invoices, payments.",
    ),
}
