"""What the tests of holes share: worlds of given powers, and one account in step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.model.rows import IntentState
from connector.ports import Capabilities
from connector.testing.world import FULL, World, account, make_world

UNCONDITIONAL = replace(FULL, conditional_write=False, idempotency=0.0)
SEARCHED = replace(FULL, external_key="search", idempotency=0.0)


def with_powers(folder: Path, powers: Capabilities) -> World:
    folder.mkdir(exist_ok=True)
    return make_world(folder, powers, powers)


def open_intents(world: World) -> dict[IntentState, int]:
    counts: dict[IntentState, int] = world.look("count_intents", world.specs["account"].kind)
    return {state: count for state, count in counts.items() if count}


def pair(world: World, **fields: Any) -> tuple[str, str]:
    """One account in step: its keys."""
    left = world.crm.add("companies", account("A", **fields))
    world.settle()
    return left, world.pairs()[left]
