"""A world with a judge, and a connector that does whatever it is told: what the judge is tested on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import msgspec

from connector.errors import ConnectorError
from connector.model.plan import Report, Summary
from connector.model.records import Key, Op, Version, Write
from connector.model.rows import JournalRow, LinkRow, LinkState
from connector.model.values import SIDES, Side, Sides
from connector.testing.memory import MemorySystem
from connector.testing.simulator.judge import Finding, Judge
from connector.testing.simulator.profiles import POLICIES, PROFILES, Profile
from connector.testing.simulator.systems import Trick, TrickySystem
from connector.testing.simulator.worlds import make_world
from connector.testing.world import World, account, line

OBJECTS = {"account": ("companies", "customers"), "product": ("products", "items"), "order": ("deals", "orders")}
GUARDED, UNGUARDED, NOTHING = "cuis", "-uis", "----"
COUNTS = {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "skipped": 0, "held": 0, "failed": 0}


@dataclass(slots=True)
class Court:
    """A judge and what it watches. `write` is a write of the connector: right or wrong, nobody checks it."""

    world: World
    judge: Judge
    profile: Profile
    _tokens: Iterator[int] = field(default_factory=count)
    _links: Iterator[int] = field(default_factory=lambda: count(1))

    def system(self, side: Side) -> MemorySystem:
        return self.world.crm if side is Side.LEFT else self.world.erp

    def object(self, entity: str, side: Side) -> str:
        return OBJECTS[entity][SIDES.index(side)]

    def write(
        self,
        side: Side,
        entity: str,
        op: Op,
        key: Key | None = None,
        token: str | None = None,
        *,
        version: Version | None = None,
        lost: bool = False,
        **fields: Any,
    ) -> Key:
        """One write as a connector would send it; the key it went to. version: its condition.

        lost: it is done, and nobody is told.
        """
        if lost:
            self.trick(side, Trick("write", "some-lost", number=255))
        body = b"" if op is Op.DELETE else msgspec.json.encode(fields)
        write = Write(op, key, body, version, token or f"t{next(self._tokens)}")
        outcome = self.system(side).write(self.object(entity, side), [write]).outcomes[0]
        assert lost or outcome.error is None, outcome.error
        return list(self.system(side).live(self.object(entity, side)))[-1] if lost else str(outcome.key)

    def trick(self, side: Side, trick: Trick) -> None:
        """Let this go wrong in that system."""
        system = self.system(side)
        assert isinstance(system, TrickySystem)
        system.tricks.append(trick)

    def read(self, side: Side, entity: str, key: Key) -> None:
        """The connector looks at a record."""
        self.system(side).read(self.object(entity, side), [key])

    def link(self, entity: str, left: Key | None, right: Key | None, state: LinkState = LinkState.LINKED) -> int:
        """Note two records as the same thing; the link's id."""
        number = next(self._links)
        with self.world.store.begin() as tx:
            layout = tx.layout(self.world.specs[entity].kind, ("name",))
            tx.insert_links([LinkRow(number, self.world.specs[entity].kind, state, Sides(left, right), layout=layout)])
        return number

    def note(self, entity: str, left: Key, seen: Sides[Version | None], base: bytes | None = b"\x01\x00") -> None:
        """What the first commit of a run notes of a link: the versions it goes by, and with them the base."""
        kind = self.world.specs[entity].kind
        with self.world.store.begin() as tx:
            tx.update_links([replace(tx.links_by_key(kind, Side.LEFT, [left])[left], seen=seen, base=base)])

    def lose(self, side: Side, entity: str, key: Key, unit: str, values: Mapping[str, str]) -> None:
        """A line of the journal that says that this value was given up."""
        body = self.world.vault.seal(msgspec.json.encode(values), b"journal")
        kind = self.world.specs[entity].kind
        with self.world.store.begin() as tx:
            tx.append_journal(
                [JournalRow(self.world.clock.now(), "run", kind, 1, side, key, "overwritten", "test", unit, "", body)]
            )

    def rules(self, *, rest: bool = False) -> set[str]:
        """The rules found broken so far; `rest`: those that hold at rest, too."""
        found = self.judge.run_ended(ConnectorError("a run that says nothing of what it did"))
        if rest:
            found += self.judge.at_rest(again=False)
        return {finding.rule for finding in found}

    def sentences(self) -> list[Finding]:
        return self.judge.at_rest(again=False)


