"""Of which edit each value is that a record shows: typed there by a person, brought by a write, or merged of two."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_merges import is_merge
from connector.testing.simulator.judge_things import MERGED, Call, Change, Edit, Held, Thing, Written
from connector.testing.simulator.judge_values import ABSENT, LINES, REF, is_empty, is_line, references, units_of
from connector.testing.simulator.ledger_records import Records, is_ref
from connector.testing.tables import decoded as body_fields
from connector.testing.world import World


class Values(Records):
    """Keeps what each record shows, unit by unit, and the edit it came from.

    calls, latest: token -> the first and the last time a write was sent. bodies: what each asked for. sources: of
    creates, which touch of each record of the other side their sender had been shown last when they were first sent.
    forgotten: entity -> of edits up to this number nobody can know what they replaced, because the store was lost.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.calls: dict[str, Call] = {}
        self.latest: dict[str, Call] = {}
        self.bodies: dict[str, bytes] = {}
        self.sources: dict[str, Mapping[Held, int]] = {}
        self.forgotten: dict[str, float] = {}

    def refresh(self, change: Change) -> None:
        """Note what the record shows now, unit by unit: typed by a person, or brought by a write of ours."""
        held = change.held
        held.fields = change.touch.after or {}
        held.values, now = self.read(held, held.fields)
        if LINES in held.values:
            now.update({unit: ABSENT for unit in held.now if unit not in now and is_line(unit)})
        lit, held.dark = held.dark & now.keys(), held.now.keys() - now.keys()
        self._rename(change, now)
        changed = [(unit, value) for unit, value in now.items() if unit not in held.now or held.now[unit] != value]
        changed += [(unit, now[unit]) for unit in self._repointed(change) if held.now.get(unit) == now[unit]]
        sent: Mapping[str, Hashable] | None = None
        for unit, value in changed:
            inside = [part for part in held.now if value is ABSENT and part.startswith(unit + "/")]
            if change.ours:
                sent = self._sent_values(change) if sent is None else sent
                self._brought(change, unit, value, sent.get(unit, value), inside)
            else:
                self._typed(change, unit, value, inside)
            held.via.setdefault(unit, []).append((change.number, change.touch.token or ""))
            for part in inside:
                held.now.pop(part, None)
                held.shows.pop(part, None)
            held.now[unit] = value
            held.since[unit] = change.number
        for unit in sorted(lit & held.shows.keys()):
            self._show(change, unit, held.shows[unit], now[unit])
        if change.ours:
            self._confirmed(change)

    def _confirmed(self, change: Change) -> None:
        """What a write of ours found there already, typed meanwhile, is what it brought: nobody can tell them apart.

        Protocol 3, settle: base[f] = (src[f], rep[f]). What the sender had seen there before goes along with the write,
        as the rest of a list of lines does: it is not brought, and stays an edit that is still to be carried across.
        """
        held, token = change.held, str(change.touch.token)
        body, call = self.bodies.get(token), self.calls.get(token)
        seen = call.seen if call is not None else 0
        for unit, value in self.read(held, body_fields(body) if body else {})[1].items():
            shown = held.shows.get(unit)
            meanwhile = shown is not None and shown.typed and shown.number > seen
            if shown is not None and meanwhile and not shown.settled and held.now.get(unit) == value:
                source = self._source(change.thing, held, unit, value)
                if source is not None and source is not shown:
                    shown.given_up, held.shows[unit], held.since[unit] = "brought", source, change.number
                    agree(shown, source)

    def _rename(self, change: Change, now: Mapping[str, Hashable]) -> None:
        """What refers to the same as before is no edit, though merges that cross gave it another name since."""
        held = change.held
        moved = {u: v for u, v in now.items() if is_ref(v) and is_ref(held.now.get(u)) and held.now[u] != v}
        if moved:
            shown = units_of(self.specs[held.entity], held.side, change.before, self.name_of)
            held.now.update({unit: value for unit, value in moved.items() if shown.get(unit) == value})

    def _repointed(self, change: Change) -> list[str]:
        """References that a person moved to another record, by whatever name: a base is a raw value (section 1).

        Two that were merged crosswise have one name; who goes from one to the other changes what the base was made of.
        """
        held = change.held
        if change.ours or references(change.before) == references(held.values):
            return []
        before, now = self.keyed(held, change.before), self.keyed(held, held.values)
        return [unit for unit, old in before.items() if is_ref(old) and is_ref(now.get(unit)) and now[unit] != old]

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
        self.labels.setdefault((held.entity, unit, value), held.name)
        change.thing.turns[unit.split("/")[0]] = 0

    def _show(self, change: Change, unit: str, edit: Edit, value: Hashable) -> None:
        """The record shows this edit's value, or what its system made of it. Equal on both sides, both are settled."""
        side = change.held.side
        edit.sides.add(side)
        for mate in change.thing.live(side.other):
            other = mate.shows.get(unit)
            if other is not None and unit not in mate.dark and self.same(other.value, value):
                agree(edit, other)
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
            empty = Edit(change.number, unit, value, "", held.side, held.key, typed=False)
            self._show(change, unit, empty, value)
            self._made_of(change, empty)
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
            edit.brought.add(held.side)
        self._show(change, unit, edit or Edit(change.number, unit, value, "", held.side, held.key), value)

    def _made_of(self, change: Change, edit: Edit) -> None:
        """A base is what the source showed as it was planned, and the target after: somebody may have typed since."""
        seen = self.sources.get(str(change.touch.token), {})
        for mate in change.thing.live(edit.side.other):
            found = ((fields, shows) for number, fields, shows in mate.versions if number == seen.get(mate))
            fields, shows = next(found, (None, {}))
            shown = self.read(mate, fields)[1] if fields is not None and edit.unit in shows else {}
            if edit.unit in shown and self.same(shown[edit.unit], edit.value):
                agree(edit, shows[edit.unit])

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
        shown = {id(mate.shows.get(unit)) for mate in self._mates(thing, held)} if len(candidates) > 1 else set()
        return max(candidates, key=lambda edit: (id(edit) in shown, edit.number), default=None)

    def _mates(self, thing: Thing, held: Held) -> list[Held]:
        """Live records of the other side whose values are brought here: the partner's alone, where it is known.

        Another of its name may still show what was replaced there since.
        """
        live, all_ = thing.live(held.side.other), thing.records[held.side.other]
        partner = self.partner_of(held) if len(all_) > 1 else None
        return [mate for mate in live if mate is partner] if partner in all_ else live

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


def agree(edit: Edit, other: Edit) -> None:
    """Both sides show the same: both are settled."""
    for one, mate in ((edit, other), (other, edit)):
        one.sides |= set(SIDES)
        if mate not in one.alike:
            one.alike.append(mate)
