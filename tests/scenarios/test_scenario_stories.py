"""Stories in YAML: what people do, what runs, what then stands on both sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.model.records import Key
from connector.model.values import Side
from connector.testing.memory import MemorySystem
from connector.testing.world import World

STORIES = yaml.safe_load((Path(__file__).parent / "stories.yaml").read_text())
ENTITY = {"companies": "account", "deals": "order", "products": "product"}


@dataclass(slots=True)
class Teller:
    """Carries out the steps of one story; a record is named by what it was added as."""

    world: World
    named: dict[str, tuple[str, Key]] = field(default_factory=dict)

    def tell(self, step: dict[str, Any]) -> None:
        ((verb, what),) = step.items()
        system, _, act = verb.partition(".")
        if act:
            getattr(self, "on_" + act)(self.world.crm if system == "crm" else self.world.erp, what)
        else:
            getattr(self, "do_" + verb.replace(" ", "_"))(what)

    def find(self, what: dict[str, Any]) -> tuple[str, Key]:
        """Object and key: of the record itself, or of its partner in the other system."""
        name, key = self.named[what.get("record") or what["partner"]]
        if "record" in what:
            return name, key
        entity = ENTITY[name]
        return self.world.specs[entity].systems.right.object, self.world.pairs(entity)[key]

    def on_add(self, system: MemorySystem, what: dict[str, Any]) -> None:
        refs = {name: self.named[target][1] for name, target in what.get("refs", {}).items()}
        self.named[what["as"]] = what["object"], system.add(what["object"], {**what["fields"], **refs})

    def on_edit(self, system: MemorySystem, what: dict[str, Any]) -> None:
        system.edit(*self.find(what), **what["fields"])

    def on_remove(self, system: MemorySystem, what: dict[str, Any]) -> None:
        system.remove(*self.find(what))

    def on_merge(self, system: MemorySystem, what: dict[str, Any]) -> None:
        system.merge(*self.find(what), self.named[what["into"]][1])

    def on_shows(self, system: MemorySystem, what: dict[str, Any]) -> None:
        shown = system.get(*self.find(what))
        assert {name: shown[name] for name in what["fields"]} == what["fields"]

    def on_refers(self, system: MemorySystem, what: dict[str, Any]) -> None:
        assert system.get(*self.find(what))[what["field"]] == self.find({"partner": what["to"]})[1]

    def do_sync(self, entity: str) -> None:
        self.world.sync(entity)

    def do_choose(self, what: dict[str, Any]) -> None:
        self.world.choose(what["sync"], what["unit"], Side(what["side"]))

    def do_conflicts(self, what: dict[str, list[str]]) -> None:
        for entity, units in what.items():
            assert [unit for unit, _ in self.world.conflicts(entity)] == units

    def do_count(self, what: dict[str, Any]) -> None:
        system = self.world.crm if what["system"] == "crm" else self.world.erp
        assert len(system.live(what["object"])) == what["is"]

    def do_lines(self, what: dict[str, Any]) -> None:
        rows = self.world.crm.get(*self.find(what))["lines"]
        assert [row["quantity"] for row in rows] == what["quantities"]

    def do_nothing_to_do(self, entity: str) -> None:
        assert self.world.plan(entity) == []
        assert self.world.hints(entity) == []
        before = self.world.crm.state(), self.world.erp.state()
        self.world.sync(entity)
        assert (self.world.crm.state(), self.world.erp.state()) == before


@pytest.mark.parametrize("story", STORIES, ids=[story["story"] for story in STORIES])
def test_story(world: World, story: dict[str, Any]) -> None:
    teller = Teller(world)
    for step in story["steps"]:
        teller.tell(step)
