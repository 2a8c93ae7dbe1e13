"""`connector demo`: the built-in systems at work, once through the closed loop or until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

from connector.app.demo import Step, World
from connector.app.loop import closed_loop
from connector.app.running import sync
from connector.cli.common import DONE, ERROR
from connector.cli.logs import configure
from connector.cli.output import complain, emit, say
from connector.schedule import Schedule

EVERY = 3.0


def run(*, once: bool, keep: Path | None, json: bool) -> int:
    """Start both systems, do what is asked, stop them; a folder that is not kept is removed."""
    configure()
    with World(keep) as world:
        if once:
            return _once(world, json=json)
        return _live(world)


def _once(world: World, *, json: bool) -> int:
    steps: list[Step] = []
    for number, step in enumerate(closed_loop(world), 1):
        steps.append(step)
        if not json:
            say(f"{number}. {step.title}")
            for fact in step.facts:
                say(f"     {fact}")
    if json:
        emit({"ok": True, "steps": steps})
    else:
        say("The loop is closed: every step was checked on both sides.")
    return DONE


def _live(world: World) -> int:
    """Keep both sides in step every few seconds, telling what was done."""
    world.seed()
    failures = [entry.error for entry in sync(world.app) if entry.error is not None]
    for error in failures:
        complain(str(error))
    if failures:
        return ERROR
    world.add_deal()
    say(f"CRM   {world.crm.url}")
    say(f"ERP   {world.erp.url}")
    say(f"state {world.folder}")
    say("Edit a record in one and watch the other; win the deal `Pumps for the spa`. Ctrl-C ends the demonstration.")
    schedule = Schedule(
        world.app.chosen(), lambda name: _tell(world, name), seconds=EVERY, on_error=lambda name, e: complain(str(e))
    )
    schedule.start()
    try:
        schedule.wait()
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        schedule.stop()
    return DONE


def _tell(world: World, name: str) -> None:
    """One run; a line when it did anything."""
    for entry in sync(world.app, [name]):
        if entry.error is not None:
            complain(str(entry.error))
        elif entry.report is not None:
            counts = entry.report.counts
            done = [f"{counts[word]} {word}" for word in ("created", "updated", "held", "failed") if counts[word]]
            if done:
                say(f"{name}: {', '.join(done)}")