def report(sync: str = "accounts", status: str = "done", trouble: tuple[str, ...] = (), **counts: int) -> Report:
    return Report(sync, "run1", status, {**COUNTS, **counts}, Summary(sync), trouble=list(trouble))


@contextmanager
def opened(profile: str = GUARDED, policy: str = "crm-wins", *, listed: bool = True) -> Iterator[Court]:
    """A court over an empty world of that profile and policy. listed: an earlier run has read both systems."""
    world = make_world(PROFILES[profile], POLICIES[policy])
    if listed:
        with world.store.begin() as tx:
            for spec in world.specs.values():
                for side in SIDES:
                    tx.set_cursor(spec.kind, side, "0")
    judge = Judge(world, PROFILES[profile], POLICIES[policy])
    for system in (world.crm, world.erp):
        system.watchers.append(judge.seen)
    try:
        yield Court(world, judge, PROFILES[profile])
    finally:
        world.store.close()


def company(court: Court, name: str = "Acme", **fields: Any) -> tuple[Key, Key]:
    """A company a person typed on the left, and its image as a good connector made and linked it."""
    left = court.world.crm.add("companies", account(name, **fields))
    court.read(Side.LEFT, "account", left)
    shown = {"tel": fields.get("phone"), "mail": fields.get("email")}
    right = court.write(Side.RIGHT, "account", Op.CREATE, title=name, cur="EUR", blocked=False, **shown)
    court.link("account", left, right)
    return left, right


def order(court: Court, *lines: tuple[str, str, str]) -> tuple[Key, Key]:
    """An order of (label, quantity, price) lines with its image; its company, too."""
    left, right = company(court, "Buyer")
    shown = [line(None, quantity, price, description=label) for label, quantity, price in lines]
    deal = court.world.crm.add("deals", {"name": "O1", "company_id": left, "currency": "EUR", "lines": shown})
    made = court.write(
        Side.RIGHT, "order", Op.CREATE, title="O1", customer=right, cur="EUR", positions=positions(*lines)
    )
    court.link("order", deal, made)
    return deal, made


def positions(*lines: tuple[str, str, str], **ids: str) -> list[dict[str, Any]]:
    return [
        {"item": None, "text": label, "qty": quantity, "price": price, **({"no": ids[label]} if label in ids else {})}
        for label, quantity, price in lines
    ]


def ids(court: Court, key: Key) -> dict[str, str]:
    return {row["text"]: row["no"] for row in court.world.erp.get("orders", key)["positions"]}


def contest(court: Court, wait: float = 0.0) -> tuple[Key, Key]:
    """A company whose phone was v1 on both sides, and was changed to v2 on the left and, later, to v3 on the right."""
    left, right = company(court, phone="v1")
    court.world.crm.edit("companies", left, phone="v2")
    court.world.clock.advance(wait)
    court.world.erp.edit("customers", right, tel="v3")
    court.read(Side.LEFT, "account", left)
    court.read(Side.RIGHT, "account", right)
    return left, right


def give_up(court: Court, side: Side, key: Key, here: str, there: str) -> None:
    """Overwrite the phone of that side, and say so in the journal."""
    court.lose(side, "account", key, "phone", {"phone": here})
    court.write(side, "account", Op.UPDATE, key, **{"phone" if side is Side.LEFT else "tel": there})


def resolve(court: Court, loser: Side, left: Key, right: Key) -> set[str]:
    """Carry one phone across; the rules found broken."""
    give_up(court, loser, *((left, "v2", "v3") if loser is Side.LEFT else (right, "v3", "v2")))
    return court.rules(rest=True)
