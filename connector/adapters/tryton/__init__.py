"""Tryton, reached over its REST API and over JSON-RPC."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connector.adapters import AdapterSpec
from connector.ports import Adapter, Clock


class KeyAuth(BaseModel):
    """key: of the user's application `rest`. login, password: of the same user; a condition on a write needs a session.

    The key reads and creates products, the session writes all the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr
    login: str
    password: SecretStr


class ProductDefaults(BaseModel):
    """What Tryton wants of a new product and the other side does not know.

    unit: name or symbol of the default unit. type: goods are delivered, services are not. category: name of the
    accounting category, without which a product cannot be invoiced.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str = "Unit"
    type: Literal["goods", "service", "assets"] = "goods"
    category: str | None = None


class TrytonSettings(BaseModel):
    """Keys of a system of this kind in config.yaml.

    url: the database's address, like https://host:8000/database. company: the id of the company whose prices and
    accounts are meant; without it Tryton shows prices as empty. language: in which names of products are read and
    written. tax_identifier: the type of identifier that is a party's tax id. freight: the text of the line that is an
    order's freight. look_back: seconds a change may turn visible late. timeout: seconds without progress. verify:
    False, or the path of a CA file. proxy: its address.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    auth: KeyAuth
    company: int = Field(gt=0)
    language: str = "en"
    tax_identifier: str = "eu_vat"
    products: ProductDefaults = ProductDefaults()
    freight: str = Field(default="Freight", min_length=1)
    look_back: float = Field(default=60.0, ge=0, le=86400)
    timeout: float = Field(default=30.0, gt=0, le=600)
    verify: bool | str = True
    proxy: str | None = None

    @field_validator("url")
    @classmethod
    def _names_database(cls, url: str) -> str:
        if not urlsplit(url).path.strip("/"):
            raise ValueError("an address that ends with the database's name, like https://host:8000/database,")
        return url


def _make(settings: TrytonSettings, system: str, clock: Clock) -> Adapter:
    from connector.adapters.tryton.adapter import TrytonAdapter
    from connector.adapters.tryton.client import TrytonClient

    return TrytonAdapter(system, TrytonClient(system, settings, clock), settings, clock)


ADAPTERS = {
    "tryton": AdapterSpec(
        "tryton",
        TrytonSettings,
        _make,
        "Tryton 8: parties, contacts, products, sales; also read: invoices, payments, balances.",
    ),
}
