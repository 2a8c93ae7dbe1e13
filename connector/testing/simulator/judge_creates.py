"""Which creates of ours are right: I9 and I15, with what the protocol allows where a system lacks a power (3.2)."""

from __future__ import annotations

from collections import Counter

from connector.model.records import Key
from connector.model.rows import LinkRow
from connector.model.values import Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_things import Change, Held
from connector.testing.simulator.judge_values import is_empty
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Profile

RESERVE = 3600.0


class CreateRules:
    """Judges creates.

    doubled: (entity, identity) of what had to be created twice for want of a power; renewed: how often one was created
    again, because nobody could know that it had ended; restored: the store was replaced by an older one, and replaced:
    the number of the last touch before that; lost: records of ours that the older store does not know.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        self.ledger = ledger
        self.world = ledger.world
        self.verdicts = verdicts
        self.profile = profile
        self.doubled: set[tuple[str, str]] = set()
        self.renewed: Counter[tuple[str, str]] = Counter()
        self.restored = False
        self.replaced = 0
        self.lost: set[tuple[Side, str, Key]] = set()
        self._applied: set[str] = set()

    def is_right(self, change: Change) -> None:
        """A record of ours: one for each that people made, none for one that they had deleted."""
        held, thing, side = change.held, change.thing, change.held.side
        others = [record for record in thing.live(side) if record is not held]
        if thing.made[side] > thing.typed[side.other]:
            # Merges that cross leave images of several records under one name: another one's is not made twice by this.
            images = sum(record.ours for record in thing.live(side))
            twice = images > thing.typed[side.other] or any(self._is_in_the_way(record, change) for record in others)
            self._created_again(change, alive=bool(others) and twice)
        elif mate := next((record for record in others if self._could_match(record, change)), None):
            self.verdicts.find("I9", f"{held}: created although {mate.key} was there to be linked")
        elif gone := self._removed_partner(change):
            self.verdicts.find("I15", f"{held}: a record that a person deleted ({gone.key}) was created again")

    def _is_in_the_way(self, record: Held, change: Change) -> bool:
        """Whether a person's record makes ours one too many.

        Without the images that nothing tells of any more ours may be the first: then as for any first one, if it could
        have been linked.
        """
        thing, side = change.thing, change.held.side
        known = thing.made[side] - sum(self._is_forgotten(image) for image in thing.records[side])
        return not record.ours and (known > thing.typed[side.other] or self._could_match(record, change))

    def _is_forgotten(self, image: Held) -> bool:
        """Whether nothing tells of this record of ours: it has ended, and its link was never stored or lost again."""
        unknown = image.token in self.ledger.unsure and self._link(image) is None
        return image.ours and not image.live and (unknown or (image.side, image.entity, image.key) in self.lost)

    def _removed_partner(self, change: Change) -> Held | None:
        """The record a person had deleted of which this is made again: no other is there that needed an image."""
        partners: dict[Key | None, Held] = {}
        for record in change.thing.records[change.held.side]:
            link = self._link(record) if record.was_removed else None
            if link is not None and link.keys[change.held.side.other] is not None:
                partners[link.keys[change.held.side.other]] = record
        typed = [mate for mate in change.thing.live(change.held.side.other) if not mate.ours]
        other = any(mate.key not in partners for mate in typed)
        return None if other else next(iter(partners.values()), None)

    def _created_again(self, change: Change, *, alive: bool) -> None:
        """More creates than records to create from: a double, a record brought back, or a link rooted in our own."""
        rule = "I9" if alive else "I15"
        what = f"{change.held}: created {'twice' if alive else 'again after it had ended'}"
        token = str(change.touch.token)
        unsure = {record.token for record in change.thing.records[change.held.side]} & self.ledger.unsure
        again = token in self._applied or bool(unsure)
        if (change.held.entity, change.held.identity) in self.doubled:
            self.verdicts.limit(rule, what)  # what a double that could not be avoided leads to
            return
        if (again or self.restored) and not alive:
            # Its outcome, or all there was to know of it, was lost: that a person deleted it meanwhile, too.
            self.renewed[change.held.entity, change.held.identity] += 1
            self.verdicts.limit(rule, what)
        elif (
            ((again or self.restored) and self._may_double(change.held, change.touch.at))
            or self._was_on_its_way(change)
            or self._is_of_a_twin(change)
        ):
            self.doubled.add((change.held.entity, change.held.identity))
            self.verdicts.limit(rule, what)
        else:
            self.verdicts.find(rule, what)

    def _was_on_its_way(self, change: Change) -> bool:
        """Whether of two creates one left before the store was replaced, and arrived in the run that sent the other.

        I39 rests on what can be read: the store has no intent of the first, and no answer showed it before the other
        left. Only a key tells of it: that of the record, or a live one of the same bytes; others have another (I31).
        """
        can, bodies = self.profile.powers[change.held.side], self.ledger.bodies
        if not self.restored or can.external_key == "unique":
            return False
        twins = [record for record in change.thing.live(change.held.side) if record.ours and record is not change.held]
        pairs = [pair for twin in twins for pair in ((twin, change.held), (change.held, twin))]
        for first, second in pairs:
            one, two = self.ledger.calls[str(first.token)], self.ledger.latest[str(second.token)]
            known = (
                bodies[str(first.token)] == bodies[str(second.token)] and two.at - one.at < can.idempotency - RESERVE
            )
            shown = first.known.get(two.process, two.number) < two.number
            if one.number <= self.replaced < two.number and two.began < first.born and not shown and not known:
                return True
        return False

    def _is_of_a_twin(self, change: Change) -> bool:
        """Whether it images a record of ours that its system gives nothing away of, and whose create had no answer."""
        twins = [mate for mate in change.thing.live(change.held.side.other) if mate.ours]
        return any(twin.token in self.ledger.unsure and self._may_double(twin, change.touch.at) for twin in twins)

    def _may_double(self, made: Held, at: float) -> bool:
        """Protocol section 3.2: what a create of unknown outcome leaves possible with what the target can do."""
        can = self.profile.powers[made.side]
        if can.external_key == "unique":
            return False
        token = str(made.token)
        passed = at - self.ledger.calls[token].at
        if passed < can.idempotency - RESERVE:
            return False
        if can.external_key == "none" and not can.created_by:
            return not self._has_natural_key(made)
        # A process that sleeps between its note and its request is a request that comes later than `settle`.
        settle = self.world.specs[made.entity].settle
        late = self.profile.very_late and passed > settle
        return late or len(self.ledger.senders[token]) > 1

    def _has_natural_key(self, made: Held) -> bool:
        """Whether values by which first links are made tell it from every other record there, since it was made."""
        there = [h for h in self.ledger.of(made.side, made.entity) if h.live and h.identity != made.identity]
        for rule in self.world.specs[made.entity].match:
            values = [made.now.get(name) for name in rule]
            if not any(map(is_empty, values)) and not any(values == [h.now.get(n) for n in rule] for h in there):
                return True
        return False

    def _could_match(self, record: Held, change: Change) -> bool:
        """Whether a person's record was known, unlinked, and has the same values by which first links are made."""
        call = self.ledger.calls.get(str(change.touch.token))
        if record.ours or call is None or record.known.get(call.process, call.number) >= call.number:
            return False
        rules = self.world.specs[record.entity].match
        same = any(
            all(record.now.get(name) == change.held.now.get(name) is not None for name in rule) for rule in rules
        )
        return same and record.last < call.number and self._link(record) is None

    def _link(self, record: Held) -> LinkRow | None:
        kind = self.world.specs[record.entity].kind
        found: dict[Key, LinkRow] = self.world.look("links_by_key", kind, record.side, [record.key])
        return found.get(record.key)
