"""`setup`: what the mappings need of a system and it does not have yet, and making it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.app.core import App
from connector.errors import ConfigError, NoImageError
from connector.mapping.codecs import Plain
from connector.mapping.spec import Entry
from connector.mapping.translate import Mapping
from connector.model.entities import Field
from connector.model.records import Finding
from connector.ports import Need, Preparable

LINES = "lines."


def prepare(app: App, system: str, *, make: bool) -> list[tuple[Need, Finding]]:
    """Every field that the mappings name and this system lacks, and what became of it. make False: whether it can be
    made.

    Raises ConfigError for a system that is not configured or whose kind cannot be given fields.
    """
    if system not in app.config.systems:
        raise ConfigError(f"There is no system `{system}`; there are: {', '.join(app.config.systems)}.")
    wanted = [need for need in needs(app, system) if not _there(app, system, need)]
    if not wanted:
        return []
    adapter = app.raw(system)
    if not isinstance(adapter, Preparable):
        kind = app.config.systems[system].adapter
        raise ConfigError(
            f"{system}: {_listed(wanted)} not there, and `{kind}` cannot be given fields: make them there."
        )
    with app.budget(system).call("other"):
        return list(zip(wanted, adapter.prepare(wanted, make=make), strict=True))


def needs(app: App, system: str) -> list[Need]:
    """Every field of this system that a mapping in use names, once; objects in the order of the syncs."""
    found: dict[tuple[str, str], Need] = {}
    for sync in app.chosen():
        for side_name, mapping in zip(sync.between, sync.mappings, strict=True):
            for need in _of_mapping(app, system, mapping) if side_name == system else ():
                known = found.setdefault((need.object, need.name), need)
                if need.unique and not known.unique:
                    found[need.object, need.name] = need
    return list(found.values())


def _of_mapping(app: App, system: str, mapping: Mapping) -> Iterator[Need]:
    targets = {
        sync.entity.name: sync.mappings[app.side_of(sync, system)].object
        for sync in app.chosen()
        if system in sync.between
    }
    spec = mapping.spec
    if spec.external_key is not None:
        yield Need(spec.object, spec.external_key, "text", unique=True)
    for entry in spec.entries:
        yield from _of_entry(spec.object, "", entry, targets)
        if entry.lines is not None:
            if entry.lines.external_key is not None:
                yield Need(spec.object, LINES + entry.lines.external_key, "text", unique=True)
            for inner in entry.lines.entries:
                yield from _of_entry(spec.object, LINES, inner, targets)
    named = {entry.source for entry in spec.entries}
    for name in sorted(mapping.system_fields - named - {spec.external_key}):
        yield Need(spec.object, name, "text")


def _of_entry(object_: str, prefix: str, entry: Entry, targets: dict[str, str]) -> Iterator[Need]:
    if entry.source is None or entry.lines is not None:
        return
    field = entry.fields[0]
    words = _words(entry, field)
    kind = str(field.type) if len(entry.fields) == 1 else "text"
    if words and all(isinstance(word, bool) for word in words):
        kind, words = "boolean", []
    target = targets.get(field.ref) if field.ref else None
    yield Need(object_, prefix + entry.source, kind, tuple(str(word) for word in words), target)


def _words(entry: Entry, field: Field) -> Sequence[object]:
    """The system's words for the choices of an enum."""
    found: list[object] = []
    codec = entry.codec
    if not isinstance(codec, Plain):
        return found
    for choice in field.choices:
        try:
            word = codec.encode(choice)
        except NoImageError:
            continue
        if word not in found:
            found.append(word)
    return found


def _there(app: App, system: str, need: Need) -> bool:
    known = app.description(system).objects.get(need.object)
    if known is None:
        return False
    if need.name.startswith(LINES):
        inside = next((field.lines for field in known.fields.values() if field.lines), None)
        return inside is not None and need.name.removeprefix(LINES) in inside
    return need.name in known.fields


def _listed(wanted: Sequence[Need]) -> str:
    names = [f"{need.object}.{need.name}" for need in wanted[:8]]
    more = f" and {len(wanted) - 8} more" if len(wanted) > 8 else ""
    return f"{', '.join(names)}{more} {'is' if len(wanted) == 1 else 'are'}"
