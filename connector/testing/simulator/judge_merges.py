"""What may come of two edits where a merge function is set: row 5 of the protocol, worked out here a second time.

The functions are not those of the engine: a judge that asks the engine what is right finds nothing wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal

from connector.model.records import Key
from connector.model.values import SIDES, Money, Side
from connector.testing.simulator.judge_things import MERGED, Edit

Place = tuple[Side, Key]
NOTHING = object()
"""Where a function does not apply."""


def _both_changes(base: Hashable, one: Hashable, other: Hashable) -> Hashable:
    """Numbers: what either side added or took away is added or taken away once."""
    if isinstance(base, Money) and isinstance(one, Money) and isinstance(other, Money):
        if base.currency != one.currency or base.currency != other.currency:
            return NOTHING
        return Money(base.amount + (one.amount - base.amount) + (other.amount - base.amount), base.currency)
    if isinstance(base, int | Decimal) and isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return base + (one - base) + (other - base)
    return NOTHING


def _both_sets(base: Hashable, one: Hashable, other: Hashable) -> Hashable:
    """Words in a list: what nobody took out stays, what either side put in is there, in order of the alphabet."""
    if not all(value is None or isinstance(value, str) for value in (base, one, other)):
        return NOTHING
    had, here, there = ({word.strip() for word in str(value or "").split(",")} - {""} for value in (base, one, other))
    left_out = (had - here) | (had - there)
    return ", ".join(sorted((had | here | there) - left_out)) or None


MERGES: Mapping[str, Callable[[Hashable, Hashable, Hashable], Hashable]] = {
    "add_changes": _both_changes,
    "union": _both_sets,
}


def is_merge(
    function: str, value: Hashable, pair: tuple[Edit, Edit], edits: Iterable[Edit], place: Place, *, lost: bool
) -> bool:
    """Whether the function makes this value of both edits, over what was agreed on last before either was made.

    edits: all of this unit; place: the record that was written. lost: so was what both sides had agreed on last (the
    store is an older one): then the base may be any value that both had.
    """
    one, other = pair
    bases = (base.value for base in _bases(edits, pair, place, lost=lost))
    both = (one.value, other.value)
    # Over a base that is one of them nothing is merged: the other one is brought across (rows 3 and 4).
    return any(base not in both and MERGES[function](base, *both) == value for base in bases)


def _bases(edits: Iterable[Edit], pair: tuple[Edit, Edit], place: Place, *, lost: bool) -> list[Edit]:
    """The newest edit known to be agreed on before both, and those settled since: a run that died may know of them.

    None where one of both was itself agreed on, or something else was between the two: then it is no change any more.
    """
    first, last = sorted(edit.number for edit in pair)
    before = [edit for edit in edits if edit.number < last and edit not in pair and _was_on_both(edit)]
    if lost:
        return before
    agreed = max((edit.number for edit in before if edit.is_agreed and place in edit.noticed), default=0)
    if agreed > first or any(edit.is_agreed for edit in pair):
        return []
    return [edit for edit in before if agreed <= edit.number < first]


def _was_on_both(edit: Edit) -> bool:
    """What a merge function made stands for both sides from the start, and is shown by both later.

    That it came to both is enough: a run that failed may have settled the second of its writes before, which is durable
    (protocol 3, T3), whatever else that run was shown.
    """
    came = len(edit.brought) == len(SIDES) or edit.is_agreed
    return edit.was_merged or (edit.settled and (edit.by != MERGED or came))
