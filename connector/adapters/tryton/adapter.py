"""The eight methods of the port over Tryton. What an object is made of stands in a file of its own."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.adapters.tryton.balance import Balances
from connector.adapters.tryton.client import TrytonClient
from connector.adapters.tryton.contact import Contact
from connector.adapters.tryton.invoice import Invoice, Payment
from connector.adapters.tryton.kinds import Kind, World
from connector.adapters.tryton.party import Party
from connector.adapters.tryton.product import Product
from connector.adapters.tryton.reading import Rows, Source
from connector.adapters.tryton.sale import Sale
from connector.adapters.tryton.wire import Domain
from connector.adapters.tryton.writing import Writer
from connector.errors import ConfigError, ConnectorError, DeniedError, RejectedError
from connector.model.records import Finding, Hint, Key, Op, Outcome, Page, Record, Write, WriteResult
from connector.ports import Clock, Description, WebhookRequest

if TYPE_CHECKING:
    from connector.adapters.tryton import TrytonSettings

MANY = 100_000
"""Countries, units, categories: read whole, there are few."""

NO_CATEGORY = "`category` is not set under `products`: a product made from here has none, and no invoice is made of it"


class TrytonAdapter:
    """Adapter of Tryton 8; see `connector.ports.Adapter` for the promises.

    Reads go over REST with the key, writes over JSON-RPC with the session of the same user: only there can a write be
    made to fail where the record moved. Records of Tryton show who wrote them as the id of the user.
    Deletes are hard and leave no trace that names the record: only a full read shows them.
    """

    def __init__(self, system: str, client: TrytonClient, settings: TrytonSettings, clock: Clock) -> None:
        self._system = system
        self._clock = clock
        self._client = client
        self._settings = settings
        self._writer = Writer(client)
        self._lock = threading.Lock()
        self._known: tuple[Description, Mapping[str, Source]] | None = None

    def describe(self) -> Description:
        """Objects as this Tryton and this company have them, asked for once and kept."""
        return self._learned()[0]

    def changes(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._source(object).changes(cursor)

    def scan(self, object: str, cursor: str | None) -> Page:  # noqa: A002
        return self._source(object).scan(cursor)

    def read(self, object: str, keys: Sequence[Key]) -> Mapping[Key, Record]:  # noqa: A002
        return self._source(object).read(keys)

    def find(self, object: str, field: str, values: Sequence[str]) -> Sequence[Record]:  # noqa: A002
        return self._source(object).find(field, values)

    def write(self, object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
        """One transaction where nothing is refused; else one for each, so that each outcome is its own."""
        if not writes:
            return WriteResult([])
        source = self._source(object)
        op, most = writes[0].op, source.schema.capabilities.batch_write
        if len(writes) > most or any(write.op is not op for write in writes):
            raise ValueError(f"a batch of {object} is at most {most} writes of one op")
        if not isinstance(source, Rows):
            refused = RejectedError(f"{self._client.place}: {object} is Tryton's own and cannot be written.")
            return WriteResult([Outcome(write.key, None, refused) for write in writes])
        if op is Op.CREATE:
            return WriteResult(self._writer.create(source.kind, writes))
        rows = source.rows([write.key for write in writes if write.key])
        return WriteResult(self._writer.change(source.kind, writes, rows))

    def check(self) -> Sequence[Finding]:
        """Reachability, key, session and company; then per object whether it can be listed."""
        try:
            with self._lock:
                self._known = self._learn()
            description, sources = self._known
        except ConnectorError as error:
            return [Finding("connection", False, str(error))]
        told = f"{self._client.place} answers; this connection writes as user {description.principal}"
        found = [Finding("connection", True, told), *(_checked(*one) for one in sources.items())]
        if self._settings.products.category is None:
            found.append(Finding("products", True, NO_CATEGORY))
        return found

    def hints(self, request: WebhookRequest) -> Sequence[Hint]:
        """Tryton sends no webhooks."""
        raise DeniedError(f"{self._system}: Tryton sends no webhooks; this request is not from it.")

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    # ------------------------------------------------------------------------------------------ what is known

    def _learned(self) -> tuple[Description, Mapping[str, Source]]:
        with self._lock:
            if self._known is None:
                self._known = self._learn()
            return self._known

    def _learn(self) -> tuple[Description, Mapping[str, Source]]:
        """Who we are, and what names stand for. Raises ConfigError where key, login and company do not fit."""
        client, company = self._client, self._settings.company
        user, companies = client.user()
        client.open_session()
        if company not in companies:
            raise ConfigError(f"{client.place} shows this user no company {company}: correct `company`, or its rights.")
        (own,) = client.rows("company.company", ["currency.code"], [["id", "=", company]], [("id", "ASC")], 1)
        world = World(
            own["currency"]["code"],
            company,
            countries=self._names("country.country", "code"),
            units=self._names("product.uom", "name", "symbol"),
            categories=self._names("product.category", "name", domain=[["accounting", "=", True]]),
            currencies=self._names("currency.currency", "code"),
            digits=self._digits(),
            taxes=self._taxes(),
            discounts=self._discounts(),
        )
        defaults = self._settings.products
        _known("unit", defaults.unit, world.units)
        _known("category", defaults.category, world.categories)
        kinds: list[Kind] = [
            Party(world, self._settings.tax_identifier, self._is_used),
            Contact(world),
            Product(world, defaults),
            Sale(world, client, self._settings.freight),
            Invoice(world, self._settings.freight),
            Payment(world),
        ]
        sources: dict[str, Source] = {kind.name: Rows(client, kind, self._settings.look_back) for kind in kinds}
        sources[Balances.name] = Balances(client, world, self._settings.look_back, self._clock)
        return Description({name: one.schema for name, one in sources.items()}, str(user)), sources

    def _names(self, model: str, *fields: str, domain: Domain = ()) -> dict[str, int]:
        """What each name stands for; the first field wins where two share one."""
        rows = self._client.rows(model, fields, domain, [("id", "ASC")], MANY)
        return {row[field]: row["id"] for field in reversed(fields) for row in reversed(rows) if row[field]}

    def _digits(self) -> dict[str, int]:
        rows = self._client.rows("currency.currency", ["code", "digits"], (), [("id", "ASC")], MANY)
        return {row["code"]: row["digits"] for row in rows}

    def _taxes(self) -> dict[Decimal, int]:
        """Taxes of sales by rate, the oldest where several share one."""
        kinds = [["group", "=", None], ["group.kind", "in", ["sale", "both"]]]
        domain = [["type", "=", "percentage"], ["parent", "=", None], ["OR", *kinds]]
        rows = self._client.rows("account.tax", ["rate"], domain, [("id", "ASC")], MANY)
        return {row["rate"].normalize(): row["id"] for row in reversed(rows)}

    def _discounts(self) -> bool:
        """Whether the module sale_discount is there, which keeps the price before discount."""
        domain = [["model", "=", "sale.line"], ["name", "=", "base_price"]]
        return bool(self._client.rows("ir.model.field", ["name"], domain, [("id", "ASC")], 1))

    def _is_used(self, address: int) -> bool:
        """Whether a sale or an invoice names the address."""
        sold = [["OR", ["shipment_address", "=", address], ["invoice_address", "=", address]]]
        documents = (("sale.sale", sold), ("account.invoice", [["invoice_address", "=", address]]))
        return any(self._client.rows(model, ["id"], domain, [("id", "ASC")], 1) for model, domain in documents)

    def _source(self, name: str) -> Source:
        sources = self._learned()[1]
        if name not in sources:
            raise ConfigError(f"{self._system} has no object `{name}`; it has: {', '.join(sorted(sources))}.")
        return sources[name]


def _known(setting: str, name: str | None, names: Mapping[str, int]) -> None:
    """Raises ConfigError for a name of the configuration that Tryton does not have."""
    if name is not None and name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f" - did you mean `{near[0]}`?" if near else ": correct it, or create it there."
        raise ConfigError(f"Tryton has no {setting} `{name}`, which `products` names{hint}")


def _checked(name: str, source: Source) -> Finding:
    try:
        source.scan(None)
    except ConnectorError as error:
        return Finding(name, False, str(error))
    return Finding(name, True, "can be read")
