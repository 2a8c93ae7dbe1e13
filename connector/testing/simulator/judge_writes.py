"""Rules that hold at the very moment a write of ours is applied: I7, I9, I15-I17, I19, I21-I24, I29, I30, I42."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import inf

from connector.model.records import Key, Write
from connector.model.values import Line, Ref, Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_losses import JOURNAL, LossRules
from connector.testing.simulator.judge_things import Change, Edit, Held, Written
from connector.testing.simulator.judge_values import (
    LINES,
    REF,
    decoded,
    has_float,
    is_empty,
    label_of,
    references,
)
from connector.testing.simulator.judge_winners import WinnerRules
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Profile
from connector.testing.tables import decoded as body_fields

OSCILLATION = 5


class WriteRules(LossRules):
    """Judges each write of ours.

    referred: token -> (entity, key) of the references in its body that led to linked records when it was sent.
    carried: the units that the last write to a record carried.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        super().__init__(ledger, verdicts, profile)
        self.referred: dict[str, frozenset[tuple[str, Key]]] = {}
        self.carried: dict[tuple[Side, str, Key], frozenset[str]] = {}
        self.winners = WinnerRules(self)

    def judge(self, change: Change) -> None:
        self.winners.take(change)
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

    def sent(self, side: Side, entity: str, writes: Iterable[Write]) -> None:
        """I23 speaks of requests: what counts is what was linked when one was sent, however late it arrives."""
        spec, writes = self.world.specs[entity], list(writes)
        mapping = spec.systems[side].mapping
        self.winners.sent(side, entity, self.ledger.process, writes)
        for write in writes:
            if write.body and write.key is not None:
                sent = body_fields(write.body).keys()
                # What was planned under an earlier mapping is sent again as it was, with units that left since.
                units = self.ledger.specs[entity].units
                fields = {unit.name: {mapping.source_of(name) for name in unit.fields} for unit in units}
                self.carried[side, entity, write.key] = frozenset(name for name in fields if sent & fields[name])
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
        rows = self.world.look("journal", None, None, None, JOURNAL)
        self.said += [(row, self._said_after(row)) for row in rows if row.body is not None]

    def store_replaced(self, made: int) -> None:
        """The store went back to an older copy of itself: until a run did everything, what it knows is old."""
        self.restored = True
        self.forgotten.update(dict.fromkeys(self.world.specs, inf))
        self.replaced = self.ledger.number
        self.journal_replaced()
        self.winners.store_replaced(made)
        self.store_is_older()

    def all_done(self, entity: str) -> None:
        """A run did everything there was to do: from here on, what both sides showed is known."""
        if self.forgotten.get(entity) == inf:
            self.forgotten[entity] = self.ledger.number
        self.winners.all_done(entity)

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
            self.overwritten(change, written)
            self.winners.judge(change, written)
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
        if written.edit is None or (written.put_back and not self.in_window(change, written.since)):
            where = f"{written.unit} became {written.value}"
            what = f"{change.held}: {where}, which {change.held.side.other} never showed"
            if self.is_mixed(change, written.unit):
                self.mixed.add((change.held.entity, change.held.identity, label_of(written.unit)))
                self.verdicts.excuse("a line that nothing tells from another came again")
                self.verdicts.limit("I7", what)
            else:
                self.verdicts.find("I7", what)

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
        unseen = self.in_window(change, written.since)
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
        # Seen alive again is alive, whatever was typed there since then that nobody has seen.
        back = [mate for mate in gone if mate.live and call is not None and mate.back <= mate.seen.get(call.process, 0)]
        if gone and len(back) == len(gone) and call is not None and all(mate.back < call.number for mate in back):
            self.verdicts.find("I15", f"{held}: deleted although its partner is back")
        policy = self.world.specs[held.entity].deletes
        if policy != "propagate" and not chosen:
            self.verdicts.find("I15", f"{held}: deleted under the policy `{policy}`, and nobody had decided so")
        self._unsettled(change)
        self.winners.deleted(change)

    def _forgot_delete(self, mate: Held) -> bool:
        """Whether we deleted it, the store is from before, and its system does not tell who deletes.

        That is a D like any other (protocol 2.1), whoever brought its partner back since.
        """
        can = self.profile.powers[mate.side]
        if mate.ended != "deleted by us" or mate.last > self.replaced or (can.created_by and can.deletes == "feed"):
            return False
        return not self.world.look("tombstones", self.world.specs[mate.entity].kind, mate.side, [mate.key])

    def is_past_telling(self, gone: Held) -> bool:
        """Whether a record that is gone cannot be confirmed as deleted, ever: nothing else is there to be read.

        Protocol 2.1: D needs a readable sentinel, M is looked at again. It waits for that, and what is to be done with
        its partner waits with it.
        """
        there = any(held.live for held in self.ledger.of(gone.side, gone.entity))
        if gone.live or there or self.profile.powers[gone.side].deletes != "none":
            return False
        self.verdicts.limit("I16", f"{gone}: whether it was deleted cannot be told, nothing else is there")
        return True

    def _is_unagreed(self, held: Held, edit: Edit) -> bool:
        """Whether a record shows this edit of a person beyond what was agreed on."""
        if edit.settled or edit.given_up or is_empty(edit.value) or not edit.typed:
            return False
        return not (self.leaves_no_trace(held.entity, edit) or edit.was_merged)

    def _unsettled(self, change: Change) -> None:
        """I17: nothing goes with a deleted record that the other side never had, nor a person saw who chose so.

        What no value stands for (row 16) is a difference whatever stood there before.
        """
        held = change.held
        units = {unit.name for unit in self.world.specs[held.entity].units}
        for unit, edit in held.shows.items():
            if unit.split("/")[0] not in units:
                continue  # no part of the sync just now
            if self._is_local(held, unit) or not (unit in held.dark or self._is_unagreed(held, edit)):
                continue
            if self.winners.was_seen(held, unit):
                continue
            shown = f"what no value stands for in {unit}" if unit in held.dark else f"{edit}"
            since = held.moved if unit in held.dark else held.since.get(unit, 0)
            what = f"{held}: deleted with {shown}, which was never on the other side"
            if str(change.touch.token) in self.earlier:
                self.verdicts.limit("I17", f"{what}: its mapping was another one then")
            elif self.in_window(change, since):
                edit.given_up = "window"
                self.verdicts.narrow("I17", what)
            else:
                self.verdicts.find("I17", what)


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
