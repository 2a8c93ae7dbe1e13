"""A spec compiled into a `Mapping`: decode what a system shows, encode what it is to hold, say what it would show."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import dataclass
from typing import Any

from connector.errors import NoImageError
from connector.mapping.codecs import ABSENT, Amount, Paired, Plain
from connector.mapping.level import Above, Level, named
from connector.mapping.numbers import shown
from connector.mapping.parse import parse_mapping
from connector.mapping.spec import Entry, LinesSpec, MappingSpec
from connector.mapping.texts import read_text
from connector.model.entities import Entity
from connector.model.values import Line, Value, Values

RECORD = "*"
"""The name under which `Decoded.held` speaks of the whole record (a filter that cannot be evaluated)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One record in canonical form.

    values: what could be read; an absent system field is absent, null is None. held: field -> why its value has no
    canonical form. partner: the other system's key, where this system stores it. in_scope: the filter holds.
    """

    values: dict[str, Value]
    held: dict[str, str]
    partner: str | None
    in_scope: bool


@dataclass(frozen=True, slots=True)
class _Lines:
    """A compiled lines entry."""

    name: str
    source: str
    spec: LinesSpec
    level: Level
    read: bool
    write: bool


class Mapping:
    """How one system shows one entity; immutable and safe to use from several threads.

    entity: with custom fields added. readable, writable: canonical fields it can decode and encode. system_fields:
    every field of the record it reads or writes; line_fields: the same for each field that holds lines. together: for
    a writable field, the others that `encode` must be given with it (both halves of a split name, the currency of an
    amount or of lines). lossy: fields whose encode may drop detail, as declared. definitions, line_definitions: what
    the file says of how each field is read.
    """

    def __init__(self, spec: MappingSpec) -> None:
        self.spec = spec
        self.entity: Entity = spec.entity
        self.object: str = spec.object
        self.external_key: str | None = spec.external_key
        self.read_only: bool = spec.read_only
        entries = spec.entries
        self.readable: frozenset[str] = frozenset(n for e in entries if e.read for n in e.names)
        self.writable: frozenset[str] = frozenset(n for e in entries if e.write for n in e.names)
        self.lossy: frozenset[str] = frozenset(n for e in entries if getattr(e.codec, "lossy", False) for n in e.names)
        self.definitions: Fields[str, str] = {n: e.definition for e in entries for n in e.names}
        inner = [entry for e in entries if e.lines is not None for entry in e.lines.entries]
        self.line_definitions: Fields[str, str] = {n: e.definition for e in inner for n in e.names}
        self._level = Level(entries)
        self._lines = [_compile_lines(e, e.lines, self._level) for e in entries if e.lines is not None]
        self._lines_by_name = {lines.name: lines for lines in self._lines}
        self._filter = spec.filter
        self._constants = dict(spec.constants)
        beside_lines = {c.name: self.line_together(c.name) for c in self._lines if c.write}
        self.together: Fields[str, frozenset[str]] = {**_together(self._level), **beside_lines}
        self.line_fields: Fields[str, frozenset[str]] = {c.source: _line_fields(c) for c in self._lines}
        self.system_fields: frozenset[str] = _system_fields(spec)

    # -------------------------------------------------------------------------------------------- reading

    def decode(self, fields: Fields[str, Any]) -> Decoded:
        """The canonical form of a record's fields. Never raises for what a system sends."""
        values: dict[str, Value] = {}
        held: dict[str, str] = {}
        self._level.decode(fields, _NOTHING, values, held)
        for lines in self._lines:
            if lines.read:
                _decode_lines(lines, fields, values, held)
        partner = None if self.external_key is None else _key(fields.get(self.external_key))
        in_scope = True if self._filter is None else self._holds(fields, held)
        return Decoded(values, held, partner, in_scope)

    def source_of(self, name: str) -> str | None:
        """The system's field from which a canonical field is read; None where it is derived or not mapped."""
        return next((entry.source for entry in self.spec.entries if name in entry.names), None)

    def raw_of(self, name: str, fields: Fields[str, Any]) -> Any:
        """What a record has where a canonical field is read from; of lines only what is mapped of each."""
        source = self.source_of(name)
        if source is None:
            return None
        raw, inner = fields.get(source), self.line_fields.get(source)
        if inner is None or not isinstance(raw, (list, tuple)):
            return raw
        return [{n: item.get(n) for n in sorted(inner)} if isinstance(item, dict) else item for item in raw]

    def place(self, fields: Fields[str, Any]) -> tuple[str | None, bool]:
        """(partner, in_scope) of a record, as `decode` gives them, without decoding the rest."""
        partner = None if self.external_key is None else _key(fields.get(self.external_key))
        return partner, True if self._filter is None else self._holds(fields, {})

    def _holds(self, fields: Fields[str, Any], held: dict[str, str]) -> bool:
        assert self._filter is not None
        try:
            return self._filter.holds(fields)
        except NoImageError as error:
            held[RECORD] = f"filter {error}"
            return False

    # -------------------------------------------------------------------------------------------- writing

    def encode(self, values: Values, *, create: bool) -> dict[str, Any]:
        """The system's fields for these canonical values; an absent value stays absent, None becomes null.

        Only writable fields are written; amounts write their currency field too where nothing else does. create:
        adds defaults and constants. Lines become a list of their fields with their ids. Raises NoImageError, the
        message starting with the canonical field's name.
        """
        out: dict[str, Any] = {}
        self._level.encode(values, out, Above(), create)
        for lines in self._lines:
            if lines.write and lines.name in values:
                _encode_lines(lines, values, out)
        if create:
            out.update(self._constants)
        return out

    # --------------------------------------------------------------------------------------------- images

    def image(self, name: str, value: Value, context: Values) -> Value:
        """The canonical value as this system would show it after a write: decode(encode(value)).

        context: the other canonical values of the record (its currency, the other half of a name). A field that this
        system does not both read and write is its own image. Raises NoImageError for a value it cannot hold and for a
        field it does not map.
        """
        lines = self._lines_by_name.get(name)
        if lines is not None:
            return self._image_lines(lines, value, context)
        image = self._level.images.get(name)
        if image is None:
            raise NoImageError(f"{name}: not mapped for `{self.object}`")
        found: Value = image(value, context, _NO_RECORD)
        return found

    def image_line(self, line: Line, context: Values, name: str = "lines") -> Line:
        """One line as this system would show it, its ids kept; line fields it does not map are left out.

        context: the canonical values of the record. Raises NoImageError.
        """
        lines = self._lines_by_name.get(name)
        if lines is None:
            raise NoImageError(f"{name}: not mapped for `{self.object}`")
        above = self._above(context)
        images = lines.level.images
        return Line(
            line.key,
            line.partner,
            {
                field: images[field](value, line.values, above)
                for field, value in line.values.items()
                if field in images
            },
        )

    def _image_lines(self, lines: _Lines, value: Value, context: Values) -> Value:
        if value is None or value == ():
            return ()
        if not isinstance(value, tuple) or isinstance(value[0], str) or not (lines.read and lines.write):
            return value
        found = []
        for index, line in enumerate(value, 1):
            try:
                found.append(self.image_line(line, context, lines.name))
            except NoImageError as error:
                raise NoImageError(f"{lines.name}: line {index}: {error}") from None
        return tuple(found)

    def _above(self, context: Values) -> Above:
        """What lines see of their record: the plain fields they name with `^`."""
        out: dict[str, Any] = {}
        for lines in self._lines:
            for name in _parent_fields(lines.level.entries):
                owner = self._level.by_source.get(name)
                known = context.get(owner.names[0]) if owner is not None and owner.write else None
                if known is not None and owner is not None and isinstance(owner.codec, Plain):
                    out[name] = owner.codec.encode(known)
        return Above(context, out)

    # ---------------------------------------------------------------------------------------------- lines

    def line_writable(self, name: str = "lines") -> frozenset[str]:
        """Line fields that it both reads and writes."""
        entries = self._lines_by_name[name].level.entries
        return frozenset(n for e in entries if e.read and e.write for n in e.names)

    def line_readable(self, name: str = "lines") -> frozenset[str]:
        """Line fields that it reads; empty where it maps no such lines."""
        lines = self._lines_by_name.get(name)
        return (
            frozenset(n for e in lines.level.entries if e.read for n in e.names) if lines is not None else frozenset()
        )

    def line_lossy(self, name: str = "lines") -> frozenset[str]:
        """Line fields whose encode may drop detail, as declared."""
        entries = self._lines_by_name[name].level.entries
        return frozenset(n for e in entries if getattr(e.codec, "lossy", False) for n in e.names)

    def line_together(self, name: str = "lines") -> frozenset[str]:
        """Fields of the record that `encode` must be given with the lines: those they name with `^`."""
        owners = (self._level.by_source.get(f) for f in _parent_fields(self._lines_by_name[name].level.entries))
        return frozenset(n for owner in owners if owner is not None for n in owner.names)


