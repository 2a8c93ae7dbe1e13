"""Both systems' records in one shape: what each side shows, read over HTTP, and what the edits say it should show.

A view is entity -> key in the ERP -> field of the ERP -> value. The CRM's records are told by their `external_id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.northwind_data import Sum, country_name
from benchmarks.systems import Systems, batch, records

Record = dict[str, Any]
View = dict[str, dict[str, Record]]

OBJECTS = {
    "account": {"erp": "customers", "crm": "companies"},
    "product": {"erp": "items", "crm": "products"},
    "order": {"erp": "orders", "crm": "deals"},
}
_ADDRESS = {"street": "street", "city": "city", "region": "region", "zip": "postal_code"}
FIELDS: dict[str, dict[str, str]] = {
    "account": {name: name for name in ("number", "name", "phone", "fax", "website", "industry", "currency")}
    | {"terms": "payment_terms", "remarks": "notes"}
    | {own: f"billing_{other}" for own, other in _ADDRESS.items()},
    "product": {name: name for name in ("name", "unit", "price", "currency")} | {"code": "sku", "group": "category"},
    "order": {name: name for name in ("freight", "currency", "carrier", "tracking")}
    | {"due_date": "required_date", "title": "name", "customer_reference": "po_number", "order_date": "close_date"}
    | {"number": "erp_number", "remarks": "notes", "total": "amount"}
    | {f"ship_{own}": f"shipping_{other}" for own, other in _ADDRESS.items()},
}
COUNTRIES = {"account": ("country", "billing_country"), "order": ("ship_country", "shipping_country")}
LINE = {"quantity": "quantity", "price": "unit_price", "discount_percent": "discount_percent"}


@dataclass(frozen=True, slots=True)
class Edit:
    """One field a person changes in one system, in the ERP's terms. line: place of the line in its order."""

    system: str
    entity: str
    key: str
    field: str
    value: str
    line: int | None = None

    @property
    def place(self) -> tuple[str, str, str, int | None]:
        return self.entity, self.key, self.field, self.line


class World:
    """What both sides show, read over their HTTP APIs."""

    def __init__(self, systems: Systems) -> None:
        self.raw: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for system in ("crm", "erp"):
            with systems.client(system) as client:
                self.raw[system] = {entity: records(client, names[system]) for entity, names in OBJECTS.items()}
        self.keys = {
            system: {entity: {r["id"]: _key(system, r) for r in found} for entity, found in raw.items()}
            for system, raw in self.raw.items()
        }

    def view(self, system: str) -> View:
        """Everything of one side, by the ERP's keys and in the ERP's terms."""
        return {
            entity: {self.keys[system][entity][r["id"]]: self._shown(system, entity, r["fields"]) for r in found}
            for entity, found in self.raw[system].items()
        }

    def _shown(self, system: str, entity: str, fields: Mapping[str, Any]) -> Record:
        crm = system == "crm"
        shown = {own: fields[other if crm else own] for own, other in FIELDS[entity].items()}
        if entity in COUNTRIES:
            own, other = COUNTRIES[entity]
            shown["country"] = fields[other] if crm else country_name(fields[own])
        if entity == "product":
            shown["active"] = fields["status"] == "active" if crm else fields["active"]
        if entity == "order":
            shown["customer"] = self.keys[system]["account"][fields["company_id" if crm else "customer"]]
            shown["lines"] = [self._line(system, line) for line in fields["lines"]]
        return shown

    def _line(self, system: str, line: Mapping[str, Any]) -> Record:
        crm = system == "crm"
        shown: Record = {own: Decimal(line[other if crm else own] or 0) for own, other in LINE.items()}
        shown["item"] = self.keys[system]["product"][line["product_id" if crm else "item"]]
        return shown

    def edit(self, systems: Systems, edits: Sequence[Edit]) -> None:
        """Carry the edits out over the HTTP APIs, one update per record and system."""
        for system in ("crm", "erp"):
            ids = {entity: {key: id_ for id_, key in keys.items()} for entity, keys in self.keys[system].items()}
            with systems.client(system) as client:
                for entity, names in OBJECTS.items():
                    mine = [edit for edit in edits if edit.system == system and edit.entity == entity]
                    changed: dict[str, dict[str, Any]] = {}
                    for edit in mine:
                        self._change(system, edit, changed.setdefault(ids[entity][edit.key], {}))
                    items = [{"id": id_, "fields": fields} for id_, fields in changed.items()]
                    for start in range(0, len(items), 200):
                        batch(client, names[system], "update", items[start : start + 200])

    def _change(self, system: str, edit: Edit, fields: dict[str, Any]) -> None:
        crm = system == "crm"
        if edit.line is None:
            fields[FIELDS[edit.entity][edit.field] if crm else edit.field] = edit.value
            return
        if "lines" not in fields:
            record = next(r for r in self.raw[system]["order"] if self.keys[system]["order"][r["id"]] == edit.key)
            fields["lines"] = [{"id": line["id"]} for line in record["fields"]["lines"]]
        fields["lines"][edit.line][LINE[edit.field] if crm else edit.field] = edit.value


def _key(system: str, record: Mapping[str, Any]) -> str:
    return str(record["id"] if system == "erp" else record["fields"]["external_id"])


def apply(view: View, edit: Edit) -> None:
    """Let a view show an edit; the total of its order is computed anew from quantities and prices."""
    record = view[edit.entity][edit.key]
    if edit.line is None:
        record[edit.field] = edit.value
    else:
        record["lines"][edit.line][edit.field] = Decimal(edit.value)
    if edit.entity == "order":
        record["total"] = str(sum_of(record).total)


def sum_of(record: Record) -> Sum:
    """An order's money, to be added up independently of both systems."""
    lines = [[line["quantity"], line["price"], line["discount_percent"]] for line in record["lines"]]
    return Sum(Decimal(record["freight"] or 0), lines)


def differences(name: str, found: View, wanted: View) -> list[str]:
    """Every field that is not as wanted, as one line each."""
    wrong = []
    for entity, records_ in wanted.items():
        for key in sorted(records_.keys() ^ found[entity].keys()):
            wrong.append(f"{name} {entity} {key} {'is missing' if key in records_ else 'should not be there'}")
        for key in records_.keys() & found[entity].keys():
            shown, meant = found[entity][key], records_[key]
            wrong += [
                f"{name} {entity} {key} {field}: {shown[field]!r} instead of {value!r}"
                for field, value in meant.items()
                if shown[field] != value
            ]
    return wrong
