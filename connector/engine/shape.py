"""The shape of one sync's records, compiled once: unit encodings, prints, line prints. The hot path of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from connector.engine.spec import SyncSpec
from connector.mapping.translate import Decoded
from connector.mapping.translate import Mapping as SystemMapping
from connector.merge.base import LINE
from connector.merge.rules import Unit
from connector.model.canonical import CANON_REV, NULL, encode
from connector.model.entities import FieldType
from connector.model.values import SIDES, Line, Ref, Side, Value, Values
from connector.ports import Vault

ABSENT = b"\x01"
BLANK = frozenset({NULL, ABSENT, b"s"})
SEPARATOR = b"\x1f"
FIGURES = ("subtotal", "tax", "total")
SUM = "="
"""Under this name encodings hold the figures of a document: no unit, but a document whose figures changed changed."""
HELD = "!"
"""And under this one what has no canonical form, as its system has it: who types over that changes the record."""

Encodings = Mapping[str, bytes]


@lru_cache(maxsize=4096)
def person(name: str, side: Side) -> bytes:
    """16 bytes that make prints of one field and side incomparable with those of another."""
    return blake2b(f"{name}|{side}".encode(), digest_size=16).digest()


def _revision(spec: SyncSpec, unit: Unit) -> str:
    """Changes when one of the sides reads the unit differently, or the canonical form does."""
    texts = [f"{name}={m.definitions.get(name)}" for name in unit.fields for m in _mappings(spec)]
    return _short(texts)


def _line_revision(spec: SyncSpec, name: str) -> str:
    return _short([str(m.line_definitions.get(name)) for m in _mappings(spec)])


def _mappings(spec: SyncSpec) -> list[SystemMapping]:
    return [spec.systems[side].mapping for side in SIDES]


def _short(texts: Iterable[str]) -> str:
    text = "\x1f".join([str(CANON_REV), *texts])
    return blake2b(text.encode(), digest_size=5).hexdigest()


def is_blank(encoding: bytes) -> bool:
    """Whether the encoding of a unit holds no value at all: every field null, absent or an empty text."""
    if SEPARATOR not in encoding:
        return encoding in BLANK
    return all(part in BLANK for part in encoding.split(SEPARATOR))


class Shape:
    """Turns values into encodings and prints. `layout`: what bases are packed by."""

    def __init__(self, spec: SyncSpec, vault: Vault) -> None:
        self.spec = spec
        self._print = vault.print
        self.units: tuple[str, ...] = tuple(unit.name for unit in spec.units)
        self.by_name: dict[str, Unit] = {unit.name: unit for unit in spec.units}
        self._fields = tuple(
            (unit.name, None if unit.fields == (unit.name,) else unit.fields)
            for unit in spec.units
            if not unit.is_lines
        )
        self._persons = {side: {unit.name: person(unit.name, side) for unit in spec.units} for side in SIDES}
        lines = spec.entity.fields.get("lines")
        both = spec.systems.map(lambda system: system.mapping)
        self.line_fields: tuple[str, ...] = (
            tuple(
                name
                for name, field in lines.lines.items()
                if not field.computed and all(name in mapping.line_readable() for mapping in both)
            )
            if lines is not None and "lines" in self.by_name
            else ()
        )
        self.layout: tuple[str, ...] = (
            *(f"{unit.name}@{_revision(spec, unit)}" for unit in spec.units),
            *(f"{LINE}{name}@{_line_revision(spec, name)}" for name in self.line_fields),
        )
        self._line_persons = {
            side: tuple((name, person("lines." + name, side)) for name in self.line_fields) for side in SIDES
        }
        self.line_refs = tuple(name for name in self.line_fields if lines and lines.lines[name].ref)
        texts = (name for name in self.line_fields if lines and lines.lines[name].type is FieldType.TEXT)
        self.line_names = tuple(texts)
        self.refs: tuple[str, ...] = tuple(
            field for unit in spec.units for field in unit.fields if spec.entity.fields[field].ref
        )

    def shown(self, side: Side, decoded: Decoded, fields: Mapping[str, Any] | None) -> dict[str, bytes]:
        """The encodings of a record as that side shows it, with what could not be read of its units."""
        found = self.encodings(decoded.values)
        if decoded.held and fields is not None:
            mapping = self.spec.systems[side].mapping
            held = [name for unit in self.spec.units for name in unit.fields if name in decoded.held]
            if held:
                raw = [(name, decoded.held[name], mapping.raw_of(name, fields)) for name in held]
                # A system may send anything: numbers of any size, and texts that no encoding has.
                found[HELD] = json.dumps(raw, sort_keys=True, default=str).encode()
        return found

    def encodings(self, values: Values) -> dict[str, bytes]:
        """Unit -> encoding. A unit none of whose fields is present is left out."""
        found: dict[str, bytes] = {}
        for name, fields in self._fields:
            if fields is None:
                if name in values:
                    value = values[name]
                    # The two commonest types first: most fields are texts or empty.
                    if value is None:
                        found[name] = NULL
                    elif type(value) is str:
                        found[name] = b"s" + value.encode()
                    else:
                        found[name] = encode(value)
            elif any(field in values for field in fields):
                parts = [encode(values[field]) if field in values else ABSENT for field in fields]
                found[name] = SEPARATOR.join(parts)
        if self.line_fields:
            lines = values.get("lines")
            if isinstance(lines, tuple):
                found["lines"] = self._lines(lines)
            figures = [encode(values[name]) for name in FIGURES if name in values]
            if figures:
                found[SUM] = SEPARATOR.join(figures)
        return found

    def _lines(self, lines: Iterable[Line]) -> bytes:
        parts: list[bytes] = []
        for line in lines:
            parts.append(f"{line.key}|".encode())
            values = line.values
            parts += [encode(values[name]) if name in values else ABSENT for name in self.line_fields]
        return SEPARATOR.join(parts)

    def whole(self, encodings: Encodings, side: Side, link: int) -> bytes:
        """One print of the whole record as that side shows it."""
        get = encodings.get
        parts = [get(name, ABSENT) for name in self.units]
        parts += [encodings[name] for name in (SUM, HELD) if name in encodings]
        return self._print(b"\x1e".join(parts), link, person("record", side))

    def written(self, values: Values, side: Side, link: int) -> dict[str, bytes]:
        """Unit -> print of these values, as they are written to a side."""
        shown = self.encodings(values)
        return {name: self.print(name, encoding, side, link) for name, encoding in shown.items() if name != SUM}

    def print(self, unit: str, encoding: bytes, side: Side, link: int) -> bytes:
        return self._print(encoding, link, self._persons[side][unit])

    def line_prints(self, line: Line, side: Side, link: int) -> dict[str, bytes]:
        """Prints of one line's fields; the line's key is part of them."""
        key = f"{line.key}|".encode()
        values, mark = line.values, self._print
        return {
            name: mark(key + encode(values[name]), link, who)
            for name, who in self._line_persons[side]
            if name in values
        }

    def references(self, values: Values) -> list[Ref]:
        """Every reference of a record, lines included."""
        found = [value for name in self.refs if isinstance(value := values.get(name), Ref)]
        lines = values.get("lines")
        if self.line_refs and isinstance(lines, tuple):
            found += [
                value for line in lines for name in self.line_refs if isinstance(value := line.values.get(name), Ref)
            ]
        return found

    def unit_value(self, unit: Unit, values: Values) -> dict[str, Value]:
        """The present fields of a unit."""
        return {name: values[name] for name in unit.fields if name in values}
