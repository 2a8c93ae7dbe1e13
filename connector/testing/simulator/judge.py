"""The judge of a simulation: watches both systems and says what went wrong, by the rules of the sync protocol.

It knows what the systems show and what rows the store holds; how the engine works it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import msgspec

from connector.errors import ConnectorError, Halted, UncertainError
from connector.model.plan import PlanLine, Report
from connector.model.records import Key, Page, Write, WriteResult
from connector.model.rows import IntentRow, IntentState, LinkRow
from connector.model.values import SIDES, Side
from connector.testing.driver import Crash
from connector.testing.memory import MemorySystem
from connector.testing.simulator.judge_counts import CountRules
from connector.testing.simulator.judge_findings import Finding, Verdicts
from connector.testing.simulator.judge_full import FullRules, Picture, picture
from connector.testing.simulator.judge_guards import GuardRules
from connector.testing.simulator.judge_rest import RestRules
from connector.testing.simulator.judge_rows import MANY, Rows, read_rows
from connector.testing.simulator.judge_things import Change
from connector.testing.simulator.judge_values import has_float
from connector.testing.simulator.judge_writes import WriteRules
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Policy, Profile
from connector.testing.simulator.systems import TrickySystem
from connector.testing.tables import Touch
from connector.testing.world import World

__all__ = ["Finding", "Judge"]

DAY = 86400.0
WAITING = ("wait", "hold", "conflict", "refuse")
"""What a plan shows of records that a feed with overlap lists again and again: they wait, and nothing is written."""


class Judge:
    """Decides whether anything went wrong.

    Register `seen` with the watchers of both systems; what answers show and what is sent it listens to by itself.
    verdicts: what the protocol allows for want of a power is in `verdicts.narrowed` and `verdicts.limits`, not in the
    findings. allowed: guards a person let through for the run that is going on. Where two processes run at once, set
    `process` to the name of the one that goes on, so that each is judged by what it was shown itself.
    """

    def __init__(self, world: World, profile: Profile, policy: Policy) -> None:
        self.world = world
        self.policy = policy
        self.profile = profile
        self.verdicts = Verdicts()
        self.ledger = Ledger(world)
        self.allowed: frozenset[str] = frozenset()
        self.writes = WriteRules(self.ledger, self.verdicts, profile)
        self.guards = GuardRules(self.writes)
        self.counts = CountRules(self.ledger, self.verdicts, self.writes)
        self._this_run: list[Change] = []
        self._journal = 0
        self._sends = 0
        self._left: dict[str, set[str]] = {}
        self._whole = not self.ledger.records
        for side, system in ((Side.LEFT, world.crm), (Side.RIGHT, world.erp)):
            system.readers.append(partial(self._shown, side, system.name))
            system.write = self._listening(side, system, system.write)  # type: ignore[method-assign, assignment]
            for method in ("changes", "scan"):
                setattr(system, method, self._paging(side, system, method, getattr(system, method)))

    @property
    def process(self) -> str:
        return self.ledger.process

    @process.setter
    def process(self, name: str) -> None:
        self.ledger.process = name
        self.writes.winners.goes_on(name)

    def abreast(self) -> AbstractContextManager[None]:
        """The calls of the process that are made meanwhile are made side by side."""
        return self.ledger.turns.abreast(self.process)

    # -------------------------------------------------------------------------------------------- what is told

    def seen(self, touch: Touch) -> None:
        """A record changed."""
        change = self.ledger.take(touch)
        if change is None:
            return
        self.writes.note_time(change.number)
        self.writes.judge(change)
        if change.ours:
            self._this_run.append(change)
            if touch.kind == "remove":
                self.guards.deleted(change, self.allowed)

    def decided(self, link: LinkRow | int, unit: str, side: Side) -> None:
        """A person decided a conflict: this side's value is right. link: it, or its id; unit: `*` for the record."""
        row = self.world.look("links_by_id", [link])[link] if isinstance(link, int) else link
        for entity, spec in self.world.specs.items():
            if spec.kind == row.kind:
                for name in {
                    self.ledger.name_of(s, entity, str(row.keys[s])) for s in SIDES if row.keys[s] is not None
                }:
                    self.writes.decide(entity, name, unit)
                self.writes.winners.choose(entity, row.keys, unit, side)

    def remapped(self, entity: str) -> None:
        """The sync has other fields from now on; what is open was decided before."""
        kind = self.world.specs[entity].kind
        self.writes.earlier |= {row.token for row in self.world.look("open_intents", kind, "", MANY)}
        self.writes.winners.remapped(entity)

    def store_ends(self) -> None:
        """The store is about to go back to an older copy of itself."""
        self.writes.store_ends()

    def store_replaced(self, made: int = 0) -> None:
        """The store went back to an older copy of itself, made by that number, or was lost."""
        self.writes.store_replaced(made)
        self._journal = 0
        self.guards.store_replaced()

    def _shown(self, side: Side, name: str, object_: str, records: Sequence[Any]) -> None:
        self.ledger.turns.called(self.process)
        place = self.ledger.place.get((name, object_))
        if place is not None:
            self.ledger.shown(side, place[1], records)
            self.writes.out_of_sight(side, place[1], self._hidden(side))

    def _hidden(self, side: Side) -> list[Key]:
        """Keys of records that nobody finds there now."""
        system, now = self.world.crm if side is Side.LEFT else self.world.erp, self.world.clock.now()
        return [key for key, until in system.hidden.items() if until > now] if isinstance(system, TrickySystem) else []

    def _listening(
        self, side: Side, system: MemorySystem, write: Callable[[str, Sequence[Write]], WriteResult]
    ) -> Callable[[str, Sequence[Write]], WriteResult]:
        """The system's write, overheard. A late request counts by what was known when it was sent, so sending is told.

        The system goes on to call its own method: nothing about it changes.
        """

        def overheard(object: str, writes: Sequence[Write]) -> WriteResult:  # noqa: A002
            self.ledger.turns.called(self.process)
            place = self.ledger.place.get((system.name, object))
            if place is None:
                return write(object, writes)
            self.ledger.sent(side, place[1], writes, self.world.clock.now())
            self.writes.sent(side, place[1], writes)
            self.writes.creates_sent(side, place[1], writes)
            self._sends += len(writes)
            if self.world.specs[place[1]].systems[side].capabilities.decimals == "string":
                for item in writes:
                    if item.body and has_float(msgspec.json.decode(item.body)):
                        self.verdicts.find("I21", f"{system.name} {object} {item.key}: a float in a body")
            tokens = [item.token for item in writes]
            self.ledger.turns.carried_out = frozenset(tokens)
            if self.allowed:
                self.guards.let_through.update(tokens)
            try:
                result = write(object, writes)
            except ConnectorError:
                self._unsure(tokens)
                raise
            finally:
                self.ledger.turns.carried_out = frozenset()
            if len(result.outcomes) != len(tokens):
                self._unsure(tokens)  # which result belongs to which write, nobody can say
                return result
            sure = dict(zip(tokens, result.outcomes, strict=True))
            self._unsure(t for t in tokens if isinstance(sure[t].error, UncertainError))
            self.ledger.answered(done := {token for token in tokens if sure[token].error is None})
            self.counts.answered[self.process, place[1]].update({token: (side, sure[token].key) for token in done})
            self.ledger.shown(side, place[1], [o.record for o in result.outcomes if o.record is not None])
            for outcome in result.outcomes:
                if outcome.error is None and outcome.record is None and outcome.key is not None:
                    self.ledger.made_known(side, place[1], outcome.key)
            return result

        return overheard

    def _paging(
        self, side: Side, system: MemorySystem, method: str, list_: Callable[[str, str | None], Page]
    ) -> Callable[[str, str | None], Page]:
        """The system's listing, overheard: what a run may take for all there is."""

        def overheard(object: str, cursor: str | None) -> Page:  # noqa: A002
            found = self.ledger.place.get((system.name, object))
            if found is None:
                return list_(object, cursor)
            if method == "changes":
                now, gone = self.world.clock.now(), self._hidden(side)
                self.writes.pages.asked(self.process, found, self.ledger.number, now, gone)
            page = list_(object, cursor)
            self.writes.pages.answered(self.process, method, found, cursor, page)
            return page

        return overheard

    def _unsure(self, tokens: Iterable[str]) -> None:
        """These writes had no answer; they are open until the store says otherwise."""
        fresh = set(tokens)
        self.writes.unknown |= fresh
        self.ledger.unsure |= fresh
        self.ledger.open |= fresh

    # -------------------------------------------------------------------------------------------- after a run

    def run_begins(self) -> None:
        """A run begins: what was typed until now it can read before it decides, what is noted as sent it recovers."""
        self._left[self.process] = {row.token for row in self._intents() if row.state is IntentState.SENT}
        self.guards.run_begins()
        self.counts.run_begins()

    def plan_ended(self) -> None:
        """A plan is over: it changes nothing (I37), so what it was shown is known to no run that comes after it."""
        self.ledger.forget(lose=True)
        self.writes.pages.ended(self.process)
        self.writes.sight_ended()

    def run_ended(self, result: Report | BaseException) -> list[Finding]:
        """Cheap checks after a run; what is new since the last call. result: its report, or what it died of."""
        if isinstance(result, Report):
            self.counts.balanced(result)
            self.counts.did_what_it_says(result, self._this_run)
        elif not isinstance(result, Crash | ConnectorError):
            self.verdicts.find("error", f"a run ended with {type(result).__name__}: {result}")
        elif isinstance(result, Halted):
            self._halted(result)
        elif "do not balance" in str(result):
            self.verdicts.find("counts", str(result))
        self._cursors()
        alive = isinstance(result, Report)
        unsent = self._left.get(self.process, set()) - self.ledger.calls.keys()
        if self.ledger.open or unsent or not alive:
            intents = self._intents()
            rows = {row.token for row in intents}
            self.ledger.left_open(rows)
            self.ledger.lost |= unsent - rows
            # What it had sent, and never wrote down that it was done, has no known outcome.
            self._unsure(() if alive else rows & self.ledger.calls.keys())
            self.writes.left_open(intents)
            self.guards.let_through |= rows if self.allowed else set()
        self.guards.run_ended([change for change in self._this_run if self._decided_now(change)], self.allowed)
        self._this_run = [change for change in self._this_run if self._is_of_another(change)]
        self.writes.winners.run_ended(self.process)
        self.ledger.run_ended(alive=alive)
        self.counts.run_ended()
        self.writes.run_ended()
        return self.verdicts.new()

    def _decided_now(self, change: Change) -> bool:
        """Whether the run that is over decided on it: what was noted as sent when it began is recovered (3.1, T2..T3).

        It had passed the guards of the run that noted it, be that one over or only slow, and whichever sends it.
        """
        return self.counts.sent_now(change) and str(change.touch.token) not in self._left.get(self.process, ())

    def _intents(self) -> list[IntentRow]:
        """The writes of which the store does not say what became of them."""
        with self.world.store.look() as tx:
            return [row for spec in self.world.specs.values() for row in tx.open_intents(spec.kind, "", MANY)]

    def _is_of_another(self, change: Change) -> bool:
        call = self.ledger.calls.get(str(change.touch.token))
        return call is not None and call.process != self.process

    def _halted(self, halted: Halted) -> None:
        """I18: a run that a guard stopped before its first write has written nothing new.

        What another run had noted is sent ahead of any plan (3.1): that one's guards had let it through.
        """
        if "Nothing of this plan was written" in str(halted):
            for change in self._this_run:
                if self._decided_now(change):
                    self.verdicts.find("I18", f"{change.held}: written in a run that {halted.guard} had stopped")

    def _cursors(self) -> None:
        """I25: no cursor is ahead of what the system has. Only where we counted from the beginning."""
        if not self._whole:
            return
        with self.world.store.look() as tx:
            for entity, spec in self.world.specs.items():
                for side in SIDES:
                    cursor = (tx.cursor(spec.kind, side) or "").partition("/")[0]
                    if cursor.isdigit() and int(cursor) > self.ledger.touches[side, entity]:
                        self.verdicts.find("I25", f"{entity}: the cursor of {side} is ahead, at {cursor}")
            newest = tx.journal(None, None, None, 1)
        number = newest[0].seq or 0 if newest else 0
        if number < self._journal:
            self.store_replaced()
        self._journal = number

    # -------------------------------------------------------------------------------------------- at rest

    def picture(self) -> Picture:
        """What both systems and the store show at rest, for `full_runs_ended`."""
        return picture(self.ledger, {entity: read_rows(self.world, entity) for entity in self.world.specs})

    def full_runs_ended(self, before: Picture) -> list[Finding]:
        """Full runs followed runs by the feeds that had come to rest, and all is at rest again (I26)."""
        FullRules(self.ledger, self.verdicts, self.profile).judge(before, self.picture())
        return self.verdicts.new()

    def at_rest(self, *, again: bool = True) -> list[Finding]:
        """All rules that hold at rest; what is new since the last call.

        again: also plan and run once more, to see that there is nothing to do (I1) and that nothing changes (I2).
        """
        rows = {entity: read_rows(self.world, entity) for entity in self.world.specs}
        for entity in self.world.specs:
            rest = RestRules(self.ledger, self.verdicts, self.writes, entity, rows[entity])
            rest.judge()
            self.writes.winners.at_rest(entity, rows[entity], rest.reasons.names)
            self._ages(entity, rows[entity])
        if again:
            self._once_more(rows)
        return self.verdicts.new()

    def _ages(self, entity: str, rows: Rows) -> None:
        """I44: everything that waits is listed with its age."""
        now = self.world.clock.now()
        for what, since in rows.waiting():
            if not 0.0 < since <= now:
                self.verdicts.find("I44", f"{entity}: {what} waits since {since}, which is no age")

    def _once_more(self, rows: dict[str, Rows]) -> None:
        for entity in self.world.specs:
            lines = [line for line in self.world.plan(entity) if line.action not in WAITING]
            lines = [line for line in lines if line.action != "confirm" or not self._is_alone(entity, line)]
            if lines:
                self.verdicts.find("I1", f"{entity}: at rest a plan has {[(x.action, x.side, x.keys) for x in lines]}")
        sent = self._sends
        for entity, before in rows.items():
            self._run_at_rest(entity)
            after = read_rows(self.world, entity)
            if before.changes(after):
                # The run before the last one may have been the last to do something: the second decides.
                self._run_at_rest(entity)
                changed = after.changes(read_rows(self.world, entity))
                if changed:
                    self.verdicts.find("I2", f"{entity}: every run at rest changes {', '.join(changed)}")
        if self._sends != sent:
            self.verdicts.find("I2", "a run at rest wrote to a system")

    def _is_alone(self, entity: str, line: PlanLine) -> bool:
        """Whether one of the two records is gone, and nothing can ever tell. Looking again is no write."""
        found = [self.ledger.records.get((side, entity, str(line.keys[side]))) for side in SIDES]
        return any(held is not None and self.writes.is_past_telling(held) for held in found)

    def _run_at_rest(self, entity: str) -> None:
        try:
            self.world.sync(entity, allow=self.allowed)
        except ConnectorError as error:
            self.verdicts.find("I2", f"{entity}: a run at rest ended with {error}")
