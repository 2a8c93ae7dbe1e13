"""When everything has come to rest: nothing changes any more, and to look at what waits once more is in vain."""

from __future__ import annotations

from collections.abc import Iterable

from connector.model.rows import HintRow


class Rest:
    """Told after each round of runs what there is; says whether another round could bring anything.

    What waits for a person or another record, and what cannot be confirmed as deleted, is looked at for ever, each
    record at times of its own: no two rounds need have the same records before them. But to look again at what was
    looked at in vain is in vain, as long as nothing else changed.
    """

    def __init__(self) -> None:
        self._before: object = None
        self._due: set[object] = set()
        self._vain: set[object] = set()

    def reached(self, changes: object, hints: Iterable[HintRow], soon: float) -> bool:
        """Whether the round changed nothing, and what the next one would look at (due by `soon`) was looked at since.

        changes: how often each record was changed, and whether a write is open.
        """
        due_of = {(hint.kind, hint.side, hint.key, hint.reason): hint.due for hint in hints}
        now = (changes, due_of.keys())
        calm = now == self._before
        # Nothing is known to be in vain that was looked at while something changed.
        self._vain = self._vain | self._due if calm else set()
        self._before, self._due = now, {hint for hint, due in due_of.items() if due <= soon}
        return calm and self._due <= self._vain
