"""Makes a script that fails as short as it gets: leaves out lines, then words, while it fails in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

Fails = Callable[[Sequence[str]], bool]
PLAYS = 4000
"""A script is played so often at most; what is left then is short enough to read."""


def shrink(script: Sequence[str], fails: Fails, plays: int = PLAYS) -> list[str]:
    """The shortest script found that still fails. The given one must fail; each try is one call of `fails`."""
    budget = _Budget(fails, plays)
    lines = list(script)
    while True:
        shorter = _simplified(_fewer(lines, budget), budget)
        if shorter == lines or budget.left <= 0:
            return shorter
        lines = shorter


def same(rule: str, what: str) -> tuple[str, str]:
    """What makes two findings the same failure: the rule, and the sentence without numbers and names."""
    return rule, re.sub(r"[\w.:/+-]*\d[\w.:/+-]*", "#", what)


class _Budget:
    def __init__(self, fails: Fails, plays: int) -> None:
        self._fails = fails
        self.left = plays

    def fails(self, lines: Sequence[str]) -> bool:
        """Whether these lines fail, too; never when no play is left."""
        if self.left <= 0:
            return False
        self.left -= 1
        return self._fails(lines)


def _fewer(script: Sequence[str], budget: _Budget) -> list[str]:
    """Delta debugging: leave out ever smaller parts while what is left fails."""
    lines = list(script)
    parts = 2
    while len(lines) >= 2:
        size = max(1, len(lines) // parts)
        for start in range(0, len(lines), size):
            rest = lines[:start] + lines[start + size :]
            if budget.left <= 0:
                return lines
            if rest and budget.fails(rest):
                lines, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(lines), parts * 2)
    return lines


def _simplified(script: list[str], budget: _Budget) -> list[str]:
    """Try simpler forms of every line, one after the other."""
    lines = list(script)
    for place in range(len(lines)):
        tried = True
        while tried:
            tried = False
            for simpler in _simpler(lines[place]):
                candidate = [*lines[:place], simpler, *lines[place + 1 :]]
                if budget.fails(candidate):
                    lines, tried = candidate, True
                    break
    return lines


def _simpler(line: str) -> Iterator[str]:
    """Forms of a line that say less: without what happens in between, without a word, with a smaller number."""
    head, *inner = [part.strip() for part in line.split(";")]
    for place in range(len(inner)):
        yield " ; ".join([head, *inner[:place], *inner[place + 1 :]])
    words = head.split()
    rest = "".join(f" ; {part}" for part in inner)
    for place, word in enumerate(words):
        if place < 2:
            continue
        if _is_option(words, place):
            yield " ".join([*words[:place], *words[place + 1 :]]) + rest
        elif word.isdigit() and word != "0" and words[0] != "wait":
            yield " ".join([*words[:place], str(int(word) // 2), *words[place + 1 :]]) + rest


def _is_option(words: Sequence[str], place: int) -> bool:
    """Whether a line says something without this word, too."""
    if words[0] in ("sync", "plan"):
        return True
    assigned = place >= 3 and "=" in words[place]
    return assigned and (words[0] in ("add", "fault") or len(words) > 5)
