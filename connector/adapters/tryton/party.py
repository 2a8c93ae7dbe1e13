"""`party.party` as one flat record: the party with its addresses, contact mechanisms and identifiers.

Of several, Tryton's order decides: the first phone is the phone. What belongs to one address only is that address's own
(see contact.py). The billing address is the first one ticked for invoices, else the first that is not for deliveries;
the shipping address is the first one ticked for deliveries. An address that a sale or an invoice names is not changed:
another one takes its place, and what was sold keeps the one it was sold to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapters.tryton.failures import number_taken
from connector.adapters.tryton.kinds import MARK, Kind, World, command, marked, one_of, written
from connector.adapters.tryton.wire import Domain, Row
from connector.errors import RejectedError
from connector.model.records import Outcome
from connector.ports import FieldSchema

if TYPE_CHECKING:
    from connector.adapters.tryton.client import TrytonClient

MECHANISMS = ("email", "phone", "mobile", "fax", "website")
PARTS = ("street", "postal_code", "city", "country")
GROUPS = {"billing": "invoice", "shipping": "delivery"}


class Party(Kind):
    """Companies and people we trade with. number: Tryton draws one where none is given."""

    name = "party.party"
    model = "party.party"
    inner = ("addresses", "contact_mechanisms", "identifiers")
    live = (["replaced_by", "=", None],)
    merged = "replaced_by"
    reads = (
        "name",
        "code",
        "active",
        *(f"addresses.{name}" for name in ("active", "attn", "invoice", "delivery", "street", "postal_code", "city")),
        "addresses.country.code",
        *(f"contact_mechanisms.{name}" for name in ("active", "type", "value", "address")),
        *(f"identifiers.{name}" for name in ("active", "type", "code")),
    )
    capabilities = written(50)

    def __init__(self, world: World, tax_identifier: str, is_used: Callable[[int], bool]) -> None:
        """is_used: whether a sale or an invoice names the address of that id."""
        self._tax = tax_identifier
        self._is_used = is_used
        super().__init__(world)

    def fields(self) -> Sequence[FieldSchema]:
        texts = ("name", "code", "tax_id", "external_id", *MECHANISMS)
        addresses = [f"{group}_{part}" for group in GROUPS for part in PARTS]
        return [*(FieldSchema(name, "text") for name in (*texts, *addresses)), FieldSchema("active", "boolean")]

    def shown(self, row: Row) -> dict[str, Any]:
        fields = {"name": row["name"], "code": row["code"], "active": bool(row["active"])}
        for kind in MECHANISMS:
            fields[kind] = _value(_mechanism(row, kind), "value")
        fields["tax_id"] = _value(self._identifier(row, self._tax), "code")
        fields["external_id"] = marked(_value(_tag(row), "code"))
        for group, address in _addresses(row).items():
            for part in PARTS:
                fields[f"{group}_{part}"] = part_of(address, part)
        return fields

    def searched(self, field: str, values: Sequence[str]) -> Domain | None:
        if field in ("name", "code"):
            return [[field, "in", values]]
        if field in MECHANISMS:
            return [["contact_mechanisms", "where", [["type", "=", field], ["value", "in", values]]]]
        if field == "tax_id":
            return [["identifiers", "where", [["type", "=", self._tax], ["code", "in", values]]]]
        if field == "external_id":
            return [["identifiers.code", "in", [MARK + value for value in values]]]
        group, _, part = field.partition("_")
        if group in GROUPS and part in PARTS:
            return [["addresses.country.code" if part == "country" else f"addresses.{part}", "in", values]]
        return None

    def creating(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return self._written(None, fields)

    def make(self, client: TrytonClient, rows: Sequence[dict[str, Any]]) -> list[Outcome]:
        """A number that Tryton drew twice is no refusal of the party."""
        try:
            return super().make(client, rows)
        except RejectedError as error:
            if all("code" not in values for values in rows):
                raise number_taken(error) from None
            raise

    def updating(self, row: Row, fields: Mapping[str, Any]) -> tuple[str, int, dict[str, Any]]:
        return self.model, row["id"], self._written(row, fields)

    def _written(self, row: Row | None, fields: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {name: fields[name] for name in ("name", "code", "active") if name in fields}
        if values.get("active", True) is None:
            raise RejectedError(f"{self.name}: `active` is yes or no, not nothing.")
        if row is None and not values.get("code"):
            values.pop("code", None)
        commands = {
            "contact_mechanisms": list(self._mechanisms(row, fields)),
            "identifiers": list(self._identifiers(row, fields)),
            "addresses": self._address_commands(row, fields),
        }
        return values | {name: some for name, some in commands.items() if some}

    def _mechanisms(self, row: Row | None, fields: Mapping[str, Any]) -> Iterator[list[Any]]:
        for kind in MECHANISMS:
            if kind in fields:
                there = row and _mechanism(row, kind)
                yield from command(there, _filled("value", fields[kind]), {"type": kind})

    def _identifiers(self, row: Row | None, fields: Mapping[str, Any]) -> Iterator[list[Any]]:
        if "tax_id" in fields:
            there = row and self._identifier(row, self._tax)
            yield from command(there, _filled("code", fields["tax_id"]), {"type": self._tax})
        if "external_id" in fields:
            mark = fields["external_id"] and MARK + fields["external_id"]
            yield from command(row and _tag(row), _filled("code", mark), {})

    def _address_commands(self, row: Row | None, fields: Mapping[str, Any]) -> list[list[Any]]:
        now: dict[str, Row | None] = _addresses(row) if row else dict.fromkeys(GROUPS)
        changed = {group: self._parts(group, fields) for group in GROUPS}
        billing, shipping = now["billing"], now["shipping"]
        commands: list[list[Any]] = []
        if shipping is not None and billing is shipping and any(changed.values()):
            # One address is both: what is said of one must not change the other.
            commands += command(shipping, {"delivery": False}, {})
            changed["shipping"] = {**self._copied(shipping), **changed["shipping"]}
            now["shipping"] = None
        for group, flag in GROUPS.items():
            there, parts = now[group], changed[group]
            if not parts or (there is None and all(value is None for value in parts.values())):
                continue
            if there is not None and self._is_used(there["id"]):
                ticks = {"invoice": bool(there["invoice"]), "delivery": now["shipping"] is there, flag: True}
                commands += command(there, {"active": False}, {})
                parts = {"attn": there["attn"], **self._copied(there), **ticks, **parts}
                there = None
            commands += command(there, parts, {flag: True})
        return commands

    def _parts(self, group: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        parts = {part: fields[f"{group}_{part}"] for part in PARTS if f"{group}_{part}" in fields}
        if parts.get("country") is not None:
            parts["country"] = country_of(self.world, parts["country"])
        return parts

    def _copied(self, address: Row) -> dict[str, Any]:
        country = address["country"]
        return {**{part: address[part] for part in PARTS}, "country": country["id"] if country else None}

    def _identifier(self, row: Row, kind: str) -> Row | None:
        return next((one for one in one_of(row["identifiers"]) if one["type"] == kind), None)


def is_person(address: Row) -> bool:
    """An address for somebody's attention that gets neither invoices nor deliveries: a contact (see contact.py)."""
    return bool(address["attn"]) and not address["invoice"] and not address["delivery"]


