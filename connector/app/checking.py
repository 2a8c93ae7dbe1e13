"""`check`: configuration, mappings with their tests, then each live system: credentials, rights and schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from connector.app.core import App
from connector.config import SyncConfig
from connector.engine.spec import SyncSpec
from connector.errors import ConfigError, ConnectorError
from connector.mapping.cases import run_tests
from connector.mapping.certify import certify
from connector.mapping.located import listed, nearest
from connector.mapping.spec import Entry
from connector.mapping.translate import Mapping as Translator
from connector.mapping.translate import load_mapping
from connector.model.records import Finding
from connector.model.values import Side
from connector.ports import FieldSchema, ObjectSchema


def check(app: App) -> Iterator[Finding]:
    """Every finding as it is made: files, store, systems, and what each mapping needs of the live schema.

    Never raises for what a person can fix.
    """
    count = len(app.config.syncs)
    yield Finding(str(app.config.path), True, f"{len(app.config.systems)} systems, {count} syncs")
    yield from _mappings(app)
    yield _store(app)
    reachable = set()
    for name in app.config.systems:
        findings = _asked(app, name)
        if all(finding.ok for finding in findings):
            reachable.add(name)
        yield from findings
    for sync in app.chosen():
        yield from _references(app, sync)
        if set(sync.pair) <= reachable:
            yield from _schema(app, sync)


def check_mappings(paths: Iterable[Path]) -> Iterator[Finding]:
    """Mapping files by themselves: each parses, holds its own tests and keeps the laws. Contacts nothing."""
    for path in paths:
        try:
            mapping = load_mapping(path.read_text("utf-8"), str(path))
        except ConfigError as error:
            yield from (Finding(str(path), False, str(problem)) for problem in error.problems)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not plain UTF-8 text"
            yield Finding(str(path), False, f"cannot be read: {reason.lower()}")
        else:
            yield from _mapping(mapping)


def _mappings(app: App) -> Iterator[Finding]:
    seen: set[str] = set()
    for sync in app.chosen():
        for mapping in sync.mappings:
            if mapping.spec.file not in seen:
                seen.add(mapping.spec.file)
                yield from _mapping(mapping)


def _mapping(mapping: Translator) -> Iterator[Finding]:
    file = mapping.spec.file
    failures = [str(problem) for problem in run_tests(mapping)] + [str(broken) for broken in certify(mapping)]
    if failures:
        yield from (Finding(file, False, failure) for failure in failures)
    else:
        yield Finding(file, True, f"{len(mapping.spec.tests)} tests hold, laws kept")


def _store(app: App) -> Finding:
    try:
        with app.look():
            return Finding("state", True, "opens, and belongs to this key")
    except ConnectorError as error:
        return Finding("state", False, str(error))


def _asked(app: App, name: str) -> list[Finding]:
    try:
        findings = app.adapter(name, read_only=True).check()
    except ConnectorError as error:
        findings = [Finding("connection", False, str(error))]
    return [Finding(f"{name}: {finding.subject}", finding.ok, finding.detail) for finding in findings]


def _references(app: App, sync: SyncConfig) -> Iterator[Finding]:
    """A reference travels only when the records it names are linked between the same two systems."""
    synced = {other.entity.name for other in app.chosen() if other.pair == sync.pair}
    for name, field in sync.entity.fields.items():
        if field.ref and field.ref not in synced and all(name in mapping.readable for mapping in sync.mappings):
            detail = f"`{name}` names a {field.ref}, and no sync links those: add one, or it waits for ever"
            yield Finding(f"syncs.{sync.name}", False, detail)


# -------------------------------------------------------------------------------------------------- schema


def _schema(app: App, sync: SyncConfig) -> Iterator[Finding]:
    try:
        spec = app.spec(sync.name)
    except ConnectorError as error:
        yield Finding(f"syncs.{sync.name}", False, str(error))
        return
    for side in Side:
        mapping, name = sync.mappings[side], sync.between[side]
        schema = app.description(name).objects[mapping.object]
        place = f"{mapping.spec.file} against {name}"
        mistakes = [*_unknown(mapping, schema), *_refused(spec, side, schema), *_uncovered(spec, side, schema)]
        if mistakes:
            yield from (Finding(place, False, mistake) for mistake in mistakes)
        else:
            yield Finding(place, True, f"{len(mapping.system_fields)} fields of `{mapping.object}` are there")


def _unknown(mapping: Translator, schema: ObjectSchema) -> Iterator[str]:
    """Fields the mapping names and the system does not have, lines included."""
    yield from _missing(mapping.system_fields, schema.fields, f"`{mapping.object}`")
    for entry in mapping.spec.entries:
        known = schema.fields.get(entry.source or "")
        if entry.lines is not None and known is not None and known.lines:
            names = mapping.line_fields[known.name] - {entry.lines.id}  # an id is no field of the line
            yield from _missing(names, known.lines, f"the lines `{known.name}`")


def _missing(names: Iterable[str], fields: Mapping[str, FieldSchema], where: str) -> Iterator[str]:
    for name in sorted(set(names) - fields.keys()):
        near = nearest(name, fields)
        hint = f" - did you mean `{near}`?" if near else ""
        yield f"{where} has no field `{name}`, or this connection may not see it{hint}"


def _refused(spec: SyncSpec, side: Side, schema: ObjectSchema) -> Iterator[str]:
    """Fields this sync writes and the system shows as read only."""
    written = {name for unit in spec.units if unit.flow.allows(side) for name in unit.fields}
    for entry in _entries(spec, side):
        field = schema.fields.get(entry.source or "")
        if field is not None and not field.writable and entry.write and written & set(entry.names):
            yield f"`{entry.source}` cannot be written over this connection: give it `direction: read`"


def _uncovered(spec: SyncSpec, side: Side, schema: ObjectSchema) -> Iterator[str]:
    """Fields the system demands of a new record and nothing here fills."""
    if side not in spec.creates:
        return
    mapping = spec.systems[side].mapping
    filled = {entry.source for entry in _entries(spec, side) if entry.write} | set(mapping.spec.constants)
    demanded = {name for name, field in schema.fields.items() if field.required and field.writable}
    if demanded - filled:
        yield f"a new record needs {listed(sorted(demanded - filled))}: map it, or set it under `constants`"


def _entries(spec: SyncSpec, side: Side) -> tuple[Entry, ...]:
    return spec.systems[side].mapping.spec.entries
