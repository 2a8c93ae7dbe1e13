"""What people and programs see: tables, sentences, JSON with stable keys, progress. The one place that writes it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.model.values import Side, Sides

if TYPE_CHECKING:
    from rich.console import Console

    from connector.app.core import App

WIDE = 160
"""Columns of a table that goes into a file or a pipe."""
ROOMY = 100
"""Columns of a terminal from which tables have air."""
SHORT = 16
"""Longest text of a column that is kept on one line."""
FIELDS = 6
"""Names of fields a cell of a table holds; more are counted."""
EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def clean(text: object) -> str:
    """Text safe to show: a name in a record must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


def moment(seconds: float | None) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds is not None else ""


_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(since: float, now: float) -> str:
    """How long ago, in the largest unit that fits: `12 s`, `3 min`, `5 h`, `2 d`."""
    seconds = max(0, int(now - since))
    size, unit = next(((size, unit) for size, unit in _AGES if seconds >= size), _AGES[-1])
    return f"{seconds // size} {unit}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 link`, `2 links`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def few(fields: Sequence[str]) -> str:
    """The names of these fields, or their number where they are too many for a cell."""
    return ", ".join(fields) if len(fields) <= FIELDS else f"{len(fields)} fields"


def console(*, error: bool = False) -> Console:
    from rich.console import Console

    out = sys.stderr if error else sys.stdout
    return Console(file=out, width=None if out.isatty() else WIDE, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """One line for a person."""
    console().print(clean(text), soft_wrap=True)


def complain(text: str) -> None:
    """One sentence on standard error."""
    sys.stderr.write(clean(text).rstrip() + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """A table; a column with only numbers is set to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = console()
    cells = [["" if cell is None else clean(cell) for cell in row] for row in rows]
    padding = (0, 1) if out.width >= ROOMY else (0, 0)
    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, padding=padding)
    for number, name in enumerate(columns):
        texts = [row[number] for row in cells]
        numeric = bool(texts) and all(text.isdigit() or not text for text in texts)
        short = max(map(len, [name, *texts])) <= SHORT  # never broken inside a word; the long ones give way
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in cells:
        shown.add_row(*(Text(cell) for cell in row))
    out.print(shown)


def emit(data: Any) -> None:
    """One JSON document on standard output. Amounts are strings; dataclasses are objects of their fields."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(plain(data)), indent=2).decode() + "\n")


def plain(value: Any) -> Any:
    """Data as JSON has it. Sides become left and right, names of sides their text."""
    if isinstance(value, Sides):
        return {"left": plain(value.left), "right": plain(value.right)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if isinstance(value, (Decimal, Path)):
        return str(value)
    if isinstance(value, (bytes, Exception)):
        return str(value) if isinstance(value, Exception) else None
    return value


def named(systems: Sides[str], side: Side | None) -> str | None:
    """The system's name of a side."""
    return systems[side] if side is not None else None


@contextmanager
def progress(app: App) -> Iterator[None]:
    """Show what the app tells: a bar on a terminal, one line every ten seconds otherwise, both on standard error."""
    if sys.stderr.isatty():
        with _bar(app):
            yield
    else:
        app.tell = _Lines(app).tell
        yield


class _Lines:
    """Progress as lines."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.last = app.clock.now()

    def tell(self, phase: str, done: int, total: int | None) -> None:
        now = self.app.clock.now()
        if now - self.last >= EVERY:
            self.last = now
            of = f" of {total}" if total is not None else ""
            complain(f"{phase}: {done}{of} records, {sum(self.app.calls().values())} API calls")


@contextmanager
def _bar(app: App) -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    calls = TextColumn("{task.fields[calls]} API calls")
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, calls, TimeRemainingColumn())
    with Progress(*columns, console=console(error=True), transient=True) as shown:
        task = shown.add_task("", total=None, calls=0, rate="")

        def tell(phase: str, done: int, total: int | None) -> None:
            speed = shown.tasks[0].speed
            made = sum(app.calls().values())
            text = f"{speed:.0f}/s" if speed else ""
            shown.update(task, description=phase, completed=done, total=total, calls=made, rate=text)

        app.tell = tell
        yield