_NOTHING: Fields[str, Any] = {}
_NO_RECORD = Above()


def load_mapping(text: str, file: str) -> Mapping:
    """Parse and compile one mapping file's text. Raises ConfigError with every problem found."""
    return Mapping(parse_mapping(text, file))


def _key(raw: Any) -> str | None:
    try:
        return None if raw is None else read_text(raw)
    except NoImageError:
        return None


# ------------------------------------------------------------------------------------------------- lines


def _compile_lines(entry: Entry, spec: LinesSpec, record: Level) -> _Lines:
    assert entry.source is not None
    return _Lines(entry.names[0], entry.source, spec, Level(spec.entries, record), entry.read, entry.write)


def _decode_lines(lines: _Lines, fields: Fields[str, Any], values: dict[str, Value], held: dict[str, str]) -> None:
    raw = fields.get(lines.source, ABSENT)
    if raw is ABSENT:
        return
    if raw is None:
        values[lines.name] = ()
        return
    if not isinstance(raw, (list, tuple)) or not all(isinstance(item, dict) for item in raw):
        held[lines.name] = f"{lines.source}: {shown(type(raw).__name__)} is not a list of lines"
        return
    found: list[Line] = []
    for index, item in enumerate(raw, 1):
        line: dict[str, Value] = {}
        line_held: dict[str, str] = {}
        lines.level.decode(item, fields, line, line_held)
        if line_held:
            held[lines.name] = f"line {index}: {next(iter(line_held.values()))}"
            return
        found.append(Line(_id(item, lines.spec.id), _id(item, lines.spec.external_key), line))
    values[lines.name] = tuple(found)


