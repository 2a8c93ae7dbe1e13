"""Keeps what pieces of a proof gave, line by line, so that a proof that was stopped can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path

import msgspec

import connector
from connector.errors import ConfigError
from connector.state.sole import locked
from connector.testing.proof_units import Cell, Days, Result, Seeds, Unit

SIMULATOR = "testing/simulator/"


def codes() -> dict[str, str]:
    """Of every part of a proof, the fingerprint of the code it stands on.

    Only the seeds stand on the simulator: when its judge is mended, the crash matrix and the kills still hold.
    """
    program = fingerprint(without=SIMULATOR)
    return {Seeds.part: fingerprint(), Cell.part: program, Days.part: program}


def fingerprint(folder: Path | None = None, without: str | None = None) -> str:
    """Of all code, without that folder: results of other code prove nothing about this one."""
    root = folder if folder is not None else Path(connector.__file__).parent
    digest = blake2b(digest_size=16)
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if without is not None and name.startswith(without):
            continue
        text = path.read_bytes()
        digest.update(f"{name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


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
