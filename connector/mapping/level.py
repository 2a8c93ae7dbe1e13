"""Compiled entries of one level: a record's fields, or those of a line. Reading and writing are lists of closures.

`fields` and `out` hold system values, `values` canonical ones; `above` carries the same of the record a line belongs to
(for the record itself it is empty).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connector.errors import NoImageError
from connector.mapping.codecs import ABSENT, Amount, Beside, Paired, Plain, Split
from connector.mapping.numbers import shown
from connector.mapping.spec import Entry
from connector.model.entities import FieldType

Fields: TypeAlias = Mapping[str, Any]
Out: TypeAlias = dict[str, Any]
Reading: TypeAlias = Callable[[Fields, Fields, Out, dict[str, str]], None]
"""(fields, fields above, values to fill, held to fill)"""


@dataclass(slots=True)
class Above:
    """What a line sees of its record while it is written: canonical values, and system values to fill."""

    values: Fields = field(default_factory=dict)
    out: Out = field(default_factory=dict)


Writing: TypeAlias = Callable[[Fields, Out, Above], None]


def named(name: str, error: NoImageError) -> NoImageError:
    """The error with the field's name in front."""
    return NoImageError(f"{name}: {error}")


class Level:
    """Reads and writes the entries of one level that are single values (lines are the record's affair)."""

    def __init__(self, entries: tuple[Entry, ...], above: Level | None = None) -> None:
        self.entries = entries
        self.above = above
        self.by_source = {e.source: e for e in entries if e.source and isinstance(e.codec, Plain)}
        for entry in entries:  # a writer knows the system's words better than a reader
            if entry.write and entry.source and isinstance(entry.codec, Plain):
                self.by_source[entry.source] = entry
        self.simple_reads: list[tuple[str, str, Callable[[Any], Any]]] = []
        self.reads: list[Reading] = []
        self.simple_writes: list[tuple[str, str, Callable[[Any], Any]]] = []
        self.writes: list[Writing] = []
        self.images: dict[str, Callable[[Any, Fields, Above], Any]] = {}
        writings: dict[str, Writing] = {}
        for entry in entries:
            if entry.lines is None:
                self._add(entry, writings)
        for entry in entries:
            if entry.lines is None:
                for index, name in enumerate(entry.names):
                    self.images[name] = self._image(entry, name, index, writings.get(entry.names[0]))
        self.defaults = [(e.source, e.default) for e in entries if e.write and e.source and e.default is not ABSENT]

    # -------------------------------------------------------------------------------------------- running

    def decode(self, fields: Fields, above: Fields, values: Out, held: dict[str, str]) -> None:
        """Fill `values` with what the system shows, `held` with what has no canonical form."""
        get = fields.get
        for name, source, convert in self.simple_reads:
            raw = get(source, ABSENT)
            if raw is None:
                values[name] = None
            elif raw is not ABSENT:
                try:
                    values[name] = convert(raw)
                except NoImageError as error:
                    held[name] = f"{source}: {error}"
        for read in self.reads:
            read(fields, above, values, held)

    def encode(self, values: Fields, out: Out, above: Above, create: bool) -> None:
        """Fill `out` with what the system is to hold. Raises NoImageError that starts with the field's name."""
        get = values.get
        for name, source, convert in self.simple_writes:
            value = get(name, ABSENT)
            if value is None:
                out[source] = None
            elif value is not ABSENT:
                try:
                    out[source] = convert(value)
                except NoImageError as error:
                    raise named(name, error) from None
        for write in self.writes:
            write(values, out, above)
        if create:
            for source, default in self.defaults:
                if out.get(source) is None:
                    out[source] = default

    # ------------------------------------------------------------------------------------------ compiling

    def _add(self, entry: Entry, writings: dict[str, Writing]) -> None:
        if entry.read:
            self._add_read(entry)
        writing = self._writing(entry) if entry.write else None
        if writing is not None:
            self.writes.append(writing)
            writings[entry.names[0]] = writing

    def _add_read(self, entry: Entry) -> None:
        codec, names = entry.codec, entry.names
        if entry.constant is not ABSENT:
            self.reads.append(_constant_read(names[0], entry.constant))
        elif entry.expr is not None:
            self.reads.append(self._derived_read(entry))
        elif isinstance(codec, Plain) and entry.source is not None:
            self.simple_reads.append((names[0], entry.source, codec.decode))
        elif isinstance(codec, Split) and entry.source is not None:
            self.reads.append(_split_read(names, entry.source, codec))
        elif isinstance(codec, (Paired, Amount)) and entry.source is not None:
            self.reads.append(_paired_read(names[0], entry.source, codec, self._beside(codec)))

    def owner(self, beside: Beside) -> Entry | None:
        """The entry that shows the value beside as a canonical field of its own, if there is one."""
        level = self.above if beside.kind == "parent" else self
        return level.by_source.get(beside.name) if level is not None and beside.kind != "constant" else None

    def _beside(self, codec: Paired | Amount) -> Callable[[Fields, Fields], Any]:
        """Finds the raw value beside; a currency in the words of its own field (an id, a name) becomes its code."""
        kind, name = codec.beside.kind, codec.beside.name
        if kind == "constant":
            return lambda fields, above: name
        owner = self.owner(codec.beside)
        plain = owner.codec if owner is not None and isinstance(codec, Amount) and _is_text(owner) else None
        if not isinstance(plain, Plain):
            return (
                (lambda fields, above: fields.get(name)) if kind == "field" else (lambda fields, above: above.get(name))
            )
        decode = plain.decode

        def find(fields: Fields, above: Fields) -> Any:
            raw = (fields if kind == "field" else above).get(name)
            return None if raw is None else decode(raw)

        return find

    def _derived_read(self, entry: Entry) -> Reading:
        expression, codec, names = entry.expr, entry.codec, entry.names
        assert expression is not None
        assert codec is not None
        beside = self._beside(codec) if isinstance(codec, (Paired, Amount)) else None

        def read(fields: Fields, above: Fields, values: Out, held: dict[str, str]) -> None:
            if expression.names and not any(name in fields for name in expression.names):
                return
            try:
                raw = expression(fields)
                if raw is None:
                    values.update(dict.fromkeys(names))
                elif isinstance(codec, Split):
                    values.update(zip(names, codec.decode(raw), strict=True))
                elif isinstance(codec, Plain):
                    values[names[0]] = codec.decode(raw)
                elif isinstance(codec, (Paired, Amount)) and beside is not None:
                    values[names[0]] = codec.decode(raw, beside(fields, above))
            except NoImageError as error:
                held.update(dict.fromkeys(names, str(error)))

        return read

    def _writing(self, entry: Entry) -> Writing | None:
        codec, source = entry.codec, entry.source
        assert source is not None
        if isinstance(codec, Plain):
            self.simple_writes.append((entry.names[0], source, codec.encode))
            return None
        if isinstance(codec, Split):
            return _split_write(entry.names, source, codec)
        if isinstance(codec, Amount):
            return self._amount_write(entry.names[0], source, codec)
        assert isinstance(codec, Paired)
        return _paired_write(entry.names[0], source, codec)

    def _amount_write(self, name: str, source: str, codec: Amount) -> Writing:
        settle = self._currency_write(codec.beside)

        def write(values: Fields, out: Out, above: Above) -> None:
            value = values.get(name, ABSENT)
            if value is None:
                out[source] = None
            elif value is not ABSENT:
                try:
                    amount, code = codec.encode(value)
                    settle(code, values, out, above)
                except NoImageError as error:
                    raise named(name, error) from None
                out[source] = amount

        return write

    def _currency_write(self, beside: Beside) -> Callable[[str, Fields, Out, Above], None]:
        """Sees to it that the amount stands in its own currency, or raises.

        A constant must agree. A field that is only read must be known, from the same values, to agree. Any other
        field is written with the code, once; a second, different code for it is refused.
        """
        if beside.kind == "constant":
            return lambda code, values, out, above: _same(code, beside.name, "this field")
        owner = self.owner(beside)
        if owner is not None and not owner.write:
            known = owner.names[0]

            def agree(code: str, values: Fields, out: Out, above: Above) -> None:
                record = values if beside.kind == "field" else above.values
                _same(code, record.get(known), f"`{beside.name}`, which is only read,")

            return agree
        words = owner.codec if owner is not None and _is_text(owner) else None

        def put(code: str, values: Fields, out: Out, above: Above) -> None:
            record = out if beside.kind == "field" else above.out
            raw = words.encode(code) if isinstance(words, Plain) else code
            if record.get(beside.name) is None:
                record[beside.name] = raw
            elif record[beside.name] != raw:
                raise NoImageError(
                    f"it is in {code}, but `{beside.name}` is {shown(record[beside.name])} for the record"
                )

        return put

    # --------------------------------------------------------------------------------------------- images

    def _image(
        self, entry: Entry, name: str, index: int, writing: Writing | None
    ) -> Callable[[Any, Fields, Above], Any]:
        codec = entry.codec
        if not (entry.read and entry.write) or codec is None:
            return lambda value, context, above: value
        if isinstance(codec, Plain):
            return _plain_image(name, codec)
        assert writing is not None
        needed = self.needed(entry)
        companions = [row for row in self.simple_writes if row[0] in needed]
        beside = self._beside(codec) if isinstance(codec, Paired) else None

        def image(value: Any, context: Fields, above: Above) -> Any:
            values = {n: context[n] for n in needed if n in context}
            values[name] = value
            out: Out = {}
            for other, source, encode in companions:
                if values.get(other) is not None:
                    out[source] = encode(values[other])
            writing(values, out, above)
            raw = out.get(entry.source or "")
            if raw is None:
                return None
            if isinstance(codec, Split):
                return codec.decode(raw)[index]
            if isinstance(codec, Amount):
                return codec.decode(*codec.encode(value))
            return codec.decode(raw, beside(out, above.out) if beside else None)

        return image

    def needed(self, entry: Entry) -> frozenset[str]:
        """Other canonical fields of this level without which the entry cannot be written rightly."""
        names = set(entry.names) if isinstance(entry.codec, Split) else set()
        if isinstance(entry.codec, (Paired, Amount)) and entry.codec.beside.kind == "field":
            owner = self.owner(entry.codec.beside)
            names |= set(owner.names) if owner is not None else set()
        return frozenset(names)


