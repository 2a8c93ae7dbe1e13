"""I26: every change arrives by the feeds; what only a full run finds is what the protocol leaves to full runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.engine.children import CHILDREN
from connector.model.records import Key
from connector.model.rows import LinkRow, LinkState
from connector.model.values import SIDES, Side
from connector.testing.simulator.judge_findings import Verdicts
from connector.testing.simulator.judge_reasons import is_left_out, is_released
from connector.testing.simulator.judge_rows import Rows
from connector.testing.simulator.judge_things import Held
from connector.testing.simulator.judge_values import references
from connector.testing.simulator.ledger import Ledger
from connector.testing.simulator.profiles import Profile

Place = tuple[Side, str, Key]
Picture = dict[tuple[str, Place], Any]
"""What both systems and the store say of each record, by the table it is in."""


def picture(ledger: Ledger, rows: Mapping[str, Rows]) -> Picture:
    """What a full run at rest must leave as it is: records, links, and what waits for a person or another record."""
    found: Picture = {("written", place): held.last for place, held in ledger.records.items()}
    for entity, known in rows.items():
        found |= {("linked", (s, entity, key)): _led_to(link, s, key) for (s, key), link in known.by_key.items()}
        # Of several it waits for, which one is named first says nothing.
        found |= {("hint", (s, entity, key)): row.waits is None for (s, key), row in known.hints.items()}
        for (s, key), row in known.dead.items():
            held = ledger.records.get((s, entity, key))
            found["dead letter", (s, entity, key)] = row.op, held is not None and is_released(row, held)
        for link in known.links:
            told = {(row.unit, row.reason) for row in known.conflicts.get(link.id, {}).values()}
            found |= {("conflict", (s, entity, str(link.keys[s]))): told for s in SIDES if told and link.keys[s]}
    return found


def _led_to(link: LinkRow, side: Side, key: Key) -> tuple[int, LinkState | None]:
    """The link a key leads to. Its state is asked of the records it links, once: an alias (1) has none of its own."""
    return link.id, link.state if link.keys[side] == key else None


def _is_new(row: tuple[str, Place], before: Picture, after: Picture) -> bool:
    return row not in before and row in after


class FullRules:
    """Judges what full runs at rest changed, after runs that read no more than the feeds had come to rest."""

    def __init__(self, ledger: Ledger, verdicts: Verdicts, profile: Profile) -> None:
        self.ledger = ledger
        self.verdicts = verdicts
        self.profile = profile

    def judge(self, before: Picture, after: Picture) -> None:
        changed = [place for place in before.keys() | after.keys() if before.get(place) != after.get(place)]
        for what, place in sorted(changed):
            held = self.ledger.records.get(place)
            if held is None or not (
                self._is_reserved(held) or self._is_known(held, before) or self._awaited(held, before, after)
            ):
                was, now = before.get((what, place)), after.get((what, place))
                self.verdicts.find("I26", f"{held or place}: {what} {was}, and after a full run {now}")

    def _is_reserved(self, held: Held) -> bool:
        """Whether only a full run can tell of it, or of what stands for the same on either side."""
        thing = self.ledger.things[held.entity, held.identity]
        return any(self._is_untold(one) for side in SIDES for one in thing.records[side])

    def _is_known(self, held: Held, before: Picture) -> bool:
        """Whether a row had said so, and a full run only looked sooner: nothing was lost.

        A dead letter (3) is listed for a person, unless the record changed since what was refused: that releases it.
        And a delete that waits for its children to go (2.2) has a hint of its own: no feed tells it when they went.
        """
        thing = self.ledger.things[held.entity, held.identity]
        places = [(side, one.entity, one.key) for side in SIDES for one in thing.records[side]]
        letters = [before["dead letter", place] for place in places if ("dead letter", place) in before]
        if any(not released for _, released in letters):
            return True
        held_back = any(("*", CHILDREN) in before.get(("conflict", place), ()) for place in places)
        return held_back and any(before.get(("hint", place)) is True for place in places)

    def _awaited(self, held: Held, before: Picture, after: Picture) -> bool:
        """Whether it waited for what only a full run could tell of, which has been linked since.

        For what it refers to (row 17), or for what it was merged into: its id leads to the survivor (2.2, G), and that
        is linked when its own system tells of it.
        """
        thing = self.ledger.things[held.entity, held.identity]
        waiting = [r for s in SIDES for r in thing.records[s] if before.get(("hint", (s, r.entity, r.key))) is False]
        return any(
            self._is_reserved(one) and _is_new(("linked", (one.side, one.entity, one.key)), before, after)
            for record in waiting
            for one in self._leads_to(record)
        )

    def _leads_to(self, record: Held) -> list[Held]:
        """What it refers to; one that was merged away, into what. Each as far as merges lead on."""
        refs = references(record.values) if record.into is None else []
        open_ = [self.ledger.survivor_of(record), *(self.ledger.target_of(record.side, ref) for ref in refs)]
        found: list[Held] = []
        while open_:
            one = open_.pop()
            if one is not None and one not in found:
                found.append(one)
                open_.append(self.ledger.survivor_of(one))
        return found

    def _is_untold(self, held: Held) -> bool:
        """Protocol 4: ends that no feed tells of are found by the sweep; so is a change that came later than `overlap`.

        A hidden record is one: the lists leave it out, and turn to it again at its next change.
        """
        if not held.live and self.profile.powers[held.side].deletes == "none":
            return True
        return is_left_out(self.ledger.world, held)
