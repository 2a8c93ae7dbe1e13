"""The nouns of the ledger: things, their records, and what was typed into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from connector.model.records import Key, Version
from connector.model.values import SIDES, Side, Sides, Value
from connector.testing.simulator.judge_values import ABSENT
from connector.testing.tables import Fields, Touch

MERGED = "merge"
"""Who typed a value that a merge function made."""


@dataclass(slots=True, eq=False)
class Edit:
    """One value somebody typed into one unit of one record.

    replaces: what the record showed when it was typed; over: edits typed over it; alike: edits of the other side that
    said the same. sides: where it was ever shown; brought: where writes of ours carried it. typed: False for what a new
    record shows without anybody having entered it.
    noticed: records an answer showed us with this value, where the run that got it lived to its end; and the last
    number before that end, without limit while it goes on. lately: the same of the last such run that is over.
    given_up: why it need not show any more (a line of the journal, the window of unconditional writes).
    """

    number: int
    unit: str
    value: Hashable
    by: str
    side: Side
    key: Key
    replaces: tuple[Edit, ...] = ()
    over: list[Edit] = field(default_factory=list)
    alike: list[Edit] = field(default_factory=list)
    sides: set[Side] = field(default_factory=set)
    typed: bool = True
    brought: set[Side] = field(default_factory=set)
    noticed: dict[tuple[Side, Key], float] = field(default_factory=dict)
    lately: dict[tuple[Side, Key], float] = field(default_factory=dict)
    given_up: str = ""

    @property
    def settled(self) -> bool:
        return len(self.sides) == 2

    @property
    def later(self) -> list[Edit]:
        """Edits made in its presence: who replaces one of two that are alike replaces the other, but not itself.

        That two are like a third (a reference, through merges on either side) does not make them alike.
        """
        found = [edit for one in (self, *self.alike) for edit in one.over if edit not in (self, *self.alike)]
        return [edit for edit in found if edit.number > self.number]

    @property
    def typed_back(self) -> bool:
        """Whether it says what both sides had agreed on before: a value that is equal to its base shows no edit."""
        open_, seen = list(self.replaces), set[int]()
        while open_:
            old = open_.pop()
            if old.unit == self.unit and old.settled and old.value == self.value:
                return True
            if old.number not in seen:
                seen.add(old.number)
                open_ += old.replaces
        return False

    @property
    def before(self) -> Edit | None:
        """What this unit of the record showed until then."""
        return next((old for old in self.replaces if old.unit == self.unit), None)

    @property
    def is_agreed(self) -> bool:
        """Whether both sides showed it to us, so that it is what both agreed on last."""
        return len({side for side, _ in self.noticed}) == len(SIDES)

    def is_built_on(self, other: Edit) -> bool:
        """Whether it replaced that older one, in as many steps as it took, or what the other side had alike."""
        open_, seen = list(self.replaces) if other.number < self.number else [], set[int]()
        while open_:
            edit = open_.pop()
            if edit is other or other in edit.alike:
                return True
            if edit.number not in seen:
                seen.add(edit.number)
                open_ += edit.replaces
        return False

    def contains(self, other: Edit) -> bool:
        """Whether it was typed over what a merge function had made of that one, so that nothing of it is lost."""
        open_, seen = [self], set[int]()
        while open_:
            edit = open_.pop()
            if edit.by == MERGED and other in edit.replaces:
                return True
            if edit.number not in seen:
                seen.add(edit.number)
                open_ += edit.replaces
        return False

    @property
    def was_merged(self) -> bool:
        """Whether the other side had it, as a part of what a merge function made: a base is a pair, of what one side
        showed and of what was brought to the other for it. Which of the two writes of it came first does not matter.
        """
        return any(made.by == MERGED and any(side.other in self.sides for side in made.brought) for made in self.over)

    @property
    def stands_for(self) -> Edit | None:
        """The earliest edit that this one is the same as to whoever knows only what was agreed on: most often itself.

        A value that was typed and taken back before it was agreed on leaves no trace. None for a part (a line) that was
        added and dropped so.
        """
        found, old = self, self
        while (before := old.before) is not None:
            if before.value == self.value:
                found = before
            elif before.is_agreed:
                return found
            old = before
        return None if old is not self and self.value is ABSENT else found

    def __str__(self) -> str:
        return f"{self.unit}={self.value} (typed in {self.side} {self.key} by {self.by})"


@dataclass(slots=True, eq=False)
class Held:
    """One record.

    name: its identity before merges that crossed gave it another. now: unit -> value shown; shows: unit -> its edit;
    since: unit -> the touch that brought it; via: unit -> each touch that changed it, with the token of our write;
    dark: units that show what no value stands for (row 16): `now` and `shows` have what was there before; made:
    version -> number of the touch that made it.

    token: of the write that made it, if we did. seen: process -> number of the newest touch of this record that an
    answer showed it; known, told: process -> when an answer first showed it alive, and first said it has ended.
    heard: whether a run that left what it was told to the next was told that it has ended. ended: how, if it did.
    was_removed: a person deleted it, whatever came later; back: the touch that brought it back last. last, at: its
    newest touch, and when that was. changed, moved: when anybody but us changed it last, and the number of that touch.
    """

    side: Side
    entity: str
    key: Key
    identity: str
    ours: bool
    born: int
    fields: Fields
    token: str | None = None
    name: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    now: dict[str, Hashable] = field(default_factory=dict)
    shows: dict[str, Edit] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    via: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)
    versions: list[tuple[int, Fields | None, dict[str, Edit]]] = field(default_factory=list)
    made: dict[Version, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    heard: bool = False
    ended: Literal["", "removed", "merged", "deleted by us"] = ""
    was_removed: bool = False
    back: int = 0
    into: Key | None = None
    last: int = 0
    at: float = 0.0
    changed: float = 0.0
    moved: int = 0

    @property
    def live(self) -> bool:
        return not self.ended

    def brought_by(self, unit: str, number: float = inf) -> str:
        """The token of our write that brought what the unit showed after that touch; empty where a person did."""
        return next((token for at, token in reversed(self.via.get(unit, ())) if at <= number), "")

    def told_by_an_answer(self) -> dict[str, Edit]:
        """Of what it shows, what an answer tells: not what stood there before something that has no image (row 16)."""
        return {unit: edit for unit, edit in self.shows.items() if unit not in self.dark}

    def __str__(self) -> str:
        return f"{self.entity} {self.identity} ({self.side} {self.key})"


@dataclass(slots=True)
class Thing:
    """What one label stands for. typed: records that people created, per side; made: records that we created.

    spare: those of them, per side, that are more than what they were made of, where nobody could know.
    """

    entity: str
    identity: str
    records: Sides[list[Held]] = field(default_factory=lambda: Sides([], []))
    edits: dict[str, dict[Hashable, list[Edit]]] = field(default_factory=dict)
    typed: Counter[Side] = field(default_factory=Counter)
    made: Counter[Side] = field(default_factory=Counter)
    spare: Counter[Side] = field(default_factory=Counter)
    writes: Counter[tuple[Side, Key, str, int, int]] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    merged_to: set[str] = field(default_factory=set)
    crossed: bool = False

    def take(self, other: Thing) -> None:
        """The two are one from now on: people merged one into the other here, and the other into the one there."""
        self.crossed = True
        for side, records in zip(SIDES, other.records, strict=True):
            self.records[side].extend(records)
        for unit, known in other.edits.items():
            for value, edits in known.items():
                self.edits.setdefault(unit, {}).setdefault(value, []).extend(edits)
        self.typed += other.typed
        self.made += other.made
        self.spare += other.spare
        self.writes += other.writes
        self.turns += other.turns
        self.merged_to |= other.merged_to

    def live(self, side: Side) -> list[Held]:
        return [held for held in self.records[side] if held.live]


@dataclass(frozen=True, slots=True)
class Call:
    """One write as it was sent first. seen: touch of its target that it was planned on; began: the last number before
    its sender's run; gap: turns between its sender's look at the target and this call, see `Turns`.
    """

    number: int
    run: int
    process: str
    at: float
    op: str
    seen: int
    began: int
    gap: int


@dataclass(frozen=True, slots=True)
class Written:
    """One unit a write of ours changed. old: shown before, since that touch; edit: whose value it is, if known.

    put_back: it is what this very record showed when the sender looked at it last, and the other side never did.
    """

    unit: str
    old: Edit | None
    since: int
    edit: Edit | None
    value: Hashable
    put_back: bool = False


@dataclass(slots=True)
class Change:
    """One touch, understood. written: what a write of ours changed; before: the values the record showed until then."""

    touch: Touch
    held: Held
    thing: Thing
    number: int
    ours: bool
    before: Mapping[str, Value]
    written: list[Written] = field(default_factory=list)
