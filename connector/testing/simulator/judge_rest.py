"""Rules that hold at rest, when nobody acts and nothing fails any more: I6, I8-I10, I15, I19-I21, I42, I44."""

from __future__ import annotations

from collections import Counter

from connector.merge.rules import Drift, Flow, Unit
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_reasons import Reasons
from connector.testing.simulator.judge_rows import Rows
from connector.testing.simulator.judge_things import Edit, Held, Thing
from connector.testing.simulator.judge_values import LINES, agree, amount_of, contents_of, is_empty, label_of
from connector.testing.simulator.judge_writes import WriteRules
from connector.testing.simulator.ledger import Ledger


class RestRules:
    """Judges both systems and the state of one sync against the ledger."""

    def __init__(self, ledger: Ledger, verdicts: Verdicts, writes: WriteRules, entity: str, rows: Rows) -> None:
        self.ledger = ledger
        self.verdicts = verdicts
        self.writes = writes
        self.spec = ledger.world.specs[entity]
        self.entity = entity
        self.rows = rows
        self.reasons = Reasons(writes, verdicts, entity, rows)

    def judge(self) -> None:
        if self.rows.intents:
            tokens = ", ".join(f"{row.op} {row.target or row.external}" for row in self.rows.intents)
            self.verdicts.find("I1", f"{self.entity}: at rest writes are still open: {tokens}")
        self.reasons.judge()
        self._keys_once()
        for link in self.rows.links:
            if link.state is LinkState.LINKED:
                self._linked(link)
            elif link.state is LinkState.CLOSED:
                self._closed(link)
            elif not self.reasons.says(link, "*") and not self.reasons.names_any(link):
                self.verdicts.find("I44", f"{self.entity}: link {link.id} is {link.state}, and no row says why")
        things = [thing for thing in self.ledger.things.values() if thing.entity == self.entity]
        for thing in things:
            self._counted(thing)
            self._last_edits(thing)
            for side in SIDES:
                for held in thing.live(side):
                    self._accounted(held)

    def _held(self, link: LinkRow, side: Side) -> Held | None:
        return self.ledger.records.get((side, self.entity, str(link.keys[side])))

    # ------------------------------------------------------------------------------------------------- links

    def _keys_once(self) -> None:
        for side in SIDES:
            keys = [key for link in self.rows.links if (key := link.keys[side]) is not None]
            keys += [key for alias_side, key, _ in self.rows.aliases if alias_side is side]
            twice = [key for key, count in Counter(keys).items() if count > 1]
            if twice:
                self.verdicts.find("I10", f"{self.entity}: {side} {', '.join(twice)} is in more than one link")

    def _linked(self, link: LinkRow) -> None:
        left, right = self._held(link, Side.LEFT), self._held(link, Side.RIGHT)
        if left is None or right is None:
            self.verdicts.find("I10", f"{self.entity}: link {link.id} names a record that never was: {link.keys}")
            return
        if left.identity != right.identity:
            self.verdicts.find("I10", f"{left} is linked with {right}")
            return
        for held in (left, right):
            if not held.live and not self.reasons.says(link, "*"):
                rule = "I42" if held.ended == "merged" else "I15"
                self.verdicts.find(rule, f"{held} has ended, its link goes on, and no row says why")
        if left.live and right.live:
            self._agreed(link, left, right)

    def _closed(self, link: LinkRow) -> None:
        """A link ends with a record: what the policy says happened to the other one; both alive needs a person."""
        held = [held for side in SIDES if (held := self._held(link, side)) is not None]
        live = [one for one in held if one.live]
        if not live or len(held) < 2 or self.writes.is_decided(live[0], "*"):
            return
        if len(live) == 2:
            if not self.reasons.says(link, "*"):
                self.verdicts.find("I15", f"{live[0]}: both records are alive, their link is over, and no row says why")
            return
        (one,) = live
        allowed = any(unit.flow.allows(one.side) for unit in self.spec.units)
        ended = next(other for other in held if other is not one)
        if ended.ended != "removed" or not allowed or self.reasons.says(link, "*"):
            return
        if self.spec.deletes == "propagate":
            self.verdicts.find("I15", f"{one}: its partner was deleted, its link is over, and it is still there")
        retire = self.spec.entity.retire
        if self.spec.deletes == "archive" and retire is not None and self._can_retire(one.side, retire[0]):
            touched = one.shows.get(retire[0])
            if one.now.get(retire[0]) != retire[1] and not (touched is not None and touched.side is one.side):
                self.verdicts.find("I15", f"{one}: its partner was deleted, and it was not put out of use")

    def _can_retire(self, side: Side, name: str) -> bool:
        return name in self.spec.systems[side].mapping.writable

    # ------------------------------------------------------------------------------------------------ fields

    def _agreed(self, link: LinkRow, left: Held, right: Held) -> None:
        """I6: every unit agrees, or a row says why not."""
        for unit in self.spec.units:
            if unit.flow is Flow.NONE:
                continue
            if unit.is_lines:
                self._lines_agree(link, unit, left, right)
                continue
            differs = unit.name in left.now and unit.name in right.now and not self._same(unit, left, right)
            row = self.rows.conflicts.get(link.id, {}).get(unit.name)
            if differs:
                self._explained(link, unit, unit.name, left, right)
            elif row is not None and row.reason == "conflict" and not self._lead_apart(unit, left, right):
                self.verdicts.find("I19", f"{left}: an open conflict on {unit.name}, where both sides agree")
            if row is not None and row.reason == "conflict" and None in (row.prints.left, row.prints.right):
                self.verdicts.find("I19", f"{left}: the conflict on {unit.name} does not hold both values")

    def _lead_apart(self, unit: Unit, left: Held, right: Held) -> bool:
        """Whether both name the same only by a name that stands for two, or by a merge that nobody is told of.

        A reference leads to a record, not to a name: of two that go by one (typed twice, or created again since all
        there was to know of the first was lost, 3.2) each leads to its own. Records are one where a link says so, or
        where a merge does that the vendor tells of (2.1); without that a record is gone, and what named it differs.
        """
        targets = (self.ledger.target_of(held.side, held.values.get(unit.fields[0])) for held in (left, right))
        one, other = (self._leads_to(target) for target in targets)
        return bool(one and other) and one.isdisjoint(other)

    def _leads_to(self, target: Held | None) -> set[Held]:
        """This record and all that links and merges lead to from it, on either side."""
        found, open_ = set[Held](), [target]
        while open_:
            held = open_.pop()
            if held is not None and held not in found:
                found.add(held)
                open_ += [self.ledger.partner_of(held), self.ledger.survivor_of(held)]
        return found

    def _same(self, unit: Unit, left: Held, right: Held) -> bool:
        """Equal, or two images of one edit, or equal under the mapping."""
        one, other = left.shows.get(unit.name), right.shows.get(unit.name)
        if one is other or self.ledger.same(left.now[unit.name], right.now[unit.name]):
            return True
        return not self.spec.entity.fields[unit.fields[0]].ref and agree(self.spec, unit, left.values, right.values)

    def _explained(self, link: LinkRow, unit: Unit, name: str, left: Held, right: Held) -> None:
        if self.reasons.says(link, unit.name) or self._local(unit, name, left, right):
            return
        shown = f"{left.now.get(name)} and {right.now.get(name)}"
        self.verdicts.find("I6", f"{left} and {right.key}: {name} is {shown} at rest, and no row says why")

    def _local(self, unit: Unit, name: str, left: Held, right: Held) -> bool:
        """A one-way target may differ where the settings leave it alone, or where a person decided to."""
        if unit.flow is Flow.BOTH:
            return False
        target = right if unit.flow is Flow.L2R else left
        source = left if target is right else right
        edit, other = target.shows.get(name), source.shows.get(name)
        decided = self.writes.decided_at(target, unit.name)
        if decided >= max((one.number for one in (edit, other) if one is not None), default=0):
            return True
        # Where the store was lost, or its source merged away, what we had brought there looks like somebody's own.
        own = edit is None or edit.side is target.side or self.writes.restored or self._is_over(edit)
        leaves = unit.drift is Drift.IGNORE or (is_empty(source.now.get(name)) and not _was_filled(source, name))
        return own and (leaves or decided >= 0)

    def _is_over(self, edit: Edit) -> bool:
        """Whether the record it was typed in has been merged away."""
        record = self.ledger.records.get((edit.side, self.entity, edit.key))
        return record is not None and record.ended == "merged"

    def _lines_agree(self, link: LinkRow, unit: Unit, left: Held, right: Held) -> None:
        """Every line is on both sides once, field by field, and the amounts are equal to the cent (I21)."""
        names = sorted(name for name in left.now.keys() | right.now.keys() if name.startswith(LINES + "/"))
        differing = []
        for name in names:
            one, other = left.now.get(name), right.now.get(name)
            same = self.ledger.same(one or None, other or None)
            if not same and (left.shows.get(name) is not right.shows.get(name) or name not in left.shows):
                differing.append(name)
        mixed = {label_of(name) for name in names if self.writes.was_mixed(left, name)}
        for name in differing:
            if label_of(name) not in mixed:
                self._explained(link, unit, name, left, right)
        if self.reasons.says(link, LINES) or unit.flow is not Flow.BOTH or self.writes.profile.rounds:
            return
        # Which of the lines of one label is which nobody can tell; that all of them are there, one can.
        if contents_of(left.values, mixed) != contents_of(right.values, mixed):
            self.verdicts.find("I6", f"{left} and {right.key}: other lines {', '.join(sorted(mixed))} here than there")
        if amount_of(left.values) != amount_of(right.values):
            amounts = f"{amount_of(left.values)} and {amount_of(right.values)}"
            self.verdicts.find("I21", f"{left}: the lines come to {amounts}")

    # ------------------------------------------------------------------------------------------------ things

    def _counted(self, thing: Thing) -> None:
        """I9: one live record per side for each that people made; most often that is one."""
        for side in SIDES:
            live = thing.live(side)
            most = max(1, thing.typed.total()) + thing.spare.total()
            if len(live) > most:
                keys = ", ".join(held.key for held in live)
                self.verdicts.find("I9", f"{self.entity} {thing.identity}: {len(live)} records in {side}: {keys}")

    def _accounted(self, held: Held) -> None:
        """A live record is linked, or its link is over, or a row says why it is alone."""
        link = self.rows.by_key.get((held.side, held.key))
        if self.reasons.names(held.side, held.key):
            return
        if link is not None:
            self._survives(held, link)
            return
        if self.reasons.waits_for_missing(held):
            return
        thing = self.ledger.things[self.entity, held.identity]
        if held.ours and (thing.spare.total() or self._is_unknown(held, thing)):
            return
        target = held.side.other
        if target not in self.spec.creates and not (held.ours and self.spec.creates):
            return
        if not self.spec.systems[held.side].mapping.decode(held.fields).in_scope:
            return
        self.verdicts.find("I44", f"{held} is not linked at rest, and no row says why")

    def _is_unknown(self, held: Held, thing: Thing) -> bool:
        """Whether the link its create belongs to is still half, where nothing tells our record from others (3.2).

        The row that says so stands at the record it was to be made of.
        """
        links = [self.rows.by_key.get((mate.side, mate.key)) for mate in thing.records[held.side.other]]
        half = any(link is not None and link.state is LinkState.HALF for link in links)
        return half and self.writes.profile.may_double(held.side)

    def _survives(self, held: Held, link: LinkRow) -> None:
        """I42: what is left of merges that cross is not frozen, as if each were the image of one that was merged.

        Where nothing is left on the other side (it was merged on, into a record outside of the circle), it is one.
        """
        thing = self.ledger.things[self.entity, held.identity]
        if not thing.crossed or link.state is not LinkState.CLOSED or self.reasons.says(link, "*"):
            return
        if not thing.live(held.side.other):
            return
        found = [self.rows.by_key.get((side, one.key)) for side in SIDES for one in thing.live(side)]
        if any(other is not None and other.state is LinkState.LINKED for other in found):
            return
        merged = [one for side in SIDES for one in thing.records[side] if one.ended == "merged"]
        # A merge that no system tells is a delete to whoever reads it, and the policy for deletes ended the link (2.1).
        untold = any(self.ledger.survivor_of(one) is None for one in merged)
        say = self.verdicts.limit if untold else self.verdicts.find
        say("I42", f"{held} survived a merge, its link is over, and no row says why")

    def _last_edits(self, thing: Thing) -> None:
        """I8: what was typed last still shows somewhere, or a row or a person's delete accounts for it."""
        records = [held for side in SIDES for held in thing.records[side]]
        live = [held for held in records if held.live]
        if not live:
            return
        for unit, known in thing.edits.items():
            shown = {id(edit) for held in live if (edit := held.shows.get(unit)) is not None}
            values = [held.now[unit] for held in live if unit in held.now]
            for edit in {id(edit): edit for edits in known.values() for edit in edits}.values():
                if id(edit) in shown or not self._must_show(edit):
                    continue
                if not any(self.ledger.same(edit.value, value) for value in values):
                    there = ", ".join(str(held.shows[unit]) for held in live if unit in held.shows)
                    self.verdicts.find("I8", f"{self.entity} {thing.identity}: {edit} is gone; there is {there}")

    def _must_show(self, edit: Edit) -> bool:
        """Whether it was typed last, on a record that is still there, and nothing accounts for its end."""
        if not edit.typed or edit.given_up or any(later.typed for later in edit.later):
            return False
        if self.writes.leaves_no_trace(self.entity, edit):
            return False
        if is_empty(edit.value) and not any(earlier.settled for earlier in edit.replaces):
            return False
        record = self.ledger.records.get((edit.side, self.entity, edit.key))
        return record is not None and record.live


def _was_filled(held: Held, name: str) -> bool:
    """Whether its being empty is somebody's doing."""
    edit = held.shows.get(name)
    return edit is not None and any(not is_empty(earlier.value) for earlier in edit.replaces)
