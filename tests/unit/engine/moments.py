"""Moments of a run at which a test lets something happen."""

from __future__ import annotations

from collections.abc import Callable

from connector.testing.world import World


def at_the_first_write(world: World, act: Callable[[], object]) -> None:
    """Something happens right before the ERP is written to."""
    original = world.erp.write

    def write(name: str, writes: object) -> object:
        world.erp.write = original  # type: ignore[method-assign]
        act()
        return original(name, writes)  # type: ignore[arg-type]

    world.erp.write = write  # type: ignore[method-assign,assignment]
