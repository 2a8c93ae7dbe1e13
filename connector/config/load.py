"""Reads config.yaml and everything it leads to, and reports every mistake of every file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from connector.config.mappings import MappingFiles, sorted_problems
from connector.config.model import Config, StateConfig
from connector.config.syncs import read_syncs
from connector.config.systems import Models, read_systems
from connector.config.values import Secrets
from connector.errors import ConfigError
from connector.mapping.located import Reader, parse_yaml

_SQLITE = "sqlite:///"


def load_config(path: str | Path, models: Models, environ: Mapping[str, str]) -> Config:
    """The checked configuration. Raises ConfigError with every problem of config.yaml and its mapping files.

    models: the settings model of each adapter by name. environ: where `${env:NAME}` is looked up.
    """
    path = Path(path)
    document = parse_yaml(_text(path), str(path))
    base = path.resolve().parent
    files = MappingFiles(base)
    secrets = Secrets(environ, base)
    top = document.reader()
    if document.root is None:
        document.raise_problems(f"{path} cannot be used")
    state = _state(top.section("state", required=True), secrets)
    section = top.section("systems", required=True)
    systems = read_systems(section, models, secrets) if section else {}
    syncs = read_syncs(top, dict(section or ()), systems, files)
    top.finish()
    problems = sorted_problems([document.problems, files.problems])
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigError(f"{path} cannot be used:\n{lines}", problems)
    assert state is not None
    return Config(path, state, systems, syncs)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no {path}. Write one with `connector init`, or name it with `--config FILE`."
        ) from None
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or "it is not plain UTF-8 text").lower()
        raise ConfigError(f"{path} cannot be read: {reason}.") from None


def _state(reader: Reader | None, secrets: Secrets) -> StateConfig | None:
    if reader is None:
        return None
    found = []
    for name in ("url", "key"):
        node = reader.get(name, required=True)
        text = reader.as_text(node, f"text for `{name}`") if node is not None else None
        found.append(secrets.text(reader.document, node) if node is not None and text is not None else "")
    reader.finish()
    return StateConfig(_near(found[0], secrets.folder), found[1])


def _near(url: str, folder: Path) -> str:
    """A relative SQLite file is meant relative to config.yaml, wherever the program is started."""
    file = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not file or file.startswith((":memory:", "/", "file:")):
        return url
    return f"{_SQLITE}{folder / file}"
