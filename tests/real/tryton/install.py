"""Installs Tryton into the cached folder, apart from the project's own environment."""

from __future__ import annotations

import hashlib
import os
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
CONSTRAINTS = HERE / "constraints.txt"
MODULES = ("party", "product", "sale", "sale_discount", "account", "account_invoice", "account_product")
# psycopg needs its pool here: without it Tryton takes no PostgreSQL.
REQUIREMENTS = ("trytond", "proteus", "pycountry", "psycopg[binary,pool]", *(f"trytond_{module}" for module in MODULES))


class SetupError(Exception):
    """Tryton could not be set up; the text says at which step and ends with what that step said."""


def folder() -> Path:
    """The cached folder: build/tryton, or where TRYTON_FOLDER says. Removing it starts from nothing."""
    path = Path(os.environ.get("TRYTON_FOLDER") or ROOT / "build" / "tryton").resolve()
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)  # it keeps the key and the password of the seeded copies
    return path


def program(name: str) -> Path:
    return folder() / "venv" / "bin" / name


def digest(*parts: str) -> str:
    """Names what was made of these texts, so that a change of any of them makes it anew."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def install() -> None:
    """Leaves the pinned versions in the folder's own environment; nothing to do is found out at once."""
    stamp = folder() / "venv" / "installed"
    wanted = digest(CONSTRAINTS.read_text(), *REQUIREMENTS)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("tryton: installing, once", flush=True)
    venv.create(folder() / "venv", clear=True, with_pip=True)
    pip = [str(program("python")), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    run([*pip, "install", "--constraint", str(CONSTRAINTS), *REQUIREMENTS], "installing Tryton")
    stamp.write_text(wanted)


def run(command: list[str], step: str, **environment: str) -> None:
    """Runs to the end without a word, or raises SetupError with the last of what it said."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SetupError(f"{step} failed with {done.returncode}:\n{tail}")
