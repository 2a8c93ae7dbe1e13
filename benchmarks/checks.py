"""Checks of a benchmark: each prints as it is made, what failed is remembered, a table closes the report."""

from __future__ import annotations

from pathlib import Path


class Checks:
    """quiet: print nothing (tests read `failed`)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.rows: list[tuple[str, str, str]] = []
        self.lines: list[str] = []

    @property
    def failed(self) -> list[str]:
        """Each failed check as one sentence."""
        return [f"{name}: {figure}" for mark, name, figure in self.rows if mark == "FAIL"]

    def say(self, line: str) -> None:
        self.lines.append(line)
        if not self.quiet:
            print(line, flush=True)

    def figure(self, name: str, value: object) -> None:
        """A number for the table that nothing is checked on."""
        self._row("", name, str(value))

    def holds(self, ok: bool, name: str, figure: object = "") -> bool:
        """A statement that must hold; `figure` is shown beside it."""
        self._row("ok" if ok else "FAIL", name, str(figure))
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
        self.say(f"  {mark:4} {name}{': ' if figure else ''}{figure}")

    def table(self, title: str) -> None:
        """Everything once more, in columns."""
        width = max((len(name) for _, name, _ in self.rows), default=0)
        self.say(f"\n{title}")
        for mark, name, figure in self.rows:
            self.say(f"  {mark:4} {name:{width}}  {figure}".rstrip())
        self.say(f"{len(self.failed)} of {sum(bool(mark) for mark, _, _ in self.rows)} checks failed")

    def save(self, path: str | None) -> None:
        """Keep everything said, as a file."""
        if path:
            Path(path).write_text("\n".join(self.lines) + "\n", encoding="utf-8")
