"""One run as a line of a script: `sync account full crash=7 after ; 3 edit crm account 2 phone=v1 ; 5 sync order`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.engine.sync import Options, plan, sync
from connector.errors import Halted
from connector.model.plan import PlanLine, Report
from connector.testing.driver import When
from connector.testing.simulator.driver import SimDriver
from connector.testing.simulator.people import ScriptError, number
from connector.testing.world import World

SYNCS = ("account", "product", "order")
GUARDS = frozenset({"creates", "updates", "deletes", "shrank"})


@dataclass(slots=True)
class Run:
    """One run. between: effect's number -> lines of the script to play right before it.

    held: the lease of a run that dies is not freed; others wait until it is over. allow: a person lets through the
    guards that stopped this sync last.
    """

    entity: str
    dry: bool = False
    full: bool = False
    backwards: bool = False
    held: bool = False
    allow: bool = False
    crash: int | None = None
    when: When = "before"
    between: dict[int, list[str]] = field(default_factory=dict)


class Stops:
    """Which guards stop each sync, until a run of it gets to its end: a person may let them through."""

    def __init__(self) -> None:
        self._stopped: dict[str, frozenset[str]] = dict.fromkeys(SYNCS, frozenset())
        self._all = False

    def allow_all(self) -> None:
        """From now on a person has looked at everything that is left."""
        self._all = True

    def allowed(self, run: Run) -> frozenset[str]:
        """The guards that are let through for this run."""
        return GUARDS if self._all else self._stopped[run.entity] if run.allow else frozenset()

    def note(self, run: Run, result: Report | BaseException, counts: Counter[str]) -> None:
        if isinstance(result, Halted):
            self._stopped[run.entity] |= {result.guard}
            counts[f"halted {result.guard}"] += 1
        elif isinstance(result, Report):
            counts["let through"] += run.allow and bool(self._stopped[run.entity])
            self._stopped[run.entity] = frozenset()


def parse_run(line: str) -> Run:
    """The run a line describes. Raises ScriptError."""
    head, *inner = line.split(";")
    verb, entity, *words = (*head.split(), "")
    if entity not in SYNCS:
        raise ScriptError(f"{line!r}: expected `{verb} account|product|order ...`")
    run = Run(entity, dry=verb == "plan")
    for word in words:
        if word in ("full", "backwards", "held", "allow"):
            setattr(run, word, True)
        elif word.startswith("crash="):
            run.crash = max(1, number(word[6:]))
        elif word in ("before", "after"):
            run.when = "before" if word == "before" else "after"
        elif word:
            raise ScriptError(f"{line!r}: {word!r} says nothing about a run")
    for part in inner:
        step, _, rest = part.strip().partition(" ")
        run.between.setdefault(max(1, number(step)), []).append(rest)
    return run


def drive(
    world: World, run: Run, driver: SimDriver, play: Callable[[str], None], allow: frozenset[str] = frozenset()
) -> Report:
    """Carry out a run with a spool of its own. Raises what ends it: Crash, or what the engine raises."""
    driver.crash, driver.when, driver.backwards = run.crash, run.when, run.backwards
    for step, happening in run.between.items():
        driver.between[step] = [_playing(play, line) for line in happening]
    spec, spool = world.specs[run.entity], world.new_spool()
    shown: list[PlanLine] = []
    try:
        if run.dry:
            return driver.run(plan(spec, world.vault, spool, shown.append, full=run.full))
        return driver.run(sync(spec, world.vault, spool, Options(full=run.full, allow=allow)))
    finally:
        spool.close()


def _playing(play: Callable[[str], None], line: str) -> Callable[[], None]:
    return lambda: play(line)