def _is_text(entry: Entry) -> bool:
    return entry.fields[0].type in (FieldType.TEXT, FieldType.ENUM)


def _same(code: str, other: Any, what: str) -> None:
    if code != other:
        known = f"holds {other}" if other else "has a currency that is not known here"
        raise NoImageError(f"it is in {code}, but {what} {known}")


def _constant_read(name: str, value: Any) -> Reading:
    def read(fields: Fields, above: Fields, values: Out, held: dict[str, str]) -> None:
        values[name] = value

    return read


def _split_read(names: tuple[str, ...], source: str, codec: Split) -> Reading:
    def read(fields: Fields, above: Fields, values: Out, held: dict[str, str]) -> None:
        raw = fields.get(source, ABSENT)
        if raw is None:
            values.update(dict.fromkeys(names))
        elif raw is not ABSENT:
            try:
                values.update(zip(names, codec.decode(raw), strict=True))
            except NoImageError as error:
                held.update(dict.fromkeys(names, f"{source}: {error}"))

    return read


def _paired_read(name: str, source: str, codec: Paired | Amount, beside: Callable[[Fields, Fields], Any]) -> Reading:
    decode = codec.decode

    def read(fields: Fields, above: Fields, values: Out, held: dict[str, str]) -> None:
        raw = fields.get(source, ABSENT)
        if raw is None:
            values[name] = None
        elif raw is not ABSENT:
            try:
                values[name] = decode(raw, beside(fields, above))
            except NoImageError as error:
                held[name] = f"{source}: {error}"

    return read


