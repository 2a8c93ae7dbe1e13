"""Rules that hold at the very moment a write of ours is applied: I7, I9, I15-I17, I19, I21-I24, I29, I30, I42."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from math import inf

import msgspec

from connector.merge.rules import Drift
from connector.model.records import Key, Write
from connector.model.rows import JournalRow
from connector.model.values import SIDES, Line, Ref, Side, Value
from connector.testing.simulator.judge_creates import CreateRules
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_things import Change, Edit, Held, Written
from connector.testing.simulator.judge_values import (
    ABSENT,
    LINES,
    REF,
    decoded,
    has_float,
    is_empty,
    references,
    told,
)
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Profile
from connector.testing.tables import decoded as body_fields

OSCILLATION = 5
JOURNAL = 500


class WriteRules(CreateRules):
    """Judges each write of ours.

    decided: (entity, identity, unit) a person decided, and when; mixed: (entity, identity) of records with lines that
    nobody can tell from lines of the other side; forgotten: entity -> of edits up to this number nobody can know what
    they replaced, because the store was; earlier: tokens of writes that were open when their sync got other fields;
    referred: token -> (entity, key) of the references in its body that led to linked records when it was sent.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        super().__init__(ledger, verdicts, profile)
        self.decided: dict[tuple[str, str, str], int] = {}
        self.mixed: set[tuple[str, str]] = set()
        self.forgotten: dict[str, float] = {}
        self.earlier: set[str] = set()
        self.referred: dict[str, frozenset[tuple[str, Key]]] = {}
        self._said: list[JournalRow] = []

    def judge(self, change: Change) -> None:
        if has_float(change.touch.after or {}):
            self.verdicts.find("I21", f"{change.held}: shows a float")
        if not change.ours:
            return
        if change.touch.kind == "create":
            self._created(change)
        elif change.touch.kind == "edit":
            self._updated(change)
        else:
            self._deleted(change)
        self._applied.add(str(change.touch.token))

    def sent(self, side: Side, entity: str, writes: Iterable[Write]) -> None:
        """I23 speaks of requests: what counts is what was linked when one was sent, however late it arrives."""
        spec = self.world.specs[entity]
        for write in writes:
            if not write.body or write.token in self.referred:
                continue
            values = decoded(spec, side, body_fields(write.body))
            self.referred[write.token] = frozenset(
                (ref.entity, ref.key)
                for ref in references(values)
                if ref.key in self.world.look("links_by_key", spec.kind_of(ref.entity), side, [ref.key])
            )

    def store_ends(self) -> None:
        """The store is about to be replaced: what its journal says was said, for requests that are on their way."""
        self._said += [row for row in self.world.look("journal", None, None, None, JOURNAL) if row.body is not None]

    def store_replaced(self) -> None:
        """The store went back to an older copy of itself: until a run did everything, what it knows is old."""
        self.restored = True
        self.forgotten = dict.fromkeys(self.world.specs, inf)
        self.replaced = self.ledger.number

    def all_done(self, entity: str) -> None:
        """A run did everything there was to do: from here on, what both sides showed is known."""
        if self.forgotten.get(entity) == inf:
            self.forgotten[entity] = self.ledger.number

    def decide(self, entity: str, identity: str, unit: str) -> None:
        """A person decided on this unit, over what both sides show now."""
        self.decided[entity, identity, unit] = self.ledger.number

    def is_decided(self, held: Held, unit: str) -> bool:
        return self.decided_at(held, unit) >= 0

    def decided_at(self, held: Held, unit: str) -> int:
        """When a person decided on it last; -1 for never."""
        return self.decided.get((held.entity, held.identity, unit.split("/")[0]), -1)

    # --------------------------------------------------------------------------------------------- creates

    def _created(self, change: Change) -> None:
        self.is_right(change)
        held = change.held
        for written in change.written:
            self._invented(change, written)
            self._reference(change, written)
        for name, field in self.world.specs[held.entity].entity.fields.items():
            if field.ref and field.required and held.now.get(name) is None:
                self.verdicts.find("I23", f"{held}: created without its {name}")

    # --------------------------------------------------------------------------------------------- updates

    def _updated(self, change: Change) -> None:
        held, touch = change.held, change.touch
        exact = not self.profile.rounds and not self.profile.very_late and not self.profile.workflows
        if touch.before == touch.after and exact and self.profile.guards_writes(held.side):
            self.verdicts.find("I29", f"{held}: written without changing anything")
        self._frozen(change)
        lines = {written.unit for written in change.written if written.unit.startswith(LINES)}
        heads = {written.unit.split("/")[0] for written in change.written}
        for written in change.written:
            if self._retired(change, written):
                if written.old is not None:
                    written.old.given_up = "retired"
                continue
            self._invented(change, written)
            self._overwritten(change, written)
            self._reference(change, written)
            if written.unit.rpartition("/")[0] not in lines:
                self._repeated(change, written)
        for head in heads:
            change.thing.turns[head] += 1
            most = OSCILLATION * max(1, len(change.thing.records.left), len(change.thing.records.right))
            if change.thing.turns[head] > most:
                self.verdicts.find("I30", f"{held}: {head} is written again and again, and nobody edits it")

    def _retired(self, change: Change, written: Written) -> bool:
        """Whether this is what `deletes: archive` does with the partner of a deleted record."""
        spec = self.world.specs[change.held.entity]
        retire = spec.entity.retire
        blind = self.profile.powers[change.held.side.other].deletes == "none"  # a merge looks like a delete there
        mates = change.thing.records[change.held.side.other]
        ended = any(mate.was_removed or (blind and mate.ended == "merged") for mate in mates)
        return spec.deletes == "archive" and retire == (written.unit, written.value) and ended

    def _invented(self, change: Change, written: Written) -> None:
        if written.edit is None or (written.put_back and not self._in_window(change, written.since)):
            where = f"{written.unit} became {written.value}"
            what = f"{change.held}: {where}, which {change.held.side.other} never showed"
            if self._is_mixed(change, written.unit):
                self.mixed.add((change.held.entity, change.held.identity))
                self.verdicts.limit("I7", what)
            else:
                self.verdicts.find("I7", what)

    def _is_mixed(self, change: Change, unit: str) -> bool:
        """Whether this is a line that comes again because nothing tells that it was there: no id, and no likeness.

        Only where its base is lost, or the outcome of the write that brought it; and only where people have changed
        more than one field of it since.
        """
        held = change.held
        if unit.startswith(LINES) and (held.entity, held.identity) in self.mixed:
            return True
        lost = self.restored or not (self.profile.guards_writes(Side.LEFT) and self.profile.guards_writes(Side.RIGHT))
        lost = lost or any(one.token in self.ledger.unsure for side in SIDES for one in change.thing.live(side))
        label, again, _ = "/".join(unit.split("/")[:2]).partition("~")
        if not (lost and again and unit.startswith(LINES)):
            return False
        for mate in change.thing.live(held.side.other):
            fields = {n for one in (held, mate) for n in one.now if n.startswith(f"{label}/")}
            if sum(not self.ledger.same(held.now.get(n), mate.now.get(n)) for n in fields) > 1:
                return True
        return False

    def _was_under_another_name(self, change: Change, old: Edit) -> bool:
        """Whether the other side showed it in another line of this label, and nobody can tell which is which.

        A line that came again stands behind the first of its label, and that one is the other side's: the first here
        is the second there.
        """
        held = change.held
        if not old.unit.startswith(LINES) or (held.entity, held.identity) not in self.mixed:
            return False
        names = [name for name in change.thing.edits if _of_one_label(name, old.unit)]
        edits = [edit for name in names for known in change.thing.edits[name].values() for edit in known]
        return any(held.side.other in edit.sides and self.ledger.same(edit.value, old.value) for edit in edits)

    def _overwritten(self, change: Change, written: Written) -> None:
        """I7: what a person typed was settled on both sides before, or a row names it."""
        held, old, unit = change.held, written.old, written.unit
        if old is None or old is written.edit or not old.typed or old.given_up:
            return
        if old.settled:
            if self._in_window(change, written.since):
                old.given_up = "window"  # a late request: what it reverts, it reverts unseen
            elif written.edit not in old.later and self._journalled(change, unit, local=False):
                old.given_up = "journal"
            return
        if is_empty(old.value) and not any(earlier.settled for earlier in old.replaces):
            return  # nothing both sides had agreed on was cleared: an empty side is filled (row 12)
        if self.ledger.mate_of_merge(change, unit, old, written.value) is not None:
            return
        if written.edit is not None and written.edit.contains(old):
            return
        what = f"{held}: {old} was overwritten with {written.value}"
        if self._journalled(change, unit, local=self._is_local(held, unit)):
            old.given_up = "journal"
        elif self._in_window(change, written.since):
            old.given_up = "window"
            self.verdicts.narrow("I7", what)
        elif (
            self.leaves_no_trace(held.entity, old)
            or (change.thing.crossed and is_empty(old.value))
            or self._agreed_with_an_old_read(written, old)
            or self._was_under_another_name(change, old)
        ):
            old.given_up = "limit"
            self.verdicts.limit("I7", what)
        else:
            old.given_up = "found"
            rule = "I19" if self.is_decided(held, unit) else "I7"
            self.verdicts.find(rule, f"{what}; it was never on the other side, and no line of the journal names it")

    def _agreed_with_an_old_read(self, written: Written, old: Edit) -> bool:
        """Whether the other side had the same before, and was last read then: where what it lists is late."""
        edit = written.edit
        if edit is None or not self.profile.lag[edit.side]:
            return False
        earlier = edit.before
        while earlier is not None and not self.ledger.same(earlier.value, old.value):
            earlier = earlier.before
        return earlier is not None and (edit.side, edit.key) in earlier.noticed

    def leaves_no_trace(self, entity: str, edit: Edit) -> bool:
        """Whether nobody who knows only what was agreed on can tell that something was typed.

        Such a value is equal to its base. Where the store was lost before a run that did everything, its base may be
        any value both sides ever had; an empty side is filled, and a dropped line is one the other side has added.
        """
        if edit.number <= self.forgotten.get(entity, 0):
            return edit.typed_back or edit.value is ABSENT or is_empty(edit.value)
        first = edit.stands_for
        if first is None or first is edit:
            return first is None
        return first.settled or not first.typed or bool(first.given_up)

    def _in_window(self, change: Change, since: int) -> bool:
        """Whether the value came after the sender's last look, where nothing guards a write."""
        call = self.ledger.calls.get(str(change.touch.token))
        return not self.profile.guards_writes(change.held.side) and call is not None and since > call.seen

    def _is_local(self, held: Held, unit: str) -> bool:
        """Whether the settings let that side keep what people type there, until the other side's value changes."""
        rule = self.world.specs[held.entity].unit(unit.split("/")[0])
        if rule is None or rule.flow.allows(held.side.other):
            return False
        return rule.drift is Drift.IGNORE or self.is_decided(held, unit)

    def _journalled(self, change: Change, unit: str, *, local: bool) -> bool:
        """Whether a line of the journal says that this side's value was given up, and names it.

        local: it was left alone on purpose; then the line of the write is enough, which names it as what was there.
        """
        events = ("overwritten", "update") if local else ("overwritten",)
        held, head = change.held, unit.split("/")[0]
        spec = self.world.specs[held.entity]
        rule = spec.unit(head)
        fields = rule.fields if rule is not None else (head,)
        shown = [change.before, *self._seen_with(change, unit)]
        for row in [*self.world.look("journal", spec.kind, None, None, JOURNAL), *self._said]:
            ours = row.kind == spec.kind and row.event in events and row.side is held.side and row.key == held.key
            if ours and head in row.fields.split(",") and row.body is not None:
                body = msgspec.json.decode(self.world.vault.open(row.body, b"journal"), type=dict[str, str])
                if any(told(unit, values, fields, body) for values in shown):
                    return True
        return False

    def _seen_with(self, change: Change, unit: str) -> list[Mapping[str, Value]]:
        """The record as the sender saw it last, if it showed the very edit of this unit then that is overwritten now.

        The line of the journal is from before the write, and names a line of an order as a whole: what somebody changed
        beside the edit since then is no part of it.
        """
        held, call = change.held, self.ledger.calls.get(str(change.touch.token))
        old = next((written.old for written in change.written if written.unit == unit), None)
        return [
            self.ledger.read(held, fields)[0]
            for number, fields, shows in held.versions
            if call is not None and number == call.seen and fields is not None and shows.get(unit) is old
        ]

    def _repeated(self, change: Change, written: Written) -> None:
        """I30: one edit is brought to one record once; bringing it again needs an edit in between."""
        if written.edit is None or written.old is written.edit:
            return
        old = written.old.number if written.old is not None else 0
        key = (change.held.side, change.held.key, written.unit, written.edit.number, old)
        change.thing.writes[key] += 1
        if change.thing.writes[key] > 1:
            self.verdicts.find("I30", f"{change.held}: {written.edit} was brought there twice")

    # --------------------------------------------------------------------------------------------- references

    def _reference(self, change: Change, written: Written) -> None:
        held, old = change.held, written.old
        cleared = old is not None and _is_ref(old.value) and written.value is None and not _cleared(written.edit)
        # What came after the sender's last look it had not seen: a write that undoes it clears nothing it knew of.
        unseen = self._in_window(change, written.since)
        if cleared and old is not None and old.given_up != "journal" and not unseen:
            self.verdicts.find("I24", f"{held}: the reference {written.unit} was cleared, and nobody had cleared it")
        if not _is_ref(written.value):
            return
        linked = self.referred.get(str(change.touch.token), frozenset())
        for entity, key in _refs(held, written.unit):
            if (entity, key) not in linked:
                self.verdicts.find("I23", f"{held}: {written.unit} points to {entity} {key}, which is not linked")

    # --------------------------------------------------------------------------------------------- endings

    def _frozen(self, change: Change) -> None:
        """I42: the image of a record that was merged away is left as it is."""
        call = self.ledger.calls.get(str(change.touch.token))
        mates = change.thing.records[change.held.side.other]
        if call is None or not mates or not all(mate.ended == "merged" for mate in mates):
            return
        if all(mate.told.get(call.process, call.number) < call.number for mate in mates):
            self.verdicts.find("I42", f"{change.held}: written although its partner was merged away")

    def _deleted(self, change: Change) -> None:
        held, mates = change.held, change.thing.records[change.held.side.other]
        call = self.ledger.calls.get(str(change.touch.token))
        chosen = self.is_decided(held, "*")
        gone = [mate for mate in mates if mate.was_removed]
        if not gone and not chosen:
            merged = any(mate.ended == "merged" for mate in mates)
            why = "its partner was merged, not deleted" if merged else "nobody had deleted its partner"
            if merged and self.profile.powers[held.side.other].deletes == "none":
                self.verdicts.limit("I42", f"{held}: deleted, but {why}: its system tells neither")
            elif not merged and held.was_removed and any(map(self._forgot_delete, mates)):
                self.verdicts.limit("I16", f"{held}: deleted, but {why}: we had, and its system does not tell who did")
            else:
                self.verdicts.find("I42" if merged else "I16", f"{held}: deleted, but {why}")
        back = [mate for mate in gone if mate.live and call is not None and mate.last <= mate.seen.get(call.process, 0)]
        if gone and len(back) == len(gone) and call is not None and all(mate.last < call.number for mate in back):
            self.verdicts.find("I15", f"{held}: deleted although its partner is back")
        policy = self.world.specs[held.entity].deletes
        if policy != "propagate" and not chosen:
            self.verdicts.find("I15", f"{held}: deleted under the policy `{policy}`, and nobody had decided so")
        if not chosen:
            self._unsettled(change)

    def _forgot_delete(self, mate: Held) -> bool:
        """Whether we deleted it, the store is from before, and its system does not tell who deletes.

        That is a D like any other (protocol 2.1), whoever brought its partner back since.
        """
        can = self.profile.powers[mate.side]
        if mate.ended != "deleted by us" or mate.last > self.replaced or (can.created_by and can.deletes == "feed"):
            return False
        return not self.world.look("tombstones", self.world.specs[mate.entity].kind, mate.side, [mate.key])

    def _unsettled(self, change: Change) -> None:
        """I17: nothing goes with a deleted record that the other side never had."""
        held = change.held
        units = {unit.name for unit in self.world.specs[held.entity].units}
        for unit, edit in held.shows.items():
            if unit.split("/")[0] not in units:
                continue  # no part of the sync just now
            if edit.settled or self._is_local(held, unit) or edit.given_up or is_empty(edit.value) or not edit.typed:
                continue
            if self.leaves_no_trace(held.entity, edit):
                continue  # the record is as it was agreed on
            what = f"{held}: deleted with {edit}, which was never on the other side"
            if str(change.touch.token) in self.earlier:
                self.verdicts.limit("I17", f"{what}: its mapping was another one then")
            elif self._in_window(change, held.since.get(unit, 0)):
                edit.given_up = "window"
                self.verdicts.narrow("I17", what)
            else:
                self.verdicts.find("I17", what)


def _of_one_label(unit: str, other: str) -> bool:
    """Whether both are the same part of lines that have one label: `lines/LABEL/quantity`, `lines/LABEL~2/quantity`."""
    mine, theirs = ([part.partition("~")[0] for part in name.split("/")] for name in (unit, other))
    return mine == theirs


def _is_ref(value: Hashable) -> bool:
    return isinstance(value, tuple) and value[:1] == (REF,)


def _cleared(edit: Edit | None) -> bool:
    """Whether somebody emptied it, rather than never having filled it."""
    return edit is None or any(not is_empty(earlier.value) for earlier in edit.replaces)


def _refs(held: Held, unit: str) -> list[tuple[str, Key]]:
    """(entity, key) of the reference in a unit, as the record's own system has it."""
    parts = unit.split("/")
    if parts[0] != LINES:
        value = held.values.get(unit)
        return [(value.entity, value.key)] if isinstance(value, Ref) else []
    lines = held.values.get(LINES)
    return [
        (value.entity, value.key)
        for line in (lines if isinstance(lines, tuple) else ())
        if isinstance(line, Line) and line.values.get("description") == parts[1]
        if isinstance(value := line.values.get(parts[-1]), Ref)
    ]
