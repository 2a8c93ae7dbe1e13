"""One world played by a script: what people do, what goes wrong, what runs; judged after every run and at rest."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from math import inf
from pathlib import Path

from connector.errors import ConnectorError
from connector.model.plan import Report
from connector.model.values import Side
from connector.state.errors import ImpossibleState
from connector.testing.driver import Crash
from connector.testing.simulator.desk import Desk
from connector.testing.simulator.driver import STORE_TRICKS, SimDriver
from connector.testing.simulator.judge import Finding, Judge
from connector.testing.simulator.judge_ages import AgeRules
from connector.testing.simulator.people import People, ScriptError, number
from connector.testing.simulator.profiles import Policy, Profile
from connector.testing.simulator.rest import Rest
from connector.testing.simulator.runs import GUARDS, SYNCS, Run, Stops, drive, parse_run
from connector.testing.simulator.systems import TRICKS, Trick, TrickySystem
from connector.testing.simulator.webhooks import MODES, Webhooks
from connector.testing.simulator.worlds import Backups, make_world
from connector.testing.tables import Touch

NEEDED = {"decide": 2, "wait": 1, "fault": 3, "poison": 2, "accept": 1, "outage": 1, "back": 1, "hide": 4, "meddle": 4}
NEEDED |= {"webhooks": 2, "restore-store": 1, "remap": 2}
ROUNDS = 16
MARGIN = 100.0
"""Seconds by which rounds are further apart than what waits for `settle` waits."""
MOMENT = 0.001


class Simulation:
    """Plays lines of a script, one after the other; every line can be played in any state.

    findings: (rule, sentence), in the order they came up. counts: what was done, by kind. log: with `keep_log`, every
    line, effect and change; `digest` is the fingerprint of it all, equal in every process. Close it when done.
    """

    def __init__(
        self,
        profile: Profile,
        policy: Policy,
        folder: Path | None = None,
        *,
        keep_log: bool = False,
    ) -> None:
        self.world = make_world(profile, policy, folder)
        self.systems = {name: _tricky(system) for name, system in (("crm", self.world.crm), ("erp", self.world.erp))}
        self.people = People(self.world)
        self.webhooks = Webhooks(self.world)
        self.backups = Backups(self.world)
        self.judge = Judge(self.world, profile, policy)
        self.desk = Desk(self.world, self.judge.decided)
        self.step = profile.settle + MARGIN
        self.findings: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self._keep_log = keep_log
        self._digest = blake2b(digest_size=16)
        self._units = {name: spec.units for name, spec in self.world.specs.items()}
        self._store_tricks: list[Trick] = []
        self.stops = Stops()
        self._depth = 0
        for system in self.systems.values():
            system.watchers += [self._seen, self.judge.seen, self.webhooks.seen]
        self._acts: dict[str, Callable[[Sequence[str]], bool]] = {
            "decide": self._decide,
            "retry": self._retry,
            "wait": self._wait,
            "fault": self._fault,
            "poison": self._poison,
            "accept": self._accept,
            "outage": self._outage,
            "back": self._back,
            "hide": self._hide,
            "meddle": self._meddle,
            "webhooks": self._webhooks,
            "backup": self._backup,
            "restore-store": self._restore_store,
            "remap": self._remap,
        }

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        self.world.store.close()

    # ---------------------------------------------------------------------------------------------- playing

    def play(self, script: Iterable[str]) -> None:
        """Play these lines and come to rest; findings and counts are on the simulation. Raises ScriptError."""
        for line in script:
            self.do(line)
        self.come_to_rest()

    def do(self, line: str) -> None:
        """Play one line. Raises ScriptError for one that nobody can read."""
        self._note(line)
        words = line.split()
        if not words or words[0].startswith("#"):
            return
        if words[0] in ("sync", "plan"):
            self._run(parse_run(line))
            return
        if words[0] in self.people.acts:
            done = self.people.do(words)
        elif words[0] in self._acts:
            if len(words) <= NEEDED.get(words[0], 0):
                raise ScriptError(f"{line!r}: something is missing")
            done = self._acts[words[0]](words[1:])
        else:
            raise ScriptError(f"{line!r}: {words[0]!r} is not something that can happen")
        self.counts[("did " if done else "nothing to ") + words[0]] += 1

    def come_to_rest(self) -> None:
        """No more faults and no more edits: let time pass, run everything until nothing happens, and be judged."""
        self._store_tricks.clear()
        for system in self.systems.values():
            system.end_faults()
        for entity in [name for name, units in self._units.items() if self.world.specs[name].units != units]:
            self.world.set(entity, units=self._units[entity])
            self.judge.remapped(entity)
        for name in self.webhooks.modes:
            self.webhooks.modes[name] = "none"
        self.stops.allow_all()
        try:
            self._rest_and_judge()
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            self._find("error", _where(error))
        self.counts.update({f"limit {finding.rule}": 1 for finding in self.judge.verdicts.limits})
        self.counts.update({f"excuse {name}": count for name, count in self.judge.verdicts.excused.items()})
        self.counts["narrowed window"] += len(self.judge.verdicts.narrowed)
        for name, system in self.systems.items():
            self.counts.update({f"fault {name} {kind}": count for kind, count in system.hits.items()})
        self.counts.update(self.webhooks.told)

    def _rest_and_judge(self) -> None:
        """By the feeds alone first: full runs, and dead letters tried again by a person, would hide what is lost."""
        self.judge.allowed = GUARDS
        self._run_until_rest()
        before = self.judge.picture()
        for entity in SYNCS:
            self._run(Run(entity, full=True))
        resting = self._run_until_rest()
        if resting:
            self._judged(self.judge.full_runs_ended(before))
            self._judged(self.judge.at_rest(again=False))
        if self._retry([]):
            resting = self._run_until_rest()
        self._judged(self.judge.at_rest(again=resting))

    def _run_until_rest(self) -> bool:
        """Run everything until another round could bring nothing."""
        rest, ages = Rest(), AgeRules(self.judge.verdicts)
        for _ in range(ROUNDS):
            self._wait([str(int(self.step))])
            for entity in SYNCS:
                self._run(Run(entity))
            with self.world.store.look() as tx:
                hints = tx.hints()
            positions, open_ = [system.positions() for system in self.systems.values()], self._open()
            ages.round_ended((positions, open_), hints)
            if rest.reached((positions, open_), hints, self.world.clock.now() + self.step) and not open_:
                return True
        self._find("I1", f"not at rest after {ROUNDS} rounds")
        return False

    def _open(self) -> bool:
        """Whether something is still to come: open writes, requests on their way."""
        if any(system.coming for system in self.systems.values()):
            return True
        with self.world.store.look() as tx:
            return any(tx.count_intents().values())

    # ------------------------------------------------------------------------------------------------- runs

    def _run(self, run: Run) -> None:
        driver = SimDriver(self.world, self._tick, self._note, self._commits, self.judge.abreast)
        outer = self.judge.process
        self._depth += 1
        self.judge.process = f"{'plan' if run.dry else 'process'} {self._depth}"
        allow = self.stops.allowed(run)
        before, self.judge.allowed = self.judge.allowed, allow
        self.judge.run_begins()
        result: Report | BaseException
        try:
            result = drive(self.world, run, driver, self.do if self._depth == 1 else _nothing, allow)
        except Crash as crash:
            result = crash
            self._after_crash(run)
        except Exception as error:
            result = error
            if isinstance(error, ImpossibleState) or not isinstance(error, ConnectorError):
                self._find("error", _where(error))
        self._ended(run, driver, result)
        self._depth -= 1
        self.judge.process, self.judge.allowed = outer, before

    def _after_crash(self, run: Run) -> None:
        """What the next process does that finds the file lock of the one that died free."""
        self.counts["crashes"] += 1
        if not run.held:
            with self.world.store.begin() as tx:
                tx.end_lease(self.world.specs[run.entity].kind)

    def _ended(self, run: Run, driver: SimDriver, result: Report | BaseException) -> None:
        self.counts["plans" if run.dry else "runs"] += 1
        self.counts["effects"] += driver.count
        if isinstance(result, Report):
            self.counts["writes"] += sum(result.counts.get(name, 0) for name in ("created", "updated"))
            self._note(f"{result.status} {sorted(result.counts.items())}")
        else:
            self.counts[f"ended {type(result).__name__}"] += 1
            self._note(f"{type(result).__name__}: {result}")
        if run.dry:
            self.judge.plan_ended()
        else:
            self.stops.note(run, result, self.counts)
            self._judged(self.judge.run_ended(result))

    def _commits(self) -> str:
        """What hits the next commit."""
        if not self._store_tricks:
            return ""
        trick = self._store_tricks[0]
        if trick.skip > 0:
            trick.skip -= 1
            return ""
        trick.times -= 1
        if trick.times <= 0:
            del self._store_tricks[0]
        self.counts[f"fault store {trick.kind}"] += 1
        return trick.kind

    def _tick(self) -> None:
        for system in self.systems.values():
            system.arrive()
        self.webhooks.deliver()

    def _judged(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self._find(finding.rule, finding.what)

    def _find(self, rule: str, what: str) -> None:
        self.findings.append((rule, what))
        self._note(f"FINDING {rule}: {what}")

    def _seen(self, touch: Touch) -> None:
        self._note(f"{touch.system} {touch.kind} {touch.object} {touch.key} by {touch.by} {touch.token or ''}")
        if self._keep_log and touch.after is not None:
            was = touch.before or {}
            self.log.append("    " + ", ".join(f"{k}={v}" for k, v in touch.after.items() if was.get(k) != v))

    def _note(self, line: str) -> None:
        self._digest.update(line.encode())
        if self._keep_log:
            self.log.append(("  " * self._depth) + line)

    # ------------------------------------------------------------------------------------------------- lines

    def _decide(self, words: Sequence[str]) -> bool:
        if words[1] not in ("left", "right"):
            raise ScriptError(f"{words[1]!r}: expected left or right")
        return self.desk.decide(number(words[0]), Side(words[1]))

    def _retry(self, words: Sequence[str]) -> bool:
        return bool(self.desk.retry())

    def _wait(self, words: Sequence[str]) -> bool:
        clock, left = self.world.clock, float(number(words[0]))
        while left > 0:
            # What is on its way arrives when it is due, not when the waiting is over.
            due = min((late.due for system in self.systems.values() for late in system.coming), default=inf)
            step = min(left, max(due - clock.now(), MOMENT))
            clock.advance(step)
            left -= step
            for system in self.systems.values():
                system.arrive()
        self.webhooks.deliver(late=self._depth == 0)
        return True

    def _system(self, name: str) -> TrickySystem:
        if name not in self.systems:
            raise ScriptError(f"{name!r}: expected crm or erp")
        return self.systems[name]

    def _fault(self, words: Sequence[str]) -> bool:
        """`fault erp write lost-after skip=1 times=2 number=5`, `fault store commit busy skip=3`."""
        name, method, kind, *rest = words
        tricks = self._store_tricks if name == "store" else self._system(name).tricks
        known = STORE_TRICKS.get(kind, ()) if name == "store" else TRICKS.get(kind, ())
        if method not in known:
            raise ScriptError(f"{' '.join(words)}: no fault {kind!r} of {method!r}")
        trick = Trick(method, kind)
        for word in rest:
            what, _, value = word.partition("=")
            if what not in ("skip", "times", "number"):
                raise ScriptError(f"{word!r}: expected skip=, times= or number=")
            setattr(trick, what, number(value))
        tricks.append(trick)
        return True

    def _poison(self, words: Sequence[str]) -> bool:
        self._system(words[0]).poison.add(words[1])
        return True

    def _accept(self, words: Sequence[str]) -> bool:
        found = bool(self._system(words[0]).poison)
        self._system(words[0]).poison.clear()
        return found

    def _outage(self, words: Sequence[str]) -> bool:
        system = self._system(words[0])
        system.outages += not system.denied
        system.denied = True
        return True

    def _back(self, words: Sequence[str]) -> bool:
        found = self._system(words[0]).denied
        self._system(words[0]).denied = False
        return found

    def _hide(self, words: Sequence[str]) -> bool:
        """`hide erp account 2 300`: for 300 seconds nobody finds the record, though it is there."""
        system = self._system(words[0])
        self.people.object(system, words[1])
        key = self.people.key(system, words[1], words[2])
        if key is not None:
            system.hidden[key] = self.world.clock.now() + number(words[3])
        return key is not None

    def _meddle(self, words: Sequence[str]) -> bool:
        """`meddle erp account 60 phone=w1`: 60 seconds after our next write a workflow of the system changes it."""
        system = self._system(words[0])
        entity, fields = words[1], self.people.typed(system, words[1], words[3:])
        system.meddling[self.people.object(system, entity)] = (float(number(words[2])), fields)
        return True

    def _webhooks(self, words: Sequence[str]) -> bool:
        if words[1] not in MODES:
            raise ScriptError(f"{words[1]!r}: expected one of {', '.join(MODES)}")
        self._system(words[0])
        self.webhooks.modes[words[0]] = words[1]
        return True

    def _backup(self, words: Sequence[str]) -> bool:
        if self._depth == 0:
            self.backups.make(self.judge.ledger.number)
        return self._depth == 0

    def _restore_store(self, words: Sequence[str]) -> bool:
        if self._depth > 0:
            return False
        self.judge.store_ends()
        made = self.backups.restore(number(words[0]))
        if made is not None:
            self.judge.store_replaced(made)
        return made is not None

    def _remap(self, words: Sequence[str]) -> bool:
        """`remap account notes`: the unit leaves the mapping, or comes back."""
        entity, name = words
        if entity not in SYNCS or all(unit.name != name for unit in self._units[entity]):
            raise ScriptError(f"{' '.join(words)}: there is no such unit")
        if self._depth:
            return False
        here = {unit.name for unit in self.world.specs[entity].units}
        wanted = here ^ {name}
        self.world.set(entity, units=tuple(unit for unit in self._units[entity] if unit.name in wanted))
        self.judge.remapped(entity)
        return True


def _nothing(line: str) -> None:
    """Between the effects of a run that runs between the effects of another, nothing happens."""


def _tricky(system: object) -> TrickySystem:
    assert isinstance(system, TrickySystem)
    return system


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno} {last.name})"
