"""Which creates of ours are right: I9, I15 and I41, with what is allowed where a system lacks a power (3.2)."""

from __future__ import annotations

from collections.abc import Iterable

from connector.model.records import Key, Op, Write
from connector.model.rows import IntentRow, LinkRow
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_rows import MANY
from connector.testing.simulator.judge_things import Call, Change, Held
from connector.testing.simulator.judge_values import is_empty
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.ledger_pages import Pages
from connector.testing.simulator.profiles import PATIENT, Profile

RESERVE = 3600.0


class CreateRules:
    """Judges creates.

    restored: the store was replaced by an older one, and replaced: the number of the last touch before that; lost:
    records of ours that the older store does not know. unknown: tokens of writes that had no answer; linked: records of
    ours that the store named in a link when a run was over; repeated: tokens sent again before their outcome was known.
    noted: tokens of writes that a run noted before it died -> the newest touch when that run asked the feed of what
    they are made of; planned: the same of the creates that were sent, with the call where it was sent by the run that
    planned it. paid: records of ours nothing told of, and the side of the one record too many that each accounts for.
    pages: what was listed; plain: token -> records that were there to be listed by the run that sent it; asked: token
    -> the newest touch when that run asked the feed there, or ended before it where it asked none. hidden: records that
    nobody found when a run that is going on looked there, with its process.
    """

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        self.ledger = ledger
        self.world = ledger.world
        self.verdicts = verdicts
        self.profile = profile
        self.restored = False
        self.replaced = 0
        self.lost: set[tuple[Side, str, Key]] = set()
        self.unknown: set[str] = set()
        self.linked: set[Held] = set()
        self.repeated: set[str] = set()
        self.noted: dict[str, int] = {}
        self.planned: dict[str, tuple[int, Call | None]] = {}
        self.paid: set[tuple[Held, Side]] = set()
        self.pages = Pages({place for place in ledger.place.values() if self._has_cursor(place)})
        self.plain: dict[str, frozenset[Key]] = {}
        self.asked: dict[str, int] = {}
        self.hidden: set[tuple[Held, str]] = set()

    # --------------------------------------------------------------------------------------------- what is told

    def creates_sent(self, side: Side, entity: str, writes: Iterable[Write]) -> None:
        """Creates leave now: what their sender could know of its systems is settled by that, however late they come."""
        process = self.ledger.process
        for write in (write for write in writes if write.op is Op.CREATE):
            asked, _ = self.pages.began(process, (side, entity))
            self.asked[write.token] = asked if asked >= 0 else self.ledger.began
            if write.token not in self.ledger.open:
                self.planned[write.token] = self._planned(write.token, (side.other, entity))
            if self.ledger.calls[write.token] is not self.ledger.latest[write.token]:
                # A key may come again long after it was answered (0012): then its sender knew of what it had made.
                self.repeated = (self.repeated - {write.token}) | ({write.token} & self.ledger.open)
            elif write.token not in self.noted:
                self.plain[write.token] = self._listable(process, (side, entity))
                unread = [s for s in SIDES if not self.pages.is_whole(process, (s, entity))]
                if unread:
                    what = f"{entity}: created in {side} before all there was in {unread[0]} had been listed"
                    self.verdicts.find("I41", what)

    def _planned(self, token: str, source: tuple[Side, str]) -> tuple[int, Call | None]:
        """Who asks the feed before it sends has planned it itself; what was noted is sent before anything is read."""
        looked, _ = self.pages.began(self.ledger.process, source)
        if looked < 0 and token in self.noted:
            return self.noted[token], None
        return looked if looked >= 0 else self.ledger.began, self.ledger.latest[token]

    def left_open(self, intents: Iterable[IntentRow]) -> None:
        """A run is over, and these are noted: who sends them later sends what was planned with what this one knew."""
        entities = {spec.kind: entity for entity, spec in self.world.specs.items()}
        noted = {}
        for row in intents:
            looked, _ = self.pages.began(self.ledger.process, (row.side.other, entities[row.kind]))
            noted[row.token] = self.noted.get(row.token, looked if looked >= 0 else self.ledger.began)
        self.noted = noted

    def out_of_sight(self, side: Side, entity: str, keys: Iterable[Key]) -> None:
        """An answer came from there while nobody found these."""
        for key in keys:
            held = self.ledger.records.get((side, entity, key))
            if held is not None:
                self.hidden.add((held, self.ledger.process))

    def sight_ended(self) -> None:
        """A run is over, or a plan is: what it did not find, the next may."""
        self.hidden = {(held, process) for held, process in self.hidden if process != self.ledger.process}

    def _listable(self, process: str, place: tuple[Side, str]) -> frozenset[Key]:
        """The records that this run was shown by its feed, or an earlier one was, if it read it as it should.

        They are as they were before it began to read; nothing hid them, and what is listed late is listed by now.
        """
        number, at = self.pages.began(process, place)
        passed, lag = self.pages.passed, self.profile.lag[place[0]]
        found = (held for held in self.ledger.of(*place) if held.live and held.last > passed.get((place, held.key), 0))
        return frozenset(held.key for held in found if held.last <= number and held.at + lag <= at)

    def run_ended(self) -> None:
        """A run is over: what the store knows by now, nobody needs to guess any more."""
        self.pages.stored(place for place in self.pages.ended(self.ledger.process) if self._has_cursor(place))
        self.sight_ended()
        if self.unknown or self.lost:
            self.linked |= {held for held in self.ledger.records.values() if held.ours and self._is_linked(held)}

    def store_is_older(self) -> None:
        """The store went back: what it does not name it does not know."""
        ours = {place: held for place, held in self.ledger.records.items() if held.ours}
        self.lost = {place for place, held in ours.items() if self._link(held) is None}
        self.linked = {held for held in ours.values() if self._is_linked(held)}
        self.pages.whole = {place for place in self.pages.ever if self._has_cursor(place)}
        kinds = {spec.kind for spec in self.world.specs.values()}
        rows = [row for kind in kinds for row in self.world.look("open_intents", kind, "", MANY)]
        self.noted = {row.token: self.noted.get(row.token, self.ledger.began) for row in rows}

    def _has_cursor(self, place: tuple[Side, str]) -> bool:
        return self.world.look("cursor", self.world.specs[place[1]].kind, place[0]) is not None

    # --------------------------------------------------------------------------------------------- what is judged

    def is_right(self, change: Change) -> None:
        """A record of ours: one for each that people made, none for one that they had deleted."""
        held, thing, side = change.held, change.thing, change.held.side
        others = [r for r in thing.live(side) if r is not held and not self._came_back_unseen(r, change)]
        if thing.made[side] - thing.spare[side] > thing.typed[side.other]:
            # Merges that cross leave images of several records under one name: another one's is not made twice by this.
            images = sum(record.ours for record in (held, *others))
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

    def _came_back_unseen(self, image: Held, change: Change) -> bool:
        """Whether it had ended as far as the sender could see: a person brought it back after it had asked the feed.

        A feed tells of a delete by the key alone, and a search shows what is there: nothing tells whose image ended
        (I15). Between a look and the create it may always come back.
        """
        token = str(change.touch.token)
        call = self.ledger.latest[token]
        shown = image.known.get(call.process, call.number) < call.number
        return image.ours and image.back > self.asked[token] and not shown

    def _is_forgotten(self, image: Held) -> bool:
        """Whether nothing tells of this record of ours: it has ended, and its link was never stored or lost again."""
        return not image.live and self._is_untold(image)

    def _is_untold(self, image: Held) -> bool:
        """Whether the connector cannot know of it: its create had no answer, or the store is from before.

        Not any more, once the store has named it: then a link or a tombstone tells (protocol 1).
        """
        unknown = image.token in self.unknown or (image.side, image.entity, image.key) in self.lost
        return image.ours and unknown and image not in self.linked and not self._is_linked(image)

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
        if self._has_cause(change, alive=alive):
            change.thing.spare[change.held.side] += 1
            self.verdicts.limit(rule, what)
        else:
            self.verdicts.find(rule, what)

    def _has_cause(self, change: Change, *, alive: bool) -> bool:
        """Whether another record of ours, that nothing told the sender of, makes this one look like the first."""
        token, images = str(change.touch.token), change.thing.records[change.held.side]
        images = [image for image in images if image.ours and image is not change.held]
        # A request that arrives again after `settle`, or that a process sent which had slept (3.2), knows of none.
        again = token in self.repeated or len(self.ledger.senders[token]) > 1
        untold = [image for image in images if self._is_untold(image) or (again and image.token == token)]
        # Ended: that a person deleted it meanwhile, nobody can know either.
        if (not alive or self._may_double(change.held, change.touch.at)) and self._pays(untold, change.held.side):
            return True
        # Nobody deleted such a twin: whoever deleted what it doubles, it shows as a record that a person made.
        return (alive and self._was_on_its_way(change)) or self._is_of_a_twin(change)

    def _pays(self, untold: Iterable[Held], side: Side) -> bool:
        """Whether one of these records has not accounted for one too many on that side; now it has."""
        one = next((record for record in untold if (record, side) not in self.paid), None)
        if one is not None:
            self.paid.add((one, side))
        return one is not None

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
        """Whether it images a record of ours that its system gives nothing away of, and that no link knows."""
        side = change.held.side.other
        there = [mate for mate in change.thing.records[side] if mate.live or self._ended_since(mate, change)]
        twins = [mate for mate in there if self._is_untold(mate)]
        twins = [twin for twin in twins if change.thing.spare[side] or self._may_double(twin, change.touch.at)]
        return self._pays(twins, change.held.side)

    def _ended_since(self, twin: Held, change: Change) -> bool:
        """Whether it has ended since the create was planned, so that it was there to be made of.

        What is noted as sent is found out about before anything is read, whatever became of its source (2.2: half
        linked; 3.2): where nothing finds it, it is sent again, and only then its source counts as deleted.
        """
        looked, call = self.planned[str(change.touch.token)]
        told = call is not None and twin.told.get(call.process, call.number) < call.number
        return twin.last > looked and not told

    def _may_double(self, made: Held, at: float) -> bool:
        """Protocol section 3.2: what a create of unknown outcome leaves possible with what the target can do."""
        can = self.profile.powers[made.side]
        if can.external_key == "unique":
            return False
        token = str(made.token)
        passed = at - self.ledger.calls[token].at
        if passed < can.idempotency - RESERVE:
            return False
        if self._was_out_of_sight(made):
            return True
        if can.external_key == "none" and not can.created_by:
            return not self._has_natural_key(made)
        # A process that sleeps between its note and its request is a request that comes later than `settle`: not where
        # `settle` is longer than any process sleeps here.
        settle = self.world.specs[made.entity].settle
        late = self.profile.very_late and passed > settle
        return late or (len(self.ledger.senders[token]) > 1 and settle < PATIENT)

    def _was_out_of_sight(self, made: Held) -> bool:
        """Whether nobody found what the create of unknown outcome had made when the run looked that sent it again.

        The page has a create sent again that is not found once `settle` is over: it rests on `settle` being longer than
        anything stays out of sight (I9).
        """
        token, same = str(made.token), self.ledger.things[made.entity, made.identity].live(made.side)
        process = self.ledger.latest[token].process
        return any((held, process) in self.hidden for held in same if held.token == token)

    def _has_natural_key(self, made: Held) -> bool:
        """Whether values by which first links are made tell it from every other record there, since it was made.

        What the create of unknown outcome made shows them still: if a person typed over them, nothing leads to it.
        """
        same = self.ledger.things[made.entity, made.identity].live(made.side)
        first = [held for held in same if held is not made and held.ours and held.token in self.ledger.unsure]
        there = [h for h in self.ledger.of(made.side, made.entity) if h.live and h.identity != made.identity]
        for rule in self.world.specs[made.entity].match:
            values = [made.now.get(name) for name in rule]
            shown = all(values == [h.now.get(n) for n in rule] for h in first)
            alone = not any(values == [h.now.get(n) for n in rule] for h in there)
            if shown and alone and not any(map(is_empty, values)):
                return True
        return False

    def _could_match(self, record: Held, change: Change) -> bool:
        """Whether a person's record was to be known, is unlinked, and has the values by which first links are made."""
        call = self.ledger.calls.get(str(change.touch.token))
        if record.ours or call is None:
            return False
        token = str(change.touch.token)
        if record.key not in self.plain.get(token, ()) and record.known.get(call.process, call.number) >= call.number:
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

    def _is_linked(self, record: Held) -> bool:
        """Whether the store names it beside what it was made of: not where it counts as a person's, with an image.

        That its key leads to a survivor says only that it was merged, unless what it was made of leads on with it: the
        system tells the same of a record that no link ever knew.
        """
        link, other = self._link(record), record.side.other
        if link is None:
            return False
        if link.keys[record.side] == record.key:
            mate = self.ledger.records.get((other, record.entity, str(link.keys[other])))
            mates = [mate] if mate is not None else []
        else:
            thing = self.ledger.things[record.entity, record.identity]
            # Merges that cross bring records under one name; it was made of one that bore its own.
            mates = [mate for mate in thing.records[other] if mate.name == record.name and self._leads_on(mate, link)]
        return any(not mate.ours or mate.born < record.born for mate in mates)

    def _leads_on(self, mate: Held, link: LinkRow) -> bool:
        """Whether the store knows of a mate of what was merged into that link: it stays there, or its link ended."""
        its = self._link(mate)
        return its is not None and (its.id == link.id or its.keys[mate.side] != mate.key)
