"""What persons chose, to delete, too, and whether it was carried out: row 15 of the field table (protocol 2.3), I19."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from connector.mapping.translate import Mapping
from connector.model.records import Key
from connector.model.rows import HELD, LinkRow
from connector.model.values import SIDES, Side, Sides
from connector.testing.simulator.judge_copies import Copies
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_losses import LossRules
from connector.testing.simulator.judge_rows import MANY, Rows
from connector.testing.simulator.judge_things import Change, Edit, Held, Thing
from connector.testing.tables import Fields


@dataclass(frozen=True, slots=True)
class Choice:
    """A person's decision on a conflict of these two records: this side is right, over what both showed by that number.

    noted: tokens of writes that were noted before it: they are sent again as they are (3.3). known: the store cannot
    have lost it since. before: what was chosen until then.
    """

    keys: Sides[Key | None]
    number: int
    side: Side
    noted: frozenset[str]
    known: bool = True
    before: Choice | None = None


class ChoiceRules:
    """Keeps what was chosen, and judges what came of it.

    choices: by record and unit; the last one counts. began: token -> the last touch before the run that sent it first.
    """

    def __init__(self, losses: LossRules) -> None:
        self.losses = losses
        self.ledger = losses.ledger
        self.world = losses.world
        self.choices: dict[tuple[Side, str, Key, str], Choice] = {}
        self.began: dict[str, int] = {}
        self.copies = Copies()

    @property
    def verdicts(self) -> Verdicts:
        return self.losses.verdicts

    def choose(self, entity: str, keys: Sides[Key | None], unit: str, side: Side) -> None:
        """A person decided on these two records."""
        self.ledger.number += 1
        noted = frozenset(row.token for row in self.world.look("open_intents", self.world.specs[entity].kind, "", MANY))
        for where, key in zip(SIDES, keys, strict=True):
            if key is not None:
                place = where, entity, key, unit
                self.choices[place] = Choice(keys, self.ledger.number, side, noted, before=self.choices.get(place))

    def doubt(self, entity: str, unit: str) -> None:
        """What was decided on it may be forgotten; what is carried out all the same was a person's decision."""
        for place, choice in self.choices.items():
            if (place[1], place[3]) == (entity, unit):
                self.choices[place] = replace(choice, known=False)

    def choice(self, held: Held, unit: str) -> Choice | None:
        """The last one, if it was about the record and its partner of today."""
        choice, link = self.choices.get((held.side, held.entity, held.key, unit.split("/")[0])), self.link(held)
        return choice if choice is not None and link is not None and link.keys == choice.keys else None

    def link(self, held: Held) -> LinkRow | None:
        found: dict[Key, LinkRow] = self.world.look(
            "links_by_key", self.world.specs[held.entity].kind, held.side, [held.key]
        )
        return found.get(held.key)

    def _stands(self, change: Change, unit: str) -> Choice | None:
        """A choice for this very side that the sender knew of: made before its run, and not forgotten since."""
        choice = self.choice(change.held, unit)
        if choice is None or not choice.known or choice.side is not change.held.side:
            return None
        return choice if self._must_know(change, choice) else None

    def _must_know(self, change: Change, choice: Choice) -> bool:
        """Whether the sender must have known of it: made before its run and before the write was noted; not lost."""
        token = str(change.touch.token)
        began = self.began.get(token, 0)
        known = choice.number <= began and not self.copies.forgotten(choice.number, began)
        return known and token not in choice.noted

    def was_chosen(self, change: Change, old: Edit) -> bool:
        """I19, row 15: the chosen side keeps its value until somebody edits the unit, on either side."""
        choice, head = self._stands(change, old.unit), old.unit.split("/")[0]
        if choice is None or old.number > choice.number:
            return False
        return not self._is_edited(change.thing, head, choice.number)

    def is_by_choice(self, change: Change, old: Edit, number: int) -> bool:
        """Whether a person chose the other side, over these two values, by the last choice the sender can have known.

        What is chosen while a run goes on may come after it has looked, and may not.
        """
        choice = self.choice(change.held, old.unit)
        while choice is not None and max(old.number, number) <= choice.number:
            if choice.side is change.held.side.other:
                return True
            choice = None if self._must_know(change, choice) else choice.before
        return False

    def _is_edited(self, thing: Thing, head: str, number: int) -> bool:
        units = (known for unit, known in thing.edits.items() if unit.split("/")[0] == head)
        edits = (edit for known in units for alike in known.values() for edit in alike)
        return any(edit.typed and edit.number > number for edit in edits)

    def deleted(self, change: Change) -> None:
        """I19: what a person chose to keep is not deleted; that its partner is gone was what they decided on."""
        held, choice = change.held, self._stands(change, "*")
        mates = change.thing.records[held.side.other]
        if choice is not None and all(mate.last <= choice.number for mate in mates):
            self.verdicts.find("I19", f"{held}: deleted, and a person had chosen to keep it")

    def was_seen(self, held: Held, unit: str) -> bool:
        """Whether the record showed this of the unit when a person chose that it goes."""
        choice = self.choices.get((held.side, held.entity, held.key, "*"))
        while choice is not None:
            number = choice.number
            then = ((fields, shows) for at, fields, shows in reversed(held.versions) if at <= number)
            fields, shows = next(then, (None, {}))
            if choice.side is held.side.other and self._shows_that_still(held, unit, fields, shows.get(unit)):
                return True
            choice = choice.before
        return False

    def _shows_that_still(self, held: Held, unit: str, fields: Fields | None, edit: Edit | None) -> bool:
        """Whether the unit is as it was then; where no value stands for it (row 16), as its system has it."""
        if unit not in held.dark:
            return edit is not None and self.ledger.same(edit.value, held.now.get(unit))
        rule, mapping = self.ledger.specs[held.entity].unit(unit.split("/")[0]), self._mapping(held)
        sources = [mapping.source_of(name) for name in rule.fields] if rule is not None else []
        return fields is not None and all(
            fields.get(source) == held.fields.get(source) for source in sources if source is not None
        )

    def _mapping(self, held: Held) -> Mapping:
        return self.world.specs[held.entity].systems[held.side].mapping

    def at_rest(self, entity: str, rows: Rows, names: Callable[[Side, Key], bool]) -> None:
        """I19: no choice is left that was never carried out, where nothing else has happened to the unit since."""
        links = {link.id: link for link in rows.links}
        chosen = [row for units in rows.conflicts.values() for row in units.values() if row.choice is not None]
        for row in chosen:
            keys = links[row.link].keys if row.link in links else Sides(None, None)
            found = [self.ledger.records.get((side, entity, str(keys[side]))) for side in SIDES]
            live = [held for held in found if held is not None and held.live]
            merged = any(held is not None and held.ended == "merged" for held in found)
            if not live or merged or (len(live) < 2 and row.unit != "*"):
                continue  # where one is gone there is nothing to carry across; a merge is nobody's choice (row G)
            # A write that failed, or waits, says so at its record; one that has no image there (row 16), in its row.
            told = row.reason == HELD or any(names(held.side, held.key) for held in live)
            if not told and self._is_left(live[0], row.unit):
                self.verdicts.find("I19", f"{live[0]}: the choice on {row.unit} was never carried out")

    def _is_left(self, held: Held, unit: str) -> bool:
        choice, thing = self.choice(held, unit), self.ledger.things[held.entity, held.identity]
        return choice is not None and not self._is_edited(thing, unit, choice.number)
