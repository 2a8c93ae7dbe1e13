"""The built-in CRM and ERP, reached over their HTTP API."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connector.adapters import AdapterSpec
from connector.ports import Adapter, Clock


class TokenAuth(BaseModel):
    """token: the bearer token the server was started with for this connection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr


class ReferenceSettings(BaseModel):
    """Keys of a system of this kind in config.yaml.

    timeout: seconds without progress. webhook_secret: what the system signs its webhooks with. verify: False, or the
    path of a CA file. proxy: its address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    auth: TokenAuth
    timeout: float = Field(default=30.0, gt=0, le=600)
    webhook_secret: SecretStr | None = None
    verify: bool | str = True
    proxy: str | None = None


def _make(kind: Literal["crm", "erp"], settings: ReferenceSettings, system: str, clock: Clock) -> Adapter:
    from connector.adapters.reference.adapter import ReferenceAdapter
    from connector.adapters.reference.client import ReferenceClient

    client = ReferenceClient(system, settings, clock)
    secret = settings.webhook_secret
    return ReferenceAdapter(kind, system, client, clock, secret.get_secret_value().encode() if secret else None)


ADAPTERS = {
    "reference_crm": AdapterSpec(
        "reference_crm", ReferenceSettings, partial(_make, "crm"), "The built-in CRM: companies, contacts, deals."
    ),
    "reference_erp": AdapterSpec(
        "reference_erp", ReferenceSettings, partial(_make, "erp"), "The built-in ERP: customers, orders, invoices."
    ),
}
