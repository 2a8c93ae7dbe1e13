"""What a world shows, by names and values: two worlds that went through different crashes can be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.model.records import Key
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.crash_acts import NAMED_BY, shown
from connector.testing.tables import Touch
from connector.testing.world import World

REFERENCES = {
    (Side.LEFT, "account"): {"parent_id": "account"},
    (Side.RIGHT, "account"): {"group_of": "account"},
    (Side.LEFT, "order"): {"company_id": "account"},
    (Side.RIGHT, "order"): {"customer": "account"},
    (Side.LEFT, "contact"): {"company_id": "account"},
    (Side.RIGHT, "contact"): {"customer": "account"},
    (Side.LEFT, "invoice"): {"company_id": "account", "deal_id": "order"},
    (Side.RIGHT, "invoice"): {"customer": "account", "order": "order"},
    (Side.LEFT, "payment"): {"company_id": "account", "invoice_id": "invoice"},
    (Side.RIGHT, "payment"): {"customer": "account", "bill": "invoice"},
}
LINES = {Side.LEFT: ("lines", "product_id"), Side.RIGHT: ("positions", "item")}
GIVEN = frozenset({"crm_ref", "external_id", "id", "no"})
"""Fields whose value depends on the order of creation."""
LOSERS = " losers"

Picture = dict[str, list[str]]
Names = dict[tuple[Side, str, Key], str]


@dataclass(slots=True)
class Painter:
    """Makes pictures of one world. It remembers the names of records that have ended since."""

    names: Names = field(default_factory=dict)

    def follow(self, world: World) -> None:
        """Note the name of every record from now on, however short its life."""
        entities = [(world.specs[e].systems[side].object, side, e) for e in world.entities for side in SIDES]

        def note(touch: Touch) -> None:
            fields = touch.after or touch.before or {}
            for object_, side, entity in entities:
                if object_ == touch.object:
                    self.names[side, entity, touch.key] = str(fields[NAMED_BY[side, entity]])

        for system in (world.crm, world.erp):
            system.watchers.append(note)

    def picture(self, world: World) -> Picture:
        """Records, links, what waits for a person, what is open: as sorted lists of sentences."""
        for side in SIDES:
            for entity in world.entities:
                for key, fields in shown(world, side, entity).items():
                    self.names[side, entity, key] = str(fields[NAMED_BY[side, entity]])
        found: Picture = {}
        for entity in world.entities:
            for side in SIDES:
                name = world.specs[entity].systems[side].object
                if name in found:  # the account's: a balance is in the same records
                    continue
                rows = shown(world, side, entity).values()
                found[name] = sorted(self._record(side, entity, fields) for fields in rows)
            found[f"{entity} links"] = sorted(self._links(world, entity))
            found[f"{entity} rows"] = sorted(self._waiting(world, entity))
            found[f"{entity} conflicts"] = sorted(self._conflicts(world, entity))
            found[f"{entity}{LOSERS}"] = sorted(set(self._losers(world, entity)))
        return found

    def _name(self, side: Side, entity: str, key: Key | None) -> str:
        return "nothing" if key is None else self.names.get((side, entity, key), f"unknown {entity}")

    def _record(self, side: Side, entity: str, fields: Mapping[str, Any]) -> str:
        references = REFERENCES.get((side, entity), {})
        lines, product = LINES[side]
        parts = [fields[NAMED_BY[side, entity]]]
        for name, value in sorted(fields.items()):
            if name == lines and entity in ("order", "invoice"):
                rows = [self._line(side, product, row) for row in value or []]
                parts.append(f"{name}=[{' | '.join(sorted(rows))}]")
            elif name in references:
                parts.append(f"{name}={self._name(side, references[name], value)}")
            elif name not in GIVEN:
                parts.append(f"{name}={value!r}")
        return " ".join(parts)

    def _line(self, side: Side, product: str, row: Mapping[str, Any]) -> str:
        parts = [f"{product}={self._name(side, 'product', row.get(product))}"]
        parts += [f"{n}={v!r}" for n, v in sorted(row.items()) if n not in GIVEN and n != product]
        return " ".join(parts)

    def _link(self, entity: str, link: LinkRow) -> str:
        return " - ".join(self._name(side, entity, link.keys[side]) for side in SIDES)

    def _links(self, world: World, entity: str) -> Iterator[str]:
        """Live links by their records, ended ones by number, and what every key of the systems leads to."""
        spec = world.specs[entity]
        states = [state for state in LinkState if state is not LinkState.CLOSED]
        for link in world.links(entity, *states):
            yield f"{link.state}: {self._link(entity, link)}"
        yield f"closed: {len(world.links(entity, LinkState.CLOSED))}"
        for side in SIDES:
            keys = [key for s, e, key in self.names if (s, e) == (side, entity)]
            own: dict[Key, LinkRow] = world.look("links_by_key", spec.kind, side, keys)
            for key, link in own.items():
                if link.keys[side] != key:
                    yield f"alias: {side} {self._name(side, entity, key)} -> {self._link(entity, link)}"
            for key in world.look("tombstones", spec.kind, side, keys):
                yield f"tombstone: {side} {self._name(side, entity, key)}"

    def _waiting(self, world: World, entity: str) -> Iterator[str]:
        kind = world.specs[entity].kind
        for side, key, reason in world.dead(entity):
            yield f"dead letter: {side} {self._name(side, entity, key)}: {reason}"
        for hint in world.hints(entity):
            yield f"hint: {hint.side} {self._name(hint.side, entity, hint.key)}: {hint.reason}"
        for state, count in world.look("count_intents", kind).items():
            if count:
                yield f"intents {state}: {count}"

    def _conflicts(self, world: World, entity: str) -> Iterator[str]:
        rows = world.look("conflicts", world.specs[entity].kind)
        links: dict[int, LinkRow] = world.look("links_by_id", [row.link for row in rows])
        for row in rows:
            yield f"{self._link(entity, links[row.link])}: {row.unit}: {row.reason}"

    def _losers(self, world: World, entity: str) -> Iterator[str]:
        """Values that a policy or a person's decision overwrote. A run that starts over may note one twice."""
        for row in world.look("journal", world.specs[entity].kind, None, None, 10_000):
            if row.event == "overwritten":
                values = world.vault.open(row.body, b"journal").decode()
                yield f"{row.side} {self._name(row.side, entity, row.key)}: {row.fields}: {values}"


def compared(wanted: Picture, found: Picture, unproven: Collection[Side] = ()) -> list[str]:
    """One sentence per thing that is there in one picture only; empty when they are the same.

    unproven: sides where nobody can tell after a lost answer whether a value is ours or was typed by somebody (sync
    protocol, section 3, updates without a condition). There the journal may name more than was lost, and never less.
    """
    named = tuple(f"{side} " for side in unproven)
    sentences = []
    for name, rows in wanted.items():
        missing, extra = list(rows), []
        for row in found[name]:
            if row in missing:
                missing.remove(row)
            elif not (name.endswith(LOSERS) and row.startswith(named)):
                extra.append(row)
        sentences += [f"{name}: missing: {row}" for row in missing]
        sentences += [f"{name}: not wanted: {row}" for row in extra]
    return sentences
