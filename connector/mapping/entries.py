"""Parsing the rows of `fields:` and `custom:`, of a record and of its lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from connector.errors import NoImageError
from connector.mapping.codecs import ABSENT, Amount, Codec, Paired, Plain
from connector.mapping.converters import read_codec
from connector.mapping.expressions import Expression, ExpressionError, compile_expression
from connector.mapping.literals import canonical_value
from connector.mapping.located import Document, Node, Place, Reader, listed, nearest
from connector.mapping.spec import DIRECTIONS, Entry, LinesSpec
from connector.model.entities import ENTITIES, Field, FieldType

PlaceOf: TypeAlias = Callable[[str], Place]
"""Gives the position of a key."""

_SHOWN_FORM = "a system field, or a mapping with `field:`"


def read_expression(document: Document, node: Node | None) -> Expression | None:
    """Compiles an expression; its mistakes are noted at the node."""
    if node is None:
        return None
    if not isinstance(node.value, str):
        document.problem(node, node.shown, "an expression, in quotes")
        return None
    try:
        return compile_expression(node.value)
    except ExpressionError as error:
        document.problem(node, str(error), "an expression over system fields", error.suggestion)
        return None


def _definition(node: Node) -> str:
    """One text for one way to read a value, however it was typed: what only matters for writing is left out."""
    plain = node.plain if isinstance(node.value, dict) else {"field": node.plain}
    assert isinstance(plain, dict)
    kept = {name: value for name, value in plain.items() if name not in ("default", "direction")}
    return json.dumps(kept, sort_keys=True, default=str)


class EntryParser:
    """Reads one level of fields: a record's, or those of its lines."""

    def __init__(
        self, document: Document, what: str, fields: Mapping[str, Field], *, read_only: bool, in_lines: bool = False
    ) -> None:
        self.document = document
        self.what = what
        self.fields = fields
        self.read_only = read_only
        self.in_lines = in_lines
        self.groups: dict[str, dict[str, Field]] = {}
        for field in fields.values():
            if field.group:
                self.groups.setdefault(field.group, {})[field.name.rpartition(".")[2]] = field
        self.entries: list[Entry] = []
        self.mapped: dict[str, Place] = {}

    def read(self, section: Iterable[tuple[str, Node]], place: PlaceOf) -> None:
        """Reads rows. place: gives the position of a key."""
        for key, node in section:
            if key in self.groups:
                self._group(key, node)
                continue
            names = [name.strip() for name in key.split(",")]
            known = [self.fields[name] for name in names if name in self.fields]
            for name in names:
                if name not in self.fields:
                    self._unknown(place(key), name)
            if len(known) == len(names):
                self.entry(tuple(known), node, place(key))

    def _unknown(self, place: Place, name: str) -> None:
        names = [*self.groups, *(f.name for f in self.fields.values() if not f.group)]
        hint = nearest(name, [*self.groups, *self.fields])
        self.document.problem(place, f"`{name}`", f"a field of {self.what}: {listed(names, 40)}", hint)

    def _group(self, group: str, node: Node) -> None:
        parts = self.groups[group]
        if not isinstance(node.value, dict):
            self.document.problem(node, node.shown, f"a mapping of {listed(parts)} for `{group}`")
            return
        reader = self.document.reader_of(node, f"`{group}`")
        for part, inner in reader:
            if part in parts:
                self.entry((parts[part],), inner, reader.place(part))
            else:
                self.document.unknown(reader.place(part), part, f"a part of {group}", parts)

    def entry(self, fields: tuple[Field, ...], node: Node, place: Place) -> None:
        """Reads one row for these canonical fields, in short or long form."""
        for field in fields:
            if field.name in self.mapped:
                line = self.mapped[field.name].line
                self.document.problem(place, f"`{field.name}` again", f"each field once; the first is on line {line}")
            self.mapped[field.name] = place
        if isinstance(node.value, dict):
            options = self.document.reader_of(node, f"field `{fields[0].name}`")
        elif node.raw.strip() and not isinstance(node.value, (list, bool)) and node.value is not None:
            options = Reader(self.document, Node({"field": node}, node.place), f"field `{fields[0].name}`")
        else:
            self.document.problem(node, node.shown, f"{_SHOWN_FORM}, for `{fields[0].name}`")
            return
        entry = self._read(fields, options, place)
        if entry is not None:
            self.entries.append(replace(entry, definition=_definition(node)))
            options.finish()

    def _read(self, fields: tuple[Field, ...], options: Reader, place: Place) -> Entry | None:
        direction = options.choice("direction", DIRECTIONS)
        if "constant" in options:
            return self._constant(fields[0], options, place, direction)
        if "expr" in options:
            return self._derived(fields, options, place, direction)
        if fields[0].type is FieldType.LINES:
            return self._lines(fields[0], options, place, direction or "both")
        source = options.text("field")
        if source is None:
            if "field" not in options:
                options.problem("", f"no `field` for `{fields[0].name}`", f"{_SHOWN_FORM}, `constant:` or `expr:`")
            return None
        codec = read_codec(options, fields)
        if codec is None:
            return None
        self._check_parent(options, codec)
        # What each system computes itself is compared, not written, unless the mapping says otherwise.
        direction = direction or ("read" if all(f.computed for f in fields) else "both")
        entry = Entry(fields, place, source, codec, read=direction != "write", write=direction != "read")
        return replace(entry, default=self._default(entry, options))

    def _check_parent(self, options: Reader, codec: Codec) -> None:
        if isinstance(codec, (Paired, Amount)) and codec.beside.kind == "parent" and not self.in_lines:
            key = "currency" if isinstance(codec, Amount) else "country"
            name = codec.beside.name
            options.problem(key, f"`^{name}` outside lines", "a field of this record", name)

    def _default(self, entry: Entry, options: Reader) -> Any:
        node = options.get("default")
        if node is None or not isinstance(entry.codec, Plain):
            if node is not None:
                options.problem("default", "`default` for this kind of field", "none; only single values have one")
            return ABSENT
        value = canonical_value(self.document, node, entry.fields[0])
        if value is ABSENT or value is None:
            return ABSENT
        try:
            return entry.codec.encode(value)
        except NoImageError as error:
            options.problem("default", node.shown, f"a value this system can hold ({error})")
            return ABSENT

    def _one_way(self, options: Reader, direction: str | None, what: str) -> None:
        if direction not in (None, "read"):
            options.problem("direction", f"`{direction}` for {what}", "`read`: it is never written", "read")

    def _constant(self, field: Field, options: Reader, place: Place, direction: str | None) -> Entry | None:
        self._one_way(options, direction, "a constant")
        node = options.get("constant")
        value = canonical_value(self.document, node, field) if node else ABSENT
        if value is ABSENT:
            return None
        return Entry((field,), place, constant=value, write=False)

    def _derived(self, fields: tuple[Field, ...], options: Reader, place: Place, direction: str | None) -> Entry | None:
        self._one_way(options, direction, "a derived field")
        expression = read_expression(self.document, options.get("expr"))
        codec = read_codec(options, fields)
        if expression is None or codec is None:
            return None
        self._check_parent(options, codec)
        return Entry(fields, place, codec=codec, expr=expression, write=False)

    def _lines(self, field: Field, options: Reader, place: Place, direction: str) -> Entry | None:
        source = options.text("field", required=True)
        line_id = options.text("id", required=True)  # without it a line would have no identity, and merge none to go by
        external_key = options.text("external_key")
        writable = direction != "read" and not self.read_only
        parser = EntryParser(self.document, f"{self.what} lines", field.lines, read_only=not writable, in_lines=True)
        rows = options.section("fields", required=True)
        if rows is None or source is None:
            return None
        parser.read(rows, rows.place)
        parser.check_writers({external_key: options.place("external_key")} if external_key else {})
        parser.check_required(options.place("fields"))
        if line_id is None:
            return None
        lines = LinesSpec(line_id, external_key, tuple(parser.entries))
        return Entry((field,), place, source, lines=lines, read=direction != "write", write=direction != "read")

    def custom(self, section: Iterable[tuple[str, Node]], place: PlaceOf) -> dict[str, Field]:
        """Reads `custom:` - additional canonical fields with their type - and gives the fields."""
        added: dict[str, Field] = {}
        types = [t.value for t in FieldType if t is not FieldType.LINES]
        for name, node in section:
            if name in self.fields or name in self.groups:
                expected = "a name of its own; this one belongs in `fields:`"
                self.document.problem(place(name), f"custom field `{name}`", expected)
                continue
            if not name.isidentifier():
                self.document.problem(place(name), f"`{name}`", "a name of letters, digits and `_`")
                continue
            options = self.document.reader_of(node, f"custom field `{name}`")
            type_ = options.choice("type", types, required=True)
            field = self._custom_field(name, FieldType(type_ or "text"), options)
            entry = self._read((field,), options, place(name)) if type_ else None
            options.finish(*(("field", "as", "direction") if entry is None else ()))
            added[name] = field
            if entry is not None:
                self.entries.append(replace(entry, definition=_definition(node)))
                self.mapped[name] = place(name)
        return added

    def _custom_field(self, name: str, type_: FieldType, options: Reader) -> Field:
        choices = options.texts("choices")
        if type_ is FieldType.ENUM and not choices:
            options.problem("choices", f"enum `{name}` without choices", "`choices: [...]`")
        ref = options.choice("ref", ENTITIES, required=True) if type_ is FieldType.REF else None
        return Field(name, type_, choices=choices if type_ is FieldType.ENUM else (), ref=ref)

    def check_writers(self, others: Mapping[str, Place]) -> None:
        """One writer per system field. others: system fields that something else writes already."""
        if self.read_only:
            return
        writers: dict[str, Place] = dict(others)
        for entry in self.entries:
            if not entry.write or entry.source is None:
                continue
            first = writers.setdefault(entry.source, entry.place)
            if first is not entry.place:
                expected = (
                    f"one writer per system field (the other is on line {first.line}); `direction: read` reads it"
                )
                self.document.problem(entry.place, f"`{entry.source}` written twice", expected)

    def check_required(self, place: Place) -> None:
        """Every required field is mapped, or records could not be created."""
        if self.read_only:
            return
        missing = [f.name for f in self.fields.values() if f.required and f.name not in self.mapped]
        for name in missing:
            expected = f"`{name}`, which {self.what} requires, or `read_only: true`"
            self.document.problem(place, f"no field `{name}`", expected)
