"""Users, crashes and lost answers in any order: at rest both sides agree or a conflict says where; nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connector.errors import ConnectorError
from connector.model.records import Key
from connector.model.rows import LinkState
from connector.model.values import Side
from connector.testing.driver import Crash
from connector.testing.memory import MemorySystem
from connector.testing.tables import BUSY, LOST
from connector.testing.world import World, account, customer, make_world
from tests.powers import powers

PROFILES = powers("everything", "searchable key", "idempotency key", "no delete feed", "small batches", "unconditional")
FIELDS = {"phone": ("phone", "tel"), "email": ("email", "mail"), "notes": ("notes", "remarks")}
PARENT = ("parent_id", "group_of")
SEEDS = range(10)


@dataclass(slots=True)
class People:
    """What users do, chosen by one source of chance; `typed`: every value ever typed into a field of a record."""

    world: World
    chance: random.Random
    count: int = 0
    typed: dict[tuple[str, str], set[str | None]] = field(default_factory=dict)

    def side(self) -> tuple[int, MemorySystem, str]:
        number = self.chance.randrange(2)
        return number, (self.world.crm, self.world.erp)[number], ("companies", "customers")[number]

    def add(self) -> None:
        number, system, name = self.side()
        self.count += 1
        label = f"N{self.count}"
        make = (account, customer)[number]
        system.add(name, make(label, **{names[number]: "0" for names in FIELDS.values()}))
        self.typed.update({(label, unit): {"0"} for unit in FIELDS})

    def edit(self) -> None:
        number, system, name = self.side()
        key = self.pick(system, name)
        if key is None:
            return
        unit = self.chance.choice(sorted(FIELDS))
        self.count += 1
        label = system.get(name, key)[("name", "title")[number]]
        self.typed[label, unit].add(f"v{self.count}")
        system.edit(name, key, **{FIELDS[unit][number]: f"v{self.count}"})

    def adopt(self) -> None:
        number, system, name = self.side()
        child, parent = self.pick(system, name), self.pick(system, name)
        if child is not None and child != parent:
            system.edit(name, child, **{PARENT[number]: parent})

    def remove(self) -> None:
        _, system, name = self.side()
        key = self.pick(system, name)
        if key is not None:
            system.remove(name, key)

    def merge(self) -> None:
        _, system, name = self.side()
        loser, survivor = self.pick(system, name), self.pick(system, name)
        if loser is not None and survivor is not None and loser != survivor:
            system.merge(name, loser, survivor)

    def decide(self) -> None:
        rows = self.world.look("conflicts", self.world.specs["account"].kind)
        units = Counter(row.unit for row in rows if row.reason != "held")
        alone = sorted(unit for unit, count in units.items() if count == 1)
        if alone:
            self.world.choose("account", self.chance.choice(alone), self.chance.choice(list(Side)))

    def pick(self, system: MemorySystem, name: str) -> Key | None:
        keys = sorted(system.live(name))
        return self.chance.choice(keys) if keys else None

    def act(self) -> None:
        acts: list[Callable[[], None]] = [self.add, self.edit, self.adopt, self.remove, self.merge, self.decide]
        self.chance.choices(acts, [8, 16, 4, 2, 1, 3])[0]()


def trouble(world: World, chance: random.Random) -> None:
    """One run, in which something may go wrong."""
    crash = chance.randrange(1, 12) if chance.random() < 0.5 else None
    if chance.random() < 0.4:
        system = chance.choice([world.crm, world.erp])
        error = chance.choice([LOST, BUSY])
        system.fail(chance.choice(["write", "read", "changes"]), error, after=error is LOST, skip=chance.randrange(2))
    try:
        world.sync(crash=crash, full=chance.random() < 0.2)
    except (Crash, ConnectorError):
        world.clock.advance(chance.choice([1.0, 100.0, 1000.0]))
    world.clock.advance(chance.choice([1.0, 100.0, 1000.0]))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_both_sides_agree_at_rest_or_a_row_says_where_not(
    tmp_path: Path, profile: str, seed: int
) -> None:
    chance = random.Random(f"{profile}/{seed}")
    world = make_world(tmp_path, PROFILES[profile], PROFILES[profile])
    people = People(world, chance)
    for _ in range(4):
        people.add()
    for _ in range(12):
        for _ in range(chance.randrange(4)):
            people.act()
        trouble(world, chance)
    world.crm.faults.clear()
    world.erp.faults.clear()
    world.clock.advance(1000)
    world.sync(full=True)
    world.settle(rounds=12)
    judge(world, people)
    world.store.close()


def judge(world: World, people: People) -> None:
    left, right = world.crm.live("companies"), world.erp.live("customers")
    assert [n for n, c in Counter(row["name"] for row in left.values()).items() if c > 1] == []
    assert [n for n, c in Counter(row["title"] for row in right.values()).items() if c > 1] == []
    assert world.dead() == []
    kind = world.specs["account"].kind
    rows = world.look("conflicts", kind)
    waiting = {(row.link, row.unit) for row in rows}
    for link in world.links("account", LinkState.LINKED):
        if (link.id, "*") in waiting:
            continue
        one, other = left[str(link.keys.left)], right[str(link.keys.right)]
        assert one["name"] == other["title"]
        for unit, (mine, theirs) in FIELDS.items():
            assert one[mine] in people.typed[one["name"], unit]
            assert other[theirs] in people.typed[one["name"], unit]
            assert one[mine] == other[theirs] or (link.id, unit) in waiting, (one, other, unit)
    held = {row.link for row in rows if row.unit == "*"}
    for side, live in ((Side.LEFT, left), (Side.RIGHT, right)):
        assert set(world.look("links_by_key", kind, side, set(live))) == set(live)
    assert held <= {link.id for link in world.links()}
    assert world.plan() == []
