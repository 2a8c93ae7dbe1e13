"""`sale.sale` as an order with its lines, and how one comes to be confirmed.

What Tryton's client fills in while a person types is not filled in for a program: unit, price, taxes, addresses and the
payment term go with the sale. A sale is quoted and confirmed with buttons, each a transaction of its own; confirming
processes it and makes its invoice. Contract: Tryton, REST, actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from connector.adapters.tryton.kinds import Kind, World, is_key, key_of, written
from connector.adapters.tryton.lines import (
    Goods,
    LineWriter,
    amounts,
    digits,
    freight_command,
    goods,
    mark,
    noted,
    shown_line,
    unmarked,
)
from connector.adapters.tryton.party import country_of, part_of
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import ConnectorError, RejectedError, UncertainError
from connector.model.records import Outcome
from connector.ports import FieldSchema

if TYPE_CHECKING:
    from connector.adapters.tryton.client import TrytonClient

PLAIN = ("description", "reference", "comment", "sale_date", "shipping_date")
PARTS = ("street", "city", "postal_code", "country")
INVOICED = ("awaiting payment", "partially paid", "paid")
STAGES = ("draft", "quotation", "confirmed", "processing", "shipped", "invoiced", "done", "cancelled")
BUTTONS: Mapping[tuple[str, str], Sequence[str]] = {
    ("draft", "quotation"): ("quote",),
    ("draft", "confirmed"): ("quote", "confirm"),
    ("draft", "cancelled"): ("cancel",),
    ("quotation", "confirmed"): ("confirm",),
    ("quotation", "draft"): ("draft",),
    ("quotation", "cancelled"): ("cancel",),
    ("cancelled", "draft"): ("draft",),
}
"""From the stage it is in to the one it is to be in; there is no other way from outside."""


class Sale(Kind):
    """Sales of the company, one at a time: three buttons are no part of one transaction."""

    name = model = "sale.sale"
    inner = ("lines", "shipment_address")
    of = "company"
    capabilities = written(1)

    def __init__(self, world: World, client: TrytonClient, freight: str) -> None:
        self._client = client
        self._word = freight
        priced = ("base_price", "discount_rate") if world.discounts else ()
        lines = ("type", "sequence", "product", "description", "quantity", "unit_price", *priced, "amount", "note")
        self.reads = (
            "party",
            "number",
            *PLAIN,
            "state",
            "invoice_state",
            "shipment_state",
            "currency.code",
            *("untaxed_amount", "tax_amount", "total_amount"),
            *(f"shipment_address.{part}" for part in PARTS[:-1]),
            "shipment_address.country.code",
            *("shipments.state", "shipments.effective_date"),
            *(f"lines.{name}" for name in lines),
            *("lines.taxes.id", "lines.taxes.rate"),
        )
        super().__init__(world)

    def fields(self) -> Sequence[FieldSchema]:
        return [
            FieldSchema("party", "text", required=True),
            *(FieldSchema(name, "text") for name in ("description", "reference", "comment", "external_id")),
            *(FieldSchema(name, "date") for name in ("sale_date", "shipping_date")),
            FieldSchema("stage", "text", choices=STAGES),
            FieldSchema("currency", "text", choices=tuple(self.world.currencies)),
            FieldSchema("freight", "decimal"),
            *(FieldSchema(f"ship_{part}", "text") for part in PARTS),
            *(FieldSchema(name, "text", writable=False) for name in ("number", "ship_date")),
            *(FieldSchema(name, "decimal", writable=False) for name in ("subtotal", "tax_amount", "total_amount")),
            FieldSchema("lines", "lines", lines={known.name: known for known in _line_fields()}),
        ]

    # ------------------------------------------------------------------------------------------- reading

    def shown(self, row: Row) -> dict[str, Any]:
        fields = {name: _text(row[name]) for name in PLAIN}
        fields |= {f"ship_{part}": part_of(row["shipment_address"], part) for part in PARTS}
        sent = [_text(one["effective_date"]) or "" for one in row["shipments"] if one["state"] == "done"]
        return {
            **fields,
            **amounts(row, self._word),
            "party": str(row["party"]),
            "number": row["number"],
            "external_id": next((order for order, _ in map(_keys, row["lines"]) if order), None),
            "stage": stage(row),
            "currency": row["currency"]["code"],
            "ship_date": max(sent, default="") or None,
            "lines": [self._line(line) for line in goods(row, self._word)],
        }

    def _line(self, line: Row) -> dict[str, Any]:
        base, rate = line.get("base_price"), line.get("discount_rate")
        return {
            **shown_line(line),
            "external_id": _keys(line)[1],
            "base_price": digits(line["unit_price"] if base is None else base),
            "discount_percent": digits((rate * 100).normalize() if rate else None),
        }

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        match field:
            case "number" | "reference" | "description":
                return [[field, "in", values]]
            case "party":
                return [[field, "in", [int(value) for value in values if is_key(value)]]]
            case "external_id":
                # `like` takes more than is meant; what is not meant is left out again by the fields it shows.
                return [["OR", *([["lines.note", "like", f"{mark(value, None)}%"]] for value in values)]]
            case _:
                return None

    # ------------------------------------------------------------------------------------------- writing

    def creating(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The sale with its lines, and under `stage` the buttons that `make` presses."""
        values = {name: fields[name] for name in PLAIN if fields.get(name) is not None}
        party = self._party(key_of(fields["party"], self.name, "party"))
        address = self._address(party, {part: fields.get(f"ship_{part}") for part in PARTS})
        values |= {"party": party["id"], "payment_term": party["customer_payment_term"]}
        values |= {"shipment_address": address, "invoice_address": _billing(party) or address}
        if fields.get("currency") is not None:
            values["currency"] = self.world.currencies[fields["currency"]]
        wanted = fields.get("lines") or []
        lines = self._writer(wanted, fields.get("currency")).commands([], [], wanted, self._own(fields))
        commands = [*lines, *freight_command(None, fields.get("freight"), self._word)]
        return {**values, "lines": commands, "stage": self._buttons("draft", fields.get("stage") or "draft")}

    def make(self, client: TrytonClient, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Created, quoted and confirmed; where a button is refused, the draft is taken away again."""
        ((values,)) = rows
        buttons = values["stage"]
        (key,) = client.create(self.model, [{name: value for name, value in values.items() if name != "stage"}])
        try:
            for button in buttons:
                client.press(self.model, button, key)
        except RejectedError as error:
            self._take_back(client, key, error)
            raise
        except ConnectorError as error:
            raise UncertainError(f"{error} The sale is there, and maybe not as far as it was to come.") from None
        return [Outcome(str(key), None)]

    def updating(self, row: Row, fields: Mapping[str, Any]) -> tuple[str, int, dict[str, Any]]:
        values = {name: fields[name] for name in PLAIN if name in fields}
        given = {part: fields[f"ship_{part}"] for part in PARTS if f"ship_{part}" in fields}
        if given or "party" in fields:
            party = self._party(key_of(fields["party"], self.name, "party") if "party" in fields else row["party"])
            parts = {part: part_of(row["shipment_address"], part) for part in PARTS} | given
            values["shipment_address"] = address = self._address(party, parts)
            if party["id"] != row["party"]:
                values |= {"party": party["id"], "invoice_address": _billing(party) or address}
        if fields.get("currency") is not None and fields["currency"] != row["currency"]["code"]:
            values["currency"] = self.world.currencies[fields["currency"]]
        if lines := self._changed_lines(row, fields):
            values["lines"] = lines
        return self.model, row["id"], values

    def pressed(self, row: Row, fields: Mapping[str, Any]) -> Sequence[str]:
        return self._buttons(stage(row), fields["stage"]) if fields.get("stage") is not None else ()

    def _changed_lines(self, row: Row, fields: Mapping[str, Any]) -> list[list[Any]]:
        there = goods(row, self._word)
        commands: list[list[Any]] = []
        order = self._own(fields) if "external_id" in fields else _own_of(row)
        if "lines" in fields:
            wanted = fields["lines"] or []
            writer = self._writer(wanted, fields.get("currency") or row["currency"]["code"], there)
            commands += writer.commands(there, [self._line(one) for one in there], wanted, order)
        elif "external_id" in fields:
            commands += [["write", [one["id"]], {"note": noted(one["note"], order, _keys(one)[1])}] for one in there]
        if "freight" in fields:
            commands += freight_command(row, fields["freight"], self._word)
        return commands

    def _own(self, fields: Mapping[str, Any]) -> Any:
        if fields.get("external_id") and not fields.get("lines"):
            raise RejectedError(f"{self.name}: a sale without lines has no place for its external key.")
        return fields.get("external_id")

    def _buttons(self, now: str, wanted: str) -> Sequence[str]:
        if now == wanted:
            return ()
        if (now, wanted) not in BUTTONS:
            raise RejectedError(f"{self.name}: a sale does not go from `{now}` to `{wanted}` from outside.")
        return BUTTONS[now, wanted]

    def _take_back(self, client: TrytonClient, key: int, refusal: RejectedError) -> None:
        try:
            client.press(self.model, "cancel", key)
            client.delete(self.model, [key])
        except ConnectorError as error:
            raise UncertainError(f"{refusal} The sale is there all the same: {error}") from None

    # ---------------------------------------------------------------------------------- what it is made of

    def _party(self, key: int) -> Row:
        names = ("invoice", "delivery", "active", "attn", *PARTS[:-1], "country.code")
        fields = ["customer_payment_term", *(f"addresses.{name}" for name in names)]
        rows = self._client.rows("party.party", fields, [["id", "=", key]], [("id", "ASC")], 1)
        if not rows:
            raise RejectedError(f"{self.name}: Tryton has no party {key}.")
        return rows[0]

    def _address(self, party: Row, parts: Mapping[str, Any]) -> int:
        """The party's address that says so, made where there is none; with nothing said where it gets deliveries.

        One that is made is of this sale alone: inactive, it is none of the party's own addresses.
        """
        if not any(parts.values()):
            if (there := _delivery(party)) is None:
                raise RejectedError(f"{self.name}: the party has no address, without which Tryton quotes nothing.")
            return there
        for one in sorted(party["addresses"], key=lambda one: not one["active"]):
            if all((part_of(one, part) or None) == (value or None) for part, value in parts.items()):
                return int(one["id"])
        values = {part: value for part, value in parts.items() if value}
        if "country" in values:
            values["country"] = country_of(self.world, values["country"])
        (made,) = self._client.create("party.address", [{"party": party["id"], **values}])
        self._client.write("party.address", [(made, {"active": False})])
        return made

    def _writer(
        self, lines: Sequence[Mapping[str, Any]], currency: str | None, there: Sequence[Row] = ()
    ) -> LineWriter:
        keys = {key_of(line["product"], self.name, "lines.product") for line in lines if line.get("product")}
        keys |= {row["product"] for row in there if row["product"] is not None}
        fields = ["template.default_uom", "template.account_category.customer_taxes.id"]
        domain = [["id", "in", sorted(keys)]]
        rows = self._client.rows("product.product", fields, domain, [("id", "ASC")], len(keys)) if keys else []
        products = {str(row["id"]): _goods(row["template"]) for row in rows}
        if missing := sorted(keys - {int(key) for key in products}):
            raise RejectedError(f"{self.name}: Tryton has no product {missing[0]}.")
        return LineWriter(self.name, products, self.world, self.world.digits.get(currency or self.world.currency, 2))


def stage(row: Row) -> str:
    """Tryton's state; what is being processed is told apart by what came of it."""
    if row["state"] != "processing":
        return str(row["state"])
    if row["invoice_state"] in INVOICED:
        return "invoiced"
    return "shipped" if row["shipment_state"] == "sent" else "processing"


def _line_fields() -> list[FieldSchema]:
    return [
        *(FieldSchema(name, "text") for name in ("id", "product", "description", "external_id")),
        *(FieldSchema(name, "decimal") for name in ("quantity", "base_price", "discount_percent", "tax_percent")),
        FieldSchema("amount", "decimal", writable=False),
    ]


def _goods(template: Row) -> Goods:
    category = template["account_category"]
    return Goods(template["default_uom"], [tax["id"] for tax in category["customer_taxes"]] if category else [])


def _billing(party: Row) -> int | None:
    """Where invoices go: the first address ticked for them, else the first that is no person's."""
    postal = [one for one in party["addresses"] if one["active"] and (one["invoice"] or not one["attn"])]
    return next((int(one["id"]) for one in sorted(postal, key=lambda one: not one["invoice"])), None)


def _delivery(party: Row) -> int | None:
    """Where goods go: the first address ticked for them, else where invoices go."""
    ticked = (int(one["id"]) for one in party["addresses"] if one["active"] and one["delivery"])
    return next(ticked, None) or _billing(party)


def _keys(line: Row) -> tuple[str | None, str | None]:
    return unmarked(line["note"])


def _own_of(row: Row) -> str | None:
    return next((order for order, _ in map(_keys, row["lines"]) if order), None)


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
