"""The objects an org has, and how custom ones come about (contract §2.4 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connector.emulators.salesforce.fields import READ_ONLY, Field, flag, picklist, reference

SYSTEM = (
    flag("IsDeleted", **READ_ONLY),
    Field("CreatedDate", "datetime", **READ_ONLY),
    reference("CreatedById", "User", **READ_ONLY),
    Field("LastModifiedDate", "datetime", **READ_ONLY),
    reference("LastModifiedById", "User", **READ_ONLY),
    Field("SystemModstamp", "datetime", **READ_ONLY),
)


@dataclass
class SObject:
    """One kind of record. calls: what the vendor allows on it. currency: has a CurrencyIsoCode in a multi-currency org.

    `fields` grows when an operator adds custom ones; the order is that of describe.
    """

    name: str
    prefix: str
    label: str
    plural: str
    fields: dict[str, Field]
    calls: frozenset[str] = frozenset({"create", "update", "delete", "undelete"})
    currency: bool = False
    currency_fixed: bool = False
    children: dict[str, tuple[str, Field]] = field(default_factory=dict)
    by_lower: dict[str, Field] = field(default_factory=dict)
    parents: dict[str, Field] = field(default_factory=dict)

    def add(self, new: Field) -> None:
        self.fields[new.name] = new
        self.by_lower[new.name.lower()] = new
        if new.parent:
            self.parents[new.parent.lower()] = new

    @property
    def external_ids(self) -> list[Field]:
        return [f for f in self.fields.values() if f.external_id]

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def mergeable(self) -> bool:
        return "MasterRecordId" in self.fields


def sobject(name: str, prefix: str, fields: Iterable[Field], plural: str | None = None, **facts: Any) -> SObject:
    """An object with its own fields between the Id and the system fields."""
    label = facts.pop("label", name)
    kind = SObject(name, prefix, label, plural or f"{label}s", {}, **facts)
    for one in (Field("Id", "id", length=18, **READ_ONLY), *fields, *SYSTEM):
        kind.add(one)
    return kind


def currency_field(kind: SObject, currencies: Iterable[str], default: str) -> Field:
    facts = {"updateable": False} if kind.currency_fixed else {}
    return picklist("CurrencyIsoCode", *currencies, length=3, restricted=True, default=default, **facts)


class Schema:
    """All objects of the org, by name."""

    def __init__(self, kinds: Iterable[SObject], currencies: tuple[str, ...]) -> None:
        """currencies: of a multi-currency org, the corporate one first; empty for a single-currency org."""
        self.currencies = currencies
        self.objects: dict[str, SObject] = {}
        self._by_lower: dict[str, SObject] = {}
        self._by_prefix: dict[str, SObject] = {}
        for kind in kinds:
            self.add_object(kind)

    def __iter__(self) -> Iterator[SObject]:
        return iter(list(self.objects.values()))

    def find(self, name: str) -> SObject | None:
        """The object of this name, whatever the case: SOQL does not mind."""
        return self._by_lower.get(name.lower())

    def of_id(self, key: str) -> SObject | None:
        """The object that an id's key prefix belongs to."""
        return self._by_prefix.get(key[:3])

    def add_object(self, kind: SObject) -> None:
        if self.currencies and kind.currency:
            kind.add(currency_field(kind, self.currencies, self.currencies[0]))
        self.objects[kind.name] = kind
        self._by_lower[kind.name.lower()] = kind
        self._by_prefix[kind.prefix] = kind
        for other in self.objects.values():
            for one in other.fields.values():
                self._join(other, one)

    def add_field(self, kind: SObject, new: Field) -> None:
        kind.add(new)
        self._join(kind, new)

    def _join(self, kind: SObject, one: Field) -> None:
        if one.refers in self.objects and one.children:
            self.objects[one.refers].children[one.children.lower()] = (kind.name, one)

    def referring(self, target: SObject) -> Iterator[tuple[SObject, Field]]:
        """Every field that can point to a record of this object."""
        for kind in self.objects.values():
            for one in kind.fields.values():
                if one.refers == target.name and one.name not in ("CreatedById", "LastModifiedById", "MasterRecordId"):
                    yield kind, one
