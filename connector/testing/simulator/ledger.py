"""What happened, as the systems told it: who typed which value where, what it replaced, and where each was shown.

The ledger knows systems and mappings, nothing of the engine. Its nouns: a Thing is what a label stands for (the same on
both sides); a Held is one record of it; an Edit is one value that somebody typed into one unit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from connector.model.records import Key, Record, Version
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_merges import is_merge
from connector.testing.simulator.judge_things import MERGED, Call, Change, Edit, Held, Thing, Written
from connector.testing.simulator.judge_values import ABSENT, LINES, REF, identity_of, is_empty, is_line, units_of
from connector.testing.simulator.ledger_notices import Notices
from connector.testing.simulator.ledger_records import Records, is_ref, leads_to
from connector.testing.tables import Touch
from connector.testing.tables import decoded as body_fields
from connector.testing.world import World


class Ledger(Records):
    """Fed with every touch, every answer and every write that is sent. process: which process is running now.

    open, were_open: tokens of writes whose outcome is not known now, and was not when this run began.
    forgotten: entity -> of edits up to this number nobody can know what they replaced, because the store was lost.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.number = 0
        self.run = 0
        self.began = 0
        self.process = ""
        self.calls: dict[str, Call] = {}
        self.latest: dict[str, Call] = {}
        self.bodies: dict[str, bytes] = {}
        self.senders: dict[str, set[str]] = {}
        self.unsure: set[str] = set()
        self.open: set[str] = set()
        self.were_open: frozenset[str] = frozenset()
        self.forgotten: dict[str, float] = {}
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
        for write in writes:
            self.bodies[write.token] = write.body
            self.senders.setdefault(write.token, set()).add(self.process)
            if write.token in self.calls:
                self.unsure.add(write.token)  # sent again: its outcome was not known
            held = self.records.get((side, entity, write.key)) if write.key is not None else None
            seen = held.seen.get(self.process, 0) if held is not None else 0
            gap = self.turns.since_look(self.process, held)
            call = Call(self.number, self.run, self.process, at, write.op.value, seen, self.began, gap)
            self.calls.setdefault(write.token, call)
            self.latest[write.token] = call

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
            self._notice(held, {} if gone else shows)
            if number > held.seen.get(self.process, 0):
                held.seen[self.process] = number

    def made_known(self, side: Side, entity: str, key: Key) -> None:
        """An answer said that a write was done, and did not show the record."""
        held = self.records.get((side, entity, key))
        if held is not None:
            self._notice(held, held.shows)

    def run_ended(self, *, alive: bool) -> None:
        """The run that is going on is over. alive: it did not die, so what it was told last is known to the next."""
        self.run += 1
        self.began = self.number
        self.were_open = frozenset(self.open)
        self.forget(lose=not alive)

    def forget(self, *, lose: bool) -> None:
        """What is shown from here on is shown to another run. lose: this one leaves the next what it wrote down."""
        fresh = self._fresh.pop(self.process, Notices())
        if lose:
            fresh.lose(self.world, self.process)
        else:
            fresh.keep(self.number)

    def _notice(self, held: Held, shows: Mapping[str, Edit]) -> None:
        """What we brought somewhere and see there, we had seen where it was typed."""
        for unit, edit in shows.items():
            if held.via.get(unit) in self.open and held.shows.get(unit) is edit:
                continue  # a record whose write has no answer yet is left alone, whatever it shows
            for place in ((held.side, held.key), (edit.side, edit.key))[: 1 + edit.brought]:
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
        held.changed = held.changed if ours else touch.at
        if touch.kind in ("remove", "merge"):
            self._end(touch, held, thing, ours=ours)
        else:
            if touch.kind == "restore":
                held.ended, held.into, held.back = "", None, self.number
                held.told.clear()
                held.known.clear()  # nobody has been shown it since it is back
            self._refresh(change)
            if touch.kind == "restore":
                for edit, mate in self.agreeing(thing):  # what it shows again may be what the other side got meanwhile
                    _agree(edit, mate)
        held.versions.append((self.number, touch.after, dict(held.shows)))
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
                self._refresh(Change(touch, held, thing, self.number, False, held.values))

    def _new(self, side: Side, entity: str, touch: Touch, *, ours: bool) -> Held:
        fields = touch.after or {}
        name = self.named(entity, identity_of(self.world.specs[entity], side, touch.key, fields))
        thing = self.things.setdefault((entity, name), Thing(entity, name))  # since a cross it may go by another name
        held = Held(side, entity, touch.key, thing.identity, ours, self.number, fields, token=touch.token)
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
            _agree(edit, mate)

    def _meet(self, entity: str) -> None:
        """References that lead to one thing since a merge agree, as if both had been typed so: row 2 of the protocol.

        Neither of the records that hold them has changed by it.
        """
        for thing in self.things.values():
            for edit, other in self.agreeing(thing):
                if leads_to(entity, edit.value):
                    _agree(edit, other)

    # -------------------------------------------------------------------------------------------- values

    def _refresh(self, change: Change) -> None:
        """Note what the record shows now, unit by unit: typed by a person, or brought by a write of ours."""
        held = change.held
        held.fields = change.touch.after or {}
        held.values, now = self.read(held, held.fields)
        if LINES in held.values:
            now.update({unit: ABSENT for unit in held.now if unit not in now and is_line(unit)})
        self._rename(change, now)
        changed = [(unit, value) for unit, value in now.items() if unit not in held.now or held.now[unit] != value]
        sent: Mapping[str, Hashable] | None = None
        for unit, value in changed:
            inside = [part for part in held.now if value is ABSENT and part.startswith(unit + "/")]
            if change.ours:
                sent = self._sent_values(change) if sent is None else sent
                self._brought(change, unit, value, sent.get(unit, value), inside)
            else:
                self._typed(change, unit, value, inside)
            held.via[unit] = change.touch.token or ""
            for part in inside:
                held.now.pop(part, None)
                held.shows.pop(part, None)
            held.now[unit] = value
            held.since[unit] = change.number
        if change.ours:
            self._confirmed(change)

    def _confirmed(self, change: Change) -> None:
        """What a write of ours found there already, typed meanwhile, is what it brought: nobody can tell them apart.

        Protocol 3, settle: base[f] = (src[f], rep[f]).
        """
        held, body = change.held, self.bodies.get(str(change.touch.token))
        for unit, value in self.read(held, body_fields(body) if body else {})[1].items():
            shown = held.shows.get(unit)
            if shown is not None and shown.typed and not shown.settled and held.now.get(unit) == value:
                source = self._source(change.thing, held, unit, value)
                if source is not None and source is not shown:
                    shown.given_up, held.shows[unit], held.since[unit] = "brought", source, change.number
                    _agree(shown, source)

    def _rename(self, change: Change, now: Mapping[str, Hashable]) -> None:
        """What refers to the same as before is no edit, though merges that cross gave it another name since."""
        held = change.held
        moved = {u: v for u, v in now.items() if is_ref(v) and is_ref(held.now.get(u)) and held.now[u] != v}
        if moved:
            shown = units_of(self.specs[held.entity], held.side, change.before, self.name_of)
            held.now.update({unit: value for unit, value in moved.items() if shown.get(unit) == value})

    def _typed(self, change: Change, unit: str, value: Hashable, inside: list[str]) -> None:
        """Somebody entered a value. Of a new record, empty units were not entered."""
        held, touch = change.held, change.touch
        before = [held.shows[part] for part in (unit, *inside) if part in held.shows]
        typed = unit in held.now or not is_empty(value)
        edit = Edit(change.number, unit, value, touch.by, held.side, held.key, tuple(before), typed=typed)
        for old in before:
            old.over.append(edit)
        if self.was_agreed(edit):
            edit.sides = {Side.LEFT, Side.RIGHT}
            if is_ref(value) and not edit.typed_back:
                edit.given_up = "agreed"  # its base goes by another name since a merge: equal to it all the same
        self._show(change, unit, edit, value)
        self.labels.setdefault((held.entity, unit, value), held.identity)
        change.thing.turns[unit.split("/")[0]] = 0

    def _show(self, change: Change, unit: str, edit: Edit, value: Hashable) -> None:
        """The record shows this edit's value, or what its system made of it. Equal on both sides, both are settled."""
        side = change.held.side
        edit.sides.add(side)
        for mate in change.thing.live(side.other):
            other = mate.shows.get(unit)
            if other is not None and self.same(other.value, value):
                _agree(edit, other)
        change.held.shows[unit] = edit
        same = change.thing.edits.setdefault(unit, {}).setdefault(value, [])
        if edit not in same:
            same.append(edit)

    def _sent_values(self, change: Change) -> Mapping[str, Hashable]:
        """What the write's body asked for, beside what the record shows: a system may keep something else of it."""
        body = self.bodies.get(str(change.touch.token))
        fields = body_fields(body) if body else {}
        return self.read(change.held, {**change.held.fields, **fields})[1]

    def _brought(self, change: Change, unit: str, value: Hashable, sent: Hashable, inside: list[str]) -> None:
        """A write of ours changed a unit: find the edit whose value it carries."""
        held, thing = change.held, change.thing
        if unit not in held.now and is_empty(value):
            self._show(change, unit, Edit(change.number, unit, value, "", held.side, held.key, typed=False), value)
            return
        edit = self._source(thing, held, unit, value) or self._source(thing, held, unit, sent)
        edit = edit or self._merged(change, unit, value)
        put_back = edit is None and (edit := self._looked_at(change, unit, (value, sent))) is not None
        if edit is None and value is ABSENT and not any(unit in mate.now for mate in thing.live(held.side.other)):
            edit = Edit(change.number, unit, value, "", held.side, held.key, typed=False)  # the other side has none
        for part in (unit, *inside):
            old, since = held.shows.get(part), held.since.get(part, 0)
            change.written.append(Written(part, old, since, edit, value, put_back))
        if edit is not None and not put_back:
            edit.brought = True
        self._show(change, unit, edit or Edit(change.number, unit, value, "", held.side, held.key), value)

    def _source(self, thing: Thing, held: Held, unit: str, value: Hashable) -> Edit | None:
        """The edit that a value of the other side stands for: one shown there now, else the last one typed."""
        known = thing.edits.get(unit, {})
        found = list(known.get(value, ()))
        if isinstance(value, tuple) and value[:1] == (REF,):
            found += [
                edit for other, edits in known.items() if self.same(value, other) for edit in edits if edit not in found
            ]
        other = held.side.other
        candidates = [edit for edit in found if other in edit.sides]
        shown = {id(mate.shows.get(unit)) for mate in thing.live(other)}
        return max(candidates, key=lambda edit: (id(edit) in shown, edit.number), default=None)

    def _looked_at(self, change: Change, unit: str, values: Sequence[Hashable]) -> Edit | None:
        """What the record showed when the sender looked at it last, if that is what was written.

        Lines are written as a whole list, an amount beside its currency: a write carries what its target had, too.
        """
        call = self.calls.get(str(change.touch.token))
        if call is None:
            return None
        shown = next((shows for number, _, shows in change.held.versions if number == call.seen), {})
        edit = shown.get(unit)
        return edit if edit is not None and edit.value in values else None

    def _merged(self, change: Change, unit: str, value: Hashable) -> Edit | None:
        """A value a merge function made of what both sides show: it stands for both edits. None if it did not."""
        held, old = change.held, change.held.shows.get(unit)
        mate = self.mate_of_merge(change, unit, old, value)
        if old is None or mate is None:
            return None
        made = Edit(change.number, unit, value, MERGED, held.side, held.key, (old, mate))
        old.over.append(made)
        mate.over.append(made)
        made.sides = {Side.LEFT, Side.RIGHT}
        return made

    def mate_of_merge(self, change: Change, unit: str, old: Edit | None, value: Hashable) -> Edit | None:
        """The other side's edit with which the unit's merge function makes this value of `old`; None if none does.

        Earlier ones may do as well, as what was merged once is part of what is merged next: the one that was shown
        there when the write was sent comes first, then the last one typed.
        """
        held, thing = change.held, change.thing
        rule = self.specs[held.entity].unit(unit)
        if rule is None or rule.function is None or old is None:
            return None
        edits = {edit.number: edit for known in thing.edits.get(unit, {}).values() for edit in known}
        shown, place = self._shown_at_sending(change, unit), (held.side, held.key)
        for mate in sorted(edits.values(), key=lambda edit: (id(edit) in shown, edit.number), reverse=True):
            there = mate is not old and held.side.other in mate.sides
            lost = min(old.number, mate.number) <= self.forgotten.get(held.entity, 0)
            if there and is_merge(rule.function, value, (old, mate), edits.values(), place, lost=lost):
                return mate
        return None

    def _shown_at_sending(self, change: Change, unit: str) -> set[int]:
        """The edits (by id) that the other side showed of a unit when the write was sent."""
        call = self.calls.get(str(change.touch.token))
        sent = call.number if call is not None else change.number
        found = set[int]()
        for mate in change.thing.live(change.held.side.other):
            shows = next((shows for number, _, shows in reversed(mate.versions) if number <= sent), {})
            found.add(id(shows.get(unit)))
        return found


def _agree(edit: Edit, other: Edit) -> None:
    """Both sides show the same: both are settled."""
    for one, mate in ((edit, other), (other, edit)):
        one.sides |= set(SIDES)
        if mate not in one.alike:
            one.alike.append(mate)