def _split_write(names: tuple[str, ...], source: str, codec: Split) -> Writing:
    def write(values: Fields, out: Out, above: Above) -> None:
        present = [name for name in names if name in values]
        if not present:
            return
        if len(present) < len(names):
            missing = next(name for name in names if name not in values)
            raise NoImageError(f"{present[0]}: `{source}` holds {missing} too, which is not known here")
        try:
            out[source] = codec.encode(tuple(values[name] for name in names))
        except NoImageError as error:
            raise named(names[0], error) from None

    return write


def _paired_write(name: str, source: str, codec: Paired) -> Writing:
    kind, other = codec.beside.kind, codec.beside.name

    def write(values: Fields, out: Out, above: Above) -> None:
        value = values.get(name, ABSENT)
        if value is None:
            out[source] = None
        elif value is not ABSENT:
            beside = other if kind == "constant" else (out if kind == "field" else above.out).get(other)
            try:
                out[source] = codec.encode(value, beside)
            except NoImageError as error:
                raise named(name, error) from None

    return write


def _plain_image(name: str, codec: Plain) -> Callable[[Any, Fields, Above], Any]:
    decode, encode = codec.decode, codec.encode

    def image(value: Any, context: Fields, above: Above) -> Any:
        if value is None:
            return None
        try:
            raw = encode(value)
            return None if raw is None else decode(raw)
        except NoImageError as error:
            raise named(name, error) from None

    return image
