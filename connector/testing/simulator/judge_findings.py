"""What the judge says: findings, hits inside the window of unconditional writes, and known limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule. rule: its number in the protocol; what: what happened, in a sentence."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


@dataclass(slots=True)
class Verdicts:
    """Everything said so far. narrowed, limits: what the protocol allows where a system lacks a power, apart.

    excused: how often something passed that would be a finding without its reason, by the name of the reason.
    """

    found: list[Finding] = field(default_factory=list)
    narrowed: list[Finding] = field(default_factory=list)
    limits: list[Finding] = field(default_factory=list)
    excused: Counter[str] = field(default_factory=Counter)
    _told: int = 0

    def find(self, rule: str, what: str) -> None:
        _add(self.found, Finding(rule, what))

    def narrow(self, rule: str, what: str) -> None:
        _add(self.narrowed, Finding(rule, what))

    def limit(self, rule: str, what: str) -> None:
        _add(self.limits, Finding(rule, what))

    def excuse(self, name: str) -> None:
        """Something passes for this reason."""
        self.excused[name] += 1

    def new(self) -> list[Finding]:
        """Findings not handed out yet."""
        fresh, self._told = self.found[self._told :], len(self.found)
        return fresh


def _add(found: list[Finding], finding: Finding) -> None:
    if finding not in found:
        found.append(finding)