def _id(item: Fields[str, Any], field: str | None) -> str | None:
    return None if field is None else _key(item.get(field))


def _encode_lines(lines: _Lines, values: Values, out: dict[str, Any]) -> None:
    value = values[lines.name]
    if value is None:
        out[lines.source] = []
        return
    if not isinstance(value, tuple) or not all(isinstance(line, Line) for line in value):
        raise NoImageError(f"{lines.name}: {shown(value)} is not a list of lines")
    above = Above(values, out)
    found = []
    for index, line in enumerate(value, 1):
        assert isinstance(line, Line)
        item: dict[str, Any] = {}
        if lines.spec.id is not None and line.key is not None:
            item[lines.spec.id] = line.key
        if lines.spec.external_key is not None and line.partner is not None:
            item[lines.spec.external_key] = line.partner
        try:
            lines.level.encode(line.values, item, above, line.key is None)
        except NoImageError as error:
            raise named(lines.name, NoImageError(f"line {index}: {error}")) from None
        found.append(item)
    out[lines.source] = found


# -------------------------------------------------------------------------------------------- inventories


def _together(level: Level) -> dict[str, frozenset[str]]:
    found = {}
    for entry in level.entries:
        if entry.write:
            for name in entry.names:
                others = level.needed(entry) - {name}
                if others:
                    found[name] = others
    return found


def _parent_fields(entries: tuple[Entry, ...]) -> set[str]:
    return {
        e.codec.beside.name
        for e in entries
        if isinstance(e.codec, (Paired, Amount)) and e.codec.beside.kind == "parent"
    }


def _entry_fields(entries: tuple[Entry, ...]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        if entry.source is not None:
            found.add(entry.source)
        if entry.expr is not None:
            found |= entry.expr.names
        if isinstance(entry.codec, (Paired, Amount)) and entry.codec.beside.kind == "field":
            found.add(entry.codec.beside.name)
    return found


def _line_fields(lines: _Lines) -> frozenset[str]:
    ids = {name for name in (lines.spec.id, lines.spec.external_key) if name is not None}
    return frozenset(_entry_fields(lines.level.entries) | ids)


def _system_fields(spec: MappingSpec) -> frozenset[str]:
    found = _entry_fields(spec.entries) | set(spec.constants)
    for entry in spec.entries:
        if entry.lines is not None:
            found |= _parent_fields(entry.lines.entries)
    if spec.filter is not None:
        found |= spec.filter.names
    if spec.external_key is not None:
        found.add(spec.external_key)
    return frozenset(found)
