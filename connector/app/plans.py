"""A saved plan: JSON lines of keys and digests. No value and no name of any record is in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from connector.app.core import App
from connector.errors import ConfigError
from connector.model.plan import PlanLine
from connector.model.records import Key

VERSION = 1

Pair = tuple[Key | None, Key | None]


class Header(msgspec.Struct, frozen=True):
    """First line. store: made from the key and the systems; a plan is of use only where they are the same."""

    connector_plan: int
    created: str
    store: str
    syncs: list[str]


class Action(msgspec.Struct, frozen=True):
    """One action: equal digest, equal action."""

    sync: str
    action: str
    side: str | None
    left: Key | None
    right: Key | None
    digest: str
    fields: list[str] = []
    rule: str = ""


class End(msgspec.Struct, frozen=True):
    """Last line: a file without it was not written to its end."""

    actions: int


@dataclass(slots=True)
class SavedPlan:
    """What a file asks for. wanted: sync -> keys of both sides -> digests."""

    path: Path
    header: Header
    wanted: dict[str, dict[Pair, set[str]]] = field(default_factory=dict)
    actions: int = 0

    def check(self, app: App) -> None:
        """Raises ConfigError unless it was made with this key and these systems, for syncs that still exist."""
        if self.header.store != store_id(app):
            raise ConfigError(
                f"{self.path} was made with another key or other systems, so its digests mean nothing here. "
                "Make a new one with `connector plan --out FILE`."
            )
        for name in self.wanted:
            app.sync_config(name)


def store_id(app: App) -> str:
    """Tells installations apart without telling anything about them."""
    kinds = sorted({app.kind(sync) for sync in app.config.syncs.values()})
    return app.vault.token(b"plan", *(kind.encode() for kind in kinds))[:20]


class PlanWriter:
    """Writes a plan line by line; the file appears under its name when everything is in it."""

    def __init__(self, path: str | Path, app: App, syncs: Iterable[str]) -> None:
        self.path = Path(path)
        self.actions = 0
        self._part = self.path.with_name(self.path.name + ".part")
        created = datetime.fromtimestamp(app.clock.now(), UTC).isoformat(timespec="seconds")
        try:
            self._file: IO[bytes] = self._part.open("wb")
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {(error.strerror or 'refused').lower()}.") from None
        self._line(Header(VERSION, created, store_id(app), list(syncs)))

    def add(self, line: PlanLine) -> None:
        """One line of the plan; a line that would write nothing is left out."""
        if not line.digest:
            return
        self.actions += 1
        side = line.side.value if line.side else None
        keys = line.keys
        self._line(Action(line.sync, line.action, side, keys.left, keys.right, line.digest, [*line.fields], line.rule))

    def __enter__(self) -> PlanWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._line(End(self.actions))
        self._file.close()
        if kind is None:
            os.replace(self._part, self.path)
        else:
            self._part.unlink(missing_ok=True)

    def _line(self, row: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(row) + b"\n")


def load_plan(path: str | Path) -> SavedPlan:
    """The plan in a file. Raises ConfigError, with the line, for a file that is not one or is not whole."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except FileNotFoundError:
        raise ConfigError(f"There is no plan {path}. Make one with `connector plan --out {path}`.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or 'refused').lower()}.") from None


def _read(path: Path, file: IO[bytes]) -> SavedPlan:
    actions = msgspec.json.Decoder(Action)
    plan = SavedPlan(path, _header(path, file.readline()))
    for number, line in enumerate(file, 2):
        try:
            action = actions.decode(line)
        except msgspec.MsgspecError:
            end = _end(line)
            if end is None:
                raise ConfigError(f"{path}:{number} is not a line of a plan. Make a new one.") from None
            if end.actions != plan.actions or file.read(1):
                raise ConfigError(f"{path}:{number}: lines were added or removed. Make a new plan.") from None
            return plan
        plan.actions += 1
        plan.wanted.setdefault(action.sync, {}).setdefault((action.left, action.right), set()).add(action.digest)
    raise ConfigError(f"{path} is not whole: its last line is missing. Make a new plan.")


def _header(path: Path, line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.MsgspecError:
        raise ConfigError(f"{path} is not a plan written by `connector plan --out`.") from None
    if header.connector_plan != VERSION:
        raise ConfigError(f"{path} was written by another version of the program. Make a new plan.")
    return header


def _end(line: bytes) -> End | None:
    try:
        return msgspec.json.decode(line, type=End)
    except msgspec.MsgspecError:
        return None
