"""What is learned of an org before it is used: its objects, its price books, its currency, and what this user lacks.

Contract: 2.4, 7. An object that is licensed to nobody, or hidden from this user, is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.adapters.salesforce.client import SalesforceClient
from connector.adapters.salesforce.documents import BOOK, Document, Order
from connector.adapters.salesforce.entries import CURRENCY, ENTRY
from connector.adapters.salesforce.kinds import Kind, Party, World
from connector.adapters.salesforce.prices import Product
from connector.adapters.salesforce.reading import Rows
from connector.adapters.salesforce.soql import identity, select
from connector.adapters.salesforce.table import STAMP, Table
from connector.adapters.salesforce.writing import Writer
from connector.errors import ConfigError
from connector.model.records import Finding

if TYPE_CHECKING:
    from connector.adapters.salesforce import SalesforceSettings

LINES = {"Order": ("OrderItem", "OrderId"), "Opportunity": ("OpportunityLineItem", "OpportunityId")}
PRICED = ("Product2", *LINES)
PARTIES = ("Account", "Contact")
LINE_KEY = "ERP_Line_Id__c"


@dataclass(frozen=True, slots=True)
class Learned:
    """rows, writers: by object. links: which record a row of some object belongs to, and by which of its fields.
    tables: everything described; None: asked for and not there."""

    rows: Mapping[str, Rows]
    writers: Mapping[str, Writer]
    links: Mapping[str, tuple[str, str]]
    tables: Mapping[str, Table | None]
    world: World


@dataclass(slots=True)
class _Org:
    """Descriptions, each asked for once."""

    client: SalesforceClient
    tables: dict[str, Table | None] = field(default_factory=dict)

    def table(self, name: str) -> Table | None:
        if name not in self.tables:
            wire = self.client.describe(name)
            self.tables[name] = Table(wire) if wire is not None and any(c.name == STAMP for c in wire.fields) else None
        return self.tables[name]


def learn(client: SalesforceClient, settings: SalesforceSettings) -> Learned:
    """Raises ConfigError where nothing of what is wanted is there."""
    client.open_session()  # first: an address that is not there is no object that is not there
    org = _Org(client)
    names = settings.objects or ("Account", "Contact", *PRICED, settings.invoice, settings.payment)
    there = [name for name in names if org.table(name) is not None]
    if not there:
        raise ConfigError(f"{client.place} shows none of {', '.join(names)}: give this user the right to read them.")
    world = _world(client, org, settings, prices=any(name in PRICED for name in there))
    kinds = [_kind(name, org, settings, world) for name in there]
    rows = {kind.name: Rows(client, kind, settings.look_back, settings.hold_back) for kind in kinds}
    prices = org.tables.get(ENTRY)
    links = {name: (name, "Id") for name in rows}
    links.update((kind.inner.table.name, (kind.name, kind.inner.link)) for kind in kinds if kind.inner)
    writers = {name: Writer(client, one, prices) for name, one in rows.items()}
    return Learned(rows, writers, links, dict(org.tables), world)


def _world(client: SalesforceClient, org: _Org, settings: SalesforceSettings, *, prices: bool) -> World:
    plain = World(settings.external_key, client.principal, currency=settings.currency, page=settings.page)
    if not prices or org.table(ENTRY) is None:
        return plain
    books = client.query(select(["Id", "Name", "IsStandard"], "Pricebook2", order="Id"), everything=False)
    by_name = {name: str(identity(row["Id"])) for row in reversed(books) for name in (row["Name"], identity(row["Id"]))}
    standard = next((str(identity(row["Id"])) for row in books if row["IsStandard"]), None)
    wanted = settings.price_book
    book = standard if wanted is None else by_name.get(identity(wanted) or wanted, by_name.get(wanted))
    if wanted is not None and book is None:
        raise ConfigError(f"{client.place} shows no price book `{wanted}`: correct `price_book`, or give the right.")
    return World(settings.external_key, client.principal, book, standard, settings.currency, settings.page)


def _kind(name: str, org: _Org, settings: SalesforceSettings, world: World) -> Kind:
    table = org.table(name)
    assert table is not None
    if name in PARTIES:
        return Party(table, world)
    if name == "Product2":
        return Product(table, world, org.table(ENTRY))
    child, link = LINES.get(name, ("", ""))
    if name == settings.invoice:
        child = settings.invoice_line
    lines = org.table(child) if child else None
    if lines is None:
        return Kind(table, world)
    link = link or lines.referring(name) or ""
    if not lines.has(link):
        raise ConfigError(f"`{child}` has no field that points to `{name}`, or this user may not see it.")
    if name == "Order":
        return Order(table, world, lines, draft=settings.draft_status, activates=settings.activate_orders)
    return Document(table, world, lines, link)


def findings(learned: Learned, settings: SalesforceSettings) -> Sequence[Finding]:
    """What of the objects is there, and what of them is hidden from this user, by name."""
    found: list[Finding] = []
    for name, table in learned.tables.items():
        if table is None:
            wanted = name in settings.objects or (name == ENTRY and bool(settings.price_book))
            found.append(Finding(name, not wanted, _absent(name)))
        elif name in learned.rows:
            found.append(_finding(table, learned.rows[name].kind, settings))
    return found


def _absent(name: str) -> str:
    return f"is not in this org, or hidden: to use it give the user's permission set Read on the object {name}"


def _finding(table: Table, kind: Kind, settings: SalesforceSettings) -> Finding:
    key, lacks = settings.external_key, []
    wanted = [(table, key), *([(kind.inner.table, LINE_KEY)] if table.name in LINES and kind.inner else [])]
    for where, name in wanted:
        column = where.columns.get(name)
        if column is None:
            lacks.append(
                f"the field {where.name}.{name}: create it (Text 80, External ID, Unique) and let the user see it"
            )
        elif not column.createable or not column.updateable:
            lacks.append(f"Edit on the field {where.name}.{name}, in field-level security")
        elif not column.unique:
            lacks.append(f"Unique on the field {where.name}.{name}: without it a lost answer may leave a second record")
    if not table.createable:
        lacks.append(f"Create on the object {table.name}, in the user's permission set")
    if table.name in PRICED and CURRENCY not in table.columns and settings.currency is None:
        lacks.append("`currency` in the configuration, for this org has one currency and does not tell which")
    if table.name in PRICED and kind.world.book is None:
        lacks.append(
            f"a price book this user may see, for {table.name}{'.' + BOOK if table.name != 'Product2' else ''}"
        )
    if lacks:
        return Finding(table.name, False, f"lacks {'; '.join(lacks)}")
    return Finding(table.name, True, "can be read and created")
