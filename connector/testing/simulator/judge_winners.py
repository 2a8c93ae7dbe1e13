"""Who wins where both sides say something else: the side the settings name, or the one a person chose.

Rows 3 to 10 and 15 of the field table (protocol 2.3), I4 and I19. That a loser is named is judged elsewhere (I7); here
it is whether it was the right one. A finding carries the number of the row where no invariant says the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.records import Key, Op, Write
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_choices import ChoiceRules
from connector.testing.simulator.judge_losses import LossRules
from connector.testing.simulator.judge_rows import MANY
from connector.testing.simulator.judge_things import MERGED, Change, Edit, Held, Written
from connector.testing.simulator.judge_values import ABSENT, LINES, PRESENT, is_empty
from connector.testing.simulator.ledger_records import is_ref


class WinnerRules(ChoiceRules):
    """Judges each unit that a write of ours changed, after what is lost by it was judged.

    unbased: (entity, unit) -> of what both sides showed up
    to this number nobody can say that it is the base: the store was replaced, or the unit was no part of the sync.
    waiting: records -> the same, where a row kept them waiting when the others were looked at again. half: records ->
    the same, while the outcome of a create made of them is not known: recovery owns their link (protocol 2.2, 3.2), and
    what they and an own record show meanwhile is no agreement yet; or while merges that crossed have left them, and
    their link has no base yet: what each had agreed on with a partner that ended is no agreement of these two.
    """

    def __init__(self, losses: LossRules) -> None:
        super().__init__(losses)
        self.unbased: dict[tuple[str, str], float] = {}
        self.waiting: dict[tuple[Side, str, Key], float] = {}
        self.half: dict[tuple[Side, str, Key], float] = {}
        self._sent: dict[tuple[Side, str, Key], set[str]] = {}
        self._starts: dict[str, int] = {}
        self._touched: dict[tuple[Side, str, Key], list[tuple[int, float, bool]]] = {}

    # -------------------------------------------------------------------------------------------- what is told

    def goes_on(self, process: str) -> None:
        """This process starts to run, or goes on."""
        self._starts.setdefault(process, self.ledger.number)

    def run_ended(self, process: str) -> None:
        self._starts.pop(process, None)
        now = {place for entity in self.ledger.specs for place in self._half_made(entity)}
        now |= {place for place, at in self.half.items() if at == inf and self._is_apart(self.ledger.records[place])}
        ended = [place for place, at in self.half.items() if at == inf and place not in now]
        self.half.update(dict.fromkeys(ended, self.ledger.number))
        self.half.update(dict.fromkeys(now, inf))

    def _half_made(self, entity: str) -> set[tuple[Side, str, Key]]:
        """Records of which a create was sent that nobody knows the outcome of.

        What it made tells where it carries a key of ours, once it was shown: it is linked then (3.2).
        """
        kind, can = self.world.specs[entity].kind, self.losses.profile.powers
        shown = {one.token for one in self.ledger.records.values() if one.live and one.known}
        with self.world.store.look() as tx:
            rows = [row for row in tx.open_intents(kind, "", MANY) if row.op == Op.CREATE]
            sent = {r.link: r.side.other for r in rows if can[r.side].external_key == "none" or r.token not in shown}
            links = tx.links_by_id(list(sent))
        return {(sent[link.id], entity, str(link.keys[sent[link.id]])) for link in links.values()}

    def _is_apart(self, held: Held) -> bool:
        """Whether merges crossed over it, and it has no link with a base to a record that is alive.

        A base is of one link (protocol, section 1); the pair that is left starts without (rows 11 to 13).
        """
        if not held.live or not self.ledger.things[held.entity, held.identity].crossed:
            return False
        link, mate = self.link(held), self.ledger.partner_of(held)
        return link is None or link.base is None or mate is None or not mate.live

    def sent(self, side: Side, entity: str, process: str, writes: Iterable[Write]) -> None:
        """What its run can have known when it began is what a write goes by, however often it is sent."""
        for write in writes:
            self._sent.setdefault((side, entity, write.key or ""), set()).add(write.token)
            self.began.setdefault(write.token, self._starts.get(process, self.ledger.began))

    def take(self, change: Change) -> None:
        """Any change of a record: its time, and whether it was ours, is what `newest` goes by."""
        held = change.held
        times = self._touched.setdefault((held.side, held.entity, held.key), [])
        times.append((change.number, change.touch.at, change.ours))
        if change.touch.kind == "merge" and change.thing.crossed:
            left = [one for side in SIDES for one in change.thing.live(side)]
            self.half.update({(one.side, one.entity, one.key): inf for one in left})

    def remapped(self, entity: str) -> None:
        """Units that are no part of the sync lose their base, and what was decided on them is over (section 1)."""
        here = {unit.name for unit in self.world.specs[entity].units}
        for unit in self.ledger.specs[entity].units:
            if unit.name not in here:
                self.unbased[entity, unit.name] = inf
                self.doubt(entity, unit.name)

    def store_replaced(self, made: int) -> None:
        """The older store has older bases, and knows of no choice since it was made: of the one before it (I39)."""
        self.copies.put_back(made, self.ledger.number)
        for entity, spec in self.ledger.specs.items():
            self.unbased.update({(entity, unit.name): inf for unit in spec.units})
            for name in ("*", *(unit.name for unit in spec.units)):
                self.doubt(entity, name)

    def all_done(self, entity: str) -> None:
        """A run did everything there was to do: what agrees from here on is noted as the base."""
        here = {unit.name for unit in self.world.specs[entity].units}
        fresh = any(name == entity and number == inf for (name, _), number in self.unbased.items())
        for (name, unit), number in self.unbased.items():
            if name == entity and unit in here and number == inf:
                self.unbased[name, unit] = self.ledger.number
        now = self._kept_waiting(entity) if fresh or self.waiting else set()
        for place in [place for place in self.waiting if place[1] == entity and place not in now]:
            self.waiting[place] = min(self.waiting[place], self.ledger.number)
        if fresh:
            self.waiting.update(dict.fromkeys(now, inf))

    def _kept_waiting(self, entity: str) -> set[tuple[Side, str, Key]]:
        """Records whose values are not noted yet, as a row says: theirs, or their partner's."""
        kind = self.world.specs[entity].kind
        with self.world.store.look() as tx:
            hints = [(hint.side, entity, hint.key) for hint in tx.hints(kind)]
            links = list(tx.links_by_id([row.link for row in tx.conflicts(kind)]).values())
        found = [
            link for place in hints if place in self.ledger.records and (link := self.link(self.ledger.records[place]))
        ]
        return {(side, entity, str(link.keys[side])) for link in [*links, *found] for side in SIDES}

    # -------------------------------------------------------------------------------------------- updates

    def judge(self, change: Change, written: Written) -> None:
        """One unit a write of ours changed."""
        held, old = change.held, written.old
        unit = self.ledger.specs[held.entity].unit(written.unit.split("/")[0])
        if unit is None or old is None or written.edit is None or old is written.edit or written.put_back:
            return  # what nobody typed on the other side is judged as invented
        edit = self._source(change, written.unit, written.edit)
        what = f"{held}: {old} was overwritten with {edit}"
        if not unit.flow.allows(held.side):
            self.verdicts.find("row 9", f"{what}; the other side owns none of it")
        elif self.losses.in_window(change, written.since):
            return  # I7: without conditional writes a hit is reported apart
        elif self.was_chosen(change, old):
            self.verdicts.find("I19", f"{what}; a person had chosen this side")
        elif old.given_up == "journal" and self._is_contested(change, old, edit):
            self._lost(change, unit, old, edit, what)

    def _source(self, change: Change, unit: str, edit: Edit) -> Edit:
        """What its partner had shown by the time of sending, and is written here: the value may be others', too."""
        held, call = change.held, self.ledger.calls.get(str(change.touch.token))
        mate = self.ledger.partner_of(held)
        if call is None or mate is None:
            return edit
        shown = (shows.get(unit) for number, _, shows in reversed(mate.versions) if number < call.number)
        return next((one for one in shown if one is not None and self.ledger.same(one.value, edit.value)), edit)

    def _is_contested(self, change: Change, old: Edit, edit: Edit) -> bool:
        """Whether the sender could tell that this side had changed: what leaves no trace is row 3 or 4."""
        held = change.held
        if old.settled or self.losses.leaves_no_trace(held.entity, old) or self._may_be_ours(held, old, edit):
            return False
        if self._was_given_up(held, old, edit):
            return False
        if (old.value is ABSENT or is_empty(old.value)) and not self._is_known(held, old):
            return False  # without a base an empty side is filled, and a line is added (rows 12 and 13)
        # Lines that nobody can tell apart may be decided on in each other's place (see `mixed`).
        return not (old.unit.startswith(LINES) and self.losses.was_mixed(held, old.unit))

    def _may_be_ours(self, held: Held, old: Edit, edit: Edit) -> bool:
        """Whether a write without an answer was to say the same: nobody knows whose it is, so it is named (0013)."""
        if not self.ledger.unsure & self._sent.get((held.side, held.entity, held.key), set()):
            return False
        earlier = edit.before
        while earlier is not None and not self.ledger.same(earlier.value, old.value):
            earlier = earlier.before
        return earlier is not None

    def _was_given_up(self, held: Held, old: Edit, edit: Edit) -> bool:
        """Whether the base is from before a write that was given up, and this side is at it again.

        Such a write settles nothing (protocol 3.3): what it brought all the same is a change there, and wins; what was
        typed here is named (0013). Where one run was shown both sides with it, they agree (row 2).
        """
        mate, here = self.ledger.partner_of(held), (held.side, held.key)
        if mate is None or (edit.side, edit.key) != here or mate.brought_by(old.unit) not in self.ledger.lost:
            return False
        before = _agreed_before(edit)
        back = any(self.ledger.same(one.value, old.value) for one in before)
        return back and not self._were_shown([edit], here, (mate.side, mate.key), together=True)

    def _is_known(self, held: Held, old: Edit) -> bool:
        """Whether what this one was typed over is noted as agreed: both were shown it, and nothing was lost since."""
        before = _agreed_before(old)
        if not before or old.number <= self._unbased_until(held, old.unit) or not self._were_linked(held, old.number):
            return False
        shown = {place for edit in before for place in edit.noticed}
        return (held.side, held.key) in shown and held.side.other in {side for side, _ in shown}

    def _were_linked(self, held: Held, number: int) -> bool:
        """Whether we had made one of the two, or written to one before that: else their link may be new."""
        link, pair = self.link(held), [held]
        mate = link.keys[held.side.other] if link is not None else None
        if mate is not None and (other := self.ledger.records.get((held.side.other, held.entity, mate))) is not None:
            pair.append(other)
        touched = [t for one in pair for t in self._touched.get((one.side, one.entity, one.key), ())]
        return any(one.ours for one in pair) or any(ours and at < number for at, _, ours in touched)

    def _unbased_until(self, held: Held, unit: str) -> float:
        at, mate = self.unbased.get((held.entity, unit.split("/")[0]), 0), self.ledger.partner_of(held)
        half = [self.half.get((one.side, one.entity, one.key), 0) for one in (held, mate) if one is not None]
        return max(at, self.waiting.get((held.side, held.entity, held.key), 0), *half)

    def _lost(self, change: Change, unit: Unit, old: Edit, edit: Edit, what: str) -> None:
        """What a person typed here gave way: by a choice, by the direction, or by the policy."""
        held = change.held
        # A line that the chosen side never had is dropped with its list: there, nobody typed that it is none.
        if self.is_by_choice(change, old, 0 if edit.number == change.number else edit.number):
            return
        # A line that is kept is brought back for what was typed into it: whether it is there had not changed.
        unchanged = edit.value is not PRESENT and self._is_base(change, unit, old, edit)
        if unit.flow is not Flow.BOTH:
            if unchanged and unit.drift is not Drift.RESTORE:
                self.verdicts.find(
                    "row 10", f"{what}; the settings say `{unit.drift}`, and the other side had not changed"
                )
        elif unchanged:
            self.verdicts.find("I4", f"{what}; only this side had changed")
        elif unit.policy is Policy.MANUAL:
            self.verdicts.find("row 8", f"{what}; both had changed, and nobody had decided")
        elif unit.policy is Policy.NEWEST:
            if not self._is_newer(change, edit):
                self.verdicts.find("row 7", f"{what}; that was not the newest")
        elif unit.policy is not (Policy.LEFT if held.side is Side.RIGHT else Policy.RIGHT):
            self.verdicts.find("row 6", f"{what}; the settings let {unit.policy} win")

    def _is_base(self, change: Change, unit: Unit, old: Edit, edit: Edit) -> bool:
        """Whether the other side's value was what both had agreed on last, by what we were shown of this very pair."""
        held = change.held
        before = _agreed_before(old)
        if edit not in before or old.number <= self._unbased_until(held, unit.name):
            return False
        if not self._were_linked(held, old.number) or not self._is_in_base(held.entity, edit, before, old):
            return False
        here, there = (held.side, held.key), (edit.side, edit.key)
        mate = self.ledger.partner_of(held)
        if edit.side is held.side and edit.by != MERGED and mate is not None:
            there = (mate.side, mate.key)  # typed on this very side: the other one has it by a write of ours
        # What a create of ours left empty there was planned on what this one showed, whoever was shown that first.
        return self._were_shown(before, here, there, together=bool(edit.by))

    def _were_shown(
        self, before: list[Edit], here: tuple[Side, Key], there: tuple[Side, Key], *, together: bool
    ) -> bool:
        """Whether both records showed us what was agreed on; together: to one run, which could note a base (row 2).

        What one shows while the other is deleted, missing or unknown is held, or waits: nothing is merged then. Where
        the other is back only with or after what was typed over it here, both have changed.
        """
        first = min((one.noticed[there] for one in before if there in one.noticed), default=inf)
        shown = any(here in one.noticed for one in before) and any(there in one.noticed for one in before)
        return shown and (not together or max(self.ledger.last_shown(one, here) for one in before) >= first)

    def _is_in_base(self, entity: str, edit: Edit, before: list[Edit], old: Edit) -> bool:
        """Whether the base can have it: what names another record than what was agreed on is a change, unless noted.

        A base is the raw value of each side (protocol, section 1): a reference to another record, which a merge made
        the same thing, differs from it, also where merges that crossed gave both one name. Where both were looked at
        so, they agree (row 2); after that it is the base.
        """
        if edit is before[0] or edit.noticed.get((edit.side, edit.key), inf) < old.number:
            return True
        mate = self.ledger.records.get((edit.side, entity, edit.key))
        if mate is not None and is_ref(edit.value):
            shown = [(at, fields) for at, fields, shows in mate.versions if fields and shows.get(edit.unit) in before]
            keys = {at: self.ledger.keyed(mate, self.ledger.read(mate, f)[0]).get(edit.unit) for at, f in shown}
            earlier = [key for at, key in keys.items() if at < edit.number]
            if earlier:
                return keys.get(edit.number) in earlier
        return edit.value == before[0].value

    def _is_newer(self, change: Change, edit: Edit) -> bool:
        """Row 7: of what the sender was shown, the other side's record was changed later, beyond the margin.

        A time whose last writer is this connector does not count. A record has one time for all its units.
        """
        held, call = change.held, self.ledger.calls.get(str(change.touch.token))
        # The value may have been typed on this very side before: what counts is the time of the partner that shows it.
        mate = self.ledger.partner_of(held) or self.ledger.records.get((held.side.other, held.entity, edit.key))
        if call is None or mate is None:
            return False
        here = [t for t in self._touched[held.side, held.entity, held.key] if t[0] == call.seen]
        showing = {number for number, _, shows in mate.versions if shows.get(edit.unit) is edit}
        there = [t for t in self._touched[mate.side, mate.entity, mate.key] if t[0] in showing and t[0] < call.number]
        margin, skew = self.world.specs[held.entity].margin, self.losses.profile.skew
        apart = skew[mate.side] - skew[held.side]
        return any(
            later > earlier and later - earlier + apart > margin and not (ours or others)
            for _, earlier, ours in here
            for _, later, others in there
        )


def _agreed_before(old: Edit) -> list[Edit]:
    """What both sides had shown before this one, and others that only its side showed, were typed; as each said it."""
    before = old.before
    while before is not None and not before.settled:
        before = before.before
    return [before, *before.alike] if before is not None else []
