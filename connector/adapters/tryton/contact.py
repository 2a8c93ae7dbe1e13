"""Contacts of a party: Tryton's addresses for somebody's attention, with the mechanisms that belong to them.

Tryton keeps the people of a company as addresses with `attn` filled, and a mechanism may belong to one address. An
address that is ticked for invoices or deliveries is a postal address and no contact, also if somebody's name is on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.adapters.tryton.kinds import MARK, Kind, command, is_key, key_of, marked, one_of, written
from connector.adapters.tryton.wire import Domain, Row
from connector.ports import FieldSchema

MECHANISMS = ("email", "phone", "mobile")


class Contact(Kind):
    """People of a party. name: the whole name, in one field. The external key is a mechanism of the type `other`."""

    name = "party.address"
    model = "party.address"
    inner = ("contact_mechanisms",)
    own = live = (["attn", "not in", [None, ""]], ["invoice", "=", False], ["delivery", "=", False])
    reads = ("party", "attn", "active", *(f"contact_mechanisms.{name}" for name in ("active", "type", "value")))
    capabilities = written(50)

    def fields(self) -> Sequence[FieldSchema]:
        return [
            FieldSchema("party", "text", required=True),
            FieldSchema("name", "text", required=True),
            *(FieldSchema(name, "text") for name in (*MECHANISMS, "external_id")),
            FieldSchema("active", "boolean"),
        ]

    def shown(self, row: Row) -> dict[str, Any]:
        fields = {"party": str(row["party"]), "name": row["attn"], "active": bool(row["active"])}
        for kind in MECHANISMS:
            there = _mechanism(row, kind)
            fields[kind] = there["value"] if there else None
        tag = _tag(row)
        fields["external_id"] = marked(tag["value"]) if tag else None
        return fields

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        if field == "name":
            return [["attn", "in", values]]
        if field == "party":
            return [["party", "in", [int(value) for value in values if is_key(value)]]]
        if field == "external_id":
            return [["contact_mechanisms.value", "in", [MARK + value for value in values]]]
        if field in MECHANISMS:
            return [["contact_mechanisms", "where", [["type", "=", field], ["value", "in", values]]]]
        return None

    def creating(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._written(None, fields)

    def updating(self, row: Row, fields: Mapping[str, Any]) -> tuple[str, int, dict[str, Any]]:
        return self.model, row["id"], self._written(row, fields)

    def _written(self, row: Row | None, fields: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if "party" in fields:
            values["party"] = key_of(fields["party"], self.name, "party")
        if "name" in fields:
            values["attn"] = fields["name"]
        if "active" in fields:
            values["active"] = bool(fields["active"])
        party = values.get("party") or (row and row["party"])
        commands = list(self._mechanisms(row, fields, party))
        return values | ({"contact_mechanisms": commands} if commands else {})

    def _mechanisms(self, row: Row | None, fields: Mapping[str, Any], party: Any) -> Iterator[list[Any]]:
        for kind in MECHANISMS:
            if kind in fields:
                value = {"value": fields[kind]} if fields[kind] else None
                yield from command(row and _mechanism(row, kind), value, {"type": kind, "party": party})
        if "external_id" in fields:
            mark = {"value": MARK + fields["external_id"]} if fields["external_id"] else None
            yield from command(row and _tag(row), mark, {"type": "other", "party": party})


def _mechanism(row: Row, kind: str) -> Row | None:
    return next((one for one in one_of(row["contact_mechanisms"]) if one["type"] == kind), None)


def _tag(row: Row) -> Row | None:
    rows = one_of(row["contact_mechanisms"])
    return next((one for one in rows if one["type"] == "other" and marked(one["value"]) is not None), None)
