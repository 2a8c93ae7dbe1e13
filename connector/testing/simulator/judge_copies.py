"""What a store knows that went back to an older copy of itself, maybe more than once (I39)."""

from __future__ import annotations


class Copies:
    """The copies that were put back, in turn: the number each was made by, and the one it was put back at."""

    def __init__(self) -> None:
        self._put_back: list[tuple[int, int]] = []

    def put_back(self, made: int, number: int) -> None:
        self._put_back.append((made, number))

    def forgotten(self, number: int, by: int) -> bool:
        """Whether the store, as it was by that later number, had lost what was written into it at `number`.

        A copy holds what the store knew when it was made: that may have been another copy.
        """
        for made, at in reversed(self._put_back):
            if number <= at <= by:
                if made < number:
                    return True
                by = made
        return False
