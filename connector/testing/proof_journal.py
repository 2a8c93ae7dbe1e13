"""Keeps what pieces of a proof gave, line by line, so that a proof that was stopped can be gone on with."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import msgspec

import connector
from connector.config.mappings import packaged
from connector.errors import ConfigError
from connector.state.sole import locked
from connector.testing.proof_units import Cell, Days, Result, Seeds, Unit

APART = ("testing/simulator/", "testing/proof")
"""What the kill runs do not go through."""


def codes() -> dict[str, str]:
    """Of every part of a proof, the fingerprint of the code it stands on; of the kills, of the mappings, too."""
    root = Path(connector.__file__).parent
    found = {part: fingerprint(root, files) for part, files in stands_on(root).items()}
    found[Days.part] += fingerprint(packaged(), packaged().rglob("*.yaml"))
    return found


def stands_on(root: Path) -> dict[str, set[Path]]:
    """Of every part of a proof, the files of this package that it goes through.

    The seeds and the crash matrix run in memory and stand on what they import; migrations are found by their folder.
    The kills run the whole program, which finds some of its parts by name only: they stand on all of it but the
    simulator and what writes the proof. What counts, and calls something a finding, belongs to each.
    """
    always = {root / "testing" / "proof_units.py", *(root / "state" / "migrations").rglob("*.py")}
    every = {path for path in root.rglob("*.py") if not path.relative_to(root).as_posix().startswith(APART)}
    return {
        Seeds.part: imported(root, "testing/simulator/campaign.py") | always,
        Cell.part: imported(root, "testing/crash.py", "testing/crash_matrix.py") | always,
        Days.part: every | always,
    }


def fingerprint(root: Path, paths: Iterable[Path]) -> str:
    """Of these files: results of other code prove nothing about this one."""
    digest = blake2b(digest_size=16)
    for path in sorted(paths):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


def imported(root: Path, *names: str) -> set[Path]:
    """These files of the package in that folder, and those of it that they import, wherever in them and however far."""
    seen: set[Path] = set()
    wanted = {root / name for name in names}
    while wanted:
        path = wanted.pop()
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                wanted |= {file for one in node.names for file in _files(root, one.name)}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: a relative import"
                wanted |= {file for one in node.names for file in _files(root, f"{node.module}.{one.name}")}
        wanted -= seen
    return seen


def _files(root: Path, module: str) -> set[Path]:
    """The files that importing this name loads: its own, and those of the packages it is in."""
    top, *parts = module.split(".")
    if top != root.name:
        return set()
    places = [root.joinpath(*parts[:n]) for n in range(len(parts) + 1)]
    return {file for place in places for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()}


def put(path: Path, text: bytes) -> None:
    """Write a file whole, or not at all. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(text)
    new.replace(path)


class Journal:
    """Results by name, in a file: its first line is the code of each part, every other one a result.

    codes: see there. resume: go on with what the file holds of this code, otherwise it begins anew. Raises
    ConfigError when the file cannot be gone on with, or another process writes it. Close it when done.
    """

    def __init__(self, path: Path, codes: Mapping[str, str], *, resume: bool) -> None:
        self._done: dict[tuple[str, str], Result] = {}
        with ExitStack() as opened:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = opened.enter_context(path.with_name(path.name + ".lock").open("wb"))
                if not locked(lock.fileno()):
                    raise ConfigError(f"{path}: another proof writes it. Wait, or name another file with --journal.")
                if resume:
                    self._read(path, codes)
                # Written anew even to go on: a line that was cut off when the machine stopped is left out.
                lines = [msgspec.json.encode(codes), *(msgspec.json.encode(result) for result in self._done.values())]
                put(path, b"".join(line + b"\n" for line in lines))
                self._file = opened.enter_context(path.open("ab"))
            except OSError as error:
                raise ConfigError(f"{path}: {error.strerror}. Name another file with --journal.") from None
            self._opened = opened.pop_all()

    def _read(self, path: Path, codes: Mapping[str, str]) -> None:
        if not path.exists():
            return
        first, *lines = path.read_bytes().split(b"\n")
        try:
            written = msgspec.json.decode(first, type=dict[str, str])
        except msgspec.DecodeError:
            written = {}
        same = {part for part, code in codes.items() if written.get(part) == code}
        if not same:
            raise ConfigError(f"{path}: the code has changed since. Begin anew, without --resume.")
        for line in lines:
            try:
                result = msgspec.json.decode(line, type=Result)
            except msgspec.DecodeError:
                continue
            if result.part in same:
                self._done[result.part, result.name] = result

    def keep(self, result: Result) -> None:
        """Keep a result; it is on disk when this returns."""
        self._done[result.part, result.name] = result
        self._file.write(msgspec.json.encode(result) + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._opened.close()

    def known(self, unit: Unit) -> Result | None:
        """The result of that piece, when there is one."""
        return self._done.get((unit.part, unit.name))
