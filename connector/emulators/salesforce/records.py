"""Creating, changing and deleting records: everything that is written goes through here, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from connector.emulators.salesforce.errors import Choices, Refusal, Unreadable, not_found, refusal, unreadable
from connector.emulators.salesforce.fields import NUMBERS, Field
from connector.emulators.salesforce.ids import full, numbered
from connector.emulators.salesforce.rules import PLAIN, RULES
from connector.emulators.salesforce.schema import SObject
from connector.emulators.salesforce.store import Values
from connector.emulators.salesforce.values import accepted, wrong_type

if TYPE_CHECKING:
    from connector.emulators.salesforce.org import Org

DELETED = refusal("ENTITY_IS_DELETED", "entity is deleted").problems


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a record is written. allow_duplicates: saves past a duplicate rule (§1)."""

    user: str
    allow_duplicates: bool = False


class Records:
    """The org's records. Call it inside a transaction of the store; a Refusal leaves nothing half done there."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.store = org.store
        self.schema = org.schema

    # looking

    def row(self, name: str, key: str) -> Values:
        """A record that is there; deleted ones too."""
        found = self.store.get(self.schema.objects[name], key)
        if found is None:
            raise refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return found

    def some(self, name: str, where: str, parameters: Sequence[Any]) -> bool:
        return bool(self.store.rows(f'SELECT 1 FROM "{name}" WHERE {where} LIMIT 1', parameters))

    @property
    def standard_pricebook(self) -> str:
        return str(self.store.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = 1")[0][0])

    def live(self, kind: SObject, given: str) -> Values:
        """The record of an id from outside. Raises Refusal NOT_FOUND or ENTITY_IS_DELETED."""
        key = full(given)
        row = self.store.get(kind, key) if key is not None else None
        if row is None:
            raise not_found(f"Provided external ID field does not exist or is not accessible: {given}")
        if row["IsDeleted"]:
            raise Refusal(DELETED)
        return row

    def by_external_id(self, kind: SObject, field: Field, value: Any) -> list[str]:
        """Ids of the live records that have this value, at most three."""
        if value is None:
            return []
        same = f'"{field.name}" = ?' + ("" if field.case_sensitive else " COLLATE NOCASE")
        sql = f'SELECT Id FROM "{kind.name}" WHERE {same} AND IsDeleted = 0 LIMIT 3'
        return [key for (key,) in self.store.rows(sql, (value,))]

    def external_field(self, kind: SObject, name: str) -> Field:
        field = kind.fields.get(name)
        if field is None or not field.external_id or self.org.hidden(kind, name):
            raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
        return field

    def external_value(self, field: Field, given: Any) -> Any:
        """The stored form of a value that may have come as text, from a path or a CSV cell."""
        if isinstance(given, str) and field.type in NUMBERS:
            try:
                return float(given)
            except ValueError:
                raise wrong_type(field, given) from None
        return accepted(field, given, self.org.switches.trim_text)

    # writing

    def create(self, kind: SObject, body: Mapping[str, Any], caller: Caller) -> str:
        """A new record; its id. Raises Refusal."""
        self.allowed(kind, "create")
        given = self._incoming(kind, body, "createable")
        row = self._defaults(kind) | given
        missing = [
            field.name
            for field in kind.fields.values()
            if field.required and field.createable and row.get(field.name) is None
        ]
        if missing:
            raise refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
        if "OwnerId" in kind.fields and row.get("OwnerId") is None:
            row["OwnerId"] = caller.user
        self._check_references(kind, given)
        self.check_unique(kind, given, None)
        self._check_duplicates(kind, row, caller)
        rules = RULES.get(kind.name, PLAIN)
        rules.before_create(self, row)
        at = self.org.stamp()
        row["Id"] = numbered(kind.prefix, self.store.next_number(kind.prefix))
        row |= {"IsDeleted": 0, "CreatedDate": at, "CreatedById": caller.user}
        row |= {"LastModifiedDate": at, "LastModifiedById": caller.user, "SystemModstamp": at}
        self.store.insert(kind, row)
        rules.after(self, row)
        self._check_validation(kind, row["Id"])
        return str(row["Id"])

    def update(self, kind: SObject, old: Values, body: Mapping[str, Any], caller: Caller) -> None:
        """Change a live record; system times move even when nothing else does. Raises Refusal."""
        self.allowed(kind, "update")
        changes = self._incoming(kind, body, "updateable")
        emptied = [name for name, value in changes.items() if value is None and kind.fields[name].required]
        if emptied:
            raise refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", *emptied)
        self._check_references(kind, {name: value for name, value in changes.items() if value != old[name]})
        self.check_unique(kind, changes, old["Id"])
        self._check_duplicates(kind, {**old, **changes}, caller)
        rules = RULES.get(kind.name, PLAIN)
        rules.before_update(self, old, changes)
        at = self.org.stamp()
        changes |= {"LastModifiedDate": at, "LastModifiedById": caller.user, "SystemModstamp": at}
        self.store.update(kind, old["Id"], changes)
        rules.after(self, {**old, **changes})
        self._check_validation(kind, old["Id"])

    def put(
        self,
        kind: SObject,
        field: Field,
        value: Any,
        body: Mapping[str, Any],
        caller: Caller,
        update_only: bool = False,
    ) -> tuple[str, bool]:
        """Write by external id (§3.1): the record's id, and whether it was created. Raises Refusal, Choices."""
        if field.name in body:
            raise refusal(
                "INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data.", field.name
            )
        value = self.external_value(field, value)
        found = self.by_external_id(kind, field, value)
        if len(found) > 1:
            raise Choices([f"/sobjects/{kind.name}/{key}" for key in found])
        if found:
            self.update(kind, self.row(kind.name, found[0]), body, caller)
            return found[0], False
        if update_only:
            raise not_found(f"Provided external ID field does not exist or is not accessible: {value}")
        shown = Decimal(repr(value)) if field.type in NUMBERS else value
        return self.create(kind, {**body, field.name: shown}, caller), True

    def system_change(self, name: str, key: str, changes: Mapping[str, Any]) -> None:
        """A figure the org computes itself; SystemModstamp moves, LastModifiedDate does not."""
        self.store.update(self.schema.objects[name], key, {**changes, "SystemModstamp": self.org.stamp()})

    def allowed(self, kind: SObject, call: str) -> None:
        if call not in kind.calls:
            raise refusal(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type {kind.name} does not support {call}", status=400
            )

    # checking

    def _defaults(self, kind: SObject) -> Values:
        row: Values = {}
        for field in kind.fields.values():
            if field.auto_number is not None:
                number = self.store.next_number(f"{kind.name}.{field.name}")
                row[field.name] = auto_number(field.auto_number, number)
            elif field.type == "boolean":
                row[field.name] = int(bool(field.default))
            elif field.default is not None:
                row[field.name] = field.default
        return row

    def _incoming(self, kind: SObject, body: Mapping[str, Any], may: str) -> Values:
        trim = self.org.switches.trim_text
        given: Values = {}
        refused: list[str] = []
        for name, value in body.items():
            if name == "attributes":
                self._check_attributes(kind, value)
                continue
            field = kind.fields.get(name)
            if field is None or self.org.hidden(kind, name):
                link = kind.parents.get(name.lower())
                if link is None or link.parent != name or not isinstance(value, dict):
                    raise refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
                name, value, field = link.name, self._linked(link, value), link
            if field.derived or not getattr(field, may):
                refused.append(name)
                continue
            given[name] = self._accepted(field, value, trim)
        if refused:
            raise refusal(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this"
                " field and verify that it is read/write for your profile or permission set.",
                *refused,
            )
        return given

    def _accepted(self, field: Field, value: Any, trim: bool) -> Any:
        try:
            return accepted(field, value, trim)
        except Unreadable as error:
            if self.org.switches.parser_errors == "row":
                raise Refusal(error.problems) from None
            raise

    def _check_attributes(self, kind: SObject, attributes: Any) -> None:
        if not isinstance(attributes, dict) or attributes.get("type", kind.name) != kind.name:
            raise unreadable(f"attributes: type must be {kind.name}")

    def _linked(self, link: Field, value: Mapping[str, Any]) -> str:
        """The id of the record that `{"ERP_Id__c": "1001"}` names."""
        target = self.schema.objects[link.refers or ""]
        keys = {name: given for name, given in value.items() if name != "attributes"}
        if len(keys) != 1:
            raise refusal("INVALID_FIELD", f"{link.parent}: name the record by exactly one external id", link.name)
        (name, given), *_ = keys.items()
        field = target.fields.get(name)
        if field is None or not field.external_id:
            raise refusal("INVALID_FIELD", f"{name} is not an External ID or indexed field for {target.name}", name)
        found = self.by_external_id(target, field, self.external_value(field, given))
        if not found:
            raise refusal(
                "INVALID_FIELD",
                f"Foreign key external ID: {given} not found for field {name} in entity {target.name}",
            )
        if len(found) > 1:
            raise refusal("DUPLICATE_EXTERNAL_ID", f"More than one record found for external id field: {found}", name)
        return found[0]

    def _check_references(self, kind: SObject, given: Mapping[str, Any]) -> None:
        for name, key in given.items():
            field = kind.fields[name]
            if key is None or field.refers is None:
                continue
            target = self.schema.objects[field.refers]
            if key[:3] != target.prefix:
                raise refusal("FIELD_INTEGRITY_EXCEPTION", f"{field.title} ID: id value of incorrect type: {key}", name)
            found = self.store.rows(f'SELECT IsDeleted FROM "{target.name}" WHERE Id = ?', (key,))
            if not found:
                raise refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", name)
            if found[0][0]:
                raise Refusal(DELETED)

    def check_unique(self, kind: SObject, given: Mapping[str, Any], own: str | None) -> None:
        """Raises Refusal DUPLICATE_VALUE when another live record has one of these values."""
        for name, value in given.items():
            field = kind.fields[name]
            if field.unique and value is not None:
                holder = next((key for key in self.by_external_id(kind, field, value) if key != own), None)
                if holder is not None:
                    raise refusal(
                        "DUPLICATE_VALUE",
                        f"duplicate value found: {name} duplicates value on record with id: {holder[:15]}",
                    )

    def _check_duplicates(self, kind: SObject, row: Values, caller: Caller) -> None:
        if kind.name not in self.org.switches.duplicate_rules or caller.allow_duplicates:
            return
        names = {"Contact": ("FirstName", "LastName", "Email")}.get(kind.name, ("Name",))
        same = " AND ".join(f'fold("{name}") IS fold(?)' for name in names)
        values = [row.get(name) for name in names]
        if self.some(kind.name, f"{same} AND IsDeleted = 0 AND Id <> ?", (*values, row.get("Id", ""))):
            raise refusal("DUPLICATES_DETECTED", "Use one of these records?")

    def _check_validation(self, kind: SObject, key: str) -> None:
        for rule in self.org.switches.validation_rules:
            if rule.object == kind.name and self.org.matches(kind, key, rule.condition):
                raise refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, *filter(None, (rule.field,)))


def auto_number(pattern: str, number: int) -> str:
    """`INV-{0000}` and 7 make INV-0007."""
    head, _, rest = pattern.partition("{")
    zeros, _, tail = rest.partition("}")
    return f"{head}{number:0{max(1, len(zeros))}d}{tail}"
