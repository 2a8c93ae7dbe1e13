"""Plays one seed or one script, and shrinks what fails."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.testing.simulator.generate import script
from connector.testing.simulator.people import ScriptError
from connector.testing.simulator.profiles import POLICIES, PROFILES
from connector.testing.simulator.shrink import same, shrink
from connector.testing.simulator.simulation import Simulation

MODULE = "connector.testing.simulator"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one play. findings: (rule, sentence). digest: fingerprint of the event log."""

    findings: tuple[tuple[str, str], ...]
    counts: Counter[str]
    digest: str
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a script is played with. sqlite: keep the state in a file instead of in memory."""

    profile: str
    policy: str
    sqlite: bool = False

    def play(self, lines: Sequence[str], *, keep_log: bool = False) -> Played:
        """Play these lines, come to rest, be judged. Raises ScriptError."""
        if not self.sqlite:
            return self._play(lines, None, keep_log=keep_log)
        with TemporaryDirectory() as folder:
            return self._play(lines, Path(folder), keep_log=keep_log)

    def _play(self, lines: Sequence[str], folder: Path | None, *, keep_log: bool) -> Played:
        sim = Simulation(PROFILES[self.profile], POLICIES[self.policy], folder, keep_log=keep_log)
        # A world is one big knot of references that dies as a whole: looking for smaller ones on the way costs a third.
        collects = gc.isenabled()
        gc.disable()
        try:
            sim.play(lines)
            return Played(tuple(sim.findings), sim.counts, sim.digest, tuple(sim.log))
        finally:
            sim.close()
            if collects:
                gc.enable()

    def seed(self, number: int) -> list[str]:
        """The script of that seed."""
        return script(PROFILES[self.profile], POLICIES[self.policy], number)

    def shrunk(self, lines: Sequence[str]) -> list[str]:
        """The shortest script that leads to the same finding as these lines do, the first of them; none: no lines."""
        found = self.play(lines).findings
        if not found:
            return []
        wanted = same(*found[0])
        return shrink(lines, lambda tried: any(same(*finding) == wanted for finding in self.play(tried).findings))

    def command(self, number: int) -> str:
        """The command that plays a seed again; joined by `=`, for names of profiles begin with a dash."""
        sqlite = " --sqlite" if self.sqlite else ""
        return f"python -m {MODULE} --seed {number} --profile={self.profile} --policy={self.policy}{sqlite}"


def read_script(path: Path, profile: str = "", policy: str = "") -> tuple[Setup, list[str]]:
    """A script file: lines `# profile: NAME` and `# policy: NAME`, then what happens. Raises ScriptError.

    profile, policy: what it is played with instead.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    names = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ") and ": " in line)
    profile, policy = profile or names.get("profile", ""), policy or names.get("policy", "")
    for name, what in ((profile, "profile"), (policy, "policy")):
        if not name:
            raise ScriptError(f"{path} does not say its {what}: add a line `# {what}: NAME`, or give --{what}=NAME")
    check_names(profile, policy)
    return Setup(profile, policy), [line for line in lines if line and not line.startswith("#")]


def check_names(profile: str, policy: str) -> None:
    """Raises ScriptError when there is no such profile or policy."""
    for name, known, what in ((profile, PROFILES, "profile"), (policy, POLICIES, "policy")):
        if name not in known:
            raise ScriptError(f"there is no {what} {name!r}; there are: {', '.join(known)}")
