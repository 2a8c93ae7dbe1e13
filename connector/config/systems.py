"""Reads `systems:`: each entry is checked by the settings model of its adapter, mistakes at their own line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from connector.config.model import BOTH, MANUAL, NEWEST, SystemConfig
from connector.config.values import Secrets, duration, refers, share
from connector.mapping.located import Document, Node, Place, Reader, listed, nearest
from connector.rest.budget import Limits

Models = Mapping[str, type[BaseModel]]
"""Adapter name -> the model of its settings."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_WORDS = frozenset({BOTH, MANUAL, NEWEST, "off"})
_OURS = ("adapter", "mappings", "budget")


def read_systems(section: Reader, models: Models, secrets: Secrets) -> dict[str, SystemConfig]:
    """Every system that can be used; the others are problems in the document."""
    found: dict[str, SystemConfig] = {}
    for name, node in section:
        check_name(section.document, section.place(name), name, "system")
        system = _system(section.document, name, node, models, secrets)
        if system is not None:
            found[name] = system
    return found


def check_name(document: Document, place: Place, name: str, what: str) -> None:
    """Names of systems and syncs: letters, digits, `-` and `_`, none of the words the file uses."""
    if not _NAME.fullmatch(name):
        document.problem(place, f"`{name}`", f"a {what}'s name of letters, digits, `-` and `_`, a letter first")
    elif name in _WORDS:
        document.problem(place, f"`{name}`", f"another name for the {what}: this word has a meaning of its own")


def _system(document: Document, name: str, node: Node, models: Models, secrets: Secrets) -> SystemConfig | None:
    reader = document.reader_of(node, f"system `{name}`")
    adapter = reader.choice("adapter", models, required=True)
    folder = reader.text("mappings")
    budget = _budget(reader.section("budget"))
    if adapter is None:
        return None
    model = models[adapter]
    settings = _settings(document, node, model, secrets)
    if settings is None:
        return None
    mappings = secrets.folder / Path(folder).expanduser() if folder else None
    if mappings is not None and not mappings.is_dir():
        reader.problem("mappings", f"`{folder}`", "a folder that exists")
    place = f"{document.file}:{node.place.line}:{node.place.column}"
    return SystemConfig(name, adapter, settings, budget, mappings, place)


def _budget(reader: Reader | None) -> Limits:
    if reader is None:
        return Limits()
    default = Limits()
    rate = reader.number("rate")
    if rate is not None and rate <= 0:
        reader.problem("rate", f"`{rate}`", "calls per second, above zero, for `rate`")
        rate = None
    limits = Limits(
        rate=float(rate) if rate is not None else None,
        burst=reader.integer("burst", 1, least=1) or 1,
        concurrency=reader.integer("concurrency", None, least=1, most=64),
        calls_per_day=reader.integer("calls_per_day", None, least=1),
        reserve=share(reader, "reserve", default.reserve),
        patience=duration(reader, "patience", default.patience) or 0.0,
    )
    reader.finish()
    return limits


# ------------------------------------------------------------------------------------------- settings


def _settings(document: Document, node: Node, model: type[BaseModel], secrets: Secrets) -> BaseModel | None:
    before = len(document.found)
    entries = node.value if isinstance(node.value, dict) else {}
    plain = {key: _plain(document, inner, secrets) for key, inner in entries.items() if key not in _OURS}
    if len(document.found) > before:
        return None  # a secret is missing: the settings it stands in would only repeat it
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            _mistake(document, node, model, detail["type"], detail["msg"], detail["loc"])
        return None


def _plain(document: Document, node: Node, secrets: Secrets) -> Any:
    """The value as settings models take it, references replaced."""
    value = node.value
    if isinstance(value, dict):
        return {name: _plain(document, inner, secrets) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(document, inner, secrets) for inner in value]
    if isinstance(value, str) and refers(value):
        return secrets.text(document, node)
    return float(value) if isinstance(value, Decimal) else value


def _mistake(
    document: Document, node: Node, model: type[BaseModel], kind: str, message: str, loc: Sequence[int | str]
) -> None:
    """One finding of the settings model, at the line it speaks of; never the value of a secret."""
    where, rest = _walk(node, loc)
    name = str(loc[-1]) if loc else ""
    if kind == "missing":
        document.problem(where, f"no `{name}`", f"a value for `{name}`")
    elif kind == "extra_forbidden":
        fields = sorted({*_names(model, loc[:-1]), *(_OURS if len(loc) == 1 else ())})
        place = _key_place(node, loc) or where.place
        document.problem(place, f"`{name}`", listed(fields), nearest(name, fields))
    else:
        shown = "a value" if _secret(model, loc) or rest else where.shown
        short = message.removeprefix("Value error, ").removeprefix("Input ").removeprefix("should be ")
        document.problem(where, shown, f"{short} for `{name}`" if name else short)


def _walk(node: Node, loc: Iterable[int | str]) -> tuple[Node, bool]:
    """The node furthest along the path, and whether the path goes on; a union's own labels are passed over."""
    rest = False
    for step in loc:
        inner = _inner(node, step)
        node, rest = (node, True) if inner is None else (inner, False)
    return node, rest


def _inner(node: Node, step: int | str) -> Node | None:
    value = node.value
    if isinstance(value, dict):
        return value.get(str(step))
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _key_place(node: Node, loc: Sequence[int | str]) -> Place | None:
    parent, _ = _walk(node, loc[:-1])
    return parent.keys.get(str(loc[-1]))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _names(model: type[BaseModel], loc: Iterable[int | str]) -> set[str]:
    """Valid names at the place the path leads to."""
    level = _level(model, loc)
    return {info.alias or name for found in level for name, info in found.model_fields.items()}


def _level(model: type[BaseModel], loc: Iterable[int | str]) -> list[type[BaseModel]]:
    level = [model]
    for step in loc:
        inner = [
            deeper
            for found in level
            for name, info in found.model_fields.items()
            if step in (name, info.alias)
            for deeper in _models(info.annotation)
        ]
        level = inner or level
    return level


def _secret(model: type[BaseModel], loc: Sequence[int | str]) -> bool:
    """Whether the path leads to a field the adapter keeps secret."""
    fields = [info for found in _level(model, loc[:-1]) for name, info in found.model_fields.items() if name == loc[-1]]
    return any(_is_secret(info.annotation) for info in fields)


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(inner) for inner in get_args(annotation))


def is_name(text: str) -> bool:
    """Whether a system or a sync may be called this."""
    return _NAME.fullmatch(text) is not None and text not in _WORDS
