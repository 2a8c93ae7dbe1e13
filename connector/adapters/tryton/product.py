"""`product.product` as one flat record: the variant, with what it shares with its template.

The price is `list_price_used`, what Tryton really sells at; `list_price` of the variant is an override and mostly null.
A price is written to the template where the variant is its only one and overrides nothing, else to the variant: the
others of the template keep theirs. Name, unit, type and category are the template's and so those of all its variants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapters.tryton.kinds import MARK, Kind, World, command, marked, written
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import DeniedError, RejectedError
from connector.model.records import Outcome
from connector.ports import FieldSchema

if TYPE_CHECKING:
    from connector.adapters.tryton import ProductDefaults
    from connector.adapters.tryton.client import TrytonClient

TYPES = ("goods", "service", "assets")


class Product(Kind):
    """Variants of products. code: with the prefix its template gives it, where it has one."""

    name = "product.product"
    model = "product.product"
    inner = ("template", "template.list_prices", "list_prices", "identifiers")
    reads = (
        "code",
        "suffix_code",
        "prefix_code",
        "description",
        "active",
        "list_price",
        "list_price_used",
        *(f"template.{name}" for name in ("name", "type", "active", "products", "list_price", "default_uom.name")),
        "template.account_category.name",
        *(f"{rows}.{name}" for rows in ("list_prices", "template.list_prices") for name in ("company", "list_price")),
        *(f"identifiers.{name}" for name in ("type", "code")),
    )
    capabilities = written(1)

    def __init__(self, world: World, defaults: ProductDefaults) -> None:
        """defaults: names that this Tryton has."""
        self._defaults = defaults
        super().__init__(world)

    def fields(self) -> Sequence[FieldSchema]:
        return [
            FieldSchema("name", "text", required=True),
            *(FieldSchema(name, "text") for name in ("code", "description", "unit", "external_id")),
            FieldSchema("type", "text", choices=TYPES),
            FieldSchema("category", "text", writable=False),
            FieldSchema("list_price", "decimal"),
            FieldSchema("currency", "text", choices=(self.world.currency,)),
            FieldSchema("active", "boolean"),
        ]

    def shown(self, row: Row) -> dict[str, Any]:
        template = row["template"]
        price = row["list_price_used"]
        if price is None:
            self._check_company(row)
        return {
            "name": template["name"],
            "code": row["code"],
            "description": row["description"],
            "unit": template["default_uom"]["name"],
            "type": template["type"],
            "category": template["account_category"]["name"] if template["account_category"] else None,
            "list_price": None if price is None else str(price),
            "currency": self.world.currency,
            "active": bool(row["active"] and template["active"]),
            "external_id": marked(_tag(row)["code"]) if _tag(row) else None,
        }

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        match field:
            case "code" | "description":
                return [[field, "in", values]]
            case "name" | "type":
                return [[f"template.{field}", "in", values]]
            case "external_id":
                return [["identifiers.code", "in", [MARK + value for value in values]]]
            case _:
                return None

    def creating(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The template, with its one variant inside."""
        template, variant = self._parts(None, fields)
        template.setdefault("type", self._defaults.type)
        template.setdefault("default_uom", self.world.units[self._defaults.unit])
        template["sale_uom"], template["salable"] = template["default_uom"], True
        if self._defaults.category is not None:
            template["account_category"] = self.world.categories[self._defaults.category]
        return {**template, "products": [["create", [variant]]]}

    def make(self, client: TrytonClient, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        """Over REST: JSON-RPC would answer with the id of the template, which is not the record's key."""
        made = []
        for values in rows:
            paths = [f"products.{path}" for path in self.paths]
            (row,) = client.create_one("product.template", values, paths)["products"]
            record = self.record(row)
            made.append(Outcome(record.key, record))
        return made

    def updating(self, row: Row, fields: Mapping[str, Any]) -> tuple[str, int, dict[str, Any]]:
        template, variant = self._parts(row, fields)
        if variant:
            template["products"] = [["write", [row["id"]], variant]]
        return "product.template", row["template"]["id"], template

    def waking(self, row: Row) -> dict[str, Any] | None:
        template = {} if row["template"]["active"] else {"active": True}
        variant = {} if row["active"] else {"products": [["write", [row["id"]], {"active": True}]]}
        return {**template, **variant} or None

    def deleting(self, row: Row) -> tuple[str, int]:
        """The template, where it would be left without a variant."""
        template = row["template"]
        return (self.model, row["id"]) if len(template["products"]) > 1 else ("product.template", template["id"])

    def _parts(self, row: Row | None, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What goes to the template and what to the variant."""
        template: dict[str, Any] = {name: fields[name] for name in ("name", "type") if name in fields}
        variant: dict[str, Any] = {name: fields[name] for name in ("description",) if name in fields}
        if template.get("type", "") is None:
            raise RejectedError(f"{self.name}: `type` cannot be empty.")
        if fields.get("unit") is not None:
            template["default_uom"] = self._unit(fields["unit"])
        if "code" in fields:
            variant["suffix_code"] = self._suffix(row, fields["code"])
        if "active" in fields:
            variant["active"] = bool(fields["active"])
            if row and not row["template"]["active"]:
                template["active"] = variant["active"]
        if "list_price" in fields:
            (variant if self._is_override(row) else template)["list_price"] = fields["list_price"]
        if "external_id" in fields:
            mark = {"code": MARK + fields["external_id"]} if fields["external_id"] else None
            variant["identifiers"] = command(row and _tag(row), mark, {})
        return template, variant

    def _check_company(self, row: Row) -> None:
        """Where no company is named, Tryton shows no price, with status 200, and its rows of prices all the same."""
        kept = [one for one in (*row["list_prices"], *row["template"]["list_prices"]) if one["list_price"] is not None]
        if any(one["company"] == self.world.company for one in kept):
            raise DeniedError(
                f"Tryton shows the price of product {row['id']} as nothing, and it has one: the company does not reach "
                "it. See that the header X-Tryton-Context gets through to Tryton."
            )

    def _is_override(self, row: Row | None) -> bool:
        return row is not None and (row["list_price"] is not None or len(row["template"]["products"]) > 1)

    def _suffix(self, row: Row | None, code: str | None) -> str | None:
        prefix = (row["prefix_code"] or "") if row else ""
        if code is not None and not code.startswith(prefix):
            raise RejectedError(f"{self.name}: `code` starts with `{prefix}`, which its template gives it.")
        return code.removeprefix(prefix) if code is not None else None

    def _unit(self, name: str) -> int:
        if name not in self.world.units:
            raise RejectedError(f"Tryton has no unit `{name}`: create it there, or correct the mapping.")
        return self.world.units[name]


def _tag(row: Row) -> Any:
    return next((one for one in row["identifiers"] if marked(one["code"]) is not None), None)
