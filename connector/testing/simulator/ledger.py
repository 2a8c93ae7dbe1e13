"""What happened, as the systems told it: who typed which value where, what it replaced, and where each was shown.

The ledger knows systems and mappings, nothing of the engine. Its nouns: a Thing is what a label stands for (the same on
both sides); a Held is one record of it; an Edit is one value that somebody typed into one unit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from math import inf
from typing import Any

from connector.model.records import Key, Op, Record, Version, Write
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_rows import MANY
from connector.testing.simulator.judge_things import MERGED, Call, Change, Edit, Held, Thing
from connector.testing.simulator.judge_values import identity_of
from connector.testing.simulator.ledger_notices import Notices, Place
from connector.testing.simulator.ledger_records import leads_to
from connector.testing.simulator.ledger_values import Values, agree
from connector.testing.tables import Touch
from connector.testing.world import World


class Ledger(Values):
    """Fed with every touch, every answer and every write that is sent. process: which process is running now.

    open, were_open: tokens of writes whose outcome is not known now, and was not when this run began. lost: those of
    which it never was: nobody was shown what they had brought until they were given up, or they had not left yet, and
    their sender wakes up later. told: token -> the process that
    an answer told it was done, and that is not over.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.number = 0
        self.run = 0
        self.began = 0
        self.process = ""
        self.senders: dict[str, set[str]] = {}
        self.unsure: set[str] = set()
        self.open: set[str] = set()
        self.were_open: frozenset[str] = frozenset()
        self.lost: set[str] = set()
        self.told: dict[str, str] = {}
        self._met: set[tuple[str, str]] = set()
        self.touches: Counter[tuple[Side, str]] = Counter()
        self._fresh: defaultdict[str, Notices] = defaultdict(Notices)
        self._mappings: dict[tuple[Side, str], object] = {}
        self.place = {
            (spec.systems[side].name, spec.systems[side].object): (side, entity)
            for entity, spec in world.specs.items()
            for side in SIDES
        }
        self._adopt()

    def _adopt(self) -> None:
        """Take what is there already as typed by people: the systems may have had records before we looked."""
        for (name, object_), (side, entity) in self.place.items():
            self._mappings[side, entity] = self.world.specs[entity].systems[side].mapping
            system = self.world.crm if side is Side.LEFT else self.world.erp
            assert system.name == name
            for key, fields in system.live(object_).items():
                version = system.version(object_, key)
                self.take(Touch(name, object_, key, "create", "user", 0.0, None, fields, version=version))

    # -------------------------------------------------------------------------------------------- what is told

    def sent(self, side: Side, entity: str, writes: Iterable[Any], at: float) -> None:
        """A batch of writes leaves now. What counts as known to the sender is what it was shown before the first."""
        self.number += 1
        writes = list(writes)
        creates = any(write.op is Op.CREATE for write in writes)
        shown = {held: held.seen.get(self.process, 0) for held in self.of(side.other, entity)} if creates else {}
        for write in writes:
            if write.op is Op.CREATE:
                self.sources.setdefault(write.token, shown)
            self.bodies[write.token] = write.body
            self.senders.setdefault(write.token, set()).add(self.process)
            if write.token in self.calls:
                self.unsure.add(write.token)  # sent again: its outcome was not known
            held = self.records.get((side, entity, write.key)) if write.key is not None else None
            seen = self._planned_on(held, write) if held is not None else 0
            gap = self.turns.since_look(self.process, held)
            call = Call(self.number, self.run, self.process, at, write.op.value, seen, self.began, gap)
            self.calls.setdefault(write.token, call)
            self.latest[write.token] = call

    def _planned_on(self, held: Held, write: Write) -> int:
        """The touch of the target that the write goes by: that of the version it names, which only an answer tells.

        Whoever sends a noted write first may be another process than the one that planned it, and may have looked at
        nothing. Without a condition that cannot be: it is read again and marked as sent by the process that sends it.
        """
        named = held.made.get(write.version) if write.version is not None else None
        return named if named is not None else held.seen.get(self.process, 0)

    def shown(self, side: Side, entity: str, records: Sequence[Record]) -> None:
        """An answer showed these records, as they are or as they once were."""
        for record in records:
            held = self.records.get((side, entity, record.key))
            if held is None:
                continue
            self.turns.looked(self.process, held)
            gone = record.deleted or record.merged_into is not None
            self._fresh[self.process].met(held, self.process, self.number, gone=gone)
            number, shows = self._version(held, record.version)
            self._notice(held, {} if gone else shows, number)
            if number > held.seen.get(self.process, 0):
                held.seen[self.process] = number

    def made_known(self, side: Side, entity: str, key: Key) -> None:
        """An answer said that a write was done, and did not show the record."""
        held = self.records.get((side, entity, key))
        if held is not None:
            self._notice(held, held.told_by_an_answer(), self.number)

    def answered(self, tokens: Collection[str]) -> None:
        """An answer told this process that these writes were done; nobody else, until it has written that down."""
        self.open.difference_update(tokens)
        self.told.update(dict.fromkeys(tokens, self.process))

    def _is_open(self, token: str) -> bool:
        """Whether this process has no way to know what became of the write: the store says only that it was sent."""
        if self.told.get(token, self.process) == self.process:
            return token in self.open
        return token in self._noted()

    def _noted(self) -> set[str]:
        """The writes of which the store does not say what became of them."""
        kinds = [spec.kind for spec in self.world.specs.values()]
        return {row.token for kind in kinds for row in self.world.look("open_intents", kind, "", MANY)}

    def left_open(self, tokens: Collection[str]) -> None:
        """Of the writes whose outcome is not known, the store has these still.

        What a run was shown of a write that it leaves open tells the next nothing: that one looks for itself (3.3).
        """
        self.lost |= self.open.difference(tokens, (token for _, token in self._met))
        self.open.intersection_update(tokens)
        self._met -= {(self.process, token) for token in self.open}

    def run_ended(self, *, alive: bool) -> None:
        """The run that is going on is over. alive: it did not die, so what it was told last is known to the next."""
        self.run += 1
        self.began = self.number
        self.were_open = frozenset(self.open)
        self.forget(lose=not alive)

    def forget(self, *, lose: bool) -> None:
        """What is shown from here on is shown to another run. lose: this one leaves the next what it wrote down."""
        fresh = self._fresh.pop(self.process, Notices())
        self.told = {token: process for token, process in self.told.items() if process != self.process}
        if lose:
            fresh.lose(self.world, self.process, self._adopted(fresh), self.number)
        else:
            fresh.keep(self.number)

    def _adopted(self, fresh: Notices) -> list[tuple[Edit, Place]]:
        """Of what a run was shown, what is a base though it died: what agrees in the versions that a link names.

        A first commit notes the versions it goes by, and what it adopts, at once (protocol 3, T1). What a write brought
        that has no outcome in the store is agreed on by nobody, whatever its answer was.
        """
        found: list[tuple[Edit, Place]] = []
        noted = self._noted()
        for entity in self.world.specs:
            for link in self.world.links(entity, LinkState.LINKED):
                (here, left), (there, right) = (self._decided_by(entity, link, side, noted) for side in SIDES)
                for unit in left if link.base is not None else ():
                    if unit in right and self.same(left[unit].value, right[unit].value):
                        pair = [(left[unit], here), (right[unit], there)]
                        found += pair if fresh.shown.issuperset(pair) else []
        return found

    def _decided_by(
        self, entity: str, link: LinkRow, side: Side, noted: Collection[str]
    ) -> tuple[Place, Mapping[str, Edit]]:
        """The record of that side, and what it showed in the version that is noted as seen; noted: open writes."""
        place, seen = (side, str(link.keys[side])), link.seen[side]
        held = self.records.get((side, entity, place[1]))
        if held is None or seen is None:
            return place, {}
        number, shows = self._version(held, seen)
        return place, {unit: edit for unit, edit in shows.items() if held.brought_by(unit, number) not in noted}

    def last_shown(self, edit: Edit, place: tuple[Side, Key]) -> float:
        """When a run that was shown the edit there ended last, see `Edit.noticed`; negative if none was."""
        if any((edit, place) in fresh.shown for fresh in self._fresh.values()):
            return inf
        return edit.lately.get(place, -1)

    def _notice(self, held: Held, shows: Mapping[str, Edit], number: int) -> None:
        """What we brought somewhere and see there, we had seen where it was typed; what was merged is typed nowhere.

        A write that was given up settles nothing (protocol 3.3): what it brought all the same is a change there.
        number: the touch after which the record looked like that: an answer may be older than what is there now.
        """
        for unit, edit in shows.items():
            token = held.brought_by(unit, number)
            if token in self.open:
                self._met.add((self.process, token))
            if self._is_open(token) or _is_behind(held, unit, number):
                continue  # a record whose write has no answer yet is left alone, whatever it shows
            carried = bool(edit.brought) and edit.by != MERGED and token not in self.lost
            for place in ((held.side, held.key), (edit.side, edit.key))[: 1 + carried]:
                self._fresh[self.process].noticed(edit, place)

    def _version(self, held: Held, version: Version) -> tuple[int, Mapping[str, Edit]]:
        """The touch that left the record as it is shown here: its number, and what the record showed then.

        By its version: a record that is back from a delete looks as it did before, and a list may be late with both.
        """
        touch = held.made.get(version, 0)
        return touch, next((shows for number, _, shows in reversed(held.versions) if number == touch), {})

    def take(self, touch: Touch) -> Change | None:
        """One change of a record. None for objects no sync knows."""
        place = self.place.get((touch.system, touch.object))
        if place is None:
            return None
        side, entity = place
        if self._mappings[place] is not self.world.specs[entity].systems[side].mapping:
            self._remap(side, entity)
        self.number += 1
        self.touches[place] += 1
        ours = touch.token is not None
        held = self.records.get((side, entity, touch.key))
        if held is None:
            held = self._new(side, entity, touch, ours=ours)
        thing = self.things[entity, held.identity]
        change = Change(touch, held, thing, self.number, ours, held.values)
        held.last, held.at = self.number, touch.at
        if not ours:
            held.changed, held.moved = touch.at, self.number
        if touch.kind in ("remove", "merge"):
            self._end(touch, held, thing, ours=ours)
        else:
            if touch.kind == "restore":
                held.ended, held.into, held.back = "", None, self.number
                held.told.clear()
                held.heard = False
                held.known.clear()  # nobody has been shown it since it is back
            self.refresh(change)
            if touch.kind == "restore":
                for edit, mate in self.agreeing(thing):  # what it shows again may be what the other side got meanwhile
                    agree(edit, mate)
        held.versions.append((self.number, touch.after, held.told_by_an_answer()))
        if touch.version is not None:
            held.made[touch.version] = self.number
        return change

    def _remap(self, side: Side, entity: str) -> None:
        """The mapping is another one: what records show from now on counts as typed where it differs."""
        self._mappings[side, entity] = self.world.specs[entity].systems[side].mapping
        for held in list(self.records.values()):
            if held.side is side and held.entity == entity and held.live:
                touch = Touch("", "", held.key, "edit", "mapping", 0.0, held.fields, held.fields)
                thing = self.things[entity, held.identity]
                self.refresh(Change(touch, held, thing, self.number, False, held.values))

    def _new(self, side: Side, entity: str, touch: Touch, *, ours: bool) -> Held:
        fields = touch.after or {}
        name = self.named(entity, identity_of(self.world.specs[entity], side, touch.key, fields))
        thing = self.things.setdefault((entity, name), Thing(entity, name))  # since a cross it may go by another name
        held = Held(side, entity, touch.key, thing.identity, ours, self.number, fields, token=touch.token, name=name)
        self.records[side, entity, touch.key] = held
        thing.records[side].append(held)
        (thing.made if ours else thing.typed)[side] += 1
        return held

    def _end(self, touch: Touch, held: Held, thing: Thing, *, ours: bool) -> None:
        if touch.kind == "merge":
            held.ended, held.into = "merged", touch.into
            survivor = self.records.get((held.side, held.entity, str(touch.into)))
            if survivor is not None and survivor.identity != held.identity:
                thing.merged_to.add(survivor.identity)
                self._cross(held.entity, held.identity)
                self._meet(held.entity)
        else:
            held.ended = "deleted by us" if ours else "removed"
            held.was_removed = held.was_removed or not ours

    def _cross(self, entity: str, identity: str) -> None:
        """One merged into the other here, the other into the one there: people made one thing of them."""
        circle = {name for name in self.survivors(entity, identity) if identity in self.survivors(entity, name)}
        one = self.things[entity, identity]
        for name in sorted(circle):
            other = self.things[entity, name]
            if other is not one:
                one.take(other)
                self.things[entity, name] = one
        for side in SIDES:
            for held in one.records[side]:
                held.identity = identity
        for edit, mate in self.agreeing(one):
            agree(edit, mate)

    def _meet(self, entity: str) -> None:
        """References that lead to one thing since a merge agree, as if both had been typed so: row 2 of the protocol.

        Neither of the records that hold them has changed by it.
        """
        for thing in self.things.values():
            for edit, other in self.agreeing(thing):
                if leads_to(entity, edit.value):
                    agree(edit, other)


def _is_behind(held: Held, unit: str, number: int) -> bool:
    """Whether something newer is known of the unit: a read below that is stale and decides nothing (section 4, I28)."""
    newer = (shows.get(unit) for at, _, shows in takewhile(lambda one: one[0] > number, reversed(held.versions)))
    return any(edit is not None and (held.side, held.key) in edit.noticed for edit in newer)
