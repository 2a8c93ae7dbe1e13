"""Salesforce, reached over its REST API."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connector.adapters import AdapterSpec
from connector.ports import Adapter, Clock

OLDEST = 60
"""The oldest version of the API this adapter speaks."""


class ClientCredentials(BaseModel):
    """client_id, client_secret: consumer key and secret of the external client app, which runs as a user of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: Literal["client_credentials"]
    client_id: str
    client_secret: SecretStr


class SignedToken(BaseModel):
    """client_id: consumer key. username: whom the connection works as. key: the private key (PEM) whose certificate the
    app holds. audience: where that user logs in; https://test.salesforce.com for a sandbox."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: Literal["jwt"]
    client_id: str
    username: str
    key: SecretStr
    audience: str = "https://login.salesforce.com"


class RefreshToken(BaseModel):
    """refresh_token: of a user who allowed the app; the app must not rotate it, for nobody would keep the new one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flow: Literal["refresh_token"]
    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr


AuthSettings: TypeAlias = Annotated[ClientCredentials | SignedToken | RefreshToken, Field(discriminator="flow")]


class SalesforceSettings(BaseModel):
    """Keys of a system of this kind in config.yaml.

    domain: the My Domain name, like acme or acme--test.sandbox; or url: a whole address instead, which is then never
    left. objects: those that take part; all that are there if nothing is said. external_key: the field of every object
    that holds the key in the other system. price_book: name or id of the one whose prices count, the standard one if
    nothing is said. currency: of an org with one currency; where there are several, of products' prices.
    invoice, invoice_line, payment: names of the custom objects. activate_orders: whether an order may be written with a
    status other than draft_status, its label of the draft. allow_duplicates: saves in spite of duplicate rules.
    app: how Salesforce is told whose calls these are. webhook_token: the unguessable last part of the path outbound
    messages are sent to; organization: the id of the org they come from, if it is not to be learned.
    look_back: seconds a change may turn visible late. hold_back: seconds the newest changes are left for the next look.
    page: records a call. timeout: seconds without progress. verify: False, or the path of a CA file. proxy: address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*$")
    url: str | None = None
    api_version: str = Field(default="68.0", pattern=r"^[0-9]{2,3}\.0$")
    auth: AuthSettings
    objects: tuple[str, ...] = ()
    external_key: str = "ERP_Id__c"
    price_book: str | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    invoice: str = "ERP_Invoice__c"
    invoice_line: str = "ERP_Invoice_Line__c"
    payment: str = "ERP_Payment__c"
    activate_orders: bool = False
    draft_status: str = "Draft"
    allow_duplicates: bool = False
    app: str = Field(default="connector", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    webhook_token: SecretStr | None = Field(default=None, min_length=22)
    organization: str | None = Field(default=None, pattern=r"^00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$")
    look_back: float = Field(default=300.0, ge=0, le=86400)
    hold_back: float = Field(default=30.0, ge=0, le=600)
    page: int = Field(default=2000, ge=200, le=2000)
    timeout: float = Field(default=60.0, gt=0, le=600)
    verify: bool | str = True
    proxy: str | None = None

    @model_validator(mode="after")
    def _checked(self) -> SalesforceSettings:
        if (self.domain is None) == (self.url is None):
            raise ValueError("give `domain`, or `url` instead of it")
        if int(self.api_version.partition(".")[0]) < OLDEST:
            raise ValueError(f"api_version is at least {OLDEST}.0")
        if self.url is not None and urlsplit(self.url).scheme == "http" and not _is_loopback(self.url):
            raise ValueError("url has to be https, for it carries secrets; http is for this machine alone")
        return self

    @property
    def address(self) -> str:
        """Where tokens are asked for."""
        return self.url if self.url is not None else f"https://{self.domain}.my.salesforce.com"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make(settings: SalesforceSettings, system: str, clock: Clock) -> Adapter:
    from connector.adapters.salesforce.adapter import SalesforceAdapter
    from connector.adapters.salesforce.client import SalesforceClient

    return SalesforceAdapter(system, SalesforceClient(system, settings, clock), settings, clock)


ADAPTERS = {
    "salesforce": AdapterSpec(
        "salesforce",
        SalesforceSettings,
        _make,
        "Salesforce: accounts, contacts, products, opportunities or orders; invoices, payments and balances shown.",
    ),
}