def part_of(address: Row | None, part: str) -> Any:
    """One part of an address; the country as its code."""
    value = address[part] if address else None
    return value["code"] if part == "country" and value else value


def country_of(world: World, code: str) -> int:
    """The id of a country. Raises RejectedError."""
    if code not in world.countries:
        raise RejectedError(f"Tryton has no country `{code}`: import the countries there (trytond_import_countries).")
    return world.countries[code]


def _addresses(row: Row) -> dict[str, Row | None]:
    postal = [one for one in one_of(row["addresses"]) if not is_person(one)]
    others = [one for one in postal if not one["delivery"]]
    billing = next((one for one in postal if one["invoice"]), others[0] if others else None)
    return {"billing": billing, "shipping": next((one for one in postal if one["delivery"]), None)}


def _mechanism(row: Row, kind: str) -> Row | None:
    rows = one_of(row["contact_mechanisms"])
    return next((one for one in rows if one["type"] == kind and one["address"] is None), None)


def _tag(row: Row) -> Row | None:
    return next((one for one in one_of(row["identifiers"]) if marked(one["code"]) is not None), None)


def _value(row: Row | None, name: str) -> Any:
    return row[name] if row else None


def _filled(name: str, value: Any) -> dict[str, Any] | None:
    """None where there is nothing to keep: Tryton refuses an empty number or code."""
    return {name: value} if value else None
