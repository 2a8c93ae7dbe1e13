"""What writes left behind, gathered for one commit: by the batch that made them, or by recovery after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from connector.engine.effects import Effects, look
from connector.engine.lease import fence
from connector.engine.settle import Settlement
from connector.engine.work import Work
from connector.model.records import Key, Op
from connector.model.rows import (
    CandidateRow,
    ConflictRow,
    DeadRow,
    HintRow,
    IntentState,
    JournalRow,
    LinkRow,
    LinkState,
)
from connector.model.values import SIDES, Side, Sides
from connector.ports import Tx


@dataclass(frozen=True, slots=True)
class Carried:
    """A conflict whose choice was written to `target`. known: prints of what that showed before, and shows by it."""

    link: int
    unit: str
    target: Side
    known: frozenset[bytes | None]

    def answers(self, row: ConflictRow) -> bool:
        """Whether the choice as it stands is the one that was written.

        Who has chosen the target's value since is not answered by this write, nor who has chosen over what was typed
        there after it.
        """
        over = row.prints[self.target]
        return row.choice is not self.target and (row.choice is None or not self.known or over in self.known)


@dataclass(slots=True)
class Results:
    """Rows to store. done: tokens of intents that are over. closed: conflicts that are. released: see HintRow.waits.
    carried: conflicts in which one side's value was written, as a person had chosen when the write was planned.

    acked: tokens of intents that were applied and not shown. unsure: those of writes that may have been done, with the
    latest moment at which a request may have left that did: from then on the settle time is counted. refused: those of
    them whose last try was. unmade: half links whose create is known not to have happened: the record is unlinked
    again. aliases: keys that lead to another link from now on.
    """

    updates: dict[int, LinkRow] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    hints: list[HintRow] = field(default_factory=list)
    dead: list[DeadRow] = field(default_factory=list)
    journal: list[JournalRow] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    tombstones: list[tuple[Side, Key]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    acked: list[str] = field(default_factory=list)
    unsure: dict[str, float] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unmade: list[int] = field(default_factory=list)
    candidates: list[CandidateRow] = field(default_factory=list)
    aliases: list[tuple[Side, Key, int]] = field(default_factory=list)

    def carry(self, link: LinkRow, settlement: Settlement, target: Side) -> None:
        """What was written to the target ends these conflicts, unless a person has decided anew since."""
        for unit in settlement.closes:
            written = settlement.written.get(unit)
            known = frozenset((settlement.over[unit], written)) if unit in settlement.over else frozenset()
            self.carried.append(Carried(link.id, unit, target, known))

    def end(self, link: LinkRow, target: Side, op: str, image: bytes | None) -> LinkRow:
        """The image on `target` was deleted or put out of use: the link is over. A deleted record's print is cleared,
        so that its coming back is seen; one that was only put out of use goes on to exist, and has one: `image`, where
        it was not in agreement."""
        ended = list(SIDES) if op == Op.DELETE else [target.other]
        prints = link.prints
        for side in ended:
            prints = prints.with_(side, None)
            self.tombstones.append((side, str(link.keys[side])))
        if op != Op.DELETE and prints[target] is None:
            prints = prints.with_(target, image)
        closed = replace(link, state=LinkState.CLOSED, prints=prints)
        self.updates[link.id] = closed
        return closed


def mark_sent(tx: Tx, work: Work, tokens: Sequence[str], at: float) -> None:
    """These are about to be sent, by the one run that may."""
    fence(tx, work, at)
    tx.mark_intents(tokens, IntentState.SENT, at)


def merged_meanwhile(work: Work, creates: Sequence[tuple[Side, int]], results: Results) -> Effects[None]:
    """A record that a create made may have been merged into another since: its source's key leads there, too."""
    for side in SIDES:
        made = {str(results.updates[link].keys[side]): link for s, link in creates if s is side}
        if not made:
            continue
        owners: dict[Key, tuple[int, Key | None]] = yield from look(_partners(work.spec.kind, side, list(made)))
        for key, (owner, _) in owners.items():
            link = results.updates[made[key]]
            if owner != link.id:
                nothing: Sides[Key | None] = Sides(None, None)
                none: Sides[bytes | None] = Sides(None, None)
                results.updates[link.id] = replace(link, state=LinkState.CLOSED, keys=nothing, prints=none)
                results.aliases.append((side.other, str(link.keys[side.other]), owner))


def _partners(kind: str, side: Side, keys: Sequence[Key]) -> Callable[[Tx], dict[Key, tuple[int, Key | None]]]:
    return lambda tx: tx.partners(kind, side, keys)


def store_results(tx: Tx, work: Work, results: Results, at: float) -> None:
    """Everything in one transaction: what is over, and what it leaves."""
    kind = work.spec.kind
    fence(tx, work, at)
    if results.updates:
        tx.update_links(list(results.updates.values()))
    for side in SIDES:
        aliases = {key: link for s, key, link in results.aliases if s is side}
        if aliases:
            tx.add_aliases(kind, side, aliases)
    if results.done:
        tx.drop_intents(results.done)
    if results.acked:
        tx.mark_intents(results.acked, IntentState.ACKED, at)
    for token, left in results.unsure.items():
        tx.mark_intents([token], IntentState.SENT, left, refused=token in results.refused)
    if results.unmade:
        tx.drop_links(results.unmade)
    if results.candidates:
        tx.put_candidates(results.candidates)
    if results.closed:
        tx.drop_conflicts(results.closed)
    if results.carried:
        tx.drop_conflicts(_carried_out(tx, kind, results.carried))
    for side in SIDES:
        ended = [key for s, key in results.tombstones if s is side]
        if ended:
            tx.add_tombstones(kind, side, ended, work.started)
    if results.hints:
        tx.put_hints(results.hints)
    if results.dead:
        tx.put_dead(results.dead)
    if results.journal:
        tx.append_journal(results.journal)
    if results.released:
        tx.release_hints(results.released)


def _carried_out(tx: Tx, kind: str, carried: Sequence[Carried]) -> list[tuple[int, str]]:
    """Those of these choices that were not made anew since."""
    rows = {(row.link, row.unit): row for row in tx.conflicts(kind, {one.link for one in carried})}
    return [place for one in carried if (row := rows.get(place := (one.link, one.unit))) and one.answers(row)]
