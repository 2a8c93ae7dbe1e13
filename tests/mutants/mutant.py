"""What one mutant is: a small change of the program that switches one rule of the protocol off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """One bug, put in on purpose.

    says: the rule that is off. rule: where it stands: an invariant or a section of the protocol. old: text that occurs
    once in the file; new: what stands there instead. hints: the tests most likely to see it, as `file` or `file word`,
    where the word selects tests by name.
    """

    name: str
    says: str
    rule: str
    file: str
    old: str
    new: str
    hints: tuple[str, ...]

    def apply(self, text: str) -> str:
        """The mutated text. Raises ValueError where the old text does not occur exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: its old text occurs {found} times in {self.file}, not once")
        return text.replace(self.old, self.new)
