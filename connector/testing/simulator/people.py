"""What people do in the two systems, one line each: it can be done in any state, and is nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.model.records import Key
from connector.model.values import Side
from connector.testing.simulator.systems import TrickySystem
from connector.testing.tables import Fields, Row, alive
from connector.testing.world import World

Names = Mapping[str, tuple[str, str]]

OBJECTS: Names = {"account": ("companies", "customers"), "product": ("products", "items"), "order": ("deals", "orders")}
LABELS: Names = {"account": ("name", "title"), "product": ("sku", "code"), "order": ("name", "title")}
LINES = ("lines", "positions")
FIELDS: Mapping[str, Names] = {
    "account": {
        "name": ("name", "title"),
        "tax_id": ("tax_id", "vat_number"),
        "phone": ("phone", "tel"),
        "email": ("email", "mail"),
        "notes": ("notes", "remarks"),
        "street": ("street", "addr1"),
        "city": ("city", "addr2"),
        "credit_limit": ("credit_limit", "limit"),
        "parent": ("parent_id", "group_of"),
        "currency": ("currency", "cur"),
        "status": ("state", "blocked"),
    },
    "product": {"name": ("name", "title"), "price": ("price", "price")},
    "order": {
        "po": ("po", "customer_reference"),
        "notes": ("notes", "remarks"),
        "freight": ("freight", "freight"),
        "account": ("company_id", "customer"),
    },
}
LINE_FIELDS: Names = {
    "label": ("description", "text"),
    "quantity": ("quantity", "qty"),
    "price": ("unit_price", "price"),
    "product": ("product_id", "item"),
}
REFERENCES = {"parent": "account", "account": "account", "product": "product"}
STATUS: Mapping[str, tuple[str, bool]] = {"active": ("customer", False), "inactive": ("former", True)}
"""How each system says it; of the left one people may type anything else, too."""
AMOUNTS = ("credit_limit", "freight", "price", "quantity")


NEEDED = {"merge": 2, "line": 2, "addline": 2, "dropline": 2}
"""Words a line needs after `verb system entity`; one where nothing is said."""


class ScriptError(ValueError):
    """A line of a script that nobody can read; says which word."""


class People:
    """Carries out what people do. Records are named by their place among the live ones, oldest first.

    renamed: labels that were typed over; nobody gives them to another record.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.renamed: set[str] = set()
        self.acts: dict[str, Callable[[TrickySystem, str, Sequence[str]], bool]] = {
            "add": self._add,
            "edit": self._edit,
            "remove": self._remove,
            "restore": self._restore,
            "merge": self._merge,
            "line": self._line,
            "addline": self._add_line,
            "dropline": self._drop_line,
            "turnlines": self._turn_lines,
        }

    def do(self, words: Sequence[str]) -> bool:
        """Carry out one line; False when there was nothing to do it to. Raises ScriptError."""
        verb, system, entity, *rest = (*words, "", "")
        if system not in ("crm", "erp") or entity not in OBJECTS or len(words) < 3 + NEEDED.get(verb, 1):
            raise ScriptError(f"{' '.join(words)}: expected `{verb} crm|erp account|product|order ...`")
        return self.acts[verb](self.system(system), entity, [word for word in rest if word])

    def system(self, name: str) -> TrickySystem:
        found = self.world.crm if name == "crm" else self.world.erp
        assert isinstance(found, TrickySystem)
        return found

    # ---------------------------------------------------------------------------------------------- finding

    def key(self, system: TrickySystem, entity: str, place: str) -> Key | None:
        """The live record at that place, counted round and round; None when there is none."""
        rows = self.rows(system, entity, alive)
        return rows[number(place) % len(rows)].key if rows else None

    def rows(self, system: TrickySystem, entity: str, wanted: Callable[[Row], bool]) -> list[Row]:
        """Records of that kind, oldest first."""
        return [row for row in system.rows(OBJECTS[entity][side_of(system)]) if wanted(row)]

    def object(self, system: TrickySystem, entity: str) -> str:
        """What that system calls the entity. Raises ScriptError."""
        if entity not in OBJECTS:
            raise ScriptError(f"{entity!r}: expected account, product or order")
        return OBJECTS[entity][side_of(system)]

    def _known(self, system: TrickySystem, entity: str, label: str) -> bool:
        name = LABELS[entity][side_of(system)]
        return any(row.fields.get(name) == label for row in self.rows(system, entity, lambda row: True))

    def typed(self, system: TrickySystem, entity: str, words: Sequence[str], shown: Fields | None = None) -> Fields:
        """What is typed: `phone=v1` replaces, `notes+=v1` adds to the list or the amount that is shown."""
        found: Fields = {}
        for word in words:
            name, typed = split(word)
            plain = name.removesuffix("+")
            if plain not in FIELDS[entity]:
                raise ScriptError(f"{word}: `{entity}` has no field `{plain}`")
            field = FIELDS[entity][plain][side_of(system)]
            old = (shown or {}).get(field)
            if name != plain and old is not None:
                typed = str(Decimal(str(old)) + _amount(typed)) if plain in AMOUNTS else f"{old}, {typed}"
            value = self._value(system, plain, typed)
            if value is not None or typed == "none":
                found[field] = value
        return found

    def _value(self, system: TrickySystem, name: str, typed: str) -> Any:
        if name in REFERENCES:
            return None if typed == "none" else self.key(system, REFERENCES[name], typed)
        if name in AMOUNTS:
            side = Side.LEFT if side_of(system) == 0 else Side.RIGHT
            amount = _amount(typed)
            return amount if self.world.powers[side].decimals == "number" else str(amount)
        if name == "status":
            return STATUS[typed][side_of(system)] if typed in STATUS else (typed, True)[side_of(system)]
        return typed.replace("_", " ")

    # -------------------------------------------------------------------------------------------------- acts

    def _add(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        label, *rest = words
        side = side_of(system)
        others = [self.world.crm, self.world.erp] if entity == "order" else [system]
        known = any(isinstance(one, TrickySystem) and self._known(one, entity, label) for one in others)
        if known or label in self.renamed:
            return False
        typed = [word for word in rest if not word.startswith("line=")]
        fields = {LABELS[entity][side]: label, **self.typed(system, entity, typed)}
        fields[("currency", "cur")[side]] = "EUR"
        if entity == "account":
            fields = {("tax_id", "vat_number")[side]: f"T-{label}", **(ERP_ACCOUNT if side else CRM_ACCOUNT), **fields}
        if entity == "order":
            fields[LINES[side]] = [self._new_line(system, word[5:].split(":")) for word in rest if word not in typed]
        system.add(OBJECTS[entity][side], fields)
        return True

    def _new_line(self, system: TrickySystem, parts: Sequence[str]) -> Fields:
        side = side_of(system)
        names = ("label", "quantity", "price", "product")
        shown: Fields = {LINE_FIELDS[name][side]: None for name in names}
        for name, typed in zip(names, parts, strict=False):
            shown[LINE_FIELDS[name][side]] = self._value(system, name, typed)
        return shown

    def _edit(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        key = self.key(system, entity, words[0])
        if key is None:
            return False
        name = OBJECTS[entity][side_of(system)]
        fields = self.typed(system, entity, words[1:], system.get(name, key))
        if fields.get(FIELDS["account"]["parent"][side_of(system)]) == key:
            return False
        label = LABELS[entity][side_of(system)]
        if label in fields:
            self.renamed.add(str(system.get(name, key).get(label)))
        system.edit(name, key, **fields)
        return True

    def _remove(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        key = self.key(system, entity, words[0])
        if key is not None:
            system.remove(OBJECTS[entity][side_of(system)], key)
        return key is not None

    def _restore(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        gone = self.rows(system, entity, lambda row: row.deleted and row.merged_into is None)
        if gone:
            system.restore(OBJECTS[entity][side_of(system)], gone[number(words[0]) % len(gone)].key)
        return bool(gone)

    def _merge(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        loser, survivor = self.key(system, entity, words[0]), self.key(system, entity, words[-1])
        if loser is None or survivor is None or loser == survivor:
            return False
        system.merge(OBJECTS[entity][side_of(system)], loser, survivor)
        return True

    # ------------------------------------------------------------------------------------------------- lines

    def _lines(self, system: TrickySystem, place: str) -> tuple[Key, list[Fields]] | None:
        key = self.key(system, "order", place)
        if key is None:
            return None
        side = side_of(system)
        shown = system.get(OBJECTS["order"][side], key)
        return key, list(shown.get(LINES[side]) or [])

    def _keep(self, system: TrickySystem, key: Key, lines: list[Fields]) -> bool:
        side = side_of(system)
        fields: Fields = {LINES[side]: lines}
        system.edit(OBJECTS["order"][side], key, **fields)
        return True

    def _line(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        """`line crm order 2 1 quantity=7`: line 1 of order 2."""
        found = self._lines(system, words[0])
        if found is None or not found[1]:
            return False
        key, lines = found
        place = number(words[1]) % len(lines)
        changes = dict(split(word) for word in words[2:])
        side = side_of(system)
        unknown = [name for name in changes if name not in LINE_FIELDS]
        if unknown:
            raise ScriptError(f"{unknown[0]!r}: a line has no such field")
        typed = {LINE_FIELDS[name][side]: self._value(system, name, value) for name, value in changes.items()}
        lines[place] = {**lines[place], **typed}
        return self._keep(system, key, lines)

    def _add_line(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        """`addline crm order 2 L5:7:1.50:3`: label, quantity, price, product."""
        found = self._lines(system, words[0])
        if found is None:
            return False
        key, lines = found
        return self._keep(system, key, [*lines, self._new_line(system, words[1].split(":"))])

    def _drop_line(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        found = self._lines(system, words[0])
        if found is None or not found[1]:
            return False
        key, lines = found
        del lines[number(words[1]) % len(lines)]
        return self._keep(system, key, lines)

    def _turn_lines(self, system: TrickySystem, entity: str, words: Sequence[str]) -> bool:
        found = self._lines(system, words[0])
        if found is None or len(found[1]) < 2:
            return False
        return self._keep(system, found[0], found[1][::-1])


CRM_ACCOUNT: Fields = {"state": "customer"}
ERP_ACCOUNT: Fields = {"blocked": False}


def side_of(system: TrickySystem) -> int:
    """0 for the left system, 1 for the right."""
    return 0 if system.name == "crm" else 1


def number(word: str) -> int:
    """A place in a list. Raises ScriptError."""
    if not word.isdigit():
        raise ScriptError(f"{word!r}: expected a number")
    return int(word)


def _amount(word: str) -> Decimal:
    try:
        return Decimal(word)
    except InvalidOperation:
        raise ScriptError(f"{word!r}: expected an amount") from None


def split(word: str) -> tuple[str, str]:
    """`name=value`. Raises ScriptError."""
    name, equals, value = word.partition("=")
    if not equals:
        raise ScriptError(f"{word!r}: expected name=value")
    return name, value
