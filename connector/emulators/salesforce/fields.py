"""What a field is: its type, its limits, who may write it. Facts as `describe` tells them (contract §2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

OnDelete = Literal["clear", "restrict", "cascade"]

TEXTS = frozenset({"string", "textarea", "phone", "url", "email", "picklist"})
NUMBERS = frozenset({"double", "currency", "percent"})
LONG = 255
"""A text area longer than this can be neither filtered nor sorted by."""

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object.

    refers: object a reference points to. parent: name of the relationship in a path (`Account.Name`). children: name
    of the list on the object it points to. derived: computed, never written by a caller.
    """

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    default: Any = None
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    derived: bool = False
    auto_number: str | None = None
    choices: tuple[str, ...] = ()
    restricted: bool = False
    refers: str | None = None
    parent: str | None = None
    children: str | None = None
    on_delete: OnDelete = "clear"
    label: str | None = None

    @property
    def nillable(self) -> bool:
        return not self.required and self.type not in ("boolean", "id")

    @property
    def defaulted(self) -> bool:
        return self.default is not None or self.type == "boolean" or self.auto_number is not None

    @property
    def filterable(self) -> bool:
        return self.type != "textarea" or self.length <= LONG

    @property
    def title(self) -> str:
        """What a person calls it."""
        if self.label is not None:
            return self.label
        words = self.name.removesuffix("__c").replace("_", " ")
        return "".join(f" {c}" if c.isupper() and i and words[i - 1].islower() else c for i, c in enumerate(words))

    def describe(self) -> dict[str, Any]:
        """The field's entry in an object's describe."""
        return {
            "name": self.name,
            "label": self.title,
            "type": self.type,
            "soapType": _SOAP.get(self.type, "xsd:string"),
            "length": self.length,
            "byteLength": self.length * 3,
            "precision": self.precision,
            "scale": self.scale,
            "digits": self.precision if self.type == "int" else 0,
            "nillable": self.nillable,
            "createable": self.createable,
            "updateable": self.updateable,
            "defaultedOnCreate": self.defaulted,
            "externalId": self.external_id,
            "idLookup": self.type == "id" or self.external_id,
            "unique": self.unique,
            "caseSensitive": self.case_sensitive,
            "calculated": self.derived,
            "autoNumber": self.auto_number is not None,
            "custom": self.name.endswith("__c"),
            "nameField": self.name == "Name",
            "filterable": self.filterable,
            "sortable": self.filterable,
            "groupable": self.filterable,
            "deprecatedAndHidden": False,
            "restrictedPicklist": self.restricted,
            "picklistValues": [
                {"value": value, "label": value, "active": True, "defaultValue": value == self.default}
                for value in self.choices
            ],
            "defaultValue": self.default if self.default is not None else (False if self.type == "boolean" else None),
            "referenceTo": [self.refers] if self.refers else [],
            "relationshipName": self.parent,
            "cascadeDelete": self.on_delete == "cascade",
            "restrictedDelete": self.on_delete == "restrict",
        }


def text(name: str, length: int = 255, **facts: Any) -> Field:
    return Field(name, "string", length=length, **facts)


def area(name: str, length: int = 255, **facts: Any) -> Field:
    return Field(name, "textarea", length=length, **facts)


def phone(name: str) -> Field:
    return Field(name, "phone", length=40)


def picklist(name: str, *choices: str, **facts: Any) -> Field:
    return Field(name, "picklist", length=facts.pop("length", 255), choices=choices, **facts)


def money(name: str, precision: int = 18, scale: int = 2, **facts: Any) -> Field:
    return Field(name, "currency", precision=precision, scale=scale, **facts)


def flag(name: str, default: bool = False, **facts: Any) -> Field:
    return Field(name, "boolean", default=default, **facts)


def day(name: str, **facts: Any) -> Field:
    return Field(name, "date", **facts)


def reference(name: str, to: str, children: str | None = None, **facts: Any) -> Field:
    parent = facts.pop("parent", name.removesuffix("Id") if name.endswith("Id") else None)
    return Field(name, "reference", length=18, refers=to, parent=parent, children=children, **facts)


READ_ONLY: dict[str, Any] = {"createable": False, "updateable": False}
DERIVED: dict[str, Any] = {**READ_ONLY, "derived": True}


def address(prefix: str) -> tuple[Field, ...]:
    return (
        area(f"{prefix}Street"),
        text(f"{prefix}City", 40),
        text(f"{prefix}State", 80),
        text(f"{prefix}PostalCode", 20),
        text(f"{prefix}Country", 80),
    )
