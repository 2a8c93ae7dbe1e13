"""Checks of a benchmark: each prints as it is made, what failed is remembered, a table closes the report."""

from __future__ import annotations

from pathlib import Path

PASSED, FAILED, NOTED, HEADING = "ok", "FAIL", "", "part"


class Checks:
    """quiet: print nothing (tests read `failed`)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.rows: list[tuple[str, str, str]] = []
        self.lines: list[str] = []

    @property
    def failed(self) -> list[str]:
        """Each failed check as one sentence."""
        return [f"{name}: {figure}" for mark, name, figure in self.rows if mark == FAILED]

    def say(self, line: str) -> None:
        self.lines.append(line)
        if not self.quiet:
            print(line, flush=True)

    def begin(self, part: str) -> None:
        """What follows belongs to this part: a line while it runs, a heading in the table."""
        self.rows.append((HEADING, part, ""))
        self.say(f"{part} ...")

    def figure(self, name: str, value: object) -> None:
        """A number for the table that nothing is checked on."""
        self._row(NOTED, name, str(value))

    def holds(self, ok: bool, name: str, figure: object = "") -> bool:
        """A statement that must hold; `figure` is shown beside it."""
        self._row(PASSED if ok else FAILED, name, str(figure))
        return ok

    def equal(self, name: str, found: object, wanted: object) -> bool:
        """Two values that must be equal."""
        return self.holds(found == wanted, name, found if found == wanted else f"{found}, expected {wanted}")

    def none(self, name: str, wrong: list[str]) -> bool:
        """A list that must be empty; its first entries are shown."""
        more = f" ... and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        return self.holds(not wrong, name, "; ".join(wrong[:5]) + more)

    def _row(self, mark: str, name: str, figure: str) -> None:
        self.rows.append((mark, name, figure))
        if mark == FAILED:
            self.say(f"  {mark} {name}: {figure}")

    def table(self, title: str) -> None:
        """Everything, in columns."""
        width = max((len(name) for mark, name, _ in self.rows if mark != HEADING), default=0)
        self.say(f"\n{title}")
        for mark, name, figure in self.rows:
            self.say(f"\n{name}" if mark == HEADING else f"  {mark:4} {name:{width}}  {figure}".rstrip())
        made = sum(mark in (PASSED, FAILED) for mark, _, _ in self.rows)
        self.say(f"\n{made} checks, {len(self.failed)} failed")

    def save(self, path: str | None) -> None:
        """Keep everything said, as a file."""
        if path:
            Path(path).write_text("\n".join(self.lines) + "\n", encoding="utf-8")
