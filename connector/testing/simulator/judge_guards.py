"""What guards stop: more deletes in a day, or more edits in a run, than a person has let through (I18)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil

from connector.merge.guards import FLOOR_CHANGED, FLOOR_DELETES
from connector.model.records import Key
from connector.model.rows import LinkState
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_things import Change, Edit
from connector.testing.simulator.judge_writes import WriteRules
from connector.testing.simulator.ledger_records import is_ref

DAY = 86400.0


class GuardRules:
    """Counts deletes and edits as a guard does. let_through: tokens of what was noted or sent as a person allowed."""

    def __init__(self, writes: WriteRules) -> None:
        self.writes = writes
        self.ledger = writes.ledger
        self.world = writes.ledger.world
        self.verdicts = writes.verdicts
        self.let_through: set[str] = set()
        self._begun: dict[str, int] = {}
        self._deletes: dict[str, deque[float]] = {entity: deque() for entity in self.world.specs}
        self._linked = self._links()

    def run_begins(self) -> None:
        """What was typed until now the run of this process can read before it decides."""
        self._begun[self.ledger.process] = self.ledger.number

    def store_replaced(self) -> None:
        """The deletes of a day are counted in the journal: what it has lost, nobody counts."""
        for times in self._deletes.values():
            times.clear()
        self._linked = self._links()

    def deleted(self, change: Change, allowed: frozenset[str]) -> None:
        """I18: in any 24 hours no more deletes of a kind are sent than the guard lets through."""
        entity, token = change.held.entity, str(change.touch.token)
        if self.writes.is_decided(change.held, "*"):
            return  # a person let this very one through
        call = self.ledger.calls.get(token)
        times = self._deletes[entity]
        times.append(call.at if call is not None else change.touch.at)
        while times[0] < times[-1] - DAY:
            times.popleft()
        limit = self.world.specs[entity].limits.deletes
        linked = sum(len(thing.records.left) for thing in self.ledger.things.values() if thing.entity == entity)
        most = limit.of(linked) if limit is not None else max(FLOOR_DELETES, ceil(0.01 * linked))
        if len(times) > most and "deletes" not in allowed and token not in self.let_through:
            self.verdicts.find("I18", f"{entity}: {len(times)} deletes in 24 hours, at most {most}")

    def run_ended(self, sent: Iterable[Change], allowed: frozenset[str]) -> None:
        """I18: a run brings no more edits to a side than the guard lets through. sent: what it wrote.

        Those made before it began, to records that were linked then; what follows from its own creates (references that
        waited) is let through with them.
        """
        written: dict[tuple[str, Side], set[Key]] = {}
        for change in sent:
            held = change.held
            if change.touch.kind == "edit" and self._is_news(change):
                written.setdefault((held.entity, held.side), set()).add(held.key)
        for (entity, side), keys in written.items():
            limit = self.world.specs[entity].limits.updates
            if limit is None or "updates" in allowed:
                continue
            most = limit.of(len(self._linked[entity]) // 2, FLOOR_CHANGED)
            if len(keys) > most:
                self.verdicts.find("I18", f"{entity}: {len(keys)} records changed in {side} by one run, at most {most}")
        self._linked = self._links()

    def _is_news(self, change: Change) -> bool:
        """Whether it brings what somebody typed before the run began over what both sides had agreed on by then.

        The rest of a create, and what a first link brings, is no change.
        """
        begun, entity = self._begun.get(self.ledger.process, 0), change.held.entity
        edits = [written.edit for written in change.written if written.edit is not None and written.edit.typed]
        known = [edit for edit in edits if edit.number <= begun and self._was_known(entity, edit)]
        linked = (change.held.side, change.held.key) in self._linked[entity]
        return linked and any(not is_ref(edit.value) for edit in known)

    def _was_known(self, entity: str, edit: Edit) -> bool:
        """Whether both sides had agreed on what it replaced; a create of unknown outcome leaves nothing agreed."""
        old, record = edit.before, self.ledger.records.get((edit.side, entity, edit.key))
        if old is None or record is None or not old.is_agreed:
            return False
        return record.token not in self.ledger.unsure or old.number > record.born

    def _links(self) -> dict[str, set[tuple[Side, Key]]]:
        """The records that are linked, by entity; where a share counts, no world here is large enough to meet it."""
        found: dict[str, set[tuple[Side, Key]]] = {}
        for entity in self.world.specs:
            small = self.world.specs[entity].limits.updates
            rows = self.world.links(entity, LinkState.LINKED) if small is not None and small.count is not None else []
            found[entity] = {(side, str(row.keys[side])) for row in rows for side in SIDES}
        return found
