"""What the run that is going on was shown, process by process: lost with it, as far as it wrote nothing down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from connector.model.records import Key
from connector.model.values import Side
from connector.testing.simulator.judge_things import Edit, Held
from connector.testing.world import World

Place = tuple[Side, Key]


@dataclass(slots=True)
class Notices:
    """Of one run. edits, records: those that no answer had shown there, or alive, before; shown: all it was shown.

    ended: records of which it was told that they have ended, and when.
    """

    edits: list[tuple[Edit, Place]] = field(default_factory=list)
    shown: set[tuple[Edit, Place]] = field(default_factory=set)
    records: list[Held] = field(default_factory=list)
    ended: list[tuple[Held, int]] = field(default_factory=list)

    def met(self, held: Held, process: str, number: int, *, gone: bool) -> None:
        """An answer showed this record, or said that it has ended."""
        if gone:
            held.told.setdefault(process, number)
            self.ended.append((held, number))
        elif process not in held.known:
            held.known[process] = number
            self.records.append(held)

    def noticed(self, edit: Edit, place: Place) -> None:
        self.shown.add((edit, place))
        if place not in edit.noticed:
            edit.noticed[place] = inf
            self.edits.append((edit, place))

    def keep(self, number: int) -> None:
        """The run is over, and what it was told is known to the next."""
        self._note(self.shown, number)
        for held, at in self.ended:
            held.heard = held.heard or at >= held.back

    def _note(self, told: Iterable[tuple[Edit, Place]], number: int) -> None:
        for edit, place in told:
            edit.noticed[place] = min(edit.noticed.get(place, inf), number)  # another that was shown it may be over
            edit.lately[place] = number

    def lose(self, world: World, process: str, adopted: Iterable[tuple[Edit, Place]], number: int) -> None:
        """The run died, failed, or was only a plan: the cursors have not moved, and what it had in mind is gone.

        Before T1 nothing but marks is durable (protocol 3.1), and what was only read leaves none (0002); a plan changes
        nothing (I37). adopted: what its first commits noted as agreed (T1) is known to the next, as is what was put
        away for matching.
        """
        self._note(adopted, number)
        for edit, place in self.edits:
            if place not in edit.lately:
                edit.noticed.pop(place, None)
        for held in self.records:
            if not world.look("candidates_by_key", world.specs[held.entity].kind, held.side, [held.key]):
                held.known.pop(process, None)
