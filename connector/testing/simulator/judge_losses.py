"""What a write of ours takes away, and what it may: I7 and I19."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from math import inf

import msgspec

from connector.merge.rules import Drift
from connector.model.rows import JournalRow
from connector.model.values import SIDES, Value
from connector.testing.simulator.judge_creates import CreateRules
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_things import Change, Edit, Held, Written
from connector.testing.simulator.judge_values import ABSENT, LINES, is_empty, label_of, told
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Profile

JOURNAL = 500


class LossRules(CreateRules):
    """Judges what is overwritten.

    decided: (entity, identity, unit) a person decided, and when; mixed: (entity, identity, label) of lines that
    nobody can tell from lines of the other side; forgotten: entity -> of edits up to this number nobody can know what
    they replaced, because the store was; earlier: tokens of writes that were open when their sync got other fields.
    said: what a journal said that is gone, and by which touch. accounted: (run, seq) of a line of the journal -> the
    write it accounts for.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        super().__init__(ledger, verdicts, profile)
        self.decided: dict[tuple[str, str, str], int] = {}
        self.mixed: set[tuple[str, str, str]] = set()
        self.forgotten = ledger.forgotten
        self.earlier: set[str] = set()
        self.said: list[tuple[JournalRow, float]] = []
        self.accounted: dict[tuple[str, int], str] = {}
        self._newest: list[tuple[int, int]] = []

    def decide(self, entity: str, identity: str, unit: str) -> None:
        """A person decided on this unit, over what both sides show now."""
        self.decided[entity, identity, unit] = self.ledger.number

    def is_decided(self, held: Held, unit: str) -> bool:
        return self.decided_at(held, unit) >= 0

    def decided_at(self, held: Held, unit: str) -> int:
        """When a person decided on it last; -1 for never."""
        return self.decided.get((held.entity, held.identity, unit.split("/")[0]), -1)

    def is_mixed(self, change: Change, unit: str) -> bool:
        """Whether this is a line that comes again because nothing tells that it was there: no id, and no likeness.

        Only where its base is lost (the store is an older one, until a run did everything), or the outcome of the write
        that brought it is just being found out; and only where people have changed more than one field of it since:
        lines are paired by the base, by id, by content, and by all but one field (decision 0006).
        """
        held = change.held
        if self.was_mixed(held, unit):
            return True
        lost = change.number <= self.forgotten.get(held.entity, 0)
        label, again, _ = "/".join(unit.split("/")[:2]).partition("~")
        tokens = {
            token for side in SIDES for one in change.thing.live(side) for token in (one.token, one.brought_by(label))
        }
        if not ((lost or tokens & (self.ledger.open | self.ledger.were_open)) and again and unit.startswith(LINES)):
            return False
        for mate in change.thing.live(held.side.other):
            fields = {n for one in (held, mate) for n in one.now if n.startswith(f"{label}/")}
            if sum(not self.ledger.same(held.now.get(n), mate.now.get(n)) for n in fields) > 1:
                return True
        return False

    def was_mixed(self, held: Held, unit: str) -> bool:
        """Whether nobody can tell which line of its label this is."""
        return (held.entity, held.identity, label_of(unit)) in self.mixed

    def _was_under_another_name(self, change: Change, old: Edit) -> bool:
        """Whether the other side showed it in another line of this label, and nobody can tell which is which.

        A line that came again stands behind the first of its label, and that one is the other side's: the first here
        is the second there.
        """
        held = change.held
        if not self.was_mixed(held, old.unit):
            return False
        names = [name for name in change.thing.edits if _of_one_label(name, old.unit)]
        edits = [edit for name in names for known in change.thing.edits[name].values() for edit in known]
        return any(held.side.other in edit.sides and self.ledger.same(edit.value, old.value) for edit in edits)

    def overwritten(self, change: Change, written: Written) -> None:
        """I7: what a person typed was settled on both sides before, or a row names it."""
        held, old, unit = change.held, written.old, written.unit
        if old is None or old is written.edit or not old.typed or old.given_up:
            return
        if old.settled:
            self._settled(change, written, old)
            return
        if reason := self._is_no_loss(change, written, old):
            self.verdicts.excuse(reason)
            return
        what = f"{held}: {old} was overwritten with {written.value}"
        if self._journalled(change, written, local=self._is_local(held, unit)):
            old.given_up = "journal"
        elif self.in_window(change, written.since):
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

    def _settled(self, change: Change, written: Written, old: Edit) -> None:
        """What both sides had may be replaced by what came after it; what it had replaced comes back by nobody (I8)."""
        if self.in_window(change, written.since):
            old.given_up = "window"  # a late request: what it reverts, it reverts unseen
            self.verdicts.excuse("reverted in the gap")
        elif written.edit not in old.later and self._journalled(change, written, local=False):
            old.given_up = "journal"
        elif (
            written.edit is not None
            and old.is_built_on(written.edit)
            and not self.leaves_no_trace(change.held.entity, old)
        ):
            old.given_up = "found"
            what = f"{change.held}: {old} was on both sides, and {written.value}, which it had replaced, came back"
            self.verdicts.find("I8", what)

    def _is_no_loss(self, change: Change, written: Written, old: Edit) -> str:
        """Why nothing of it is lost; empty where it is."""
        if is_empty(old.value) and not any(earlier.settled for earlier in old.replaces):
            return "an empty side was filled"  # row 12: nothing both sides had agreed on was cleared
        if self.ledger.mate_of_merge(change, written.unit, old, written.value) is not None:
            return "merged by a function"
        if written.edit is not None and written.edit.contains(old):
            return "typed over what it was merged into"
        return ""

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

    def in_window(self, change: Change, since: int) -> bool:
        """Whether the value came after the sender's last look, where nothing guards a write.

        Protocol section 5: the window is narrowed by the re-read, right before the write (section 3). What else was
        called between the two made it wider, unless it came only when the request was on its way. A request that is
        sent again follows a look of its own (section 3.3).
        """
        token = str(change.touch.token)
        again = token in self.ledger.turns.carried_out
        call = (self.ledger.latest if again else self.ledger.calls).get(token)
        if self.profile.guards_writes(change.held.side) or call is None or since <= call.seen:
            return False
        return call.gap == 1 or since > call.number

    def _is_local(self, held: Held, unit: str) -> bool:
        """Whether the settings let that side keep what people type there, until the other side's value changes."""
        rule = self.ledger.specs[held.entity].unit(unit.split("/")[0])
        if rule is None or rule.flow.allows(held.side.other):
            return False
        return rule.drift is Drift.IGNORE or self.is_decided(held, unit)

    def note_time(self, number: int) -> None:
        """A touch is about to be judged: what the journal says by now is no younger than it."""
        newest = self.world.look("journal", None, None, None, 1)
        self._newest.append((newest[0].seq or 0 if newest else 0, number))

    def journal_replaced(self) -> None:
        """The journal is an older one: what it says from here on, it says after everything so far."""
        found = self.world.look("journal", None, None, None, 1)
        newest = found[0].seq or 0 if found else 0
        self._newest = [(min(seq, newest), number) for seq, number in self._newest]

    def _said_after(self, row: JournalRow) -> float:
        """The first touch that came after this line of the journal: it names nothing that was typed from there on."""
        place = bisect_left(self._newest, (row.seq or 0, 0))
        return self._newest[place][1] if place < len(self._newest) else inf

    def _lines_said(self) -> Iterator[tuple[JournalRow, float]]:
        for row in self.world.look("journal", None, None, None, JOURNAL):
            yield row, self._said_after(row)
        yield from self.said

    def _journalled(self, change: Change, written: Written, *, local: bool) -> bool:
        """Whether a line of the journal says that this side's value was given up, and names it.

        One that is younger than the edit, and accounts for no other write: what was typed again was not given up by
        the line of last week. local: it was left alone on purpose; then the line of the write is enough, which names
        it as what was there.
        """
        events = ("overwritten", "update") if local else ("overwritten",)
        held, unit, token = change.held, written.unit, str(change.touch.token)
        head, typed = unit.split("/")[0], written.old.number if written.old is not None else 0
        spec = self.world.specs[held.entity]
        rule = self.ledger.specs[held.entity].unit(head)
        fields = rule.fields if rule is not None else (head,)
        shown = [change.before, *self._seen_with(change, unit)]
        for row, after in self._lines_said():
            ours = row.kind == spec.kind and row.event in events and row.side is held.side and row.key == held.key
            if not ours or head not in row.fields.split(",") or row.body is None or typed >= after:
                continue
            if self.accounted.get((row.run, row.seq or 0), token) != token:
                continue
            body = msgspec.json.decode(self.world.vault.open(row.body, b"journal"), type=dict[str, str])
            if any(told(unit, values, fields, body) for values in shown):
                self.accounted[row.run, row.seq or 0] = token
                self.verdicts.excuse("named in the journal")
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


def _of_one_label(unit: str, other: str) -> bool:
    """Whether both are the same part of lines that have one label: `lines/LABEL/quantity`, `lines/LABEL~2/quantity`."""
    mine, theirs = ([part.partition("~")[0] for part in name.split("/")] for name in (unit, other))
    return mine == theirs
