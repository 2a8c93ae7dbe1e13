"""The objects of HubSpot that take part, as data. Contract: sections 1 (types), 3.1 (required), 4 (associations), 8.

A record shows its properties, and beside them, flat, the ids of the records it is associated with; HubSpot keeps those
apart. Documents show the line items they are associated with as their lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LINE_ITEMS: Final = "line_items"
LINES: Final = "lines"
"""The field that shows the lines of a document."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that shows the id of an associated record.

    to: its type. plain: the association's type. primary: the type that marks one of several as the one that is meant,
    where HubSpot has such a mark; it is written with this type, which moves the mark.
    """

    name: str
    to: str
    plain: int
    primary: int | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.plain,) if self.primary is None else (self.plain, self.primary)


@dataclass(frozen=True, slots=True)
class Kind:
    """One object. stamp: the property that tells when it changed. required: what a new one needs; any_of: one of these.

    line: the types of association (to its line items, from them); None where it has no lines. stage, pipeline: the
    properties that say where it stands. merges: its records can be merged. unique: whether a property of it can be
    unique; None where nobody has seen it. currency: the field with the currency of its amounts, which is the account's
    where HubSpot has none, or no such property. scope: of rights to it, `.read` and `.write` behind.
    """

    name: str
    number: str
    stamp: str = "hs_lastmodifieddate"
    required: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    line: tuple[int, int] | None = None
    stage: str | None = None
    pipeline: str | None = None
    merges: bool = False
    unique: bool | None = None
    currency: str | None = None
    scope: str = ""

    @property
    def scopes(self) -> str:
        return f"crm.objects.{self.scope or self.name}"


KINDS: Sequence[Kind] = (
    Kind(
        "companies",
        "0-2",
        any_of=("name", "domain"),
        references=(Reference("parent_id", "companies", 14),),
        merges=True,
        unique=True,
    ),
    Kind(
        "contacts",
        "0-1",
        stamp="lastmodifieddate",
        any_of=("email", "firstname", "lastname"),
        references=(Reference("company_id", "companies", 279, 1),),
        merges=True,
        unique=True,
    ),
    Kind("products", "0-7", required=("name",), unique=False, currency="account_currency"),
    Kind(
        "deals",
        "0-3",
        required=("dealname", "dealstage"),
        references=(Reference("company_id", "companies", 341, 5), Reference("contact_id", "contacts", 3)),
        line=(19, 20),
        stage="dealstage",
        pipeline="pipeline",
        unique=True,
        currency="deal_currency_code",
    ),
    Kind(
        "orders",
        "0-123",
        required=("hs_order_name",),
        references=(
            Reference("company_id", "companies", 934, 509),
            Reference("contact_id", "contacts", 507),
            Reference("deal_id", "deals", 512),
        ),
        line=(513, 514),
        stage="hs_pipeline_stage",
        pipeline="hs_pipeline",
        currency="hs_currency_code",
    ),
    Kind(
        "invoices",
        "0-53",
        required=("hs_currency",),
        references=(
            Reference("company_id", "companies", 179),
            Reference("contact_id", "contacts", 177),
            Reference("order_id", "orders", 517),
            Reference("deal_id", "deals", 175),
        ),
        line=(409, 410),
    ),
    Kind(
        "commerce_payments",
        "0-101",
        required=("hs_initial_amount", "hs_initiated_date"),
        references=(Reference("invoice_id", "invoices", 542), Reference("company_id", "companies", 389)),
        scope="commercepayments",
    ),
)

LINE: Final = Kind(LINE_ITEMS, "0-8", unique=False)
"""Never records of their own: lines of the document they are associated with."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
BY_NUMBER: Mapping[str, Kind] = {kind.number: kind for kind in (*KINDS, LINE)}


def is_key(value: str) -> bool:
    """Whether a text is an id of HubSpot's: a positive whole number, in its one way of writing."""
    return value.isascii() and value.isdecimal() and len(value) < 19 and value[0] != "0"
