"""What the state store says of one sync, as the judge asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connector.model.records import Key
from connector.model.rows import ConflictRow, DeadRow, HintRow, IntentRow, LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.world import World

MANY = 1_000_000


@dataclass(slots=True)
class Rows:
    """All rows of one kind. by_key: every key that leads to a link, as its own or as an alias."""

    links: list[LinkRow] = field(default_factory=list)
    aliases: list[tuple[Side, Key, int]] = field(default_factory=list)
    by_key: dict[tuple[Side, Key], LinkRow] = field(default_factory=dict)
    conflicts: dict[int, dict[str, ConflictRow]] = field(default_factory=dict)
    hints: dict[tuple[Side, Key], HintRow] = field(default_factory=dict)
    dead: dict[tuple[Side, Key], DeadRow] = field(default_factory=dict)
    intents: list[IntentRow] = field(default_factory=list)
    candidates: set[tuple[Side, Key]] = field(default_factory=set)
    journal: int = 0

    def waiting(self) -> Iterable[tuple[str, float]]:
        """Everything that waits for something, with the time since when."""
        for rows in self.conflicts.values():
            yield from ((f"conflict on {row.unit} of link {row.link}", row.since) for row in rows.values())
        yield from ((f"hint on {row.side} {row.key}", row.first) for row in self.hints.values())
        yield from ((f"dead letter of {row.side} {row.key}", row.since) for row in self.dead.values())
        yield from ((f"{row.op} of link {row.link}", row.first_sent or 0.0) for row in self.intents if row.sent)

    def changes(self, other: Rows) -> list[str]:
        """The tables that are not the same in both."""
        names = ("links", "aliases", "conflicts", "hints", "dead", "intents", "candidates", "journal")
        return [name for name in names if getattr(self, name) != getattr(other, name)]


def read_rows(world: World, entity: str) -> Rows:
    """Every row of one sync, in one transaction."""
    kind = world.specs[entity].kind
    rows = Rows()
    with world.store.look() as tx:
        rows.links = tx.page_links(kind, 0, MANY, list(LinkState))
        by_id = {link.id: link for link in rows.links}
        rows.aliases = tx.aliases_of(kind, by_id)
        for conflict in tx.conflicts(kind):
            rows.conflicts.setdefault(conflict.link, {})[conflict.unit] = conflict
        rows.hints = {(hint.side, hint.key): hint for hint in tx.hints(kind)}
        rows.dead = {(letter.side, letter.key): letter for letter in tx.dead(kind)}
        rows.intents = tx.open_intents(kind, "", MANY)
        for side in SIDES:
            rows.candidates |= {(side, row.key) for row in tx.page_candidates(kind, side, "", MANY)}
        newest = tx.journal(kind, None, None, 1)
        rows.journal = newest[0].seq or 0 if newest else 0
    rows.by_key = {(side, key): link for link in rows.links for side in SIDES if (key := link.keys[side]) is not None}
    rows.by_key.update({(side, key): by_id[link] for side, key, link in rows.aliases})
    return rows
